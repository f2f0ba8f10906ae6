//! Reads `$MFT` from end to end.

use crate::attribute::{
    BITMAP, FILE_NAME, Form, REPARSE_POINT, SECURITY_DESCRIPTOR, STANDARD_INFORMATION,
};
use crate::block::BlockRead;
use crate::bytes::{is_set, u16_at, u32_at};
use crate::error::NtfsError;
use crate::name::{FileName, FileReference};
use crate::record::Record;
use crate::volume::{MFT, Volume, find};

/// Bytes of `$MFT` in memory at a time.
const CHUNK: u64 = 1 << 20;
/// A descriptor in a file record is smaller than 64 KiB twice over.
const INLINE_LIMIT: u64 = 0x2_0000;

/// How a file is secured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Security {
    /// By a descriptor of `$Secure`.
    Id(u32),
    /// By its own `$SECURITY_DESCRIPTOR`.
    Inline(Vec<u8>),
    /// Not at all.
    None,
}

/// One file or folder: what its names share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEntry {
    /// The record.
    pub reference: FileReference,
    /// Whether it is a folder.
    pub directory: bool,
    /// Every name, 8.3 names too.
    pub names: Vec<FileName>,
    /// Its descriptor.
    pub security: Security,
    /// `FILE_ATTRIBUTE_*` bits.
    pub attributes: u32,
    /// Tag of its reparse point.
    pub reparse_tag: Option<u32>,
}

/// Iterates over every base record in use, in order.
#[derive(Debug)]
pub struct Records<'a, R> {
    volume: &'a Volume<R>,
    bitmap: Vec<u8>,
    chunk: Vec<u8>,
    next: u64,
    disagreements: u64,
}

impl<R: BlockRead> Records<'_, R> {
    /// Records seen so far about which header and bitmap of `$MFT` disagree. They are passed over.
    #[must_use]
    pub fn bitmap_disagreements(&self) -> u64 {
        self.disagreements
    }

    /// The raw bytes of a record, a chunk being read where one begins.
    fn raw(&mut self, number: u64) -> Result<&[u8], NtfsError> {
        let size = u64::from(self.volume.boot().record_size);
        let per_chunk = CHUNK / size;
        if number.is_multiple_of(per_chunk) || self.chunk.is_empty() {
            let first = number - number % per_chunk;
            let count = per_chunk.min(self.volume.record_count() - first);
            self.chunk.resize((count * size) as usize, 0);
            let (reader, boot) = (self.volume.reader(), self.volume.boot());
            self.volume
                .mft()
                .read_at(reader, boot, first * size, &mut self.chunk)?;
        }
        let at = ((number % per_chunk) * size) as usize;
        Ok(&self.chunk[at..at + size as usize])
    }

    fn one(&mut self, number: u64) -> Result<Option<FileEntry>, NtfsError> {
        let marked = is_set(&self.bitmap, number);
        let raw = self.raw(number)?;
        let flagged =
            raw.starts_with(b"FILE") && u16_at(raw, 0x16).is_some_and(|flags| flags & 1 != 0);
        if !marked {
            self.disagreements += u64::from(flagged);
            return Ok(None);
        }
        let Some(record) = Record::parse(number, raw.to_vec())?.filter(Record::in_use) else {
            self.disagreements += 1;
            return Ok(None);
        };
        if record.is_extension() {
            return Ok(None);
        }
        self.volume.describe(&record).map(Some)
    }
}

impl<R: BlockRead> Iterator for Records<'_, R> {
    type Item = Result<FileEntry, NtfsError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.next < self.volume.record_count() {
            let number = self.next;
            self.next += 1;
            if let Some(item) = self.one(number).transpose() {
                return Some(item);
            }
        }
        None
    }
}

impl<R: BlockRead> Volume<R> {
    /// Every file and folder in use, by a single pass over `$MFT`.
    ///
    /// # Errors
    /// When the bitmap of `$MFT` cannot be read; damaged records come as items.
    pub fn records(&self) -> Result<Records<'_, R>, NtfsError> {
        Ok(Records {
            volume: self,
            bitmap: self.mft_bitmap()?,
            chunk: Vec::new(),
            next: 0,
            disagreements: 0,
        })
    }

    /// One bit for each record of `$MFT`: whether it is in use.
    pub(crate) fn mft_bitmap(&self) -> Result<Vec<u8>, NtfsError> {
        let record = self.known(MFT)?;
        let limit = self
            .record_count()
            .div_ceil(8)
            .next_multiple_of(u64::from(self.boot().cluster_size))
            + 8;
        let bitmap = self
            .stream(&record, BITMAP, "")?
            .ok_or(NtfsError::Missing {
                record: MFT,
                what: "bitmap of records in use",
            })?;
        // The bitmap may be allocated far ahead of $MFT; only what covers it matters.
        let mut bytes = vec![0; bitmap.size().min(limit) as usize];
        bitmap.read_at(self.reader(), self.boot(), 0, &mut bytes)?;
        Ok(bytes)
    }

    /// One file or folder; `None` when the record is not in use or extends another.
    ///
    /// # Errors
    /// When the record is damaged or past the end.
    pub fn entry(&self, number: u64) -> Result<Option<FileEntry>, NtfsError> {
        match self
            .record(number)?
            .filter(|record| record.in_use() && !record.is_extension())
        {
            Some(record) => self.describe(&record).map(Some),
            None => Ok(None),
        }
    }

    fn describe(&self, record: &Record) -> Result<FileEntry, NtfsError> {
        let mut entry = FileEntry {
            reference: FileReference {
                record: record.number,
                sequence: record.sequence(),
            },
            directory: record.is_directory(),
            names: Vec::new(),
            security: Security::None,
            attributes: 0,
            reparse_tag: None,
        };
        let mut fault = None;
        let mut own = false;
        let kinds = [
            STANDARD_INFORMATION,
            FILE_NAME,
            SECURITY_DESCRIPTOR,
            REPARSE_POINT,
        ];
        self.visit_attributes(record, &kinds, |attribute| {
            match (&attribute.form, attribute.kind) {
                (Form::Resident(value), STANDARD_INFORMATION) => {
                    entry.attributes = u32_at(value, 0x20).unwrap_or(0);
                    // Before NTFS 3.0 the value ends here.
                    if let Some(id) = u32_at(value, 0x34).filter(|&id| id != 0) {
                        entry.security = Security::Id(id);
                    }
                }
                (Form::Resident(value), FILE_NAME) => match FileName::parse(value) {
                    Some(name) => entry.names.push(name),
                    None => fault = Some("a name is malformed"),
                },
                (Form::Resident(value), REPARSE_POINT) => entry.reparse_tag = u32_at(value, 0),
                (_, SECURITY_DESCRIPTOR) => own = true,
                (_, STANDARD_INFORMATION | FILE_NAME) => {
                    fault = Some("a name or its times are not resident")
                }
                _ => {}
            }
        })?;
        if let Some(what) = fault {
            return Err(NtfsError::Record {
                record: record.number,
                what,
            });
        }
        if entry.reparse_tag.is_none() && entry.attributes & 0x400 != 0 {
            let value = self.value(record, REPARSE_POINT, "", 0x4000)?;
            entry.reparse_tag = value.and_then(|value| u32_at(&value, 0));
        }
        if own && entry.security == Security::None {
            let value = self.value(record, SECURITY_DESCRIPTOR, "", INLINE_LIMIT)?;
            let large = NtfsError::Record {
                record: record.number,
                what: "its descriptor is larger than 128 KiB",
            };
            entry.security = Security::Inline(value.ok_or(large)?);
        }
        Ok(entry)
    }

    /// Whether a record's own bytes differ from its copy in `$MFTMirr`, for the records it covers.
    pub(crate) fn mirror_differs(&self) -> Result<Option<u64>, NtfsError> {
        let record = self.known(crate::volume::MFT_MIRROR)?;
        let missing = NtfsError::Missing {
            record: crate::volume::MFT_MIRROR,
            what: "$DATA",
        };
        let attribute = find(&record, crate::attribute::DATA, "", None)?.ok_or(missing)?;
        let stream = self.assemble(record.number, vec![attribute])?;
        let size = u64::from(self.boot().record_size);
        let mut copy = vec![0; size as usize];
        for number in 0..(stream.size() / size).min(self.record_count()) {
            stream.read_at(self.reader(), self.boot(), number * size, &mut copy)?;
            if copy != self.raw_record(number)? {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }
}

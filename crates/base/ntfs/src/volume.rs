//! An opened volume: its shape, its `$MFT`, and values of records.

use std::collections::BTreeSet;

use crate::attribute::{
    ATTRIBUTE_LIST, Attribute, DATA, Form, ListEntry, VOLUME_INFORMATION, attributes, parse_list,
};
use crate::block::BlockRead;
use crate::boot::Boot;
use crate::bytes::{spells, u16_at};
use crate::error::NtfsError;
use crate::log::{self, LogState};
use crate::record::Record;
use crate::runs::Run;
use crate::stream::{RunStream, Stream};
use crate::upcase::{self, UpCase};

pub(crate) const MFT: u64 = 0;
pub(crate) const MFT_MIRROR: u64 = 1;
pub(crate) const LOG_FILE: u64 = 2;
pub(crate) const VOLUME: u64 = 3;
pub(crate) const ROOT: u64 = 5;
pub(crate) const SECURE: u64 = 9;
const UPCASE: u64 = 10;
pub(crate) const EXTEND: u64 = 11;

/// Windows never lets an attribute list grow past this.
const LIST_LIMIT: u64 = 0x4_0000;
const DIRTY: u16 = 0x1;

/// An unmounted NTFS volume.
#[derive(Debug)]
pub struct Volume<R> {
    reader: R,
    boot: Boot,
    // INVARIANT: without holes, so its length is bounded by the device.
    mft: Stream,
    version: (u8, u8),
    flags: u16,
}

impl<R: BlockRead> Volume<R> {
    /// Opens a volume: boot sector, all runs of `$MFT`, version.
    ///
    /// A volume that opens can be read; whether it may be believed and written is what
    /// [`Volume::refusals`] answers.
    ///
    /// # Errors
    /// When it is encrypted, not NTFS 3.0 or later, or its own metadata is damaged.
    pub fn open(reader: R) -> Result<Self, NtfsError> {
        let mut sector = [0; 512];
        let size = reader.size();
        if size < sector.len() as u64 {
            return Err(NtfsError::NotNtfs("too short"));
        }
        reader.read_at(0, &mut sector)?;
        let boot = Boot::parse(&sector, size)?;
        let mut first = vec![0; boot.record_size as usize];
        reader.read_at(boot.mft_cluster * u64::from(boot.cluster_size), &mut first)?;
        let base = Record::parse(MFT, first)?.ok_or(NtfsError::Missing {
            record: MFT,
            what: "content",
        })?;
        let mut volume = Self {
            reader,
            boot,
            mft: Stream::Resident(Vec::new()),
            version: (0, 0),
            flags: 0,
        };
        volume.find_mft(&base)?;
        volume.read_version()?;
        Ok(volume)
    }

    /// Follows the pieces of `$MFT`, each of which may be described in a record of an earlier one.
    fn find_mft(&mut self, base: &Record) -> Result<(), NtfsError> {
        let bad = |what| NtfsError::Record { record: MFT, what };
        let Some(Attribute {
            form: Form::NonResident(extent),
            ..
        }) = find(base, DATA, "", None)?
        else {
            return Err(NtfsError::Missing {
                record: MFT,
                what: "non-resident $DATA",
            });
        };
        if extent.first_vcn != 0 {
            return Err(bad("its $DATA does not begin with the first cluster"));
        }
        let (size, initialised) = (extent.size, extent.initialised);
        let mut runs = extent.runs;
        self.set_mft(runs.clone(), size, initialised)?;
        if let Some(list) = self.attribute_list(base)? {
            let mut pieces: Vec<ListEntry> = list
                .into_iter()
                .filter(|entry| entry.kind == DATA && entry.name.is_empty() && entry.first_vcn > 0)
                .collect();
            pieces.sort_by_key(|piece| piece.first_vcn);
            for piece in pieces {
                let holder = self.extension(MFT, piece.record)?;
                let found = find(&holder, DATA, "", Some(piece.instance))?;
                let Some(Attribute {
                    form: Form::NonResident(extent),
                    ..
                }) = found
                else {
                    return Err(bad("a piece of its $DATA is missing"));
                };
                if extent.first_vcn != clusters(&runs) {
                    return Err(bad("the pieces of its $DATA do not follow each other"));
                }
                runs.extend(extent.runs);
                self.set_mft(runs.clone(), size, initialised)?;
            }
        }
        if self.mft.size() != size {
            return Err(bad("its runs are shorter than its size"));
        }
        Ok(())
    }

    /// Uses the runs known so far.
    fn set_mft(&mut self, runs: Vec<Run>, size: u64, initialised: u64) -> Result<(), NtfsError> {
        let known = clusters(&runs).saturating_mul(self.boot.cluster_size.into());
        let stream = RunStream::new(&self.boot, runs, size.min(known), initialised)
            .filter(|stream| !stream.has_holes())
            .ok_or(NtfsError::Record {
                record: MFT,
                what: "its runs leave the volume",
            })?;
        self.mft = Stream::Runs(stream);
        Ok(())
    }

    fn read_version(&mut self) -> Result<(), NtfsError> {
        let record = self.known(VOLUME)?;
        let found = find(&record, VOLUME_INFORMATION, "", None)?;
        let missing = NtfsError::Missing {
            record: VOLUME,
            what: "$VOLUME_INFORMATION",
        };
        let Some(Attribute {
            form: Form::Resident(value),
            ..
        }) = found
        else {
            return Err(missing);
        };
        let (Some(&major), Some(&minor), Some(flags)) =
            (value.get(8), value.get(9), u16_at(value, 10))
        else {
            return Err(missing);
        };
        if major < 3 {
            return Err(NtfsError::Version { major, minor });
        }
        (self.version, self.flags) = ((major, minor), flags);
        Ok(())
    }

    /// Shape of the volume.
    #[must_use]
    pub fn boot(&self) -> &Boot {
        &self.boot
    }

    /// NTFS version, major and minor.
    #[must_use]
    pub fn version(&self) -> (u8, u8) {
        self.version
    }

    /// Whether the volume is marked for chkdsk.
    #[must_use]
    pub fn is_dirty(&self) -> bool {
        self.flags & DIRTY != 0
    }

    /// Number of file records, used or not.
    #[must_use]
    pub fn record_count(&self) -> u64 {
        self.mft.size() / u64::from(self.boot.record_size)
    }

    /// The volume's table of upper-case letters.
    ///
    /// # Errors
    /// When it is missing or has the wrong size.
    pub fn up_case(&self) -> Result<UpCase, NtfsError> {
        let record = self.known(UPCASE)?;
        let missing = || NtfsError::Missing {
            record: UPCASE,
            what: "$UpCase table of 65,536 letters",
        };
        let bytes = self
            .value(&record, DATA, "", upcase::SIZE)?
            .ok_or_else(missing)?;
        UpCase::parse(&bytes).ok_or_else(missing)
    }

    /// What `$LogFile` says about the volume.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn log_state(&self) -> Result<LogState, NtfsError> {
        let record = self.known(LOG_FILE)?;
        let stream = self.stream(&record, DATA, "")?.ok_or(NtfsError::Missing {
            record: LOG_FILE,
            what: "$DATA",
        })?;
        let mut head = vec![0; stream.size().min(log::HEAD as u64) as usize];
        stream.read_at(&self.reader, &self.boot, 0, &mut head)?;
        let mut all_ff = head.iter().all(|&byte| byte == 0xFF) && !head.is_empty();
        let mut at = head.len() as u64;
        let mut block = vec![0; 1 << 20];
        while all_ff && at < stream.size() {
            let take = block.len().min((stream.size() - at) as usize);
            stream.read_at(&self.reader, &self.boot, at, &mut block[..take])?;
            all_ff = block[..take].iter().all(|&byte| byte == 0xFF);
            at += take as u64;
        }
        Ok(log::judge(&head, all_ff))
    }

    pub(crate) fn reader(&self) -> &R {
        &self.reader
    }

    pub(crate) fn mft(&self) -> &Stream {
        &self.mft
    }

    /// The raw bytes of a record.
    pub(crate) fn raw_record(&self, number: u64) -> Result<Vec<u8>, NtfsError> {
        if number >= self.record_count() {
            return Err(NtfsError::Record {
                record: number,
                what: "it is past the end of $MFT",
            });
        }
        let mut bytes = vec![0; self.boot.record_size as usize];
        self.mft.read_at(
            &self.reader,
            &self.boot,
            number * bytes.len() as u64,
            &mut bytes,
        )?;
        Ok(bytes)
    }

    /// A record, if it was ever used.
    pub(crate) fn record(&self, number: u64) -> Result<Option<Record>, NtfsError> {
        Record::parse(number, self.raw_record(number)?)
    }

    /// A record that every volume has.
    pub(crate) fn known(&self, number: u64) -> Result<Record, NtfsError> {
        self.record(number)?
            .filter(Record::in_use)
            .ok_or(NtfsError::Missing {
                record: number,
                what: "content, though every volume uses it",
            })
    }

    /// A record that extends `base`.
    pub(crate) fn extension(&self, base: u64, number: u64) -> Result<Record, NtfsError> {
        self.record(number)?
            .filter(|record| record.in_use() && record.is_extension() && record.base() == base)
            .ok_or(NtfsError::Record {
                record: number,
                what: "another record says that it is its extension, it is not",
            })
    }

    /// The attribute list of a record, if it has one.
    pub(crate) fn attribute_list(
        &self,
        base: &Record,
    ) -> Result<Option<Vec<ListEntry>>, NtfsError> {
        let bad = |what| NtfsError::Record {
            record: base.number,
            what,
        };
        let Some(attribute) = find(base, ATTRIBUTE_LIST, "", None)? else {
            return Ok(None);
        };
        let stream = self.assemble(base.number, vec![attribute])?;
        let bytes = stream
            .read_all(&self.reader, &self.boot, LIST_LIMIT)?
            .ok_or_else(|| bad("its attribute list is larger than 256 KiB"))?;
        parse_list(&bytes)
            .map(Some)
            .ok_or_else(|| bad("its attribute list is malformed"))
    }

    /// Runs `visit` over a record's attributes of these kinds, wherever they lie.
    pub(crate) fn visit_attributes(
        &self,
        base: &Record,
        kinds: &[u32],
        mut visit: impl FnMut(&Attribute<'_>),
    ) -> Result<(), NtfsError> {
        let mut walk = |record: &Record| -> Result<(), NtfsError> {
            for attribute in attributes(record) {
                let attribute = attribute?;
                if kinds.contains(&attribute.kind) {
                    visit(&attribute);
                }
            }
            Ok(())
        };
        walk(base)?;
        let Some(list) = self.attribute_list(base)? else {
            return Ok(());
        };
        let elsewhere: BTreeSet<u64> = list
            .iter()
            .filter(|entry| kinds.contains(&entry.kind) && entry.record != base.number)
            .map(|entry| entry.record)
            .collect();
        for number in elsewhere {
            walk(&self.extension(base.number, number)?)?;
        }
        Ok(())
    }

    /// The value of an attribute, wherever its pieces lie.
    pub(crate) fn stream(
        &self,
        base: &Record,
        kind: u32,
        name: &str,
    ) -> Result<Option<Stream>, NtfsError> {
        let Some(list) = self.attribute_list(base)? else {
            let Some(attribute) = find(base, kind, name, None)? else {
                return Ok(None);
            };
            return self.assemble(base.number, vec![attribute]).map(Some);
        };
        let mut pieces: Vec<ListEntry> = list
            .into_iter()
            .filter(|entry| entry.kind == kind && spells(&entry.name, name))
            .collect();
        if pieces.is_empty() {
            return Ok(None);
        }
        pieces.sort_by_key(|piece| piece.first_vcn);
        let mut holders = Vec::new();
        for piece in &pieces {
            holders.push(if piece.record == base.number {
                base.clone()
            } else {
                self.extension(base.number, piece.record)?
            });
        }
        let mut found = Vec::new();
        for (piece, holder) in pieces.iter().zip(&holders) {
            let missing = NtfsError::Record {
                record: holder.number,
                what: "a piece of an attribute is missing",
            };
            found.push(find(holder, kind, name, Some(piece.instance))?.ok_or(missing)?);
        }
        self.assemble(base.number, found).map(Some)
    }

    /// As [`Volume::stream`], read whole; `None` too when it is longer than `limit`.
    pub(crate) fn value(
        &self,
        base: &Record,
        kind: u32,
        name: &str,
        limit: u64,
    ) -> Result<Option<Vec<u8>>, NtfsError> {
        let Some(stream) = self.stream(base, kind, name)? else {
            return Ok(None);
        };
        stream.read_all(&self.reader, &self.boot, limit)
    }

    /// One value of its pieces in order.
    pub(crate) fn assemble(
        &self,
        record: u64,
        pieces: Vec<Attribute<'_>>,
    ) -> Result<Stream, NtfsError> {
        let bad = |what| NtfsError::Record { record, what };
        let (mut runs, mut sizes) = (Vec::new(), None);
        for piece in pieces {
            if piece.is_encoded() {
                return Err(NtfsError::Encoded {
                    record,
                    what: "an attribute",
                });
            }
            match piece.form {
                Form::Resident(value) if sizes.is_none() && runs.is_empty() => {
                    return Ok(Stream::Resident(value.to_vec()));
                }
                Form::Resident(_) => return Err(bad("an attribute is both resident and not")),
                Form::NonResident(extent) => {
                    if extent.first_vcn != clusters(&runs) {
                        return Err(bad("the pieces of an attribute do not follow each other"));
                    }
                    sizes.get_or_insert((extent.size, extent.initialised));
                    runs.extend(extent.runs);
                }
            }
        }
        let (size, initialised) = sizes.ok_or_else(|| bad("an attribute has no piece"))?;
        RunStream::new(&self.boot, runs, size, initialised)
            .map(Stream::Runs)
            .ok_or_else(|| bad("the runs of an attribute leave the volume"))
    }
}

/// Number of clusters that runs cover; saturating, since the stream checks them.
fn clusters(runs: &[Run]) -> u64 {
    runs.iter()
        .fold(0, |sum, run| sum.saturating_add(run.clusters))
}

/// The attribute of this kind and name (and instance) in one record.
pub(crate) fn find<'a>(
    record: &'a Record,
    kind: u32,
    name: &str,
    instance: Option<u16>,
) -> Result<Option<Attribute<'a>>, NtfsError> {
    for attribute in attributes(record) {
        let attribute = attribute?;
        if attribute.kind == kind
            && spells(&attribute.name, name)
            && instance.is_none_or(|instance| attribute.instance == instance)
        {
            return Ok(Some(attribute));
        }
    }
    Ok(None)
}

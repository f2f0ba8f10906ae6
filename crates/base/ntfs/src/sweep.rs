//! A lean pass over `$MFT`: what a plan needs of a record, without an allocation for each.
//!
//! What must stay true: it sees exactly the records that [`Volume::records`] yields, in the
//! same order, and refuses the same ones; a record whose parts lie elsewhere is left to the
//! thorough reader.

use crate::attribute::{ATTRIBUTE_LIST, FILE_NAME, SECURITY_DESCRIPTOR, STANDARD_INFORMATION};
use crate::block::BlockRead;
use crate::bytes::{is_set, u16_at, u32_at, u64_at};
use crate::error::NtfsError;
use crate::record::{STRIDE, Torn};
use crate::volume::Volume;

/// Bytes of `$MFT` in memory at a time.
const CHUNK: u64 = 1 << 20;
const END: u32 = 0xFFFF_FFFF;
const REPARSE: u32 = 0x400;

/// One attribute record, not decoded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RawAttribute<'a> {
    pub(crate) kind: u32,
    /// Where it begins in the file record.
    pub(crate) at: usize,
    pub(crate) bytes: &'a [u8],
}

impl<'a> RawAttribute<'a> {
    /// The value and where it begins in the file record, when it is resident.
    pub(crate) fn resident(&self) -> Option<(usize, &'a [u8])> {
        if *self.bytes.get(8)? != 0 {
            return None;
        }
        let at = usize::from(u16_at(self.bytes, 0x14)?);
        let len = u32_at(self.bytes, 0x10)? as usize;
        Some((self.at + at, self.bytes.get(at..at.checked_add(len)?)?))
    }

    /// UTF-16 bytes of its name.
    pub(crate) fn name(&self) -> &'a [u8] {
        let found = || {
            let at = usize::from(u16_at(self.bytes, 0x0A)?);
            let len = usize::from(*self.bytes.get(9)?) * 2;
            self.bytes.get(at..at.checked_add(len)?)
        };
        found().unwrap_or_default()
    }
}

/// Runs `visit` over the attributes of a file record whose fix-ups are undone.
pub(crate) fn raw_attributes<'a>(
    record: &'a [u8],
    mut visit: impl FnMut(RawAttribute<'a>),
) -> Result<(), &'static str> {
    let mut at = usize::from(u16_at(record, 0x14).ok_or("too short")?);
    let used = u32_at(record, 0x18).ok_or("too short")? as usize;
    if used > record.len() || at > used || at < 0x2A {
        return Err("its sizes do not fit");
    }
    while at < used {
        let rest = &record[at..used];
        let kind = u32_at(rest, 0).ok_or("an attribute does not fit")?;
        if kind == END {
            break;
        }
        let length = u32_at(rest, 4).map_or(0, |length| length as usize);
        if length < 0x18 || length > rest.len() || !length.is_multiple_of(8) {
            return Err("an attribute does not fit");
        }
        visit(RawAttribute {
            kind,
            at,
            bytes: &rest[..length],
        });
        at += length;
    }
    Ok(())
}

/// Undoes the fix-ups of a structure in place, without an allocation.
fn unfix_lean(bytes: &mut [u8]) -> Result<(), Torn> {
    let at = usize::from(u16_at(bytes, 4).ok_or("too short")?);
    let count = usize::from(u16_at(bytes, 6).ok_or("too short")?);
    if count == 0 || (count - 1) * STRIDE != bytes.len() {
        return Err("the fix-up stride is not 512");
    }
    if at < 8 || !at.is_multiple_of(2) || at + count * 2 > STRIDE - 2 {
        return Err("the fix-up array is outside");
    }
    let number = [bytes[at], bytes[at + 1]];
    for sector in 0..count - 1 {
        let tail = sector * STRIDE + STRIDE - 2;
        if bytes[tail..tail + 2] != number {
            return Err("a fix-up does not match");
        }
        let original = at + 2 + sector * 2;
        bytes.copy_within(original..original + 2, tail);
    }
    Ok(())
}

/// One name of a swept record: the folder it is in, and its UTF-16 bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SweptName<'a> {
    /// Record of the folder, and above bit 48 its sequence number.
    pub(crate) parent: u64,
    pub(crate) namespace: u8,
    pub(crate) units: &'a [u8],
}

/// What a sweep tells of a base record in use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Swept<'a> {
    pub(crate) number: u64,
    /// The record with its fix-ups undone.
    pub(crate) bytes: &'a [u8],
    pub(crate) directory: bool,
    /// Security id; 0 when it has none.
    pub(crate) id: u32,
    /// Where the security id lies in the record.
    pub(crate) id_at: usize,
    /// It has a `$SECURITY_DESCRIPTOR` of its own.
    pub(crate) own: bool,
    pub(crate) reparse: bool,
    /// Some of its attributes may lie in other records.
    pub(crate) scattered: bool,
}

impl<'a> Swept<'a> {
    pub(crate) fn sequence(&self) -> u16 {
        u16_at(self.bytes, 0x10).unwrap_or(0)
    }

    /// Runs `visit` over the names in this record.
    pub(crate) fn names(&self, mut visit: impl FnMut(SweptName<'a>)) -> Result<(), NtfsError> {
        let mut bad = None;
        let walked = raw_attributes(self.bytes, |attribute| {
            if attribute.kind != FILE_NAME {
                return;
            }
            match attribute.resident().and_then(|(_, value)| name(value)) {
                Some(name) => visit(name),
                None => bad = Some("a name is malformed"),
            }
        });
        match walked.err().or(bad) {
            None => Ok(()),
            Some(what) => Err(NtfsError::Record {
                record: self.number,
                what,
            }),
        }
    }
}

fn name(value: &[u8]) -> Option<SweptName<'_>> {
    let len = usize::from(*value.get(0x40)?) * 2;
    Some(SweptName {
        parent: u64_at(value, 0)?,
        namespace: *value.get(0x41)?,
        units: value.get(0x42..0x42 + len)?,
    })
}

/// A pass over `$MFT` from end to end.
#[derive(Debug)]
pub(crate) struct Sweep<'v, R> {
    volume: &'v Volume<R>,
    bitmap: Vec<u8>,
    chunk: Vec<u8>,
    next: u64,
    /// Records about which header and bitmap of `$MFT` disagree; they are passed over.
    pub(crate) disagreements: u64,
}

impl<'v, R: BlockRead> Sweep<'v, R> {
    pub(crate) fn new(volume: &'v Volume<R>) -> Result<Self, NtfsError> {
        Ok(Self {
            volume,
            bitmap: volume.mft_bitmap()?,
            chunk: Vec::new(),
            next: 0,
            disagreements: 0,
        })
    }

    fn fill(&mut self, number: u64, size: u64) -> Result<(), NtfsError> {
        let per_chunk = CHUNK / size;
        if !number.is_multiple_of(per_chunk) && !self.chunk.is_empty() {
            return Ok(());
        }
        let first = number - number % per_chunk;
        let count = per_chunk.min(self.volume.record_count() - first);
        self.chunk.resize((count * size) as usize, 0);
        let (reader, boot) = (self.volume.reader(), self.volume.boot());
        self.volume
            .mft()
            .read_at(reader, boot, first * size, &mut self.chunk)
    }

    /// The next base record in use.
    pub(crate) fn next(&mut self) -> Result<Option<Swept<'_>>, NtfsError> {
        let size = u64::from(self.volume.boot().record_size);
        while self.next < self.volume.record_count() {
            let number = self.next;
            self.next += 1;
            self.fill(number, size)?;
            let marked = is_set(&self.bitmap, number);
            let at = ((number % (CHUNK / size)) * size) as usize;
            let Some(kind) = judge(number, &mut self.chunk[at..at + size as usize], marked)? else {
                continue;
            };
            match kind {
                Kind::Disagrees => self.disagreements += 1,
                Kind::Extension => {}
                Kind::Base => {
                    let bytes = &self.chunk[at..at + size as usize];
                    return swept(number, bytes).map(Some);
                }
            }
        }
        Ok(None)
    }
}

enum Kind {
    Base,
    Extension,
    Disagrees,
}

/// What a record is; `None` for one that both header and bitmap call free.
fn judge(number: u64, raw: &mut [u8], marked: bool) -> Result<Option<Kind>, NtfsError> {
    let file = raw.starts_with(b"FILE");
    let flagged = file && u16_at(raw, 0x16).is_some_and(|flags| flags & 1 != 0);
    match (marked, flagged) {
        (false, false) => return Ok(None),
        (false, true) => return Ok(Some(Kind::Disagrees)),
        _ => {}
    }
    if raw.starts_with(b"BAAD") {
        return Err(NtfsError::TornRecord {
            record: number,
            what: "marked BAAD",
        });
    }
    if !file && !raw.starts_with(&[0; 4]) {
        return Err(NtfsError::Record {
            record: number,
            what: "no FILE signature",
        });
    }
    if !flagged {
        return Ok(Some(Kind::Disagrees));
    }
    unfix_lean(raw).map_err(|what| NtfsError::TornRecord {
        record: number,
        what,
    })?;
    let extension = u64_at(raw, 0x20).unwrap_or(0) != 0;
    Ok(Some(if extension {
        Kind::Extension
    } else {
        Kind::Base
    }))
}

fn swept(number: u64, bytes: &[u8]) -> Result<Swept<'_>, NtfsError> {
    let mut found = Swept {
        number,
        bytes,
        directory: u16_at(bytes, 0x16).is_some_and(|flags| flags & 2 != 0),
        id: 0,
        id_at: 0,
        own: false,
        reparse: false,
        scattered: false,
    };
    let mut fault = None;
    let walked = raw_attributes(bytes, |attribute| match attribute.kind {
        STANDARD_INFORMATION => match attribute.resident() {
            Some((at, value)) => {
                found.reparse = u32_at(value, 0x20).is_some_and(|flags| flags & REPARSE != 0);
                // Before NTFS 3.0 the value ends here.
                if let Some(id) = u32_at(value, 0x34) {
                    (found.id, found.id_at) = (id, at + 0x34);
                }
            }
            None => fault = Some("a name or its times are not resident"),
        },
        ATTRIBUTE_LIST => found.scattered = true,
        SECURITY_DESCRIPTOR => found.own = true,
        _ => {}
    });
    match walked.err().or(fault) {
        None => Ok(found),
        Some(what) => Err(NtfsError::Record {
            record: number,
            what,
        }),
    }
}

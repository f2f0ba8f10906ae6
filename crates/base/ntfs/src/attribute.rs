//! Attributes inside a file record.

use crate::bytes::{u16_at, u32_at, u64_at, utf16};
use crate::error::NtfsError;
use crate::record::Record;
use crate::runs::{Run, decode_runs};

pub(crate) const STANDARD_INFORMATION: u32 = 0x10;
pub(crate) const ATTRIBUTE_LIST: u32 = 0x20;
pub(crate) const FILE_NAME: u32 = 0x30;
pub(crate) const SECURITY_DESCRIPTOR: u32 = 0x50;
pub(crate) const VOLUME_INFORMATION: u32 = 0x70;
pub(crate) const DATA: u32 = 0x80;
pub(crate) const INDEX_ROOT: u32 = 0x90;
pub(crate) const INDEX_ALLOCATION: u32 = 0xA0;
pub(crate) const BITMAP: u32 = 0xB0;
pub(crate) const REPARSE_POINT: u32 = 0xC0;
const END: u32 = 0xFFFF_FFFF;

/// Compression method and encryption; sparse (0x8000) is no encoding of the bytes.
const ENCODED: u16 = 0x40FF;

/// One attribute record.
#[derive(Debug, Clone)]
pub(crate) struct Attribute<'a> {
    pub(crate) kind: u32,
    pub(crate) name: Vec<u16>,
    pub(crate) instance: u16,
    pub(crate) flags: u16,
    pub(crate) form: Form<'a>,
}

/// Where the value is.
#[derive(Debug, Clone)]
pub(crate) enum Form<'a> {
    Resident(&'a [u8]),
    NonResident(Extent),
}

/// One piece of a non-resident value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) first_vcn: u64,
    pub(crate) runs: Vec<Run>,
    /// Sizes in bytes; only the first piece has them.
    pub(crate) size: u64,
    pub(crate) initialised: u64,
}

impl Attribute<'_> {
    pub(crate) fn is_encoded(&self) -> bool {
        self.flags & ENCODED != 0
    }
}

/// Iterates over the attributes of a record.
pub(crate) fn attributes(record: &Record) -> Attributes<'_> {
    Attributes {
        record: record.number,
        rest: record.attribute_bytes(),
    }
}

pub(crate) struct Attributes<'a> {
    record: u64,
    rest: &'a [u8],
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<Attribute<'a>, NtfsError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() || u32_at(self.rest, 0) == Some(END) {
            return None;
        }
        let rest = std::mem::take(&mut self.rest);
        let length = u32_at(rest, 4).map_or(0, |length| length as usize);
        if length < 0x18 || length > rest.len() || !length.is_multiple_of(8) {
            return Some(Err(NtfsError::Record {
                record: self.record,
                what: "an attribute does not fit",
            }));
        }
        let (bytes, after) = rest.split_at(length);
        self.rest = after;
        Some(parse(bytes).ok_or(NtfsError::Record {
            record: self.record,
            what: "an attribute is malformed",
        }))
    }
}

fn parse(bytes: &[u8]) -> Option<Attribute<'_>> {
    let name_at = usize::from(u16_at(bytes, 0x0A)?);
    let name_len = usize::from(*bytes.get(9)?) * 2;
    let name = if name_len == 0 {
        Vec::new()
    } else {
        utf16(bytes.get(name_at..name_at + name_len)?)
    };
    let form = match *bytes.get(8)? {
        0 => {
            let at = usize::from(u16_at(bytes, 0x14)?);
            let len = u32_at(bytes, 0x10)? as usize;
            Form::Resident(bytes.get(at..at.checked_add(len)?)?)
        }
        1 => {
            let runs_at = usize::from(u16_at(bytes, 0x20)?);
            let first_vcn = u64_at(bytes, 0x10)?;
            let last_vcn = u64_at(bytes, 0x18)?;
            let runs = decode_runs(bytes.get(runs_at..)?)?;
            let clusters = runs
                .iter()
                .try_fold(0u64, |sum, run| sum.checked_add(run.clusters))?;
            // An empty value is written as last = -1.
            if first_vcn.checked_add(clusters)? != last_vcn.wrapping_add(1) {
                return None;
            }
            let first = first_vcn == 0;
            let size = if first { u64_at(bytes, 0x30)? } else { 0 };
            let initialised = if first { u64_at(bytes, 0x38)? } else { 0 };
            Form::NonResident(Extent {
                first_vcn,
                runs,
                size,
                initialised,
            })
        }
        _ => return None,
    };
    Some(Attribute {
        kind: u32_at(bytes, 0)?,
        name,
        instance: u16_at(bytes, 0x0E)?,
        flags: u16_at(bytes, 0x0C)?,
        form,
    })
}

/// One line of an attribute list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListEntry {
    pub(crate) kind: u32,
    pub(crate) first_vcn: u64,
    pub(crate) record: u64,
    pub(crate) instance: u16,
    pub(crate) name: Vec<u16>,
}

/// Reads the value of an `$ATTRIBUTE_LIST`; `None` when it is malformed.
pub(crate) fn parse_list(mut bytes: &[u8]) -> Option<Vec<ListEntry>> {
    let mut entries = Vec::new();
    while bytes.len() >= 0x1A {
        let length = usize::from(u16_at(bytes, 4)?);
        if length < 0x1A || length > bytes.len() {
            return None;
        }
        let name_at = usize::from(bytes[7]);
        let name_len = usize::from(bytes[6]) * 2;
        entries.push(ListEntry {
            kind: u32_at(bytes, 0)?,
            first_vcn: u64_at(bytes, 8)?,
            record: u64_at(bytes, 0x10)? & 0xFFFF_FFFF_FFFF,
            instance: u16_at(bytes, 0x18)?,
            name: utf16(bytes[..length].get(name_at..name_at + name_len)?),
        });
        bytes = &bytes[length..];
    }
    Some(entries)
}

//! One file record: signature, fix-ups, header.

use crate::bytes::{u16_at, u32_at, u64_at};
use crate::error::NtfsError;

/// Fix-ups protect every 512 bytes, whatever the sector size of the device.
pub(crate) const STRIDE: usize = 512;

const IN_USE: u16 = 0x1;
const DIRECTORY: u16 = 0x2;

/// Why a multi-sector structure cannot be taken.
pub(crate) type Torn = &'static str;

/// Undoes the fix-ups of a multi-sector structure in place.
///
/// The last two bytes of every 512 were replaced by the update sequence number when it
/// was written; where they differ, the write was torn.
pub(crate) fn unfix(bytes: &mut [u8]) -> Result<(), Torn> {
    let at = usize::from(u16_at(bytes, 4).ok_or("too short")?);
    let count = usize::from(u16_at(bytes, 6).ok_or("too short")?);
    if count == 0 || (count - 1).checked_mul(STRIDE) != Some(bytes.len()) {
        return Err("the fix-up stride is not 512");
    }
    let end = at
        .checked_add(count * 2)
        .filter(|&end| end <= STRIDE - 2)
        .ok_or("the fix-up array is outside")?;
    if at < 8 || at % 2 != 0 {
        return Err("the fix-up array is outside");
    }
    let array = bytes[at..end].to_vec();
    for (sector, original) in array[2..].chunks_exact(2).enumerate() {
        let tail = sector * STRIDE + STRIDE - 2;
        if bytes[tail..tail + 2] != array[..2] {
            return Err("a fix-up does not match");
        }
        bytes[tail..tail + 2].copy_from_slice(original);
    }
    Ok(())
}

/// A file record with its fix-ups undone.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) number: u64,
    bytes: Vec<u8>,
    // INVARIANT: attributes_at <= used <= bytes.len().
    attributes_at: usize,
    used: usize,
}

impl Record {
    /// Takes the raw bytes of record `number`.
    ///
    /// `Ok(None)`: the record was never used (all zero, or the signature was wiped).
    pub(crate) fn parse(number: u64, mut bytes: Vec<u8>) -> Result<Option<Self>, NtfsError> {
        match bytes.get(..4) {
            Some(b"FILE") => {}
            Some(b"BAAD") => {
                return Err(NtfsError::TornRecord {
                    record: number,
                    what: "marked BAAD",
                });
            }
            Some([0, 0, 0, 0]) => return Ok(None),
            _ => {
                return Err(NtfsError::Record {
                    record: number,
                    what: "no FILE signature",
                });
            }
        }
        unfix(&mut bytes).map_err(|what| NtfsError::TornRecord {
            record: number,
            what,
        })?;
        let bad = |what| NtfsError::Record {
            record: number,
            what,
        };
        let attributes_at = usize::from(u16_at(&bytes, 0x14).ok_or_else(|| bad("too short"))?);
        let used = u32_at(&bytes, 0x18).ok_or_else(|| bad("too short"))? as usize;
        if used > bytes.len() || attributes_at > used || attributes_at < 0x2A {
            return Err(bad("its sizes do not fit"));
        }
        Ok(Some(Self {
            number,
            bytes,
            attributes_at,
            used,
        }))
    }

    /// The whole record, its fix-ups undone.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The attributes, end marker included.
    pub(crate) fn attribute_bytes(&self) -> &[u8] {
        &self.bytes[self.attributes_at..self.used]
    }

    pub(crate) fn in_use(&self) -> bool {
        self.flags() & IN_USE != 0
    }

    pub(crate) fn is_directory(&self) -> bool {
        self.flags() & DIRECTORY != 0
    }

    pub(crate) fn sequence(&self) -> u16 {
        u16_at(&self.bytes, 0x10).unwrap_or(0)
    }

    /// The record this one extends; 0 when it is a base record.
    pub(crate) fn base(&self) -> u64 {
        u64_at(&self.bytes, 0x20).unwrap_or(0) & 0xFFFF_FFFF_FFFF
    }

    /// Whether it extends another record. Record 0 extends none.
    pub(crate) fn is_extension(&self) -> bool {
        u64_at(&self.bytes, 0x20).unwrap_or(0) != 0
    }

    fn flags(&self) -> u16 {
        u16_at(&self.bytes, 0x16).unwrap_or(0)
    }
}

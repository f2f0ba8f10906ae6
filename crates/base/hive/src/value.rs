//! Reading values, and values on their way into a hive.

use crate::error::HiveError;
use crate::hive::{Hive, NIL};
use crate::key::name_units;
use crate::raw::{u16_at, u32_at, units, utf16};
use crate::upcase::compare;
use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

/// Most bytes of data in one cell before the data is cut into segments.
pub(crate) const SEGMENT: usize = 16_344;
/// Set in the size field when the data sits in the offset field.
pub(crate) const INLINE: u32 = 0x8000_0000;

pub(crate) mod vk {
    //! Offsets of the fields of a value.
    pub(crate) const NAME_LEN: usize = 2;
    pub(crate) const DATA_SIZE: usize = 4;
    pub(crate) const DATA: usize = 8;
    pub(crate) const KIND: usize = 12;
    pub(crate) const FLAGS: usize = 16;
    pub(crate) const NAME: usize = 20;
    pub(crate) const FLAG_COMPRESSED: u16 = 1;
}

/// Value types by their number in a hive.
pub mod kind {
    /// `REG_NONE`.
    pub const NONE: u32 = 0;
    /// `REG_SZ`: UTF-16LE text with a terminator.
    pub const SZ: u32 = 1;
    /// `REG_EXPAND_SZ`: text with `%variables%`.
    pub const EXPAND_SZ: u32 = 2;
    /// `REG_BINARY`.
    pub const BINARY: u32 = 3;
    /// `REG_DWORD`: a little-endian 32-bit number.
    pub const DWORD: u32 = 4;
    /// `REG_LINK`: UTF-16LE text without a terminator.
    pub const LINK: u32 = 6;
    /// `REG_MULTI_SZ`: texts with a terminator each, and one more at the end.
    pub const MULTI_SZ: u32 = 7;
    /// `REG_QWORD`: a little-endian 64-bit number.
    pub const QWORD: u32 = 11;
}

/// A value of a key.
#[derive(Clone, Copy)]
pub struct Value<'h> {
    hive: &'h Hive,
    offset: u32,
    // INVARIANT: at least NAME bytes and the whole name.
    cell: &'h [u8],
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the data: it may be a secret.
        write!(f, "Value({:?}, type {})", self.name(), self.kind())
    }
}

impl<'h> Value<'h> {
    pub(crate) fn at(hive: &'h Hive, offset: u32) -> Result<Self, HiveError> {
        let cell = hive.cell(offset)?;
        if !cell.starts_with(b"vk") {
            return Err(HiveError::Value {
                offset,
                what: "it is no value",
            });
        }
        match u16_at(cell, vk::NAME_LEN) {
            Some(len) if cell.len() >= vk::NAME + usize::from(len) => {
                Ok(Self { hive, offset, cell })
            }
            _ => Err(HiveError::Value {
                offset,
                what: "it ends before its name does",
            }),
        }
    }

    pub(crate) fn offset(&self) -> u32 {
        self.offset
    }

    /// UTF-16 units of the name; empty for the default value.
    #[must_use]
    pub fn name_units(&self) -> Vec<u16> {
        let len = u16_at(self.cell, vk::NAME_LEN).map_or(0, usize::from);
        let compressed = u16_at(self.cell, vk::FLAGS).unwrap_or(0) & vk::FLAG_COMPRESSED != 0;
        name_units(&self.cell[vk::NAME..vk::NAME + len], compressed)
    }

    /// The name; empty for the default value.
    #[must_use]
    pub fn name(&self) -> String {
        String::from_utf16_lossy(&self.name_units())
    }

    pub(crate) fn is_named(&self, name: &str) -> bool {
        compare(self.name_units(), name.encode_utf16()) == Ordering::Equal
    }

    /// The type (see [`kind`]); SAM keeps numbers of its own here.
    #[must_use]
    pub fn kind(&self) -> u32 {
        u32_at(self.cell, vk::KIND).unwrap_or(kind::NONE)
    }

    pub(crate) fn stored_size(&self) -> u32 {
        u32_at(self.cell, vk::DATA_SIZE).unwrap_or(0)
    }

    /// Offset of the data cell, when the data is in one.
    pub(crate) fn data_cell(&self) -> Option<u32> {
        let size = self.stored_size();
        let at = u32_at(self.cell, vk::DATA).unwrap_or(NIL);
        (size & INLINE == 0 && size > 0 && at != NIL).then_some(at)
    }

    /// Whether the data is cut into segments.
    pub(crate) fn is_big(&self) -> bool {
        self.data_cell().is_some()
            && self.stored_size() as usize > SEGMENT
            && self.hive.minor_version() > 3
    }

    /// Length of the data in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        let size = self.stored_size();
        if size & INLINE == 0 {
            size as usize
        } else {
            ((size & !INLINE) as usize).min(4)
        }
    }

    /// Whether there is no data at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The data.
    ///
    /// # Errors
    /// When the data cell or a segment is damaged or too short.
    pub fn data(&self) -> Result<Cow<'h, [u8]>, HiveError> {
        let damaged = |what| HiveError::Value {
            offset: self.offset,
            what,
        };
        let len = self.len();
        let Some(at) = self.data_cell() else {
            if self.stored_size() & INLINE != 0 {
                return Ok(Cow::Borrowed(&self.cell[vk::DATA..vk::DATA + len]));
            }
            return if len == 0 {
                Ok(Cow::Borrowed(&[]))
            } else {
                Err(damaged("its data points nowhere"))
            };
        };
        if !self.is_big() {
            return match self.hive.cell(at)?.get(..len) {
                Some(data) => Ok(Cow::Borrowed(data)),
                None => Err(damaged("its data cell is too small")),
            };
        }
        let mut data = Vec::with_capacity(len.min(1 << 24));
        for segment in self.segments(at)? {
            let cell = self.hive.cell(segment)?;
            let part = (len - data.len()).min(SEGMENT);
            match cell.get(..part) {
                Some(part) => data.extend_from_slice(part),
                None => return Err(damaged("a segment of its data is too small")),
            }
        }
        if data.len() == len {
            Ok(Cow::Owned(data))
        } else {
            Err(damaged("its data has too few segments"))
        }
    }

    /// Offsets of the segments of big data whose `db` record is at `at`.
    pub(crate) fn segments(&self, at: u32) -> Result<Vec<u32>, HiveError> {
        let damaged = |what| HiveError::Value {
            offset: self.offset,
            what,
        };
        let record = self.hive.cell(at)?;
        let (Some(count), Some(list)) = (u16_at(record, 2), u32_at(record, 4)) else {
            return Err(damaged("its big-data record is too small"));
        };
        if !record.starts_with(b"db") || usize::from(count) != self.len().div_ceil(SEGMENT) {
            return Err(damaged("its big-data record does not fit its size"));
        }
        match self.hive.cell(list)?.get(..usize::from(count) * 4) {
            Some(list) => Ok((0..usize::from(count))
                .filter_map(|index| u32_at(list, index * 4))
                .collect()),
            None => Err(damaged("its list of segments is cut off")),
        }
    }

    pub(crate) fn segment_list(&self, at: u32) -> Result<u32, HiveError> {
        u32_at(self.hive.cell(at)?, 4).ok_or(HiveError::Value {
            offset: self.offset,
            what: "its big-data record is too small",
        })
    }

    /// Type and data together, owned.
    ///
    /// # Errors
    /// As [`Value::data`].
    pub fn to_owned(&self) -> Result<RegValue, HiveError> {
        Ok(RegValue {
            kind: self.kind(),
            bytes: self.data()?.into_owned(),
        })
    }
}

/// Type and data of a value, outside a hive. Lossless: nothing is decoded until asked.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RegValue {
    /// The type, see [`kind`].
    pub kind: u32,
    /// The data as stored.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for RegValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the data: it may be a secret.
        write!(
            f,
            "RegValue(type {}, {} bytes)",
            self.kind,
            self.bytes.len()
        )
    }
}

impl RegValue {
    /// Any type and bytes.
    #[must_use]
    pub fn new(kind: u32, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            kind,
            bytes: bytes.into(),
        }
    }

    /// `REG_SZ`.
    #[must_use]
    pub fn string(text: &str) -> Self {
        Self::new(kind::SZ, terminated(text))
    }

    /// `REG_EXPAND_SZ`.
    #[must_use]
    pub fn expand_string(text: &str) -> Self {
        Self::new(kind::EXPAND_SZ, terminated(text))
    }

    /// `REG_MULTI_SZ`.
    #[must_use]
    pub fn multi_string<T: AsRef<str>>(texts: &[T]) -> Self {
        let mut bytes: Vec<u8> = texts
            .iter()
            .flat_map(|text| terminated(text.as_ref()))
            .collect();
        bytes.extend([0, 0]);
        Self::new(kind::MULTI_SZ, bytes)
    }

    /// `REG_DWORD`.
    #[must_use]
    pub fn dword(number: u32) -> Self {
        Self::new(kind::DWORD, number.to_le_bytes())
    }

    /// `REG_QWORD`.
    #[must_use]
    pub fn qword(number: u64) -> Self {
        Self::new(kind::QWORD, number.to_le_bytes())
    }

    /// `REG_BINARY`.
    #[must_use]
    pub fn binary(bytes: impl Into<Vec<u8>>) -> Self {
        Self::new(kind::BINARY, bytes)
    }

    /// The text of a string, expandable string or link, up to its terminator.
    #[must_use]
    pub fn as_string(&self) -> Option<String> {
        matches!(self.kind, kind::SZ | kind::EXPAND_SZ | kind::LINK).then(|| {
            let text: Vec<u16> = units(&self.bytes).take_while(|unit| *unit != 0).collect();
            String::from_utf16_lossy(&text)
        })
    }

    /// The texts of a multi-string.
    #[must_use]
    pub fn as_multi_string(&self) -> Option<Vec<String>> {
        if self.kind != kind::MULTI_SZ {
            return None;
        }
        let all: Vec<u16> = units(&self.bytes).collect();
        Some(
            all.split(|unit| *unit == 0)
                .take_while(|text| !text.is_empty())
                .map(String::from_utf16_lossy)
                .collect(),
        )
    }

    /// The number of a `REG_DWORD`.
    #[must_use]
    pub fn as_u32(&self) -> Option<u32> {
        let bytes = self.bytes.as_slice().try_into().ok()?;
        (self.kind == kind::DWORD).then(|| u32::from_le_bytes(bytes))
    }

    /// The number of a `REG_QWORD`.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        let bytes = self.bytes.as_slice().try_into().ok()?;
        (self.kind == kind::QWORD).then(|| u64::from_le_bytes(bytes))
    }
}

fn terminated(text: &str) -> Vec<u8> {
    let mut bytes = utf16(text);
    bytes.extend([0, 0]);
    bytes
}

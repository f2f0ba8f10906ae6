//! Names of files.

use crate::bytes::{u64_at, utf16};

/// A file record and the use of it that is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileReference {
    /// Index into `$MFT`.
    pub record: u64,
    /// How often the record had been reused.
    pub sequence: u16,
}

impl FileReference {
    pub(crate) fn parse(bytes: &[u8], at: usize) -> Option<Self> {
        let value = u64_at(bytes, at)?;
        Some(Self {
            record: value & 0xFFFF_FFFF_FFFF,
            sequence: (value >> 48) as u16,
        })
    }
}

/// Which programs a name is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Namespace {
    /// Any characters, case-sensitive.
    Posix,
    /// A long name that has an 8.3 name beside it.
    Win32,
    /// The 8.3 name.
    Dos,
    /// One name that is both.
    Win32AndDos,
}

/// One name of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName {
    /// The folder it is in.
    pub parent: FileReference,
    /// Which programs it is for.
    pub namespace: Namespace,
    /// UTF-16, not necessarily well formed.
    pub units: Vec<u16>,
}

impl FileName {
    /// Reads a `$FILE_NAME` value, which is also the key of a folder's index.
    pub(crate) fn parse(value: &[u8]) -> Option<Self> {
        let namespace = match *value.get(0x41)? {
            0 => Namespace::Posix,
            1 => Namespace::Win32,
            2 => Namespace::Dos,
            3 => Namespace::Win32AndDos,
            _ => return None,
        };
        let len = usize::from(*value.get(0x40)?) * 2;
        let units = utf16(value.get(0x42..0x42 + len)?);
        Some(Self {
            parent: FileReference::parse(value, 0)?,
            namespace,
            units,
        })
    }

    /// The name as text; what is not Unicode becomes U+FFFD.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf16_lossy(&self.units)
    }
}

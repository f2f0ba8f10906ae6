//! The volume's own table of upper-case letters.

use crate::bytes::utf16;

/// `$UpCase`: how this volume folds case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpCase {
    // INVARIANT: 65,536 entries.
    table: Vec<u16>,
}

/// Bytes of the table.
pub(crate) const SIZE: u64 = 0x2_0000;

impl UpCase {
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        (bytes.len() as u64 == SIZE).then(|| Self {
            table: utf16(bytes),
        })
    }

    /// Upper case of one UTF-16 unit.
    #[must_use]
    pub fn unit(&self, unit: u16) -> u16 {
        self.table[usize::from(unit)]
    }

    /// A name in upper case, for comparing.
    #[must_use]
    pub fn fold(&self, units: &[u16]) -> Vec<u16> {
        units.iter().map(|&unit| self.unit(unit)).collect()
    }

    /// A text in upper case, for comparing with folded names.
    #[must_use]
    pub fn fold_text(&self, text: &str) -> Vec<u16> {
        text.encode_utf16().map(|unit| self.unit(unit)).collect()
    }
}

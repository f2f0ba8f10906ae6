//! The base block: the first 4,096 bytes of a hive, of which a log keeps the first 512.

use crate::raw::{put_u32, put_u64, u32_at, u64_at};

/// Bytes of the base block in a primary file; all offsets in a hive count from its end.
pub const BASE_BLOCK: usize = 4096;
/// Bytes of the copy at the start of a log, and the part the checksum covers and holds.
pub(crate) const SECTOR: usize = 512;

pub(crate) const TYPE_PRIMARY: u32 = 0;
pub(crate) const TYPE_LOG_OLD: u32 = 1;
/// Windows 2000 wrote this for the same old format.
pub(crate) const TYPE_LOG_OLDEST: u32 = 2;
pub(crate) const TYPE_LOG_NEW: u32 = 6;

/// A kernel transaction manager holds the hive.
pub(crate) const FLAG_PENDING_TRANSACTION: u32 = 1;

const SEQUENCE_PRIMARY: usize = 4;
const SEQUENCE_SECONDARY: usize = 8;
const TIMESTAMP: usize = 12;
const FILE_TYPE: usize = 28;
const BINS_SIZE: usize = 40;
const FLAGS: usize = 144;
const CHECKSUM: usize = 508;

/// The fields of a base block that decide anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Base {
    pub(crate) signature: bool,
    pub(crate) primary: u32,
    pub(crate) secondary: u32,
    pub(crate) timestamp: u64,
    pub(crate) major: u32,
    pub(crate) minor: u32,
    pub(crate) file_type: u32,
    pub(crate) format: u32,
    pub(crate) root: u32,
    pub(crate) bins_size: u32,
    pub(crate) cluster: u32,
    pub(crate) flags: u32,
    pub(crate) checksum_ok: bool,
}

impl Base {
    /// Reads the first sector of a hive or a log; `None` when it is shorter than 512 bytes.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let sector = bytes.get(..SECTOR)?;
        Some(Self {
            signature: sector.starts_with(b"regf"),
            primary: u32_at(sector, SEQUENCE_PRIMARY)?,
            secondary: u32_at(sector, SEQUENCE_SECONDARY)?,
            timestamp: u64_at(sector, TIMESTAMP)?,
            major: u32_at(sector, 20)?,
            minor: u32_at(sector, 24)?,
            file_type: u32_at(sector, FILE_TYPE)?,
            format: u32_at(sector, 32)?,
            root: u32_at(sector, 36)?,
            bins_size: u32_at(sector, BINS_SIZE)?,
            cluster: u32_at(sector, 44)?,
            flags: u32_at(sector, FLAGS)?,
            checksum_ok: u32_at(sector, CHECKSUM)? == checksum(sector),
        })
    }

    /// Signature and checksum hold, so that the other fields can be believed.
    pub(crate) fn trusted(&self) -> bool {
        self.signature && self.checksum_ok
    }
}

/// XOR of the first 127 words; 0 becomes 1 and −1 becomes −2, so that neither is ever stored.
pub(crate) fn checksum(sector: &[u8]) -> u32 {
    let sum = (0..CHECKSUM)
        .step_by(4)
        .filter_map(|at| u32_at(sector, at))
        .fold(0, |sum, word| sum ^ word);
    match sum {
        0 => 1,
        u32::MAX => u32::MAX - 1,
        sum => sum,
    }
}

/// Writes equal sequence numbers and the time, then the checksum. `bytes` begins with a base block.
pub(crate) fn seal(bytes: &mut [u8], sequence: u32, timestamp: u64) {
    let _ = put_u32(bytes, SEQUENCE_PRIMARY, sequence);
    let _ = put_u32(bytes, SEQUENCE_SECONDARY, sequence);
    let _ = put_u64(bytes, TIMESTAMP, timestamp);
    let _ = put_u32(bytes, FILE_TYPE, TYPE_PRIMARY);
    let sum = checksum(bytes);
    let _ = put_u32(bytes, CHECKSUM, sum);
}

pub(crate) fn set_bins_size(bytes: &mut [u8], size: u32) {
    let _ = put_u32(bytes, BINS_SIZE, size);
}

pub(crate) fn set_flags(bytes: &mut [u8], flags: u32) {
    let _ = put_u32(bytes, FLAGS, flags);
}

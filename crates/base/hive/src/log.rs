//! Recovery of a dirty hive from its transaction logs, by the published regf
//! specification: what Windows itself would do when it loads the hive.
//!
//! Two formats exist. The *old* one (`DIRT`, up to Windows 8) is a bitmap of
//! 512-byte pages followed by the pages; it applies when its time stamp equals
//! the hive's. The *new* one (`HvLE`, Windows 8.1 on) is a chain of entries,
//! each hashed and numbered; entries apply as long as numbers follow on.
//!
//! What must stay true: either the hive comes out whole as of the last entry
//! that holds, or it is refused; never half of an entry.

use crate::base::{
    BASE_BLOCK, Base, FLAG_PENDING_TRANSACTION, SECTOR, TYPE_LOG_NEW, TYPE_LOG_OLD,
    TYPE_LOG_OLDEST, TYPE_PRIMARY, seal, set_bins_size, set_flags,
};
use crate::error::{HiveError, LogProblem};
use crate::marvin::marvin32;
use crate::raw::{u32_at, u64_at};

/// Which transaction log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Log {
    /// `.LOG1` (or the single `.LOG`).
    One,
    /// `.LOG2`.
    Two,
}

/// How a hive came to be readable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recovery {
    /// It was clean; logs, if any, were ignored.
    Clean,
    /// A log of the old format was applied.
    OldLog {
        /// Which one.
        log: Log,
        /// 512-byte pages taken from it.
        pages: u32,
        /// The base block was taken from the log because its checksum was wrong.
        base_block_rebuilt: bool,
    },
    /// Entries of logs of the new format were applied.
    NewLogs {
        /// The log that was applied first.
        first: Log,
        /// The other log was applied after it.
        second_used: bool,
        /// Entries applied in all.
        entries: u32,
        /// Sequence number of the last entry applied.
        last_sequence: u32,
        /// The base block was taken from the log because its checksum was wrong.
        base_block_rebuilt: bool,
    },
}

const DIRT: usize = SECTOR + 4;
const PAGE: usize = 512;
const ENTRY_HEADER: usize = 40;
/// Larger than any hive Windows loads; keeps a damaged size field from eating the memory.
pub(crate) const MAX_BINS: u32 = 0x7fff_f000;

/// Brings `hive` into a state in which its base block holds and its bins are whole.
pub(crate) fn recover(
    hive: &mut Vec<u8>,
    log1: Option<&[u8]>,
    log2: Option<&[u8]>,
) -> Result<Recovery, HiveError> {
    let base = Base::read(hive).ok_or(HiveError::TooShort { have: hive.len() })?;
    let why = if !base.checksum_ok || !base.signature {
        "its checksum is wrong"
    } else if base.primary != base.secondary {
        "a write was not finished"
    } else {
        return Ok(Recovery::Clean);
    };
    if hive.len() < 2 * BASE_BLOCK {
        return Err(HiveError::TooShort { have: hive.len() });
    }
    let logs: Vec<(Log, &[u8])> = [(Log::One, log1), (Log::Two, log2)]
        .into_iter()
        .filter_map(|(name, bytes)| Some((name, bytes.filter(|b| !b.is_empty())?)))
        .collect();
    if base.trusted() && base.file_type != TYPE_PRIMARY {
        return Err(HiveError::NotAPrimaryFile(base.file_type));
    }
    let dirty = |log| HiveError::Dirty { why, log };
    if logs.is_empty() {
        return Err(dirty(LogProblem::None));
    }
    if logs.iter().any(|(_, bytes)| is_log(bytes, &[TYPE_LOG_NEW])) {
        recover_new(hive, &base, &logs).map_err(dirty)
    } else {
        recover_old(hive, &base, &logs).map_err(dirty)
    }
}

/// The highest sequence number that appears in the base block or anywhere in the logs.
pub(crate) fn highest_sequence(hive: &[u8], logs: [Option<&[u8]>; 2]) -> u32 {
    let of_base = |bytes: &[u8]| {
        Base::read(bytes)
            .filter(|base| base.signature)
            .map_or(0, |base| base.primary.max(base.secondary))
    };
    let mut highest = of_base(hive);
    for log in logs.into_iter().flatten() {
        highest = highest.max(of_base(log));
        for at in (SECTOR..log.len()).step_by(PAGE) {
            if let Some(sequence) = entry_sequence(&log[at..]) {
                highest = highest.max(sequence);
            }
        }
    }
    highest
}

fn entry_sequence(entry: &[u8]) -> Option<u32> {
    let guarded = entry.starts_with(b"HvLE") && u64_at(entry, 32)? == marvin32(entry.get(..32)?);
    if guarded { u32_at(entry, 12) } else { None }
}

fn is_log(bytes: &[u8], types: &[u32]) -> bool {
    Base::read(bytes).is_some_and(|base| {
        base.trusted() && base.primary == base.secondary && types.contains(&base.file_type)
    })
}

// ---- old format ----

fn recover_old(
    hive: &mut Vec<u8>,
    base: &Base,
    logs: &[(Log, &[u8])],
) -> Result<Recovery, LogProblem> {
    // The first bin keeps a copy of the time stamp for when the base block is lost.
    let timestamp = if base.trusted() {
        base.timestamp
    } else {
        u64_at(hive, BASE_BLOCK + 20).ok_or(LogProblem::Invalid)?
    };
    let mut problem = LogProblem::Invalid;
    for (name, log) in logs {
        match apply_old(hive, log, timestamp) {
            Ok(pages) => {
                return Ok(Recovery::OldLog {
                    log: *name,
                    pages,
                    base_block_rebuilt: !base.trusted(),
                });
            }
            // Report the log that came closest to being usable.
            Err(found) if problem == LogProblem::Invalid => problem = found,
            Err(_) => {}
        }
    }
    Err(problem)
}

fn apply_old(hive: &mut Vec<u8>, log: &[u8], timestamp: u64) -> Result<u32, LogProblem> {
    let base = Base::read(log).ok_or(LogProblem::Invalid)?;
    if !is_log(log, &[TYPE_LOG_OLD, TYPE_LOG_OLDEST])
        || log.get(SECTOR..DIRT) != Some(b"DIRT")
        || !plausible_bins(base.bins_size, hive.len() + log.len())
    {
        return Err(LogProblem::Invalid);
    }
    if base.timestamp != timestamp {
        return Err(LogProblem::Timestamp);
    }
    let bitmap_len = base.bins_size as usize / PAGE / 8;
    let bitmap = log.get(DIRT..DIRT + bitmap_len).ok_or(LogProblem::CutOff)?;
    let dirty: Vec<usize> = (0..bitmap_len * 8)
        .filter(|bit| bitmap[bit / 8] >> (bit % 8) & 1 == 1)
        .collect();
    let pages_at = (DIRT + bitmap_len).next_multiple_of(PAGE);
    let pages = log
        .get(pages_at..)
        .and_then(|rest| rest.get(..dirty.len() * PAGE))
        .ok_or(LogProblem::CutOff)?;
    grow(hive, base.bins_size);
    for (page, bit) in pages.chunks_exact(PAGE).zip(&dirty) {
        let at = BASE_BLOCK + bit * PAGE;
        hive[at..at + PAGE].copy_from_slice(page);
    }
    take_base_block(hive, log);
    Ok(dirty.len() as u32)
}

// ---- new format ----

fn recover_new(
    hive: &mut Vec<u8>,
    base: &Base,
    logs: &[(Log, &[u8])],
) -> Result<Recovery, LogProblem> {
    let mut ordered: Vec<(Log, &[u8], u32)> = logs
        .iter()
        .filter(|(_, bytes)| is_log(bytes, &[TYPE_LOG_NEW]))
        .filter_map(|(name, bytes)| Some((*name, *bytes, Base::read(bytes)?.primary)))
        .collect();
    ordered.sort_by(|left, right| {
        if left.2 == right.2 {
            left.0.cmp(&right.0)
        } else if before(left.2, right.2) {
            std::cmp::Ordering::Less
        } else {
            std::cmp::Ordering::Greater
        }
    });
    if base.trusted() {
        // Entries written before the hive's last complete write are in it already.
        ordered.retain(|(_, _, start)| !before(*start, base.secondary));
    } else if let Some(latest) = ordered.pop() {
        // Without a base block only the log with the latest entries is used.
        take_base_block(hive, latest.1);
        ordered = vec![latest];
    }
    let (first, bytes, start) = *ordered.first().ok_or(LogProblem::Stale)?;
    let mut applied = apply_entries(hive, bytes, start);
    if applied == 0 {
        return Err(LogProblem::Entry);
    }
    let next = start.wrapping_add(applied);
    let mut second_used = false;
    if let Some((_, bytes, _)) = ordered.get(1).filter(|(_, _, start)| *start == next) {
        let more = apply_entries(hive, bytes, next);
        second_used = more > 0;
        applied += more;
    }
    Ok(Recovery::NewLogs {
        first,
        second_used,
        entries: applied,
        last_sequence: start.wrapping_add(applied - 1),
        base_block_rebuilt: !base.trusted(),
    })
}

/// Applies entries numbered `expected`, `expected + 1`, … while they hold; answers how many.
fn apply_entries(hive: &mut Vec<u8>, log: &[u8], mut expected: u32) -> u32 {
    let mut at = SECTOR;
    let mut applied = 0;
    let most = hive.len() + log.len();
    while let Some(entry) = log
        .get(at..)
        .and_then(|rest| Entry::read(rest, expected, most))
    {
        entry.apply(hive);
        at += entry.bytes.len();
        expected = expected.wrapping_add(1);
        applied += 1;
    }
    applied
}

/// A log entry whose hashes, number and pages hold.
struct Entry<'l> {
    bytes: &'l [u8],
    flags: u32,
    bins_size: u32,
    /// Offset in the bins data and the bytes that belong there.
    pages: Vec<(usize, &'l [u8])>,
}

impl<'l> Entry<'l> {
    fn read(rest: &'l [u8], expected: u32, most: usize) -> Option<Self> {
        let size = u32_at(rest, 4)? as usize;
        if !rest.starts_with(b"HvLE") || size < PAGE || !size.is_multiple_of(PAGE) {
            return None;
        }
        let bytes = rest.get(..size)?;
        let bins_size = u32_at(bytes, 16)?;
        let sound = u32_at(bytes, 12)? == expected
            && plausible_bins(bins_size, most)
            && u64_at(bytes, 32)? == marvin32(bytes.get(..32)?)
            && u64_at(bytes, 24)? == marvin32(bytes.get(ENTRY_HEADER..)?);
        if !sound {
            return None;
        }
        let count = u32_at(bytes, 20)? as usize;
        let mut data = bytes.get(ENTRY_HEADER.checked_add(count.checked_mul(8)?)?..)?;
        let mut pages = Vec::with_capacity(count);
        for reference in bytes.get(ENTRY_HEADER..)?.chunks_exact(8).take(count) {
            let (offset, len) = (
                u32_at(reference, 0)? as usize,
                u32_at(reference, 4)? as usize,
            );
            if offset.checked_add(len)? > bins_size as usize {
                return None;
            }
            let (page, after) = data.split_at_checked(len)?;
            pages.push((offset, page));
            data = after;
        }
        Some(Self {
            bytes,
            flags: u32_at(bytes, 8)?,
            bins_size,
            pages,
        })
    }

    fn apply(&self, hive: &mut Vec<u8>) {
        grow(hive, self.bins_size);
        for (offset, page) in &self.pages {
            let at = BASE_BLOCK + offset;
            hive[at..at + page.len()].copy_from_slice(page);
        }
        set_bins_size(hive, self.bins_size);
        let flags = Base::read(hive).map_or(0, |base| base.flags);
        set_flags(
            hive,
            flags & !FLAG_PENDING_TRANSACTION | self.flags & FLAG_PENDING_TRANSACTION,
        );
    }
}

// ---- both ----

/// `left` comes before `right` in a sequence that wraps around.
fn before(left: u32, right: u32) -> bool {
    (left.wrapping_sub(right) as i32) < 0
}

/// New bins are dirty from end to end, so a hive cannot grow by more than the log is long:
/// `most` bytes keep a forged size from eating the memory.
fn plausible_bins(size: u32, most: usize) -> bool {
    size >= BASE_BLOCK as u32
        && size <= MAX_BINS
        && size.is_multiple_of(BASE_BLOCK as u32)
        && BASE_BLOCK + size as usize <= most
}

fn grow(hive: &mut Vec<u8>, bins_size: u32) {
    let need = BASE_BLOCK + bins_size as usize;
    if hive.len() < need {
        hive.resize(need, 0);
    }
}

/// The log's first sector becomes the hive's, as a primary file again.
fn take_base_block(hive: &mut [u8], log: &[u8]) {
    hive[..SECTOR].copy_from_slice(&log[..SECTOR]);
    if let Some(base) = Base::read(log) {
        seal(hive, base.primary, base.timestamp);
    }
}

#[cfg(test)]
mod tests;

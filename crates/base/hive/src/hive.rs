//! The hive as a whole: bins, cells, and the clean bytes at the end.
//!
//! INVARIANT: from `open` on, every bin and every cell in it has been walked:
//! sizes are multiples of 8, no cell crosses the end of its bin, bin sizes sum
//! to the size in the base block, and `starts` has a bit for exactly the
//! places where a cell begins. Allocation and freeing keep it so.

use crate::alloc::FreeCells;
use crate::base::{BASE_BLOCK, Base, FLAG_PENDING_TRANSACTION, TYPE_PRIMARY, seal};
use crate::error::HiveError;
use crate::key::Key;
use crate::log::{MAX_BINS, Recovery, highest_sequence, recover};
use crate::raw::{u32_at, u64_at};

/// "Points nowhere".
pub(crate) const NIL: u32 = u32::MAX;
pub(crate) const BIN_HEADER: u32 = 32;

/// A registry hive in memory.
#[derive(Clone)]
pub struct Hive {
    pub(crate) data: Vec<u8>,
    /// Sorted by offset, without gaps.
    pub(crate) bins: Vec<Bin>,
    pub(crate) starts: CellStarts,
    pub(crate) free: Option<FreeCells>,
    recovery: Recovery,
    minor: u32,
    root: u32,
    highest_sequence: u32,
    /// Something was recovered or edited, so that the base block must be sealed anew.
    pub(crate) touched: bool,
    /// The tree was checked from end to end since the last recovery.
    pub(crate) checked: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bin {
    pub(crate) offset: u32,
    pub(crate) size: u32,
}

impl Bin {
    pub(crate) fn end(self) -> u32 {
        self.offset + self.size
    }
}

impl Hive {
    /// Opens a hive, recovering it from its logs when it is dirty.
    ///
    /// `log1` and `log2` are the contents of `.LOG1` (or the only `.LOG`) and
    /// `.LOG2`; they are ignored when the hive is clean, except that numbers in
    /// them are stepped over when the hive is written again.
    ///
    /// # Errors
    /// When the bytes are not a hive, end too early, contradict themselves, are
    /// dirty without a log that holds, or are held by a kernel transaction.
    pub fn open(
        mut data: Vec<u8>,
        log1: Option<&[u8]>,
        log2: Option<&[u8]>,
    ) -> Result<Self, HiveError> {
        if data.len() < 2 * BASE_BLOCK {
            let known = data.starts_with(b"regf") || data.len() < 4;
            return Err(if known {
                HiveError::TooShort { have: data.len() }
            } else {
                HiveError::NotAHive
            });
        }
        if !data.starts_with(b"regf") && data.get(BASE_BLOCK..BASE_BLOCK + 4) != Some(b"hbin") {
            return Err(HiveError::NotAHive);
        }
        let highest_sequence = highest_sequence(&data, [log1, log2]);
        let recovery = recover(&mut data, log1, log2)?;
        let base = accept(&data)?;
        let mut hive = Self {
            bins: Vec::new(),
            starts: CellStarts::new(base.bins_size),
            free: None,
            recovery,
            minor: base.minor,
            root: base.root,
            highest_sequence,
            touched: recovery != Recovery::Clean,
            checked: false,
            data,
        };
        hive.walk_bins(base.bins_size)?;
        Ok(hive)
    }

    /// How the hive came to be readable.
    #[must_use]
    pub fn recovery(&self) -> Recovery {
        self.recovery
    }

    /// Minor version of the format: 3 to 6 are known and can be edited.
    #[must_use]
    pub fn minor_version(&self) -> u32 {
        self.minor
    }

    /// Whether the layout of this version is known well enough to change it.
    #[must_use]
    pub fn is_editable(&self) -> bool {
        (3..=6).contains(&self.minor)
    }

    /// The root key.
    ///
    /// # Errors
    /// When the root cell is no key node.
    pub fn root(&self) -> Result<Key<'_>, HiveError> {
        if !self.is_editable() {
            return Err(HiveError::ReadOnlyVersion(self.minor));
        }
        Key::at(self, self.root)
    }

    /// The key at `path` (names separated by `\`, without the root's own name), if it exists.
    ///
    /// # Errors
    /// When a key or list on the way is damaged.
    pub fn key(&self, path: &str) -> Result<Option<Key<'_>>, HiveError> {
        let mut key = self.root()?;
        for name in path.split('\\').filter(|name| !name.is_empty()) {
            match key.subkey(name)? {
                Some(next) => key = next,
                None => return Ok(None),
            }
        }
        Ok(Some(key))
    }

    /// The bytes to store: the input itself when nothing was recovered or
    /// changed, else a clean hive that no log of the past can match (sequence
    /// numbers above any seen, time stamp one step later, checksum).
    #[must_use]
    pub fn into_bytes(mut self) -> Vec<u8> {
        if self.touched {
            self.seal();
        }
        self.data
    }

    /// As [`Hive::into_bytes`], keeping the hive for further edits.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.clone().into_bytes()
    }

    fn seal(&mut self) {
        let timestamp = u64_at(&self.data, 12).unwrap_or(0);
        // Zero is skipped: Windows takes it for a hive that was never written.
        let sequence = self.highest_sequence.wrapping_add(1).max(1);
        seal(&mut self.data, sequence, timestamp.wrapping_add(1));
    }

    // ---- cells ----

    pub(crate) fn root_offset(&self) -> u32 {
        self.root
    }

    pub(crate) fn bins_size(&self) -> u32 {
        self.bins.last().map_or(0, |bin| bin.end())
    }

    /// The data of the allocated cell at `offset`, without its size field.
    pub(crate) fn cell(&self, offset: u32) -> Result<&[u8], HiveError> {
        let range = self.cell_range(offset)?;
        // The walk has shown the range to lie inside a bin.
        Ok(&self.data[range])
    }

    pub(crate) fn cell_mut(&mut self, offset: u32) -> Result<&mut [u8], HiveError> {
        let range = self.cell_range(offset)?;
        self.touched = true;
        Ok(&mut self.data[range])
    }

    fn cell_range(&self, offset: u32) -> Result<std::ops::Range<usize>, HiveError> {
        if !self.starts.contains(offset) {
            return Err(HiveError::Cell {
                offset,
                what: "no cell begins here",
            });
        }
        let size = self.raw_size(offset);
        if size >= 0 {
            return Err(HiveError::Cell {
                offset,
                what: "it is free but something refers to it",
            });
        }
        let at = BASE_BLOCK + offset as usize;
        Ok(at + 4..at + size.unsigned_abs() as usize)
    }

    /// The size field: negative when allocated. `offset` is a known cell start.
    pub(crate) fn raw_size(&self, offset: u32) -> i32 {
        u32_at(&self.data, BASE_BLOCK + offset as usize).unwrap_or(0) as i32
    }

    pub(crate) fn bin_of(&self, offset: u32) -> Option<Bin> {
        let after = self.bins.partition_point(|bin| bin.offset <= offset);
        self.bins.get(after.checked_sub(1)?).copied()
    }

    fn walk_bins(&mut self, bins_size: u32) -> Result<(), HiveError> {
        let mut offset = 0;
        while offset < bins_size {
            let bin = self.read_bin(offset, bins_size)?;
            self.walk_cells(bin)?;
            self.bins.push(bin);
            offset = bin.end();
        }
        Ok(())
    }

    fn read_bin(&self, offset: u32, bins_size: u32) -> Result<Bin, HiveError> {
        let refuse = |what| Err(HiveError::Bin { offset, what });
        let at = BASE_BLOCK + offset as usize;
        if self.data.get(at..at + 4) != Some(b"hbin") {
            return refuse("it does not begin with \"hbin\"");
        }
        if u32_at(&self.data, at + 4) != Some(offset) {
            return refuse("it says it is somewhere else");
        }
        match u32_at(&self.data, at + 8) {
            Some(size)
                if size >= 4096 && size.is_multiple_of(4096) && size <= bins_size - offset =>
            {
                Ok(Bin { offset, size })
            }
            _ => refuse("its size is not a multiple of 4096 that fits"),
        }
    }

    fn walk_cells(&mut self, bin: Bin) -> Result<(), HiveError> {
        let mut offset = bin.offset + BIN_HEADER;
        while offset < bin.end() {
            let size = self.raw_size(offset).unsigned_abs();
            if size < 8 || !size.is_multiple_of(8) {
                return Err(HiveError::Cell {
                    offset,
                    what: "its size is not a multiple of 8",
                });
            }
            if size > bin.end() - offset {
                return Err(HiveError::Cell {
                    offset,
                    what: "it crosses the end of its bin",
                });
            }
            self.starts.insert(offset);
            offset += size;
        }
        Ok(())
    }
}

/// What a base block must say before anything behind it is looked at.
fn accept(data: &[u8]) -> Result<Base, HiveError> {
    let base = Base::read(data).ok_or(HiveError::TooShort { have: data.len() })?;
    if base.file_type != TYPE_PRIMARY {
        return Err(HiveError::NotAPrimaryFile(base.file_type));
    }
    if base.major != 1 || base.minor < 2 {
        return Err(HiveError::Version {
            major: base.major,
            minor: base.minor,
        });
    }
    if base.format != 1 {
        return Err(HiveError::BaseBlock("the file format is not 1"));
    }
    if base.bins_size < 4096 || !base.bins_size.is_multiple_of(4096) || base.bins_size > MAX_BINS {
        return Err(HiveError::BaseBlock(
            "the size of the bins is not a multiple of 4096 below 2 GiB",
        ));
    }
    let need = BASE_BLOCK as u64 + u64::from(base.bins_size);
    if need > data.len() as u64 {
        return Err(HiveError::Truncated {
            need,
            have: data.len(),
        });
    }
    if base.flags & FLAG_PENDING_TRANSACTION != 0 {
        return Err(HiveError::PendingTransaction);
    }
    Ok(base)
}

/// A bit for every 8 bytes of bins: does a cell begin here?
#[derive(Debug, Clone, Default)]
pub(crate) struct CellStarts {
    words: Vec<u64>,
}

impl CellStarts {
    pub(crate) fn new(bins_size: u32) -> Self {
        Self {
            words: vec![0; (bins_size as usize / 8).div_ceil(64)],
        }
    }

    pub(crate) fn grow(&mut self, bins_size: u32) {
        self.words.resize((bins_size as usize / 8).div_ceil(64), 0);
    }

    /// Whether the bit is set; never for an offset that is no multiple of 8 or out of range.
    pub(crate) fn contains(&self, offset: u32) -> bool {
        offset.is_multiple_of(8)
            && self
                .words
                .get(offset as usize / 512)
                .is_some_and(|word| word >> (offset / 8 % 64) & 1 == 1)
    }

    /// Sets the bit; answers whether it was clear.
    pub(crate) fn insert(&mut self, offset: u32) -> bool {
        let was = self.contains(offset);
        if let Some(word) = self.words.get_mut(offset as usize / 512) {
            *word |= 1 << (offset / 8 % 64);
        }
        !was
    }

    pub(crate) fn remove(&mut self, offset: u32) {
        if let Some(word) = self.words.get_mut(offset as usize / 512) {
            *word &= !(1 << (offset / 8 % 64));
        }
    }

    /// The last set bit before `offset`.
    pub(crate) fn before(&self, offset: u32) -> Option<u32> {
        let bit = offset as usize / 8;
        let mut index = bit / 64;
        let mut word = self.words.get(index)? & !(u64::MAX << (bit % 64));
        while word == 0 {
            index = index.checked_sub(1)?;
            word = self.words[index];
        }
        Some(((index * 64 + 63 - word.leading_zeros() as usize) * 8) as u32)
    }
}

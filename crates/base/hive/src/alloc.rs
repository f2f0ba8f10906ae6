//! Taking and giving back cells.
//!
//! A cell comes from the smallest free cell that holds it (the first of equal
//! ones, so that the same edits give the same bytes), else from a new bin at
//! the end. Freed bytes are zeroed: a secret that was replaced is gone.

use crate::base::{BASE_BLOCK, set_bins_size};
use crate::error::HiveError;
use crate::hive::{BIN_HEADER, Bin, Hive};
use crate::log::MAX_BINS;
use crate::raw::put_u32;
use std::collections::{BTreeMap, BTreeSet};

/// Free cells by size, then by offset.
#[derive(Debug, Clone, Default)]
pub(crate) struct FreeCells {
    by_size: BTreeMap<u32, BTreeSet<u32>>,
}

impl FreeCells {
    fn add(&mut self, offset: u32, size: u32) {
        self.by_size.entry(size).or_default().insert(offset);
    }

    fn remove(&mut self, offset: u32, size: u32) {
        if let Some(offsets) = self.by_size.get_mut(&size) {
            offsets.remove(&offset);
            if offsets.is_empty() {
                self.by_size.remove(&size);
            }
        }
    }

    fn take(&mut self, size: u32) -> Option<(u32, u32)> {
        let (&found, offsets) = self.by_size.range(size..).next()?;
        let offset = *offsets.first()?;
        self.remove(offset, found);
        Some((offset, found))
    }
}

impl Hive {
    /// A new zeroed cell for `len` bytes of data.
    pub(crate) fn allocate(&mut self, len: usize) -> Result<u32, HiveError> {
        let size = u32::try_from(len + 4)
            .ok()
            .filter(|size| *size <= MAX_BINS / 2)
            .ok_or(HiveError::TooLarge)?
            .next_multiple_of(8);
        let (offset, found) = match self.free_cells().take(size) {
            Some(found) => found,
            None => self.append_bin(size)?,
        };
        self.set_size(offset, -(size as i32));
        if found > size {
            let rest = offset + size;
            self.set_size(rest, (found - size) as i32);
            self.starts.insert(rest);
            self.free_cells().add(rest, found - size);
        }
        let at = BASE_BLOCK + offset as usize;
        self.data[at + 4..at + size as usize].fill(0);
        Ok(offset)
    }

    /// Gives a cell back, joined with free neighbours in its bin.
    pub(crate) fn free_cell(&mut self, offset: u32) -> Result<(), HiveError> {
        // Also shows that an allocated cell begins here.
        self.cell_mut(offset)?.fill(0);
        let bin = self.bin_of(offset).ok_or(HiveError::Cell {
            offset,
            what: "it lies in no bin",
        })?;
        self.free_cells();
        let mut start = offset;
        let mut size = self.raw_size(offset).unsigned_abs();
        let next = offset + size;
        if next < bin.end() && self.raw_size(next) > 0 {
            let more = self.raw_size(next).unsigned_abs();
            self.free_cells().remove(next, more);
            self.forget(next);
            size += more;
        }
        if let Some(previous) = self.starts.before(offset)
            && previous >= bin.offset + BIN_HEADER
            && self.raw_size(previous) > 0
        {
            let more = self.raw_size(previous).unsigned_abs();
            self.free_cells().remove(previous, more);
            self.forget(offset);
            start = previous;
            size += more;
        }
        self.set_size(start, size as i32);
        self.free_cells().add(start, size);
        Ok(())
    }

    /// The cell that began here is part of a larger one now.
    fn forget(&mut self, offset: u32) {
        self.set_size(offset, 0);
        self.starts.remove(offset);
    }

    fn set_size(&mut self, offset: u32, size: i32) {
        self.touched = true;
        let written = put_u32(&mut self.data, BASE_BLOCK + offset as usize, size as u32);
        debug_assert!(written.is_some(), "cells lie inside the data");
    }

    fn free_cells(&mut self) -> &mut FreeCells {
        if self.free.is_none() {
            self.free = Some(self.find_free_cells());
        }
        self.free.get_or_insert_default()
    }

    fn find_free_cells(&self) -> FreeCells {
        let mut free = FreeCells::default();
        for bin in &self.bins {
            let mut offset = bin.offset + BIN_HEADER;
            while offset < bin.end() {
                let size = self.raw_size(offset);
                if size > 0 {
                    free.add(offset, size.unsigned_abs());
                }
                offset += size.unsigned_abs().max(8);
            }
        }
        free
    }

    /// A new bin at the end with one cell of at least `size` bytes, not yet among the free ones.
    fn append_bin(&mut self, size: u32) -> Result<(u32, u32), HiveError> {
        let offset = self.bins_size();
        let bin = Bin {
            offset,
            size: (size + BIN_HEADER).next_multiple_of(4096),
        };
        let total = offset
            .checked_add(bin.size)
            .filter(|total| *total <= MAX_BINS)
            .ok_or(HiveError::TooLarge)?;
        let at = BASE_BLOCK + offset as usize;
        let end = BASE_BLOCK + total as usize;
        if self.data.len() < end {
            self.data.resize(end, 0);
        }
        // Padding behind the bins may hold remains.
        self.data[at..end].fill(0);
        self.data[at..at + 4].copy_from_slice(b"hbin");
        let _ = put_u32(&mut self.data, at + 4, offset);
        let _ = put_u32(&mut self.data, at + 8, bin.size);
        set_bins_size(&mut self.data, total);
        self.bins.push(bin);
        self.starts.grow(total);
        let cell = offset + BIN_HEADER;
        self.starts.insert(cell);
        self.set_size(cell, (bin.size - BIN_HEADER) as i32);
        Ok((cell, bin.size - BIN_HEADER))
    }
}

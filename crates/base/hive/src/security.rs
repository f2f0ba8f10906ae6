//! The security cells: one for each distinct descriptor, in a ring, counted.

use crate::error::HiveError;
use crate::hive::{Hive, NIL};
use crate::key::nk;
use crate::raw::{put_u32, u32_at};

pub(crate) mod sk {
    //! Offsets of the fields of a security cell.
    pub(crate) const FLINK: usize = 4;
    pub(crate) const BLINK: usize = 8;
    pub(crate) const REFERENCES: usize = 12;
    pub(crate) const SIZE: usize = 16;
    pub(crate) const DESCRIPTOR: usize = 20;
}

impl Hive {
    /// The descriptor in the security cell at `offset`.
    pub(crate) fn security_descriptor(&self, offset: u32) -> Result<&[u8], HiveError> {
        let damaged = |what| HiveError::Security { offset, what };
        let cell = self.security_cell(offset)?;
        let size = u32_at(cell, sk::SIZE).ok_or(damaged("it is too small"))? as usize;
        sk::DESCRIPTOR
            .checked_add(size)
            .and_then(|end| cell.get(sk::DESCRIPTOR..end))
            .ok_or(damaged("its descriptor is cut off"))
    }

    fn security_cell(&self, offset: u32) -> Result<&[u8], HiveError> {
        let cell = self.cell(offset)?;
        if cell.starts_with(b"sk") {
            Ok(cell)
        } else {
            Err(HiveError::Security {
                offset,
                what: "it is no security cell",
            })
        }
    }

    pub(crate) fn security_field(&self, offset: u32, at: usize) -> Result<u32, HiveError> {
        u32_at(self.security_cell(offset)?, at).ok_or(HiveError::Security {
            offset,
            what: "it is too small",
        })
    }

    pub(crate) fn set_security_field(
        &mut self,
        offset: u32,
        at: usize,
        value: u32,
    ) -> Result<(), HiveError> {
        put_u32(self.cell_mut(offset)?, at, value).ok_or(HiveError::Security {
            offset,
            what: "it is too small",
        })
    }

    /// Offsets of the ring's cells from `start` on.
    ///
    /// Refuses a ring that does not close, runs into itself or whose backward
    /// links are not the forward ones turned round.
    pub(crate) fn security_ring(&self, start: u32) -> Result<Vec<u32>, HiveError> {
        let mut seen = crate::hive::CellStarts::new(self.bins_size());
        let mut ring = Vec::new();
        let mut offset = start;
        loop {
            self.security_descriptor(offset)?;
            if !seen.insert(offset) {
                return Err(HiveError::Security {
                    offset,
                    what: "the list of security cells runs into itself",
                });
            }
            ring.push(offset);
            let next = self.security_field(offset, sk::FLINK)?;
            if self.security_field(next, sk::BLINK)? != offset {
                return Err(HiveError::Security {
                    offset: next,
                    what: "its backward link does not lead back",
                });
            }
            if next == start {
                return Ok(ring);
            }
            offset = next;
        }
    }

    /// Takes a security cell out of the ring and frees it.
    pub(crate) fn drop_security(&mut self, offset: u32) -> Result<(), HiveError> {
        let next = self.security_field(offset, sk::FLINK)?;
        let previous = self.security_field(offset, sk::BLINK)?;
        self.set_security_field(previous, sk::FLINK, next)?;
        self.set_security_field(next, sk::BLINK, previous)?;
        self.free_cell(offset)
    }

    /// Puts `descriptor` where the security cell at `offset` keeps its own.
    ///
    /// The cell stays where it is when the descriptor fits and leaves no more
    /// room than a cell of Windows has; otherwise it moves, and its neighbours
    /// are mended. Answers where it is now; key nodes are the caller's to mend.
    pub(crate) fn rewrite_security(
        &mut self,
        offset: u32,
        descriptor: &[u8],
    ) -> Result<u32, HiveError> {
        let capacity = self.security_cell(offset)?.len();
        let need = sk::DESCRIPTOR + descriptor.len();
        if need <= capacity && capacity - need <= MOST_SLACK {
            let old = sk::DESCRIPTOR + self.security_descriptor(offset)?.len();
            let cell = self.cell_mut(offset)?;
            cell[sk::DESCRIPTOR..need].copy_from_slice(descriptor);
            // What a longer descriptor left behind goes; slack that was there stays.
            if need < old {
                cell[need..old].fill(0);
            }
            self.set_security_field(offset, sk::SIZE, descriptor.len() as u32)?;
            return Ok(offset);
        }
        let header = self.security_cell(offset)?[..sk::SIZE].to_vec();
        let moved = self.allocate(need)?;
        let cell = self.cell_mut(moved)?;
        cell[..sk::SIZE].copy_from_slice(&header);
        cell[sk::DESCRIPTOR..need].copy_from_slice(descriptor);
        self.set_security_field(moved, sk::SIZE, descriptor.len() as u32)?;
        let next = self.security_field(offset, sk::FLINK)?;
        if next == offset {
            self.set_security_field(moved, sk::FLINK, moved)?;
            self.set_security_field(moved, sk::BLINK, moved)?;
        } else {
            let previous = self.security_field(offset, sk::BLINK)?;
            self.set_security_field(previous, sk::FLINK, moved)?;
            self.set_security_field(next, sk::BLINK, moved)?;
        }
        self.free_cell(offset)?;
        Ok(moved)
    }

    /// One more key refers to the cell.
    pub(crate) fn retain_security(&mut self, offset: u32) -> Result<(), HiveError> {
        let count = self.security_field(offset, sk::REFERENCES)?;
        self.set_security_field(offset, sk::REFERENCES, count.saturating_add(1))
    }

    /// One key fewer refers to the cell; the last one takes it with it.
    pub(crate) fn release_security(&mut self, offset: u32) -> Result<(), HiveError> {
        let count = self.security_field(offset, sk::REFERENCES)?;
        if count > 1 {
            self.set_security_field(offset, sk::REFERENCES, count - 1)
        } else {
            self.drop_security(offset)
        }
    }

    /// The cell that holds `descriptor`, made when there is none, with one more reference.
    pub(crate) fn share_security(&mut self, descriptor: &[u8]) -> Result<u32, HiveError> {
        let root = self.root()?.field(nk::SECURITY);
        for offset in self.security_ring(root)? {
            if self.security_descriptor(offset)? == descriptor {
                self.retain_security(offset)?;
                return Ok(offset);
            }
        }
        let need = sk::DESCRIPTOR + descriptor.len();
        let made = self.allocate(need)?;
        let last = self.security_field(root, sk::BLINK)?;
        let cell = self.cell_mut(made)?;
        cell[..2].copy_from_slice(b"sk");
        cell[sk::DESCRIPTOR..need].copy_from_slice(descriptor);
        self.set_security_field(made, sk::SIZE, descriptor.len() as u32)?;
        self.set_security_field(made, sk::REFERENCES, 1)?;
        self.set_security_field(made, sk::FLINK, root)?;
        self.set_security_field(made, sk::BLINK, last)?;
        self.set_security_field(last, sk::FLINK, made)?;
        self.set_security_field(root, sk::BLINK, made)?;
        Ok(made)
    }

    pub(crate) fn set_key_security(&mut self, key: u32, offset: u32) -> Result<(), HiveError> {
        debug_assert_ne!(offset, NIL);
        put_u32(self.cell_mut(key)?, nk::SECURITY, offset).ok_or(HiveError::Cell {
            offset: key,
            what: "it is too small for a key node",
        })
    }
}

/// Most unused bytes a security cell has in hives that Windows wrote.
const MOST_SLACK: usize = 84;

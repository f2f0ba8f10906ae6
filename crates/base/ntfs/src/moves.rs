//! Changes the security ids in file records, one write for each record.
//!
//! What must stay true: only records in scope are written, only their id and their fix-ups
//! change, and every state in between is a sound volume: the old and the new descriptor are
//! both there.

use std::collections::{BTreeMap, VecDeque};

use crate::block::BlockRead;
use crate::bytes::u16_at;
use crate::edit::{Edits, extents, split};
use crate::error::NtfsError;
use crate::record::STRIDE;
use crate::scope::Scope;
use crate::standing::{Standing, Standings};
use crate::sweep::Sweep;
use crate::volume::Volume;
use crate::write::BlockWrite;

/// Iterates over the writes that give records in scope other ids, in the order of `$MFT`.
#[derive(Debug)]
pub struct IdMoves<'v, R> {
    volume: &'v Volume<R>,
    standings: Standings<'v>,
    sweep: Sweep<'v, R>,
    moves: &'v BTreeMap<u32, u32>,
    mirrored: u64,
    pending: VecDeque<BlockWrite>,
    records: u64,
    raw: Vec<u8>,
    after: Vec<u8>,
}

impl<R: BlockRead> Volume<R> {
    /// The writes that give every record in scope with an id of `moves` the other id.
    ///
    /// # Errors
    /// When folders cannot be read; damaged records come as items.
    pub fn move_ids<'v>(
        &'v self,
        moves: &'v BTreeMap<u32, u32>,
        scope: &'v Scope,
    ) -> Result<IdMoves<'v, R>, NtfsError> {
        Ok(IdMoves {
            volume: self,
            standings: Standings::new(self, scope)?,
            sweep: Sweep::new(self)?,
            moves,
            mirrored: self.mirrored_records()?,
            pending: VecDeque::new(),
            records: 0,
            raw: Vec::new(),
            after: Vec::new(),
        })
    }
}

impl<R: BlockRead> IdMoves<'_, R> {
    /// Records that have been given another id so far.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.records
    }

    fn advance(&mut self) -> Result<bool, NtfsError> {
        let size = self.volume.boot().record_size as usize;
        loop {
            let Some(swept) = self.sweep.next()? else {
                return Ok(false);
            };
            let Some(&id) = self.moves.get(&swept.id).filter(|_| swept.id != 0) else {
                continue;
            };
            if self.standings.of(self.volume, &swept)? != Standing::Inside {
                continue;
            }
            let number = swept.number;
            let place = swept.id_at..swept.id_at + 4;
            self.records += 1;
            if number < self.mirrored {
                let mut edits = Edits::default();
                edits.record(self.volume, number)?[place].copy_from_slice(&id.to_le_bytes());
                self.pending.extend(edits.finish());
                return Ok(true);
            }
            // What the sweep holds is the record without its fix-ups; the array still has them.
            self.raw.clear();
            self.raw.extend_from_slice(swept.bytes);
            restore_tails(&mut self.raw);
            self.after.clear();
            self.after.extend_from_slice(swept.bytes);
            self.after[place].copy_from_slice(&id.to_le_bytes());
            let after = crate::edit::refixed(&self.raw, &self.after);
            let mut writes = Vec::new();
            let mft = self.volume.mft();
            let extents = extents(self.volume, mft, number * size as u64, size)?;
            split(&extents, &self.raw, &after, &mut writes);
            self.pending.extend(writes);
            return Ok(true);
        }
    }
}

/// Puts the update sequence number back at the end of every sector.
fn restore_tails(record: &mut [u8]) {
    let at = usize::from(u16_at(record, 4).unwrap_or(0));
    for sector in 0..record.len() / STRIDE {
        record.copy_within(at..at + 2, sector * STRIDE + STRIDE - 2);
    }
}

impl<R: BlockRead> Iterator for IdMoves<'_, R> {
    type Item = Result<BlockWrite, NtfsError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(write) = self.pending.pop_front() {
                return Some(Ok(write));
            }
            match self.advance() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

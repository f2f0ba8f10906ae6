//! Translating every security descriptor of a hive at once.
//!
//! A hive keeps each distinct descriptor in one security cell, shared by all
//! keys that have it, so some dozens of translations do for ten thousands of
//! keys. A descriptor of the same length is patched where it lies; a longer one
//! moves, and its neighbours in the ring and every key that names it are
//! mended; two that become equal are merged into one.

use crate::error::HiveError;
use crate::hive::Hive;
use crate::raw::u32_at;
use crate::security::sk;
use gw_secdesc::{Mode, SdError, SidMap, Translated, translate};
use std::collections::BTreeMap;

/// What a remap did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RemapReport {
    /// Distinct descriptors (security cells) in the hive before.
    pub descriptors: u32,
    /// Of these, translated.
    pub changed: u32,
    /// Of the changed ones, given a larger cell.
    pub moved: u32,
    /// Of the changed ones, found equal to another one afterwards and merged with it.
    pub merged: u32,
    /// Of the changed ones, too long for `add` and replaced instead.
    pub fallback: u32,
    /// Keys in the hive.
    pub keys: u64,
    /// Keys whose descriptor changed.
    pub keys_changed: u64,
    /// Descriptors that could not be understood and were left alone.
    pub unreadable: Vec<Unreadable>,
}

/// A descriptor that could not be understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// Path of the first key that has it.
    pub key: String,
    /// How many keys have it.
    pub keys: u64,
    /// Why.
    pub error: SdError,
}

impl Hive {
    /// Translates every security descriptor by `map`.
    ///
    /// Nothing is touched when nothing is hit.
    ///
    /// # Errors
    /// When [`Hive::check`] refuses the hive or the hive would grow too large.
    /// After an error the hive in memory is not to be used.
    pub fn remap(&mut self, map: &SidMap, mode: Mode) -> Result<RemapReport, HiveError> {
        let tree = self.tree()?;
        let mut report = RemapReport {
            descriptors: tree.ring.len() as u32,
            keys: tree.keys.len() as u64,
            ..RemapReport::default()
        };
        let mut plan = Plan::default();
        for (index, offset) in tree.ring.iter().enumerate() {
            match translate(self.security_descriptor(*offset)?, map, mode) {
                Ok(Translated::Unchanged) => {}
                Ok(Translated::Changed { bytes, fallback }) => {
                    report.changed += 1;
                    report.fallback += u32::from(fallback);
                    plan.changed.insert(index, bytes);
                }
                Err(error) => report
                    .unreadable
                    .push(self.unreadable(&tree.keys, *offset, error)?),
            }
        }
        if plan.changed.is_empty() {
            return Ok(report);
        }
        plan.find_equal(self, &tree.ring)?;
        let new_places = plan.carry_out(self, &tree.ring, &mut report)?;
        for (key, security) in &tree.keys {
            if let Some((place, changed)) = new_places.get(security) {
                report.keys_changed += u64::from(*changed);
                if place != security {
                    self.set_key_security(*key, *place)?;
                }
            }
        }
        Ok(report)
    }

    fn unreadable(
        &self,
        keys: &[(u32, u32)],
        security: u32,
        error: SdError,
    ) -> Result<Unreadable, HiveError> {
        let mut having = keys.iter().filter(|(_, named)| *named == security);
        let key = match having.next() {
            Some((offset, _)) => crate::key::Key::at(self, *offset)?.path(),
            None => String::new(),
        };
        let count = u32_at(self.cell(security)?, sk::REFERENCES).unwrap_or(0);
        Ok(Unreadable {
            key,
            keys: u64::from(count),
            error,
        })
    }
}

/// Which security cells change and which become one. Indices are places in the ring.
#[derive(Default)]
struct Plan {
    changed: BTreeMap<usize, Vec<u8>>,
    merged: BTreeMap<usize, usize>,
}

impl Plan {
    /// Finds descriptors that will be equal. One that stays as it is stands for
    /// the others; else the first in the ring. Two that were equal before and
    /// are not touched stay two.
    fn find_equal(&mut self, hive: &Hive, ring: &[u32]) -> Result<(), HiveError> {
        let mut standing: BTreeMap<&[u8], usize> = BTreeMap::new();
        for (index, offset) in ring.iter().enumerate() {
            if !self.changed.contains_key(&index) {
                standing
                    .entry(hive.security_descriptor(*offset)?)
                    .or_insert(index);
            }
        }
        for (index, bytes) in &self.changed {
            match standing.get(bytes.as_slice()) {
                Some(other) => {
                    self.merged.insert(*index, *other);
                }
                None => {
                    standing.insert(bytes, *index);
                }
            }
        }
        Ok(())
    }

    /// Writes, moves and merges cells. Answers, for each old place of a changed
    /// cell, the new one and that the descriptor changed.
    fn carry_out(
        &self,
        hive: &mut Hive,
        ring: &[u32],
        report: &mut RemapReport,
    ) -> Result<BTreeMap<u32, (u32, bool)>, HiveError> {
        let mut places = BTreeMap::new();
        for (index, bytes) in &self.changed {
            if !self.merged.contains_key(index) {
                let old = ring[*index];
                let new = hive.rewrite_security(old, bytes)?;
                report.moved += u32::from(new != old);
                places.insert(old, (new, true));
            }
        }
        for (index, other) in &self.merged {
            let (old, other) = (ring[*index], ring[*other]);
            let place = places.get(&other).map_or(other, |(place, _)| *place);
            let sum = hive
                .security_field(place, sk::REFERENCES)?
                .checked_add(hive.security_field(old, sk::REFERENCES)?)
                .ok_or(HiveError::TooLarge)?;
            hive.set_security_field(place, sk::REFERENCES, sum)?;
            hive.drop_security(old)?;
            report.merged += 1;
            places.insert(old, (place, true));
        }
        Ok(places)
    }
}

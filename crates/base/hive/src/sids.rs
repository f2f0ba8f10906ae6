//! Which accounts a hive names, in descriptors and in text.

use crate::error::HiveError;
use crate::hive::{BIN_HEADER, Hive, NIL};
use crate::key::{Key, nk};
use crate::raw::units;
use crate::security::sk;
use crate::value::kind;
use gw_secdesc::{Part, SdError, Sid, sids};
use std::collections::BTreeMap;

/// How often a SID is named in each part of the descriptors counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SidCounts {
    /// As owner.
    pub owner: u64,
    /// As primary group.
    pub group: u64,
    /// In entries of DACLs, conditions and claims included.
    pub dacl: u64,
    /// In entries of SACLs, conditions and claims included.
    pub sacl: u64,
}

/// The SIDs of a hive, sorted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SidList {
    /// Counts over live security cells, each cell once.
    pub cells: BTreeMap<Sid, SidCounts>,
    /// Counts over keys: each cell as often as keys name it.
    pub keys: BTreeMap<Sid, SidCounts>,
    /// Descriptors that could not be understood.
    pub unreadable: Vec<SdError>,
}

impl Hive {
    /// Counts the SIDs in the descriptors of live security cells.
    ///
    /// A hive of an unknown minor version is listed too, by its cells alone.
    ///
    /// # Errors
    /// When the hive is damaged.
    pub fn sids(&self) -> Result<SidList, HiveError> {
        let ring = if self.is_editable() {
            self.tree()?.ring
        } else {
            self.ring_by_cells()?
        };
        let mut list = SidList::default();
        for offset in ring {
            let keys = u64::from(self.security_field(offset, sk::REFERENCES)?);
            let mut found = Vec::new();
            let read = sids(self.security_descriptor(offset)?, |role, sid| {
                found.push((role.part(), sid));
            });
            if let Err(error) = read {
                list.unreadable.push(error);
            }
            for (part, sid) in found {
                add(list.cells.entry(sid.clone()).or_default(), part, 1);
                add(list.keys.entry(sid).or_default(), part, keys);
            }
        }
        Ok(list)
    }

    /// Distinct live descriptors and how many keys have each, in ring order.
    ///
    /// # Errors
    /// When the hive is damaged.
    pub fn descriptors(&self) -> Result<Vec<(&[u8], u32)>, HiveError> {
        self.tree()?
            .ring
            .into_iter()
            .map(|offset| {
                Ok((
                    self.security_descriptor(offset)?,
                    self.security_field(offset, sk::REFERENCES)?,
                ))
            })
            .collect()
    }

    /// The ring of security cells of a hive whose keys are not understood.
    fn ring_by_cells(&self) -> Result<Vec<u32>, HiveError> {
        for bin in &self.bins {
            let mut offset = bin.offset + BIN_HEADER;
            while offset < bin.end() {
                let size = self.raw_size(offset);
                // A ring proves itself: every cell of it is linked both ways.
                if size < 0
                    && self.cell(offset)?.starts_with(b"sk")
                    && let Ok(ring) = self.security_ring(offset)
                {
                    return Ok(ring);
                }
                offset += size.unsigned_abs().max(8);
            }
        }
        Err(HiveError::Security {
            offset: NIL,
            what: "there is no list of security cells",
        })
    }

    /// Counts SIDs written as text in key names, value names and string data,
    /// and values that hold exactly one binary SID.
    ///
    /// # Errors
    /// When the hive is damaged.
    pub fn text_sids(&self) -> Result<BTreeMap<Sid, u64>, HiveError> {
        let mut counts = BTreeMap::new();
        for (offset, _) in self.tree()?.keys {
            let key = Key::at(self, offset)?;
            if !key.has_flag(nk::FLAG_ROOT) {
                find_in(&key.name_units(), &mut counts);
            }
            for value in key.values()? {
                find_in(&value.name_units(), &mut counts);
                let data = value.data()?;
                match value.kind() {
                    kind::SZ | kind::EXPAND_SZ | kind::LINK | kind::MULTI_SZ => {
                        find_in(&units(&data).collect::<Vec<_>>(), &mut counts);
                    }
                    _ => {
                        if let Ok(sid) = Sid::from_bytes(&data)
                            && sid.authority() != 0
                        {
                            *counts.entry(sid).or_default() += 1;
                        }
                    }
                }
            }
        }
        Ok(counts)
    }
}

fn add(counts: &mut SidCounts, part: Part, times: u64) {
    match part {
        Part::Owner => counts.owner += times,
        Part::Group => counts.group += times,
        Part::Dacl => counts.dacl += times,
        Part::Sacl => counts.sacl += times,
    }
}

/// Counts every `S-1-…` in `text`; the longest run of digits and dashes is one SID.
fn find_in(text: &[u16], counts: &mut BTreeMap<Sid, u64>) {
    let is = |unit: u16, ch: char| u32::from(unit) == u32::from(ch);
    let mut at = 0;
    while at + 4 < text.len() {
        let starts = (is(text[at], 'S') || is(text[at], 's'))
            && is(text[at + 1], '-')
            && is(text[at + 2], '1')
            && is(text[at + 3], '-');
        if !starts {
            at += 1;
            continue;
        }
        let len = text[at + 4..]
            .iter()
            .take_while(|unit| is(**unit, '-') || (0x30..=0x39).contains(*unit))
            .count();
        let end = at + 4 + len;
        let found = String::from_utf16_lossy(&text[at..end]);
        if let Ok(sid) = found.trim_end_matches('-').to_uppercase().parse::<Sid>()
            && sid.rid().is_some()
        {
            *counts.entry(sid).or_default() += 1;
        }
        at = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_text_sids_among_other_text() {
        let text: Vec<u16> = r"\Registry\User\S-1-5-21-1-2-3-1001_Classes;s-1-5-18, S-1-, XS-1-5"
            .encode_utf16()
            .collect();
        let mut counts = BTreeMap::new();
        find_in(&text, &mut counts);
        let found: Vec<String> = counts.keys().map(ToString::to_string).collect();
        assert_eq!(found, ["S-1-5-18", "S-1-5-21-1-2-3-1001"]);
    }
}

//! The pairs a run carries: source SID → target SID.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::sid::SidText;

/// What happens to descriptors that name a mapped source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The target is added beside the source; owner and group stay.
    Add,
    /// The target takes the source's place.
    Replace,
}

/// A map named in a change; the pairs themselves are kept once beside the
/// journal and read through [`crate::Inputs::map`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MapRef {
    /// Lower-case hex SHA-256 of the canonical CSV of the pairs.
    pub sha256: String,
    /// Number of pairs.
    pub pairs: u32,
}

/// Source SID → target SID.
///
/// INVARIANT: no target is also a source, and no pair maps a SID to itself.
/// Applying the map to something already mapped therefore changes nothing, and
/// any finished part of a run may be repeated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SidMap(BTreeMap<SidText, SidText>);

/// Why a table is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadMap {
    /// A target is itself a source.
    #[error(
        "the pair {source_sid} to {target_sid} is refused: {target_sid} is itself a source of the table; remove one of the two pairs"
    )]
    TargetIsSource {
        /// Source of the offending pair.
        source_sid: SidText,
        /// Its target, which is also a source.
        target_sid: SidText,
    },
    /// One source has two targets.
    #[error(
        "the source {source_sid} has two targets, {first} and {second}; keep one of the two pairs"
    )]
    TwoTargets {
        /// The source.
        source_sid: SidText,
        /// First target.
        first: SidText,
        /// Second target.
        second: SidText,
    },
}

impl SidMap {
    /// Takes pairs in any order; identity pairs are dropped.
    ///
    /// # Errors
    /// When a target is itself a source, or a source has two targets.
    pub fn new(pairs: impl IntoIterator<Item = (SidText, SidText)>) -> Result<SidMap, BadMap> {
        let mut map: BTreeMap<SidText, SidText> = BTreeMap::new();
        for (source, target) in pairs {
            if source == target {
                continue;
            }
            match map.get(&source) {
                Some(first) if *first != target => {
                    return Err(BadMap::TwoTargets {
                        source_sid: source,
                        first: first.clone(),
                        second: target,
                    });
                }
                _ => {
                    map.insert(source, target);
                }
            }
        }
        for (source, target) in &map {
            if map.contains_key(target) {
                return Err(BadMap::TargetIsSource {
                    source_sid: source.clone(),
                    target_sid: target.clone(),
                });
            }
        }
        Ok(SidMap(map))
    }

    /// Target of `source`.
    pub fn target(&self, source: &SidText) -> Option<&SidText> {
        self.0.get(source)
    }

    /// Pairs, sorted by source.
    pub fn pairs(&self) -> impl Iterator<Item = (&SidText, &SidText)> {
        self.0.iter()
    }

    /// Number of pairs.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no pair.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Canonical text: header, then one sorted `source,target` line per pair.
    pub fn to_csv(&self) -> String {
        let mut out = String::from("source_sid,target_sid\n");
        for (source, target) in &self.0 {
            out.push_str(&format!("{source},{target}\n"));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sid(n: u32) -> SidText {
        format!("S-1-5-21-1-2-3-{n}").parse().unwrap()
    }

    #[test]
    fn a_target_that_is_a_source_is_refused_by_name() {
        let err = SidMap::new([(sid(1), sid(2)), (sid(2), sid(3))]).unwrap_err();
        assert_eq!(
            err,
            BadMap::TargetIsSource {
                source_sid: sid(1),
                target_sid: sid(2)
            }
        );
    }

    #[test]
    fn identity_pairs_vanish_before_the_check() {
        let map = SidMap::new([(sid(2), sid(2)), (sid(1), sid(2))]).unwrap();
        assert_eq!(map.len(), 1);
        assert_eq!(map.target(&sid(1)), Some(&sid(2)));
    }

    #[test]
    fn two_targets_are_refused_and_repeats_are_not() {
        assert!(SidMap::new([(sid(1), sid(8)), (sid(1), sid(8))]).is_ok());
        assert!(matches!(
            SidMap::new([(sid(1), sid(8)), (sid(1), sid(9))]),
            Err(BadMap::TwoTargets { .. })
        ));
    }
}

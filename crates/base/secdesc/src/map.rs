//! Which account becomes which.
//!
//! What must stay true: a source is never a target, never maps to two targets
//! and is never a SID that means the same everywhere. So one look-up per SID
//! is the whole translation and doing it twice changes nothing more.

use crate::sid::Sid;

/// Pairs of source and target SID, made for fast look-up by encoded bytes.
#[derive(Debug, Clone, Default)]
pub struct SidMap {
    // INVARIANT: sorted by source, sources unique, no source equals its target
    // or any other target.
    pairs: Vec<(Sid, Sid)>,
    // INVARIANT: a power of two, at least twice the number of pairs; 0 is free,
    // anything else is the index of a pair and one.
    slots: Vec<u32>,
}

/// Why pairs cannot be used together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MapError {
    /// The source means the same on every machine.
    #[error(
        "{source_sid} (to {target_sid}) is the same on every machine and is never mapped: take the pair out"
    )]
    NeverMapped {
        /// The refused source.
        source_sid: Box<Sid>,
        /// What it was to become.
        target_sid: Box<Sid>,
    },
    /// One source with two targets.
    #[error("{source_sid} is mapped to both {first} and {second}: keep one of the pairs")]
    TwoTargets {
        /// The source in question.
        source_sid: Box<Sid>,
        /// One target.
        first: Box<Sid>,
        /// The other target.
        second: Box<Sid>,
    },
    /// The target of one pair is the source of another.
    #[error(
        "{source_sid} is mapped to {target_sid}, which is itself mapped to {next}: a target cannot be a source"
    )]
    Chain {
        /// Source of the pair.
        source_sid: Box<Sid>,
        /// Its target.
        target_sid: Box<Sid>,
        /// What that target is mapped to.
        next: Box<Sid>,
    },
    /// More pairs than fit.
    #[error("{0} pairs are too many for one map")]
    TooMany(usize),
}

impl SidMap {
    /// Makes a map; pairs of a SID with itself are dropped and equal pairs are one.
    ///
    /// # Errors
    /// Names the first pair (in the order of sources) that cannot be used.
    pub fn new(pairs: impl IntoIterator<Item = (Sid, Sid)>) -> Result<Self, MapError> {
        let mut pairs: Vec<_> = pairs.into_iter().collect();
        pairs.sort();
        pairs.dedup();
        if let Some([(source, first), (_, second)]) =
            pairs.array_windows().find(|[a, b]| a.0 == b.0)
        {
            return Err(MapError::TwoTargets {
                source_sid: Box::new(source.clone()),
                first: Box::new(first.clone()),
                second: Box::new(second.clone()),
            });
        }
        pairs.retain(|(source, target)| source != target);
        if u32::try_from(pairs.len()).is_err() {
            return Err(MapError::TooMany(pairs.len()));
        }
        let map = Self {
            slots: slots_for(&pairs),
            pairs,
        };
        map.check()?;
        Ok(map)
    }

    /// What `sid` becomes, if it is a source.
    #[must_use]
    pub fn target(&self, sid: &Sid) -> Option<&Sid> {
        self.find(sid.as_bytes()).map(|index| &self.pairs[index].1)
    }

    /// The pairs, sorted by source.
    pub fn pairs(&self) -> impl ExactSizeIterator<Item = (&Sid, &Sid)> {
        self.pairs.iter().map(|(source, target)| (source, target))
    }

    /// How many pairs there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Whether there is no pair.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// What an encoded SID becomes; `sid` is a whole, checked SID.
    #[inline]
    pub(crate) fn lookup(&self, sid: &[u8]) -> Option<&[u8]> {
        self.find(sid).map(|index| self.target_at(index))
    }

    pub(crate) fn target_at(&self, index: usize) -> &[u8] {
        self.pairs[index].1.as_bytes()
    }

    #[inline]
    pub(crate) fn find(&self, sid: &[u8]) -> Option<usize> {
        if self.slots.is_empty() {
            return None;
        }
        let mask = self.slots.len() - 1;
        let mut slot = hash(sid) & mask;
        loop {
            let index = (self.slots[slot] as usize).checked_sub(1)?;
            if self.pairs[index].0.as_bytes() == sid {
                return Some(index);
            }
            slot = (slot + 1) & mask;
        }
    }

    fn check(&self) -> Result<(), MapError> {
        for (source, target) in &self.pairs {
            if source.is_never_mapped() {
                return Err(MapError::NeverMapped {
                    source_sid: Box::new(source.clone()),
                    target_sid: Box::new(target.clone()),
                });
            }
            if let Some(next) = self.target(target) {
                return Err(MapError::Chain {
                    source_sid: Box::new(source.clone()),
                    target_sid: Box::new(target.clone()),
                    next: Box::new(next.clone()),
                });
            }
        }
        Ok(())
    }
}

/// A quarter full at most, so that a SID that is not mapped nearly always
/// meets a free slot at once.
fn slots_for(pairs: &[(Sid, Sid)]) -> Vec<u32> {
    if pairs.is_empty() {
        return Vec::new();
    }
    let mask = (pairs.len() * 4).next_power_of_two() - 1;
    let mut slots = vec![0; mask + 1];
    for (index, (source, _)) in pairs.iter().enumerate() {
        let mut slot = hash(source.as_bytes()) & mask;
        while slots[slot] != 0 {
            slot = (slot + 1) & mask;
        }
        slots[slot] = index as u32 + 1;
    }
    slots
}

/// Mixes the first sub-authorities with the last ones; what differs between
/// two accounts is there.
#[inline]
fn hash(sid: &[u8]) -> usize {
    let Some(tail) = sid.last_chunk().map(|chunk| u64::from_le_bytes(*chunk)) else {
        return 0;
    };
    let head = sid.get(12..).and_then(<[u8]>::first_chunk);
    let head = head.map_or(0, |chunk| u64::from_le_bytes(*chunk));
    let mixed = (tail ^ head.rotate_left(29)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 32) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sid(text: &str) -> Sid {
        text.parse().expect(text)
    }

    fn map(pairs: &[(&str, &str)]) -> Result<SidMap, MapError> {
        SidMap::new(pairs.iter().map(|(a, b)| (sid(a), sid(b))))
    }

    #[test]
    fn finds_every_source_and_nothing_else() {
        let base = sid("S-1-5-21-1-2-3");
        let entra = sid("S-1-12-1-1-2-3");
        let pair = |n| {
            let source = base.with_rid(n).expect("room");
            (source, entra.with_rid(n).expect("room"))
        };
        let map = SidMap::new((0..5000).map(pair)).expect("a map");
        assert_eq!(map.len(), 5000);
        for n in 0..5000 {
            let (source, target) = pair(n);
            assert_eq!(map.target(&source), Some(&target));
            assert_eq!(map.target(&target), None);
        }
        assert_eq!(map.target(&base), None);
        assert_eq!(SidMap::default().target(&base), None);
    }

    #[test]
    fn drops_identities_and_repeats() {
        let (a, b) = ("S-1-5-21-1-2-3-4", "S-1-12-1-1-2-3-4");
        let made = map(&[(a, b), (a, b), (b, b), ("S-1-5-18", "S-1-5-18")]).expect("a map");
        assert_eq!(made.pairs().collect::<Vec<_>>(), [(&sid(a), &sid(b))]);
        assert!(map(&[(a, a)]).expect("a map").is_empty());
    }

    #[test]
    fn refuses_and_names_the_pair() {
        let (a, b, c) = ("S-1-5-21-1-2-3-4", "S-1-5-21-5-6-7-8", "S-1-12-1-1-2-3-4");
        for (pairs, message) in [
            (
                vec![(a, b), (b, c)],
                format!("{a} is mapped to {b}, which is itself mapped to {c}"),
            ),
            (
                vec![(a, b), (b, a)],
                format!("{a} is mapped to {b}, which is itself mapped to {a}"),
            ),
            (
                vec![(a, c), (a, b)],
                format!("{a} is mapped to both {b} and {c}"),
            ),
            (
                vec![(a, a), (a, b)],
                format!("{a} is mapped to both {a} and {b}"),
            ),
            (
                vec![("S-1-5-32-544", a)],
                format!("S-1-5-32-544 (to {a}) is the same on every"),
            ),
        ] {
            let error = map(&pairs).expect_err("refused").to_string();
            assert!(error.starts_with(&message), "{error}");
        }
    }
}

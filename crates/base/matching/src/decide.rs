//! The decision per source object.

use gw_model::Guid;
use std::collections::HashMap;

/// What matching needs to know of an object; a million of them must fit into memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The directory's own id.
    pub guid: Guid,
    /// The text it is matched on ([`crate::key_of`]), `None` if the attribute is missing.
    pub key: Option<Box<str>>,
    /// Takes part. Disabled accounts do not, unless the profile says so.
    pub eligible: bool,
    /// The object it was bound to by an earlier sync or by hand; holds while both exist.
    pub bound: Option<Guid>,
}

/// What became of one source object, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Paired with the target at this index, on the key.
    Matched(usize),
    /// Paired earlier with the target at this index; names may have changed since.
    Bound(usize),
    /// Left out by the profile.
    Excluded,
    /// The attribute is missing or empty.
    NoKey,
    /// No target has this value.
    NoCandidate,
    /// Several targets have this value: all of them, sorted by GUID.
    AmbiguousTargets(Vec<usize>),
    /// Several sources have this value: the other ones, sorted by GUID.
    AmbiguousSources(Vec<usize>),
    /// The only target with this value is bound to the source at this index.
    TargetTaken(usize),
}

impl Decision {
    /// The index of the paired target.
    #[must_use]
    pub fn target(&self) -> Option<usize> {
        match self {
            Self::Matched(target) | Self::Bound(target) => Some(*target),
            _ => None,
        }
    }
}

/// Counts for the overview.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Paired, newly or before.
    pub matched: usize,
    /// Without a pair.
    pub unmatched: usize,
    /// Without a pair because it is not clear which.
    pub ambiguous: usize,
}

impl Summary {
    /// Counts decisions.
    #[must_use]
    pub fn of(decisions: &[Decision]) -> Self {
        let mut sum = Self::default();
        for decision in decisions {
            match decision {
                Decision::Matched(_) | Decision::Bound(_) => sum.matched += 1,
                Decision::AmbiguousTargets(_) | Decision::AmbiguousSources(_) => sum.ambiguous += 1,
                Decision::Excluded => {}
                Decision::NoKey | Decision::NoCandidate | Decision::TargetTaken(_) => {
                    sum.unmatched += 1;
                }
            }
        }
        sum
    }
}

/// One decision per source, in the order of the sources.
///
/// Pairs that were bound earlier come first and hold as long as both objects exist. The rest is
/// paired on equal keys where exactly one eligible source and exactly one eligible, unbound target
/// have the key.
#[must_use]
pub fn match_subjects(sources: &[Subject], targets: &[Subject]) -> Vec<Decision> {
    let bound = bound_pairs(sources, targets);
    let mut taken: HashMap<usize, usize> = HashMap::new();
    for (source, target) in &bound {
        taken.insert(*target, *source);
    }
    let by_target_key = index(targets, |_| true);
    let by_source_key = index(sources, |n| !bound.contains_key(&n));
    sources
        .iter()
        .enumerate()
        .map(|(n, source)| {
            if let Some(target) = bound.get(&n) {
                return Decision::Bound(*target);
            }
            if !source.eligible {
                return Decision::Excluded;
            }
            let Some(key) = source.key.as_deref() else {
                return Decision::NoKey;
            };
            let Some(candidates) = by_target_key.get(key) else {
                return Decision::NoCandidate;
            };
            if let Some(rivals) = by_source_key.get(key).filter(|all| all.count() > 1) {
                return Decision::AmbiguousSources(rivals.sorted_without(sources, n));
            }
            match candidates {
                Indices::One(target) => match taken.get(target) {
                    Some(holder) => Decision::TargetTaken(*holder),
                    None => Decision::Matched(*target),
                },
                Indices::Many(_) => {
                    Decision::AmbiguousTargets(candidates.sorted_without(targets, usize::MAX))
                }
            }
        })
        .collect()
}

/// Earlier pairs of which both objects still exist. If two sources name one target, the smaller
/// GUID keeps it.
fn bound_pairs(sources: &[Subject], targets: &[Subject]) -> HashMap<usize, usize> {
    let mut wanted: Vec<(Guid, usize, Guid)> = sources
        .iter()
        .enumerate()
        .filter_map(|(n, source)| source.bound.map(|target| (source.guid, n, target)))
        .collect();
    if wanted.is_empty() {
        return HashMap::new();
    }
    wanted.sort_unstable();
    let place: HashMap<Guid, usize> = targets
        .iter()
        .enumerate()
        .map(|(n, target)| (target.guid, n))
        .collect();
    let mut held = std::collections::HashSet::new();
    wanted
        .into_iter()
        .filter_map(|(_, source, target)| {
            let target = *place.get(&target)?;
            held.insert(target).then_some((source, target))
        })
        .collect()
}

/// Nearly every key has exactly one object, so one index is stored without a list of its own.
enum Indices {
    One(usize),
    Many(Vec<usize>),
}

impl Indices {
    fn count(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Many(all) => all.len(),
        }
    }

    fn sorted_without(&self, subjects: &[Subject], not: usize) -> Vec<usize> {
        let mut all: Vec<usize> = match self {
            Self::One(one) => vec![*one],
            Self::Many(all) => all.clone(),
        };
        all.retain(|n| *n != not);
        all.sort_unstable_by_key(|n| subjects[*n].guid);
        all
    }
}

fn index(subjects: &[Subject], takes_part: impl Fn(usize) -> bool) -> HashMap<&str, Indices> {
    let mut map: HashMap<&str, Indices> = HashMap::with_capacity(subjects.len());
    for (n, subject) in subjects.iter().enumerate() {
        if !subject.eligible || !takes_part(n) {
            continue;
        }
        let Some(key) = subject.key.as_deref() else {
            continue;
        };
        map.entry(key)
            .and_modify(|held| match held {
                Indices::One(first) => *held = Indices::Many(vec![*first, n]),
                Indices::Many(all) => all.push(n),
            })
            .or_insert(Indices::One(n));
    }
    map
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn guid(n: u128) -> Guid {
        Guid(Uuid::from_u128(n))
    }
    fn subject(n: u128, key: &str) -> Subject {
        let key = (!key.is_empty()).then(|| key.into());
        Subject {
            guid: guid(n),
            key,
            eligible: true,
            bound: None,
        }
    }

    #[test]
    fn every_kind_of_decision() {
        let mut sources = vec![
            subject(1, "ann"),
            subject(2, "bob"),
            subject(3, ""),
            subject(4, "twin"),
            subject(5, "same"),
            subject(6, "same"),
            subject(7, "renamed"),
            subject(8, "nobody"),
            subject(9, "off"),
            subject(10, "new name of seven"),
        ];
        sources[6].bound = Some(guid(107));
        sources[8].eligible = false;
        let targets = vec![
            subject(101, "ann"),
            subject(104, "twin"),
            subject(103, "twin"),
            subject(105, "same"),
            subject(107, "new name of seven"),
            subject(109, "off"),
            subject(102, "bob"),
        ];
        assert_eq!(
            match_subjects(&sources, &targets),
            [
                Decision::Matched(0),
                Decision::Matched(6),
                Decision::NoKey,
                Decision::AmbiguousTargets(vec![2, 1]),
                Decision::AmbiguousSources(vec![5]),
                Decision::AmbiguousSources(vec![4]),
                Decision::Bound(4),
                Decision::NoCandidate,
                Decision::Excluded,
                Decision::TargetTaken(6),
            ]
        );
        assert_eq!(
            Summary::of(&match_subjects(&sources, &targets)),
            Summary {
                matched: 3,
                unmatched: 3,
                ambiguous: 3
            }
        );
    }

    #[test]
    fn a_bound_pair_ends_when_one_side_is_gone() {
        let mut source = subject(1, "ann");
        source.bound = Some(guid(999));
        assert_eq!(
            match_subjects(&[source], &[subject(101, "ann")]),
            [Decision::Matched(0)]
        );
    }

    #[test]
    fn the_order_of_targets_does_not_matter() {
        let sources: Vec<_> = (0..50)
            .map(|n| subject(n, &format!("k{}", n % 40)))
            .collect();
        let mut targets: Vec<_> = (0..45)
            .map(|n| subject(1000 + n, &format!("k{}", n % 37)))
            .collect();
        let name = |targets: &[Subject]| -> Vec<Option<Guid>> {
            match_subjects(&sources, targets)
                .iter()
                .map(|d| d.target().map(|t| targets[t].guid))
                .collect()
        };
        let first = name(&targets);
        targets.reverse();
        assert_eq!(name(&targets), first);
        assert!(first.iter().flatten().count() > 10);
    }
}

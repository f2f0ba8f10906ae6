//! Batches: which devices, and when. A device is in one batch at a time.

use crate::{BatchId, CustomerId, DeviceId, DirectoryId, RunbookId, Window};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A runbook attached to a batch, with its own dates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchRunbook {
    /// The runbook.
    pub runbook: RunbookId,
    /// Its dates.
    pub window: Window,
}

/// The devices of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mode", content = "devices", rename_all = "snake_case")]
pub enum BatchScope {
    /// "Only these computers".
    Only(BTreeSet<DeviceId>),
    /// "All computers except the following".
    AllExcept(BTreeSet<DeviceId>),
}

impl BatchScope {
    /// How, if at all, this scope claims the device.
    #[must_use]
    pub fn claims(&self, device: DeviceId) -> Option<Claim> {
        match self {
            Self::Only(list) => list.contains(&device).then_some(Claim::Explicit),
            Self::AllExcept(list) => (!list.contains(&device)).then_some(Claim::CatchAll),
        }
    }
}

/// How a batch claims a device; an explicit claim beats a catch-all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Claim {
    /// By an "all except" list.
    CatchAll,
    /// By name.
    Explicit,
}

/// A batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// Our id.
    pub id: BatchId,
    /// The customer it belongs to.
    pub customer: CustomerId,
    /// Its display name.
    pub name: String,
    /// Exactly one source; must be among each runbook's sources.
    pub source: DirectoryId,
    /// Exactly one target; must equal each runbook's target.
    pub target: DirectoryId,
    /// The runbooks with their dates.
    pub runbooks: Vec<BatchRunbook>,
    /// The devices.
    pub scope: BatchScope,
}

/// Two batches claim a device with equal strength.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the device is in `{first}` and in `{second}`; take it out of one of them, or move it")]
pub struct MembershipConflict {
    /// The name of one batch.
    pub first: String,
    /// The name of the other.
    pub second: String,
}

/// The one batch that a device is in, given all batches of its customer for its source.
///
/// An explicit list beats an "all except" catch-all.
///
/// # Errors
/// Two claims of the same strength; both batches are named.
pub fn choose_batch<'a>(
    device: DeviceId,
    batches: impl IntoIterator<Item = &'a Batch>,
) -> Result<Option<&'a Batch>, MembershipConflict> {
    let mut claims: Vec<(Claim, &Batch)> = batches
        .into_iter()
        .filter_map(|b| b.scope.claims(device).map(|claim| (claim, b)))
        .collect();
    // Stable: among equals the caller's order decides which is named first.
    claims.sort_by_key(|(claim, _)| std::cmp::Reverse(*claim));
    match claims.as_slice() {
        [(held, first), (claim, second), ..] if held == claim => Err(MembershipConflict {
            first: first.name.clone(),
            second: second.name.clone(),
        }),
        found => Ok(found.first().map(|(_, batch)| *batch)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn batch(n: u128, name: &str, scope: BatchScope) -> Batch {
        Batch {
            id: BatchId(Uuid::from_u128(n)),
            customer: CustomerId(Uuid::nil()),
            name: name.into(),
            source: DirectoryId(Uuid::from_u128(1)),
            target: DirectoryId(Uuid::from_u128(2)),
            runbooks: vec![],
            scope,
        }
    }

    #[test]
    fn an_explicit_list_beats_a_catch_all_and_two_lists_are_refused_by_name() {
        let device = DeviceId(Uuid::from_u128(9));
        let all = batch(1, "everyone", BatchScope::AllExcept(BTreeSet::new()));
        let it = batch(2, "IT first", BatchScope::Only([device].into()));
        let pilot = batch(3, "pilot", BatchScope::Only([device].into()));
        let names = |list: &[&Batch]| {
            choose_batch(device, list.iter().copied())
                .map(|found| found.map(|batch| batch.name.clone()))
        };
        assert_eq!(names(&[&all]).unwrap().as_deref(), Some("everyone"));
        assert_eq!(names(&[&all, &it]).unwrap().as_deref(), Some("IT first"));
        assert_eq!(names(&[&it, &all]).unwrap().as_deref(), Some("IT first"));
        assert_eq!(
            names(&[&all, &all, &it]).unwrap().as_deref(),
            Some("IT first")
        );
        let refused = names(&[&all, &it, &pilot]).unwrap_err();
        assert_eq!(
            (refused.first.as_str(), refused.second.as_str()),
            ("IT first", "pilot")
        );
        let out = batch(4, "everyone", BatchScope::AllExcept([device].into()));
        assert_eq!(names(&[&out]).unwrap(), None);
    }
}

//! Runs: one runbook on one device, step by step, with a typed outcome per user (B-03).

use gw_secdesc::Sid;
use serde::{Deserialize, Serialize};

/// What an order asks a device to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunKind {
    /// Execute the runbook.
    Run,
    /// Say what the runbook would do; change nothing.
    Rehearse,
    /// Take a finished run back.
    Undo,
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Handed to the device, not begun.
    Ordered,
    /// Begun.
    Running,
    /// Ended; the final state says how.
    Finished,
    /// Refused by the device or withdrawn before it began.
    Cancelled,
}

/// The four ways in which a run ends (`docs/way-back.md`); a device is never stranded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinalState {
    /// In the target, and verified.
    Migrated,
    /// Never left the source; everything as before, from before-images.
    Restored,
    /// Had left; in the source again by a new join, everything else from before-images.
    Returned,
    /// In no directory; guards lifted, a proven way in, retrying both ways.
    Held,
    /// A rehearsal ended: nothing was changed.
    Rehearsed,
}

/// The steps of a run, in the order in which they happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepName {
    /// Look for what would stop the run.
    Preflight,
    /// Bring everything needed later onto the device; before-images.
    Stage,
    /// Keep users out while the device changes.
    GuardsUp,
    /// Leave the source.
    Leave,
    /// Join the target and prove it.
    Join,
    /// Bind profiles to the target users.
    Profiles,
    /// Rewrite descriptors of files and folders.
    Files,
    /// Rewrite the users' hives.
    UserHives,
    /// Rewrite the machine's hives.
    MachineHives,
    /// Carry local group memberships over.
    LocalGroups,
    /// Read everything back and prove it.
    Verify,
    /// Let users in again.
    GuardsDown,
    /// Undo everything, from before-images.
    WayBack,
    /// Join the source again.
    Return,
    /// Remove what was only needed during the run.
    CleanUp,
}

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// Not begun.
    Pending,
    /// Begun.
    Running,
    /// Done and checked.
    Done,
    /// Failed; the detail says why.
    Failed,
    /// Taken back.
    Undone,
    /// Not part of this runbook.
    Skipped,
}

/// What became of one user's profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserResult {
    /// Bound to the target user and verified.
    Migrated,
    /// The user is not in the Translation Table; the profile was left alone.
    Unmapped,
    /// As before.
    Restored,
    /// Something is not as it should be; the detail says what.
    Failed,
}

/// The outcome for one profile on the device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserOutcome {
    /// Account name or profile folder, for people.
    pub user: String,
    /// The profile's SID before the run.
    pub source_sid: Sid,
    /// The SID that it is bound to now, if mapped.
    pub target_sid: Option<Sid>,
    /// What became of it.
    pub result: UserResult,
    /// Files and folders of the profile that were looked at.
    pub files_seen: u64,
    /// Of these, how many descriptors changed.
    pub files_changed: u64,
    /// Registry keys whose descriptor changed.
    pub keys_changed: u64,
    /// Mapped source SIDs still found in descriptors of the profile.
    pub leftover_source_sids: u64,
    /// A sentence for people if `result` is not `Migrated`.
    pub detail: Option<String>,
}

//! Runs: one runbook on one device.

use chrono::{DateTime, Utc};
use gw_model::{BatchId, DeviceId, RunId, RunbookId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A run in one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunSummary {
    /// Its id.
    #[schema(value_type = String)]
    pub id: RunId,
    /// What it is for.
    pub kind: RunKind,
    /// The device.
    #[schema(value_type = String)]
    pub device_id: DeviceId,
    /// Its name when the run was ordered.
    pub device_name: String,
    /// The runbook.
    #[schema(value_type = String)]
    pub runbook_id: RunbookId,
    /// Its name.
    pub runbook_name: String,
    /// The version that runs.
    pub runbook_version: i64,
    /// The batch that ordered it.
    #[schema(value_type = Option<String>)]
    pub batch_id: Option<BatchId>,
    /// Where it stands.
    pub state: RunState,
    /// How it ended; absent until it is finished.
    pub result: Option<RunResult>,
    /// Why it ended so, for a person; empty if there is nothing to say.
    pub reason: String,
    /// The step at work.
    pub step: Option<StepName>,
    /// Units of that step done.
    pub done: u64,
    /// Units of that step in all; 0 while unknown.
    pub total: u64,
    /// Times the device started again.
    pub reboots: u64,
    /// When it was ordered.
    pub ordered_at: DateTime<Utc>,
    /// When the device began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
}

/// What a run is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunKind {
    /// The real thing.
    Run,
    /// Reads only, and says what it would do.
    Rehearse,
    /// Goes back.
    Undo,
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Handed to the device, not begun.
    Ordered,
    /// Begun.
    Running,
    /// Ended; `result` says how.
    Finished,
    /// Refused by the device, or withdrawn before it began.
    Cancelled,
}

/// How a run ended. A device is never stranded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunResult {
    /// In the target, and verified.
    Migrated,
    /// Never left the source; everything as before.
    Restored,
    /// Had left; in the source again, everything else as before.
    Returned,
    /// In no directory, with a proven way in; a person must look.
    Held,
    /// A rehearsal ended: nothing was changed.
    Rehearsed,
}

/// Which runs are wanted; the newest come first.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RunQuery {
    /// Only where the device's name contains this; case does not matter.
    pub q: Option<String>,
    /// Only in this state.
    #[param(inline)]
    pub state: Option<RunState>,
    /// Only with this result.
    #[param(inline)]
    pub result: Option<RunResult>,
    /// Only on this device.
    #[param(value_type = Option<String>)]
    pub device_id: Option<DeviceId>,
    /// Only of this batch.
    #[param(value_type = Option<String>)]
    pub batch_id: Option<BatchId>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// Rows per page, 1 to 500.
    pub limit: Option<u32>,
}

/// Everything about one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Run {
    /// The line in the list.
    pub summary: RunSummary,
    /// Its steps in the order in which they happen.
    pub steps: Vec<RunStep>,
    /// What became of each profile.
    pub users: Vec<RunUser>,
}

/// One step of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunStep {
    /// Which.
    pub name: StepName,
    /// Where it stands.
    pub state: StepState,
    /// What it did or why it failed, for a person.
    pub detail: String,
    /// Units done.
    pub done: u64,
    /// Units in all; 0 while unknown.
    pub total: u64,
    /// When it began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
}

/// The steps of a run, in the order in which they happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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

/// What became of one user's profile in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunUser {
    /// Account name or profile folder.
    pub user: String,
    /// The profile's SID before the run.
    pub source_sid: String,
    /// The SID it is bound to now, if mapped.
    pub target_sid: Option<String>,
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
    /// Why, for a person, if it did not move.
    pub detail: Option<String>,
}

/// What became of one user's profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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

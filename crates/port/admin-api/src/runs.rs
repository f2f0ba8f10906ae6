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
    /// What it is at now, or what it came to, for a person.
    pub phase: String,
    /// Steps done.
    pub steps_done: u32,
    /// Steps in all, once compiled.
    pub steps_total: Option<u32>,
    /// When it was ordered.
    pub ordered_at: DateTime<Utc>,
    /// When the device began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// When the device last reported.
    pub last_report_at: Option<DateTime<Utc>>,
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
    /// The order is made; the device has not begun.
    Ordered,
    /// At work.
    Running,
    /// Moved and verified.
    Migrated,
    /// A rehearsal that ended; its findings are in the steps.
    Rehearsed,
    /// Stopped before it left; as it was.
    Restored,
    /// Went back to the source and proved it.
    Returned,
    /// Held with a proven way in.
    Held,
    /// The order was taken back or not accepted; nothing was changed.
    Refused,
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
    /// Only on this device.
    #[param(value_type = Option<String>)]
    pub device_id: Option<DeviceId>,
    /// Only of this batch.
    #[param(value_type = Option<String>)]
    pub batch_id: Option<BatchId>,
    /// Only of this runbook.
    #[param(value_type = Option<String>)]
    pub runbook_id: Option<RunbookId>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// Rows per page, 1 to 500.
    pub limit: Option<u32>,
}

/// Everything about one run but its steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Run {
    /// The line in the list.
    pub summary: RunSummary,
    /// Whether the independent verification at the end passed; absent before it.
    pub verified: Option<bool>,
    /// Totals the device reported at the end.
    pub totals: RunTotals,
    /// Why it did not end as migrated, for a person.
    pub problem: Option<RunProblem>,
    /// Times the device started again during the run.
    pub reboots: u32,
}

/// What a run did, in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunTotals {
    /// Files and folders looked at.
    pub files_seen: u64,
    /// Of those, with a new descriptor.
    pub files_changed: u64,
    /// Registry keys looked at.
    pub keys_seen: u64,
    /// Of those, with a new descriptor.
    pub keys_changed: u64,
    /// Distinct SIDs seen that no pair was known for.
    pub unknown_sids: u64,
}

/// Why a run did not end as migrated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunProblem {
    /// Stable event code.
    pub code: String,
    /// What happened, to which object, for a person.
    pub message: String,
    /// Who can mend it and how.
    pub remedy: Option<String>,
}

/// One step of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunStep {
    /// Place in the run, from 1.
    pub index: u32,
    /// Stable name of the step, such as `join_domain`.
    pub name: String,
    /// What it does, for a person.
    pub title: String,
    /// Where it stands.
    pub state: StepState,
    /// Times it was tried.
    pub attempts: u32,
    /// How far a long step is.
    pub progress: Option<StepProgress>,
    /// When it began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// What it found or why it failed, for a person.
    pub message: Option<String>,
}

/// How far a long step is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StepProgress {
    /// Items done.
    pub done: u64,
    /// Items in all, once known.
    pub total: Option<u64>,
}

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// Its turn has not come.
    Pending,
    /// At work.
    Running,
    /// Done and verified.
    Done,
    /// There was nothing to do.
    Skipped,
    /// It failed.
    Failed,
    /// It was taken back.
    Undone,
}

/// What became of one user's profile in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunUser {
    /// Folder of the profile on the device.
    pub profile_path: String,
    /// Account name on the source, when known.
    pub source_name: Option<String>,
    /// SID before.
    pub source_sid: String,
    /// Account name on the target, when mapped.
    pub target_name: Option<String>,
    /// SID after, when mapped.
    pub target_sid: Option<String>,
    /// What became of it.
    pub outcome: UserOutcome,
    /// Why, for a person.
    pub message: Option<String>,
    /// Files and folders with a new descriptor.
    pub files_changed: u64,
    /// Registry keys with a new descriptor.
    pub keys_changed: u64,
    /// SIDs of mapped source users still found by the verification.
    pub leftover_source_sids: u64,
}

/// What became of one user's profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UserOutcome {
    /// Not come to it yet.
    Pending,
    /// Belongs to the target user now, and verified.
    Moved,
    /// No pair for this user: left exactly as it was.
    NotMapped,
    /// Taken back with the run.
    Restored,
    /// Could not be done.
    Failed,
}

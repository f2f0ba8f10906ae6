//! Long work on the server, and the schedule that starts it.

use chrono::{DateTime, Utc};
use gw_model::{DirectoryId, JobId, ProfileId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// One piece of long work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Job {
    /// Its id.
    #[schema(value_type = String)]
    pub id: JobId,
    /// What it does.
    pub kind: JobKind,
    /// The directory it reads, for an import.
    #[schema(value_type = Option<String>)]
    pub directory_id: Option<DirectoryId>,
    /// The profile it evaluates, for a sync.
    #[schema(value_type = Option<String>)]
    pub profile_id: Option<ProfileId>,
    /// What started it.
    pub trigger: JobTrigger,
    /// Where it stands.
    pub state: JobState,
    /// How far it is.
    pub progress: JobProgress,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When it began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// Why it failed, for a person.
    pub error: Option<String>,
    /// Warnings it wrote to the message log.
    pub warnings: u64,
    /// Errors it wrote to the message log.
    pub errors: u64,
}

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// Imports every directory, then evaluates every profile.
    Cycle,
    /// Reads one directory into the store.
    Import,
    /// Evaluates one sync profile.
    Sync,
}

/// What started a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobTrigger {
    /// An administrator.
    Manual,
    /// The schedule.
    Schedule,
    /// The cycle it is a part of.
    Cycle,
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Waits for its turn.
    Queued,
    /// At work.
    Running,
    /// Done, everything in order.
    Succeeded,
    /// Ended with an error; `error` says which.
    Failed,
    /// Ended by an administrator or by the server's shutdown.
    Cancelled,
}

/// How far a job is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobProgress {
    /// What it is at now, for a person.
    pub phase: String,
    /// Items done.
    pub done: u64,
    /// Items in all, once known.
    pub total: Option<u64>,
}

/// Which jobs are wanted.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct JobQuery {
    /// Only this kind.
    #[param(inline)]
    pub kind: Option<JobKind>,
    /// Only of this directory.
    #[param(value_type = Option<String>)]
    pub directory_id: Option<DirectoryId>,
    /// Only of this profile.
    #[param(value_type = Option<String>)]
    pub profile_id: Option<ProfileId>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// Rows per page, 1 to 500.
    pub limit: Option<u32>,
}

/// When a customer's cycles start by themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Schedule {
    /// The rule.
    pub rule: ScheduleRule,
    /// When the next cycle starts; absent while the rule is manual.
    pub next_start_at: Option<DateTime<Utc>>,
    /// The last cycle, whatever started it.
    pub last_cycle: Option<Job>,
    /// Number of this version, the value of the `ETag`.
    pub version: i64,
}

/// The rule of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum ScheduleRule {
    /// Only when an administrator starts it.
    Manual,
    /// From one start to the next.
    Interval {
        /// 5 to 10,080 minutes (a week).
        minutes: u32,
    },
}

/// Sets the schedule.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleInput {
    /// The rule from now on.
    pub rule: ScheduleRule,
}

//! Long work on the server, and the schedule that starts it.

use chrono::{DateTime, Utc};
use gw_model::JobId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One piece of long work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Job {
    /// Its id.
    #[schema(value_type = String)]
    pub id: JobId,
    /// The cycle it is a part of.
    #[schema(value_type = Option<String>)]
    pub parent_id: Option<JobId>,
    /// What it does.
    pub kind: JobKind,
    /// Id of the directory it reads or the profile it evaluates; absent for a cycle.
    pub subject_id: Option<String>,
    /// The subject's name when the job was asked for.
    pub subject_name: String,
    /// Where it stands.
    pub state: JobState,
    /// Items done.
    pub done: u64,
    /// Items in all, once known.
    pub total: Option<u64>,
    /// What it is at now, or how it ended, for a person.
    pub message: String,
    /// Warnings in its message log.
    pub warnings: u64,
    /// Errors in its message log.
    pub errors: u64,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When it began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
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
    /// Gave up; `message` and the message log say why.
    Failed,
    /// Not begun because something before it failed, or stopped by a person.
    Cancelled,
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

//! Sync profiles, the schedule, and background jobs.

use chrono::{DateTime, Utc};
use gw_model::{CustomerId, DirectoryId, JobId, ProfileId, Severity};
use serde::Serialize;

/// A sync profile: how source objects are matched to target objects. *Match only* never writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProfileRecord {
    /// Our id.
    pub id: ProfileId,
    /// The customer.
    pub customer: CustomerId,
    /// A name for people, unique within the customer.
    pub name: String,
    /// The source.
    pub source: DirectoryId,
    /// The target.
    pub target: DirectoryId,
    /// The matching rules, as JSON of the matching crate's profile.
    pub rules: String,
    /// The generation of match rows that readers see; 0 before the first sync.
    pub generation: i64,
    /// What that generation was made from; a sync of the same has nothing to do.
    pub basis: String,
    /// When the last sync ended.
    pub synced_at: Option<DateTime<Utc>>,
    /// Rises with every change; used as the ETag.
    pub revision: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// When the cycle import → sync runs by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ScheduleRecord {
    /// The customer.
    pub customer: CustomerId,
    /// Runs by itself.
    pub enabled: bool,
    /// From the start of one cycle to the start of the next.
    pub interval_minutes: i64,
    /// When the next cycle is due.
    pub next_at: Option<DateTime<Utc>>,
}

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// The whole cycle: parent of imports and syncs.
    Cycle,
    /// Read one directory into the store.
    Import,
    /// Evaluate one profile.
    Sync,
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Waits for a worker or for its predecessors.
    Queued,
    /// Being worked on.
    Running,
    /// Done.
    Succeeded,
    /// Gave up; the messages say why.
    Failed,
    /// Not begun because something before it failed, or stopped by a person.
    Cancelled,
}

/// A background job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JobRecord {
    /// Our id.
    pub id: JobId,
    /// The customer.
    pub customer: CustomerId,
    /// The cycle it belongs to.
    pub parent: Option<JobId>,
    /// What it does.
    pub kind: JobKind,
    /// The text id of the directory or profile it works on.
    pub subject: Option<String>,
    /// The subject's name at that time.
    pub subject_name: String,
    /// Where it stands.
    pub state: JobState,
    /// Units done.
    pub done: i64,
    /// Units in all, once known.
    pub total: Option<i64>,
    /// The last word on it, for people.
    pub message: String,
    /// How many warnings its message log holds.
    pub warnings: i64,
    /// How many errors its message log holds.
    pub errors: i64,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When it began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
}

/// A line of a job's message log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JobMessage {
    /// Ascending per job.
    pub sequence: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// How urgent.
    pub severity: Severity,
    /// What.
    pub text: String,
}

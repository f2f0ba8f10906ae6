//! One look at a customer.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::jobs::Job;
use crate::runs::RunSummary;
use crate::translations::TranslationCounts;

/// Where a customer's migration stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Dashboard {
    /// Devices by where they stand.
    pub devices: DeviceCounts,
    /// Rows of the Translation Table by state.
    pub translations: TranslationCounts,
    /// Seats of all valid licences.
    pub licence_seats: u64,
    /// Seats taken.
    pub licence_used: u64,
    /// Runs under way, at most 20, the oldest first.
    pub running: Vec<RunSummary>,
    /// Runs that ended last, at most 10, the newest first.
    pub recent: Vec<RunSummary>,
    /// Jobs under way or ended last, at most 5, the newest first.
    pub jobs: Vec<Job>,
    /// What someone has to look at, the gravest first.
    pub attention: Vec<Attention>,
    /// Requests of agents refused in the last 24 hours.
    pub refusals_24h: u64,
}

/// Devices by where they stand.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeviceCounts {
    /// All that were imported.
    pub total: u64,
    /// With a trusted agent.
    pub trusted: u64,
    /// Waiting for approval.
    pub pending: u64,
    /// In conflict or cloned.
    pub conflict: u64,
    /// In a batch.
    pub in_batch: u64,
    /// A run under way.
    pub running: u64,
    /// Migrated.
    pub migrated: u64,
    /// Restored or returned.
    pub back: u64,
    /// Held.
    pub held: u64,
    /// With an agent that was not heard of for 24 hours.
    pub silent: u64,
}

/// Something someone has to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Attention {
    /// Stable code, such as `devices_held`, `agents_waiting`, `import_failed`.
    pub code: String,
    /// The sentence.
    pub text: String,
    /// Where in the console it is dealt with: a path from `/`.
    pub link: String,
}

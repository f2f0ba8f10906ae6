//! How the objects of a source are matched to those of a target.

use chrono::{DateTime, Utc};
use gw_model::{DirectoryId, JobId, ProfileId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A sync profile. Profiles only match; they never write to a directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SyncProfile {
    /// Its id.
    #[schema(value_type = String)]
    pub id: ProfileId,
    /// Its name, unique within the customer.
    pub name: String,
    /// Where the objects come from.
    #[schema(value_type = String)]
    pub source_directory_id: DirectoryId,
    /// Where their counterparts are. Equal to the source for a profile that
    /// maps every object to itself.
    #[schema(value_type = String)]
    pub target_directory_id: DirectoryId,
    /// The rules, tried in order; the first that finds a counterpart decides.
    pub rules: Vec<MatchRule>,
    /// Off: it is kept but not evaluated.
    pub enabled: bool,
    /// What the last evaluation found; absent before the first.
    pub last_sync: Option<SyncSummary>,
    /// Number of this version, the value of the `ETag`.
    pub version: i64,
}

/// Two objects match when this attribute of the source equals that of the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MatchRule {
    /// Attribute read on the source, such as `sAMAccountName`.
    pub source_attribute: String,
    /// Attribute it must equal on the target; the same one when absent.
    #[serde(default)]
    pub target_attribute: Option<String>,
    /// Which objects the rule is for.
    pub kinds: Vec<MatchKind>,
}

/// Kinds of objects that can be matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MatchKind {
    /// People and service accounts.
    User,
    /// Groups.
    Group,
}

/// Makes or changes a sync profile.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SyncProfileInput {
    /// 1 to 100 characters.
    pub name: String,
    /// Where the objects come from.
    #[schema(value_type = String)]
    pub source_directory_id: DirectoryId,
    /// Where their counterparts are.
    #[schema(value_type = String)]
    pub target_directory_id: DirectoryId,
    /// At least one.
    pub rules: Vec<MatchRule>,
    /// Whether it takes part in cycles.
    pub enabled: bool,
}

/// What an evaluation found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SyncSummary {
    /// The job that did it.
    #[schema(value_type = String)]
    pub job_id: JobId,
    /// When it ended.
    pub finished_at: DateTime<Utc>,
    /// Source objects with exactly one counterpart.
    pub matched: u64,
    /// Source objects without a counterpart.
    pub unmatched: u64,
    /// Source objects with several possible counterparts, left out until someone decides.
    pub ambiguous: u64,
}

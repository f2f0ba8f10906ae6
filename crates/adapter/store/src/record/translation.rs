//! What a sync found: one row per source object, matched or not, with its explanation.

use gw_model::{DirectoryId, Guid, ObjectId, ObjectKind, ProfileId};
use gw_secdesc::Sid;
use serde::Serialize;

/// What matching made of a source object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MatchOutcome {
    /// Exactly one target: the pair is in the Translation Table.
    Matched,
    /// No target: the user gets a fresh profile.
    Unmatched,
    /// Several targets, or several sources want one: never guessed.
    Ambiguous,
}

/// One source object and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MatchRecord {
    /// The profile.
    pub profile: ProfileId,
    /// Users, groups or computers.
    pub kind: ObjectKind,
    /// What became of it.
    pub outcome: MatchOutcome,
    /// The source directory.
    pub source_directory: DirectoryId,
    /// The source object.
    pub source: ObjectId,
    /// Its directory's id.
    pub source_guid: Guid,
    /// Account name.
    pub source_name: String,
    /// userPrincipalName.
    pub source_upn: Option<String>,
    /// Distinguished name.
    pub source_dn: String,
    /// The SID that is replaced.
    pub source_sid: Option<Sid>,
    /// Earlier SIDs: further keys to the same target.
    pub source_sid_history: Vec<Sid>,
    /// The target directory.
    pub target_directory: DirectoryId,
    /// The target object of a pair.
    pub target: Option<ObjectId>,
    /// Its directory's id.
    pub target_guid: Option<Guid>,
    /// Account name.
    pub target_name: Option<String>,
    /// userPrincipalName.
    pub target_upn: Option<String>,
    /// Distinguished name.
    pub target_dn: Option<String>,
    /// The SID that replaces.
    pub target_sid: Option<Sid>,
    /// Why, as JSON of the matching crate's explanation.
    pub explanation: String,
}

/// Which rows of the table to list.
#[derive(Debug, Clone, Default)]
pub struct MatchFilter {
    /// Of one profile.
    pub profile: Option<ProfileId>,
    /// With this outcome.
    pub outcome: Option<MatchOutcome>,
    /// Of this kind.
    pub kind: Option<ObjectKind>,
    /// Folded words, all of which must begin a word of a name, UPN or SID on either side.
    pub search: Option<String>,
}

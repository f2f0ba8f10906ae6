//! How the objects of a source are matched to those of a target.

use chrono::{DateTime, Utc};
use gw_model::{DirectoryId, ProfileId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::objects::ObjectKind;
use crate::translations::TranslationCounts;

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
    /// What is matched, and on which attribute; one rule per kind. A kind
    /// without a rule is not matched.
    pub rules: Vec<MatchRule>,
    /// Pair the domains' own groups (Domain Users and the like) by their well-known number.
    pub well_known_groups: bool,
    /// Match disabled accounts too.
    pub include_disabled: bool,
    /// What the last evaluation found.
    pub counts: TranslationCounts,
    /// When the last evaluation ended; absent before the first.
    pub synced_at: Option<DateTime<Utc>>,
    /// Number of this version, the value of the `ETag`.
    pub version: i64,
}

/// Two objects of a kind match when this attribute of the source equals that of the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MatchRule {
    /// Which objects the rule is for.
    pub kind: ObjectKind,
    /// LDAP name of the attribute on the source, such as `sAMAccountName`.
    pub source_attribute: String,
    /// LDAP name of the attribute on the target.
    pub target_attribute: String,
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
    /// At least one, at most one per kind.
    pub rules: Vec<MatchRule>,
    /// Pair the domains' own groups by their well-known number.
    #[serde(default = "yes")]
    pub well_known_groups: bool,
    /// Match disabled accounts too.
    #[serde(default)]
    pub include_disabled: bool,
}

fn yes() -> bool {
    true
}

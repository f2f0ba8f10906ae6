//! Runbooks: the *what* of a migration.

use chrono::{DateTime, Utc};
use gw_model::{DirectoryId, RunbookId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Secret;

/// A runbook in one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunbookSummary {
    /// Its id.
    #[schema(value_type = String)]
    pub id: RunbookId,
    /// Its name, unique within the customer.
    pub name: String,
    /// Directories a device may come from.
    #[schema(value_type = Vec<String>)]
    pub source_directory_ids: Vec<DirectoryId>,
    /// The directory it goes to.
    #[schema(value_type = String)]
    pub target_directory_id: DirectoryId,
    /// Number of the newest version, the value of the `ETag`.
    pub version: i64,
    /// When that version was saved.
    pub changed_at: DateTime<Utc>,
    /// Batches that use it.
    pub batches: u64,
    /// Devices that finished it.
    pub finished: u64,
}

/// One version of a runbook.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Runbook {
    /// Its id.
    #[schema(value_type = String)]
    pub id: RunbookId,
    /// Its name in this version.
    pub name: String,
    /// Number of this version.
    pub version: i64,
    /// Number of the newest version, the value of the `ETag`.
    pub newest_version: i64,
    /// When this version was saved.
    pub saved_at: DateTime<Utc>,
    /// Sign-in name of who saved it.
    pub saved_by: String,
    /// Batches that use the runbook.
    pub batches: u64,
    /// SHA-256 of the document, 64 hexadecimal digits; orders name it.
    pub hash: String,
    /// The runbook document: general settings and six tabs. Its fields and
    /// defaults are those of `GET /api/v1/runbook-template`.
    #[schema(value_type = Object)]
    pub document: serde_json::Value,
    /// What the document asks for and this version does not carry out.
    pub left_out: Vec<LeftOut>,
    /// Whether a password for the join account is stored.
    pub join_password_set: bool,
    /// Whether a password for the account that takes devices back is stored.
    pub return_password_set: bool,
}

/// Something that a document asks for and that is not carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LeftOut {
    /// Path of the field in the document, such as `startup.pre_script`.
    pub field: String,
    /// What does not happen, and what to do.
    pub message: String,
    /// The runbook is refused on every device because of it.
    pub stops: bool,
}

/// Makes a runbook or its next version.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RunbookInput {
    /// The whole document. Unknown fields and values that contradict each
    /// other are refused, each by its path.
    #[schema(value_type = Object)]
    pub document: serde_json::Value,
    /// Password of the join account named in the document. Never part of the
    /// document and never sent to a device. Absent in a change: the stored
    /// one stays.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "password")]
    pub join_password: Option<Secret>,
    /// Password of the account that may reset the source's computer accounts
    /// (`device_state.way_back.return_account`), under the same rules.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "password")]
    pub return_password: Option<Secret>,
}

/// A version that was saved once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunbookVersion {
    /// Its number.
    pub version: i64,
    /// When it was saved.
    pub saved_at: DateTime<Utc>,
    /// Sign-in name of who saved it.
    pub saved_by: String,
    /// SHA-256 of the document, 64 hexadecimal digits.
    pub hash: String,
}

/// A new runbook as the editor opens it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunbookTemplate {
    /// A document in which every field has its default.
    #[schema(value_type = Object)]
    pub document: serde_json::Value,
}

/// Which version is wanted.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct VersionQuery {
    /// Its number; the newest when absent.
    pub version: Option<i64>,
}

//! The message log of imports and syncs.

use chrono::{DateTime, Utc};
use gw_model::{DirectoryId, JobId, ObjectId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// One line of the message log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Message {
    /// Its number; later lines have higher ones.
    pub seq: i64,
    /// When it was written.
    pub at: DateTime<Utc>,
    /// How grave it is.
    pub severity: Severity,
    /// Stable code, `snake_case`.
    pub code: String,
    /// What happened, for a person.
    pub text: String,
    /// The job that wrote it.
    #[schema(value_type = Option<String>)]
    pub job_id: Option<JobId>,
    /// The directory it is about.
    #[schema(value_type = Option<String>)]
    pub directory_id: Option<DirectoryId>,
    /// The object it is about.
    #[schema(value_type = Option<String>)]
    pub object_id: Option<ObjectId>,
}

/// How grave a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Life as usual.
    Info,
    /// Worth a look.
    Warning,
    /// Someone must act.
    Error,
}

/// Which lines are wanted; the newest come first.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MessageQuery {
    /// Only lines that contain this text; case does not matter.
    pub q: Option<String>,
    /// Only this severity or graver.
    #[param(inline)]
    pub severity: Option<Severity>,
    /// Only of this job.
    #[param(value_type = Option<String>)]
    pub job_id: Option<JobId>,
    /// Only about this directory.
    #[param(value_type = Option<String>)]
    pub directory_id: Option<DirectoryId>,
    /// Only about this object.
    #[param(value_type = Option<String>)]
    pub object_id: Option<ObjectId>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// Rows per page, 1 to 500.
    pub limit: Option<u32>,
}

//! The message log of a job.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One line of a job's message log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Message {
    /// Its number within the job; later lines have higher ones.
    pub seq: i64,
    /// When it was written.
    pub at: DateTime<Utc>,
    /// How grave it is.
    pub severity: Severity,
    /// What happened, for a person.
    pub text: String,
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

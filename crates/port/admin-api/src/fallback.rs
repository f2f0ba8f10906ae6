//! Fallback administrators: local accounts that devices make before they change.

use chrono::{DateTime, Utc};
use gw_model::RunId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Secret;

/// A local administrator that a run made on a device. Its password is kept sealed and shown by the
/// route `reveal` only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FallbackAdministrator {
    /// The run that made it.
    #[schema(value_type = String)]
    pub run_id: RunId,
    /// The account's name.
    pub account: String,
    /// When the device escrowed the password.
    pub escrowed_at: DateTime<Utc>,
}

/// Asks for a password.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevealInput {
    /// Why it is needed, 1 to 500 characters; the audit trail keeps it.
    pub reason: String,
}

/// A password. Whoever asked for it, and why, is in the audit trail.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RevealedPassword {
    /// The account's name.
    pub account: String,
    /// Its password.
    #[schema(value_type = String, format = "password")]
    pub password: Secret,
}

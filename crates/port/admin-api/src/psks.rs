//! Pre-shared keys by which agents enrol.

use chrono::{DateTime, Utc};
use gw_model::PskId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Secret;

/// A pre-shared key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Psk {
    /// Its id.
    #[schema(value_type = String)]
    pub id: PskId,
    /// What it is for.
    pub name: String,
    /// How an agent that used it becomes trusted.
    pub policy: PskPolicy,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it stops admitting agents; absent: when it is revoked.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
    /// Agents that enrolled with it.
    pub enrolled: u64,
}

/// How an agent becomes trusted. Many people can read a pre-shared key, so
/// having it is never enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PskPolicy {
    /// The device proves itself by its machine account. Not offered yet: asking for it is refused.
    Proof,
    /// An administrator approves each agent, one by one, in bulk or by a list.
    Approve,
    /// The first agent to claim an imported computer gets it.
    FirstClaim,
}

/// Makes a key.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PskInput {
    /// What it is for, 1 to 100 characters.
    pub name: String,
    /// Must be chosen; there is no default.
    pub policy: PskPolicy,
    /// When it stops admitting agents; absent: when it is revoked.
    #[serde(default)]
    pub expires_at: Option<DateTime<Utc>>,
}

/// The key, shown this one time.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PskCreated {
    /// The row as it is listed from now on.
    pub psk: Psk,
    /// The text to give to the installer: `gwp1.…`
    #[schema(value_type = String, format = "password")]
    pub text: Secret,
    /// The command line of the installer with address and key filled in.
    #[schema(value_type = String, format = "password")]
    pub install_command: Secret,
}

//! Who did what.

use chrono::{DateTime, Utc};
use gw_model::CustomerId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// One entry of the audit trail. Entries are only ever added.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// Its number; later entries have higher ones.
    pub seq: i64,
    /// When it happened; for a counted entry, first.
    pub at: DateTime<Utc>,
    /// Who did it.
    pub actor: AuditActor,
    /// Stable name of what was done, such as `runbook.save`.
    pub action: String,
    /// The customer it concerns.
    #[schema(value_type = Option<String>)]
    pub customer_id: Option<CustomerId>,
    /// What it was done to: the id, or another name a person recognises.
    pub subject: Option<String>,
    /// What was done, for a person.
    pub text: String,
    /// Address of the request.
    pub source: Option<String>,
    /// How often it happened: refusals are counted per cause, source and hour.
    pub count: u64,
}

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AuditActor {
    /// An administrator.
    Admin {
        /// Sign-in name.
        name: String,
    },
    /// An agent.
    Agent {
        /// Name of its device.
        device: String,
    },
    /// The server itself.
    System,
    /// Someone who did not prove who they are.
    Stranger,
}

/// Which entries are wanted; the newest come first.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// Only what concerns this customer.
    #[param(value_type = Option<String>)]
    pub customer: Option<CustomerId>,
    /// Only entries that contain this text; case does not matter.
    pub q: Option<String>,
    /// Only actions that begin with this, such as `agent.refused`.
    pub action: Option<String>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// Rows per page, 1 to 500.
    pub limit: Option<u32>,
}

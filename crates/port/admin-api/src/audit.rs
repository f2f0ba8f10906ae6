//! Who did what.

use chrono::{DateTime, Utc};
use gw_model::{AuditId, CustomerId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// One entry of the audit trail. Entries are only ever added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// Its id, ascending in time.
    #[schema(value_type = String)]
    pub id: AuditId,
    /// When it happened; for a counted refusal, first.
    pub at: DateTime<Utc>,
    /// When it was last repeated.
    pub last_at: DateTime<Utc>,
    /// Who: an administrator's name, `system`, or `agent`.
    pub actor: String,
    /// What was done, such as `runbook.save`.
    pub action: String,
    /// The customer it concerns.
    #[schema(value_type = Option<String>)]
    pub customer_id: Option<CustomerId>,
    /// Id of what it was done to.
    pub object: Option<String>,
    /// What was done, for a person.
    pub detail: String,
    /// Address it came from.
    pub source: Option<String>,
    /// How often it happened: refusals are counted per cause, source and hour.
    pub count: u64,
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

//! Administrators, their sessions, and the audit trail.

use chrono::{DateTime, Utc};
use gw_model::{AdminId, AuditId, CustomerId};
use serde::Serialize;

/// An administrator of the console.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AdminRecord {
    /// Our id.
    pub id: AdminId,
    /// The name they sign in with.
    pub name: String,
    /// Argon2id, PHC string.
    #[serde(skip)]
    pub password_hash: String,
    /// When the account was made.
    pub created_at: DateTime<Utc>,
}

/// A signed-in browser or script. Only the SHA-256 of its token is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRecord {
    /// Whose.
    pub admin: AdminId,
    /// The administrator's name.
    pub admin_name: String,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
    /// When it ends by itself.
    pub expires_at: DateTime<Utc>,
}

/// One row of the audit trail. Rows are only ever added; a refusal row counts repetitions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditRecord {
    /// Our id, ascending in time.
    pub id: AuditId,
    /// The customer concerned, if one is.
    pub customer: Option<CustomerId>,
    /// When (of a counted refusal: the first time).
    pub at: DateTime<Utc>,
    /// When it was last repeated.
    pub last_at: DateTime<Utc>,
    /// Who: an administrator's name, `system`, or `agent`.
    pub actor: String,
    /// What, as `noun.verb`.
    pub action: String,
    /// The text id of the object concerned, if any.
    pub object: Option<String>,
    /// A sentence for people.
    pub detail: String,
    /// The network address it came from, if any.
    pub source: Option<String>,
    /// How often; 1 except for refusals, which are counted per cause, source and hour.
    pub count: i64,
}

/// A row to add to the audit trail.
#[derive(Debug, Clone)]
pub struct NewAudit {
    /// Our id.
    pub id: AuditId,
    /// The customer concerned, if one is.
    pub customer: Option<CustomerId>,
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub actor: String,
    /// What, as `noun.verb`.
    pub action: String,
    /// The text id of the object concerned.
    pub object: Option<String>,
    /// A sentence for people.
    pub detail: String,
    /// The network address it came from.
    pub source: Option<String>,
}

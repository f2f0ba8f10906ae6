//! Runbooks and their versions.

use chrono::{DateTime, Utc};
use gw_model::{CustomerId, RunbookId};
use serde::Serialize;

/// A runbook in one version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunbookRecord {
    /// Our id, the same for all versions.
    pub id: RunbookId,
    /// The customer.
    pub customer: CustomerId,
    /// Its name, unique within the customer.
    pub name: String,
    /// The version; also the ETag.
    pub version: i64,
    /// The document as JSON. Join credentials are not part of it.
    pub document: String,
    /// SHA-256 of the document, in hexadecimal.
    pub hash: String,
    /// The join credential, sealed; the user name is in the document.
    #[serde(skip)]
    pub sealed_secret: Option<Vec<u8>>,
    /// When this version was saved.
    pub saved_at: DateTime<Utc>,
    /// By whom.
    pub saved_by: String,
}

/// A runbook in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunbookSummary {
    /// The runbook in its newest version.
    pub runbook: RunbookRecord,
    /// In how many batches it is.
    pub batches: i64,
    /// How many devices finished it.
    pub finished: i64,
}

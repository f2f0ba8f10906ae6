//! Batches as they are stored and listed.

use chrono::{DateTime, Utc};
use gw_model::{BatchId, BatchRunbook, CustomerId, DeviceId, DirectoryId};
use serde::Serialize;

/// "Only these" or "all except the following".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScopeMode {
    /// The list names the devices.
    Only,
    /// The list names the exceptions.
    AllExcept,
}

/// A batch without its list of devices, which may be long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BatchRecord {
    /// Our id.
    pub id: BatchId,
    /// The customer.
    pub customer: CustomerId,
    /// Its name, unique within the customer.
    pub name: String,
    /// The one source.
    pub source: DirectoryId,
    /// The one target.
    pub target: DirectoryId,
    /// What the list means.
    pub mode: ScopeMode,
    /// The runbooks with their dates, in order.
    pub runbooks: Vec<BatchRunbook>,
    /// Rises with every change; used as the ETag.
    pub revision: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// A batch in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BatchSummary {
    /// The batch.
    pub batch: BatchRecord,
    /// How many devices its list names (members, or exceptions).
    pub listed: i64,
    /// How many devices are in it now.
    pub members: i64,
    /// How many of them have a finished, successful run of every runbook of the batch.
    pub finished: i64,
}

/// One device of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BatchMember {
    /// The device.
    pub device: DeviceId,
    /// Its name.
    pub name: String,
    /// Its serial number, if its agent told.
    pub serial: Option<String>,
    /// True if an agent is enrolled and trusted.
    pub trusted: bool,
}

/// The batch that a device is in, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Membership {
    /// The batch.
    pub batch: BatchId,
    /// Its name.
    pub name: String,
    /// True if the device is named in the list; false if a catch-all holds it.
    pub explicit: bool,
}

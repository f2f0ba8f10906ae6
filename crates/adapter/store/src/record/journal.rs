//! Agent logs: kept as compressed chunks, read as lines.

use chrono::{DateTime, Utc};
use gw_model::{CustomerId, DeviceId, EventCode, RunId, Severity};
use serde::{Deserialize, Serialize};

/// One line of an agent's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRecord {
    /// Ascending per device.
    pub sequence: i64,
    /// When, by the device's view of server time.
    pub at: DateTime<Utc>,
    /// How urgent.
    pub severity: Severity,
    /// The number in the catalogue of events.
    pub code: EventCode,
    /// What, for people.
    pub text: String,
    /// The run it belongs to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub run: Option<RunId>,
}

/// Lines that arrived together, compressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogChunk {
    /// The customer.
    pub customer: CustomerId,
    /// The device.
    pub device: DeviceId,
    /// The run, if all lines belong to one.
    pub run: Option<RunId>,
    /// The first line's number.
    pub first: i64,
    /// The last line's number.
    pub last: i64,
    /// The first line's time.
    pub first_at: DateTime<Utc>,
    /// The worst severity among the lines.
    pub worst: Severity,
    /// Deflated JSON lines.
    pub body: Vec<u8>,
}

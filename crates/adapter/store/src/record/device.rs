//! Devices: our own row for a machine.

use chrono::{DateTime, Utc};
use gw_model::{AgentId, CustomerId, DeviceId, DeviceTrust, DirectoryId, Guid, ObjectId, OsFacts};
use gw_secdesc::Sid;
use serde::Serialize;

/// Our row for a machine, with what its live agent told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeviceRecord {
    /// Our id.
    pub id: DeviceId,
    /// The customer.
    pub customer: CustomerId,
    /// The name people look for (NetBIOS, no `$`).
    pub name: String,
    /// The directory that it is in now, as far as we know.
    pub directory: Option<DirectoryId>,
    /// The computer object in it.
    pub object: Option<ObjectId>,
    /// The directory's id of that object.
    pub guid: Option<Guid>,
    /// The SID of its machine account.
    pub sid: Option<Sid>,
    /// SMBIOS serial number, if its agent told.
    pub serial: Option<String>,
    /// Operating system, if its agent told.
    pub os: Option<OsFacts>,
    /// Version of its agent.
    pub agent_version: Option<String>,
    /// The live agent.
    pub agent: Option<AgentId>,
    /// How far that agent is trusted.
    pub trust: Option<DeviceTrust>,
    /// When the live agent was last heard of, at a grain of 30 s.
    pub last_seen: Option<DateTime<Utc>>,
    /// Minutes east of UTC on its clock.
    pub utc_offset_minutes: Option<i32>,
    /// Counts re-images; "runs once" counts per incarnation.
    pub incarnation: i64,
    /// When the row was made.
    pub created_at: DateTime<Utc>,
}

/// A computer object that a device is or was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeviceLink {
    /// The directory.
    pub directory: DirectoryId,
    /// The directory's id of the computer.
    pub guid: Guid,
    /// The object, if it is imported.
    pub object: Option<ObjectId>,
    /// The SID of the machine account.
    pub sid: Option<Sid>,
    /// From when.
    pub since: DateTime<Utc>,
    /// Until when; none while it is the current one.
    pub until: Option<DateTime<Utc>>,
}

/// Which devices to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceStatus {
    /// All of them.
    #[default]
    Any,
    /// Known from the directory, no agent yet.
    NoAgent,
    /// Waiting for approval.
    Pending,
    /// May receive orders.
    Trusted,
    /// Two agents claim it.
    Conflict,
    /// Its agent was revoked.
    Revoked,
}

/// A search over devices.
#[derive(Debug, Clone, Default)]
pub struct DeviceFilter {
    /// Folded words, all of which must begin a word of name, serial or DNS name.
    pub search: Option<String>,
    /// By status of the agent.
    pub status: DeviceStatus,
    /// In this directory now.
    pub directory: Option<DirectoryId>,
}

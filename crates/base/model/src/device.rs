//! Devices: our own row for a machine, and what the machine says of itself.

use crate::{AgentId, CustomerId, DeviceId, Guid, ObjectId};
use chrono::{DateTime, Utc};
use gw_secdesc::Sid;
use serde::{Deserialize, Serialize};

/// What an agent must show before it is trusted (design of the protocol, "Enrolled is not trusted").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PskPolicy {
    /// The device proves itself by its machine account or device certificate.
    Proof,
    /// An administrator approves.
    Approve,
    /// The first agent that claims an imported computer without a live key gets it.
    FirstClaim,
}

/// How far an enrolled agent is trusted. Orders and secrets go to `Trusted` only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceTrust {
    /// Enrolled, waiting for an administrator.
    Pending,
    /// May receive orders.
    Trusted,
    /// Another agent claims the same device; a person decides.
    Conflict,
    /// Refused from the next request on; may still report, finish and undo.
    Revoked,
}

/// The operating system of a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OsFacts {
    /// Edition as Windows names it, for people.
    pub edition: String,
    /// Build number, such as 22631.
    pub build: u32,
    /// A Windows Server edition.
    pub is_server: bool,
}

/// What a device says of itself when it enrols and checks in. A claim, not a proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceFacts {
    /// NetBIOS name, without `$`.
    pub computer_name: String,
    /// DNS name of the AD domain that it is joined to, if any.
    pub domain: Option<String>,
    /// The SID of its machine account, if joined to AD.
    pub machine_sid: Option<Sid>,
    /// The Entra device id, if joined to Entra.
    pub entra_device_id: Option<Guid>,
    /// SMBIOS serial number.
    pub serial: String,
    /// SMBIOS UUID.
    pub smbios_uuid: Option<Guid>,
    /// Serial number of the system disk.
    pub disk_serial: Option<String>,
    /// Changes with every boot.
    pub boot_id: String,
    /// Minutes east of UTC on the device's clock.
    pub utc_offset_minutes: i32,
    /// Operating system.
    pub os: OsFacts,
    /// Version of the agent.
    pub agent_version: String,
}

/// Our own row for a machine: licence, history and agent hang on it, and it is linked to one or
/// more computer objects over time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Our id.
    pub id: DeviceId,
    /// The customer it belongs to.
    pub customer: CustomerId,
    /// The name under which people look for it.
    pub name: String,
    /// The computer object that it was imported as.
    pub object: Option<ObjectId>,
    /// The live agent, if one is enrolled.
    pub agent: Option<AgentId>,
    /// How far that agent is trusted.
    pub trust: Option<DeviceTrust>,
    /// Its last facts.
    pub facts: Option<DeviceFacts>,
    /// When it was last heard of.
    pub last_seen: Option<DateTime<Utc>>,
}

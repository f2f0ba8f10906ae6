//! Devices and their agents.

use chrono::{DateTime, Utc};
use gw_model::{AgentId, BatchId, DeviceId, DirectoryId, ObjectId, RunbookId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::fallback::FallbackAdministrator;
use crate::psks::PskPolicy;
use crate::runs::RunSummary;

/// A device in one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeviceSummary {
    /// Its id.
    #[schema(value_type = String)]
    pub id: DeviceId,
    /// Computer name.
    pub name: String,
    /// The directory it is in now, as far as is known.
    #[schema(value_type = Option<String>)]
    pub directory_id: Option<DirectoryId>,
    /// Where its agent stands.
    pub trust: TrustState,
    /// Serial number, as the agent told.
    pub serial: Option<String>,
    /// Edition of Windows, as the agent told.
    pub os: Option<String>,
    /// Version of the agent.
    pub agent_version: Option<String>,
    /// When the agent was last heard of; up to 30 s behind.
    pub last_seen_at: Option<DateTime<Utc>>,
}

/// Where the agent of a device stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TrustState {
    /// No agent has enrolled.
    NoAgent,
    /// Enrolled; an administrator has to approve it.
    Pending,
    /// Enrolled and trusted: it gets orders.
    Trusted,
    /// A second machine claims this device; a person has to decide.
    Conflict,
    /// Its key was revoked.
    Revoked,
}

/// Which devices are wanted, ordered by name.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DeviceQuery {
    /// Only where a name or serial number contains this; case does not matter.
    pub q: Option<String>,
    /// Only in this state of trust.
    #[param(inline)]
    pub trust: Option<TrustState>,
    /// Only from this directory.
    #[param(value_type = Option<String>)]
    pub directory_id: Option<DirectoryId>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// Rows per page, 1 to 500.
    pub limit: Option<u32>,
}

/// Everything about one device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Device {
    /// The line in the list.
    pub summary: DeviceSummary,
    /// The computer objects it is or was, newest first.
    pub computers: Vec<DeviceComputer>,
    /// Its agents: the one that holds the device first, then a rival, then earlier ones.
    pub agents: Vec<Agent>,
    /// The batch it is in now.
    pub batch: Option<DeviceBatch>,
    /// What each runbook of its batch would do now, and why.
    pub eligibility: Vec<Eligibility>,
    /// Its newest runs, at most 20.
    pub runs: Vec<RunSummary>,
    /// Counts re-images; a runbook runs once per incarnation.
    pub incarnation: i64,
    /// Local administrators whose passwords it escrowed, newest first.
    pub fallback_administrators: Vec<FallbackAdministrator>,
}

/// A computer object that a device is or was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeviceComputer {
    /// The directory.
    #[schema(value_type = String)]
    pub directory_id: DirectoryId,
    /// The directory's own id of the computer.
    pub guid: String,
    /// The imported object, if it is imported.
    #[schema(value_type = Option<String>)]
    pub object_id: Option<ObjectId>,
    /// SID of the machine account.
    pub sid: Option<String>,
    /// From when.
    pub since: DateTime<Utc>,
    /// Until when; absent for the current one.
    pub until: Option<DateTime<Utc>>,
}

/// The batch a device is in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeviceBatch {
    /// The batch.
    #[schema(value_type = String)]
    pub id: BatchId,
    /// Its name.
    pub name: String,
    /// True when the device is on its list, false when a catch-all holds it.
    pub listed: bool,
}

/// An agent that enrolled for a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Agent {
    /// Its id.
    #[schema(value_type = String)]
    pub id: AgentId,
    /// Where it stands.
    pub trust: TrustState,
    /// Whether it holds the device; a rival does not.
    pub holds_device: bool,
    /// Id of its signing key.
    pub key_id: String,
    /// The policy under which it enrolled.
    pub policy: PskPolicy,
    /// What it said about its machine.
    pub facts: DeviceFacts,
    /// When it enrolled.
    pub enrolled_at: DateTime<Utc>,
    /// When it was trusted or revoked.
    pub decided_at: Option<DateTime<Utc>>,
    /// Who decided, or which policy.
    pub decided_by: Option<String>,
    /// When it was last heard of.
    pub last_seen_at: Option<DateTime<Utc>>,
}

/// What an agent says about its machine. A claim until it is approved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeviceFacts {
    /// Computer name.
    pub computer_name: String,
    /// Domain it is joined to.
    pub domain: Option<String>,
    /// SID of its machine account.
    pub machine_sid: Option<String>,
    /// Edition of Windows.
    pub os: String,
    /// Build of Windows.
    pub os_build: u32,
    /// Whether it is a server edition.
    pub is_server: bool,
    /// Serial number of the firmware.
    pub serial: String,
    /// UUID of the firmware.
    pub smbios_uuid: Option<String>,
    /// Serial number of the system disk.
    pub disk_serial: Option<String>,
    /// Minutes east of UTC on its clock.
    pub utc_offset_minutes: i32,
    /// Version of the agent.
    pub agent_version: String,
}

/// What a runbook would do on a device now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Eligibility {
    /// The runbook.
    #[schema(value_type = String)]
    pub runbook_id: RunbookId,
    /// Its name.
    pub runbook_name: String,
    /// The decision.
    pub decision: EligibilityDecision,
    /// Stable code of the reason, `snake_case`.
    pub code: String,
    /// The reason, for a person.
    pub because: String,
}

/// The four decisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EligibilityDecision {
    /// It runs.
    Run,
    /// The user is asked.
    Prompt,
    /// Not yet.
    Wait,
    /// Not at all, until someone changes something.
    Refuse,
}

/// Approves waiting agents.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproveDevices {
    /// 1 to 1,000 devices whose agents wait for approval.
    #[schema(value_type = Vec<String>)]
    pub device_ids: Vec<DeviceId>,
}

/// What an approval did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApproveResult {
    /// Agents that are trusted from now on.
    pub approved: u64,
    /// Devices that were not approved, and why.
    pub refused: Vec<ApproveRefusal>,
}

/// A device that was not approved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApproveRefusal {
    /// The device.
    #[schema(value_type = String)]
    pub device_id: DeviceId,
    /// Stable code, such as `not_waiting` or `conflict`.
    pub code: String,
    /// Why, for a person.
    pub message: String,
}

/// Decides which of two claimants is the device.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResolveConflict {
    /// The agent to keep; the key of every other is revoked.
    #[schema(value_type = String)]
    pub keep_agent_id: AgentId,
}

/// Takes a device from whatever list it is on and puts it on another, in one step.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MoveDevice {
    /// The batch it goes to: one that takes only the devices on its list.
    #[schema(value_type = String)]
    pub batch_id: BatchId,
}

/// Names the runbook to rehearse, or to run again, on a device.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RunbookChoice {
    /// The runbook.
    #[schema(value_type = String)]
    pub runbook_id: RunbookId,
}

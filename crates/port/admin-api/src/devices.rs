//! Devices and their agents.

use chrono::{DateTime, Utc};
use gw_model::{AgentId, BatchId, DeviceId, DirectoryId, RunId, RunbookId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::objects::ObjectRef;

/// A device in one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeviceSummary {
    /// Its id.
    #[schema(value_type = String)]
    pub id: DeviceId,
    /// Computer name.
    pub name: String,
    /// DNS host name, when the directory knows one.
    pub dns_name: Option<String>,
    /// The directory it is in now.
    #[schema(value_type = String)]
    pub directory_id: DirectoryId,
    /// Where its agent stands.
    pub trust: TrustState,
    /// What its last run came to, or that one is under way.
    pub migration: MigrationState,
    /// The batch it is in now, by list or as part of "all except".
    #[schema(value_type = Option<String>)]
    pub batch_id: Option<BatchId>,
    /// Serial number, as the agent reported it.
    pub serial: Option<String>,
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
    AwaitingApproval,
    /// Enrolled and trusted: it gets orders.
    Trusted,
    /// A second machine claims this device; a person has to decide.
    Conflict,
    /// One key was seen on two machines; both are held.
    Cloned,
    /// Its key was revoked.
    Revoked,
}

/// What became of a device so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MigrationState {
    /// Nothing has run.
    NotStarted,
    /// It has an order and waits for its window.
    Ordered,
    /// A run is under way.
    Running,
    /// Moved and verified.
    Migrated,
    /// Stopped before it left; as it was.
    Restored,
    /// Went back to the source and proved it.
    Returned,
    /// Held with a proven way in.
    Held,
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
    /// Only in this state of migration.
    #[param(inline)]
    pub migration: Option<MigrationState>,
    /// Only from this directory.
    #[param(value_type = Option<String>)]
    pub directory_id: Option<DirectoryId>,
    /// Only in this batch now.
    #[param(value_type = Option<String>)]
    pub batch_id: Option<BatchId>,
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
    pub computers: Vec<ObjectRef>,
    /// Its agents: the live one first, then a claimant, then earlier ones.
    pub agents: Vec<Agent>,
    /// What each runbook of its batch would do now, and why.
    pub eligibility: Vec<Eligibility>,
    /// Its newest run.
    #[schema(value_type = Option<String>)]
    pub last_run_id: Option<RunId>,
}

/// An agent that enrolled for a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Agent {
    /// Its id.
    #[schema(value_type = String)]
    pub id: AgentId,
    /// Where it stands.
    pub trust: TrustState,
    /// Thumbprint of its signing key (SHA-256, hexadecimal).
    pub key_thumbprint: String,
    /// What it said about its machine at enrolment.
    pub facts: DeviceFacts,
    /// Address it enrolled from.
    pub enrolled_from: String,
    /// When it enrolled.
    pub enrolled_at: DateTime<Utc>,
    /// When it became trusted.
    pub trusted_at: Option<DateTime<Utc>>,
    /// Why it is trusted: the policy of its key, or who approved it.
    pub trusted_by: Option<String>,
    /// How far its clock is off, in seconds; positive when it is ahead.
    pub clock_skew_s: Option<i64>,
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
    /// Operating system and build.
    pub os: String,
    /// Whether it is a server edition.
    pub is_server: bool,
    /// Serial number of the firmware.
    pub serial: Option<String>,
    /// UUID of the firmware.
    pub smbios_uuid: Option<String>,
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
    /// When that changes by itself, if it does.
    pub until: Option<DateTime<Utc>>,
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
    /// The batch it goes to; absent to take it off every list.
    #[schema(value_type = Option<String>)]
    pub batch_id: Option<BatchId>,
}

/// Asks for a rehearsal: the runbook is run read-only and reports what it would do.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RehearsalInput {
    /// The runbook.
    #[schema(value_type = String)]
    pub runbook_id: RunbookId,
}

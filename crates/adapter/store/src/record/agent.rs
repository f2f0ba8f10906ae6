//! Enrolled agents, pre-shared keys and the orders handed to devices.

use chrono::{DateTime, Utc};
use gw_model::{
    AgentId, BatchId, CustomerId, DeviceFacts, DeviceId, DeviceTrust, OrderId, PskId, PskPolicy,
    RunId, RunKind, RunbookId,
};
use serde::Serialize;

/// One enrolment of an agent on a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AgentRecord {
    /// Our id.
    pub id: AgentId,
    /// The customer.
    pub customer: CustomerId,
    /// The device that it claims.
    pub device: DeviceId,
    /// How far it is trusted.
    pub trust: DeviceTrust,
    /// True for the agent that holds the device; a rival in conflict does not.
    pub live: bool,
    /// Key id of the signing key, as messages carry it.
    pub key_id: String,
    /// The signing public key, in the form of the protocol's JSON.
    pub signing_key: String,
    /// The HPKE public key, in the form of the protocol's JSON.
    pub hpke_key: String,
    /// The pre-shared key that admitted it.
    pub psk: Option<PskId>,
    /// The policy that applied.
    pub policy: PskPolicy,
    /// What it said of itself.
    pub facts: DeviceFacts,
    /// When it enrolled.
    pub enrolled_at: DateTime<Utc>,
    /// When and by whom it was trusted or revoked.
    pub decided_at: Option<DateTime<Utc>>,
    /// Who decided.
    pub decided_by: Option<String>,
    /// When it was last heard of, at a grain of 30 s.
    pub last_seen: Option<DateTime<Utc>>,
}

/// A pre-shared key. Its secret is sealed; the text form is shown once, when it is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PskRecord {
    /// Our id.
    pub id: PskId,
    /// The customer.
    pub customer: CustomerId,
    /// A name for people.
    pub name: String,
    /// The four bytes that messages carry, in hexadecimal.
    pub wire_id: String,
    /// The sixteen secret bytes, sealed.
    #[serde(skip)]
    pub sealed_secret: Vec<u8>,
    /// What an agent must show to be trusted.
    pub policy: PskPolicy,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it stops admitting.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
    /// How many agents it admitted.
    pub uses: i64,
}

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// May be handed out, as often as the device asks.
    Open,
    /// The device reported a run for it.
    Taken,
    /// Withdrawn before it began.
    Void,
}

/// An order to a device. It holds no secret; it is sealed afresh each time it is handed out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OrderRecord {
    /// Our id.
    pub id: OrderId,
    /// The customer.
    pub customer: CustomerId,
    /// The device.
    pub device: DeviceId,
    /// The agent whose key it is bound to.
    pub agent: AgentId,
    /// Ascending per device.
    pub sequence: i64,
    /// What is asked for.
    pub kind: RunKind,
    /// The batch that led to it; none for a rehearsal or an undo by hand.
    pub batch: Option<BatchId>,
    /// The runbook.
    pub runbook: RunbookId,
    /// Its version.
    pub runbook_version: i64,
    /// The run that it opens.
    pub run: RunId,
    /// The order as it is sealed: JSON of the protocol's `RunOrder`.
    #[serde(skip)]
    pub body: String,
    /// Where it stands.
    pub state: OrderState,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// An order to store; it always starts `Open`.
pub type NewOrder = OrderRecord;

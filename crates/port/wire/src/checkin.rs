//! `checkin`: an enrolled agent says how it is and gets orders ahead of time.

use crate::{bytes::Bytes, envelope::Envelope, keyset::SignedKeySet};
use gw_model::{DeviceFacts, DeviceTrust, OrderId, RunId};
use serde::{Deserialize, Serialize};

/// Body of `checkin`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckinRequest {
    /// Version of the protocol: 1.
    pub v: u32,
    /// The device's facts now.
    pub facts: DeviceFacts,
    /// Epoch of the key set that the agent holds.
    pub epoch: u64,
    /// X25519 public key (32 bytes), fresh for this request.
    pub recipient: Bytes,
    /// The highest order sequence that it accepted; 0 for none.
    pub last_sequence: u64,
    /// Orders that it holds and has not finished; the server sends others only.
    pub holding: Vec<OrderId>,
    /// The run in progress.
    pub running: Option<RunId>,
    /// Reports that wait to be sent.
    pub queued_reports: u32,
    /// OS clock minus learned server time, in milliseconds.
    pub clock_skew_ms: i64,
    /// An order that is about to start: may it?
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm: Option<OrderId>,
}

/// Answer to `checkin`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckinAnswer {
    /// Version of the protocol: 1.
    pub v: u32,
    /// How far the agent is trusted. Orders come to `trusted` agents only.
    pub trust: DeviceTrust,
    /// A newer key set, if the agent's is old.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_set: Option<SignedKeySet>,
    /// Orders that the agent does not hold, by ascending sequence.
    #[serde(default)]
    pub orders: Vec<Envelope>,
    /// Orders that the agent holds and must not start.
    #[serde(default)]
    pub withdrawn: Vec<OrderId>,
    /// The answer to `confirm`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<Confirmation>,
    /// When to check in again, in seconds.
    pub poll_after_seconds: u32,
    /// After a restore of the server: send again every kept report after this sequence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resend_after: Option<u64>,
}

/// May an order start?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// Which order.
    pub order: OrderId,
    /// The verdict.
    pub verdict: Verdict,
    /// Why not, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

/// The server's word right before a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Start.
    Go,
    /// Not now; ask again.
    Wait,
    /// Never; drop the order.
    Withdrawn,
}

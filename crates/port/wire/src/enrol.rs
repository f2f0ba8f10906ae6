//! `hello` and `enrol`: first contact and admission.

use crate::{
    bytes::Bytes,
    envelope::Envelope,
    keys::{Pin, PublicKey},
    keyset::SignedKeySet,
    psk::PskTag,
};
use chrono::{DateTime, Utc};
use gw_model::{AgentId, CustomerId, DeviceFacts, DeviceId, DeviceTrust};
use serde::{Deserialize, Serialize};

/// Body of `hello`. The request is signed with `key`, and its audience is the pin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HelloRequest {
    /// Version of the protocol: 1.
    pub v: u32,
    /// Which root the agent believes.
    pub pin: Pin,
    /// The agent's signing key.
    pub key: PublicKey,
}

/// Answer to `hello`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HelloAnswer {
    /// Version of the protocol: 1.
    pub v: u32,
    /// To be repeated in the enrolment.
    pub nonce: String,
    /// The server's clock.
    pub server_time: DateTime<Utc>,
    /// The customer's keys. Believed only after [`SignedKeySet::succeed`].
    pub key_set: SignedKeySet,
}

/// What an agent says of itself when it enrols; its exact bytes are part of the transcript.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolCore {
    /// Version of the protocol: 1.
    pub v: u32,
    /// Which pre-shared key admits it.
    pub psk: PskTag,
    /// The nonce of the hello answer.
    pub nonce: String,
    /// The agent's signing key.
    pub key: PublicKey,
    /// X25519 public key (32 bytes), fresh: orders in the answer are sealed to it.
    pub recipient: Bytes,
    /// Who it claims to be. The machine account's SID or the Entra device id identifies; the name
    /// never does.
    pub facts: DeviceFacts,
}

/// Body of `enrol`; the audience is the root's key id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolRequest {
    /// The JSON of an [`EnrolCore`].
    pub core: Bytes,
    /// The exact body of the hello request.
    pub hello_request: Bytes,
    /// The exact body of the hello answer.
    pub hello_answer: Bytes,
    /// HMAC-SHA256 under the derived key over the transcript's hash.
    pub mac: Bytes,
}

/// Answer to `enrol`. Enrolling again with the same key gives the same ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolAnswer {
    /// Version of the protocol: 1.
    pub v: u32,
    /// The customer.
    pub customer: CustomerId,
    /// The agent's id.
    pub agent: AgentId,
    /// The device's id.
    pub device: DeviceId,
    /// How far it is trusted.
    pub trust: DeviceTrust,
    /// When to check in, in seconds.
    pub poll_after_seconds: u32,
    /// Orders handed out at once, for a trusted agent.
    #[serde(default)]
    pub orders: Vec<Envelope>,
}

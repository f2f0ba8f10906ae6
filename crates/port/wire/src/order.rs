//! Run orders: a signed header in the clear and a body sealed to the device.

use crate::{
    bytes::Bytes,
    envelope::{Envelope, EnvelopeError},
    keys::{KeyId, SigningKey},
    keyset::to_json,
    pack::{Encoding, PackError, pack, unpack},
    seal::{Purpose, RecipientKey, SealContext},
    stage::{DirectoryFacts, SidPair},
};
use chrono::{DateTime, Utc};
use gw_model::{BatchId, CustomerId, DeviceId, OrderId, RunId, RunKind, RunbookId, Window};
use serde::{Deserialize, Serialize};

/// What an order asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderKind {
    /// Execute the runbook.
    Run,
    /// Say what it would do; change nothing.
    Rehearse,
    /// Take a finished run back.
    Undo,
    /// Stop an order: before its start for good, after it at the next checkpoint.
    Cancel,
    /// Update the agent; also needs the publisher's code signature.
    Update,
    /// Make a new agent key.
    Rotate,
}

impl OrderKind {
    /// As a kind of run, if it is one.
    #[must_use]
    pub fn run_kind(self) -> Option<RunKind> {
        match self {
            Self::Run => Some(RunKind::Run),
            Self::Rehearse => Some(RunKind::Rehearse),
            Self::Undo => Some(RunKind::Undo),
            Self::Cancel | Self::Update | Self::Rotate => None,
        }
    }
}

/// Which runbook, exactly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunbookRef {
    /// The runbook.
    pub id: RunbookId,
    /// Its version.
    pub version: u32,
    /// SHA-256 of the document's bytes in the body.
    pub sha256: KeyId,
    /// For people.
    pub name: String,
}

/// A package that the run needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageRef {
    /// For people.
    pub name: String,
    /// SHA-256 of its bytes.
    pub sha256: KeyId,
    /// Its size in bytes.
    pub size: u64,
}

/// The header of an order. Its exact bytes are signed, and bound to the sealed body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderHeader {
    /// Version of the protocol: 1.
    pub v: u32,
    /// What it asks for.
    pub kind: OrderKind,
    /// Whose.
    pub customer: CustomerId,
    /// For which device.
    pub device: DeviceId,
    /// For which agent key.
    pub agent_key: KeyId,
    /// The order.
    pub order: OrderId,
    /// Grows with every order to one agent; the agent accepts each number once.
    pub sequence: u64,
    /// The run that it begins, undoes or cancels.
    pub run: RunId,
    /// The batch it comes from.
    pub batch: Option<BatchId>,
    /// The runbook.
    pub runbook: RunbookRef,
    /// SHA-256 of the translation table from which pairs will come.
    pub table_sha256: Option<KeyId>,
    /// Packages that the run needs.
    #[serde(default)]
    pub packages: Vec<PackageRef>,
    /// When the user may and when the device must start; none: at once.
    pub window: Option<Window>,
    /// Not to be started before.
    pub not_before: DateTime<Utc>,
    /// Not to be started after. An accepted run goes on after it.
    pub start_by: DateTime<Utc>,
    /// When it was signed.
    pub issued_at: DateTime<Utc>,
    /// Run even if this runbook finished on this device.
    #[serde(default)]
    pub force: bool,
    /// How the body's bytes are packed before sealing.
    pub encoding: Encoding,
}

/// The body of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderBody {
    /// The runbook document: exactly the bytes that the header's hash names.
    pub runbook: Bytes,
    /// The directories that the device may be in.
    pub sources: Vec<DirectoryFacts>,
    /// The directory that it joins, if the runbook joins one.
    pub target: Option<DirectoryFacts>,
    /// The whole table, only where an administrator chose that (file servers).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whole_table: Option<Vec<SidPair>>,
}

/// An order cannot be made or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// Signature or seal.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// Compression.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// Not the JSON of an order.
    #[error("the order's {0} cannot be read")]
    Form(&'static str),
    /// The runbook is not the one that the header names.
    #[error("the runbook inside the order is not the one that its header names")]
    Runbook,
}

impl OrderHeader {
    /// What the body is bound to.
    #[must_use]
    pub fn context(&self) -> SealContext {
        SealContext {
            purpose: Purpose::Order,
            customer: self.customer,
            device: self.device,
            order: Some(self.order),
        }
    }

    /// Seals and signs an order.
    ///
    /// # Errors
    /// The recipient's key is not one, or there is no randomness.
    pub fn seal(
        &self,
        body: &OrderBody,
        recipient: &[u8],
        key: &SigningKey,
    ) -> Result<Envelope, OrderError> {
        let plain = pack(self.encoding, &to_json(body));
        let envelope = Envelope::make(&self.context(), to_json(self), &plain, recipient, key)?;
        Ok(envelope)
    }

    /// Reads a header. Call it after [`Envelope::verify`].
    ///
    /// # Errors
    /// Not a header, or of another version.
    pub fn read(header: &[u8]) -> Result<Self, OrderError> {
        serde_json::from_slice::<Self>(header)
            .ok()
            .filter(|header| header.v == crate::PROTOCOL_VERSION)
            .ok_or(OrderError::Form("header"))
    }

    /// Opens and reads the body of an envelope whose header this is.
    ///
    /// # Errors
    /// It does not open, cannot be read, or holds another runbook than the header says.
    pub fn open(&self, envelope: &Envelope, key: &RecipientKey) -> Result<OrderBody, OrderError> {
        let packed = envelope.open(&self.context(), key)?;
        let plain = unpack(self.encoding, &packed, MAX_BODY)?;
        let body: OrderBody =
            serde_json::from_slice(&plain).map_err(|_| OrderError::Form("body"))?;
        if crate::keys::sha256(&body.runbook) != self.runbook.sha256.0 {
            return Err(OrderError::Runbook);
        }
        Ok(body)
    }
}

/// The largest body after unpacking: a whole table of a million pairs fits.
const MAX_BODY: usize = 256 << 20;

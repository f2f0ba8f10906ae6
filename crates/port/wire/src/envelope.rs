//! An envelope: a header in the clear, a body sealed to one device, and a signature over both.
//! Orders, stage packages and return tickets travel in it. [`Escrowed`] is its counterpart upwards.

use crate::{
    bytes::Bytes,
    keys::{KeyError, KeyId, PublicKey, SigningKey, sha256},
    keyset::{KeySet, KeyUse},
    seal::{Purpose, RecipientKey, SealContext, SealError, Sealed, seal},
};
use chrono::{DateTime, Utc};
use gw_model::{CustomerId, DeviceId, OrderId, RunId};
use serde::{Deserialize, Serialize};

/// Header, sealed body, signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// The JSON of an [`crate::order::OrderHeader`] or a [`crate::stage::PackageHeader`].
    pub header: Bytes,
    /// The body, sealed to the recipient key of the request.
    pub sealed: Sealed,
    /// Which key of the key set signed.
    pub keyid: KeyId,
    /// Over version ‖ `\n` ‖ SHA-256(header) ‖ SHA-256(enc ‖ ciphertext).
    pub signature: Bytes,
}

/// What remains of an envelope once its body was opened: enough to prove for ever who ordered what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// The header, exactly as received.
    pub header: Bytes,
    /// SHA-256(enc ‖ ciphertext).
    pub sealed_sha256: KeyId,
    /// Which key signed.
    pub keyid: KeyId,
    /// The envelope's signature.
    pub signature: Bytes,
}

/// Why an envelope is not believed or not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// The key is not in the key set, not for orders, revoked, or not valid now.
    #[error("key {0} may not sign orders now")]
    Key(KeyId),
    /// The signature does not hold.
    #[error("the signature of the message does not hold")]
    Signature,
    /// It does not open.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// No randomness.
    #[error(transparent)]
    Random(#[from] KeyError),
}

impl Envelope {
    /// Seals and signs. `header` and `body` are the exact bytes that the other side gets.
    ///
    /// # Errors
    /// The recipient's key is not one, or there is no randomness.
    pub fn make(
        context: &SealContext,
        header: Vec<u8>,
        body: &[u8],
        recipient: &[u8],
        key: &SigningKey,
    ) -> Result<Self, EnvelopeError> {
        let sealed = seal(recipient, context, &header, body)?;
        let signature = key.sign(&signed_bytes(context.purpose, &header, &sealed.hash()))?;
        Ok(Self {
            header: header.into(),
            sealed,
            keyid: key.id(),
            signature: signature.into(),
        })
    }

    /// Believes it only if a key of the key set that is valid at `now` signed it. Call it before
    /// anything in the header is read.
    ///
    /// # Errors
    /// No such key, or the signature does not hold.
    pub fn verify(
        &self,
        purpose: Purpose,
        keys: &KeySet,
        now: DateTime<Utc>,
    ) -> Result<(), EnvelopeError> {
        let key = keys
            .key(&self.keyid, KeyUse::Order, now)
            .ok_or(EnvelopeError::Key(self.keyid))?;
        self.proof().verify(purpose, key)
    }

    /// Opens the body.
    ///
    /// # Errors
    /// It does not open.
    pub fn open(
        &self,
        context: &SealContext,
        key: &RecipientKey,
    ) -> Result<Vec<u8>, EnvelopeError> {
        Ok(key.open(context, &self.header, &self.sealed)?)
    }

    /// What to keep.
    #[must_use]
    pub fn proof(&self) -> Proof {
        Proof {
            header: self.header.clone(),
            sealed_sha256: KeyId(self.sealed.hash()),
            keyid: self.keyid,
            signature: self.signature.clone(),
        }
    }
}

impl Proof {
    /// Checks the signature with this key.
    ///
    /// # Errors
    /// It does not hold.
    pub fn verify(&self, purpose: Purpose, key: &PublicKey) -> Result<(), EnvelopeError> {
        if key.id() != self.keyid {
            return Err(EnvelopeError::Key(self.keyid));
        }
        let message = signed_bytes(purpose, &self.header, &self.sealed_sha256.0);
        key.verify(&message, &self.signature)
            .map_err(|_| EnvelopeError::Signature)
    }
}

/// The input of an envelope's signature.
fn signed_bytes(purpose: Purpose, header: &[u8], sealed: &[u8; 32]) -> Vec<u8> {
    [purpose.version().as_bytes(), b"\n", &sha256(header), sealed].concat()
}

/// What an escrowed secret is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EscrowKind {
    /// Password of the fallback administrator.
    FallbackPassword,
    /// BitLocker recovery key.
    BitlockerKey,
    /// Diagnostics.
    Diagnostics,
}

/// Header of an escrowed secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EscrowHeader {
    /// Whose.
    pub customer: CustomerId,
    /// From which device.
    pub device: DeviceId,
    /// Under which order, if any.
    pub order: Option<OrderId>,
    /// In which run, if any.
    pub run: Option<RunId>,
    /// What it is.
    pub kind: EscrowKind,
    /// For people: the account's name, the volume.
    pub label: String,
    /// When it was sealed.
    pub created_at: DateTime<Utc>,
}

impl EscrowHeader {
    fn context(&self) -> SealContext {
        SealContext {
            purpose: Purpose::Escrow,
            customer: self.customer,
            device: self.device,
            order: self.order,
        }
    }
}

/// A secret for the administrator, sealed to the escrow key of the key set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escrowed {
    /// The JSON of an [`EscrowHeader`].
    pub header: Bytes,
    /// The secret.
    pub sealed: Sealed,
}

impl Escrowed {
    /// Seals a secret to the escrow key.
    ///
    /// # Errors
    /// The escrow key is not one.
    pub fn make(keys: &KeySet, header: &EscrowHeader, secret: &[u8]) -> Result<Self, SealError> {
        let bytes = crate::keyset::to_json(header);
        let sealed = seal(&keys.escrow_key, &header.context(), &bytes, secret)?;
        Ok(Self {
            header: bytes.into(),
            sealed,
        })
    }

    /// Opens it with the escrow key.
    ///
    /// # Errors
    /// It does not open, or its header cannot be read.
    pub fn open(&self, escrow: &RecipientKey) -> Result<(EscrowHeader, Vec<u8>), SealError> {
        let header: EscrowHeader =
            serde_json::from_slice(&self.header).map_err(|_| SealError::Open)?;
        let secret = escrow.open(&header.context(), &self.header, &self.sealed)?;
        Ok((header, secret))
    }
}

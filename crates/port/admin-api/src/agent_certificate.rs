//! The Migration Agent certificate: the root that agents of a customer believe.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The root of a customer and the keys it vouches for. Not the TLS certificate.
/// It is made with the customer, before any agent is installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AgentCertificate {
    /// Id of the root: SHA-256 of its public key (SPKI, DER), 64 hexadecimal
    /// digits. Every pre-shared key carries the first half as its pin.
    pub root_id: String,
    /// Public key of the root, base64 of its DER form.
    pub root_public_key: String,
    /// When the root was made.
    pub created_at: DateTime<Utc>,
    /// Epoch of the key set; agents refuse a lower one.
    pub epoch: u64,
    /// Keys that sign answers and orders, the newest last.
    pub signing_keys: Vec<SigningKey>,
}

/// A key that signs answers and orders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SigningKey {
    /// Its id.
    pub key_id: String,
    /// `ed25519` or `ecdsa-p256`.
    pub algorithm: String,
    /// Valid from.
    pub not_before: DateTime<Utc>,
    /// Valid until.
    pub not_after: DateTime<Utc>,
    /// When it was replaced or withdrawn.
    pub revoked_at: Option<DateTime<Utc>>,
}

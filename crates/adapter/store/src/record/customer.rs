//! Customers and the keys that their agents trust.

use chrono::{DateTime, Utc};
use gw_model::CustomerId;
use serde::Serialize;

/// A customer environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CustomerRecord {
    /// Our id.
    pub id: CustomerId,
    /// Its name, unique on the server.
    pub name: String,
    /// The epoch of the KeySet; never falls.
    pub epoch: i64,
    /// Rises with every change of what agents are told.
    pub revision: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// What a customer key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyPurpose {
    /// Signs the KeySet; the Migration Agent certificate.
    Root,
    /// Signs messages and orders.
    Signing,
    /// Receives what devices escrow.
    Escrow,
}

/// A key of a customer; its private half is sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CustomerKey {
    /// The customer.
    pub customer: CustomerId,
    /// What it is for.
    pub purpose: KeyPurpose,
    /// The key id that messages carry.
    pub key_id: String,
    /// `ed25519`, `ecdsa-p256` or `x25519`.
    pub algorithm: String,
    /// The public half, in the form of the protocol's JSON.
    pub public_key: String,
    /// The private half, sealed.
    #[serde(skip)]
    pub sealed_private: Vec<u8>,
    /// From when it is used.
    pub not_before: DateTime<Utc>,
    /// Until when it is used.
    pub not_after: DateTime<Utc>,
    /// When it was withdrawn.
    pub revoked_at: Option<DateTime<Utc>>,
}

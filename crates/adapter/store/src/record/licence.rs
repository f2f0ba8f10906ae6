//! Licences, the issuers that are trusted, and the devices counted.

use chrono::{DateTime, Utc};
use gw_model::{CustomerId, DeviceId, Licence, LicenceId};
use serde::Serialize;

/// An applied licence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LicenceRecord {
    /// What it says.
    pub licence: Licence,
    /// The customer it was applied to.
    pub customer: CustomerId,
    /// The key id of its issuer.
    pub issuer: String,
    /// The signed text, as pasted.
    #[serde(skip)]
    pub text: String,
    /// When it was applied.
    pub applied_at: DateTime<Utc>,
    /// Devices counted against it.
    pub used: i64,
}

/// An issuer of licences that this server trusts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IssuerRecord {
    /// First 16 hex digits of SHA-256 of the public key.
    pub key_id: String,
    /// A name for people.
    pub name: String,
    /// Ed25519 public key, 32 bytes in hexadecimal.
    pub public_key: String,
    /// When trust was given.
    pub trusted_at: DateTime<Utc>,
}

/// A device counted against a licence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SeatRecord {
    /// The licence.
    pub licence: LicenceId,
    /// The device.
    pub device: DeviceId,
    /// Its name.
    pub name: String,
    /// When it was counted.
    pub at: DateTime<Utc>,
    /// True once a run began; until then the seat is given back when the order is withdrawn.
    pub used: bool,
}

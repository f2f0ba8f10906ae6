//! Settings of the whole server, and what it is.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Secret;

/// Settings an administrator changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Settings {
    /// The address agents use, `https://host[/prefix]/Agent`; it is part of the key set and of install commands.
    pub agent_url: String,
    /// How often idle agents ask, in minutes; 5 to 1,440.
    pub poll_minutes: u32,
    /// Issuers whose licences are believed.
    pub licence_issuers: Vec<LicenceIssuer>,
    /// Whether the recovery key was written down and confirmed.
    pub recovery_key_confirmed: bool,
    /// Number of this version, the value of the `ETag`.
    pub version: i64,
}

/// An issuer whose licences are believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LicenceIssuer {
    /// Its name.
    pub name: String,
    /// Its public key, as `godwit licence issuer-new` printed it.
    pub public_key: String,
}

/// Changes the settings.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SettingsInput {
    /// The address agents use.
    pub agent_url: String,
    /// How often idle agents ask, in minutes; 5 to 1,440.
    pub poll_minutes: u32,
    /// Issuers whose licences are believed.
    pub licence_issuers: Vec<LicenceIssuer>,
}

/// Proves that the recovery key was written down.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecoveryKeyConfirm {
    /// The key, typed in from where it was written down.
    #[schema(value_type = String, format = "password")]
    pub recovery_key: Secret,
}

/// What this server is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct About {
    /// Version of the server.
    pub version: String,
    /// `sqlite` or `postgresql`.
    pub database: String,
    /// When it was started.
    pub started_at: DateTime<Utc>,
    /// Its time now.
    pub now: DateTime<Utc>,
    /// The TLS certificate it shows.
    pub certificate: TlsCertificate,
}

/// The TLS certificate the server shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TlsCertificate {
    /// Where it comes from: `self_signed`, `pem` or `pfx`.
    pub source: String,
    /// Names it is valid for.
    pub names: Vec<String>,
    /// SHA-256 of the certificate (DER), 64 hexadecimal digits.
    pub sha256: String,
    /// When it ends.
    pub not_after: DateTime<Utc>,
}

/// Whether the server is alive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// `ok` when the store answers.
    pub status: String,
}

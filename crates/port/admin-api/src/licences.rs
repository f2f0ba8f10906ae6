//! Licences: how many devices may move from where to where.

use chrono::{DateTime, Utc};
use gw_model::{DeviceId, LicenceId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A licence that was added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Licence {
    /// Its id.
    #[schema(value_type = String)]
    pub id: LicenceId,
    /// What it says.
    pub terms: LicenceTerms,
    /// Devices that took a seat.
    pub used: u64,
    /// Whether it counts now.
    pub state: LicenceState,
    /// When it was added.
    pub added_at: DateTime<Utc>,
}

/// What a licence says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LicenceTerms {
    /// What it covers.
    pub product: LicenceProduct,
    /// Whom it was issued to.
    pub licensee: String,
    /// Key id of the issuer.
    pub issuer: String,
    /// Devices that may be migrated.
    pub devices: u32,
    /// DNS name of the source domain.
    pub source: String,
    /// DNS name of the target domain.
    pub target: String,
    /// Issued for trying: a full key for few devices.
    pub trial: bool,
    /// From when it counts.
    pub not_before: DateTime<Utc>,
    /// Until when it may start new devices.
    pub not_after: DateTime<Utc>,
}

/// What a licence covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LicenceProduct {
    /// Running runbooks on devices.
    MigrationAgent,
    /// Exporting to a target directory.
    DirSync,
}

/// Whether a licence counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LicenceState {
    /// It has seats left.
    Valid,
    /// Every seat is taken.
    Exhausted,
    /// Its time has not come.
    NotYet,
    /// Its time is over.
    Expired,
}

/// A licence as it arrives: one string.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LicenceInput {
    /// The string, spaces and line ends allowed anywhere.
    pub licence: String,
}

/// What a licence string says, without adding it. 200 whether or not it would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LicenceCheck {
    /// Whether it could be added and would count.
    pub ok: bool,
    /// What it says, when its signature is good.
    pub terms: Option<LicenceTerms>,
    /// Stable code of the refusal, `snake_case`.
    pub code: Option<String>,
    /// What it means for this customer, or why it is refused and what to do.
    pub message: String,
}

/// A device that took a seat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LicenceSeat {
    /// The device.
    #[schema(value_type = String)]
    pub device_id: DeviceId,
    /// Its name.
    pub name: String,
    /// When it was counted.
    pub at: DateTime<Utc>,
    /// True once a run began; until then the seat is given back when the order is withdrawn.
    pub used: bool,
}

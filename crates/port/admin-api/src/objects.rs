//! Imported objects and the report on a single one.

use std::collections::BTreeMap;

use gw_model::{DeviceId, DirectoryId, ObjectId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::devices::DeviceBatch;
use crate::runs::RunSummary;
use crate::translations::Explanation;

/// Kinds of imported objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ObjectKind {
    /// People and service accounts.
    User,
    /// Groups.
    Group,
    /// Computers.
    Computer,
}

/// An imported object in one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ObjectRef {
    /// Our id.
    #[schema(value_type = String)]
    pub id: ObjectId,
    /// The directory it is from.
    #[schema(value_type = String)]
    pub directory_id: DirectoryId,
    /// What it is.
    pub kind: ObjectKind,
    /// Display name, or the account name when it has none.
    pub name: String,
    /// `sAMAccountName`.
    pub account_name: String,
    /// User principal name, or the DNS host name of a computer.
    pub principal: Option<String>,
    /// The container it is in (distinguished name).
    pub container: String,
    /// Its SID, if it has one.
    pub sid: Option<String>,
}

/// Which objects are wanted, ordered by name.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ObjectQuery {
    /// Only where a name, principal or SID contains this; case does not matter.
    pub q: Option<String>,
    /// Only of this kind.
    #[param(inline)]
    pub kind: Option<ObjectKind>,
    /// From this directory.
    #[param(value_type = String)]
    pub directory_id: DirectoryId,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// Rows per page, 1 to 500.
    pub limit: Option<u32>,
}

/// Everything known about one object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ObjectReport {
    /// The object in one line.
    pub object: ObjectRef,
    /// The directory's own id (objectGUID), which never changes.
    pub guid: String,
    /// Distinguished name as last imported.
    pub distinguished_name: String,
    /// SIDs it had in earlier domains.
    pub sid_history: Vec<String>,
    /// Imported attributes by name.
    pub attributes: BTreeMap<String, Vec<String>>,
    /// Whether the account is enabled.
    pub enabled: bool,
    /// How each profile that reads it decided.
    pub explanations: Vec<Explanation>,
    /// The device that grew from it, for a computer.
    #[schema(value_type = Option<String>)]
    pub device_id: Option<DeviceId>,
    /// The batch that device is in now.
    pub batch: Option<DeviceBatch>,
    /// The runs of that device, the newest first.
    pub runs: Vec<RunSummary>,
}

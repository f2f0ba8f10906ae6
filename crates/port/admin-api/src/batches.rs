//! Batches: the *which and when* of a migration.

use gw_model::{BatchId, DeviceId, DirectoryId, RunbookId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Batch {
    /// Its id.
    #[schema(value_type = String)]
    pub id: BatchId,
    /// Its name, unique within the customer.
    pub name: String,
    /// Where its devices come from.
    #[schema(value_type = String)]
    pub source_directory_id: DirectoryId,
    /// Where they go.
    #[schema(value_type = String)]
    pub target_directory_id: DirectoryId,
    /// Which devices it means.
    pub mode: BatchMode,
    /// Its runbooks with their windows, in the order they are listed.
    pub runbooks: Vec<BatchRunbook>,
    /// Where its devices stand.
    pub counts: BatchCounts,
    /// Number of this version, the value of the `ETag`.
    pub version: i64,
}

/// How the list of a batch is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BatchMode {
    /// Only the devices on its list.
    OnlyThese,
    /// All devices of the source, except those on its list and those that are
    /// on the list of another batch.
    AllExcept,
}

/// A runbook and its window in a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchRunbook {
    /// The runbook.
    #[schema(value_type = String)]
    pub runbook_id: RunbookId,
    /// From then on it may run, if the user wants it to. Written without a
    /// zone (`2026-11-30T18:00:00`); `zone` says how it is read.
    #[schema(value_type = String)]
    pub available_from: chrono::NaiveDateTime,
    /// From then on it runs whether or not the user acted; not before
    /// `available_from`. Equal: everybody at once. Absent: never by itself.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub enforced_after: Option<chrono::NaiveDateTime>,
    /// Whose clock counts.
    pub zone: BatchZone,
}

/// Whose clock a window is read by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BatchZone {
    /// Each device's own local time.
    Local,
    /// Coordinated universal time.
    Utc,
}

/// Where the devices of a batch stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BatchCounts {
    /// Devices on its list: members, or exceptions.
    pub listed: u64,
    /// Devices it means now.
    pub devices: u64,
    /// Of those, with every runbook finished.
    pub finished: u64,
}

/// Makes or changes a batch. Its devices are changed by their own routes.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchInput {
    /// 1 to 100 characters.
    pub name: String,
    /// Where its devices come from; must be among the sources of each runbook.
    #[schema(value_type = String)]
    pub source_directory_id: DirectoryId,
    /// Where they go; must be the target of each runbook.
    #[schema(value_type = String)]
    pub target_directory_id: DirectoryId,
    /// Which devices it means.
    pub mode: BatchMode,
    /// Its runbooks.
    pub runbooks: Vec<BatchRunbook>,
}

/// A device on the list of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BatchDevice {
    /// The device.
    #[schema(value_type = String)]
    pub device_id: DeviceId,
    /// Its name.
    pub name: String,
    /// Its serial number, if its agent told.
    pub serial: Option<String>,
    /// Whether it has a trusted agent.
    pub trusted: bool,
}

/// Which devices of a list are wanted, ordered by name.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct BatchDeviceQuery {
    /// Only names that contain this; case does not matter.
    pub q: Option<String>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// Rows per page, 1 to 500.
    pub limit: Option<u32>,
}

/// Puts devices on the list of a batch.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddDevices {
    /// 1 to 1,000 devices.
    #[schema(value_type = Vec<String>)]
    pub device_ids: Vec<DeviceId>,
    /// What to do with a device that is on the list of another batch.
    #[serde(default)]
    pub if_elsewhere: IfElsewhere,
}

/// What to do with a device that is on the list of another batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IfElsewhere {
    /// Refuse everything and name both batches (409 `device_in_other_batch`).
    #[default]
    Refuse,
    /// Take it from there and put it here, in one step.
    Move,
}

/// What a CSV import did. Nothing is stored unless every line is good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CsvImport {
    /// Whether it was stored.
    pub ok: bool,
    /// Lines with data that were read.
    pub lines: u64,
    /// Devices that were put on the list.
    pub added: u64,
    /// Devices that were on it already.
    pub unchanged: u64,
    /// What is wrong, by line; at most 1,000.
    pub errors: Vec<CsvLineError>,
}

/// What is wrong with one line of a CSV file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CsvLineError {
    /// Line in the file; the header is line 1.
    pub line: u64,
    /// The text at fault, as it was written.
    pub value: String,
    /// Stable code, such as `unknown_device`, `ambiguous_device`, `device_in_other_batch`.
    pub code: String,
    /// What is wrong and what to do.
    pub message: String,
}

/// Options of a CSV import.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CsvImportQuery {
    /// What to do with a device that is on the list of another batch; `refuse` when absent.
    #[param(inline)]
    pub if_elsewhere: Option<IfElsewhere>,
}

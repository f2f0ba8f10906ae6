//! What agents report while they work.

use chrono::{DateTime, Utc};
use gw_model::{DeviceId, RunId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::messages::Severity;

/// One line from a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AgentLogLine {
    /// Its number; later lines of one device have higher ones.
    pub seq: i64,
    /// When, by the device's view of server time.
    pub at: DateTime<Utc>,
    /// The device.
    #[schema(value_type = String)]
    pub device_id: DeviceId,
    /// Its name.
    pub device_name: String,
    /// The run it is about.
    #[schema(value_type = Option<String>)]
    pub run_id: Option<RunId>,
    /// How grave it is.
    pub severity: Severity,
    /// Number in the catalogue of events.
    pub code: u16,
    /// What happened, for a person.
    pub text: String,
}

/// Which lines are wanted; the newest come first.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AgentLogQuery {
    /// Only lines that contain this text; case does not matter.
    pub q: Option<String>,
    /// Only this severity or graver.
    #[param(inline)]
    pub severity: Option<Severity>,
    /// Only from this device.
    #[param(value_type = Option<String>)]
    pub device_id: Option<DeviceId>,
    /// Only about this run.
    #[param(value_type = Option<String>)]
    pub run_id: Option<RunId>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// Rows per page, 1 to 500.
    pub limit: Option<u32>,
}

//! What the live stream says.

use gw_model::{CustomerId, DeviceId, RunId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which events are wanted.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct EventQuery {
    /// The customer.
    #[param(value_type = String)]
    pub customer: CustomerId,
    /// Only what concerns this run.
    #[param(value_type = Option<String>)]
    pub run_id: Option<RunId>,
    /// Only what concerns this device.
    #[param(value_type = Option<String>)]
    pub device_id: Option<DeviceId>,
}

/// One event of the stream. The SSE field `event` repeats `topic`.
///
/// An event is a hint, not a record: it says that something changed, and
/// whoever shows it asks again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LiveEvent {
    /// What it is about.
    pub topic: LiveTopic,
    /// Id of what changed; for `agent_log` that of the device; empty for `resync`.
    pub id: String,
}

/// What a live event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LiveTopic {
    /// A run, its steps or users.
    Run,
    /// New lines in the log of a device.
    AgentLog,
    /// A device or its agent.
    Device,
    /// A job.
    Job,
    /// A batch, runbook, profile, directory, licence, key or setting.
    Configuration,
    /// Events were missed: ask again for everything shown.
    Resync,
}

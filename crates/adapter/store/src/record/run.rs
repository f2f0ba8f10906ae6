//! Runs, their steps and their outcome per user.

use chrono::{DateTime, Utc};
use gw_model::{
    BatchId, CustomerId, DeviceId, FinalState, OrderId, RunId, RunKind, RunState, RunbookId,
    StepName, StepState, UserOutcome,
};
use serde::Serialize;

/// Something a device escrowed, as it came: sealed to the customer's escrow key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EscrowRecord {
    /// The key of the report that brought it.
    pub report: uuid::Uuid,
    /// JSON of the protocol's escrowed secret: a header in the clear, the rest sealed.
    pub sealed: String,
    /// When it was sealed, by the device.
    pub at: DateTime<Utc>,
}

/// One runbook on one device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunRecord {
    /// Our id.
    pub id: RunId,
    /// The customer.
    pub customer: CustomerId,
    /// The device.
    pub device: DeviceId,
    /// Its name.
    pub device_name: String,
    /// The incarnation of the device that ran it.
    pub incarnation: i64,
    /// The order that opened it.
    pub order: OrderId,
    /// The batch that led to it.
    pub batch: Option<BatchId>,
    /// The runbook.
    pub runbook: RunbookId,
    /// The runbook's name.
    pub runbook_name: String,
    /// Its version.
    pub runbook_version: i64,
    /// What was asked for.
    pub kind: RunKind,
    /// Where it stands.
    pub state: RunState,
    /// How it ended.
    pub result: Option<FinalState>,
    /// Why it ended so, for people; empty if there is nothing to say.
    pub reason: String,
    /// The step at work.
    pub step: Option<StepName>,
    /// Units of that step done.
    pub done: i64,
    /// Units of that step in all.
    pub total: i64,
    /// How often the device restarted.
    pub reboots: i64,
    /// When it was ordered.
    pub ordered_at: DateTime<Utc>,
    /// When it began on the device.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended on the device.
    pub ended_at: Option<DateTime<Utc>>,
}

/// A step of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepRecord {
    /// Which.
    pub name: StepName,
    /// Where it stands.
    pub state: StepState,
    /// What it did or why it failed, for people.
    pub detail: String,
    /// Units done.
    pub done: i64,
    /// Units in all.
    pub total: i64,
    /// When it began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
}

/// The outcome for one user's profile.
pub type OutcomeRecord = UserOutcome;

/// Which runs to list.
#[derive(Debug, Clone, Default)]
pub struct RunFilter {
    /// Of this device.
    pub device: Option<DeviceId>,
    /// Of this batch.
    pub batch: Option<BatchId>,
    /// In this state.
    pub state: Option<RunState>,
    /// With this result.
    pub result: Option<FinalState>,
    /// Folded words of the device's name.
    pub search: Option<String>,
}

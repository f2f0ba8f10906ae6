//! `report`: what happened on the device. Reports are numbered per agent key, kept by the agent
//! for at least 30 days, sent in order, and taken once.

use crate::{
    envelope::{Escrowed, Proof},
    pack::Packed,
};
use chrono::{DateTime, Utc};
use gw_model::{
    EventCode, FinalState, OrderId, RunId, RunKind, RunbookId, StepName, StepState, UserOutcome,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Body of `report`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportRequest {
    /// Version of the protocol: 1.
    pub v: u32,
    /// By ascending sequence.
    pub reports: Vec<Report>,
}

/// Answer to `report`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportAnswer {
    /// Version of the protocol: 1.
    pub v: u32,
    /// Everything up to this sequence is stored; repeated reports count as stored.
    pub accepted_through: u64,
    /// Keys of those reports of this request whose secrets the server holds and can open.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub escrowed: Vec<Uuid>,
}

/// One report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// 1, 2, 3, … per agent key.
    pub sequence: u64,
    /// The idempotency key: a report with a known key is not stored again.
    pub key: Uuid,
    /// When it happened, by the learned server time.
    pub at: DateTime<Utc>,
    /// What happened.
    pub body: ReportBody,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ReportBody {
    /// Something that a person can see in the event log.
    Event(EventReport),
    /// A run began.
    Started {
        /// The run.
        run: RunId,
        /// What ordered it.
        order: Box<Proof>,
    },
    /// Lines of a run's journal.
    Progress {
        /// The run.
        run: RunId,
        /// The JSON of a list of [`ProgressEntry`].
        entries: Packed,
    },
    /// A run ended.
    Result(Box<RunReport>),
    /// A secret for the administrator.
    Escrow(Box<Escrowed>),
}

/// An event of the catalogue (`gw_model::EVENTS`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventReport {
    /// Its number.
    pub code: EventCode,
    /// What is particular to this case.
    pub detail: String,
    /// The order that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderId>,
    /// The run that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// Further facts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
}

/// One line of a run's progress.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgressEntry {
    /// Number of the journal record.
    pub record: u64,
    /// When, by the device's clock.
    pub at: DateTime<Utc>,
    /// The step.
    pub step: Option<StepName>,
    /// Where the step stands, if that is the news.
    pub state: Option<StepState>,
    /// For people.
    pub text: String,
}

/// One step in a result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepReport {
    /// The step.
    pub step: StepName,
    /// How it ended.
    pub state: StepState,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// Why, if it failed; what it did otherwise.
    pub detail: Option<String>,
}

/// The result of a run, with the typed outcome for each user (B-03).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunReport {
    /// The run.
    pub run: RunId,
    /// What ordered it: a restored server adopts the report if its own root verifies this.
    pub order: Proof,
    /// Run, rehearsal or undo.
    pub kind: RunKind,
    /// The runbook.
    pub runbook: RunbookId,
    /// Its version.
    pub runbook_version: u32,
    /// How it ended.
    pub result: FinalState,
    /// Was everything read back and found right?
    pub verified: bool,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: DateTime<Utc>,
    /// How often the device restarted.
    pub reboots: u32,
    /// Objects that were taken back, if any.
    pub undone_objects: u64,
    /// Each step.
    pub steps: Vec<StepReport>,
    /// Each profile.
    pub users: Vec<UserOutcome>,
    /// For people, if it did not end as ordered.
    pub detail: Option<String>,
}

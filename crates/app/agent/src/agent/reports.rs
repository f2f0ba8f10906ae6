//! What is told to the server, now or later.

use super::{Agent, AgentError, escrow::carried};
use crate::{
    call::CallError, orders::HeldOrder, rundir::RunDir, runs::progress, state::StateError,
};
use gw_engine::rundir::ResultFile;
use gw_model::{EventCode, FinalState, OrderId, RunId, UserResult};
use gw_wire::{
    keys::sha256,
    op,
    pack::Packed,
    report::{EventReport, ReportAnswer, ReportBody, ReportRequest, RunReport, StepReport},
};
use std::{collections::BTreeMap, time::Duration};
use uuid::Uuid;

impl Agent {
    /// Reports an event, unless the same one was reported within the day.
    pub(super) fn event(
        &mut self,
        code: EventCode,
        detail: &str,
        order: Option<OrderId>,
        run: Option<RunId>,
    ) -> Result<(), StateError> {
        let what = (code, format!("{detail}{order:?}{run:?}"));
        let now = self.time.monotonic();
        let recently = |said: &Duration| now.saturating_sub(*said) < SILENCE;
        if self.said.get(&what).is_some_and(recently) {
            return Ok(());
        }
        self.said.retain(|_, said| recently(said));
        self.said.insert(what, now);
        let body = ReportBody::Event(EventReport {
            code,
            detail: detail.to_owned(),
            order,
            run,
            fields: BTreeMap::new(),
        });
        self.push(body, Uuid::now_v7())
    }

    /// As [`Self::event`], where a full disk is no reason to stop.
    pub(super) fn event_or_log(&mut self, code: EventCode, detail: &str) {
        if let Err(error) = self.event(code, detail, None, None) {
            tracing::error!(%error, "An event could not be stored");
        }
    }

    /// The server was heard of: the next outage is news again.
    pub(super) fn outage_is_over(&mut self) {
        self.said.retain(|(code, _), _| !OUTAGE.contains(code));
    }

    pub(super) fn push(&mut self, body: ReportBody, key: Uuid) -> Result<(), StateError> {
        let now = self.now();
        self.queue.push(&self.state, body, key, now).map(|_| ())
    }

    /// Sends what waits, in order, as far as the server takes it.
    pub(super) fn flush_reports(&mut self) -> Result<(), AgentError> {
        while self.identity.enrolled.is_some() && self.queue.waiting() > 0 {
            let reports = self.queue.next(&self.state, BATCH)?;
            let Some(first) = reports.first().map(|report| report.sequence) else {
                break;
            };
            let secrets = carried(&reports);
            let request = ReportRequest {
                v: gw_wire::PROTOCOL_VERSION,
                reports,
            };
            let answer: ReportAnswer = match self.call(op::REPORT, &request) {
                Ok(answer) => answer,
                Err(CallError::State(error)) => return Err(error.into()),
                Err(error) => {
                    tracing::debug!(%error, "Reports wait");
                    // What waits is worth more contacts than the poll; those that fail back off.
                    let soon = self.time.monotonic() + REPORT_AGAIN;
                    self.next_contact = self.next_contact.min(soon);
                    break;
                }
            };
            self.escrow.learn(&secrets, &answer.escrowed);
            let now = self.now();
            self.queue
                .acknowledge(&self.state, answer.accepted_through, now)?;
            if answer.accepted_through < first {
                break;
            }
        }
        Ok(())
    }

    /// Reports the lines of the journal that are new.
    pub(super) fn report_progress(
        &mut self,
        order: &mut HeldOrder,
        dir: &RunDir,
    ) -> Result<(), AgentError> {
        let records = dir.records()?;
        let Some(last) = records.last().map(|record| record.n) else {
            return Ok(());
        };
        if last < order.reported {
            return Ok(());
        }
        let entries = progress(&records, order.reported);
        if !entries.is_empty() {
            let json = serde_json::to_vec(&entries).unwrap_or_default();
            let body = ReportBody::Progress {
                run: order.header.run,
                entries: Packed::new(&json),
            };
            self.push(body, named("progress", order.header.run, last))?;
        }
        order.reported = last + 1;
        order.save(&self.state)?;
        Ok(())
    }

    /// Reports how a run ended: each user, each step.
    pub(super) fn report_result(
        &mut self,
        order: &HeldOrder,
        result: ResultFile,
    ) -> Result<(), AgentError> {
        let header = &order.header;
        let (id, run) = (Some(header.order), Some(header.run));
        self.event(final_event(result.state), &result.because, id, run)?;
        for user in &result.users {
            let code = match user.result {
                UserResult::Migrated => EventCode::USER_MIGRATED,
                UserResult::Unmapped => EventCode::USER_UNMAPPED,
                UserResult::Failed => EventCode::USER_FAILED,
                UserResult::Restored => continue,
            };
            self.event(code, &user.user, id, run)?;
        }
        let steps = result.steps.into_iter().map(|step| StepReport {
            step: step.step,
            state: step.state,
            duration_ms: step.duration_ms,
            detail: step.detail,
        });
        let error = result
            .error
            .map(|error| format!("{}; {}", error.message, error.remedy));
        let key = named(
            "result",
            header.run,
            result.ended.timestamp_micros().unsigned_abs(),
        );
        let report = RunReport {
            run: header.run,
            order: order.proof.clone(),
            kind: header.kind.run_kind().unwrap_or(result.kind),
            runbook: header.runbook.id,
            runbook_version: header.runbook.version,
            result: result.state,
            verified: result.verified,
            started_at: result.began,
            finished_at: result.ended,
            reboots: result.reboots,
            undone_objects: result.undone_objects,
            steps: steps.collect(),
            users: result.users,
            detail: Some(error.unwrap_or(result.because)),
        };
        self.push(ReportBody::Result(Box::new(report)), key)?;
        Ok(())
    }
}

fn final_event(state: FinalState) -> EventCode {
    match state {
        FinalState::Migrated => EventCode::MIGRATED,
        FinalState::Restored => EventCode::RESTORED,
        FinalState::Returned => EventCode::RETURNED,
        FinalState::Held => EventCode::HELD,
        FinalState::Rehearsed => EventCode::REHEARSED,
    }
}

/// The same key for the same news, so that a report made twice around a crash counts once.
pub(super) fn named(kind: &str, run: RunId, number: u64) -> Uuid {
    let hash = sha256(format!("godwit report {kind} {run} {number}").as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// What an outage is reported as.
const OUTAGE: [EventCode; 3] = [
    EventCode::SERVER_UNREACHABLE,
    EventCode::ANSWER_UNSIGNED,
    EventCode::SERVER_NOT_TRUSTED,
];
/// Reports per request.
const BATCH: usize = 100;
/// How soon the server is tried again when reports wait.
const REPORT_AGAIN: Duration = Duration::from_secs(60);
/// How long the same event is not said again.
const SILENCE: Duration = Duration::from_secs(24 * 3600);

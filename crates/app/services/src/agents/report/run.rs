//! What reports say of runs: begun, on their way, ended.

use super::{Adopted, worded};
use crate::agents::{
    stage::{Prepared, prepared_setting},
    words::{line_of, outcome},
};
use chrono::{DateTime, Utc};
use gw_model::{EventCode, FinalState, RunId, RunKind, RunState, StepName, StepState, UserResult};
use gw_store::{AgentRecord, NewOrder, OrderState, RunRecord, StepRecord, StoreError, Tx};
use gw_wire::{
    order::OrderHeader,
    report::{ProgressEntry, RunReport},
};

/// The run that a report is about. One that is not known is adopted: a restored server signed its
/// order before the restore.
pub(super) async fn run_of(
    tx: &mut Tx,
    agent: &AgentRecord,
    run: RunId,
    order: &OrderHeader,
) -> Result<Option<RunRecord>, StoreError> {
    if let Some(held) = tx.run(agent.customer, run).await? {
        return Ok((held.device == agent.device).then_some(held));
    }
    let (Some(kind), Some(device)) = (
        order.kind.run_kind(),
        tx.device(agent.customer, agent.device).await?,
    ) else {
        return Ok(None);
    };
    let sequence = i64::try_from(order.sequence).unwrap_or(i64::MAX);
    let body = serde_json::to_string(order).map_err(|error| StoreError::Content {
        at: 0,
        source: error.into(),
    })?;
    if tx.order(order.order).await?.is_none() {
        tx.add_order(&NewOrder {
            id: order.order,
            customer: agent.customer,
            device: agent.device,
            agent: agent.id,
            sequence,
            kind,
            batch: order.batch,
            runbook: order.runbook.id,
            runbook_version: i64::from(order.runbook.version),
            run,
            body,
            state: OrderState::Open,
            created_at: order.issued_at,
        })
        .await?;
    }
    let record = RunRecord {
        id: run,
        customer: agent.customer,
        device: agent.device,
        device_name: device.name,
        incarnation: device.incarnation,
        order: order.order,
        batch: order.batch,
        runbook: order.runbook.id,
        runbook_name: order.runbook.name.clone(),
        runbook_version: i64::from(order.runbook.version),
        kind,
        state: RunState::Ordered,
        result: None,
        reason: String::new(),
        step: None,
        done: 0,
        total: 0,
        reboots: 0,
        ordered_at: order.issued_at,
        started_at: None,
        ended_at: None,
    };
    tx.add_run(&record).await?;
    Ok(Some(record))
}

pub(super) async fn begin(
    tx: &mut Tx,
    agent: &AgentRecord,
    record: &mut RunRecord,
    order: &OrderHeader,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    tx.set_order_state(order.order, OrderState::Taken).await?;
    if order.kind.run_kind() == Some(RunKind::Run) {
        tx.use_seats(agent.device).await?;
    }
    // An order that was withdrawn while the device was away may have begun all the same.
    if matches!(record.state, RunState::Ordered | RunState::Cancelled) {
        record.state = RunState::Running;
        record.reason = String::new();
    }
    record.started_at = record.started_at.or(Some(at));
    tx.update_run(record).await
}

pub(super) async fn progress(
    tx: &mut Tx,
    record: &mut RunRecord,
    entries: &[ProgressEntry],
    adopted: &mut Adopted,
) -> Result<(), StoreError> {
    for entry in entries {
        if let (Some(step), Some(state)) = (entry.step, entry.state) {
            let begins = matches!(state, StepState::Running | StepState::Pending);
            tx.put_step(
                record.id,
                &StepRecord {
                    name: step,
                    state,
                    detail: entry.text.clone(),
                    done: 0,
                    total: 0,
                    started_at: begins.then_some(entry.at),
                    ended_at: (!begins).then_some(entry.at),
                },
            )
            .await?;
            if record.state != RunState::Finished {
                record.step = Some(step);
            }
        }
        let code = match entry.state {
            Some(StepState::Running) => EventCode::STEP_STARTED,
            Some(StepState::Failed) => EventCode::STEP_FAILED,
            _ => EventCode::STEP_DONE,
        };
        adopted.line(entry.at, code, Some(record.id), line_of(entry));
    }
    tx.update_run(record).await
}

pub(super) async fn conclude(
    tx: &mut Tx,
    agent: &AgentRecord,
    mut record: RunRecord,
    report: &RunReport,
    at: DateTime<Utc>,
    adopted: &mut Adopted,
) -> Result<(), StoreError> {
    let held = tx.steps(record.id).await?;
    for step in &report.steps {
        let before = held.iter().find(|one| one.name == step.step);
        let started = before.and_then(|one| one.started_at);
        let duration =
            chrono::TimeDelta::milliseconds(i64::try_from(step.duration_ms).unwrap_or(0));
        tx.put_step(
            record.id,
            &StepRecord {
                name: step.step,
                state: step.state,
                detail: step.detail.clone().unwrap_or_default(),
                done: 0,
                total: 0,
                started_at: started,
                ended_at: started
                    .map(|started| started + duration)
                    .or_else(|| before.and_then(|one| one.ended_at)),
            },
        )
        .await?;
    }
    for user in &report.users {
        tx.put_outcome(record.id, user).await?;
        let code = match user.result {
            UserResult::Migrated => EventCode::USER_MIGRATED,
            UserResult::Unmapped => EventCode::USER_UNMAPPED,
            UserResult::Failed => EventCode::USER_FAILED,
            UserResult::Restored => continue,
        };
        adopted.line(
            at,
            code,
            Some(record.id),
            format!(
                "{}: {}",
                user.user,
                user.detail
                    .clone()
                    .unwrap_or_else(|| outcome(user.result).into())
            ),
        );
    }
    record.state = RunState::Finished;
    record.result = Some(report.result);
    record.reason = report.detail.clone().unwrap_or_default();
    record.reboots = i64::from(report.reboots);
    record.step = None;
    record.started_at = Some(report.started_at);
    record.ended_at = Some(report.finished_at);
    let failed = report
        .steps
        .iter()
        .find(|step| step.state == StepState::Failed)
        .map(|step| step.step);
    if report.result != FinalState::Migrated {
        record.step = failed.filter(|step| *step != StepName::WayBack);
    }
    tx.update_run(&record).await?;
    adopted.line(
        at,
        final_code(report.result),
        Some(record.id),
        worded(final_code(report.result), &record.reason),
    );
    settle_device(tx, agent, &record, report).await
}

fn final_code(result: FinalState) -> EventCode {
    match result {
        FinalState::Migrated => EventCode::MIGRATED,
        FinalState::Restored => EventCode::RESTORED,
        FinalState::Returned => EventCode::RETURNED,
        FinalState::Held => EventCode::HELD,
        FinalState::Rehearsed => EventCode::REHEARSED,
    }
}

/// The device is where the run left it.
async fn settle_device(
    tx: &mut Tx,
    agent: &AgentRecord,
    record: &RunRecord,
    report: &RunReport,
) -> Result<(), StoreError> {
    let setting = prepared_setting(record.id);
    let prepared = tx
        .setting(&setting)
        .await?
        .and_then(|text| serde_json::from_str::<Prepared>(&text).ok());
    let ended = report.finished_at;
    match (report.result, report.kind, prepared) {
        (FinalState::Migrated, RunKind::Run, Some(prepared)) => {
            tx.place_device(
                agent.device,
                prepared.directory,
                prepared.guid,
                &prepared.sid,
                ended,
            )
            .await?;
        }
        (FinalState::Restored | FinalState::Returned, _, _) => {
            // Back in the directory that it came from: the newest link that was not the target's.
            let target = tx
                .runbook_version(agent.customer, record.runbook, record.runbook_version)
                .await?;
            let target = target
                .and_then(|held| gw_runbook::read(&held.document).ok())
                .map(|document| document.general.target);
            let links = tx.device_links(agent.device).await?;
            if let Some(link) = links.iter().rfind(|link| Some(link.directory) != target)
                && let Some(sid) = &link.sid
            {
                tx.place_device(agent.device, link.directory, link.guid, sid, ended)
                    .await?;
            }
        }
        _ => {}
    }
    if report.result != FinalState::Held {
        tx.clear_setting(&setting).await?;
    }
    Ok(())
}

//! Runs: one runbook on one device.

use axum::extract::State;
use gw_admin_api::Page;
use gw_admin_api::runs::{
    Run, RunKind, RunQuery, RunResult, RunState, RunStep, RunSummary, RunUser, StepName, StepState,
    UserResult,
};
use gw_model::{CustomerId, FinalState, RunId, UserOutcome};
use gw_store::{RunFilter, RunRecord, StepRecord};
use http::StatusCode;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, shape};
use crate::{
    App,
    auth::Caller,
    extract::{Json, Path, Query},
    problem::Problem,
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_runs))
        .routes(routes!(get_run))
        .routes(routes!(undo_run))
        .routes(routes!(withdraw_run))
}

/// Runs, the newest first.
#[utoipa::path(get, path = "/customers/{customer}/runs", tag = "runs", params(RunQuery),
    responses((status = 200, body = Page<RunSummary>)))]
async fn list_runs(
    State(app): State<App>,
    Path(customer): Path<CustomerId>,
    Query(query): Query<RunQuery>,
) -> Answer<Page<RunSummary>> {
    let filter = RunFilter {
        device: query.device_id,
        batch: query.batch_id,
        state: query.state.map(model_state),
        result: query.result.map(model_result),
        search: query.q.clone(),
    };
    let ask = shape::ask(query.cursor, query.limit, query.q);
    Ok(Json(shape::page(
        app.services.runs(customer, &filter, &ask).await?,
        summary,
    )))
}

/// One run with its steps, and what became of each profile.
#[utoipa::path(get, path = "/customers/{customer}/runs/{run}", tag = "runs", responses((status = 200, body = Run)))]
async fn get_run(
    State(app): State<App>,
    Path((customer, id)): Path<(CustomerId, RunId)>,
) -> Answer<Run> {
    let detail = app.services.run(customer, id).await?;
    Ok(Json(Run {
        summary: summary(detail.run),
        steps: detail.steps.into_iter().map(step).collect(),
        users: detail.users.into_iter().map(user).collect(),
    }))
}

/// Orders a run that ended in the target to be taken back.
#[utoipa::path(post, path = "/customers/{customer}/runs/{run}/undo", tag = "runs",
    responses((status = 202, body = RunSummary)))]
async fn undo_run(
    State(app): State<App>,
    caller: Caller,
    Path((customer, id)): Path<(CustomerId, RunId)>,
) -> Result<(StatusCode, Json<RunSummary>), Problem> {
    let run = app.services.undo(&caller.actor(), customer, id).await?;
    Ok((StatusCode::ACCEPTED, Json(summary(run))))
}

/// Withdraws a run that the device has not begun.
#[utoipa::path(post, path = "/customers/{customer}/runs/{run}/withdraw", tag = "runs",
    responses((status = 200, body = RunSummary)))]
async fn withdraw_run(
    State(app): State<App>,
    caller: Caller,
    Path((customer, id)): Path<(CustomerId, RunId)>,
) -> Answer<RunSummary> {
    Ok(Json(summary(
        app.services
            .withdraw_run(&caller.actor(), customer, id)
            .await?,
    )))
}

pub(super) fn summary(record: RunRecord) -> RunSummary {
    RunSummary {
        id: record.id,
        kind: match record.kind {
            gw_model::RunKind::Run => RunKind::Run,
            gw_model::RunKind::Rehearse => RunKind::Rehearse,
            gw_model::RunKind::Undo => RunKind::Undo,
        },
        device_id: record.device,
        device_name: record.device_name,
        runbook_id: record.runbook,
        runbook_name: record.runbook_name,
        runbook_version: record.runbook_version,
        batch_id: record.batch,
        state: match record.state {
            gw_model::RunState::Ordered => RunState::Ordered,
            gw_model::RunState::Running => RunState::Running,
            gw_model::RunState::Finished => RunState::Finished,
            gw_model::RunState::Cancelled => RunState::Cancelled,
        },
        result: record.result.map(result),
        reason: record.reason,
        step: record.step.map(step_name),
        done: shape::count(record.done),
        total: shape::count(record.total),
        reboots: shape::count(record.reboots),
        ordered_at: record.ordered_at,
        started_at: record.started_at,
        finished_at: record.ended_at,
    }
}

fn step(record: StepRecord) -> RunStep {
    RunStep {
        name: step_name(record.name),
        state: match record.state {
            gw_model::StepState::Pending => StepState::Pending,
            gw_model::StepState::Running => StepState::Running,
            gw_model::StepState::Done => StepState::Done,
            gw_model::StepState::Failed => StepState::Failed,
            gw_model::StepState::Undone => StepState::Undone,
            gw_model::StepState::Skipped => StepState::Skipped,
        },
        detail: record.detail,
        done: shape::count(record.done),
        total: shape::count(record.total),
        started_at: record.started_at,
        finished_at: record.ended_at,
    }
}

fn user(outcome: UserOutcome) -> RunUser {
    RunUser {
        user: outcome.user,
        source_sid: outcome.source_sid.to_string(),
        target_sid: outcome.target_sid.map(|sid| sid.to_string()),
        result: match outcome.result {
            gw_model::UserResult::Migrated => UserResult::Migrated,
            gw_model::UserResult::Unmapped => UserResult::Unmapped,
            gw_model::UserResult::Restored => UserResult::Restored,
            gw_model::UserResult::Failed => UserResult::Failed,
        },
        files_seen: outcome.files_seen,
        files_changed: outcome.files_changed,
        keys_changed: outcome.keys_changed,
        leftover_source_sids: outcome.leftover_source_sids,
        detail: outcome.detail,
    }
}

fn result(state: FinalState) -> RunResult {
    match state {
        FinalState::Migrated => RunResult::Migrated,
        FinalState::Restored => RunResult::Restored,
        FinalState::Returned => RunResult::Returned,
        FinalState::Held => RunResult::Held,
        FinalState::Rehearsed => RunResult::Rehearsed,
    }
}

fn model_result(result: RunResult) -> FinalState {
    match result {
        RunResult::Migrated => FinalState::Migrated,
        RunResult::Restored => FinalState::Restored,
        RunResult::Returned => FinalState::Returned,
        RunResult::Held => FinalState::Held,
        RunResult::Rehearsed => FinalState::Rehearsed,
    }
}

fn model_state(state: RunState) -> gw_model::RunState {
    match state {
        RunState::Ordered => gw_model::RunState::Ordered,
        RunState::Running => gw_model::RunState::Running,
        RunState::Finished => gw_model::RunState::Finished,
        RunState::Cancelled => gw_model::RunState::Cancelled,
    }
}

fn step_name(name: gw_model::StepName) -> StepName {
    use gw_model::StepName as From;
    match name {
        From::Preflight => StepName::Preflight,
        From::Stage => StepName::Stage,
        From::GuardsUp => StepName::GuardsUp,
        From::Leave => StepName::Leave,
        From::Join => StepName::Join,
        From::Profiles => StepName::Profiles,
        From::Files => StepName::Files,
        From::UserHives => StepName::UserHives,
        From::MachineHives => StepName::MachineHives,
        From::LocalGroups => StepName::LocalGroups,
        From::Verify => StepName::Verify,
        From::GuardsDown => StepName::GuardsDown,
        From::WayBack => StepName::WayBack,
        From::Return => StepName::Return,
        From::CleanUp => StepName::CleanUp,
    }
}

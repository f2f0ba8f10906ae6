//! Jobs, their messages, and the schedule.

use axum::extract::State;
use gw_admin_api::jobs::{Job, JobKind, JobState, Schedule, ScheduleInput, ScheduleRule};
use gw_admin_api::messages::Message;
use gw_admin_api::{Page, PageQuery};
use gw_model::{CustomerId, JobId};
use gw_services::ScheduleView;
use gw_store::JobRecord;
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
        .routes(routes!(list_jobs))
        .routes(routes!(get_job))
        .routes(routes!(list_job_children))
        .routes(routes!(list_messages))
        .routes(routes!(cancel_job))
        .routes(routes!(get_schedule, set_schedule))
        .routes(routes!(start_cycle))
}

/// The jobs, the newest first.
#[utoipa::path(get, path = "/customers/{customer}/jobs", tag = "jobs", params(PageQuery),
    responses((status = 200, body = Page<Job>)))]
async fn list_jobs(
    State(app): State<App>,
    Path(customer): Path<CustomerId>,
    Query(query): Query<PageQuery>,
) -> Answer<Page<Job>> {
    let ask = shape::ask(query.cursor, query.limit, None);
    Ok(Json(shape::page(
        app.services.jobs(customer, &ask).await?,
        job,
    )))
}

/// One job.
#[utoipa::path(get, path = "/customers/{customer}/jobs/{job}", tag = "jobs", responses((status = 200, body = Job)))]
async fn get_job(
    State(app): State<App>,
    Path((customer, id)): Path<(CustomerId, JobId)>,
) -> Answer<Job> {
    Ok(Json(job(app.services.job(customer, id).await?)))
}

/// The parts of a cycle.
#[utoipa::path(get, path = "/customers/{customer}/jobs/{job}/children", tag = "jobs",
    responses((status = 200, body = Page<Job>)))]
async fn list_job_children(
    State(app): State<App>,
    Path((customer, id)): Path<(CustomerId, JobId)>,
) -> Answer<Page<Job>> {
    let all = app.services.job_children(customer, id).await?;
    Ok(Json(Page::whole(all.into_iter().map(job).collect())))
}

/// Stops a job, and with a cycle its parts.
#[utoipa::path(post, path = "/customers/{customer}/jobs/{job}/cancel", tag = "jobs",
    responses((status = 200, body = Job)))]
async fn cancel_job(
    State(app): State<App>,
    caller: Caller,
    Path((customer, id)): Path<(CustomerId, JobId)>,
) -> Answer<Job> {
    Ok(Json(job(app
        .services
        .cancel_job(&caller.actor(), customer, id)
        .await?)))
}

/// The message log of a job.
#[utoipa::path(get, path = "/customers/{customer}/jobs/{job}/messages", tag = "jobs", params(PageQuery),
    responses((status = 200, body = Page<Message>)))]
async fn list_messages(
    State(app): State<App>,
    Path((customer, id)): Path<(CustomerId, JobId)>,
    Query(query): Query<PageQuery>,
) -> Answer<Page<Message>> {
    let ask = shape::ask(query.cursor, query.limit, None);
    Ok(Json(shape::page(
        app.services.job_messages(customer, id, &ask).await?,
        |line| Message {
            seq: line.sequence,
            at: line.at,
            severity: shape::severity(line.severity),
            text: line.text,
        },
    )))
}

/// When cycles start by themselves.
#[utoipa::path(get, path = "/customers/{customer}/schedule", tag = "jobs", responses((status = 200, body = Schedule)))]
async fn get_schedule(
    State(app): State<App>,
    Path(customer): Path<CustomerId>,
) -> Answer<Schedule> {
    Ok(Json(schedule(app.services.schedule(customer).await?)))
}

/// Sets when cycles start by themselves.
#[utoipa::path(put, path = "/customers/{customer}/schedule", tag = "jobs", request_body = ScheduleInput,
    responses((status = 200, body = Schedule)))]
async fn set_schedule(
    State(app): State<App>,
    caller: Caller,
    Path(customer): Path<CustomerId>,
    Json(input): Json<ScheduleInput>,
) -> Answer<Schedule> {
    let minutes = match input.rule {
        ScheduleRule::Manual => None,
        ScheduleRule::Interval { minutes } => Some(minutes),
    };
    Ok(Json(schedule(
        app.services
            .set_schedule(&caller.actor(), customer, minutes)
            .await?,
    )))
}

/// Starts a whole cycle: every import, then every sync.
#[utoipa::path(post, path = "/customers/{customer}/schedule/start", tag = "jobs",
    responses((status = 202, body = Job)))]
async fn start_cycle(
    State(app): State<App>,
    caller: Caller,
    Path(customer): Path<CustomerId>,
) -> Result<(StatusCode, Json<Job>), Problem> {
    Ok((
        StatusCode::ACCEPTED,
        Json(job(app
            .services
            .start_cycle(&caller.actor(), customer)
            .await?)),
    ))
}

pub(super) fn job(record: JobRecord) -> Job {
    Job {
        id: record.id,
        parent_id: record.parent,
        kind: match record.kind {
            gw_store::JobKind::Cycle => JobKind::Cycle,
            gw_store::JobKind::Import => JobKind::Import,
            gw_store::JobKind::Sync => JobKind::Sync,
        },
        subject_id: record.subject,
        subject_name: record.subject_name,
        state: match record.state {
            gw_store::JobState::Queued => JobState::Queued,
            gw_store::JobState::Running => JobState::Running,
            gw_store::JobState::Succeeded => JobState::Succeeded,
            gw_store::JobState::Failed => JobState::Failed,
            gw_store::JobState::Cancelled => JobState::Cancelled,
        },
        done: shape::count(record.done),
        total: record.total.map(shape::count),
        message: record.message,
        warnings: shape::count(record.warnings),
        errors: shape::count(record.errors),
        created_at: record.created_at,
        started_at: record.started_at,
        finished_at: record.ended_at,
    }
}

fn schedule(view: ScheduleView) -> Schedule {
    let minutes = u32::try_from(view.schedule.interval_minutes).unwrap_or(0);
    Schedule {
        rule: if view.schedule.enabled {
            ScheduleRule::Interval { minutes }
        } else {
            ScheduleRule::Manual
        },
        next_start_at: view.schedule.next_at,
        last_cycle: view.last_cycle.map(job),
    }
}

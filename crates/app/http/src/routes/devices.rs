//! Devices and their agents: what is done with them.

use axum::extract::State;
use gw_admin_api::Page;
use gw_admin_api::batches::CsvImport;
use gw_admin_api::devices::{
    ApproveDevices, ApproveRefusal, ApproveResult, Device, DeviceQuery, DeviceSummary, MoveDevice,
    ResolveConflict, RunbookChoice, TrustState,
};
use gw_admin_api::runs::RunSummary;
use gw_model::{CustomerId, DeviceId};
use gw_store::{DeviceFilter, DeviceStatus};
use http::StatusCode;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, device_view, runs, shape};
use crate::{
    App,
    auth::Caller,
    extract::{CsvBody, Json, Path, Query},
    problem::Problem,
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_devices))
        .routes(routes!(approve_devices))
        .routes(routes!(get_device))
        .routes(routes!(resolve_conflict))
        .routes(routes!(revoke_device))
        .routes(routes!(move_device))
        .routes(routes!(rehearse))
        .routes(routes!(run_again))
        .routes(routes!(import_approvals))
}

/// Devices, by name.
#[utoipa::path(get, path = "/customers/{customer}/devices", tag = "devices", params(DeviceQuery),
    responses((status = 200, body = Page<DeviceSummary>)))]
async fn list_devices(
    State(app): State<App>,
    Path(customer): Path<CustomerId>,
    Query(query): Query<DeviceQuery>,
) -> Answer<Page<DeviceSummary>> {
    let filter = DeviceFilter {
        search: query.q.clone(),
        directory: query.directory_id,
        status: match query.trust {
            None => DeviceStatus::Any,
            Some(TrustState::NoAgent) => DeviceStatus::NoAgent,
            Some(TrustState::Pending) => DeviceStatus::Pending,
            Some(TrustState::Trusted) => DeviceStatus::Trusted,
            Some(TrustState::Conflict) => DeviceStatus::Conflict,
            Some(TrustState::Revoked) => DeviceStatus::Revoked,
        },
    };
    let ask = shape::ask(query.cursor, query.limit, query.q);
    Ok(Json(shape::page(
        app.services.devices(customer, &filter, &ask).await?,
        device_view::summary,
    )))
}

/// Approves agents that wait for it.
#[utoipa::path(post, path = "/customers/{customer}/devices/approve", tag = "devices", request_body = ApproveDevices,
    responses((status = 200, body = ApproveResult)))]
async fn approve_devices(
    State(app): State<App>,
    caller: Caller,
    Path(customer): Path<CustomerId>,
    Json(input): Json<ApproveDevices>,
) -> Answer<ApproveResult> {
    shape::some_devices(&input.device_ids)?;
    let mut result = ApproveResult {
        approved: 0,
        refused: Vec::new(),
    };
    for device_id in input.device_ids {
        match app
            .services
            .approve_device(&caller.actor(), customer, device_id)
            .await
        {
            Ok(_) => result.approved += 1,
            Err(refusal) => {
                let problem = Problem::from(refusal);
                if problem.status.is_server_error() {
                    return Err(problem);
                }
                result.refused.push(ApproveRefusal {
                    device_id,
                    code: problem.code.to_owned(),
                    message: problem.detail,
                });
            }
        }
    }
    Ok(Json(result))
}

/// Everything about one device.
#[utoipa::path(get, path = "/customers/{customer}/devices/{device}", tag = "devices",
    responses((status = 200, body = Device)))]
async fn get_device(
    State(app): State<App>,
    Path((customer, id)): Path<(CustomerId, DeviceId)>,
) -> Answer<Device> {
    Ok(Json(device_view::device(
        app.services.device(customer, id).await?,
    )))
}

/// Decides which of two claimants is the device.
#[utoipa::path(post, path = "/customers/{customer}/devices/{device}/resolve-conflict", tag = "devices",
    request_body = ResolveConflict, responses((status = 200, body = Device)))]
async fn resolve_conflict(
    State(app): State<App>,
    caller: Caller,
    Path((customer, id)): Path<(CustomerId, DeviceId)>,
    Json(input): Json<ResolveConflict>,
) -> Answer<Device> {
    app.services
        .resolve_conflict(&caller.actor(), customer, id, input.keep_agent_id)
        .await?;
    Ok(Json(device_view::device(
        app.services.device(customer, id).await?,
    )))
}

/// Revokes the agent of a device: it gets nothing new from the next request on.
#[utoipa::path(post, path = "/customers/{customer}/devices/{device}/revoke", tag = "devices",
    responses((status = 200, body = Device)))]
async fn revoke_device(
    State(app): State<App>,
    caller: Caller,
    Path((customer, id)): Path<(CustomerId, DeviceId)>,
) -> Answer<Device> {
    app.services
        .revoke_device(&caller.actor(), customer, id)
        .await?;
    Ok(Json(device_view::device(
        app.services.device(customer, id).await?,
    )))
}

/// Takes a device off whatever list it is on and puts it on another, in one step.
#[utoipa::path(post, path = "/customers/{customer}/devices/{device}/move", tag = "devices",
    request_body = MoveDevice, responses((status = 200, body = Device)))]
async fn move_device(
    State(app): State<App>,
    caller: Caller,
    Path((customer, id)): Path<(CustomerId, DeviceId)>,
    Json(input): Json<MoveDevice>,
) -> Answer<Device> {
    app.services
        .move_device(&caller.actor(), customer, id, input.batch_id)
        .await?;
    Ok(Json(device_view::device(
        app.services.device(customer, id).await?,
    )))
}

/// Asks for a rehearsal: the runbook is run read-only and says what it would do.
#[utoipa::path(post, path = "/customers/{customer}/devices/{device}/rehearse", tag = "devices",
    request_body = RunbookChoice, responses((status = 202, body = RunSummary)))]
async fn rehearse(
    State(app): State<App>,
    caller: Caller,
    Path((customer, id)): Path<(CustomerId, DeviceId)>,
    Json(input): Json<RunbookChoice>,
) -> Result<(StatusCode, Json<RunSummary>), Problem> {
    let run = app
        .services
        .rehearse(&caller.actor(), customer, id, input.runbook_id)
        .await?;
    Ok((StatusCode::ACCEPTED, Json(runs::summary(run))))
}

/// Orders a runbook that completed, or did not end well, again on this device.
#[utoipa::path(post, path = "/customers/{customer}/devices/{device}/run-again", tag = "devices",
    request_body = RunbookChoice, responses((status = 202, body = RunSummary)))]
async fn run_again(
    State(app): State<App>,
    caller: Caller,
    Path((customer, id)): Path<(CustomerId, DeviceId)>,
    Json(input): Json<RunbookChoice>,
) -> Result<(StatusCode, Json<RunSummary>), Problem> {
    let run = app
        .services
        .run_again(&caller.actor(), customer, id, input.runbook_id)
        .await?;
    Ok((StatusCode::ACCEPTED, Json(runs::summary(run))))
}

/// Approves the agents of the devices that a CSV file names, by computer name or serial number.
/// Good lines count even when others are not.
#[utoipa::path(post, path = "/customers/{customer}/devices/approve/import", tag = "devices",
    request_body(content = String, content_type = "text/csv"), responses((status = 200, body = CsvImport)))]
async fn import_approvals(
    State(app): State<App>,
    caller: Caller,
    Path(customer): Path<CustomerId>,
    CsvBody(file): CsvBody,
) -> Answer<CsvImport> {
    Ok(Json(shape::import(
        app.services
            .approve_csv(&caller.actor(), customer, &file)
            .await?,
    )))
}

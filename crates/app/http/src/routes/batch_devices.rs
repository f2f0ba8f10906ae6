//! Batches: which devices.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use gw_admin_api::Page;
use gw_admin_api::batches::{
    AddDevices, Batch, BatchDevice, BatchDeviceQuery, CsvImport, CsvImportQuery, IfElsewhere,
};
use gw_model::{BatchId, CustomerId, DeviceId};
use gw_store::BatchMember;
use http::StatusCode;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, batches, shape};
use crate::{
    App,
    auth::Caller,
    extract::{CsvBody, CsvFile, Json, Path, Query},
    problem::Problem,
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_batch_devices, add_batch_devices))
        .routes(routes!(list_batch_members))
        .routes(routes!(remove_batch_device))
        .routes(routes!(import_batch_devices))
        .routes(routes!(export_batch_devices))
}

/// The devices on the list of a batch (for "all except": the exceptions), by name.
#[utoipa::path(get, path = "/customers/{customer}/batches/{batch}/devices", tag = "batches",
    params(BatchDeviceQuery), responses((status = 200, body = Page<BatchDevice>)))]
async fn list_batch_devices(
    State(app): State<App>,
    Path((customer, id)): Path<(CustomerId, BatchId)>,
    Query(query): Query<BatchDeviceQuery>,
) -> Answer<Page<BatchDevice>> {
    let ask = shape::ask(query.cursor, query.limit, query.q);
    Ok(Json(shape::page(
        app.services.batch_devices(customer, id, &ask).await?,
        member,
    )))
}

/// The devices a batch means now, by name.
#[utoipa::path(get, path = "/customers/{customer}/batches/{batch}/members", tag = "batches",
    params(BatchDeviceQuery), responses((status = 200, body = Page<BatchDevice>)))]
async fn list_batch_members(
    State(app): State<App>,
    Path((customer, id)): Path<(CustomerId, BatchId)>,
    Query(query): Query<BatchDeviceQuery>,
) -> Answer<Page<BatchDevice>> {
    let ask = shape::ask(query.cursor, query.limit, query.q);
    Ok(Json(shape::page(
        app.services.batch_members(customer, id, &ask).await?,
        member,
    )))
}

/// Puts devices on the list of a batch: all of them, or none.
#[utoipa::path(post, path = "/customers/{customer}/batches/{batch}/devices", tag = "batches",
    request_body = AddDevices, responses((status = 200, body = Batch)))]
async fn add_batch_devices(
    State(app): State<App>,
    caller: Caller,
    Path((customer, id)): Path<(CustomerId, BatchId)>,
    Json(input): Json<AddDevices>,
) -> Answer<Batch> {
    shape::some_devices(&input.device_ids)?;
    let elsewhere = elsewhere(input.if_elsewhere);
    app.services
        .add_batch_devices(&caller.actor(), customer, id, input.device_ids, elsewhere)
        .await?;
    Ok(Json(batches::batch(
        app.services.batch(customer, id).await?,
    )))
}

/// Takes a device off the list of a batch.
#[utoipa::path(delete, path = "/customers/{customer}/batches/{batch}/devices/{device}", tag = "batches",
    responses((status = 204)))]
async fn remove_batch_device(
    State(app): State<App>,
    caller: Caller,
    Path((customer, id, device)): Path<(CustomerId, BatchId, DeviceId)>,
) -> Result<StatusCode, Problem> {
    let removed = app
        .services
        .remove_batch_devices(&caller.actor(), customer, id, vec![device])
        .await?;
    if removed == 0 {
        return Err(Problem::not_found(
            "the device is not on the list of this batch",
        ));
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Puts the devices of a CSV file on the list of a batch. Unless every line is good nothing is stored.
#[utoipa::path(post, path = "/customers/{customer}/batches/{batch}/devices/import", tag = "batches",
    params(CsvImportQuery), request_body(content = String, content_type = "text/csv"),
    responses((status = 200, body = CsvImport), (status = 422, body = CsvImport, description = "Some lines are not good; nothing was stored")))]
async fn import_batch_devices(
    State(app): State<App>,
    caller: Caller,
    Path((customer, id)): Path<(CustomerId, BatchId)>,
    Query(query): Query<CsvImportQuery>,
    CsvBody(file): CsvBody,
) -> Result<Response, Problem> {
    let elsewhere = elsewhere(query.if_elsewhere.unwrap_or_default());
    let done = app
        .services
        .import_batch_csv(&caller.actor(), customer, id, &file, elsewhere)
        .await?;
    let body = shape::import(done);
    let status = if body.ok {
        StatusCode::OK
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
    Ok((status, Json(body)).into_response())
}

/// The list of a batch as CSV.
#[utoipa::path(get, path = "/customers/{customer}/batches/{batch}/devices.csv", tag = "batches",
    responses((status = 200, body = String, content_type = "text/csv")))]
async fn export_batch_devices(
    State(app): State<App>,
    Path((customer, id)): Path<(CustomerId, BatchId)>,
) -> Result<CsvFile, Problem> {
    Ok(CsvFile {
        name: "devices.csv",
        text: app.services.export_batch_csv(customer, id).await?,
    })
}

fn elsewhere(wish: IfElsewhere) -> gw_services::IfElsewhere {
    match wish {
        IfElsewhere::Refuse => gw_services::IfElsewhere::Refuse,
        IfElsewhere::Move => gw_services::IfElsewhere::Move,
    }
}

fn member(member: BatchMember) -> BatchDevice {
    BatchDevice {
        device_id: member.device,
        name: member.name,
        serial: member.serial,
        trusted: member.trusted,
    }
}

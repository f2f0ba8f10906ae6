//! Batches: which runbooks, when.

use axum::extract::State;
use gw_admin_api::Page;
use gw_admin_api::batches::{Batch, BatchCounts, BatchInput, BatchMode, BatchRunbook, BatchZone};
use gw_model::{BatchId, CustomerId, Window, Zone};
use gw_services::{BatchDraft, BatchView};
use gw_store::ScopeMode;
use http::StatusCode;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, shape};
use crate::{
    App,
    auth::Caller,
    extract::{IfMatch, Json, Path, Versioned},
    problem::Problem,
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_batches, create_batch))
        .routes(routes!(get_batch, update_batch, delete_batch))
}

/// The batches, by name.
#[utoipa::path(get, path = "/customers/{customer}/batches", tag = "batches",
    responses((status = 200, body = Page<Batch>)))]
async fn list_batches(
    State(app): State<App>,
    Path(customer): Path<CustomerId>,
) -> Answer<Page<Batch>> {
    let all = app.services.batches(customer).await?;
    Ok(Json(Page::whole(all.into_iter().map(batch).collect())))
}

/// Makes a batch.
#[utoipa::path(post, path = "/customers/{customer}/batches", tag = "batches", request_body = BatchInput,
    responses((status = 201, body = Batch)))]
async fn create_batch(
    State(app): State<App>,
    caller: Caller,
    Path(customer): Path<CustomerId>,
    Json(input): Json<BatchInput>,
) -> Result<(StatusCode, Versioned<Json<Batch>>), Problem> {
    let made = batch(
        app.services
            .create_batch(&caller.actor(), customer, draft(input)?)
            .await?,
    );
    Ok((StatusCode::CREATED, Versioned(made.version, Json(made))))
}

/// One batch.
#[utoipa::path(get, path = "/customers/{customer}/batches/{batch}", tag = "batches",
    responses((status = 200, body = Batch)))]
async fn get_batch(
    State(app): State<App>,
    Path((customer, id)): Path<(CustomerId, BatchId)>,
) -> Result<Versioned<Json<Batch>>, Problem> {
    let found = batch(app.services.batch(customer, id).await?);
    Ok(Versioned(found.version, Json(found)))
}

/// Changes a batch. A change of mode or source empties its list.
#[utoipa::path(put, path = "/customers/{customer}/batches/{batch}", tag = "batches", request_body = BatchInput,
    responses((status = 200, body = Batch)))]
async fn update_batch(
    State(app): State<App>,
    caller: Caller,
    Path((customer, id)): Path<(CustomerId, BatchId)>,
    IfMatch(version): IfMatch,
    Json(input): Json<BatchInput>,
) -> Result<Versioned<Json<Batch>>, Problem> {
    let draft = draft(input)?;
    let saved = batch(
        app.services
            .update_batch(&caller.actor(), customer, id, version, draft)
            .await?,
    );
    Ok(Versioned(saved.version, Json(saved)))
}

/// Removes a batch; orders that no device has begun are withdrawn.
#[utoipa::path(delete, path = "/customers/{customer}/batches/{batch}", tag = "batches", responses((status = 204)))]
async fn delete_batch(
    State(app): State<App>,
    caller: Caller,
    Path((customer, id)): Path<(CustomerId, BatchId)>,
    IfMatch(version): IfMatch,
) -> Result<StatusCode, Problem> {
    app.services
        .delete_batch(&caller.actor(), customer, id, version)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

fn draft(input: BatchInput) -> Result<BatchDraft, Problem> {
    let mut runbooks = Vec::new();
    for (number, attached) in input.runbooks.into_iter().enumerate() {
        let zone = match attached.zone {
            BatchZone::Local => Zone::Local,
            BatchZone::Utc => Zone::Utc,
        };
        let window = Window::new(attached.available_from, attached.enforced_after, zone).map_err(
            |error| {
                Problem::unprocessable("window_order", error.to_string()).at(
                    format!("runbooks.{number}.enforced_after"),
                    error.to_string(),
                )
            },
        )?;
        runbooks.push(gw_model::BatchRunbook {
            runbook: attached.runbook_id,
            window,
        });
    }
    Ok(BatchDraft {
        name: input.name,
        source: input.source_directory_id,
        target: input.target_directory_id,
        mode: match input.mode {
            BatchMode::OnlyThese => ScopeMode::Only,
            BatchMode::AllExcept => ScopeMode::AllExcept,
        },
        runbooks,
    })
}

pub(super) fn batch(view: BatchView) -> Batch {
    let record = view.batch;
    Batch {
        id: record.id,
        name: record.name,
        source_directory_id: record.source,
        target_directory_id: record.target,
        mode: match record.mode {
            ScopeMode::Only => BatchMode::OnlyThese,
            ScopeMode::AllExcept => BatchMode::AllExcept,
        },
        runbooks: record
            .runbooks
            .into_iter()
            .map(|attached| BatchRunbook {
                runbook_id: attached.runbook,
                available_from: attached.window.available_from(),
                enforced_after: attached.window.enforced_after(),
                zone: match attached.window.zone() {
                    Zone::Local => BatchZone::Local,
                    Zone::Utc => BatchZone::Utc,
                },
            })
            .collect(),
        counts: BatchCounts {
            listed: shape::count(view.listed),
            devices: shape::count(view.members),
            finished: shape::count(view.finished),
        },
        version: record.revision,
    }
}

//! Runbooks and their versions.

use axum::extract::State;
use gw_admin_api::runbooks::{
    LeftOut, Runbook, RunbookInput, RunbookSummary, RunbookTemplate, RunbookVersion, VersionQuery,
};
use gw_admin_api::{Page, Secret};
use gw_model::{CustomerId, RunbookId};
use gw_services::{RunbookDraft, RunbookError, RunbookView};
use http::StatusCode;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, shape};
use crate::{
    App,
    auth::Caller,
    extract::{IfMatch, Json, Path, Query, Versioned},
    problem::Problem,
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(runbook_template))
        .routes(routes!(list_runbooks, create_runbook))
        .routes(routes!(get_runbook, update_runbook, delete_runbook))
        .routes(routes!(list_runbook_versions))
}

/// A document in which every field has its default, as the editor opens it.
#[utoipa::path(get, path = "/runbook-template", tag = "runbooks", responses((status = 200, body = RunbookTemplate)))]
async fn runbook_template(State(app): State<App>) -> Answer<RunbookTemplate> {
    Ok(Json(RunbookTemplate {
        document: app.services.runbook_template()?,
    }))
}

/// The runbooks, by name.
#[utoipa::path(get, path = "/customers/{customer}/runbooks", tag = "runbooks",
    responses((status = 200, body = Page<RunbookSummary>)))]
async fn list_runbooks(
    State(app): State<App>,
    Path(customer): Path<CustomerId>,
) -> Answer<Page<RunbookSummary>> {
    let all = app.services.runbooks(customer).await?;
    let items = all.into_iter().map(summary).collect::<Result<_, _>>()?;
    Ok(Json(Page::whole(items)))
}

/// Makes a runbook.
#[utoipa::path(post, path = "/customers/{customer}/runbooks", tag = "runbooks", request_body = RunbookInput,
    responses((status = 201, body = Runbook)))]
async fn create_runbook(
    State(app): State<App>,
    caller: Caller,
    Path(customer): Path<CustomerId>,
    Json(input): Json<RunbookInput>,
) -> Result<(StatusCode, Versioned<Json<Runbook>>), Problem> {
    let made = app
        .services
        .create_runbook(&caller.actor(), customer, draft(input))
        .await
        .map_err(refused)?;
    Ok((StatusCode::CREATED, runbook(made)?))
}

/// A runbook in its newest version, or in the one asked for.
#[utoipa::path(get, path = "/customers/{customer}/runbooks/{runbook}", tag = "runbooks", params(VersionQuery),
    responses((status = 200, body = Runbook)))]
async fn get_runbook(
    State(app): State<App>,
    Path((customer, id)): Path<(CustomerId, RunbookId)>,
    Query(query): Query<VersionQuery>,
) -> Result<Versioned<Json<Runbook>>, Problem> {
    runbook(app.services.runbook(customer, id, query.version).await?)
}

/// Saves the next version of a runbook.
#[utoipa::path(put, path = "/customers/{customer}/runbooks/{runbook}", tag = "runbooks",
    request_body = RunbookInput, responses((status = 200, body = Runbook)))]
async fn update_runbook(
    State(app): State<App>,
    caller: Caller,
    Path((customer, id)): Path<(CustomerId, RunbookId)>,
    IfMatch(version): IfMatch,
    Json(input): Json<RunbookInput>,
) -> Result<Versioned<Json<Runbook>>, Problem> {
    let saved = app
        .services
        .update_runbook(&caller.actor(), customer, id, version, draft(input))
        .await;
    runbook(saved.map_err(refused)?)
}

/// Removes a runbook that no batch uses.
#[utoipa::path(delete, path = "/customers/{customer}/runbooks/{runbook}", tag = "runbooks", responses((status = 204)))]
async fn delete_runbook(
    State(app): State<App>,
    caller: Caller,
    Path((customer, id)): Path<(CustomerId, RunbookId)>,
    IfMatch(version): IfMatch,
) -> Result<StatusCode, Problem> {
    app.services
        .delete_runbook(&caller.actor(), customer, id, version)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The versions of a runbook, the newest first.
#[utoipa::path(get, path = "/customers/{customer}/runbooks/{runbook}/versions", tag = "runbooks",
    responses((status = 200, body = Page<RunbookVersion>)))]
async fn list_runbook_versions(
    State(app): State<App>,
    Path((customer, id)): Path<(CustomerId, RunbookId)>,
) -> Answer<Page<RunbookVersion>> {
    let all = app.services.runbook_versions(customer, id).await?;
    Ok(Json(Page::whole(
        all.into_iter()
            .map(|one| RunbookVersion {
                version: one.version,
                saved_at: one.saved_at,
                saved_by: one.saved_by,
                hash: one.hash,
            })
            .collect(),
    )))
}

fn draft(input: RunbookInput) -> RunbookDraft {
    let text = |secret: Option<Secret>| secret.map(|secret| secret.expose().to_owned());
    RunbookDraft {
        document: input.document,
        join_password: text(input.join_password),
        return_password: text(input.return_password),
    }
}

/// A refusal, with every fault of the document by its path.
fn refused(error: RunbookError) -> Problem {
    let faults = error.problems();
    let mut problem = Problem::from(error);
    if !faults.is_empty() {
        problem.errors.clear();
    }
    for (field, message) in faults {
        problem = problem.at(format!("document.{field}"), message);
    }
    problem
}

fn runbook(view: RunbookView) -> Result<Versioned<Json<Runbook>>, Problem> {
    let document = serde_json::to_value(&view.document).map_err(|_| Problem::internal())?;
    let runbook = Runbook {
        id: view.runbook.id,
        name: view.runbook.name,
        version: view.runbook.version,
        newest_version: view.newest,
        saved_at: view.runbook.saved_at,
        saved_by: view.runbook.saved_by,
        batches: shape::count(view.batches),
        hash: view.runbook.hash,
        document,
        left_out: left_out(&view.document),
        join_password_set: view.has_join_password,
        return_password_set: view.has_return_password,
    };
    Ok(Versioned(view.newest, Json(runbook)))
}

fn left_out(document: &gw_runbook::Runbook) -> Vec<LeftOut> {
    let gap = |gap: gw_runbook::LeftOut| LeftOut {
        field: gap.field,
        message: gap.message,
        stops: gap.stops,
    };
    document.left_out().into_iter().map(gap).collect()
}

fn summary(listed: gw_store::RunbookSummary) -> Result<RunbookSummary, Problem> {
    let document = gw_runbook::read(&listed.runbook.document).map_err(|_| Problem::internal())?;
    Ok(RunbookSummary {
        id: listed.runbook.id,
        name: listed.runbook.name,
        source_directory_ids: document.general.sources.into_iter().collect(),
        target_directory_id: document.general.target,
        version: listed.runbook.version,
        changed_at: listed.runbook.saved_at,
        batches: shape::count(listed.batches),
        finished: shape::count(listed.finished),
    })
}

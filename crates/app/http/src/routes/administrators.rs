//! Administrators of the server.

use axum::extract::State;
use gw_admin_api::Page;
use gw_admin_api::administrators::{Administrator, AdministratorInput};
use gw_model::AdminId;
use gw_store::AdminRecord;
use http::StatusCode;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::Answer;
use crate::{
    App,
    auth::Caller,
    extract::{Json, Path},
    problem::Problem,
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_administrators, create_administrator))
        .routes(routes!(delete_administrator))
}

/// Who may sign in, by name.
#[utoipa::path(get, path = "/administrators", tag = "server", responses((status = 200, body = Page<Administrator>)))]
async fn list_administrators(State(app): State<App>) -> Answer<Page<Administrator>> {
    let all = app.services.admins().await?;
    Ok(Json(Page::whole(all.into_iter().map(shape).collect())))
}

/// Adds an administrator.
#[utoipa::path(post, path = "/administrators", tag = "server", request_body = AdministratorInput,
    responses((status = 201, body = Administrator)))]
async fn create_administrator(
    State(app): State<App>,
    caller: Caller,
    Json(input): Json<AdministratorInput>,
) -> Result<(StatusCode, Json<Administrator>), Problem> {
    let made = app
        .services
        .add_admin(&caller.actor(), &input.name, input.password.expose())
        .await?;
    Ok((StatusCode::CREATED, Json(shape(made))))
}

/// Removes an administrator, with their sessions; never the last one.
#[utoipa::path(delete, path = "/administrators/{administrator}", tag = "server", responses((status = 204)))]
async fn delete_administrator(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<AdminId>,
) -> Result<StatusCode, Problem> {
    app.services.remove_admin(&caller.actor(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn shape(record: AdminRecord) -> Administrator {
    Administrator {
        id: record.id,
        name: record.name,
        created_at: record.created_at,
    }
}

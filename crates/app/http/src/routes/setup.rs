//! The first conversation with a new server.

use axum::extract::State;
use axum::response::{AppendHeaders, IntoResponse};
use gw_admin_api::Secret;
use gw_admin_api::setup::{SetupDone, SetupInput, SetupState};
use http::{StatusCode, header};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, session};
use crate::{App, auth, extract::Json, problem::Problem, source::Source};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(setup_state, set_up))
}

/// Whether the server still waits for its first administrator.
#[utoipa::path(get, path = "/setup", tag = "server", responses((status = 200, body = SetupState)))]
async fn setup_state(State(app): State<App>) -> Answer<SetupState> {
    Ok(Json(SetupState {
        needed: app.services.setup_state().await?.needed,
    }))
}

/// Makes the first administrator and the first customer, and signs in.
#[utoipa::path(post, path = "/setup", tag = "server", request_body = SetupInput,
    responses((status = 201, body = SetupDone)))]
async fn set_up(
    State(app): State<App>,
    Source(source): Source,
    Json(input): Json<SetupInput>,
) -> Result<impl IntoResponse, Problem> {
    let done = app
        .services
        .set_up(
            input.token.expose(),
            &input.name,
            input.password.expose(),
            &input.customer_name,
            Some(source),
        )
        .await?;
    let cookie = auth::opening_cookie(&done.signed_in.token);
    let session = session::shape(&app, &done.signed_in.session).await?;
    let body = SetupDone {
        session,
        recovery_key: Secret::new(done.recovery_key),
    };
    Ok((
        StatusCode::CREATED,
        AppendHeaders([(header::SET_COOKIE, cookie)]),
        Json(body),
    ))
}

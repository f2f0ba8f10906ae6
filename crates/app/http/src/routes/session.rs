//! Signing in and out.

use axum::extract::State;
use axum::response::{AppendHeaders, IntoResponse};
use gw_admin_api::session::{CustomerRef, PasswordChange, Session, SignIn};
use gw_services::SessionView;
use http::{StatusCode, header};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::Answer;
use crate::{App, auth, auth::Caller, extract::Json, problem::Problem, source::Source};

pub(super) fn open_routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(sign_in))
}

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(current_session, sign_out))
        .routes(routes!(change_password))
}

/// Signs in by name and password.
#[utoipa::path(post, path = "/session", tag = "session", request_body = SignIn,
    responses((status = 200, body = Session)))]
async fn sign_in(
    State(app): State<App>,
    Source(source): Source,
    Json(input): Json<SignIn>,
) -> Result<impl IntoResponse, Problem> {
    let signed_in = app
        .services
        .sign_in(&input.name, input.password.expose(), Some(source))
        .await?;
    let cookie = auth::opening_cookie(&signed_in.token);
    let session = shape(&app, &signed_in.session).await?;
    Ok((AppendHeaders([(header::SET_COOKIE, cookie)]), Json(session)))
}

/// Who is signed in.
#[utoipa::path(get, path = "/session", tag = "session", responses((status = 200, body = Session)))]
async fn current_session(State(app): State<App>, caller: Caller) -> Answer<Session> {
    shape(&app, &caller.session).await.map(Json)
}

/// Signs out.
#[utoipa::path(delete, path = "/session", tag = "session", responses((status = 204)))]
async fn sign_out(State(app): State<App>, caller: Caller) -> Result<impl IntoResponse, Problem> {
    app.services.sign_out(&caller.token.0).await?;
    Ok((
        StatusCode::NO_CONTENT,
        AppendHeaders([(header::SET_COOKIE, auth::closing_cookie())]),
    ))
}

/// Gives oneself a new password; all other sessions of the administrator end.
#[utoipa::path(put, path = "/session/password", tag = "session", request_body = PasswordChange,
    responses((status = 204)))]
async fn change_password(
    State(app): State<App>,
    caller: Caller,
    Json(input): Json<PasswordChange>,
) -> Result<StatusCode, Problem> {
    app.services
        .change_password(
            &caller.actor(),
            &caller.token.0,
            input.current.expose(),
            input.new.expose(),
        )
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn shape(app: &App, session: &SessionView) -> Result<Session, Problem> {
    let customers = app.services.customers().await?;
    Ok(Session {
        admin_id: session.admin,
        name: session.name.clone(),
        expires_at: session.expires_at,
        customers: customers
            .into_iter()
            .map(|one| CustomerRef {
                id: one.id,
                name: one.name,
            })
            .collect(),
    })
}

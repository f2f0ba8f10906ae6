//! Whether the server is alive.

use axum::extract::State;
use gw_admin_api::settings::Health;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::Answer;
use crate::{App, extract::Json};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(health))
}

/// Whether the server is alive, for load balancers.
#[utoipa::path(get, path = "/health", tag = "server", responses((status = 200, body = Health)))]
async fn health(State(app): State<App>) -> Answer<Health> {
    app.services.health().await?;
    Ok(Json(Health {
        status: "ok".into(),
    }))
}

//! Fallback administrators: showing a password, with a reason.

use axum::extract::State;
use gw_admin_api::Secret;
use gw_admin_api::fallback::{RevealInput, RevealedPassword};
use gw_model::{CustomerId, DeviceId, RunId};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::Answer;
use crate::{
    App,
    auth::Caller,
    extract::{Json, Path},
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(reveal_fallback_administrator))
}

/// Shows the password of the fallback administrator that a run made on a device. The audit trail
/// keeps who saw it and why.
#[utoipa::path(post, path = "/customers/{customer}/devices/{device}/fallback-administrators/{run}/reveal",
    tag = "devices", request_body = RevealInput, responses((status = 200, body = RevealedPassword)))]
async fn reveal_fallback_administrator(
    State(app): State<App>,
    caller: Caller,
    Path((customer, device, run)): Path<(CustomerId, DeviceId, RunId)>,
    Json(input): Json<RevealInput>,
) -> Answer<RevealedPassword> {
    let revealed = app
        .services
        .reveal_fallback(&caller.actor(), customer, device, run, &input.reason)
        .await?;
    Ok(Json(RevealedPassword {
        account: revealed.account,
        password: Secret::new(revealed.password.to_string()),
    }))
}

//! Pre-shared keys.

use axum::extract::State;
use gw_admin_api::psks::{Psk, PskCreated, PskInput, PskPolicy};
use gw_admin_api::{Page, Secret};
use gw_model::{CustomerId, PskId};
use gw_services::PskDraft;
use gw_store::PskRecord;
use http::StatusCode;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, shape};
use crate::{
    App,
    auth::Caller,
    extract::{Json, Path},
    problem::Problem,
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_psks, create_psk))
        .routes(routes!(revoke_psk))
}

/// The pre-shared keys, without their secrets.
#[utoipa::path(get, path = "/customers/{customer}/psks", tag = "agents", responses((status = 200, body = Page<Psk>)))]
async fn list_psks(State(app): State<App>, Path(customer): Path<CustomerId>) -> Answer<Page<Psk>> {
    let all = app.services.psks(customer).await?;
    Ok(Json(Page::whole(all.into_iter().map(psk).collect())))
}

/// Makes a pre-shared key and shows its text, this once.
#[utoipa::path(post, path = "/customers/{customer}/psks", tag = "agents", request_body = PskInput,
    responses((status = 201, body = PskCreated)))]
async fn create_psk(
    State(app): State<App>,
    caller: Caller,
    Path(customer): Path<CustomerId>,
    Json(input): Json<PskInput>,
) -> Result<(StatusCode, Json<PskCreated>), Problem> {
    let draft = PskDraft {
        name: input.name,
        expires_at: input.expires_at,
        policy: match input.policy {
            PskPolicy::Proof => gw_model::PskPolicy::Proof,
            PskPolicy::Approve => gw_model::PskPolicy::Approve,
            PskPolicy::FirstClaim => gw_model::PskPolicy::FirstClaim,
        },
    };
    let made = app
        .services
        .create_psk(&caller.actor(), customer, draft)
        .await?;
    let url = app.services.settings().await?.agent_url;
    let command = format!(
        "msiexec /i godwit-agent.msi /qn URL={url} PSK={}",
        made.text.as_str()
    );
    let created = PskCreated {
        psk: psk(made.psk),
        text: Secret::new(made.text.to_string()),
        install_command: Secret::new(command),
    };
    Ok((StatusCode::CREATED, Json(created)))
}

/// Revokes a pre-shared key: it admits nobody from now on. Agents that enrolled with it stay.
#[utoipa::path(post, path = "/customers/{customer}/psks/{psk}/revoke", tag = "agents",
    responses((status = 200, body = Psk)))]
async fn revoke_psk(
    State(app): State<App>,
    caller: Caller,
    Path((customer, id)): Path<(CustomerId, PskId)>,
) -> Answer<Psk> {
    Ok(Json(psk(app
        .services
        .revoke_psk(&caller.actor(), customer, id)
        .await?)))
}

fn psk(record: PskRecord) -> Psk {
    Psk {
        id: record.id,
        name: record.name,
        policy: policy(record.policy),
        created_at: record.created_at,
        expires_at: record.expires_at,
        revoked_at: record.revoked_at,
        enrolled: shape::count(record.uses),
    }
}

pub(super) fn policy(policy: gw_model::PskPolicy) -> PskPolicy {
    match policy {
        gw_model::PskPolicy::Proof => PskPolicy::Proof,
        gw_model::PskPolicy::Approve => PskPolicy::Approve,
        gw_model::PskPolicy::FirstClaim => PskPolicy::FirstClaim,
    }
}

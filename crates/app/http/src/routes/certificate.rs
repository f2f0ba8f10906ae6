//! The Migration Agent certificate.

use axum::extract::State;
use gw_admin_api::agent_certificate::{AgentCertificate, SigningKey};
use gw_model::CustomerId;
use gw_services::CertificateView;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, shape};
use crate::{
    App,
    auth::Caller,
    extract::{Json, Path},
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(get_agent_certificate))
        .routes(routes!(rotate_signing_key))
}

/// The root that agents of this customer believe, and the keys it vouches for.
#[utoipa::path(get, path = "/customers/{customer}/agent-certificate", tag = "agents",
    responses((status = 200, body = AgentCertificate)))]
async fn get_agent_certificate(
    State(app): State<App>,
    Path(customer): Path<CustomerId>,
) -> Answer<AgentCertificate> {
    Ok(Json(shape_certificate(
        app.services.certificate(customer).await?,
    )))
}

/// Makes a new signing key and withdraws the ones before. Agents follow by themselves.
#[utoipa::path(post, path = "/customers/{customer}/agent-certificate/rotate", tag = "agents",
    responses((status = 200, body = AgentCertificate)))]
async fn rotate_signing_key(
    State(app): State<App>,
    caller: Caller,
    Path(customer): Path<CustomerId>,
) -> Answer<AgentCertificate> {
    Ok(Json(shape_certificate(
        app.services
            .rotate_signing_key(&caller.actor(), customer)
            .await?,
    )))
}

fn shape_certificate(view: CertificateView) -> AgentCertificate {
    AgentCertificate {
        root_id: view.root_id,
        root_public_key: view.root_public_key,
        created_at: view.created_at,
        epoch: shape::count(view.epoch),
        signing_keys: view
            .signing_keys
            .into_iter()
            .map(|key| SigningKey {
                key_id: key.key_id,
                algorithm: key.algorithm,
                not_before: key.not_before,
                not_after: key.not_after,
                revoked_at: key.revoked_at,
            })
            .collect(),
    }
}

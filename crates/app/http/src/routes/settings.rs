//! Settings of the whole server, and what it is.

use axum::extract::State;
use gw_admin_api::settings::{
    About, LicenceIssuer, RecoveryKeyConfirm, Settings, SettingsInput, TlsCertificate,
};
use gw_services::{ServerSettings, SettingsDraft};
use http::StatusCode;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::Answer;
use crate::{
    App,
    auth::Caller,
    extract::{IfMatch, Json, Versioned},
    problem::Problem,
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(get_settings, update_settings))
        .routes(routes!(confirm_recovery_key))
        .routes(routes!(about))
}

/// The settings.
#[utoipa::path(get, path = "/settings", tag = "server", responses((status = 200, body = Settings)))]
async fn get_settings(State(app): State<App>) -> Result<Versioned<Json<Settings>>, Problem> {
    let found = shape(app.services.settings().await?);
    Ok(Versioned(found.version, Json(found)))
}

/// Changes the settings.
#[utoipa::path(put, path = "/settings", tag = "server", request_body = SettingsInput,
    responses((status = 200, body = Settings)))]
async fn update_settings(
    State(app): State<App>,
    caller: Caller,
    IfMatch(version): IfMatch,
    Json(input): Json<SettingsInput>,
) -> Result<Versioned<Json<Settings>>, Problem> {
    let draft = SettingsDraft {
        agent_url: input.agent_url,
        poll_minutes: input.poll_minutes,
        issuers: input
            .licence_issuers
            .into_iter()
            .map(|one| (one.name, one.public_key))
            .collect(),
    };
    let saved = shape(
        app.services
            .set_settings(&caller.actor(), version, draft)
            .await?,
    );
    Ok(Versioned(saved.version, Json(saved)))
}

/// Proves that the recovery key was written down.
#[utoipa::path(post, path = "/settings/recovery-key/confirm", tag = "server", request_body = RecoveryKeyConfirm,
    responses((status = 204)))]
async fn confirm_recovery_key(
    State(app): State<App>,
    caller: Caller,
    Json(input): Json<RecoveryKeyConfirm>,
) -> Result<StatusCode, Problem> {
    app.services
        .confirm_recovery_key(&caller.actor(), input.recovery_key.expose())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What this server is.
#[utoipa::path(get, path = "/about", tag = "server", responses((status = 200, body = About)))]
async fn about(State(app): State<App>) -> Answer<About> {
    let certificate = app.certificates.info();
    Ok(Json(About {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        database: app.services.database().to_owned(),
        started_at: app.services.started_at(),
        now: app.services.clock().now(),
        certificate: TlsCertificate {
            source: certificate.source.to_owned(),
            names: certificate.names,
            sha256: certificate.sha256,
            not_after: certificate.not_after,
        },
    }))
}

fn shape(settings: ServerSettings) -> Settings {
    let issuers = settings.issuers.into_iter();
    Settings {
        agent_url: settings.agent_url,
        poll_minutes: settings.poll_minutes,
        licence_issuers: issuers
            .map(|one| LicenceIssuer {
                name: one.name,
                public_key: one.public_key,
            })
            .collect(),
        recovery_key_confirmed: settings.recovery_key_confirmed,
        version: settings.revision,
    }
}

//! Licences.

use axum::extract::State;
use chrono::{DateTime, Utc};
use gw_admin_api::Page;
use gw_admin_api::licences::{
    Licence, LicenceCheck, LicenceInput, LicenceProduct, LicenceSeat, LicenceState, LicenceTerms,
};
use gw_model::{CustomerId, LicenceId};
use gw_services::{LicenceOpinion, Refused as _};
use gw_store::LicenceRecord;
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
        .routes(routes!(list_licences, add_licence))
        .routes(routes!(check_licence))
        .routes(routes!(remove_licence))
        .routes(routes!(list_licence_seats))
}

/// The licences.
#[utoipa::path(get, path = "/customers/{customer}/licences", tag = "licences",
    responses((status = 200, body = Page<Licence>)))]
async fn list_licences(
    State(app): State<App>,
    Path(customer): Path<CustomerId>,
) -> Answer<Page<Licence>> {
    let now = app.services.clock().now();
    let all = app.services.licences(customer).await?;
    Ok(Json(Page::whole(
        all.into_iter().map(|one| licence(one, now)).collect(),
    )))
}

/// Adds a licence by its string.
#[utoipa::path(post, path = "/customers/{customer}/licences", tag = "licences", request_body = LicenceInput,
    responses((status = 201, body = Licence)))]
async fn add_licence(
    State(app): State<App>,
    caller: Caller,
    Path(customer): Path<CustomerId>,
    Json(input): Json<LicenceInput>,
) -> Result<(StatusCode, Json<Licence>), Problem> {
    let added = app
        .services
        .apply_licence(&caller.actor(), customer, &input.licence)
        .await?;
    Ok((
        StatusCode::CREATED,
        Json(licence(added, app.services.clock().now())),
    ))
}

/// Says what a licence string is worth, without adding it.
#[utoipa::path(post, path = "/customers/{customer}/licences/check", tag = "licences", request_body = LicenceInput,
    responses((status = 200, body = LicenceCheck)))]
async fn check_licence(
    State(app): State<App>,
    Path(customer): Path<CustomerId>,
    Json(input): Json<LicenceInput>,
) -> Answer<LicenceCheck> {
    Ok(Json(opinion(
        app.services
            .check_licence_text(customer, &input.licence)
            .await?,
    )))
}

/// Removes a licence under which no device ran.
#[utoipa::path(delete, path = "/customers/{customer}/licences/{licence}", tag = "licences", responses((status = 204)))]
async fn remove_licence(
    State(app): State<App>,
    caller: Caller,
    Path((customer, id)): Path<(CustomerId, LicenceId)>,
) -> Result<StatusCode, Problem> {
    app.services
        .remove_licence(&caller.actor(), customer, id)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The devices that took a seat of a licence.
#[utoipa::path(get, path = "/customers/{customer}/licences/{licence}/seats", tag = "licences",
    responses((status = 200, body = Page<LicenceSeat>)))]
async fn list_licence_seats(
    State(app): State<App>,
    Path((customer, id)): Path<(CustomerId, LicenceId)>,
) -> Answer<Page<LicenceSeat>> {
    let all = app.services.licence_seats(customer, id).await?;
    let seats = all.into_iter().map(|seat| LicenceSeat {
        device_id: seat.device,
        name: seat.name,
        at: seat.at,
        used: seat.used,
    });
    Ok(Json(Page::whole(seats.collect())))
}

fn licence(record: LicenceRecord, now: DateTime<Utc>) -> Licence {
    let held = &record.licence;
    let state = if now < held.not_before {
        LicenceState::NotYet
    } else if held.not_after <= now {
        LicenceState::Expired
    } else if record.used >= i64::from(held.devices) {
        LicenceState::Exhausted
    } else {
        LicenceState::Valid
    };
    Licence {
        id: held.id,
        used: shape::count(record.used),
        state,
        added_at: record.applied_at,
        terms: terms(record.licence, record.issuer),
    }
}

fn terms(licence: gw_model::Licence, issuer: String) -> LicenceTerms {
    LicenceTerms {
        product: match licence.product {
            gw_model::LicenceProduct::MigrationAgent => LicenceProduct::MigrationAgent,
            gw_model::LicenceProduct::DirSync => LicenceProduct::DirSync,
        },
        licensee: licence.licensee,
        issuer,
        devices: licence.devices,
        source: licence.source,
        target: licence.target,
        trial: licence.trial,
        not_before: licence.not_before,
        not_after: licence.not_after,
    }
}

fn opinion(opinion: LicenceOpinion) -> LicenceCheck {
    let issuer = opinion.issuer.unwrap_or_default();
    let message = match (&opinion.refusal, &opinion.licence) {
        (Some(refusal), _) => refusal.to_string(),
        (None, Some(licence)) => format!(
            "it licenses {} devices from {} to {} until {}",
            licence.devices,
            licence.source,
            licence.target,
            licence.not_after.format("%Y-%m-%d")
        ),
        (None, None) => String::new(),
    };
    LicenceCheck {
        ok: opinion.refusal.is_none(),
        code: opinion
            .refusal
            .as_ref()
            .map(|refusal| refusal.code().to_owned()),
        message,
        terms: opinion.licence.map(|licence| terms(licence, issuer)),
    }
}

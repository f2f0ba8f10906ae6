//! One look at a customer.

use axum::extract::State;
use gw_admin_api::dashboard::{Attention, Dashboard, DeviceCounts};
use gw_model::CustomerId;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, jobs, runs, shape, translations};
use crate::{
    App,
    extract::{Json, Path},
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(dashboard))
}

/// Where a customer's migration stands, and what someone has to look at.
#[utoipa::path(get, path = "/customers/{customer}/dashboard", tag = "customers",
    responses((status = 200, body = Dashboard)))]
async fn dashboard(State(app): State<App>, Path(customer): Path<CustomerId>) -> Answer<Dashboard> {
    let seen = app.services.dashboard(customer).await?;
    Ok(Json(Dashboard {
        devices: DeviceCounts {
            total: shape::count(seen.devices.total),
            trusted: shape::count(seen.devices.trusted),
            pending: shape::count(seen.devices.pending),
            conflict: shape::count(seen.devices.conflict),
            in_batch: shape::count(seen.devices.in_batch),
            running: shape::count(seen.devices.running),
            migrated: shape::count(seen.devices.migrated),
            back: shape::count(seen.devices.back),
            held: shape::count(seen.devices.held),
            silent: shape::count(seen.devices.silent),
        },
        translations: translations::counts(seen.translations),
        licence_seats: shape::count(seen.licence_seats),
        licence_used: shape::count(seen.licence_used),
        running: seen.running.into_iter().map(runs::summary).collect(),
        recent: seen.recent.into_iter().map(runs::summary).collect(),
        jobs: seen.jobs.into_iter().map(jobs::job).collect(),
        attention: seen
            .attention
            .into_iter()
            .map(|one| Attention {
                code: one.code.to_owned(),
                text: one.text,
                link: one.link.to_owned(),
            })
            .collect(),
        refusals_24h: shape::count(seen.refusals_24h),
    }))
}

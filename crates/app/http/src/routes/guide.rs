//! The first-run guide.

use axum::extract::State;
use gw_admin_api::guide::{Guide, GuideCheck, GuideState, GuideStep, GuideTick};
use gw_model::CustomerId;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::Answer;
use crate::{
    App,
    auth::Caller,
    extract::{Json, Path},
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(get_guide))
        .routes(routes!(tick_guide))
}

/// What is done and what is to do, judged from what is there.
#[utoipa::path(get, path = "/customers/{customer}/guide", tag = "customers", responses((status = 200, body = Guide)))]
async fn get_guide(State(app): State<App>, Path(customer): Path<CustomerId>) -> Answer<Guide> {
    Ok(Json(guide(app.services.guide(customer).await?)))
}

/// Ticks a point that only a person can judge, or takes the tick away.
#[utoipa::path(put, path = "/customers/{customer}/guide/checks/{key}", tag = "customers",
    request_body = GuideTick, responses((status = 200, body = Guide)))]
async fn tick_guide(
    State(app): State<App>,
    caller: Caller,
    Path((customer, key)): Path<(CustomerId, String)>,
    Json(input): Json<GuideTick>,
) -> Answer<Guide> {
    Ok(Json(guide(
        app.services
            .mark_guide(&caller.actor(), customer, &key, input.done)
            .await?,
    )))
}

fn guide(guide: gw_services::Guide) -> Guide {
    Guide {
        preparation: guide.preparation.into_iter().map(check).collect(),
        steps: guide.steps.into_iter().map(step).collect(),
        checkpoint: guide.checkpoint.into_iter().map(check).collect(),
        next: guide.next.map(str::to_owned),
    }
}

fn check(check: gw_services::GuideCheck) -> GuideCheck {
    let (done_at, done_by) = check.done.unzip();
    GuideCheck {
        key: check.key.to_owned(),
        title: check.title.to_owned(),
        help: check.help.to_owned(),
        done: done_at.is_some(),
        done_by,
        done_at,
    }
}

fn step(step: gw_services::GuideStep) -> GuideStep {
    GuideStep {
        key: step.key.to_owned(),
        number: step.number,
        title: step.title.to_owned(),
        state: match step.state {
            gw_services::GuideState::Done => GuideState::Done,
            gw_services::GuideState::ToDo => GuideState::ToDo,
            gw_services::GuideState::Blocked => GuideState::Blocked,
        },
        found: step.found,
        link: step.link.to_owned(),
    }
}

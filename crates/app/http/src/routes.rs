//! The routes of the admin API, one file per group. `docs/api.md` is their table.

mod administrators;
mod audit;
mod batch_devices;
mod batches;
mod certificate;
mod connection_test;
mod customers;
mod dashboard;
mod device_view;
mod devices;
mod directories;
mod events;
mod fallback;
mod guide;
mod health;
mod jobs;
mod licences;
mod logs;
mod objects;
mod profiles;
mod psks;
mod runbooks;
mod runs;
mod session;
mod settings;
mod setup;
mod shape;
mod translations;

use axum::extract::{RawPathParams, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;

use crate::App;
use crate::extract::Json;
use crate::problem::Problem;

/// Paths below a customer that does not exist lead nowhere.
pub(crate) async fn known_customer(
    State(app): State<App>,
    parameters: RawPathParams,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let named = parameters
        .iter()
        .find_map(|(name, value)| (name == "customer").then_some(value));
    // What is no id at all is refused by the handler, in its own words.
    if let Some(Ok(id)) = named.map(str::parse) {
        app.services.customer(id).await?;
    }
    Ok(next.run(request).await)
}

/// What most handlers answer.
type Answer<T> = Result<Json<T>, Problem>;

/// The routes that need no session.
pub(crate) fn open() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(health::routes())
        .merge(setup::routes())
        .merge(session::open_routes())
}

/// The routes that need a session.
pub(crate) fn closed() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(session::routes())
        .merge(settings::routes())
        .merge(administrators::routes())
        .merge(audit::routes())
        .merge(events::routes())
        .merge(customers::routes())
        .merge(dashboard::routes())
        .merge(guide::routes())
        .merge(directories::routes())
        .merge(connection_test::routes())
        .merge(profiles::routes())
        .merge(jobs::routes())
        .merge(translations::routes())
        .merge(objects::routes())
        .merge(runbooks::routes())
        .merge(batches::routes())
        .merge(batch_devices::routes())
        .merge(devices::routes())
        .merge(fallback::routes())
        .merge(psks::routes())
        .merge(certificate::routes())
        .merge(licences::routes())
        .merge(runs::routes())
        .merge(logs::routes())
}

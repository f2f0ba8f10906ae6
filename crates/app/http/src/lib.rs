//! HTTP transport of the server: the admin API, the agents' API, the console.
//!
//! Routes are thin: they take a request apart, call one use case of
//! `gw-services`, and put its answer into the shape of `gw-admin-api`.
//!
//! What must stay true:
//! - the routes and `docs/openapi.json` are one thing: both come from the same
//!   declarations, and a test compares them;
//! - every route below `/api/v1` but the few open ones refuses a request
//!   without a session (`auth`);
//! - no body is buffered beyond its limit (`body`);
//! - no secret is in a path, a query or a log line.

mod agent;
mod assets;
mod auth;
mod body;
mod extract;
mod openapi;
mod problem;
mod request;
mod routes;
mod serve;
mod source;

use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use gw_certs::CertResolver;
use gw_services::Services;
use tokio::sync::watch;

pub use openapi::document;
pub use serve::{GRACE, serve, tls_config};

/// What the routes work with. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<AppParts>);

/// The parts of an [`App`].
pub struct AppParts {
    /// The use cases.
    pub services: Services,
    /// The TLS certificate, for people who compare it.
    pub certificates: Arc<CertResolver>,
    /// Reverse proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// Turns true when the server is told to stop; streams end then.
    pub stopping: watch::Receiver<bool>,
}

impl App {
    /// Puts the parts together.
    #[must_use]
    pub fn new(parts: AppParts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Deref for App {
    type Target = AppParts;

    fn deref(&self) -> &AppParts {
        &self.0
    }
}

/// Everything the server answers.
pub fn router(app: App) -> Router {
    let (open, _) = routes::open().split_for_parts();
    let (closed, _) = routes::closed().split_for_parts();
    // The layer added last is entered first.
    let closed = closed
        .layer(from_fn_with_state(app.clone(), routes::known_customer))
        .layer(from_fn_with_state(app.clone(), auth::require));
    let api = open.merge(closed);
    Router::new()
        .nest(gw_admin_api::BASE_PATH, api)
        .fallback(agent::or_console)
        .method_not_allowed_fallback(openapi::method_not_allowed)
        .with_state(app)
        .layer(from_fn(request::wrap))
}

//! What the admin API says: the data that travels between the server and the
//! console, or a customer's own scripts, with its OpenAPI description.
//!
//! These types hold no behaviour beyond their own shape.
//! INVARIANT: names are `snake_case` on the wire, times are RFC 3339 in UTC,
//! ids are the prefixed text of `gw-model`, and a field is only ever added.
//! Inputs refuse fields they do not know, so that a mistyped name is an error
//! and not a setting that silently stays as it was.
//!
//! The routes that carry them are listed in `docs/api.md`.

pub mod administrators;
pub mod agent_certificate;
pub mod agent_logs;
pub mod audit;
pub mod batches;
pub mod customers;
pub mod dashboard;
pub mod devices;
pub mod directories;
pub mod events;
pub mod fallback;
pub mod guide;
pub mod jobs;
pub mod licences;
pub mod messages;
pub mod objects;
pub mod page;
pub mod problem;
pub mod psks;
pub mod runbooks;
pub mod runs;
pub mod secret;
pub mod session;
pub mod settings;
pub mod setup;
pub mod sync_profiles;
pub mod translations;

pub use page::{Page, PageQuery};
pub use problem::{FieldError, Problem};
pub use secret::Secret;

/// The path under which every route of the admin API lives.
pub const BASE_PATH: &str = "/api/v1";

/// The header a browser must send, with any value, on every request that
/// changes something while it is authenticated by a cookie.
///
/// A foreign page cannot set it without a preflight that this server never
/// allows, which is the protection against forged requests.
pub const CSRF_HEADER: &str = "godwit-console";

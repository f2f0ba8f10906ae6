//! The first conversation with a new server.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Secret;
use crate::session::Session;

/// Whether the server still waits for its first administrator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SetupState {
    /// True until the first administrator exists.
    pub needed: bool,
}

/// Makes the first administrator. Works once, with the token that `godwit
/// serve` printed at first start.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetupInput {
    /// The one-time token from the printed address (the part after `#`).
    #[schema(value_type = String, format = "password")]
    pub token: Secret,
    /// Sign-in name of the administrator, 1 to 64 characters.
    pub name: String,
    /// At least 12 characters.
    #[schema(value_type = String, format = "password")]
    pub password: Secret,
    /// Name of the first customer environment.
    pub customer_name: String,
}

/// The answer to a successful set-up. The browser is signed in by its cookie.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SetupDone {
    /// Who is signed in now.
    pub session: Session,
    /// Opens the sealed roots in a backup. Shown this one time; write it down
    /// and confirm it with `POST /api/v1/settings/recovery-key/confirm`.
    #[schema(value_type = String, format = "password")]
    pub recovery_key: Secret,
}

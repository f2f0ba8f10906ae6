//! Administrators of the server.

use chrono::{DateTime, Utc};
use gw_model::AdminId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Secret;

/// Somebody who may sign in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Administrator {
    /// Their id.
    #[schema(value_type = String)]
    pub id: AdminId,
    /// Sign-in name.
    pub name: String,
    /// When they were added.
    pub created_at: DateTime<Utc>,
}

/// Adds an administrator.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AdministratorInput {
    /// Sign-in name, 1 to 100 characters.
    pub name: String,
    /// At least 12 characters; they change it themselves with `PUT /session/password`.
    #[schema(value_type = String, format = "password")]
    pub password: Secret,
}

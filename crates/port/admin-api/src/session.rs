//! Signing in and out.

use chrono::{DateTime, Utc};
use gw_model::{AdminId, CustomerId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Secret;

/// Name and password. Ten wrong tries in fifteen minutes, per name or per
/// address, close the door for a while (429 with `Retry-After`).
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// The administrator's sign-in name; case does not matter.
    pub name: String,
    /// The password.
    #[schema(value_type = String, format = "password")]
    pub password: Secret,
}

/// Who is signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// The administrator.
    #[schema(value_type = String)]
    pub admin_id: AdminId,
    /// Sign-in name.
    pub name: String,
    /// When this session ends at the latest.
    pub expires_at: DateTime<Utc>,
    /// The customer environments this administrator may open.
    pub customers: Vec<CustomerRef>,
}

/// A customer environment by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CustomerRef {
    /// Its id.
    #[schema(value_type = String)]
    pub id: CustomerId,
    /// Its name.
    pub name: String,
}

/// A new password for oneself. All other sessions of the administrator end.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// The password that is valid now.
    #[schema(value_type = String, format = "password")]
    pub current: Secret,
    /// At least 12 characters.
    #[schema(value_type = String, format = "password")]
    pub new: Secret,
}

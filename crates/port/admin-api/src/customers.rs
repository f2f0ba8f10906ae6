//! Customer environments.

use chrono::{DateTime, Utc};
use gw_model::CustomerId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One customer environment; everything else belongs to exactly one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Customer {
    /// Its id.
    #[schema(value_type = String)]
    pub id: CustomerId,
    /// Its name, unique on this server.
    pub name: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Number of this version, the value of the `ETag`.
    pub version: i64,
}

/// Makes or renames a customer environment.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomerInput {
    /// 1 to 100 characters.
    pub name: String,
}

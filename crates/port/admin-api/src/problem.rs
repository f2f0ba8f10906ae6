//! How a request that was not carried out is explained.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The body of every answer with a status of 400 or more, after RFC 9457.
///
/// Sent as `application/problem+json`. Scripts branch on `code`; people read
/// `title` and `detail`; support asks for `request_id`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// A stable address for the kind of problem: `urn:godwit:problem:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// A short sentence that is the same for every problem with this code.
    pub title: String,
    /// The HTTP status, repeated.
    pub status: u16,
    /// The stable machine-readable code, `snake_case`.
    pub code: String,
    /// What happened, to which object, and what to do next, for a person.
    pub detail: String,
    /// The id of the request, also found in the server's log.
    pub request_id: String,
    /// Which fields of the body are at fault; empty when none in particular is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

/// One field at fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// Where: dotted path into the body, such as `connection.host` or `runbooks.0.zone`.
    pub field: String,
    /// What is wrong and what is expected, for a person.
    pub message: String,
}

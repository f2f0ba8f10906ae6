//! Answers that say why something was not done.
//!
//! A handler returns a [`Problem`]; the outermost layer ([`crate::request`])
//! writes it as problem-details JSON, because only there the request's id is known.

use axum::response::{IntoResponse, Response};
use gw_admin_api::FieldError;
use gw_services::{Kind, Refused};
use http::{HeaderValue, StatusCode, header};

/// Why a request was not carried out.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) detail: String,
    pub(crate) errors: Vec<FieldError>,
    pub(crate) retry_after: Option<u64>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            errors: Vec::new(),
            retry_after: None,
        }
    }

    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    pub(crate) fn bad_request(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    pub(crate) fn unprocessable(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
    }

    pub(crate) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "the server could not finish this; its log says why (try again, then look there)",
        )
    }

    pub(crate) fn unauthenticated() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "not_signed_in",
            "sign in first (POST /api/v1/session); a session also ends by itself after a time",
        )
    }

    pub(crate) fn too_large(limit: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body_too_large",
            format!(
                "the body is larger than the {limit} bytes that are read here; nothing of it was kept"
            ),
        )
    }

    pub(crate) fn at(mut self, field: impl Into<String>, message: impl Into<String>) -> Self {
        self.errors.push(FieldError {
            field: field.into(),
            message: message.into(),
        });
        self
    }

    /// The wire form, for the request of this id.
    pub(crate) fn body(self, request_id: &str) -> gw_admin_api::Problem {
        gw_admin_api::Problem {
            kind: format!("urn:godwit:problem:{}", self.code),
            title: title(self.status).to_owned(),
            status: self.status.as_u16(),
            code: self.code.to_owned(),
            detail: self.detail,
            request_id: request_id.to_owned(),
            errors: self.errors,
        }
    }
}

/// A refusal of a use case, as an answer.
impl<E: Refused> From<E> for Problem {
    fn from(refusal: E) -> Self {
        let mut retry_after = None;
        let status = match refusal.kind() {
            Kind::NotFound => StatusCode::NOT_FOUND,
            Kind::Conflict => StatusCode::CONFLICT,
            Kind::Stale => StatusCode::PRECONDITION_FAILED,
            Kind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            Kind::Unknown => StatusCode::UNAUTHORIZED,
            Kind::Forbidden => StatusCode::FORBIDDEN,
            Kind::Throttled { after } => {
                retry_after = Some(after);
                StatusCode::TOO_MANY_REQUESTS
            }
            Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let mut problem = Self::new(status, refusal.code(), refusal.to_string());
        problem.retry_after = retry_after;
        match refusal.field() {
            Some(field) => problem.at(field, refusal.to_string()),
            None => problem,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        if let Some(seconds) = self.retry_after {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::PAYLOAD_TOO_LARGE {
            // The rest of the body is not read, so the connection cannot be used again.
            response
                .headers_mut()
                .insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response.extensions_mut().insert(self);
        response
    }
}

fn title(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST => "The request cannot be read",
        StatusCode::UNAUTHORIZED => "Not signed in",
        StatusCode::FORBIDDEN => "Not allowed",
        StatusCode::NOT_FOUND => "No such thing",
        StatusCode::METHOD_NOT_ALLOWED => "This route does not know that method",
        StatusCode::CONFLICT => "It contradicts what is there",
        StatusCode::PRECONDITION_FAILED => "It was changed meanwhile",
        StatusCode::PRECONDITION_REQUIRED => "It must be said which version is meant",
        StatusCode::PAYLOAD_TOO_LARGE => "The body is too large",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "The body has the wrong type",
        StatusCode::UNPROCESSABLE_ENTITY => "The request means nothing useful",
        StatusCode::TOO_MANY_REQUESTS => "Too often",
        StatusCode::SERVICE_UNAVAILABLE => "Not now",
        _ => "The server could not finish this",
    }
}

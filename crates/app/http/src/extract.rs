//! Takes requests apart, with our own words when that fails.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::body::{CSV_LIMIT, JSON_LIMIT, read_for_admin};
use crate::problem::Problem;

/// A JSON body, in or out.
#[derive(Debug, Clone)]
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        expect_type(request.headers(), "application/json")?;
        let bytes = read_for_admin(request, JSON_LIMIT).await?;
        serde_json::from_slice(&bytes).map(Self).map_err(|error| {
            Problem::bad_request(
                "body_malformed",
                format!("the body cannot be read: {error}"),
            )
        })
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// A CSV body of an import.
#[derive(Debug, Clone)]
pub(crate) struct CsvBody(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for CsvBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        expect_type(request.headers(), "text/csv")?;
        read_for_admin(request, CSV_LIMIT).await.map(Self)
    }
}

/// The ids in a path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(ids)) => Ok(Self(ids)),
            Err(rejection) => Err(Problem::bad_request("id_malformed", rejection.body_text())),
        }
    }
}

/// The query.
#[derive(Debug, Clone)]
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Query::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(query)) => Ok(Self(query)),
            Err(rejection) => Err(Problem::bad_request(
                "query_malformed",
                rejection.body_text(),
            )),
        }
    }
}

/// The version a change is meant for, from `If-Match`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IfMatch(pub(crate) i64);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get(header::IF_MATCH) else {
            return Err(Problem::new(
                StatusCode::PRECONDITION_REQUIRED,
                "if_match_missing",
                "say which version you changed: send its ETag as If-Match",
            ));
        };
        let number = value
            .to_str()
            .ok()
            .map(|text| text.trim().trim_matches('"'))
            .and_then(|t| t.parse().ok());
        number.map(Self).ok_or_else(|| {
            Problem::bad_request(
                "if_match_malformed",
                "If-Match must be the ETag of the version you changed",
            )
        })
    }
}

/// An answer with its version as `ETag`.
#[derive(Debug, Clone)]
pub(crate) struct Versioned<T>(pub(crate) i64, pub(crate) T);

impl<T: IntoResponse> IntoResponse for Versioned<T> {
    fn into_response(self) -> Response {
        let mut response = self.1.into_response();
        if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", self.0)) {
            response.headers_mut().insert(header::ETAG, tag);
        }
        response
    }
}

/// A CSV file to save.
#[derive(Debug, Clone)]
pub(crate) struct CsvFile {
    pub(crate) name: &'static str,
    pub(crate) text: String,
}

impl IntoResponse for CsvFile {
    fn into_response(self) -> Response {
        let disposition = format!("attachment; filename=\"{}\"", self.name);
        (
            [
                (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
                (header::CONTENT_DISPOSITION, disposition),
            ],
            self.text,
        )
            .into_response()
    }
}

fn expect_type(headers: &HeaderMap, wanted: &str) -> Result<(), Problem> {
    let given = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case(wanted) {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "content_type",
        format!("send the body as {wanted} (Content-Type)"),
    ))
}

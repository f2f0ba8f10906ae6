//! Reading a body: capped before it is buffered, and not for ever.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use crate::problem::Problem;

/// Bytes of a JSON body of the admin API.
pub(crate) const JSON_LIMIT: usize = 256 << 10;
/// Bytes of a CSV import.
pub(crate) const CSV_LIMIT: usize = 16 << 20;

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unread {
    /// It is, or says it is, longer than the limit.
    TooLarge,
    /// It did not arrive in time, or broke off.
    Broken,
}

/// Reads at most `limit` bytes. A body whose `Content-Length` is larger is
/// refused before its first byte is read.
pub(crate) async fn read(request: Request, limit: usize) -> Result<Bytes, Unread> {
    if declared_length(request.headers()).is_some_and(|length| length > limit as u64) {
        return Err(Unread::TooLarge);
    }
    collect(request.into_body(), limit).await
}

async fn collect(body: Body, limit: usize) -> Result<Bytes, Unread> {
    // A slow but honest line gets a second per 16 KiB beyond the first half minute.
    let patience = Duration::from_secs(30 + limit as u64 / (16 << 10));
    match tokio::time::timeout(patience, Limited::new(body, limit).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Unread::TooLarge),
        Ok(Err(_)) | Err(_) => Err(Unread::Broken),
    }
}

/// As [`read`], with the admin API's refusals.
pub(crate) async fn read_for_admin(request: Request, limit: usize) -> Result<Bytes, Problem> {
    read(request, limit).await.map_err(|unread| match unread {
        Unread::TooLarge => Problem::too_large(limit),
        Unread::Broken => Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "body_incomplete",
            "the body did not arrive completely; send it again",
        ),
    })
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

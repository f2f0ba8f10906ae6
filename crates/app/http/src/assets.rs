//! The console: files that were put into the server when it was built.
//!
//! Every path that is no file and no API answers with the console's page, so
//! that an address inside the console can be opened and reloaded.

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use crate::problem::Problem;

struct Asset {
    path: &'static str,
    tag: &'static str,
    plain: &'static [u8],
    gzip: &'static [u8],
}

/// Answers everything that no other route wants.
pub(crate) async fn serve(request: Request) -> Response {
    let path = request.uri().path().trim_start_matches('/');
    if path == "api" || path.starts_with("api/") {
        return Problem::not_found("there is no such route; docs/api.md lists them")
            .into_response();
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return Problem::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "the console's files can only be read",
        )
        .into_response();
    }
    if let Some(asset) = find(path) {
        return answer(asset, request.headers(), caching(path));
    }
    // A missing file is missing; a page of the console is not a file.
    if path
        .rsplit('/')
        .next()
        .is_some_and(|name| name.contains('.'))
    {
        return Problem::not_found("there is no such file").into_response();
    }
    match find("index.html") {
        Some(page) => answer(page, request.headers(), "no-cache"),
        None => (
            [
                (header::CONTENT_TYPE, "text/html; charset=utf-8"),
                (header::CACHE_CONTROL, "no-store"),
            ],
            PLACEHOLDER,
        )
            .into_response(),
    }
}

fn find(path: &str) -> Option<&'static Asset> {
    ASSETS
        .binary_search_by(|asset| asset.path.cmp(path))
        .ok()
        .and_then(|at| ASSETS.get(at))
}

/// Vite names everything in `assets/` by its content.
fn caching(path: &str) -> &'static str {
    if path.starts_with("assets/") {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    }
}

fn answer(asset: &'static Asset, headers: &HeaderMap, caching: &'static str) -> Response {
    let tag = format!("\"{}\"", asset.tag);
    let mut response = Response::new(Body::empty());
    let known = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok());
    if known.is_some_and(|known| {
        known
            .split(',')
            .any(|one| one.trim().trim_start_matches("W/") == tag)
    }) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else if accepts_gzip(headers) && asset.gzip.len() < asset.plain.len() {
        response
            .headers_mut()
            .insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        *response.body_mut() = Body::from(Bytes::from_static(asset.gzip));
    } else {
        *response.body_mut() = Body::from(Bytes::from_static(asset.plain));
    }
    let out = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        out.insert(header::ETAG, tag);
    }
    out.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(content_type(asset.path)),
    );
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    out.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    response
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| {
            value.split(',').any(|one| {
                let mut parts = one.split(';').map(str::trim);
                parts.next() == Some("gzip") && !parts.any(|weight| weight == "q=0")
            })
        })
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "webmanifest" => "application/manifest+json",
        "txt" => "text/plain; charset=utf-8",
        "wasm" => "application/wasm",
        _ => "application/octet-stream",
    }
}

const PLACEHOLDER: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Godwit</title>\
<h1>Godwit</h1><p>The server runs, but it was built without its console. \
Build the console first (<code>npm ci &amp;&amp; npm run build</code> in <code>web/</code>), then the server. \
The API is under <code>/api/v1</code>.</p></html>\n";

/// Sorted by path.
static ASSETS: &[Asset] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_sent_to_those_who_ask_for_it() {
        let ask = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(value));
            accepts_gzip(&headers)
        };
        assert!(ask("gzip, deflate, br"));
        assert!(ask("br, gzip;q=0.5"));
        assert!(!ask("gzip;q=0"));
        assert!(!ask("br"));
    }

    #[test]
    fn the_files_are_sorted_for_the_search() {
        assert!(ASSETS.windows(2).all(|pair| pair[0].path < pair[1].path));
    }
}

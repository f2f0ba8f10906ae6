//! The agents' API: `…/Agent/v1/<operation>`.
//!
//! A proxy may put a prefix before the path and change its case, so the path
//! is read from its end. What is signed names the operation itself; everything
//! that has to be believed is decided by `gw-services`, and what it answers is
//! sent byte for byte, because it is signed.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use gw_services::{AgentAnswer, AgentCall};
use gw_wire::MAX_REQUEST_BYTES;
use gw_wire::codes::{self, Refusal};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};

use crate::App;
use crate::assets;
use crate::body::{self, Unread};
use crate::request::RequestId;
use crate::source::Source;

/// Agents' requests go to the use cases, everything else to the console.
pub(crate) async fn or_console(State(app): State<App>, request: Request) -> Response {
    match operation(request.uri().path()) {
        Some(op) => call(&app, op, request).await,
        None => assets::serve(request).await,
    }
}

/// The part of an agent's path behind `/Agent`, in lower case.
fn operation(path: &str) -> Option<String> {
    let mut parts = path.rsplit('/');
    let (name, version, agent) = (parts.next()?, parts.next()?, parts.next()?);
    let known = agent.eq_ignore_ascii_case("agent")
        && version.eq_ignore_ascii_case("v1")
        && parts.next().is_some();
    known.then(|| format!("/{version}/{name}").to_ascii_lowercase())
}

async fn call(app: &App, op: String, request: Request) -> Response {
    let source = Source::of(app, request.headers(), request.extensions()).0;
    let id = request
        .extensions()
        .get::<RequestId>()
        .map(|id| id.0.clone())
        .unwrap_or_default();
    if request.method() != Method::POST {
        return refuse(app, codes::METHOD_NOT_ALLOWED, &source, &id);
    }
    // A header that is not text is none of the protocol's; without it the request is refused below.
    let headers = request
        .headers()
        .iter()
        .filter_map(|(name, value)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        })
        .collect();
    let body = match body::read(request, MAX_REQUEST_BYTES).await {
        Ok(body) => body.to_vec(),
        Err(Unread::TooLarge) => return refuse(app, codes::BODY_TOO_LARGE, &source, &id),
        Err(Unread::Broken) => return refuse(app, codes::BODY_MALFORMED, &source, &id),
    };
    answer(
        app.services
            .agent_call(AgentCall {
                op,
                headers,
                body,
                source,
            })
            .await,
    )
}

/// Refuses what did not get as far as a signature. Nobody acts on it, but a
/// person who looks for the fault finds the reason.
fn refuse(app: &App, refusal: Refusal, source: &str, id: &str) -> Response {
    app.services.agent_refused(refusal.code, source);
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST);
    let body = serde_json::to_vec(&refusal.problem(None, id)).unwrap_or_default();
    let mut response = (
        status,
        [(header::CONTENT_TYPE, "application/problem+json")],
        body,
    )
        .into_response();
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        response
            .headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

fn answer(answer: AgentAnswer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().append(name, value);
        }
    }
    // A proxy that compresses or rewrites would break the digest.
    response.headers_mut().insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("no-store, no-transform"),
    );
    response
}

#[cfg(test)]
mod tests {
    use super::operation;

    #[test]
    fn operations_are_found_behind_any_prefix_and_in_any_case() {
        let hello = Some("/v1/hello".to_owned());
        assert_eq!(operation("/Agent/v1/hello"), hello);
        assert_eq!(operation("/agent/V1/Hello"), hello);
        assert_eq!(operation("/migrate/emea/AGENT/v1/hello"), hello);
        assert_eq!(
            operation("/Agent/v1/nonsense"),
            Some("/v1/nonsense".to_owned())
        );
        for other in [
            "/",
            "/Agent",
            "/Agent/v1",
            "/Agent/v2/hello",
            "/Agents/v1/hello",
            "Agent/v1/hello",
            "/Agent/v1/hello/",
        ] {
            assert_eq!(operation(other), None, "{other}");
        }
    }
}

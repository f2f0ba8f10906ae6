//! Who a request comes from.
//!
//! What must stay true: a route below `/api/v1` that is not on the list of
//! open ones is never reached without a session; a request that changes
//! something on the strength of a cookie carries the console's header, which
//! no foreign page can send.

use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use gw_admin_api::CSRF_HEADER;
use gw_services::{Actor, SessionView};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, header};

use crate::App;
use crate::problem::Problem;
use crate::source::Source;

/// The administrator behind a request.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) session: SessionView,
    /// The token of the session, to close it.
    pub(crate) token: Token,
    source: String,
}

impl Caller {
    /// For the audit trail.
    pub(crate) fn actor(&self) -> Actor {
        Actor::admin(
            self.session.admin,
            self.session.name.clone(),
            Some(self.source.clone()),
        )
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        // The layer below put it there, or never let the request through.
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(Problem::unauthenticated)
    }
}

/// A session token as the browser carries it. It does not print.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token(pub(crate) String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// Lets signed-in requests through, with their [`Caller`].
pub(crate) async fn require(State(app): State<App>, mut request: Request, next: Next) -> Response {
    match caller(
        &app,
        request.headers(),
        request.method(),
        request.extensions(),
    )
    .await
    {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

async fn caller(
    app: &App,
    headers: &HeaderMap,
    method: &Method,
    extensions: &http::Extensions,
) -> Result<Caller, Problem> {
    let token = cookie(headers).ok_or_else(Problem::unauthenticated)?;
    let session = app
        .services
        .session(&token.0)
        .await?
        .ok_or_else(Problem::unauthenticated)?;
    let reads = method == Method::GET || method == Method::HEAD;
    if !reads && !headers.contains_key(CSRF_HEADER) {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "csrf_header_missing",
            "send the header Godwit-Console: 1 with every request that changes something",
        ));
    }
    let source = Source::of(app, headers, extensions).0;
    Ok(Caller {
        session,
        token,
        source,
    })
}

fn cookie(headers: &HeaderMap) -> Option<Token> {
    let all = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut pairs = all
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    pairs
        .find(|(name, value)| *name == COOKIE && !value.is_empty() && value.len() <= 128)
        .map(|(_, value)| Token(value.to_owned()))
}

/// The `Set-Cookie` that opens a session. Only over TLS, only for this host,
/// not for scripts, not from elsewhere.
pub(crate) fn opening_cookie(token: &str) -> String {
    format!("{COOKIE}={token}; Path=/; Secure; HttpOnly; SameSite=Strict")
}

/// The `Set-Cookie` that closes it.
pub(crate) fn closing_cookie() -> String {
    format!("{COOKIE}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0")
}

/// The prefix makes browsers refuse it over HTTP, for subpaths, or for parent domains.
const COOKIE: &str = "__Host-godwit";

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(cookies: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_static(cookies));
        headers
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        assert_eq!(
            cookie(&headers("a=b; __Host-godwit=tok; c=d")),
            Some(Token("tok".into()))
        );
        assert_eq!(cookie(&headers("x__Host-godwit=tok")), None);
        assert_eq!(cookie(&headers("__Host-godwit=")), None);
        assert_eq!(cookie(&HeaderMap::new()), None);
    }

    #[test]
    fn cookies_are_for_this_host_and_tls_only() {
        for made in [opening_cookie("t"), closing_cookie()] {
            for part in [
                "__Host-godwit=",
                "Secure",
                "HttpOnly",
                "SameSite=Strict",
                "Path=/",
            ] {
                assert!(made.contains(part), "{made}");
            }
            assert!(!made.contains("Domain"));
        }
    }
}

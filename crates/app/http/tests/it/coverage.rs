//! Every route, found by its description: none may be forgotten.

use http::header;
use serde_json::Value;

use crate::harness::Server;

/// One operation of the document.
pub(crate) struct Operation {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) id: String,
    pub(crate) summary: String,
    pub(crate) open: bool,
}

pub(crate) fn operations() -> Vec<Operation> {
    let document = serde_json::to_value(gw_http::document()).unwrap();
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if !["get", "post", "put", "delete", "patch"].contains(&method.as_str()) {
                continue;
            }
            all.push(Operation {
                method: method.clone(),
                path: path.clone(),
                id: operation["operationId"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
                summary: operation["summary"].as_str().unwrap_or_default().to_owned(),
                open: operation["security"] == Value::Null,
            });
        }
    }
    all
}

fn concrete(path: &str) -> String {
    path.split('/')
        .map(|part| if part.starts_with('{') { "x" } else { part })
        .collect::<Vec<_>>()
        .join("/")
}

#[tokio::test]
async fn every_route_but_the_open_ones_wants_a_session() {
    let (server, admin) = Server::ready().await;
    let mut open = Vec::new();
    for operation in operations() {
        if operation.open {
            open.push(format!("{} {}", operation.method, operation.path));
            continue;
        }
        let method = operation.method.to_uppercase();
        for cookie in [
            "",
            "__Host-godwit=",
            "__Host-godwit=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        ] {
            let request = server
                .request(&method, &concrete(&operation.path), None)
                .header(header::COOKIE, cookie)
                .header("Godwit-Console", "1")
                .body("{}".into())
                .unwrap();
            let answer = server.send(request).await;
            assert_eq!(answer.status, 401, "{} with {cookie:?}", operation.id);
            assert_eq!(answer.code(), "not_signed_in", "{}", operation.id);
        }
        // With a session it is not 401: the refusals above were about the session.
        // (A stream would not end, and signing out would end the test's session.)
        if !["sign_out", "live_events"].contains(&operation.id.as_str()) {
            let answer = server
                .json(
                    &method,
                    &concrete(&operation.path),
                    &Value::Null,
                    Some(&admin),
                )
                .await;
            assert_ne!(answer.status, 401, "{}", operation.id);
        }
    }
    let known = [
        "get /api/v1/health",
        "get /api/v1/setup",
        "post /api/v1/setup",
        "post /api/v1/session",
    ];
    for one in &open {
        assert!(known.contains(&one.as_str()), "{one} needs no session");
    }
}

#[tokio::test]
async fn every_change_on_the_strength_of_a_cookie_wants_the_header() {
    let (server, admin) = Server::ready().await;
    let mut seen = 0;
    for operation in operations()
        .into_iter()
        .filter(|one| !one.open && one.method != "get")
    {
        let request = server
            .request(
                &operation.method.to_uppercase(),
                &concrete(&operation.path),
                None,
            )
            .header(header::COOKIE, &admin.cookie)
            .header(header::CONTENT_TYPE, "application/json")
            .body("{}".into())
            .unwrap();
        let answer = server.send(request).await.expect(403);
        assert_eq!(answer.code(), "csrf_header_missing", "{}", operation.id);
        seen += 1;
    }
    assert!(seen > 30, "only {seen} operations change something");
}

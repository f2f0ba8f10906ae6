//! What a browser is told, and the live stream.

use std::time::Duration;

use axum::body::Body;
use futures::StreamExt as _;
use serde_json::json;

use crate::harness::Server;

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let (server, admin) = Server::ready().await;
    for path in [
        "/",
        "/devices/dev_1",
        "/api/v1/health",
        "/api/v1/session",
        "/api/v1/nonsense",
        "/missing.js",
        "/Agent/v1/hello",
    ] {
        for caller in [None, Some(&admin)] {
            let answer = server.get(path, caller).await;
            let policy = answer.header("content-security-policy");
            assert!(
                policy.starts_with("default-src 'none'; script-src 'self';"),
                "{path}: {policy}"
            );
            assert!(!policy.contains("unsafe"), "{policy}");
            assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
            assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
            assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
            assert_eq!(answer.header("godwit-request-id").len(), 32, "{path}");
            assert!(
                answer.header("access-control-allow-origin").is_empty(),
                "{path}"
            );
            if path.starts_with("/api") {
                assert_eq!(answer.header("cache-control"), "no-store", "{path}");
            }
        }
    }
}

#[tokio::test]
async fn addresses_inside_the_console_open_its_page_and_files_are_files() {
    let (server, _) = Server::ready().await;
    let page = server.get("/", None).await.expect(200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(
        String::from_utf8_lossy(&page.body)
            .to_lowercase()
            .contains("<!doctype html>")
    );
    for inside in ["/setup", "/devices", "/runs/run_0123"] {
        assert_eq!(
            server.get(inside, None).await.expect(200).body,
            page.body,
            "{inside}"
        );
    }
    for file in [
        "/missing.js",
        "/assets/missing.css",
        "/../../etc/passwd.txt",
        "/%2e%2e/secret.key",
    ] {
        server.get(file, None).await.expect(404);
    }
    let posted = server
        .json("POST", "/devices", &json!({}), None)
        .await
        .expect(405);
    assert_eq!(posted.code(), "method_not_allowed");
}

#[tokio::test]
async fn the_stream_tells_of_changes_at_this_customer_only() {
    let (server, admin) = Server::ready().await;
    let other = server
        .json(
            "POST",
            "/api/v1/customers",
            &json!({"name": "Fabrikam"}),
            Some(&admin),
        )
        .await
        .expect(201);
    let other = other.json()["id"].as_str().unwrap().parse().unwrap();
    let path = format!("/api/v1/events?customer={}", admin.customer);
    let response = server
        .open(
            server
                .request("GET", &path, Some(&admin))
                .body(Body::empty())
                .unwrap(),
        )
        .await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut events = response.into_body().into_data_stream();
    let mut next = async || -> String {
        let read = tokio::time::timeout(Duration::from_secs(10), events.next())
            .await
            .expect("an event in time");
        String::from_utf8(read.unwrap().unwrap().to_vec()).unwrap()
    };
    assert_eq!(
        next().await,
        "event: resync\ndata: {\"topic\":\"resync\",\"id\":\"\"}\n\n"
    );
    let bus = server.services.bus();
    bus.publish(
        other,
        gw_services::Topic::Device,
        "dev_of_another",
        json!({}),
    );
    bus.publish(
        admin.customer.parse().unwrap(),
        gw_services::Topic::Device,
        "dev_1",
        json!({}),
    );
    assert_eq!(
        next().await,
        "event: device\ndata: {\"topic\":\"device\",\"id\":\"dev_1\"}\n\n"
    );
    server.stop();
    let end = tokio::time::timeout(Duration::from_secs(10), events.next())
        .await
        .expect("the stream ends in time");
    assert!(end.is_none(), "a server that stops ends its streams");
}

#[tokio::test]
async fn the_stream_of_an_unknown_customer_is_refused() {
    let (server, admin) = Server::ready().await;
    let path = "/api/v1/events?customer=cus_00000000000000000000000000000001";
    assert_eq!(
        server.get(path, Some(&admin)).await.expect(404).code(),
        "customer_not_found"
    );
}

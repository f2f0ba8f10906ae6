//! Signing in, limits, versions: the rules of `docs/api.md`.

use axum::body::Body;
use bytes::Bytes;
use chrono::TimeDelta;
use http::Request;
use serde_json::{Value, json};

use crate::harness::{Admin, PASSWORD, Server, cookie_of};

#[tokio::test]
async fn set_up_works_once_and_with_the_token_only() {
    let server = Server::fresh().await;
    assert_eq!(
        server.get("/api/v1/setup", None).await.expect(200).json(),
        json!({"needed": true})
    );
    let token = server.services.setup_token().await.unwrap().unwrap();
    let input = |token: &str, password: &str| json!({"token": token, "name": "ann", "password": password, "customer_name": "Contoso"});
    let wrong = server
        .json("POST", "/api/v1/setup", &input("guess", PASSWORD), None)
        .await
        .expect(403);
    assert_eq!(wrong.code(), "setup_token_invalid");
    let weak = server
        .json("POST", "/api/v1/setup", &input(&token, "short"), None)
        .await
        .expect(422);
    assert_eq!(weak.json()["errors"][0]["field"], "password");
    let done = server
        .json("POST", "/api/v1/setup", &input(&token, PASSWORD), None)
        .await
        .expect(201);
    assert!(
        done.json()["recovery_key"]
            .as_str()
            .unwrap()
            .starts_with("gwr1.")
    );
    let again = server
        .json("POST", "/api/v1/setup", &input(&token, PASSWORD), None)
        .await
        .expect(409);
    assert_eq!(again.code(), "setup_done");
    assert_eq!(
        server.get("/api/v1/setup", None).await.json(),
        json!({"needed": false})
    );
}

#[tokio::test]
async fn the_session_is_a_cookie_that_scripts_and_strangers_cannot_use() {
    let (server, _) = Server::ready().await;
    let input = json!({"name": "ANN", "password": PASSWORD});
    let answer = server
        .json("POST", "/api/v1/session", &input, None)
        .await
        .expect(200);
    for part in [
        "__Host-godwit=",
        "; Secure",
        "; HttpOnly",
        "; SameSite=Strict",
        "; Path=/",
    ] {
        assert!(
            answer.header("set-cookie").contains(part),
            "{}",
            answer.header("set-cookie")
        );
    }
    assert!(
        !String::from_utf8_lossy(&answer.body)
            .contains(cookie_of(&answer).split('=').nth(1).unwrap())
    );
    let admin = Admin {
        cookie: cookie_of(&answer),
        customer: String::new(),
    };
    assert_eq!(
        server
            .get("/api/v1/session", Some(&admin))
            .await
            .expect(200)
            .json()["name"],
        "ann"
    );
    let out = server
        .json("DELETE", "/api/v1/session", &Value::Null, Some(&admin))
        .await
        .expect(204);
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    server
        .get("/api/v1/session", Some(&admin))
        .await
        .expect(401);
}

#[tokio::test]
async fn a_session_ends_by_itself_and_a_new_password_ends_the_others() {
    let (server, admin) = Server::ready().await;
    let other = server
        .json(
            "POST",
            "/api/v1/session",
            &json!({"name": "ann", "password": PASSWORD}),
            None,
        )
        .await;
    let other = Admin {
        cookie: cookie_of(&other.expect(200)),
        ..admin.clone()
    };
    let change = json!({"current": PASSWORD, "new": "another good password"});
    server
        .json("PUT", "/api/v1/session/password", &change, Some(&admin))
        .await
        .expect(204);
    server
        .get("/api/v1/session", Some(&other))
        .await
        .expect(401);
    server
        .get("/api/v1/session", Some(&admin))
        .await
        .expect(200);
    server.clock.advance(TimeDelta::hours(13));
    server
        .get("/api/v1/session", Some(&admin))
        .await
        .expect(401);
}

#[tokio::test]
async fn guessing_passwords_is_slowed_down() {
    let (server, _) = Server::ready().await;
    let mut codes = Vec::new();
    for _ in 0..8 {
        let guess = json!({"name": "ann", "password": "wrong wrong wrong"});
        let answer = server.json("POST", "/api/v1/session", &guess, None).await;
        if answer.status == 429 {
            assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1);
        }
        codes.push(answer.code());
    }
    assert_eq!(codes[0], "wrong_credentials");
    assert_eq!(codes[7], "too_many_attempts");
    // The right password has to wait too, or guessing would still pay.
    let right = json!({"name": "ann", "password": PASSWORD});
    server
        .json("POST", "/api/v1/session", &right, None)
        .await
        .expect(429);
    server.clock.advance(TimeDelta::minutes(16));
    server
        .json("POST", "/api/v1/session", &right, None)
        .await
        .expect(200);
}

#[tokio::test]
async fn problems_have_one_form_and_the_id_of_the_request() {
    let (server, admin) = Server::ready().await;
    let cases = [
        (
            server.get("/api/v1/nonsense", Some(&admin)).await,
            404,
            "not_found",
        ),
        (
            server
                .json("PATCH", "/api/v1/customers", &json!({}), Some(&admin))
                .await,
            405,
            "method_not_allowed",
        ),
        (
            server.get("/api/v1/customers/nonsense", Some(&admin)).await,
            400,
            "id_malformed",
        ),
        (
            server
                .get(&admin.path("/devices?limit=many"), Some(&admin))
                .await,
            400,
            "query_malformed",
        ),
        (
            server
                .json(
                    "POST",
                    "/api/v1/customers",
                    &json!({"name": "X", "nam": 1}),
                    Some(&admin),
                )
                .await,
            400,
            "body_malformed",
        ),
        (
            server
                .json(
                    "POST",
                    "/api/v1/customers",
                    &json!({"name": "Contoso"}),
                    Some(&admin),
                )
                .await,
            409,
            "name_taken",
        ),
        (
            server
                .json(
                    "POST",
                    "/api/v1/customers",
                    &json!({"name": ""}),
                    Some(&admin),
                )
                .await,
            422,
            "name_length",
        ),
    ];
    for (answer, status, code) in cases {
        assert_eq!(
            answer.status.as_u16(),
            status,
            "{}",
            String::from_utf8_lossy(&answer.body)
        );
        assert_eq!(answer.header("content-type"), "application/problem+json");
        let body = answer.json();
        assert_eq!(body["code"], code);
        assert_eq!(body["status"], status);
        assert_eq!(body["type"], format!("urn:godwit:problem:{code}"));
        assert_eq!(body["request_id"], answer.header("godwit-request-id"));
        assert!(body["detail"].as_str().unwrap().len() > 10, "{body}");
    }
}

#[tokio::test]
async fn what_belongs_to_no_customer_or_another_one_is_hidden() {
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
    let other = Admin {
        customer: other.json()["id"].as_str().unwrap().to_owned(),
        ..admin.clone()
    };
    let directory = server.import(&admin).await;
    server
        .get(
            &admin.path(&format!("/directories/{directory}")),
            Some(&admin),
        )
        .await
        .expect(200);
    server
        .get(
            &other.path(&format!("/directories/{directory}")),
            Some(&admin),
        )
        .await
        .expect(404);
    let nobody = Admin {
        customer: "cus_00000000000000000000000000000001".into(),
        ..admin.clone()
    };
    for path in [
        "",
        "/directories",
        "/devices",
        "/batches",
        "/guide",
        "/dashboard",
        "/psks",
        "/runs",
        "/agent-logs",
    ] {
        let answer = server
            .get(&nobody.path(path), Some(&admin))
            .await
            .expect(404);
        assert_eq!(answer.code(), "customer_not_found", "{path}");
    }
}

#[tokio::test]
async fn bodies_are_capped_before_they_are_buffered() {
    let (server, admin) = Server::ready().await;
    let long = |bytes: usize| {
        let chunk = Bytes::from(vec![b'a'; 64 << 10]);
        let chunks =
            (0..bytes.div_ceil(64 << 10)).map(move |_| Ok::<_, std::io::Error>(chunk.clone()));
        Body::from_stream(futures::stream::iter(chunks))
    };
    let request = |path: &str, kind: &str, body: Body| {
        server
            .request("POST", path, Some(&admin))
            .header("content-type", kind)
            .body(body)
            .unwrap()
    };
    let json = request("/api/v1/customers", "application/json", long(1 << 20));
    assert_eq!(server.send(json).await.expect(413).code(), "body_too_large");
    let import = admin.path("/batches/bat_00000000000000000000000000000001/devices/import");
    assert_eq!(
        server
            .send(request(&import, "text/csv", long(17 << 20)))
            .await
            .expect(413)
            .code(),
        "body_too_large"
    );
    // One megabyte is too long for JSON and short for CSV.
    assert_eq!(
        server
            .send(request(&import, "text/csv", long(1 << 20)))
            .await
            .expect(404)
            .code(),
        "batch_not_found"
    );
    let sign_in = Request::post("/api/v1/session")
        .header("content-type", "application/json")
        .body(long(1 << 20));
    server.send(sign_in.unwrap()).await.expect(413);
    let form = request("/api/v1/customers", "text/plain", "{}".into());
    assert_eq!(server.send(form).await.expect(415).code(), "content_type");
}

#[tokio::test]
async fn a_change_names_the_version_it_is_meant_for() {
    let (server, admin) = Server::ready().await;
    let shown = server.get(&admin.path(""), Some(&admin)).await.expect(200);
    let tag = shown.header("etag").to_owned();
    let rename = async |tag: Option<&str>, name: &str| {
        let mut request = server
            .request("PUT", &admin.path(""), Some(&admin))
            .header("content-type", "application/json");
        if let Some(tag) = tag {
            request = request.header("if-match", tag);
        }
        server
            .send(
                request
                    .body(json!({"name": name}).to_string().into())
                    .unwrap(),
            )
            .await
    };
    assert_eq!(
        rename(None, "A").await.expect(428).code(),
        "if_match_missing"
    );
    assert_eq!(
        rename(Some("W/x"), "A").await.expect(400).code(),
        "if_match_malformed"
    );
    let saved = rename(Some(&tag), "A").await.expect(200);
    assert_ne!(saved.header("etag"), tag);
    assert_eq!(rename(Some(&tag), "B").await.expect(412).code(), "stale");
}

#[tokio::test]
async fn secrets_go_in_and_do_not_come_out() {
    let (server, admin) = Server::ready().await;
    server.import(&admin).await;
    let made = server
        .json(
            "POST",
            &admin.path("/psks"),
            &json!({"name": "fleet", "policy": "approve"}),
            Some(&admin),
        )
        .await
        .expect(201);
    let psk = made.json()["text"].as_str().unwrap().to_owned();
    assert!(psk.starts_with("gwp1."));
    assert!(
        made.json()["install_command"]
            .as_str()
            .unwrap()
            .contains("URL=https://godwit.test/Agent PSK=gwp1.")
    );
    for path in [
        "/directories",
        "/psks",
        "/agent-certificate",
        "/dashboard",
        "/guide",
    ] {
        let text = String::from_utf8(
            server
                .get(&admin.path(path), Some(&admin))
                .await
                .expect(200)
                .body,
        )
        .unwrap();
        assert!(
            !text.contains("read-only-password") && !text.contains(&psk),
            "{path}: {text}"
        );
    }
    let audit = String::from_utf8(
        server
            .get("/api/v1/audit", Some(&admin))
            .await
            .expect(200)
            .body,
    )
    .unwrap();
    assert!(
        !audit.contains("read-only-password") && !audit.contains(&psk) && !audit.contains(PASSWORD)
    );
    assert!(audit.contains("psk.create") && audit.contains("192.0.2.1"));
}

#[tokio::test]
async fn lists_come_in_pages_that_miss_and_repeat_nothing() {
    let (server, admin) = Server::ready().await;
    for number in 0..25 {
        server.directory.add(
            gw_model::ObjectKind::Computer,
            1100 + number,
            &format!("PC-{number:03}"),
        );
    }
    server.import(&admin).await;
    let (mut names, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = admin.path(&format!("/devices?limit=10{cursor}"));
        let page = server.get(&path, Some(&admin)).await.expect(200).json();
        names.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one["name"].as_str().unwrap().to_owned()),
        );
        match page["next_cursor"].as_str() {
            Some(next) => {
                cursor = format!("&cursor={}", next.replace('%', "%25").replace('+', "%2B"))
            }
            None => break,
        }
    }
    let wanted: Vec<String> = (0..25).map(|number| format!("PC-{number:03}")).collect();
    assert_eq!(names, wanted);
    let found = server
        .get(&admin.path("/devices?q=pc-007"), Some(&admin))
        .await
        .expect(200)
        .json();
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
}

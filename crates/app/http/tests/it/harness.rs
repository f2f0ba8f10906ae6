//! A server in the test's own process.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use chrono::{DateTime, Utc};
use gw_certs::{CertResolver, CertSource};
use gw_http::{App, AppParts, router};
use gw_services::{ManualClock, Open, Services};
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::sync::watch;
use tower::ServiceExt as _;

use crate::directory::FakeDirectory;

pub(crate) struct Server {
    pub(crate) services: Services,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) directory: FakeDirectory,
    pub(crate) data_dir: std::path::PathBuf,
    router: Router,
    stop: watch::Sender<bool>,
    _dir: tempfile::TempDir,
}

/// An answer that was read to its end.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {:?}", String::from_utf8_lossy(&self.body)))
    }

    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map(|value| value.to_str().unwrap())
            .unwrap_or_default()
    }

    /// The answer, which must have this status.
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(
            self.status.as_u16(),
            status,
            "{}",
            String::from_utf8_lossy(&self.body)
        );
        self
    }
}

pub(crate) fn start() -> DateTime<Utc> {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

impl Server {
    /// A server that was never set up.
    pub(crate) async fn fresh() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(start()));
        let directory = FakeDirectory::default();
        let open = Open {
            clock: clock.clone(),
            connectors: Arc::new(directory.clone()),
            ..Open::standard(dir.path(), None)
        };
        let services = Services::open(open).await.unwrap();
        let source = CertSource::SelfSigned {
            dir: dir.path().join("tls"),
            names: vec!["godwit.test".into()],
        };
        let certificates = Arc::new(CertResolver::new(source, start()).unwrap());
        services
            .suggest_agent_url("https://godwit.test/Agent")
            .await
            .unwrap();
        let (stop, stopping) = watch::channel(false);
        let app = App::new(AppParts {
            services: services.clone(),
            certificates,
            trusted_proxies: Vec::new(),
            stopping,
        });
        // What was made "before" now must not look like it came with the server's start.
        clock.advance(chrono::TimeDelta::seconds(10));
        let data_dir = dir.path().to_owned();
        Self {
            services,
            clock,
            directory,
            data_dir,
            router: router(app),
            stop,
            _dir: dir,
        }
    }

    /// A server with its first administrator, who is signed in.
    pub(crate) async fn ready() -> (Self, Admin) {
        let server = Self::fresh().await;
        let token = server.services.setup_token().await.unwrap().unwrap();
        let answer = server
            .json(
                "POST",
                "/api/v1/setup",
                &json!({"token": token, "name": "ann", "password": PASSWORD, "customer_name": "Contoso"}),
                None,
            )
            .await
            .expect(201);
        let cookie = cookie_of(&answer);
        let customer = answer.json()["session"]["customers"][0]["id"]
            .as_str()
            .unwrap()
            .to_owned();
        (server, Admin { cookie, customer })
    }

    /// Sends a request as if from 192.0.2.1.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        self.send_from("192.0.2.1", request).await
    }

    pub(crate) async fn send_from(&self, source: &str, mut request: Request<Body>) -> Answer {
        let peer = std::net::SocketAddr::new(source.parse().unwrap(), 50_000);
        request
            .extensions_mut()
            .insert(axum::extract::ConnectInfo(peer));
        let response = self.open(request).await;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }

    /// An answer whose body is not read yet.
    pub(crate) async fn open(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// Tells the server to stop.
    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
    }

    pub(crate) async fn get(&self, path: &str, admin: Option<&Admin>) -> Answer {
        self.send(
            self.request("GET", path, admin)
                .body(Body::empty())
                .unwrap(),
        )
        .await
    }

    pub(crate) async fn json(
        &self,
        method: &str,
        path: &str,
        body: &Value,
        admin: Option<&Admin>,
    ) -> Answer {
        let request = self
            .request(method, path, admin)
            .header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap())
            .await
    }

    /// Makes the source directory and imports what the fake one holds.
    pub(crate) async fn import(&self, admin: &Admin) -> String {
        let body = json!({"name": "Source", "password": "read-only-password", "connection": {
            "kind": "active_directory", "host": "dc1.source.test", "port": 636, "transport": "ldaps",
            "trust": {"kind": "system"}, "account": "reader@source.test"}});
        let made = self
            .json("POST", &admin.path("/directories"), &body, Some(admin))
            .await
            .expect(201);
        let id = made.json()["id"].as_str().unwrap().to_owned();
        self.json(
            "POST",
            &admin.path(&format!("/directories/{id}/import")),
            &Value::Null,
            Some(admin),
        )
        .await
        .expect(202);
        self.services.run_due_jobs().await.unwrap();
        id
    }

    /// A request as the console sends it.
    pub(crate) fn request(
        &self,
        method: &str,
        path: &str,
        admin: Option<&Admin>,
    ) -> http::request::Builder {
        let request = Request::builder().method(method).uri(path);
        match admin {
            Some(admin) => request
                .header(header::COOKIE, &admin.cookie)
                .header("Godwit-Console", "1"),
            None => request,
        }
    }
}

/// The signed-in administrator.
#[derive(Clone)]
pub(crate) struct Admin {
    pub(crate) cookie: String,
    pub(crate) customer: String,
}

impl Admin {
    /// A path below the customer.
    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/api/v1/customers/{}{rest}", self.customer)
    }
}

pub(crate) fn cookie_of(answer: &Answer) -> String {
    answer
        .header("set-cookie")
        .split(';')
        .next()
        .unwrap()
        .to_owned()
}

pub(crate) const PASSWORD: &str = "correct horse battery";

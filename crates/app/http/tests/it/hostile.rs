//! A server among strangers: every refusal has its status and code, changes
//! nothing in the store, and costs one counted audit row per cause, source and hour.

use std::process::Command;

use axum::body::Body;
use bytes::Bytes;
use chrono::TimeDelta;
use gw_model::ObjectKind;
use gw_wire::keys::{Algorithm, SigningKey};
use gw_wire::psk::Psk;
use http::Request;
use serde_json::Value;

use crate::agents::{Agent, Signed, believed};
use crate::harness::{Admin, Answer, Server};

const SID: &str = "S-1-5-21-1-2-3-1101";

/// A server with one imported computer, and an agent that holds a good key.
async fn prepared() -> (Server, Admin, Agent) {
    let (server, admin) = Server::ready().await;
    server.directory.add(ObjectKind::Computer, 1101, "PC-1");
    server.import(&admin).await;
    let agent = Agent::new(&server, &admin, "first_claim").await;
    // The first contact of all makes the key set; it is kept from then on.
    agent.send(&server, &agent.hello(&server)).await.expect(200);
    (server, admin, agent)
}

/// Everything in the database but the audit trail, a statement per line.
fn dump(server: &Server) -> Vec<String> {
    let out = Command::new("sqlite3")
        .arg(server.data_dir.join("godwit.db"))
        .args(["-cmd", ".timeout 5000", ".dump"])
        .output()
        .expect("sqlite3 is installed (cargo xtask setup)");
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    let text = String::from_utf8(out.stdout).unwrap();
    assert!(text.contains("INSERT INTO customer"), "the dump holds rows");
    text.lines()
        .filter(|line| !line.starts_with("INSERT INTO audit "))
        .map(str::to_owned)
        .collect()
}

fn unchanged(server: &Server, before: &[String]) {
    let after = dump(server);
    let differs = after
        .iter()
        .filter(|line| !before.contains(line))
        .chain(before.iter().filter(|line| !after.contains(line)));
    let differs: Vec<_> = differs.collect();
    assert!(
        differs.is_empty() && after.len() == before.len(),
        "the store was changed: {differs:#?}"
    );
}

/// The counted refusals: cause, source, count.
async fn refusals(server: &Server, admin: &Admin) -> Vec<(String, String, u64)> {
    server.services.flush().await.unwrap();
    let page = server
        .get("/api/v1/audit?action=agent.refused&limit=500", Some(admin))
        .await
        .expect(200);
    let mut rows: Vec<_> = page.json()["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let text = |name: &str| row[name].as_str().unwrap().to_owned();
            (
                text("action").replace("agent.refused.", ""),
                text("source"),
                row["count"].as_u64().unwrap(),
            )
        })
        .collect();
    rows.sort();
    rows
}

fn one(cause: &str, count: u64) -> Vec<(String, String, u64)> {
    vec![(cause.to_owned(), "192.0.2.1".to_owned(), count)]
}

fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!(
        answer.status.as_u16(),
        status,
        "{}",
        String::from_utf8_lossy(&answer.body)
    );
    let body = answer.json();
    assert_eq!(body["code"], code);
    assert_eq!(body["status"], status);
    assert!(
        body["title"].as_str().unwrap().ends_with('.'),
        "a sentence for people: {body}"
    );
    assert_eq!(answer.header("content-type"), "application/problem+json");
}

#[tokio::test]
async fn a_wrong_pre_shared_key() {
    let (server, admin, agent) = prepared().await;
    // The right root, the right tag, another secret; and a tag nobody knows.
    let guessed = Psk {
        secret: gw_wire::secret::SecretBytes::new(vec![7; 16]),
        ..agent.psk.clone()
    };
    let unknown = Psk {
        tag: gw_wire::psk::PskTag([1, 2, 3, 4]),
        ..agent.psk.clone()
    };
    let before = dump(&server);
    for psk in [guessed, unknown] {
        let mut stranger = Agent::with(psk);
        let enrol = stranger.enrolment(&server, "PC-1", SID).await;
        let answer = stranger.send(&server, &enrol).await;
        refused(&answer, 401, "psk-refused");
        believed(&stranger, &enrol, &answer);
    }
    assert_eq!(refusals(&server, &admin).await, one("psk-refused", 2));
    unchanged(&server, &before);
}

#[tokio::test]
async fn an_unknown_computer() {
    let (server, admin, mut agent) = prepared().await;
    let before = dump(&server);
    for number in 0..3 {
        let enrol = agent
            .enrolment(&server, "PC-1", &format!("S-1-5-21-1-2-3-99{number}"))
            .await;
        let answer = agent.send(&server, &enrol).await;
        refused(&answer, 403, "computer-unknown");
        server.clock.advance(TimeDelta::seconds(1));
    }
    assert_eq!(refusals(&server, &admin).await, one("computer-unknown", 3));
    unchanged(&server, &before);
}

#[tokio::test]
async fn a_replayed_request() {
    let (server, admin, mut agent) = prepared().await;
    let enrol = agent.enrolment(&server, "PC-1", SID).await;
    agent.send(&server, &enrol).await.expect(200);
    let before = dump(&server);
    for _ in 0..4 {
        let answer = agent.send(&server, &enrol).await;
        refused(&answer, 409, "replayed");
    }
    // Kept and sent again after the window, it is too old instead.
    server.clock.advance(TimeDelta::seconds(301));
    refused(&agent.send(&server, &enrol).await, 401, "clock-skewed");
    let mut wanted = one("clock-skewed", 1);
    wanted.extend(one("replayed", 4));
    assert_eq!(refusals(&server, &admin).await, wanted);
    unchanged(&server, &before);
}

#[tokio::test]
async fn a_bad_signature() {
    let (server, admin, mut agent) = prepared().await;
    let enrol = agent.enrolment(&server, "PC-1", SID).await;
    let before = dump(&server);

    // Signed by another key under this key's name.
    let mut forged = enrol.clone();
    let other = SigningKey::generate(Algorithm::Ed25519).unwrap();
    let forger = Agent {
        key: other,
        ..Agent::with(agent.psk.clone())
    };
    let resigned = forger.sign(
        &server,
        enrol.op,
        agent.root.as_ref().unwrap(),
        enrol.body.clone(),
    );
    for (header, value) in &mut forged.headers {
        if *header == "signature" {
            *value = resigned
                .headers
                .iter()
                .find(|(name, _)| name == header)
                .unwrap()
                .1
                .clone();
        }
    }
    refused(
        &agent.send(&server, &forged).await,
        401,
        "signature-invalid",
    );

    // One flipped bit in the body: the digest no longer holds.
    let mut flipped = enrol.body.clone();
    flipped[40] ^= 1;
    refused(
        &server.send(agent.request(&enrol, flipped)).await,
        400,
        "digest-mismatch",
    );

    // Sent to another operation than the one that was signed.
    let elsewhere = Signed {
        op: gw_wire::op::REPORT,
        ..enrol.clone()
    };
    refused(
        &agent.send(&server, &elsewhere).await,
        401,
        "signature-invalid",
    );

    // No signature at all.
    let bare = Signed {
        headers: Vec::new(),
        ..enrol.clone()
    };
    refused(
        &agent.send(&server, &bare).await,
        400,
        "signature-malformed",
    );

    let mut wanted = one("digest-mismatch", 1);
    wanted.extend(one("signature-invalid", 2));
    wanted.extend(one("signature-malformed", 1));
    assert_eq!(refusals(&server, &admin).await, wanted);
    unchanged(&server, &before);

    // The untouched request still counts: nothing above used it up.
    agent.send(&server, &enrol).await.expect(200);
}

#[tokio::test]
async fn a_body_of_100_megabytes() {
    let (server, admin, _) = prepared().await;
    let before = dump(&server);
    // It says how long it is: refused without reading a byte.
    let never = futures::stream::poll_fn(
        |_| -> std::task::Poll<Option<Result<Bytes, std::io::Error>>> {
            panic!("the body was read")
        },
    );
    let said = Request::post("/Agent/v1/enrol")
        .header("content-length", 100_u64 << 20)
        .body(Body::from_stream(never))
        .unwrap();
    refused(&server.send(said).await, 413, "body-too-large");

    // It does not say: refused as soon as it passes the limit.
    let read = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = read.clone();
    let chunks = futures::stream::iter((0..100).map(move |_| {
        counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ok::<_, std::io::Error>(Bytes::from(vec![b' '; 1 << 20]))
    }));
    let unsaid = Request::post("/Agent/v1/enrol")
        .body(Body::from_stream(chunks))
        .unwrap();
    refused(&server.send(unsaid).await, 413, "body-too-large");
    let mib = read.load(std::sync::atomic::Ordering::Relaxed);
    assert!(mib <= 6, "{mib} MiB were read");

    assert_eq!(refusals(&server, &admin).await, one("body-too-large", 2));
    unchanged(&server, &before);
}

#[tokio::test]
async fn ten_thousand_random_bodies() {
    let (server, admin, agent) = prepared().await;
    let before = dump(&server);
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let operations = [
        "hello", "enrol", "checkin", "stage", "return", "report", "nonsense",
    ];
    let mut by_code = std::collections::BTreeMap::<String, u64>::new();
    for number in 0..10_000_u64 {
        let length = usize::try_from(random.next() % 600).unwrap();
        let body: Vec<u8> = (0..length)
            .map(|_| random.next().to_le_bytes()[0])
            .collect();
        let operation = operations[usize::try_from(number % 7).unwrap()];
        // A third are bare, a third carry random headers, a third are well signed nonsense.
        let request = match number % 3 {
            0 => Request::post(format!("/Agent/v1/{operation}"))
                .body(body.into())
                .unwrap(),
            1 => {
                let mut request = Request::post(format!("/Agent/v1/{operation}"));
                for name in [
                    "signature",
                    "signature-input",
                    "content-digest",
                    "godwit-op",
                    "godwit-aud",
                ] {
                    let value: String = (0..random.next() % 40)
                        .map(|_| random.printable())
                        .collect();
                    request = request.header(name, value);
                }
                request.body(body.into()).unwrap()
            }
            _ => {
                let op = gw_wire::op::ALL[usize::try_from(random.next() % 6).unwrap()];
                let signed = agent.sign(&server, op, &agent.psk.pin.to_string(), body);
                agent.request(&signed, signed.body.clone())
            }
        };
        let answer = server.send(request).await;
        assert!(
            (400..500).contains(&answer.status.as_u16()),
            "{number}: {}",
            answer.status
        );
        let code = answer.code();
        let known =
            gw_wire::codes::Refusal::by_code(&code).unwrap_or_else(|| panic!("{number}: {code}"));
        refused(&answer, known.status, known.code);
        *by_code.entry(code).or_default() += 1;
    }
    assert!(
        by_code.len() >= 3,
        "the bodies reach several checks: {by_code:?}"
    );
    let rows = refusals(&server, &admin).await;
    let wanted: Vec<_> = by_code
        .into_iter()
        .map(|(code, count)| (code, "192.0.2.1".to_owned(), count))
        .collect();
    assert_eq!(rows, wanted, "one row per cause, with its count");
    unchanged(&server, &before);
}

#[tokio::test]
async fn refusals_are_counted_per_cause_source_and_hour() {
    let (server, admin, _) = prepared().await;
    let bare = || {
        Request::post("/Agent/v1/checkin")
            .body(Body::from("{}"))
            .unwrap()
    };
    for source in ["192.0.2.1", "192.0.2.1", "198.51.100.7", "192.0.2.1"] {
        server.send_from(source, bare()).await.expect(400);
        server.services.flush().await.unwrap();
    }
    server.clock.advance(TimeDelta::hours(1));
    server.send_from("198.51.100.7", bare()).await.expect(400);
    let get = Request::get("/Agent/v1/checkin")
        .body(Body::empty())
        .unwrap();
    server.send_from("198.51.100.7", get).await.expect(405);
    let row = |cause: &str, source: &str, count| (cause.to_owned(), source.to_owned(), count);
    assert_eq!(
        refusals(&server, &admin).await,
        [
            row("method-not-allowed", "198.51.100.7", 1),
            row("signature-malformed", "192.0.2.1", 3),
            row("signature-malformed", "198.51.100.7", 1),
            row("signature-malformed", "198.51.100.7", 1),
        ]
    );
}

#[tokio::test]
async fn a_refusal_does_not_tell_a_stranger_which_computers_exist() {
    let (server, _, agent) = prepared().await;
    let guessed = Psk {
        secret: gw_wire::secret::SecretBytes::new(vec![7; 16]),
        ..agent.psk.clone()
    };
    let mut answers = Vec::new();
    for sid in [SID, "S-1-5-21-1-2-3-999999"] {
        let mut stranger = Agent::with(guessed.clone());
        let enrol = stranger.enrolment(&server, "PC-1", sid).await;
        let mut body: Value = stranger.send(&server, &enrol).await.json();
        body["request_id"] = Value::Null;
        answers.push(body);
    }
    assert_eq!(answers[0], answers[1]);
}

/// SplitMix64: the same bodies at every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn printable(&mut self) -> char {
        char::from(b' ' + u8::try_from(self.next() % 95).unwrap())
    }
}

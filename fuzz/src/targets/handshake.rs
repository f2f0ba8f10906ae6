//! The server's and the agent's side of a signed message: headers, signatures, first contact.
//!
//! Input: one byte that says what it is taken for, then lines `name: value`, a blank line and the
//! body. The digest is put right, or nothing behind it is reached.

use crate::{
    Target, leave_alone,
    targets::{Take, said, seed, take, wire::VECTORS},
};
use chrono::{DateTime, Utc};
use gw_wire::{
    httpsig::{content_digest, read_answer},
    keys::{KeyId, SigningKey},
    op,
    replay::NonceCache,
    secret::SecretBytes,
    server,
    transcript::HelloNonces,
};
use serde_json::Value;

pub(crate) const TARGET: Target = Target {
    name: "handshake",
    seeds,
    repair: leave_alone,
    run,
};

const KINDS: &[(&str, Take)] = &[("hello", hello), ("enrol", enrol), ("answer", answer)];

fn run(data: &[u8]) {
    take(KINDS, data);
}

fn with_parts(data: &[u8], work: impl FnOnce(&[(&str, &str)], &[u8]) -> String) -> String {
    let text = String::from_utf8_lossy(data);
    let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
    let digest = content_digest(body.as_bytes());
    let pairs: Vec<(&str, &str)> = head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| match name {
            "content-digest" => (name, digest.as_str()),
            _ => (name, value),
        })
        .collect();
    work(&pairs, body.as_bytes())
}

fn hello(data: &[u8]) -> String {
    with_parts(data, |headers, body| {
        match server::read("POST", op::HELLO, headers, body) {
            Ok(request) => said(server::admit_hello(&request, body).map_err(|no| no.code)),
            Err(refusal) => refusal.code.to_string(),
        }
    })
}

fn enrol(data: &[u8]) -> String {
    with_parts(data, |headers, body| {
        let Ok(key) = server::enrolling_key(body) else {
            return "no key".to_owned();
        };
        let request = match server::read("POST", op::ENROL, headers, body) {
            Ok(request) => request,
            Err(refusal) => return refusal.code.to_string(),
        };
        let root = request.aud.parse().unwrap_or(KeyId([0; 32]));
        let mut cache = NonceCache::new(0, 8);
        let admitted = server::admit(&request, &root, &key, &mut cache, now());
        let nonces = HelloNonces::new(SecretBytes::new(vec![7; 32]));
        // The nonce is another server's, so this goes no further than to it.
        let read = server::read_enrolment(body, &request.signature, &nonces, now());
        assert!(read.is_err(), "a nonce of another server is believed");
        said(admitted.map_err(|refusal| refusal.code))
    })
}

fn answer(data: &[u8]) -> String {
    with_parts(data, |headers, body| {
        match read_answer(200, headers, body, &[7; 64]) {
            Ok(read) => {
                let stranger = SigningKey::from_ed25519_seed(&[9; 32]).expect("a seed");
                assert!(read.verify(stranger.public()).is_err());
                "understood".to_owned()
            }
            Err(error) => error.to_string(),
        }
    })
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_348_800, 0).unwrap_or_default()
}

fn seeds() -> anyhow::Result<Vec<Vec<u8>>> {
    let vectors: Value = serde_json::from_str(VECTORS)?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    [
        ("hello", &vectors["hello"]["request"]),
        ("enrol", &vectors["enrol"]["request"]),
        ("answer", &vectors["hello"]["answer"]),
        ("answer", &vectors["enrol"]["refusal"]),
    ]
    .into_iter()
    .map(|(kind, message)| {
        let lines: Vec<String> = message["headers"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| format!("{name}: {}", text(value)))
            .collect();
        let whole = format!("{}\n\n{}", lines.join("\n"), text(&message["body"]));
        seed(KINDS, kind, whole.as_bytes())
    })
    .collect()
}

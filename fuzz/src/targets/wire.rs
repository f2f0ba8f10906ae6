//! The agent protocol: every message, key, key set and signature header.
//!
//! Input: one byte that says what it is taken for, then the bytes. Seeds are the protocol's own
//! test vectors.

use crate::{Target, answer, leave_alone};
use gw_wire::{
    checkin::{CheckinAnswer, CheckinRequest},
    codes::Problem,
    enrol::{EnrolAnswer, EnrolCore, EnrolRequest, HelloAnswer, HelloRequest},
    envelope::{Envelope, Escrowed},
    httpsig::{content_digest, read_answer, read_request},
    keys::{Pin, PublicKey},
    keyset::{KeySet, SignedKeySet, Trust},
    order::{OrderBody, OrderHeader},
    pack::{Encoding, unpack},
    private::PrivateBody,
    psk::Psk,
    report::ReportRequest,
    stage::{PackageHeader, ReturnRequest, StageRequest},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

pub(crate) const TARGET: Target = Target {
    name: "wire",
    seeds,
    repair: leave_alone,
    run,
};

const VECTORS: &str = include_str!("../../../docs/protocol-vectors.json");

/// Takes input for something and says what became of it.
type Take = fn(&[u8]) -> String;

/// What input can be taken for, in the order of the first byte.
const KINDS: &[(&str, Take)] = &[
    ("hello", json::<HelloRequest>),
    ("hello-answer", hello_answer),
    ("enrol", json::<EnrolRequest>),
    ("core", json::<EnrolCore>),
    ("enrol-answer", json::<EnrolAnswer>),
    ("checkin", json::<CheckinRequest>),
    ("checkin-answer", json::<CheckinAnswer>),
    ("stage", json::<StageRequest>),
    ("return", json::<ReturnRequest>),
    ("report", json::<ReportRequest>),
    ("problem", json::<Problem>),
    ("envelope", envelope),
    ("escrowed", json::<Escrowed>),
    ("private", json::<PrivateBody>),
    ("order-header", |data| said(OrderHeader::read(data))),
    ("order-body", json::<OrderBody>),
    ("package-header", |data| said(PackageHeader::read(data))),
    ("psk", psk),
    ("key-set", json::<KeySet>),
    ("signed-key-set", signed_key_set),
    ("public-key", |data| said(PublicKey::from_spki(data))),
    ("headers", headers),
    ("packed", |data| {
        said(unpack(Encoding::Zlib, data, 1 << 20).map(|out| out.len()))
    }),
];

fn run(data: &[u8]) -> u64 {
    let Some((kind, rest)) = data.split_first() else {
        return 0;
    };
    let (name, take) = KINDS[usize::from(*kind) % KINDS.len()];
    answer(&format!("{name} {}", take(rest)))
}

fn said<T: std::fmt::Debug, E: std::fmt::Display>(result: Result<T, E>) -> String {
    match result {
        Ok(_) => "understood".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// What is understood is written and understood again as the same.
fn json<T: DeserializeOwned + Serialize>(data: &[u8]) -> String {
    let read: T = match serde_json::from_slice(data) {
        Ok(read) => read,
        Err(error) => return error.to_string(),
    };
    let written = serde_json::to_vec(&read).expect("what was read can be written");
    let again: T = serde_json::from_slice(&written).expect("what was written can be read");
    let twice = serde_json::to_vec(&again).expect("what was read can be written");
    assert_eq!(written, twice, "a message changed on its way");
    "understood".to_owned()
}

fn hello_answer(data: &[u8]) -> String {
    let Ok(answer) = serde_json::from_slice::<HelloAnswer>(data) else {
        return json::<HelloAnswer>(data);
    };
    believed(&answer.key_set)
}

fn signed_key_set(data: &[u8]) -> String {
    match serde_json::from_slice::<SignedKeySet>(data) {
        Ok(signed) => believed(&signed),
        Err(error) => error.to_string(),
    }
}

/// Whether it is believed by the root that it names itself, and by one that it does not.
fn believed(signed: &SignedKeySet) -> String {
    let stranger = signed.succeed(&Trust::Pin(Pin([0; 16])), None);
    assert!(stranger.is_err(), "a stranger's root is believed");
    said(signed.succeed(&Trust::Root(signed.root.id()), None))
}

fn envelope(data: &[u8]) -> String {
    match serde_json::from_slice::<Envelope>(data) {
        Ok(envelope) => match PackageHeader::read(&envelope.header) {
            Ok(_) => "understood".to_owned(),
            Err(_) => said(OrderHeader::read(&envelope.header)),
        },
        Err(error) => error.to_string(),
    }
}

fn psk(data: &[u8]) -> String {
    let text = String::from_utf8_lossy(data);
    match text.parse::<Psk>() {
        Ok(psk) => {
            let again: Psk = psk.to_text().parse().expect("its own text");
            assert!(again == psk, "a key changed on its way");
            said(psk.mac_key().map(|_| ()))
        }
        Err(error) => error.to_string(),
    }
}

/// Lines `name: value`, a blank line, the body. Its digest is put right, or nothing else is reached.
fn headers(data: &[u8]) -> String {
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
    format!(
        "{} {}",
        said(read_request("POST", &pairs, body.as_bytes())),
        said(read_answer(200, &pairs, body.as_bytes(), &[7; 64]))
    )
}

fn seeds() -> anyhow::Result<Vec<Vec<u8>>> {
    let vectors: Value = serde_json::from_str(VECTORS)?;
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let with_headers = |message: &Value| {
        let lines: Vec<String> = message["headers"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| format!("{name}: {}", text(value)))
            .collect();
        format!("{}\n\n{}", lines.join("\n"), text(&message["body"]))
    };
    let enrol = &vectors["enrol"];
    let hello = &vectors["hello"];
    let facts = serde_json::from_str::<Value>(&text(&enrol["core"]))?["facts"].clone();
    let recipient = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let given: Vec<(&str, Vec<u8>)> = [
        ("hello", text(&hello["request"]["body"])),
        ("hello-answer", text(&hello["answer"]["body"])),
        ("enrol", text(&enrol["request"]["body"])),
        ("core", text(&enrol["core"])),
        ("problem", text(&enrol["refusal"]["body"])),
        ("headers", with_headers(&hello["request"])),
        ("headers", with_headers(&hello["answer"])),
        ("envelope", text(&vectors["order"]["envelope"])),
        ("envelope", text(&vectors["stage"]["envelope"])),
        ("order-header", text(&vectors["order"]["header"])),
        ("order-body", text(&vectors["order"]["body"])),
        ("package-header", text(&vectors["stage"]["header"])),
        ("escrowed", text(&vectors["escrow"]["escrowed"])),
        ("private", text(&vectors["private"]["body"])),
        ("report", text(&vectors["private"]["request"])),
        ("psk", text(&vectors["psk"]["text"])),
        ("signed-key-set", text(&vectors["key_set"])),
        (
            "checkin",
            serde_json::json!({
                "v": 1, "facts": facts, "epoch": 7, "recipient": recipient, "last_sequence": 0,
                "holding": [], "running": null, "queued_reports": 0, "clock_skew_ms": -3,
            })
            .to_string(),
        ),
        (
            "checkin-answer",
            serde_json::json!({
                "v": 1, "trust": "trusted", "key_set": vectors["key_set"], "poll_after_seconds": 9,
                "orders": [vectors["order"]["envelope"]],
            })
            .to_string(),
        ),
    ]
    .into_iter()
    .map(|(kind, text)| (kind, text.into_bytes()))
    .chain([
        ("packed", gw_wire::pack::pack(Encoding::Zlib, &[5; 3000])),
        (
            "key-set",
            gw_wire::bytes::decode(&text(&vectors["key_set"]["payload"])).unwrap_or_default(),
        ),
        (
            "public-key",
            gw_wire::bytes::decode(&text(&vectors["psk"]["root"])).unwrap_or_default(),
        ),
    ])
    .collect();
    let mut out = Vec::new();
    for (kind, bytes) in given {
        let index = KINDS.iter().position(|(name, _)| *name == kind);
        let index = index.ok_or_else(|| anyhow::anyhow!("there is no kind {kind}"))?;
        // A seed that is not understood exercises little: say so.
        let understood = (KINDS[index].1)(&bytes);
        anyhow::ensure!(
            understood.contains("understood"),
            "the seed for {kind} is refused: {understood}"
        );
        out.push([&[index as u8][..], &bytes].concat());
    }
    Ok(out)
}

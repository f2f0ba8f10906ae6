//! The agent protocol: every message, header and key set.
//!
//! Input: one byte that says what it is taken for, then the bytes. Seeds are the protocol's own
//! test vectors.

use crate::{
    Target, leave_alone,
    targets::{Take, json, said, seed, take},
};
use gw_wire::{
    checkin::{CheckinAnswer, CheckinRequest},
    codes::Problem,
    enrol::{EnrolAnswer, EnrolCore, EnrolRequest, HelloAnswer, HelloRequest},
    envelope::{Envelope, EscrowHeader, Escrowed},
    keys::Pin,
    keyset::{KeySet, RootChangeStatement, SignedKeySet, Trust},
    order::{OrderBody, OrderHeader},
    pack::{Encoding, unpack},
    private::PrivateBody,
    report::{ProgressEntry, ReportAnswer, ReportRequest},
    stage::{
        PackageHeader, ReturnAnswer, ReturnRequest, ReturnTicket, StageAnswer, StagePackage,
        StageRequest,
    },
};
use serde_json::Value;

pub(crate) const TARGET: Target = Target {
    name: "wire",
    seeds,
    repair: leave_alone,
    run,
};

pub(super) const VECTORS: &str = include_str!("../../../docs/protocol-vectors.json");

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
    ("report-answer", json::<ReportAnswer>),
    ("progress", json::<Vec<ProgressEntry>>),
    ("stage-answer", json::<StageAnswer>),
    ("return-answer", json::<ReturnAnswer>),
    ("stage-package", json::<StagePackage>),
    ("return-ticket", json::<ReturnTicket>),
    ("escrow-header", json::<EscrowHeader>),
    ("root-change", json::<RootChangeStatement>),
    ("problem", json::<Problem>),
    ("envelope", envelope),
    ("escrowed", json::<Escrowed>),
    ("private", json::<PrivateBody>),
    ("order-header", |data| said(OrderHeader::read(data))),
    ("order-body", json::<OrderBody>),
    ("package-header", |data| said(PackageHeader::read(data))),
    ("key-set", json::<KeySet>),
    ("signed-key-set", signed_key_set),
    ("packed", |data| {
        said(unpack(Encoding::Zlib, data, 1 << 20).map(|out| out.len()))
    }),
];

fn run(data: &[u8]) {
    take(KINDS, data);
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

fn seeds() -> anyhow::Result<Vec<Vec<u8>>> {
    let vectors: Value = serde_json::from_str(VECTORS)?;
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
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
        ("envelope", text(&vectors["order"]["envelope"])),
        ("envelope", text(&vectors["stage"]["envelope"])),
        ("order-header", text(&vectors["order"]["header"])),
        ("order-body", text(&vectors["order"]["body"])),
        ("package-header", text(&vectors["stage"]["header"])),
        ("escrowed", text(&vectors["escrow"]["escrowed"])),
        ("stage-package", text(&vectors["stage"]["body"])),
        (
            "return-ticket",
            serde_json::json!({ "join": vectors["stage"]["body"]["join"] }).to_string(),
        ),
        ("private", text(&vectors["private"]["body"])),
        ("report", text(&vectors["private"]["request"])),
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
    ])
    .collect();
    given
        .into_iter()
        .map(|(kind, bytes)| seed(KINDS, kind, &bytes))
        .collect()
}

//! What lies behind seal and signature: orders, stage packages, return tickets, escrowed secrets and
//! private requests, as a server or an agent would make them that holds the right keys and lies.
//!
//! Input: one byte that says what it is, a header, a line feed, a body; both are sealed and signed
//! here. The seal draws random numbers, but no way depends on them.

use crate::{
    Target, leave_alone,
    targets::{Take, said, seed, take, wire::VECTORS},
};
use chrono::{DateTime, Utc};
use gw_agent::{Ledger, Me, accept};
use gw_model::{CustomerId, DeviceId, OrderId};
use gw_wire::{
    bytes::Bytes,
    envelope::{Envelope, Escrowed},
    keys::{KeyId, SigningKey},
    keyset::{KeySet, KeyUse, SigningKeyEntry},
    op,
    order::{OrderBody, OrderHeader},
    pack::{Encoding, Packed, pack},
    private::PrivateBody,
    report::ReportRequest,
    seal::{Purpose, RecipientKey, SealContext, seal as seal_to},
    stage::{PackageHeader, ReturnTicket, StagePackage},
};
use serde_json::Value;

pub(crate) const TARGET: Target = Target {
    name: "sealed",
    seeds,
    repair: leave_alone,
    run,
};

const KINDS: &[(&str, Take)] = &[
    ("order", order),
    ("stage", |data| package(data, Purpose::Stage)),
    ("return", |data| package(data, Purpose::Return)),
    ("escrow", escrow),
    ("private", private),
];

/// The example keys of RFC 9180 appendix A.1.
const PRIVATE: &str = "4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8";
const PUBLIC: &str = "3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d";

fn run(data: &[u8]) {
    take(KINDS, data);
}

fn split(data: &[u8]) -> (&[u8], &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n');
    let (header, body) = data.split_at(end.unwrap_or(data.len()));
    (header, body.get(1..).unwrap_or_default())
}

fn recipient() -> RecipientKey {
    let half = |hex: &str| hex::decode(hex).unwrap_or_default();
    RecipientKey::from_parts(&half(PRIVATE), &half(PUBLIC)).expect("the key of the RFC")
}

fn server() -> SigningKey {
    SigningKey::from_ed25519_seed(&[2; 32]).expect("a seed")
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_348_800, 0).unwrap_or_default()
}

fn key_set(customer: CustomerId) -> KeySet {
    KeySet {
        v: 1,
        customer,
        epoch: 7,
        issued_at: now(),
        signing_keys: vec![SigningKeyEntry {
            key: *server().public(),
            uses: vec![KeyUse::Message, KeyUse::Order],
            not_before: now(),
            not_after: now(),
        }],
        escrow_key: recipient().public().into(),
        tls_pins: Vec::new(),
        server_urls: Vec::new(),
        revoked: Vec::new(),
        next_root: None,
    }
}

/// The header is read first, as a liar would, so that the seal is bound to what it says.
fn order(data: &[u8]) -> String {
    let (header, body) = split(data);
    let Ok(read) = OrderHeader::read(header) else {
        return "no header".to_owned();
    };
    let packed = pack(read.encoding, body);
    let (recipient, me) = (recipient(), me(read.customer, read.device, read.agent_key));
    let made = Envelope::make(
        &read.context(),
        header.to_vec(),
        &packed,
        recipient.public(),
        &server(),
    );
    let envelope = made.expect("the keys are keys");
    let keys = key_set(read.customer);
    let stranger = me_of_a_stranger(&me);
    let refused = accept(
        &envelope,
        &keys,
        &stranger,
        &Ledger::default(),
        &recipient,
        now(),
    );
    assert!(refused.is_err(), "another device's order is accepted");
    match accept(&envelope, &keys, &me, &Ledger::default(), &recipient, now()) {
        Ok(held) => {
            let mut ledger = Ledger::default();
            ledger.note(&held.header);
            let again = accept(&envelope, &keys, &me, &ledger, &recipient, now());
            assert!(again.is_err(), "an order is accepted twice");
            let _ = gw_engine::order_file(&held.header, &held.body);
            "understood".to_owned()
        }
        Err(refusal) => refusal.to_string(),
    }
}

fn me(customer: CustomerId, device: DeviceId, agent_key: KeyId) -> Me {
    Me {
        customer,
        device,
        agent_key,
    }
}

fn me_of_a_stranger(me: &Me) -> Me {
    let mut key = me.agent_key;
    key.0[0] ^= 1;
    Me {
        agent_key: key,
        ..*me
    }
}

fn package(data: &[u8], purpose: Purpose) -> String {
    let (header, body) = split(data);
    let Ok(read) = PackageHeader::read(header) else {
        return "no header".to_owned();
    };
    let recipient = recipient();
    let packed = pack(read.encoding, body);
    let made = Envelope::make(
        &read.context(),
        header.to_vec(),
        &packed,
        recipient.public(),
        &server(),
    );
    let envelope = made.expect("the keys are keys");
    if let Err(error) = envelope.verify(purpose, &key_set(read.customer), now()) {
        return error.to_string();
    }
    if purpose == Purpose::Stage {
        let opened = read.open::<StagePackage>(&envelope, &recipient);
        if let Ok(package) = &opened
            && let Ok((file, _)) = gw_engine::stage_file(package)
        {
            let _ = file.map();
        }
        return said(opened);
    }
    let opened = read.open::<ReturnTicket>(&envelope, &recipient);
    if let Ok(ticket) = &opened {
        let _ = gw_engine::return_file(ticket, 1);
    }
    said(opened)
}

fn escrow(data: &[u8]) -> String {
    let (header, secret) = split(data);
    let fields: Value = serde_json::from_slice(header).unwrap_or_default();
    let id = |name: &str| fields[name].as_str().unwrap_or_default().to_owned();
    let (Ok(customer), Ok(device)) = (id("customer").parse(), id("device").parse()) else {
        return "no ids".to_owned();
    };
    let context = SealContext {
        purpose: Purpose::Escrow,
        customer,
        device,
        order: id("order").parse::<OrderId>().ok(),
    };
    let key = recipient();
    let sealed = seal_to(key.public(), &context, header, secret).expect("the key is a key");
    let escrowed = Escrowed {
        header: header.into(),
        sealed,
    };
    if let Ok((_, opened)) = escrowed.open(&key) {
        assert_eq!(opened, secret, "a secret changed on its way");
        return "understood".to_owned();
    }
    "it does not open".to_owned()
}

/// The header is the JSON of what is sealed, when the body is empty; else the body is packed.
fn private(data: &[u8]) -> String {
    let (customer, device) = (CustomerId(uuid::Uuid::nil()), DeviceId(uuid::Uuid::nil()));
    let (header, body) = split(data);
    let packed = if body.is_empty() {
        header.to_vec()
    } else {
        serde_json::to_vec(&Packed::new(body)).unwrap_or_default()
    };
    let context = SealContext {
        purpose: Purpose::Private,
        customer,
        device,
        order: None,
    };
    let key = recipient();
    let sealed = seal_to(key.public(), &context, op::REPORT.as_bytes(), &packed);
    let request = PrivateBody {
        v: 1,
        private: sealed.expect("the key is a key"),
    };
    match request.open(op::REPORT, &[key], customer, device) {
        Ok(plain) => said(serde_json::from_slice::<ReportRequest>(&plain)),
        Err(error) => error.to_string(),
    }
}

fn seeds() -> anyhow::Result<Vec<Vec<u8>>> {
    let vectors: Value = serde_json::from_str(VECTORS)?;
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let (order, stage) = (&vectors["order"], &vectors["stage"]);
    let _: OrderBody = serde_json::from_value(order["body"].clone())?;
    let returned = text(&stage["header"]).replace("\"stage\"", "\"return\"");
    let ticket = serde_json::json!({ "join": stage["body"]["join"] });
    let escrowed: Bytes = serde_json::from_value(vectors["escrow"]["escrowed"]["header"].clone())?;
    let zipped = Packed {
        encoding: Encoding::Zlib,
        data: pack(Encoding::Zlib, b"{\"v\":1,\"reports\":[]}").into(),
    };
    [
        (
            "order",
            format!("{}\n{}", text(&order["header"]), order["body"]),
        ),
        (
            "stage",
            format!("{}\n{}", text(&stage["header"]), stage["body"]),
        ),
        ("return", format!("{returned}\n{ticket}")),
        (
            "escrow",
            format!("{}\nsecret", String::from_utf8_lossy(&escrowed)),
        ),
        (
            "private",
            format!("\n{}", text(&vectors["private"]["request"])),
        ),
        ("private", serde_json::to_string(&zipped)?),
    ]
    .into_iter()
    .map(|(kind, input)| seed(KINDS, kind, input.as_bytes()))
    .collect()
}

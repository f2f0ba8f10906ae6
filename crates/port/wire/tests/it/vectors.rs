//! The golden vectors of `docs/protocol.md`. `GODWIT_BLESS=1` writes them; otherwise any drift fails.
//! What is random by nature (sealed bytes, P-256 signatures) is taken from the file as long as it
//! opens and verifies.

use crate::fixture::*;
use gw_wire::{
    envelope::{Envelope, EscrowHeader, EscrowKind, Escrowed},
    httpsig::{self, RequestParts, read_answer, sign_answer, sign_request_with_nonce},
    keyset::Trust,
    op,
    order::OrderHeader,
    private::PrivateBody,
    seal::Purpose,
    stage::{PackageHeader, StagePackage},
    transcript::transcript_hash,
};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const HELLO_NONCE: &str = "ZXhhbXBsZSBub25jZSBvZiB0aGUgc2VydmVyLi4uLg==";

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../docs")
        .join(name)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn headers_json(headers: &[(&'static str, String)]) -> Value {
    let pairs = headers.iter().map(|(n, v)| ((*n).to_owned(), json!(v)));
    Value::Object(pairs.collect())
}

/// The old value if it holds, a fresh one otherwise.
fn keep(old: &Value, holds: impl Fn(&Value) -> bool, fresh: impl FnOnce() -> Value) -> Value {
    if holds(old) { old.clone() } else { fresh() }
}

fn request(op: &str, aud: &str, body: &[u8], nonce: &str) -> (Value, Vec<u8>) {
    let parts = RequestParts {
        method: "POST",
        op,
        aud,
        body,
        created: NOW,
    };
    let (headers, signature) =
        sign_request_with_nonce(&agent_key(), &parts, nonce.to_owned()).unwrap();
    let value = json!({
        "method": "POST",
        "path": format!("/prefix/Agent{op}"),
        "headers": headers_json(&headers),
        "body": text(body),
    });
    (value, signature.signature)
}

fn answer(old: &Value, status: u16, body: &[u8], request_signature: &[u8]) -> Value {
    let holds = |old: &Value| {
        let pairs: Vec<(&str, &str)> = old["headers"]
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
            .collect();
        old["status"] == status
            && old["body"] == text(body)
            && read_answer(status, &pairs, body, request_signature).is_ok_and(|answer| {
                answer.created == NOW && answer.verify(server_key().public()).is_ok()
            })
    };
    keep(old, holds, || {
        let headers = sign_answer(&server_key(), status, body, request_signature, NOW).unwrap();
        json!({ "status": status, "headers": headers_json(&headers), "body": text(body) })
    })
}

fn envelope(
    old: &Value,
    purpose: Purpose,
    holds: impl Fn(&Envelope) -> bool,
    fresh: impl FnOnce() -> Envelope,
) -> Value {
    let keys = key_set().verify(&Trust::Pin(psk().pin)).unwrap();
    let holds = |old: &Value| {
        serde_json::from_value::<Envelope>(old.clone()).is_ok_and(|envelope| {
            envelope.verify(purpose, &keys, at(0)).is_ok() && holds(&envelope)
        })
    };
    keep(old, holds, || serde_json::to_value(fresh()).unwrap())
}

fn build(old: &Value) -> Value {
    let psk = psk();
    let root = root().id();
    let hello_body = serde_json::to_vec(&hello_request()).unwrap();
    let (hello, hello_signature) = request(
        op::HELLO,
        &psk.pin.to_string(),
        &hello_body,
        "aGVsbG8gbm9uY2UgMDAwMQ==",
    );
    let hello_answer_body = serde_json::to_vec(&hello_answer(HELLO_NONCE)).unwrap();
    let core = serde_json::to_vec(&core(HELLO_NONCE)).unwrap();
    let transcript = transcript_hash(&hello_body, &hello_answer_body, &core);
    let mac_key = psk.mac_key().unwrap();
    let enrol_body = serde_json::to_vec(&gw_wire::enrol::EnrolRequest {
        mac: mac_key.mac(&transcript).into(),
        core: core.clone().into(),
        hello_request: hello_body.clone().into(),
        hello_answer: hello_answer_body.clone().into(),
    })
    .unwrap();
    let (enrol, enrol_signature) = request(
        op::ENROL,
        &root.to_string(),
        &enrol_body,
        "ZW5yb2wgbm9uY2UgMDAwMQ==",
    );
    let refusal = gw_wire::codes::COMPUTER_UNKNOWN.problem(None, "req-1");
    let refusal_body = serde_json::to_vec(&refusal).unwrap();

    let order = envelope(
        &old["order"]["envelope"],
        Purpose::Order,
        |envelope| {
            OrderHeader::read(&envelope.header).is_ok_and(|header| {
                header == order_header()
                    && *envelope.header == serde_json::to_vec(&order_header()).unwrap()
                    && header.open(envelope, &recipient()).ok() == Some(order_body())
            })
        },
        || {
            order_header()
                .seal(&order_body(), recipient().public(), &server_key())
                .unwrap()
        },
    );
    let stage = envelope(
        &old["stage"]["envelope"],
        Purpose::Stage,
        |envelope| {
            PackageHeader::read(&envelope.header).is_ok_and(|header| {
                header == package_header()
                    && *envelope.header == serde_json::to_vec(&package_header()).unwrap()
                    && header.open::<StagePackage>(envelope, &recipient()).ok() == Some(package())
            })
        },
        || {
            package_header()
                .seal(&package(), recipient().public(), &server_key())
                .unwrap()
        },
    );
    let escrow_header = EscrowHeader {
        customer: customer(),
        device: device(),
        order: Some(order_id()),
        run: Some(run_id()),
        kind: EscrowKind::FallbackPassword,
        label: "GodwitFallback".to_owned(),
        created_at: at(0),
    };
    let escrowed = keep(
        &old["escrow"]["escrowed"],
        |old| {
            serde_json::from_value::<Escrowed>(old.clone())
                .ok()
                .and_then(|escrowed| escrowed.open(&escrow()).ok())
                == Some((escrow_header.clone(), b"an example secret".to_vec()))
        },
        || {
            let keys = key_set().verify(&Trust::Pin(psk.pin)).unwrap();
            let made = Escrowed::make(&keys, &escrow_header, b"an example secret").unwrap();
            serde_json::to_value(made).unwrap()
        },
    );
    let request = br#"{"v":1,"reports":[]}"#;
    let private = keep(
        &old["private"]["body"],
        |old| {
            serde_json::from_value::<PrivateBody>(old.clone())
                .ok()
                .and_then(|body| {
                    body.open(op::REPORT, &[escrow()], customer(), device())
                        .ok()
                })
                == Some(request.to_vec())
        },
        || {
            let keys = key_set().verify(&Trust::Pin(psk.pin)).unwrap();
            let made =
                PrivateBody::seal(op::REPORT, request, &keys.escrow_key, customer(), device());
            serde_json::to_value(made.unwrap()).unwrap()
        },
    );
    json!({
        "now": NOW,
        "psk": {
            "root": first_root().public(),
            "root_id": first_root().id(),
            "text": psk.to_text().as_str(),
            "tag": psk.tag,
            "secret_hex": hex::encode(psk.secret.expose()),
            "pin": psk.pin,
            "mac_key_hex": hex::encode(mac_key.0.expose()),
        },
        "key_set": key_set(),
        "hello": {
            "request": hello,
            "answer": answer(&old["hello"]["answer"], 200, &hello_answer_body, &hello_signature),
        },
        "enrol": {
            "request": enrol,
            "core": text(&core),
            "transcript_hex": hex::encode(transcript),
            "mac_hex": hex::encode(mac_key.mac(&transcript)),
            "refusal": answer(&old["enrol"]["refusal"], 403, &refusal_body, &enrol_signature),
        },
        "order": {
            "recipient_private_hex": hex::encode(recipient().expose_private()),
            "info": order_header().context().info(),
            "header": text(&serde_json::to_vec(&order_header()).unwrap()),
            "body": order_body(),
            "envelope": order,
        },
        "stage": {
            "info": package_header().context().info(),
            "header": text(&serde_json::to_vec(&package_header()).unwrap()),
            "body": package(),
            "envelope": stage,
        },
        "escrow": {
            "escrow_private_hex": hex::encode(escrow().expose_private()),
            "secret": "an example secret",
            "escrowed": escrowed,
        },
        "private": {
            "op": op::REPORT,
            "request": text(request),
            "body": private,
        },
        "codes": gw_wire::codes::REFUSALS.iter()
            .map(|refusal| json!([refusal.status, refusal.code])).collect::<Vec<_>>(),
    })
}

/// The table of refusals as the document prints it.
fn refusal_table() -> String {
    let mut table = String::from("| status | code | sentence |\n|---|---|---|\n");
    for refusal in gw_wire::codes::REFUSALS {
        table.push_str(&format!(
            "| {} | `{}` | {} |\n",
            refusal.status, refusal.code, refusal.sentence
        ));
    }
    table
}

/// The few vectors that the document prints for the eye; the file has all of them.
fn printed(vectors: &Value) -> String {
    let request = &vectors["hello"]["request"];
    let headers = request["headers"].as_object().unwrap();
    let mut out = String::from("```text\n");
    for (name, value) in [
        ("pre-shared key", &vectors["psk"]["text"]),
        ("root key id", &vectors["psk"]["root_id"]),
        ("pin", &vectors["psk"]["pin"]),
        ("MAC key", &vectors["psk"]["mac_key_hex"]),
        ("transcript", &vectors["enrol"]["transcript_hex"]),
        ("MAC", &vectors["enrol"]["mac_hex"]),
        ("HPKE info", &vectors["order"]["info"]),
    ] {
        out.push_str(&format!("{name}: {}\n", value.as_str().unwrap()));
    }
    out.push_str("\nPOST /prefix/Agent/v1/hello\n");
    for (name, value) in headers {
        out.push_str(&format!("{name}: {}\n", value.as_str().unwrap()));
    }
    out.push_str(&format!("\n{}\n```\n", request["body"].as_str().unwrap()));
    out
}

fn between(document: &str, mark: &str, content: &str) -> String {
    let (begin, end) = (
        format!("<!-- {mark}:begin -->\n"),
        format!("<!-- {mark}:end -->"),
    );
    let (head, rest) = document.split_once(&begin).expect("the begin mark");
    let (_, tail) = rest.split_once(&end).expect("the end mark");
    format!("{head}{begin}{content}{end}{tail}")
}

#[test]
fn the_document_and_its_vectors_are_what_the_code_does() {
    assert!(httpsig::TAG.ends_with("v1"));
    let vectors_path = path("protocol-vectors.json");
    let document_path = path("protocol.md");
    let old_text = std::fs::read_to_string(&vectors_path).unwrap_or_default();
    let old: Value = serde_json::from_str(&old_text).unwrap_or(Value::Null);
    let vectors = build(&old);
    let new_text = format!("{}\n", serde_json::to_string_pretty(&vectors).unwrap());
    let document = std::fs::read_to_string(&document_path).expect("docs/protocol.md");
    let new_document = between(&document, "vectors", &printed(&vectors));
    let new_document = between(&new_document, "codes", &refusal_table());
    if std::env::var_os("GODWIT_BLESS").is_some() {
        std::fs::write(&vectors_path, new_text).unwrap();
        std::fs::write(&document_path, new_document).unwrap();
        return;
    }
    assert!(
        old_text == new_text && document == new_document,
        "docs/protocol.md or docs/protocol-vectors.json drifted from the code; \
         if that is meant, run this test with GODWIT_BLESS=1 and raise the protocol's version"
    );
}

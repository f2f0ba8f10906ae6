//! One changed byte anywhere that is covered is refused, in both directions.

use crate::fixture::{self, NOW, agent_key, at, order_body, order_header, recipient, server_key};
use gw_wire::enrol::EnrolRequest;
use gw_wire::{
    codes,
    enrol::HelloAnswer,
    httpsig::*,
    keys::SigningKey,
    keyset::{KeySet, Trust},
    op,
    replay::NonceCache,
    server,
    transcript::HelloNonces,
};

type Owned = Vec<(&'static str, String)>;

fn borrow(headers: &Owned) -> Vec<(&str, &str)> {
    headers.iter().map(|(n, v)| (*n, v.as_str())).collect()
}

fn request(body: &[u8]) -> (Owned, RequestSignature) {
    let aud = fixture::root().id().to_string();
    let parts = RequestParts {
        method: "POST",
        op: op::CHECKIN,
        aud: &aud,
        body,
        created: NOW,
    };
    sign_request(&agent_key(), &parts).unwrap()
}

fn admit(op: &str, headers: &Owned, body: &[u8]) -> Result<(), codes::Refusal> {
    let read = server::read("POST", op, &borrow(headers), body)?;
    let mut nonces = NonceCache::new(0, 10);
    let root = fixture::root().id();
    server::admit(&read, &root, agent_key().public(), &mut nonces, at(0))
}

#[test]
fn every_covered_part_of_a_request_is_bound() {
    let body = br#"{"v":1}"#;
    let (headers, _) = request(body);
    assert_eq!(admit(op::CHECKIN, &headers, body), Ok(()));
    assert_eq!(
        admit(op::CHECKIN, &headers, br#"{"v":2}"#),
        Err(codes::DIGEST_MISMATCH)
    );
    assert_eq!(
        admit(op::STAGE, &headers, body),
        Err(codes::SIGNATURE_INVALID),
        "sent to another operation"
    );
    assert_eq!(
        server::read("PUT", op::CHECKIN, &borrow(&headers), body).unwrap_err(),
        codes::METHOD_NOT_ALLOWED
    );
    for index in 0..headers.len() {
        let mut without = headers.clone();
        without.remove(index);
        assert_eq!(
            admit(op::CHECKIN, &without, body),
            Err(codes::SIGNATURE_MALFORMED)
        );
        let mut twice = headers.clone();
        twice.push(headers[index].clone());
        assert_eq!(
            admit(op::CHECKIN, &twice, body),
            Err(codes::SIGNATURE_MALFORMED)
        );
        for at in 0..headers[index].1.len() {
            let mut value = headers[index].1.clone().into_bytes();
            value[at] ^= 1;
            let mut flipped = headers.clone();
            flipped[index].1 = String::from_utf8_lossy(&value).into_owned();
            assert!(
                admit(op::CHECKIN, &flipped, body).is_err(),
                "{} at {at}",
                headers[index].0
            );
        }
    }
    // With the digest mended, the signature still covers it.
    let mut mended = headers.clone();
    mended[0].1 = content_digest(br#"{"v":2}"#);
    assert_eq!(
        admit(op::CHECKIN, &mended, br#"{"v":2}"#),
        Err(codes::SIGNATURE_INVALID)
    );
}

#[test]
fn a_request_is_for_one_server_at_one_time_once() {
    let body = b"{}";
    let (headers, _) = request(body);
    let read = server::read("POST", op::CHECKIN, &borrow(&headers), body).unwrap();
    let key = *agent_key().public();
    let (root, old_root) = (fixture::root().id(), fixture::first_root().id());
    let server = server_key();
    let mut nonces = NonceCache::new(0, 10);
    let mut admit = |root, key, seconds| server::admit(&read, root, key, &mut nonces, at(seconds));
    assert_eq!(admit(&old_root, &key, 0), Err(codes::AUDIENCE_UNKNOWN));
    assert_eq!(admit(&root, server.public(), 0), Err(codes::KEY_UNKNOWN));
    assert_eq!(admit(&root, &key, 301), Err(codes::CLOCK_SKEWED));
    assert_eq!(admit(&root, &key, 300), Ok(()));
    assert_eq!(admit(&root, &key, 300), Err(codes::REPLAYED));
}

#[test]
fn an_answer_belongs_to_one_request() {
    let (_, mine) = request(b"{}");
    let (_, other) = request(b"{}");
    assert_ne!(mine.nonce, other.nonce);
    let body = br#"{"v":1}"#;
    let headers = sign_answer(&server_key(), 200, body, &mine.signature, NOW).unwrap();
    let check = |status, headers: &Owned, body: &[u8], request: &RequestSignature| {
        read_answer(status, &borrow(headers), body, &request.signature)
            .and_then(|answer| answer.verify(server_key().public()))
    };
    assert_eq!(check(200, &headers, body, &mine), Ok(()));
    assert_eq!(
        check(200, &headers, body, &other),
        Err(SignatureError::Signature)
    );
    assert_eq!(
        check(403, &headers, body, &mine),
        Err(SignatureError::Signature)
    );
    assert_eq!(
        check(200, &headers, b"{}", &mine),
        Err(SignatureError::Digest)
    );
    for index in 0..headers.len() {
        for at in 0..headers[index].1.len() {
            let mut value = headers[index].1.clone().into_bytes();
            value[at] ^= 1;
            let mut flipped = headers.clone();
            flipped[index].1 = String::from_utf8_lossy(&value).into_owned();
            assert!(check(200, &flipped, body, &mine).is_err());
        }
    }
}

#[test]
fn an_order_is_signed_and_opens_for_one_device() {
    let keys: KeySet = fixture::key_set()
        .verify(&Trust::Pin(fixture::psk().pin))
        .unwrap();
    let header = order_header();
    let key = recipient();
    let envelope = header
        .seal(&order_body(), key.public(), &server_key())
        .unwrap();
    let accept = |envelope: &gw_wire::envelope::Envelope| {
        envelope
            .verify(gw_wire::seal::Purpose::Order, &keys, at(0))
            .ok()?;
        let header = gw_wire::order::OrderHeader::read(&envelope.header).ok()?;
        header.open(envelope, &key).ok()
    };
    assert_eq!(accept(&envelope), Some(order_body()));
    assert!(
        envelope
            .verify(gw_wire::seal::Purpose::Stage, &keys, at(0))
            .is_err(),
        "an order is not a package"
    );
    for at in 0..envelope.header.len() {
        let mut flipped = envelope.clone();
        flipped.header.0[at] ^= 1;
        assert_eq!(accept(&flipped), None);
    }
    for at in 0..envelope.sealed.ciphertext.len() {
        let mut flipped = envelope.clone();
        flipped.sealed.ciphertext.0[at] ^= 1;
        assert_eq!(accept(&flipped), None);
    }
    let foreign = SigningKey::from_ed25519_seed(&[9; 32]).unwrap();
    let forged = header.seal(&order_body(), key.public(), &foreign).unwrap();
    assert_eq!(accept(&forged), None, "a key that the root does not name");
    let mut other = order_body();
    other.runbook = b"{}".as_slice().into();
    let swapped = header.seal(&other, key.public(), &server_key()).unwrap();
    assert_eq!(accept(&swapped), None, "another runbook than the header's");
}

#[test]
fn an_enrolment_is_bound_to_its_first_contact() {
    let nonces = HelloNonces::generate().unwrap();
    let hello_request = serde_json::to_vec(&fixture::hello_request()).unwrap();
    let payload = fixture::key_set().payload;
    let nonce = nonces.issue(&hello_request, &payload, at(0)).unwrap();
    let hello_answer = serde_json::to_vec(&fixture::hello_answer(&nonce)).unwrap();
    let core = serde_json::to_vec(&fixture::core(&nonce)).unwrap();
    let mac_key = fixture::psk().mac_key().unwrap();
    let mac = |core: &[u8]| {
        let hash = gw_wire::transcript::transcript_hash(&hello_request, &hello_answer, core);
        mac_key.mac(&hash)
    };
    let request = EnrolRequest {
        mac: mac(&core).into(),
        core: core.into(),
        hello_request: hello_request.clone().into(),
        hello_answer: hello_answer.clone().into(),
    };
    let signature = RequestSignature {
        signature: Vec::new(),
        created: NOW,
        nonce: "n".to_owned(),
        keyid: agent_key().id(),
    };
    let check = |request: &EnrolRequest, seconds| {
        let body = serde_json::to_vec(request).unwrap();
        server::read_enrolment(&body, &signature, &nonces, at(seconds))?.prove(&mac_key)
    };
    assert_eq!(check(&request, 0), Ok(()));
    assert_eq!(check(&request, 600), Ok(()));
    assert_eq!(check(&request, 601), Err(codes::NONCE_EXPIRED));
    assert_eq!(check(&request, -1), Err(codes::NONCE_EXPIRED));

    let mut other_facts = fixture::core(&nonce);
    other_facts.facts.computer_name = "OTHER".to_owned();
    let mut changed = request.clone();
    changed.core = serde_json::to_vec(&other_facts).unwrap().into();
    assert_eq!(check(&changed, 0), Err(codes::PSK_REFUSED));

    let mut answer: HelloAnswer = serde_json::from_slice(&hello_answer).unwrap();
    answer.server_time = at(5);
    let mut changed = request.clone();
    changed.hello_answer = serde_json::to_vec(&answer).unwrap().into();
    assert_eq!(check(&changed, 0), Err(codes::PSK_REFUSED));

    answer.key_set.payload.0[3] ^= 1;
    changed.hello_answer = serde_json::to_vec(&answer).unwrap().into();
    assert_eq!(check(&changed, 0), Err(codes::NONCE_EXPIRED));

    let elsewhere = HelloNonces::generate().unwrap();
    let body = serde_json::to_vec(&request).unwrap();
    assert_eq!(
        server::read_enrolment(&body, &signature, &elsewhere, at(0)).unwrap_err(),
        codes::NONCE_EXPIRED,
        "a nonce of another server"
    );
    let mut other_psk = fixture::psk();
    other_psk.secret = gw_wire::secret::SecretBytes::new(vec![0; 16]);
    let unproven = server::read_enrolment(&body, &signature, &nonces, at(0)).unwrap();
    assert_eq!(
        unproven.prove(&other_psk.mac_key().unwrap()),
        Err(codes::PSK_REFUSED)
    );
}

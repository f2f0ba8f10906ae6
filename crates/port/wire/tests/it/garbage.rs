//! No input may panic.

use gw_wire::{
    checkin::{CheckinAnswer, CheckinRequest},
    envelope::{Envelope, Escrowed},
    httpsig::{Input, RequestSignature, content_digest, read_answer, read_request},
    keys::{KeyId, PublicKey, SigningKey},
    keyset::{SignedKeySet, Trust},
    order::OrderHeader,
    pack::{Encoding, unpack},
    psk::Psk,
    report::ReportRequest,
    seal::{RecipientKey, Sealed},
    server,
    stage::{PackageHeader, StageAnswer, StageRequest},
    transcript::HelloNonces,
};
use proptest::prelude::*;

fn headerish() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[ -~]{0,200}",
        r#"godwit=\((" ?"?[@a-z;=-]{0,9}"?){0,5}\)(;[a-z]{0,8}=?"?[0-9a-f]{0,70}"?){0,5}"#,
        "godwit=:[A-Za-z0-9+/=]{0,90}:?",
    ]
}

fn jsonish() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..400),
        r#"\{("(v|core|mac|pin|key|hello_request|hello_answer|header|payload|sealed)":("[A-Za-z0-9+/=]{0,60}"|[0-9]{0,5}|null|\{\}|\[\]),?){0,6}\}"#
            .prop_map(String::into_bytes),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn text_never_panics(text in headerish()) {
        let _ = Input::read(&text);
        let _ = text.parse::<Psk>();
        let _ = format!("gwp1.{text}").parse::<Psk>();
        let nonces = HelloNonces::generate().unwrap();
        prop_assert!(!nonces.recognises(&text, b"", b"", chrono::DateTime::UNIX_EPOCH));
    }

    #[test]
    fn headers_never_panic(values in proptest::collection::vec(headerish(), 5), body in jsonish()) {
        let digest = content_digest(&body);
        let headers = [
            ("Content-Digest", digest.as_str()),
            ("godwit-op", values[0].as_str()),
            ("godwit-aud", &values[1]),
            ("signature-input", &values[2]),
            ("signature", &values[3]),
        ];
        let _ = read_request("POST", &headers, &body);
        let _ = read_answer(200, &headers, &body, &[0; 64]);
    }

    #[test]
    fn bodies_never_panic(body in jsonish()) {
        let _ = server::enrolling_key(&body);
        let nonces = HelloNonces::generate().unwrap();
        let signature = RequestSignature {
            signature: Vec::new(),
            created: 0,
            nonce: String::new(),
            keyid: KeyId([0; 32]),
        };
        let _ = server::read_enrolment(&body, &signature, &nonces, chrono::DateTime::UNIX_EPOCH);
        let _ = serde_json::from_slice::<CheckinRequest>(&body);
        let _ = serde_json::from_slice::<CheckinAnswer>(&body);
        let _ = serde_json::from_slice::<StageRequest>(&body);
        let _ = serde_json::from_slice::<StageAnswer>(&body);
        let _ = serde_json::from_slice::<ReportRequest>(&body);
        let _ = serde_json::from_slice::<Envelope>(&body);
        let _ = OrderHeader::read(&body);
        let _ = PackageHeader::read(&body);
        let _ = unpack(Encoding::Zlib, &body, 1000);
        let _ = PublicKey::from_spki(&body);
        let _ = SigningKey::from_pkcs8(&body);
        let key = RecipientKey::generate().unwrap();
        let sealed = Sealed { enc: vec![1; 32].into(), ciphertext: body.clone().into() };
        prop_assert!(key.open(&crate::fixture::order_header().context(), &body, &sealed).is_err());
        let mut set: SignedKeySet = crate::fixture::key_set();
        set.payload = body.clone().into();
        prop_assert!(set.verify(&Trust::Root(set.root.id())).is_err());
        let escrowed = Escrowed { header: body.into(), sealed };
        prop_assert!(escrowed.open(&key).is_err());
    }
}

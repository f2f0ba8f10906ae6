//! Keys in all their written forms: pre-shared, public, private, names of keys, bytes in JSON.

use crate::{Target, leave_alone, targets::wire::VECTORS};
use gw_directory::Trust;
use gw_wire::{
    bytes::{self, Bytes},
    codes::Refusal,
    keys::{KeyId, Pin, PublicKey, SigningKey},
    psk::{Psk, PskTag},
    seal::RecipientKey,
    secret::SecretBytes,
};
use serde_json::Value;
use std::{fmt::Display, str::FromStr};

pub(crate) const TARGET: Target = Target {
    name: "keys",
    seeds,
    repair: leave_alone,
    run,
};

fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(psk) = text.parse::<Psk>() {
        let again: Psk = psk.to_text().parse().expect("its own text");
        assert!(again == psk, "a key changed on its way");
        let _ = psk.mac_key();
    }
    stable::<KeyId>(&text);
    stable::<Pin>(&text);
    stable::<PskTag>(&text);
    let _ = (Trust::pin_bytes(&text), Refusal::by_code(&text));
    if let Some(read) = bytes::decode(&text) {
        assert_eq!(bytes::decode(&bytes::encode(&read)), Some(read));
    }
    if let Ok(key) = PublicKey::from_spki(data) {
        assert_eq!(key.to_spki(), data, "a key changed on its way");
        assert!(key.verify(data, data).is_err(), "its own bytes sign it");
    }
    if let Ok(key) = SigningKey::from_pkcs8(data) {
        let signature = key.sign(b"message").expect("it can sign");
        key.public()
            .verify(b"message", &signature)
            .expect("it has signed");
    }
    let _ = SigningKey::from_ed25519_seed(data);
    let (private, public) = data.split_at(data.len() / 2);
    if let Ok(key) = RecipientKey::from_parts(private, public) {
        assert_eq!(key.public(), public);
    }
    let _ = serde_json::from_slice::<(Bytes, SecretBytes, PublicKey, PskTag, KeyId)>(data);
}

/// What was read has a text that is read as the same.
fn stable<T: FromStr + Display + PartialEq>(text: &str) {
    if let Ok(read) = text.parse::<T>() {
        let again = read.to_string().parse::<T>().ok();
        assert!(again.is_some_and(|again| again == read), "{read} changed");
    }
}

fn seeds() -> anyhow::Result<Vec<Vec<u8>>> {
    let vectors: Value = serde_json::from_str(VECTORS)?;
    let text = |name: &str| vectors["psk"][name].as_str().unwrap_or_default().to_owned();
    let spki = bytes::decode(&text("root")).unwrap_or_default();
    let own = SigningKey::from_ed25519_seed(&[5; 32])?;
    let p256 = hex::decode(concat!(
        "308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420",
        "529b85f3597e90ec5b8dfed3e26352bf4af9b4debb1a29bbae77fa105a5c603b",
        "a14403420004",
        "a885586552c2acf6471878cfd7b0935b4ffe0fd2dfc341248ea17bc41e058af0",
        "31ce2737d2d30ce0617e851e83c61ef5679d151867657649035d90a74cd9e85d",
    ))?;
    let point = SigningKey::from_pkcs8(&p256)?.public().to_spki();
    let five = serde_json::json!(["QUJD", "QUJD", text("root"), "deadbeef", text("root_id")]);
    Ok(vec![
        text("text").into_bytes(),
        text("root_id").into_bytes(),
        text("pin").into_bytes(),
        b"deadbeef".to_vec(),
        b"body-malformed".to_vec(),
        text("root").into_bytes(),
        five.to_string().into_bytes(),
        spki,
        point,
        own.to_pkcs8().to_vec(),
        p256,
        vec![5; 64],
        vec![5; 32],
    ])
}

//! First contact: the server's nonce, which it needs not remember, and the transcript that the
//! pre-shared key's MAC covers.

use crate::{
    bytes::{decode, encode},
    keys::{KeyError, random, sha256},
    secret::SecretBytes,
};
use aws_lc_rs::hmac;
use chrono::{DateTime, Utc};

/// The hash of the whole first contact:
/// SHA-256(`godwit transcript v1\n` ‖ SHA-256(hello request) ‖ SHA-256(hello answer) ‖ SHA-256(core)),
/// each over the exact body.
#[must_use]
pub fn transcript_hash(hello_request: &[u8], hello_answer: &[u8], core: &[u8]) -> [u8; 32] {
    sha256(
        &[
            b"godwit transcript v1\n".as_slice(),
            &sha256(hello_request),
            &sha256(hello_answer),
            &sha256(core),
        ]
        .concat(),
    )
}

/// Makes and recognises nonces of `hello` without a table: the nonce is its own proof.
/// All servers behind one address share the key.
#[derive(Clone)]
pub struct HelloNonces {
    key: SecretBytes,
}

impl HelloNonces {
    /// How long a nonce is good for, in seconds.
    pub const LIFETIME_SECONDS: i64 = 600;

    /// With this key (32 bytes), drawn at start or shared between servers.
    #[must_use]
    pub fn new(key: SecretBytes) -> Self {
        Self { key }
    }

    /// With a new key.
    ///
    /// # Errors
    /// No randomness.
    pub fn generate() -> Result<Self, KeyError> {
        Ok(Self::new(SecretBytes::new(random::<32>()?.to_vec())))
    }

    /// A nonce for the answer to `hello_request`, which will carry this key set payload.
    ///
    /// # Errors
    /// No randomness.
    pub fn issue(
        &self,
        hello_request: &[u8],
        key_set_payload: &[u8],
        now: DateTime<Utc>,
    ) -> Result<String, KeyError> {
        let mut head = random::<16>()?.to_vec();
        head.extend_from_slice(&now.timestamp().to_be_bytes());
        let tag = self.tag(&head, hello_request, key_set_payload);
        head.extend_from_slice(tag.as_ref());
        Ok(encode(&head))
    }

    /// Was this nonce issued here for that exchange, at most [`Self::LIFETIME_SECONDS`] ago?
    #[must_use]
    pub fn recognises(
        &self,
        nonce: &str,
        hello_request: &[u8],
        key_set_payload: &[u8],
        now: DateTime<Utc>,
    ) -> bool {
        let Some(raw) = decode(nonce) else {
            return false;
        };
        let Some((head, tag)) = raw.split_at_checked(24) else {
            return false;
        };
        let mut at = [0; 8];
        at.copy_from_slice(&head[16..]);
        let age = now.timestamp().saturating_sub(i64::from_be_bytes(at));
        let message = message(head, hello_request, key_set_payload);
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.key.expose());
        (0..=Self::LIFETIME_SECONDS).contains(&age) && hmac::verify(&key, &message, tag).is_ok()
    }

    fn tag(&self, head: &[u8], hello_request: &[u8], key_set_payload: &[u8]) -> hmac::Tag {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.key.expose());
        hmac::sign(&key, &message(head, hello_request, key_set_payload))
    }
}

fn message(head: &[u8], hello_request: &[u8], key_set_payload: &[u8]) -> Vec<u8> {
    [
        b"godwit hello v1\n".as_slice(),
        head,
        &sha256(hello_request),
        &sha256(key_set_payload),
    ]
    .concat()
}

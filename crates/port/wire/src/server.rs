//! The server's side of a request, wired by its HTTP crate: read → find the key → admit → answer.

use crate::{
    codes::{self, Refusal},
    enrol::{EnrolCore, EnrolRequest, HelloAnswer, HelloRequest},
    httpsig::{Headers, RequestSignature, SignatureError, UnverifiedRequest, read_request},
    keys::{KeyId, PublicKey},
    psk::PskMacKey,
    replay::NonceCache,
    transcript::{HelloNonces, transcript_hash},
};
use chrono::{DateTime, Utc};

impl From<&SignatureError> for Refusal {
    fn from(error: &SignatureError) -> Self {
        match error {
            SignatureError::Missing(_) | SignatureError::Twice(_) | SignatureError::Form(_) => {
                codes::SIGNATURE_MALFORMED
            }
            SignatureError::Digest => codes::DIGEST_MISMATCH,
            SignatureError::Key(_) => codes::KEY_UNKNOWN,
            SignatureError::Signature => codes::SIGNATURE_INVALID,
        }
    }
}

/// Reads a request for `op` (one of [`crate::op`], as the route says, without any prefix).
/// The result names key and audience; find the customer by [`UnverifiedRequest::aud`] and the
/// agent's key by its `keyid`, then call [`admit`].
///
/// # Errors
/// The refusal to send.
pub fn read(
    method: &str,
    op: &str,
    headers: &Headers<'_>,
    body: &[u8],
) -> Result<UnverifiedRequest, Refusal> {
    if method != "POST" {
        return Err(codes::METHOD_NOT_ALLOWED);
    }
    let request = read_request(method, headers, body).map_err(|error| Refusal::from(&error))?;
    if request.op != op {
        return Err(codes::SIGNATURE_INVALID);
    }
    Ok(request)
}

/// Checks signature, audience, time and nonce of every operation but `hello`.
///
/// # Errors
/// The refusal to send. Sign it like any answer: an agent acts on signed refusals only.
pub fn admit(
    request: &UnverifiedRequest,
    root: &KeyId,
    key: &PublicKey,
    nonces: &mut NonceCache,
    now: DateTime<Utc>,
) -> Result<(), Refusal> {
    if request.aud != root.to_string() {
        return Err(codes::AUDIENCE_UNKNOWN);
    }
    request.verify(key).map_err(|error| Refusal::from(&error))?;
    nonces.offer(&request.signature, now.timestamp()).refusal()
}

/// Checks a `hello`: the key is the one in its body, the audience is the pin, and the time is not
/// looked at, because the agent is about to learn it.
///
/// # Errors
/// The refusal to send.
pub fn admit_hello(request: &UnverifiedRequest, body: &[u8]) -> Result<HelloRequest, Refusal> {
    let hello: HelloRequest = serde_json::from_slice(body).map_err(|_| codes::BODY_MALFORMED)?;
    if hello.v != crate::PROTOCOL_VERSION {
        return Err(codes::VERSION_UNSUPPORTED);
    }
    if request.aud != hello.pin.to_string() {
        return Err(codes::AUDIENCE_UNKNOWN);
    }
    request
        .verify(&hello.key)
        .map_err(|error| Refusal::from(&error))?;
    Ok(hello)
}

/// An enrolment whose form, key and first contact hold; the pre-shared key is still to be checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnprovenEnrolment {
    /// What the agent says of itself.
    pub core: EnrolCore,
    transcript: [u8; 32],
    mac: Vec<u8>,
}

impl UnprovenEnrolment {
    /// Does the MAC of the pre-shared key that `core.psk` names hold? Answer an unknown tag
    /// exactly like a wrong MAC.
    ///
    /// # Errors
    /// [`codes::PSK_REFUSED`].
    pub fn prove(&self, key: &PskMacKey) -> Result<(), Refusal> {
        if key.holds(&self.transcript, &self.mac) {
            Ok(())
        } else {
            Err(codes::PSK_REFUSED)
        }
    }
}

/// Reads an `enrol` body. Its key is in [`EnrolCore::key`]: give that to [`admit`] first, by
/// [`enrolling_key`].
///
/// # Errors
/// The refusal to send.
pub fn read_enrolment(
    body: &[u8],
    signature: &RequestSignature,
    nonces: &HelloNonces,
    now: DateTime<Utc>,
) -> Result<UnprovenEnrolment, Refusal> {
    let malformed = |_| codes::BODY_MALFORMED;
    let request: EnrolRequest = serde_json::from_slice(body).map_err(malformed)?;
    let core: EnrolCore = serde_json::from_slice(&request.core).map_err(malformed)?;
    let hello: HelloRequest = serde_json::from_slice(&request.hello_request).map_err(malformed)?;
    let answer: HelloAnswer = serde_json::from_slice(&request.hello_answer).map_err(malformed)?;
    if core.v != crate::PROTOCOL_VERSION {
        return Err(codes::VERSION_UNSUPPORTED);
    }
    let same_key = core.key == hello.key && core.key.id() == signature.keyid;
    if !same_key || core.recipient.len() != 32 || core.nonce != answer.nonce {
        return Err(codes::BODY_MALFORMED);
    }
    let payload = &answer.key_set.payload;
    if !nonces.recognises(&core.nonce, &request.hello_request, payload, now) {
        return Err(codes::NONCE_EXPIRED);
    }
    let transcript = transcript_hash(&request.hello_request, &request.hello_answer, &request.core);
    Ok(UnprovenEnrolment {
        core,
        transcript,
        mac: request.mac.0,
    })
}

/// The key that an `enrol` body brings along, for [`admit`].
///
/// # Errors
/// The body cannot be read.
pub fn enrolling_key(body: &[u8]) -> Result<PublicKey, Refusal> {
    let malformed = |_| codes::BODY_MALFORMED;
    let request: EnrolRequest = serde_json::from_slice(body).map_err(malformed)?;
    let core: EnrolCore = serde_json::from_slice(&request.core).map_err(malformed)?;
    Ok(core.key)
}

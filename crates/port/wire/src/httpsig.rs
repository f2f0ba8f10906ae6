//! Signed messages: the profile of RFC 9421 (signatures) and RFC 9530 (digests) that both sides
//! speak, over a message reduced to method, headers and body.
//!
//! Requests cover `@method`, `content-digest`, `godwit-op` and `godwit-aud`, with `created`,
//! `nonce`, `keyid` and `tag`; never the authority or the path, which proxies rewrite. Answers
//! cover `@status`, `content-digest` and the request's signature.

mod base;
mod fields;

pub use base::{Component, Input, signature_base};

use crate::keys::{KeyError, KeyId, PublicKey, SigningKey, random, sha256};
use base::{Value, read_signature};

/// The label of our signature in `signature-input` and `signature`.
pub const LABEL: &str = "godwit";
/// The tag that tells our signatures from others.
pub const TAG: &str = "godwit-v1";

/// Names of the headers that carry the protocol, in lower case.
pub mod header {
    /// RFC 9530 digest of the body.
    pub const CONTENT_DIGEST: &str = "content-digest";
    /// The operation: path and query as the sender means them.
    pub const OP: &str = "godwit-op";
    /// Who is meant: the root's key id, or its pin in `hello`.
    pub const AUD: &str = "godwit-aud";
    /// RFC 9421.
    pub const SIGNATURE_INPUT: &str = "signature-input";
    /// RFC 9421.
    pub const SIGNATURE: &str = "signature";
}

/// A header list: names in any case, values as received.
pub type Headers<'a> = [(&'a str, &'a str)];

/// Headers to send: names in lower case.
pub type SignedHeaders = Vec<(&'static str, String)>;

/// Why a message is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// A header is missing.
    #[error("the message carries no `{0}`")]
    Missing(&'static str),
    /// A header is there more than once.
    #[error("the message carries `{0}` more than once")]
    Twice(&'static str),
    /// A header cannot be read, or does not follow the profile.
    #[error("the message's `{0}` is not what the protocol says")]
    Form(&'static str),
    /// The digest is not the body's.
    #[error("the body was changed: its digest differs")]
    Digest,
    /// The key is unknown, or may not sign this now.
    #[error("the message is signed with the unknown key {0}")]
    Key(KeyId),
    /// The signature does not hold.
    #[error("the signature of the message does not hold")]
    Signature,
}

/// What identifies a signed request: put it into the answer's signature, and into the nonce cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestSignature {
    /// The raw signature, which the answer's signature covers.
    pub signature: Vec<u8>,
    /// When it was made, Unix seconds.
    pub created: i64,
    /// Fresh for every request.
    pub nonce: String,
    /// Which key.
    pub keyid: KeyId,
}

/// A request that was read and whose digest holds; its signature is still to be checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnverifiedRequest {
    /// The operation that was signed.
    pub op: String,
    /// Who is meant.
    pub aud: String,
    /// Its signature.
    pub signature: RequestSignature,
    base: String,
}

impl UnverifiedRequest {
    /// Checks the signature with the key whose name it carries.
    ///
    /// # Errors
    /// Another key's name, or it does not hold.
    pub fn verify(&self, key: &PublicKey) -> Result<(), SignatureError> {
        if key.id() != self.signature.keyid {
            return Err(SignatureError::Key(self.signature.keyid));
        }
        key.verify(self.base.as_bytes(), &self.signature.signature)
            .map_err(|_| SignatureError::Signature)
    }
}

/// What is signed in a request.
#[derive(Debug, Clone, Copy)]
pub struct RequestParts<'a> {
    /// `POST`.
    pub method: &'a str,
    /// One of [`crate::op`].
    pub op: &'a str,
    /// The root's key id, or its pin in `hello`.
    pub aud: &'a str,
    /// The exact body.
    pub body: &'a [u8],
    /// Unix seconds, by the learned server time.
    pub created: i64,
}

/// Signs a request. Returns the five headers to send (names in lower case) and what the answer
/// will be bound to.
///
/// # Errors
/// No randomness.
pub fn sign_request(
    key: &SigningKey,
    parts: &RequestParts<'_>,
) -> Result<(SignedHeaders, RequestSignature), KeyError> {
    let nonce = crate::bytes::encode(&random::<16>()?);
    sign_request_with_nonce(key, parts, nonce)
}

/// As [`sign_request`], with a given nonce (printable ASCII without `"` and `\`); for test vectors.
///
/// # Errors
/// No randomness.
pub fn sign_request_with_nonce(
    key: &SigningKey,
    parts: &RequestParts<'_>,
    nonce: String,
) -> Result<(SignedHeaders, RequestSignature), KeyError> {
    let digest = content_digest(parts.body);
    let keyid = key.id();
    let input = format!(
        "{REQUEST_COMPONENTS};created={};nonce=\"{nonce}\";keyid=\"{keyid}\";tag=\"{TAG}\"",
        parts.created
    );
    let base = request_base(parts.method, &digest, parts.op, parts.aud, &input);
    let signature = key.sign(base.as_bytes())?;
    let headers = vec![
        (header::CONTENT_DIGEST, digest),
        (header::OP, parts.op.to_owned()),
        (header::AUD, parts.aud.to_owned()),
        (header::SIGNATURE_INPUT, format!("{LABEL}={input}")),
        (header::SIGNATURE, base::signature_field(&signature)),
    ];
    let signature = RequestSignature {
        signature,
        created: parts.created,
        nonce,
        keyid,
    };
    Ok((headers, signature))
}

/// Reads a request's headers by the profile and checks its digest. Nothing in the result is to be
/// believed before [`UnverifiedRequest::verify`].
///
/// # Errors
/// A header is missing, doubled or malformed, or the digest is not the body's.
pub fn read_request(
    method: &str,
    headers: &Headers<'_>,
    body: &[u8],
) -> Result<UnverifiedRequest, SignatureError> {
    let digest = check_digest(headers, body)?;
    let op = printable(fields::one(headers, header::OP)?, header::OP)?;
    let aud = printable(fields::one(headers, header::AUD)?, header::AUD)?;
    let input = input_of(headers)?;
    let read = Input::read(input).ok_or(SignatureError::Form(header::SIGNATURE_INPUT))?;
    let [
        (_, Value::Integer(created)),
        (_, Value::Text(nonce)),
        (_, Value::Text(keyid)),
        (_, Value::Text(tag)),
    ] = read.parameters.as_slice()
    else {
        return Err(SignatureError::Form(header::SIGNATURE_INPUT));
    };
    let names: Vec<_> = read
        .parameters
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    let follows = read.text == input
        && input.starts_with(REQUEST_COMPONENTS)
        && read.components.len() == 4
        && names == ["created", "nonce", "keyid", "tag"]
        && tag == TAG
        && (16..=64).contains(&nonce.len());
    let keyid = keyid.parse().ok().filter(|_| follows);
    let keyid: KeyId = keyid.ok_or(SignatureError::Form(header::SIGNATURE_INPUT))?;
    Ok(UnverifiedRequest {
        op: op.to_owned(),
        aud: aud.to_owned(),
        base: request_base(method, digest, op, aud, input),
        signature: RequestSignature {
            signature: read_signature(fields::one(headers, header::SIGNATURE)?)?,
            created: *created,
            nonce: nonce.clone(),
            keyid,
        },
    })
}

/// Signs an answer to the request with this signature. Returns the three headers to send.
///
/// # Errors
/// No randomness.
pub fn sign_answer(
    key: &SigningKey,
    status: u16,
    body: &[u8],
    request_signature: &[u8],
    created: i64,
) -> Result<SignedHeaders, KeyError> {
    let digest = content_digest(body);
    let input = format!(
        "{ANSWER_COMPONENTS};created={created};keyid=\"{}\";tag=\"{TAG}\"",
        key.id()
    );
    let base = answer_base(status, &digest, request_signature, &input);
    let signature = key.sign(base.as_bytes())?;
    Ok(vec![
        (header::CONTENT_DIGEST, digest),
        (header::SIGNATURE_INPUT, format!("{LABEL}={input}")),
        (header::SIGNATURE, base::signature_field(&signature)),
    ])
}

/// An answer that was read and whose digest holds; its signature is still to be checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnverifiedAnswer {
    /// Which key signed.
    pub keyid: KeyId,
    /// The server's clock when it signed, Unix seconds.
    pub created: i64,
    base: String,
    signature: Vec<u8>,
}

impl UnverifiedAnswer {
    /// Checks the signature with the key whose name it carries.
    ///
    /// # Errors
    /// Another key's name, or it does not hold.
    pub fn verify(&self, key: &PublicKey) -> Result<(), SignatureError> {
        if key.id() != self.keyid {
            return Err(SignatureError::Key(self.keyid));
        }
        key.verify(self.base.as_bytes(), &self.signature)
            .map_err(|_| SignatureError::Signature)
    }
}

/// Reads an answer to the request with this signature, and checks its digest. An answer for which
/// this fails is a network failure, never an instruction.
///
/// # Errors
/// A header is missing, doubled or malformed, or the digest is not the body's.
pub fn read_answer(
    status: u16,
    headers: &Headers<'_>,
    body: &[u8],
    request_signature: &[u8],
) -> Result<UnverifiedAnswer, SignatureError> {
    let digest = check_digest(headers, body)?;
    let input = input_of(headers)?;
    let read = Input::read(input).ok_or(SignatureError::Form(header::SIGNATURE_INPUT))?;
    let [
        (_, Value::Integer(created)),
        (_, Value::Text(keyid)),
        (_, Value::Text(tag)),
    ] = read.parameters.as_slice()
    else {
        return Err(SignatureError::Form(header::SIGNATURE_INPUT));
    };
    let names: Vec<_> = read
        .parameters
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    let follows = read.text == input
        && input.starts_with(ANSWER_COMPONENTS)
        && read.components.len() == 3
        && names == ["created", "keyid", "tag"]
        && tag == TAG;
    let keyid = keyid.parse().ok().filter(|_| follows);
    Ok(UnverifiedAnswer {
        keyid: keyid.ok_or(SignatureError::Form(header::SIGNATURE_INPUT))?,
        created: *created,
        base: answer_base(status, digest, request_signature, input),
        signature: read_signature(fields::one(headers, header::SIGNATURE)?)?,
    })
}

/// The `content-digest` of a body: `sha-256=:<base64>:`.
#[must_use]
pub fn content_digest(body: &[u8]) -> String {
    format!("sha-256=:{}:", crate::bytes::encode(&sha256(body)))
}

fn check_digest<'a>(headers: &Headers<'a>, body: &[u8]) -> Result<&'a str, SignatureError> {
    let digest = fields::one(headers, header::CONTENT_DIGEST)?;
    if digest != content_digest(body) {
        return Err(SignatureError::Digest);
    }
    Ok(digest)
}

fn input_of<'a>(headers: &Headers<'a>) -> Result<&'a str, SignatureError> {
    fields::one(headers, header::SIGNATURE_INPUT)?
        .strip_prefix(LABEL)
        .and_then(|rest| rest.strip_prefix('='))
        .ok_or(SignatureError::Form(header::SIGNATURE_INPUT))
}

fn printable<'a>(value: &'a str, name: &'static str) -> Result<&'a str, SignatureError> {
    let fine = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic());
    fine.then_some(value).ok_or(SignatureError::Form(name))
}

fn request_base(method: &str, digest: &str, op: &str, aud: &str, input: &str) -> String {
    format!(
        "\"@method\": {method}\n\"content-digest\": {digest}\n\"godwit-op\": {op}\n\"godwit-aud\": {aud}\n\"@signature-params\": {input}"
    )
}

fn answer_base(status: u16, digest: &str, request_signature: &[u8], input: &str) -> String {
    let signature = crate::bytes::encode(request_signature);
    format!(
        "\"@status\": {status}\n\"content-digest\": {digest}\n\"signature\";req;key=\"{LABEL}\": :{signature}:\n\"@signature-params\": {input}"
    )
}

const REQUEST_COMPONENTS: &str = "(\"@method\" \"content-digest\" \"godwit-op\" \"godwit-aud\")";
const ANSWER_COMPONENTS: &str = "(\"@status\" \"content-digest\" \"signature\";req;key=\"godwit\")";

//! Every refusal of the agent API: status, stable code, and a sentence that says what to do. None
//! of them tells a stranger (somebody without a pre-shared key) which computers exist.

use serde::{Deserialize, Serialize};

/// One kind of refusal. Scripts and agents rely on `code`; it never changes its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// Stable, lower case, with dashes.
    pub code: &'static str,
    /// For people: what happened and what to do next.
    pub sentence: &'static str,
}

macro_rules! refusals {
    ($($name:ident $status:literal $code:literal $sentence:literal;)*) => {
        $(#[doc = $sentence] pub const $name: Refusal = Refusal {
            status: $status, code: $code, sentence: $sentence,
        };)*
        /// The whole catalogue.
        pub const REFUSALS: &[Refusal] = &[$($name),*];
    };
}

refusals! {
    BODY_MALFORMED 400 "body-malformed" "The request's body is not what this operation expects; update the agent.";
    SIGNATURE_MALFORMED 400 "signature-malformed" "The request is not signed as the protocol says; look for a proxy that drops or changes headers.";
    DIGEST_MISMATCH 400 "digest-mismatch" "The request's body was changed on its way; look for a proxy that rewrites traffic.";
    SIGNATURE_INVALID 401 "signature-invalid" "The request's signature does not hold; look for a proxy that rewrites traffic, or enrol again.";
    KEY_UNKNOWN 401 "key-unknown" "No agent is enrolled under this key; the agent enrols again by itself if it has a pre-shared key.";
    CLOCK_SKEWED 401 "clock-skewed" "The request was made at another time than the server's by more than 300 seconds; the agent takes the time from this answer and tries again.";
    PSK_REFUSED 401 "psk-refused" "The pre-shared key is not known here, has expired or was revoked; make a new one in the console.";
    NONCE_EXPIRED 401 "nonce-expired" "The first contact is too long ago; the agent says hello again.";
    COMPUTER_UNKNOWN 403 "computer-unknown" "The computer is not imported yet; import the directory that holds it, the agent enrols by itself afterwards.";
    PROOF_UNAVAILABLE 403 "proof-unavailable" "Pre-shared keys with the policy `proof` are not available yet; make one with `approve` or `first-claim`.";
    NOT_TRUSTED 403 "not-trusted" "The agent is enrolled but not approved; approve the device in the console.";
    REVOKED 403 "revoked" "The agent was revoked; it may only report, finish or undo what it has begun.";
    OPERATION_UNKNOWN 404 "operation-unknown" "This server does not know the operation; update the server or the agent, whichever is older.";
    AUDIENCE_UNKNOWN 404 "audience-unknown" "No customer of this server has this root; the pre-shared key is for another server.";
    ORDER_UNKNOWN 404 "order-unknown" "The order is not open for this agent; check in again.";
    METHOD_NOT_ALLOWED 405 "method-not-allowed" "Operations of the agent protocol are sent with POST.";
    CONFLICT 409 "conflict" "Another agent holds this device; decide in the console which of them is the device.";
    REPLAYED 409 "replayed" "The request was received before and is not repeated; look for a proxy that repeats requests.";
    ORDER_CLOSED 409 "order-closed" "The order was withdrawn or has ended; check in again.";
    RETURN_UNAVAILABLE 409 "return-unavailable" "The server cannot make a way back for this device by itself; an operator supplies the return ticket.";
    STAGE_REFUSED 409 "stage-refused" "The target account could not be prepared; the detail says why.";
    BODY_TOO_LARGE 413 "body-too-large" "The request is larger than 4 MiB and was not read.";
    VERSION_UNSUPPORTED 426 "version-unsupported" "This version of the protocol is not spoken here; update the agent.";
    TOO_MANY 429 "too-many" "Too many requests from here; try again later.";
    INTERNAL 500 "internal" "The server failed; its log has the details under the request's id.";
    RETRY 503 "retry" "The server has just started and cannot tell a repeated request; sign it again and resend it.";
    UNAVAILABLE 503 "unavailable" "The server is busy or being maintained; try again later.";
}

impl Refusal {
    /// The refusal of this code, if it is in the catalogue.
    #[must_use]
    pub fn by_code(code: &str) -> Option<&'static Self> {
        REFUSALS.iter().find(|refusal| refusal.code == code)
    }

    /// Its body.
    #[must_use]
    pub fn problem(&self, detail: Option<String>, request_id: &str) -> Problem {
        Problem {
            status: self.status,
            code: self.code.to_owned(),
            title: self.sentence.to_owned(),
            detail,
            request_id: request_id.to_owned(),
            retry_after_seconds: None,
        }
    }
}

/// The body of every refusal (`application/problem+json`). Believed only if the answer is signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The HTTP status again.
    pub status: u16,
    /// The stable code.
    pub code: String,
    /// The sentence of the catalogue.
    pub title: String,
    /// What is particular to this case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// By which the server's log names the request.
    pub request_id: String,
    /// When to try again, in seconds, if the server has an opinion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn codes_are_unique_and_sentences_end() {
        let codes: BTreeSet<_> = REFUSALS.iter().map(|refusal| refusal.code).collect();
        assert_eq!(codes.len(), REFUSALS.len());
        for refusal in REFUSALS {
            assert!(refusal.sentence.ends_with('.'), "{}", refusal.code);
            assert!((400..600).contains(&refusal.status), "{}", refusal.code);
            assert_eq!(Refusal::by_code(refusal.code), Some(refusal));
        }
    }
}

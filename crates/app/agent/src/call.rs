//! One signed request and its signed answer. Whatever is not signed by a key of the held key set is
//! a network failure.

use crate::{
    clock::{ServerClock, TimeSource},
    identity::Identity,
    state::{StateError, StateFolder},
    transport::{NetworkError, RawAnswer, Transport},
};
use chrono::DateTime;
use gw_wire::{
    codes::{self, Problem},
    enrol::{HelloAnswer, HelloRequest},
    httpsig::{RequestParts, RequestSignature, read_answer, sign_request},
    keys::KeyError,
    keyset::{KeySet, KeySetError, KeyUse, Trust},
    op,
    private::{self, PrivateBody},
    seal::SealError,
};
use serde::{Serialize, de::DeserializeOwned};
use std::{borrow::Cow, time::Duration};

/// A request did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No answer.
    #[error("the server cannot be reached: {0}")]
    Network(#[from] NetworkError),
    /// An answer that proves nothing.
    #[error("an answer was ignored because it is not signed by the server ({0})")]
    Unsigned(String),
    /// The server is not the one that the pre-shared key or the stored root names.
    #[error("the server is not believed: {0}")]
    NotTrusted(#[from] KeySetError),
    /// A signed refusal.
    #[error("the server refused ({}): {}", .0.code, sentence(.0))]
    Refused(Problem),
    /// Neither a pre-shared key nor a root is known.
    #[error("there is no pre-shared key; give one by --psk")]
    NoPsk,
    /// The state folder.
    #[error(transparent)]
    State(#[from] StateError),
    /// The key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The key set names no key that can be sealed to.
    #[error("the request cannot be sealed to the server: {0}")]
    Seal(#[from] SealError),
}

fn sentence(problem: &Problem) -> String {
    let detail = problem.detail.as_deref().unwrap_or_default();
    format!("{} {detail}", problem.title).trim_end().to_owned()
}

impl CallError {
    /// The refusal's code, if it is one.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused(problem) => Some(&problem.code),
            _ => None,
        }
    }
}

/// What a call works with.
pub(crate) struct Line<'a> {
    pub(crate) identity: &'a mut Identity,
    pub(crate) state: &'a StateFolder,
    pub(crate) transport: &'a mut dyn Transport,
    pub(crate) clock: &'a mut ServerClock,
    pub(crate) time: &'a dyn TimeSource,
}

/// The exact bodies of a first contact.
pub(crate) struct Hello {
    pub(crate) request: Vec<u8>,
    pub(crate) answer: Vec<u8>,
    pub(crate) nonce: String,
}

impl Line<'_> {
    /// Says hello: learns key set, nonce and time.
    pub(crate) fn hello(&mut self) -> Result<Hello, CallError> {
        let trust = self.identity.trust().ok_or(CallError::NoPsk)?;
        let pin = match trust {
            Trust::Pin(pin) => pin,
            Trust::Root(root) => root.pin(),
        };
        let request = to_json(&HelloRequest {
            v: gw_wire::PROTOCOL_VERSION,
            pin,
            key: *self.identity.key.public(),
        });
        let (raw, signature) = self.send(op::HELLO, &pin.to_string(), &request)?;
        let answer: HelloAnswer =
            serde_json::from_slice(&raw.body).map_err(|_| unsigned(&raw, "no hello"))?;
        let keys = self.take_key_set(&trust, &answer)?;
        self.believe(&raw, &signature, &keys)?;
        self.transport.prove(&keys.tls_pins)?;
        Ok(Hello {
            request,
            answer: raw.body,
            nonce: answer.nonce,
        })
    }

    /// Sends a request until it is answered by the server itself.
    pub(crate) fn call<T: DeserializeOwned>(
        &mut self,
        operation: &str,
        body: &impl Serialize,
    ) -> Result<T, CallError> {
        let body = to_json(body);
        let mut said_hello = false;
        if self.identity.key_set.is_none() {
            self.hello()?;
            said_hello = true;
        }
        let mut repeated = 0;
        loop {
            let root = self.identity.root.ok_or(CallError::NoPsk)?;
            let keys = self.identity.keys().ok_or(CallError::NoPsk)?;
            let sent = self.sealed(operation, &body, &keys)?;
            let (raw, signature) = self.send(operation, &root.to_string(), &sent)?;
            match self.believe(&raw, &signature, &keys) {
                Ok(()) => {}
                // A key or a root that is new to us: hello brings the key set, or says who it is.
                Err(_) if !said_hello => {
                    self.hello()?;
                    said_hello = true;
                    continue;
                }
                Err(doubt) => return Err(doubt.into()),
            }
            if raw.status == 200 {
                return serde_json::from_slice(&raw.body)
                    .map_err(|error| unsigned(&raw, &error.to_string()));
            }
            let problem: Problem = serde_json::from_slice(&raw.body)
                .map_err(|error| unsigned(&raw, &error.to_string()))?;
            if problem.code == codes::AUDIENCE_UNKNOWN.code && !said_hello {
                self.hello()?;
                said_hello = true;
                continue;
            }
            let again = [codes::RETRY.code, codes::CLOCK_SKEWED.code];
            if repeated < 2 && again.contains(&problem.code.as_str()) {
                repeated += 1;
                // The clock was just learned; a second lets it pass the server's start.
                self.time.sleep(Duration::from_millis(1100));
                continue;
            }
            return Err(CallError::Refused(problem));
        }
    }

    /// What says something of the people on the device is sealed to the server.
    fn sealed<'b>(
        &self,
        operation: &str,
        body: &'b [u8],
        keys: &KeySet,
    ) -> Result<Cow<'b, [u8]>, CallError> {
        let Some(enrolled) = &self.identity.enrolled else {
            return Ok(body.into());
        };
        if !private::OPERATIONS.contains(&operation) {
            return Ok(body.into());
        }
        let (customer, device) = (enrolled.customer, enrolled.device);
        let sealed = PrivateBody::seal(operation, body, &keys.escrow_key, customer, device)?;
        Ok(to_json(&sealed).into())
    }

    fn send(
        &mut self,
        operation: &str,
        aud: &str,
        body: &[u8],
    ) -> Result<(RawAnswer, RequestSignature), CallError> {
        let parts = RequestParts {
            method: "POST",
            op: operation,
            aud,
            body,
            created: self.clock.now(self.time).timestamp(),
        };
        let (headers, signature) = sign_request(&self.identity.key, &parts)?;
        let raw = self.transport.post(operation, &headers, body)?;
        Ok((raw, signature))
    }

    /// Stores the key set of a hello if it is believed and newer.
    fn take_key_set(&mut self, trust: &Trust, answer: &HelloAnswer) -> Result<KeySet, CallError> {
        let held = self.identity.key_set.as_ref();
        match answer.key_set.succeed(trust, held) {
            Ok(keys) => {
                self.identity.root = Some(answer.key_set.root.id());
                self.identity.key_set = Some(answer.key_set.clone());
                self.identity.save(self.state)?;
                Ok(keys)
            }
            // An older key set is not stored; the held one stays in force.
            Err(error @ (KeySetError::Epoch { .. } | KeySetError::Equivocation(_))) => {
                tracing::warn!(%error, "A key set was not taken");
                self.identity.keys().ok_or(CallError::NotTrusted(error))
            }
            Err(error) => Err(CallError::NotTrusted(error)),
        }
    }

    /// Is the answer signed by a key that may sign it? Learns the time from it.
    fn believe(
        &mut self,
        raw: &RawAnswer,
        request: &RequestSignature,
        keys: &KeySet,
    ) -> Result<(), Doubt> {
        let headers: Vec<(&str, &str)> = raw
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let doubt = |error: &dyn std::error::Error| Doubt::Unsigned(raw.status, error.to_string());
        let answer = read_answer(raw.status, &headers, &raw.body, &request.signature)
            .map_err(|error| doubt(&error))?;
        let at = DateTime::from_timestamp(answer.created, 0).ok_or(Doubt::Key)?;
        let key = keys
            .key(&answer.keyid, KeyUse::Message, at)
            .ok_or(Doubt::Key)?;
        answer.verify(key).map_err(|error| doubt(&error))?;
        self.clock.learn(answer.created, self.time);
        Ok(())
    }
}

/// Why an answer is not believed.
enum Doubt {
    /// Its key is not in the held key set.
    Key,
    /// Anything else.
    Unsigned(u16, String),
}

impl From<Doubt> for CallError {
    fn from(doubt: Doubt) -> Self {
        match doubt {
            Doubt::Key => Self::Unsigned("its key is not in the key set".to_owned()),
            Doubt::Unsigned(status, why) => Self::Unsigned(format!("status {status}: {why}")),
        }
    }
}

fn unsigned(raw: &RawAnswer, why: &str) -> CallError {
    Doubt::Unsigned(raw.status, why.to_owned()).into()
}

/// The JSON of a wire type: made of strings, numbers, lists and maps with string keys only.
fn to_json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

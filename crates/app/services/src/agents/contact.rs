//! From a request to a signed answer.

use super::{AgentAnswer, AgentCall, keyring::KeyRing, state::Known};
use crate::{Internal, Services, error::Chain};
use gw_model::CustomerId;
use gw_wire::{
    codes::{self, Refusal},
    httpsig::{RequestSignature, UnverifiedRequest, sign_answer},
    keys::PublicKey,
    op,
    private::PrivateBody,
    server,
};
use serde::Serialize;
use std::sync::Arc;

/// Why an operation was not carried out.
#[derive(Debug)]
pub(super) enum Failure {
    /// With what is particular to this case.
    Refused(Refusal, Option<String>),
    /// Our fault.
    Internal(Internal),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal, None)
    }
}
impl From<Internal> for Failure {
    fn from(error: Internal) -> Self {
        Self::Internal(error)
    }
}
impl From<gw_store::StoreError> for Failure {
    fn from(error: gw_store::StoreError) -> Self {
        Self::Internal(error.into())
    }
}
impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::Internal(error.into())
    }
}

/// A verified request of an enrolled agent.
pub(super) struct Contact<'a> {
    pub(super) call: &'a AgentCall,
    pub(super) ring: Arc<KeyRing>,
    pub(super) agent: Arc<Known>,
}

/// What the answer is signed with and bound to, as far as the request got.
#[derive(Default)]
struct Binding {
    ring: Option<Arc<KeyRing>>,
    request: Option<RequestSignature>,
}

impl Services {
    /// Answers a request of an agent. Never fails: every refusal is an answer, and is counted.
    pub async fn agent_call(&self, call: AgentCall) -> AgentAnswer {
        let mut binding = Binding::default();
        let outcome = self.dispatch(&call, &mut binding).await;
        let (status, kind, body) = match outcome {
            Ok(body) => (200, "application/json", body),
            Err(failure) => self.refusal(&call, &binding, failure),
        };
        let mut headers = vec![("content-type".to_owned(), kind.to_owned())];
        if let (Some(ring), Some(request)) = (&binding.ring, &binding.request) {
            let now = self.now().timestamp();
            match sign_answer(&ring.signing, status, &body, &request.signature, now) {
                Ok(signed) => {
                    headers.extend(
                        signed
                            .into_iter()
                            .map(|(name, value)| (name.to_owned(), value)),
                    );
                }
                Err(error) => tracing::error!(error = %error, "An answer could not be signed"),
            }
        }
        AgentAnswer {
            status,
            headers,
            body,
        }
    }

    async fn dispatch(&self, call: &AgentCall, binding: &mut Binding) -> Result<Vec<u8>, Failure> {
        let asked = call.op.to_ascii_lowercase();
        let operation = op::ALL
            .into_iter()
            .find(|known| *known == asked)
            .ok_or(codes::OPERATION_UNKNOWN)?;
        let headers: Vec<(&str, &str)> = call
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let request = server::read("POST", operation, &headers, &call.body)?;
        let ring = self
            .ring(&request.aud)
            .await?
            .ok_or(codes::AUDIENCE_UNKNOWN)?;
        binding.ring = Some(Arc::clone(&ring));
        binding.request = Some(request.signature.clone());
        match operation {
            op::HELLO => return self.hello(call, &ring, &request),
            op::ENROL => return self.enrol(call, &ring, &request).await,
            _ => {}
        }
        let agent = self.known_agent(&request, ring.customer).await?;
        self.admit(&request, &ring, &agent.key)?;
        self.agents.heard_of(agent.record.id, self.now());
        let contact = Contact { call, ring, agent };
        match operation {
            op::CHECKIN => self.checkin(&contact).await,
            op::STAGE => self.stage(&contact).await,
            op::RETURN => self.way_back(&contact).await,
            op::REPORT => self.report(&contact).await,
            _ => Err(codes::OPERATION_UNKNOWN.into()),
        }
    }

    async fn known_agent(
        &self,
        request: &UnverifiedRequest,
        customer: CustomerId,
    ) -> Result<Arc<Known>, Failure> {
        let key_id = request.signature.keyid.to_string();
        if let Some(known) = self.agents.known(&key_id) {
            return if known.record.customer == customer {
                Ok(known)
            } else {
                Err(codes::KEY_UNKNOWN.into())
            };
        }
        let mark = self.agents.mark();
        let record = self.store.read().await?.agent_by_key(&key_id).await?;
        let record = record
            .filter(|held| held.customer == customer)
            .ok_or(codes::KEY_UNKNOWN)?;
        let key: PublicKey = serde_json::from_str(&record.signing_key)?;
        let known = Arc::new(Known { record, key });
        self.agents.remember(&known, mark);
        Ok(known)
    }

    /// Signature, audience, time, nonce.
    pub(super) fn admit(
        &self,
        request: &UnverifiedRequest,
        ring: &KeyRing,
        key: &PublicKey,
    ) -> Result<(), Failure> {
        Ok(server::admit(
            request,
            &ring.root,
            key,
            &mut self.agents.nonces(),
            self.now(),
        )?)
    }

    fn refusal(
        &self,
        call: &AgentCall,
        binding: &Binding,
        failure: Failure,
    ) -> (u16, &'static str, Vec<u8>) {
        let request_id = hex::encode(self.random::<8>());
        let (refusal, detail) = match failure {
            Failure::Refused(refusal, detail) => (refusal, detail),
            Failure::Internal(error) => {
                tracing::error!(request.id = request_id, op = call.op, error = %Chain(&error), "A request of an agent failed");
                (codes::INTERNAL, None)
            }
        };
        let customer = binding.ring.as_ref().map(|ring| ring.customer);
        self.agents
            .refusals
            .count(refusal.code, &call.source, customer, self.now());
        tracing::debug!(
            request.id = request_id,
            op = call.op,
            code = refusal.code,
            "A request of an agent was refused"
        );
        let body = json(&refusal.problem(detail, &request_id)).unwrap_or_default();
        (refusal.status, "application/problem+json", body)
    }
}

pub(super) fn json<T: Serialize>(value: &T) -> Result<Vec<u8>, Failure> {
    Ok(serde_json::to_vec(value)?)
}

impl Contact<'_> {
    /// Reads a body that is sealed to the server, of this version of the protocol.
    pub(super) fn read_private<T: serde::de::DeserializeOwned>(
        &self,
        operation: &str,
        version: impl Fn(&T) -> u32,
    ) -> Result<T, Failure> {
        let sealed: PrivateBody = read(&self.call.body, |body: &PrivateBody| body.v)?;
        let agent = &self.agent.record;
        let plain = sealed
            .open(operation, &self.ring.escrow, agent.customer, agent.device)
            .map_err(|_| codes::BODY_MALFORMED)?;
        read(&plain, version)
    }
}

/// Reads a body of this version of the protocol.
pub(super) fn read<T: serde::de::DeserializeOwned>(
    body: &[u8],
    version: impl Fn(&T) -> u32,
) -> Result<T, Failure> {
    let read: T = serde_json::from_slice(body).map_err(|_| codes::BODY_MALFORMED)?;
    if version(&read) != gw_wire::PROTOCOL_VERSION {
        return Err(codes::VERSION_UNSUPPORTED.into());
    }
    Ok(read)
}

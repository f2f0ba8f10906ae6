//! An agent that speaks the real protocol, without a network in between.

use super::Server;
use gw_model::{DeviceFacts, OrderId, OsFacts};
use gw_secdesc::Sid;
use gw_services::{AgentAnswer, AgentCall};
use gw_wire::{
    checkin::{CheckinAnswer, CheckinRequest},
    codes::Problem,
    enrol::{EnrolAnswer, EnrolCore, EnrolRequest, HelloAnswer, HelloRequest},
    envelope::Envelope,
    httpsig::{RequestParts, read_answer, sign_request},
    keys::{Algorithm, SigningKey},
    keyset::{KeySet, KeyUse, Trust},
    op,
    order::{OrderBody, OrderHeader},
    private::{self, PrivateBody},
    psk::Psk,
    seal::{Purpose, RecipientKey},
    transcript::transcript_hash,
};
use serde::{Serialize, de::DeserializeOwned};

pub struct Agent {
    pub key: SigningKey,
    pub facts: DeviceFacts,
    pub psk: Psk,
    pub root: String,
    pub keys: Option<KeySet>,
    pub last_sequence: u64,
    pub holding: Vec<OrderId>,
    pub enrolled: Option<EnrolAnswer>,
    pub source: String,
    pub reports: u64,
}

/// A refusal with its status and code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused(pub u16, pub String);

impl Agent {
    pub fn new(psk: &Psk, name: &str, sid: &Sid) -> Self {
        Self {
            key: SigningKey::generate(Algorithm::Ed25519).unwrap(),
            facts: DeviceFacts {
                computer_name: name.into(),
                domain: Some("source.test".into()),
                machine_sid: Some(sid.clone()),
                entra_device_id: None,
                serial: format!("SER-{name}"),
                smbios_uuid: None,
                disk_serial: None,
                boot_id: "boot-1".into(),
                utc_offset_minutes: 60,
                os: OsFacts {
                    edition: "Windows 11 Pro".into(),
                    build: 22631,
                    is_server: false,
                },
                agent_version: "0.1.0".into(),
            },
            psk: psk.clone(),
            root: String::new(),
            keys: None,
            last_sequence: 0,
            holding: vec![],
            enrolled: None,
            source: "10.0.0.1".into(),
            reports: 0,
        }
    }

    /// Signs and sends; the raw answer with what it must be bound to.
    pub fn call(&self, server: &Server, op: &str, body: Vec<u8>) -> (AgentCall, Vec<u8>) {
        let aud = if op == op::HELLO {
            self.psk.pin.to_string()
        } else {
            self.root.clone()
        };
        let created = server.services.clock().now().timestamp();
        let parts = RequestParts {
            method: "POST",
            op,
            aud: &aud,
            body: &body,
            created,
        };
        let (headers, bound) = sign_request(&self.key, &parts).unwrap();
        let call = AgentCall {
            op: op.into(),
            headers: headers
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            body,
            source: self.source.clone(),
        };
        (call, bound.signature)
    }

    /// Sends and believes the answer only if it is signed by the server's key.
    pub async fn ask<A: DeserializeOwned>(
        &self,
        server: &Server,
        op: &str,
        body: &impl Serialize,
    ) -> Result<A, Refused> {
        let mut bytes = serde_json::to_vec(body).unwrap();
        if private::OPERATIONS.contains(&op) {
            let (keys, enrolled) = (self.keys.as_ref().unwrap(), self.enrolled.as_ref().unwrap());
            let (customer, device) = (enrolled.customer, enrolled.device);
            let sealed = PrivateBody::seal(op, &bytes, &keys.escrow_key, customer, device);
            bytes = serde_json::to_vec(&sealed.unwrap()).unwrap();
        }
        let (call, bound) = self.call(server, op, bytes);
        let answer = server.services.agent_call(call).await;
        self.believe(&answer, &bound, server)
    }

    pub fn believe<A: DeserializeOwned>(
        &self,
        answer: &AgentAnswer,
        bound: &[u8],
        server: &Server,
    ) -> Result<A, Refused> {
        if answer.status != 200 {
            let problem: Problem = serde_json::from_slice(&answer.body).unwrap();
            return Err(Refused(answer.status, problem.code));
        }
        let headers: Vec<(&str, &str)> = answer
            .headers
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        let read = read_answer(answer.status, &headers, &answer.body, bound).unwrap();
        if let Some(keys) = &self.keys {
            let key = keys
                .key(&read.keyid, KeyUse::Message, server.services.clock().now())
                .expect("a key of the key set");
            read.verify(key).unwrap();
        }
        Ok(serde_json::from_slice(&answer.body).unwrap())
    }

    pub async fn enrol(&mut self, server: &Server) -> Result<EnrolAnswer, Refused> {
        let hello = HelloRequest {
            v: 1,
            pin: self.psk.pin,
            key: *self.key.public(),
        };
        let hello_body = serde_json::to_vec(&hello).unwrap();
        let (call, _) = self.call(server, op::HELLO, hello_body.clone());
        let answer = server.services.agent_call(call).await;
        if answer.status != 200 {
            let problem: Problem = serde_json::from_slice(&answer.body).unwrap();
            return Err(Refused(answer.status, problem.code));
        }
        let told: HelloAnswer = serde_json::from_slice(&answer.body).unwrap();
        self.keys = Some(
            told.key_set
                .succeed(&Trust::Pin(self.psk.pin), None)
                .unwrap(),
        );
        self.root = told.key_set.root.id().to_string();
        let recipient = RecipientKey::generate().unwrap();
        let core = EnrolCore {
            v: 1,
            psk: self.psk.tag,
            nonce: told.nonce,
            key: *self.key.public(),
            recipient: recipient.public().to_vec().into(),
            facts: self.facts.clone(),
        };
        let core = serde_json::to_vec(&core).unwrap();
        let transcript = transcript_hash(&hello_body, &answer.body, &core);
        let mac = self.psk.mac_key().unwrap().mac(&transcript);
        let request = EnrolRequest {
            core: core.into(),
            hello_request: hello_body.into(),
            hello_answer: answer.body.into(),
            mac: mac.into(),
        };
        let answer: EnrolAnswer = self.ask(server, op::ENROL, &request).await?;
        self.enrolled = Some(answer.clone());
        Ok(answer)
    }

    pub async fn checkin(
        &mut self,
        server: &Server,
    ) -> Result<(CheckinAnswer, Vec<Ordered>), Refused> {
        self.checkin_with(server, |_| {}).await
    }

    pub async fn checkin_with(
        &mut self,
        server: &Server,
        change: impl FnOnce(&mut CheckinRequest),
    ) -> Result<(CheckinAnswer, Vec<Ordered>), Refused> {
        let recipient = RecipientKey::generate().unwrap();
        let mut request = CheckinRequest {
            v: 1,
            facts: self.facts.clone(),
            epoch: self.keys.as_ref().map_or(0, |keys| keys.epoch),
            recipient: recipient.public().to_vec().into(),
            last_sequence: self.last_sequence,
            holding: self.holding.clone(),
            running: None,
            queued_reports: 0,
            clock_skew_ms: 0,
            confirm: None,
        };
        change(&mut request);
        let answer: CheckinAnswer = self.ask(server, op::CHECKIN, &request).await?;
        if let Some(set) = &answer.key_set {
            self.keys = Some(set.verify(&Trust::Pin(self.psk.pin)).unwrap());
        }
        let orders: Vec<Ordered> = answer
            .orders
            .iter()
            .map(|envelope| self.open(envelope, &recipient, server))
            .collect();
        for order in &orders {
            assert!(order.header.sequence > self.last_sequence, "sequences rise");
            self.last_sequence = order.header.sequence;
            self.holding.push(order.header.order);
        }
        self.holding.retain(|id| !answer.withdrawn.contains(id));
        Ok((answer, orders))
    }

    fn open(&self, envelope: &Envelope, recipient: &RecipientKey, server: &Server) -> Ordered {
        let keys = self.keys.as_ref().unwrap();
        envelope
            .verify(Purpose::Order, keys, server.services.clock().now())
            .unwrap();
        let header = OrderHeader::read(&envelope.header).unwrap();
        assert_eq!(header.agent_key, self.key.id());
        let body = header.open(envelope, recipient).unwrap();
        Ordered {
            header,
            body,
            proof: envelope.proof(),
        }
    }
}

/// An order as the agent keeps it.
#[derive(Debug)]
pub struct Ordered {
    pub header: OrderHeader,
    pub body: OrderBody,
    pub proof: gw_wire::envelope::Proof,
}

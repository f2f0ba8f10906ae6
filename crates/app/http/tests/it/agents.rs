//! Agents speak to the server through whatever a proxy makes of the path.

use chrono::TimeDelta;
use gw_model::{DeviceFacts, OsFacts};
use gw_wire::bytes::Bytes;
use gw_wire::enrol::{EnrolAnswer, EnrolCore, EnrolRequest, HelloAnswer, HelloRequest};
use gw_wire::httpsig::{self, RequestParts, RequestSignature};
use gw_wire::keys::{Algorithm, SigningKey};
use gw_wire::keyset::{KeySet, KeyUse, Trust};
use gw_wire::psk::Psk;
use gw_wire::seal::RecipientKey;
use gw_wire::transcript::transcript_hash;
use http::Request;
use serde_json::{Value, json};

use crate::harness::{Admin, Answer, Server};

/// An agent as the protocol's document describes one, without a device behind it.
pub(crate) struct Agent {
    pub(crate) key: SigningKey,
    pub(crate) recipient: RecipientKey,
    pub(crate) psk: Psk,
    pub(crate) prefix: String,
    pub(crate) root: Option<String>,
    pub(crate) keys: Option<KeySet>,
}

/// A signed request that was not sent yet.
#[derive(Clone)]
pub(crate) struct Signed {
    pub(crate) op: &'static str,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) signature: RequestSignature,
}

impl Agent {
    /// With a key that the server just made.
    pub(crate) async fn new(server: &Server, admin: &Admin, policy: &str) -> Self {
        let made = server
            .json(
                "POST",
                &admin.path("/psks"),
                &json!({"name": "fleet", "policy": policy}),
                Some(admin),
            )
            .await
            .expect(201);
        Self::with(made.json()["text"].as_str().unwrap().parse().unwrap())
    }

    pub(crate) fn with(psk: Psk) -> Self {
        Self {
            key: SigningKey::generate(Algorithm::Ed25519).unwrap(),
            recipient: RecipientKey::generate().unwrap(),
            psk,
            prefix: "/Agent".into(),
            root: None,
            keys: None,
        }
    }

    pub(crate) fn hello(&self, server: &Server) -> Signed {
        let hello = HelloRequest {
            v: 1,
            pin: self.psk.pin,
            key: *self.key.public(),
        };
        self.sign(
            server,
            gw_wire::op::HELLO,
            &self.psk.pin.to_string(),
            serde_json::to_vec(&hello).unwrap(),
        )
    }

    pub(crate) fn sign(
        &self,
        server: &Server,
        op: &'static str,
        aud: &str,
        body: Vec<u8>,
    ) -> Signed {
        let created = gw_services::Clock::now(&*server.clock).timestamp();
        let parts = RequestParts {
            method: "POST",
            op,
            aud,
            body: &body,
            created,
        };
        let (headers, signature) = httpsig::sign_request(&self.key, &parts).unwrap();
        Signed {
            op,
            headers,
            body,
            signature,
        }
    }

    /// Sends it to the address this agent knows.
    pub(crate) async fn send(&self, server: &Server, signed: &Signed) -> Answer {
        server.send(self.request(signed, signed.body.clone())).await
    }

    pub(crate) fn request(&self, signed: &Signed, body: Vec<u8>) -> Request<axum::body::Body> {
        let mut request = Request::post(format!("{}{}", self.prefix, signed.op));
        for (name, value) in &signed.headers {
            request = request.header(*name, value);
        }
        request
            .header("content-type", "application/json")
            .body(body.into())
            .unwrap()
    }

    /// The enrolment after a hello that went well.
    pub(crate) async fn enrolment(&mut self, server: &Server, name: &str, sid: &str) -> Signed {
        let hello = self.hello(server);
        let answer = self.send(server, &hello).await.expect(200);
        let told: HelloAnswer = serde_json::from_slice(&answer.body).unwrap();
        let root = told.key_set.root.id().to_string();
        self.root = Some(root.clone());
        self.keys = Some(told.key_set.verify(&Trust::Pin(self.psk.pin)).unwrap());
        believed(self, &hello, &answer);
        let core = serde_json::to_vec(&EnrolCore {
            v: 1,
            psk: self.psk.tag,
            nonce: told.nonce,
            key: *self.key.public(),
            recipient: Bytes(self.recipient.public().to_vec()),
            facts: facts(name, sid),
        })
        .unwrap();
        let transcript = transcript_hash(&hello.body, &answer.body, &core);
        let body = serde_json::to_vec(&EnrolRequest {
            core: core.into(),
            hello_request: hello.body.into(),
            hello_answer: answer.body.into(),
            mac: self.psk.mac_key().unwrap().mac(&transcript).into(),
        })
        .unwrap();
        self.sign(server, gw_wire::op::ENROL, &root, body)
    }
}

pub(crate) fn facts(name: &str, sid: &str) -> DeviceFacts {
    DeviceFacts {
        computer_name: name.into(),
        domain: Some("source.test".into()),
        machine_sid: Some(sid.parse().unwrap()),
        entra_device_id: None,
        serial: format!("SN-{name}"),
        smbios_uuid: None,
        disk_serial: None,
        boot_id: "boot-1".into(),
        utc_offset_minutes: 60,
        os: OsFacts {
            edition: "Windows 11 Pro".into(),
            build: 22_631,
            is_server: false,
        },
        agent_version: "0.1.0".into(),
    }
}

/// The body of an answer that a key of the key set signed for this very request.
pub(crate) fn believed(agent: &Agent, signed: &Signed, answer: &Answer) -> Value {
    let headers: Vec<(&str, &str)> = answer
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .collect();
    let status = answer.status.as_u16();
    let read =
        httpsig::read_answer(status, &headers, &answer.body, &signed.signature.signature).unwrap();
    let keys = agent.keys.as_ref().expect("the agent has said hello");
    let at = chrono::DateTime::from_timestamp(read.created, 0).unwrap();
    read.verify(keys.key(&read.keyid, KeyUse::Message, at).unwrap())
        .unwrap();
    answer.json()
}

fn checkin(agent: &Agent, server: &Server, name: &str, sid: &str) -> Signed {
    let body = json!({
        "v": 1, "facts": facts(name, sid), "epoch": agent.keys.as_ref().unwrap().epoch,
        "recipient": Bytes(RecipientKey::generate().unwrap().public().to_vec()),
        "last_sequence": 0, "holding": [], "running": null, "queued_reports": 0, "clock_skew_ms": 0,
    });
    let root = agent.root.clone().unwrap();
    agent.sign(
        server,
        gw_wire::op::CHECKIN,
        &root,
        body.to_string().into_bytes(),
    )
}

#[tokio::test]
async fn an_agent_enrols_and_checks_in_through_a_proxy_that_changes_the_path() {
    let (server, admin) = Server::ready().await;
    let sid = server
        .directory
        .add(gw_model::ObjectKind::Computer, 1101, "PC-1");
    server.import(&admin).await;
    for (number, prefix) in ["/Agent", "/AGENT", "/migrate/emea/agent"]
        .into_iter()
        .enumerate()
    {
        let mut agent = Agent::new(&server, &admin, "first_claim").await;
        agent.prefix = prefix.into();
        let enrol = agent.enrolment(&server, "PC-1", &sid).await;
        let answer = agent.send(&server, &enrol).await.expect(200);
        let told: EnrolAnswer = serde_json::from_value(believed(&agent, &enrol, &answer)).unwrap();
        // The first to claim the computer holds it; whoever comes later is a conflict.
        let wanted = if number == 0 {
            gw_model::DeviceTrust::Trusted
        } else {
            gw_model::DeviceTrust::Conflict
        };
        assert_eq!(told.trust, wanted, "{prefix}");
        let checkin = checkin(&agent, &server, "PC-1", &sid);
        let answer = agent.send(&server, &checkin).await;
        let body = believed(&agent, &checkin, &answer);
        assert_eq!(body["orders"].as_array().map_or(0, Vec::len), 0, "{body}");
        assert_eq!(answer.header("cache-control"), "no-store, no-transform");
        server.clock.advance(TimeDelta::seconds(1));
    }
}

#[tokio::test]
async fn an_agent_that_waits_gets_no_orders_until_it_is_approved() {
    let (server, admin) = Server::ready().await;
    let sid = server
        .directory
        .add(gw_model::ObjectKind::Computer, 1101, "PC-1");
    server.import(&admin).await;
    let mut agent = Agent::new(&server, &admin, "approve").await;
    let enrol = agent.enrolment(&server, "PC-1", &sid).await;
    let answer = agent.send(&server, &enrol).await.expect(200);
    assert_eq!(believed(&agent, &enrol, &answer)["trust"], "pending");
    let device = answer.json()["device"].as_str().unwrap().to_owned();

    let shown = server
        .get(&admin.path(&format!("/devices/{device}")), Some(&admin))
        .await
        .expect(200);
    assert_eq!(shown.json()["summary"]["trust"], "pending");
    assert_eq!(shown.json()["agents"][0]["facts"]["serial"], "SN-PC-1");
    let body = json!({"device_ids": [device]});
    let done = server
        .json("POST", &admin.path("/devices/approve"), &body, Some(&admin))
        .await
        .expect(200);
    assert_eq!(done.json()["approved"], 1, "{}", done.json());
    server.clock.advance(TimeDelta::seconds(1));
    let checkin = checkin(&agent, &server, "PC-1", &sid);
    let answer = agent.send(&server, &checkin).await.expect(200);
    assert_eq!(believed(&agent, &checkin, &answer)["trust"], "trusted");
}

#[tokio::test]
async fn an_agent_refused_as_unknown_enrols_after_the_import() {
    let (server, admin) = Server::ready().await;
    let mut agent = Agent::new(&server, &admin, "first_claim").await;
    let sid = "S-1-5-21-1-2-3-1101";
    let enrol = agent.enrolment(&server, "PC-1", sid).await;
    let refused = agent.send(&server, &enrol).await.expect(403);
    assert_eq!(
        believed(&agent, &enrol, &refused)["code"],
        "computer-unknown"
    );
    server
        .directory
        .add(gw_model::ObjectKind::Computer, 1101, "PC-1");
    server.import(&admin).await;
    server.clock.advance(TimeDelta::seconds(1));
    let enrol = agent.enrolment(&server, "PC-1", sid).await;
    agent.send(&server, &enrol).await.expect(200);
}

//! `hello` and `enrol`: who is admitted, and how far an admitted agent is trusted.

use super::{
    AgentCall,
    contact::{Failure, json},
    keyring::KeyRing,
};
use crate::{Actor, Internal, Services, Topic, psks::psk_context};
use gw_model::{AgentId, DeviceId, DeviceTrust, PskPolicy};
use gw_store::{AgentRecord, Lane, PskRecord, Tx};
use gw_wire::{
    PROTOCOL_VERSION, codes,
    enrol::{EnrolAnswer, EnrolCore, HelloAnswer},
    httpsig::UnverifiedRequest,
    psk::Psk,
    server,
};

impl Services {
    pub(super) fn hello(
        &self,
        call: &AgentCall,
        ring: &KeyRing,
        request: &UnverifiedRequest,
    ) -> Result<Vec<u8>, Failure> {
        server::admit_hello(request, &call.body)?;
        let now = self.now();
        let nonce = self
            .agents
            .hello
            .issue(&call.body, &ring.key_set.payload, now)
            .map_err(|error| Internal(Box::new(error)))?;
        json(&HelloAnswer {
            v: PROTOCOL_VERSION,
            nonce,
            server_time: now,
            key_set: ring.key_set.clone(),
        })
    }

    pub(super) async fn enrol(
        &self,
        call: &AgentCall,
        ring: &KeyRing,
        request: &UnverifiedRequest,
    ) -> Result<Vec<u8>, Failure> {
        let key = server::enrolling_key(&call.body)?;
        self.admit(request, ring, &key)?;
        let now = self.now();
        let unproven =
            server::read_enrolment(&call.body, &request.signature, &self.agents.hello, now)?;
        let psk = self
            .store
            .read()
            .await?
            .psk_by_wire_id(&unproven.core.psk.to_string())
            .await?;
        let psk = psk
            .filter(|psk| psk.customer == ring.customer)
            .filter(|psk| psk.revoked_at.is_none() && psk.expires_at.is_none_or(|end| now < end))
            .ok_or(codes::PSK_REFUSED)?;
        unproven.prove(&self.mac_key(&psk)?)?;
        if psk.policy == PskPolicy::Proof {
            return Err(codes::PROOF_UNAVAILABLE.into());
        }
        let agent = self.admit_agent(&psk, unproven.core, call).await?;
        self.agents.forget_agents();
        self.bus()
            .publish(agent.customer, Topic::Device, agent.device, &agent);
        let settings = self.settings().await?;
        json(&EnrolAnswer {
            v: PROTOCOL_VERSION,
            customer: agent.customer,
            agent: agent.id,
            device: agent.device,
            trust: agent.trust,
            // A trusted agent comes back at once for its orders; the others wait for a person.
            poll_after_seconds: if agent.trust == DeviceTrust::Trusted {
                1
            } else {
                settings.poll_minutes * 60
            },
            orders: Vec::new(),
        })
    }

    fn mac_key(&self, psk: &PskRecord) -> Result<gw_wire::psk::PskMacKey, Failure> {
        let plain = self
            .sealer
            .open(&psk_context(psk.id), &psk.sealed_secret)
            .map_err(Internal::from)?;
        let text = std::str::from_utf8(&plain).unwrap_or_default();
        let psk: Psk = text
            .parse()
            .map_err(|error: gw_wire::psk::PskError| Internal(Box::new(error)))?;
        psk.mac_key()
            .map_err(|error| Internal(Box::new(error)).into())
    }

    /// Finds the device by the machine account's SID, never by its name, and gives the key its
    /// place: the live one, one that waits for approval, or a rival.
    async fn admit_agent(
        &self,
        psk: &PskRecord,
        core: EnrolCore,
        call: &AgentCall,
    ) -> Result<AgentRecord, Failure> {
        let now = self.now();
        let (agent_id, device_id): (AgentId, DeviceId) = (self.id(), self.id());
        let actor = Actor {
            admin: None,
            name: "agent".into(),
            source: Some(call.source.clone()),
        };
        let name = core.facts.computer_name.clone();
        let said = |trust: DeviceTrust| match trust {
            DeviceTrust::Trusted => {
                format!("{name} enrolled and is trusted: it was the first to claim this computer")
            }
            DeviceTrust::Pending => format!("{name} enrolled and waits for approval"),
            DeviceTrust::Conflict => format!(
                "{name} claims a computer that another agent holds; decide which of them is the device"
            ),
            DeviceTrust::Revoked => format!("{name} enrolled"),
        };
        let rows = [
            DeviceTrust::Trusted,
            DeviceTrust::Pending,
            DeviceTrust::Conflict,
        ]
        .map(|trust| {
            (
                trust,
                self.audit_row(
                    &actor,
                    Some(psk.customer),
                    "agent.enrol",
                    agent_id,
                    said(trust),
                ),
            )
        });
        let (psk, signing_key) = (psk.clone(), serde_json::to_string(&core.key)?);
        let hpke_key = gw_wire::bytes::encode(&core.recipient);
        self.store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                let key_id = core.key.id().to_string();
                if let Some(held) = tx.agent_by_key(&key_id).await? {
                    // Enrolling again with the same key gives the same ids.
                    return if held.customer == psk.customer {
                        Ok(held)
                    } else {
                        Err(codes::KEY_UNKNOWN.into())
                    };
                }
                let unknown = codes::COMPUTER_UNKNOWN;
                let sid = core.facts.machine_sid.as_ref().ok_or(unknown)?;
                let device = match tx.device_by_sid(psk.customer, sid).await? {
                    Some(device) => device,
                    None => {
                        let computer = tx
                            .computer_by_sid(psk.customer, sid)
                            .await?
                            .ok_or(unknown)?;
                        tx.ensure_device(psk.customer, device_id, &computer, now)
                            .await?;
                        tx.device_of_computer(computer.directory, computer.guid)
                            .await?
                            .ok_or(unknown)?
                    }
                };
                let held = device.agent.is_some()
                    && matches!(
                        device.trust,
                        Some(DeviceTrust::Pending | DeviceTrust::Trusted | DeviceTrust::Conflict)
                    );
                let trust = match (held, psk.policy) {
                    (true, _) => DeviceTrust::Conflict,
                    (false, PskPolicy::FirstClaim) => DeviceTrust::Trusted,
                    (false, PskPolicy::Approve | PskPolicy::Proof) => DeviceTrust::Pending,
                };
                let record = AgentRecord {
                    id: agent_id,
                    customer: psk.customer,
                    device: device.id,
                    trust,
                    live: !held,
                    key_id,
                    signing_key: signing_key.clone(),
                    hpke_key: hpke_key.clone(),
                    psk: Some(psk.id),
                    policy: psk.policy,
                    facts: core.facts.clone(),
                    enrolled_at: now,
                    decided_at: (trust == DeviceTrust::Trusted).then_some(now),
                    decided_by: (trust == DeviceTrust::Trusted).then(|| "first-claim".to_owned()),
                    last_seen: None,
                };
                tx.add_agent(&record).await?;
                tx.count_psk_use(psk.id).await?;
                if held {
                    // The old key stands; the console shows that somebody must decide.
                    tx.set_device_trust(device.id, DeviceTrust::Conflict)
                        .await?;
                } else {
                    tx.set_live_agent(device.id, record.id, trust, &record.facts)
                        .await?;
                }
                for (of, row) in &rows {
                    if *of == trust {
                        tx.add_audit(row).await?;
                    }
                }
                Ok::<AgentRecord, Failure>(record)
            })
            .await
    }
}

//! `checkin`: the busiest operation. Nothing is written for an agent that has nothing to get.

use super::{
    contact::{Contact, Failure, json, read},
    orders,
};
use crate::{Actor, Internal, Services};
use gw_model::{DeviceFacts, DeviceTrust, OrderId};
use gw_store::{AgentRecord, Lane, OrderRecord, OrderState, StoreError, Tx};
use gw_wire::{
    PROTOCOL_VERSION,
    checkin::{CheckinAnswer, CheckinRequest, Confirmation, Verdict},
    codes,
    envelope::Envelope,
    order::{OrderBody, OrderHeader},
};

impl Services {
    pub(super) async fn checkin(&self, contact: &Contact<'_>) -> Result<Vec<u8>, Failure> {
        let request: CheckinRequest = read(&contact.call.body, |body: &CheckinRequest| body.v)?;
        if request.recipient.len() != 32 {
            return Err(codes::BODY_MALFORMED.into());
        }
        let (agent, now) = (&contact.agent.record, self.now());
        let mark = self.agents.mark();
        if self.agents.is_clone(agent.id, &request.facts.boot_id) {
            self.hold_clone(agent).await?;
            return Err(codes::CONFLICT.into());
        }
        let mut answer = CheckinAnswer {
            v: PROTOCOL_VERSION,
            trust: agent.trust,
            key_set: (request.epoch < contact.ring.epoch).then(|| contact.ring.key_set.clone()),
            orders: Vec::new(),
            withdrawn: Vec::new(),
            confirmed: None,
            poll_after_seconds: 0,
            resend_after: None,
        };
        if changed(&agent.facts, &request.facts) {
            let (id, facts) = (agent.id, request.facts.clone());
            self.store
                .write(Lane::Agents, async move |tx: &mut Tx| {
                    tx.set_agent_facts(id, &facts).await
                })
                .await?;
            self.agents.forget_agents();
        }
        match agent.trust {
            DeviceTrust::Revoked => return Err(codes::REVOKED.into()),
            DeviceTrust::Pending | DeviceTrust::Conflict => {}
            DeviceTrust::Trusted => self.serve(contact, &request, &mut answer).await?,
        }
        answer.poll_after_seconds = self.poll_seconds(agent).await?;
        let holds =
            !request.holding.is_empty() || request.running.is_some() || !answer.orders.is_empty();
        if !holds && answer.trust == DeviceTrust::Trusted {
            self.agents.set_idle(agent.id, now, mark);
        }
        json(&answer)
    }

    /// Orders, withdrawals, and the word right before a start.
    async fn serve(
        &self,
        contact: &Contact<'_>,
        request: &CheckinRequest,
        answer: &mut CheckinAnswer,
    ) -> Result<(), Failure> {
        let (agent, now) = (&contact.agent.record, self.now());
        if self.agents.is_idle(agent.id, now)
            && request.holding.is_empty()
            && request.confirm.is_none()
        {
            return Ok(());
        }
        let mut tx = self.store.read().await?;
        answer.withdrawn = withdrawn(&mut tx, agent, &request.holding).await?;
        if request.running.is_none() && self.may_order(&mut tx, agent).await? {
            drop(tx);
            let (customer, device, fresh) = (agent.customer, agent.device, self.fresh(16));
            self.store
                .write(Lane::Agents, async move |tx: &mut Tx| {
                    orders::order_ahead(tx, customer, device, now, &fresh).await
                })
                .await?;
            tx = self.store.read().await?;
        }
        let open = tx.live_orders(agent.device).await?;
        for order in open
            .iter()
            .filter(|order| order.agent == agent.id && !request.holding.contains(&order.id))
        {
            if u64::try_from(order.sequence).unwrap_or(0) <= request.last_sequence {
                continue;
            }
            if let Some(envelope) = self
                .hand_out(&mut tx, contact, order, &request.recipient)
                .await?
            {
                answer.orders.push(envelope);
            }
        }
        if let Some(asked) = request.confirm {
            answer.confirmed = Some(confirm(&open, agent, asked));
        }
        Ok(())
    }

    /// Whether a transaction that orders would find something to order: asked on a reading
    /// connection, so that an agent that has its orders already costs no write.
    async fn may_order(&self, tx: &mut Tx, agent: &AgentRecord) -> Result<bool, StoreError> {
        let Some(placed) = orders::Placed::load(tx, agent.customer, agent.device).await? else {
            return Ok(false);
        };
        if placed.device.agent != Some(agent.id) {
            return Ok(false);
        }
        let decisions = placed.decisions(tx, self.now()).await?;
        Ok(decisions
            .iter()
            .any(|(_, _, decision)| decision.may_be_ordered()))
    }

    /// Seals an order to the key that this request brought along.
    async fn hand_out(
        &self,
        tx: &mut Tx,
        contact: &Contact<'_>,
        order: &OrderRecord,
        recipient: &[u8],
    ) -> Result<Option<Envelope>, Failure> {
        let header: OrderHeader = serde_json::from_str(&order.body)?;
        let runbook = tx
            .runbook_version(order.customer, order.runbook, order.runbook_version)
            .await?;
        let Some(runbook) = runbook else {
            return Ok(None);
        };
        let document =
            gw_runbook::read(&runbook.document).map_err(|error| Internal(Box::new(error)))?;
        let none = std::collections::BTreeMap::new();
        let mut sources = Vec::new();
        for id in &document.general.sources {
            sources.extend(orders::directory_facts(tx, *id, None, &none).await?);
        }
        let target = orders::directory_facts(tx, document.general.target, None, &none).await?;
        let body = OrderBody {
            runbook: runbook.document.into_bytes().into(),
            sources,
            target,
            whole_table: None,
        };
        let sealed = header.seal(&body, recipient, &contact.ring.signing);
        Ok(Some(sealed.map_err(|error| Internal(Box::new(error)))?))
    }

    /// One key on two machines: neither gets anything until a person has decided.
    async fn hold_clone(&self, agent: &AgentRecord) -> Result<(), Failure> {
        if agent.trust == DeviceTrust::Conflict {
            return Ok(());
        }
        let (id, now) = (agent.id, self.now());
        let actor = Actor {
            admin: None,
            name: "agent".into(),
            source: None,
        };
        let detail = format!(
            "{} is used by two machines at once; both are held",
            agent.facts.computer_name
        );
        let row = self.audit_row(&actor, Some(agent.customer), "agent.clone", id, detail);
        self.store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                tx.set_agent_trust(id, DeviceTrust::Conflict, now, "system")
                    .await?;
                tx.add_audit(&row).await
            })
            .await?;
        self.agents.forget_agents();
        Ok(())
    }

    /// Hourly unless set otherwise; spread, so that a fleet that starts together does not ask
    /// together for ever.
    async fn poll_seconds(&self, agent: &AgentRecord) -> Result<u32, Failure> {
        let minutes = self.agents.poll_minutes();
        let seconds = match minutes {
            Some(minutes) => minutes * 60,
            None => {
                let minutes = self.settings().await?.poll_minutes;
                self.agents.set_poll_minutes(minutes);
                minutes * 60
            }
        };
        if agent.trust != DeviceTrust::Trusted {
            return Ok(seconds.min(300));
        }
        let spread = agent.id.0.as_u128() % u128::from(seconds / 10 + 1);
        Ok(seconds - u32::try_from(spread).unwrap_or(0))
    }
}

/// Facts that are worth a write. The boot id alone is not: it changes with every start.
fn changed(held: &DeviceFacts, now: &DeviceFacts) -> bool {
    let mut same_boot = now.clone();
    same_boot.boot_id.clone_from(&held.boot_id);
    *held != same_boot
}

/// Which of the orders that an agent holds must not start.
async fn withdrawn(
    tx: &mut Tx,
    agent: &AgentRecord,
    holding: &[OrderId],
) -> Result<Vec<OrderId>, Failure> {
    let mut gone = Vec::new();
    for id in holding.iter().take(100) {
        let order = tx.order(*id).await?;
        let stands =
            order.is_some_and(|order| order.agent == agent.id && order.state != OrderState::Void);
        if !stands {
            gone.push(*id);
        }
    }
    Ok(gone)
}

fn confirm(open: &[OrderRecord], agent: &AgentRecord, asked: OrderId) -> Confirmation {
    let stands = open
        .iter()
        .any(|order| order.id == asked && order.agent == agent.id);
    Confirmation {
        order: asked,
        verdict: if stands {
            Verdict::Go
        } else {
            Verdict::Withdrawn
        },
        because: (!stands).then(|| "the order was withdrawn".to_owned()),
    }
}

//! Speaking to the server: enrolment, check-in, and what a failure means.

use super::{Agent, AgentError, CallTrouble};
use crate::{
    call::CallError,
    enrolment::enrol,
    orders::{HeldOrder, Me, OrderPhase, accept},
};
use chrono::TimeDelta;
use gw_model::{DeviceTrust, EventCode, OrderId};
use gw_wire::{
    checkin::{CheckinAnswer, CheckinRequest, Confirmation},
    codes,
    envelope::Envelope,
    keyset::{SignedKeySet, Trust},
    op,
    order::OrderKind,
    seal::RecipientKey,
};
use std::time::Duration;

impl Agent {
    /// Enrols if need be, sends what waits, checks in; then sets when to do it again.
    pub(super) fn contact(&mut self) -> Result<(), AgentError> {
        let outcome = if self.identity.enrolled.is_none() {
            self.enrol()
        } else {
            Ok(())
        };
        let outcome = match outcome {
            Ok(()) => self.checkin(None).map(|_| ()),
            refused => refused,
        };
        let wait = match outcome {
            Ok(()) => {
                self.failures = 0;
                self.trouble = None;
                self.outage_is_over();
                self.flush_reports()?;
                if self.queue.waiting() > 0 {
                    self.poll_every.min(TimeDelta::minutes(1))
                } else {
                    self.poll_every
                }
            }
            Err(error) => self.failed(error)?,
        };
        self.next_contact = self.time.monotonic() + wait.to_std().unwrap_or_default();
        Ok(())
    }

    fn enrol(&mut self) -> Result<(), CallError> {
        let facts = self.facts.clone();
        let (answer, recipient) = enrol(&mut self.line(), &facts)?;
        self.trust = Some(answer.trust);
        tracing::info!(agent.id = %answer.agent, device.id = %answer.device, trust = ?answer.trust, "Enrolled");
        self.event_or_log(EventCode::ENROLLED, &answer.agent.to_string());
        self.take_orders(&answer.orders, &recipient)?;
        Ok(())
    }

    /// Checks in; `confirm` asks whether an order may start now.
    pub(super) fn checkin(
        &mut self,
        confirm: Option<OrderId>,
    ) -> Result<Option<Confirmation>, CallError> {
        let recipient = RecipientKey::generate()?;
        let open: Vec<HeldOrder> = HeldOrder::all(&self.state)?
            .into_iter()
            .filter(HeldOrder::is_open)
            .collect();
        let running = open.iter().find(|order| order.phase == OrderPhase::Running);
        let request = CheckinRequest {
            v: gw_wire::PROTOCOL_VERSION,
            facts: self.facts.clone(),
            epoch: self.identity.keys().map_or(0, |keys| keys.epoch),
            recipient: recipient.public().into(),
            last_sequence: self.ledger.last_sequence,
            holding: open.iter().map(|order| order.header.order).collect(),
            running: running.map(|order| order.header.run),
            queued_reports: u32::try_from(self.queue.waiting()).unwrap_or(u32::MAX),
            clock_skew_ms: self.clock.skew_ms(&*self.time),
            confirm,
        };
        let answer: CheckinAnswer = self.call(op::CHECKIN, &request)?;
        self.trust = Some(answer.trust);
        if let Some(key_set) = &answer.key_set {
            self.take_key_set(key_set)?;
        }
        let seconds = answer.poll_after_seconds.clamp(MIN_POLL, MAX_POLL);
        self.poll_every = TimeDelta::seconds(seconds.into());
        self.take_orders(&answer.orders, &recipient)?;
        for order in answer.withdrawn {
            self.withdraw(order)?;
        }
        if let Some(sequence) = answer.resend_after {
            self.queue.resend_after(&self.state, sequence)?;
        }
        match answer.trust {
            DeviceTrust::Pending => self.event_or_log(EventCode::WAITING_FOR_APPROVAL, ""),
            DeviceTrust::Conflict | DeviceTrust::Revoked | DeviceTrust::Trusted => {}
        }
        let skew = self.clock.skew_ms(&*self.time);
        if skew.abs() > SKEW_WORTH_SAYING_MS {
            self.event_or_log(
                EventCode::CLOCK_SKEW,
                &format!("about {} minutes", skew / 60_000),
            );
        }
        Ok(answer.confirmed.filter(|c| Some(c.order) == confirm))
    }

    fn take_key_set(&mut self, key_set: &SignedKeySet) -> Result<(), CallError> {
        let Some(root) = self.identity.root else {
            return Ok(());
        };
        match key_set.succeed(&Trust::Root(root), self.identity.key_set.as_ref()) {
            Ok(keys) => {
                self.identity.root = Some(key_set.root.id());
                self.identity.key_set = Some(key_set.clone());
                self.identity.save(&self.state)?;
                self.transport.prove(&keys.tls_pins)?;
            }
            Err(error) => tracing::warn!(%error, "A key set was not taken"),
        }
        Ok(())
    }

    /// Accepts or refuses each order; what is refused is reported and changes nothing.
    fn take_orders(
        &mut self,
        envelopes: &[Envelope],
        recipient: &RecipientKey,
    ) -> Result<(), CallError> {
        let (Some(enrolled), Some(keys)) = (self.identity.enrolled, self.identity.keys()) else {
            return Ok(());
        };
        let me = Me {
            customer: enrolled.customer,
            device: enrolled.device,
            agent_key: self.identity.key.id(),
        };
        for envelope in envelopes {
            match accept(envelope, &keys, &me, &self.ledger, recipient, self.now()) {
                Ok(order) => self.take_order(order)?,
                Err(refusal) => {
                    tracing::warn!(error = %refusal, "An order was refused");
                    let (detail, order) = (refusal.to_string(), refusal.order());
                    self.event(refusal.event(), &detail, order, None)?;
                }
            }
        }
        Ok(())
    }

    fn take_order(&mut self, mut order: HeldOrder) -> Result<(), CallError> {
        let header = order.header.clone();
        match header.kind {
            OrderKind::Run | OrderKind::Rehearse | OrderKind::Undo => {}
            OrderKind::Cancel => order.phase = OrderPhase::Finished,
            // Typed, but nothing that this version can do: said, not ignored.
            OrderKind::Update | OrderKind::Rotate => order.phase = OrderPhase::Dropped,
        }
        // The order first: a crash between the two makes the server send it again, and the second
        // copy replaces the first.
        order.save(&self.state)?;
        self.ledger.note(&header);
        self.ledger.save(&self.state)?;
        let (id, run) = (Some(header.order), Some(header.run));
        self.event(EventCode::ORDER_RECEIVED, &header.runbook.name, id, run)?;
        match header.kind {
            OrderKind::Cancel => self.cancel(header.run)?,
            OrderKind::Update | OrderKind::Rotate => {
                let detail = "this agent cannot carry out orders of this kind";
                self.event(EventCode::ORDER_WITHDRAWN, detail, id, run)?;
            }
            OrderKind::Run | OrderKind::Rehearse | OrderKind::Undo => {
                self.next_work = Duration::ZERO
            }
        }
        Ok(())
    }

    /// A run that waits never starts; one that has begun goes back at its next start.
    fn cancel(&mut self, run: gw_model::RunId) -> Result<(), CallError> {
        for mut order in HeldOrder::all(&self.state)? {
            if order.header.run != run || order.header.kind == OrderKind::Cancel {
                continue;
            }
            match order.phase {
                OrderPhase::Waiting => self.withdraw(order.header.order)?,
                OrderPhase::Running => {
                    order.go_back = true;
                    order.save(&self.state)?;
                    self.next_work = Duration::ZERO;
                }
                OrderPhase::Held | OrderPhase::Finished | OrderPhase::Dropped => {}
            }
        }
        Ok(())
    }

    pub(super) fn withdraw(&mut self, id: OrderId) -> Result<(), CallError> {
        for mut order in HeldOrder::all(&self.state)? {
            if order.header.order == id && order.phase == OrderPhase::Waiting {
                order.phase = OrderPhase::Dropped;
                order.save(&self.state)?;
                let run = Some(order.header.run);
                self.event(EventCode::ORDER_WITHDRAWN, "", Some(id), run)?;
            }
        }
        Ok(())
    }

    /// Says what a failure means, and how long to wait.
    fn failed(&mut self, error: CallError) -> Result<TimeDelta, AgentError> {
        let (event, detail) = match &error {
            CallError::Network(error) => (EventCode::SERVER_UNREACHABLE, error.to_string()),
            CallError::Unsigned(why) => (EventCode::ANSWER_UNSIGNED, why.clone()),
            CallError::NotTrusted(error) => (EventCode::SERVER_NOT_TRUSTED, error.to_string()),
            CallError::Refused(problem) if problem.code == codes::COMPUTER_UNKNOWN.code => {
                (EventCode::WAITING_FOR_IMPORT, problem.title.clone())
            }
            CallError::Refused(problem) => {
                self.note_refusal(&problem.code)?;
                (
                    EventCode::SERVER_UNREACHABLE,
                    format!("{}: {}", problem.code, problem.title),
                )
            }
            CallError::NoPsk | CallError::Seal(_) => {
                (EventCode::SERVER_UNREACHABLE, error.to_string())
            }
            CallError::State(_) | CallError::Key(_) => {
                return Err(match error {
                    CallError::State(error) => error.into(),
                    CallError::Key(error) => error.into(),
                    _ => return Ok(TimeDelta::minutes(1)),
                });
            }
        };
        tracing::warn!(%error, "The server was not reached");
        self.event(event, &detail, None, None)?;
        let asked = match &error {
            CallError::Refused(problem) => problem.retry_after_seconds,
            _ => None,
        };
        self.trouble = Some(CallTrouble {
            text: error.to_string(),
            code: error.code().map(str::to_owned),
        });
        self.failures = self.failures.saturating_add(1);
        let minutes = 1_i64 << self.failures.saturating_sub(1).min(6);
        let doubled = TimeDelta::minutes(minutes.min(60)).min(self.poll_every);
        Ok(asked.map_or(doubled, |seconds| {
            TimeDelta::seconds(seconds.clamp(1, MAX_POLL).into())
        }))
    }

    /// What a refusal says of this agent itself.
    fn note_refusal(&mut self, code: &str) -> Result<(), AgentError> {
        if code == codes::REVOKED.code {
            self.trust = Some(DeviceTrust::Revoked);
        } else if code == codes::CONFLICT.code {
            self.trust = Some(DeviceTrust::Conflict);
        } else if code == codes::KEY_UNKNOWN.code && self.identity.psk.is_some() {
            self.identity.enrolled = None;
            self.identity.save(&self.state)?;
        }
        Ok(())
    }
}

/// Bounds of what a server may ask for between two polls, in seconds.
const MIN_POLL: u32 = 5;
const MAX_POLL: u32 = 6 * 3600;
/// A difference of the clocks from which it is reported.
const SKEW_WORTH_SAYING_MS: i64 = 300_000;

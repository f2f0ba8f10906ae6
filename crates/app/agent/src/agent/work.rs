//! Runs: what is due starts, what has begun goes on until it ends.

use super::{Agent, AgentError};
use crate::{
    call::CallError,
    facts::Restart,
    orders::{HeldOrder, OrderPhase},
    rundir::{RunDir, RunDirError, survey, why_return},
    runs::{EngineExit, Verb},
    schedule::{Due, due},
};
use chrono::TimeDelta;
use gw_model::{EventCode, FinalState};
use gw_wire::{
    checkin::Verdict,
    codes,
    envelope::Envelope,
    op,
    order::OrderKind,
    report::ReportBody,
    seal::{Purpose, RecipientKey},
    stage::{
        PackageHeader, ProfileSeen, ReturnAnswer, ReturnRequest, ReturnTicket, StageAnswer,
        StagePackage, StageRequest,
    },
};
use serde::de::DeserializeOwned;
use std::time::Duration;
use uuid::Uuid;

/// How far a run came.
enum Drive {
    /// To a final state.
    Ended,
    /// It waits for something; go on after this time.
    Later(Duration),
}

/// May an order start?
enum Leave {
    Yes,
    Wait,
    No,
}

impl Agent {
    /// Resumes what has begun, then starts what is due, one run at a time.
    pub(super) fn work(&mut self) -> Result<(), AgentError> {
        loop {
            let mut orders = HeldOrder::all(&self.state)?;
            let running = orders.iter().position(|o| o.phase == OrderPhase::Running);
            let next = match running {
                Some(index) => Some(orders.swap_remove(index)),
                None => self.next_due(orders)?,
            };
            let Some(order) = next else {
                return self.retry_held();
            };
            if let Drive::Later(wait) = self.drive(order)? {
                self.next_work = self.time.monotonic() + wait;
                return Ok(());
            }
            // What was learned of the run is worth telling at once.
            self.flush_reports()?;
        }
    }

    /// The first order that is due and may start.
    fn next_due(&mut self, orders: Vec<HeldOrder>) -> Result<Option<HeldOrder>, AgentError> {
        for mut order in orders {
            if order.phase != OrderPhase::Waiting {
                continue;
            }
            match due(&order.header, self.moment(), order.wanted_now) {
                Due::Expired => {
                    order.phase = OrderPhase::Dropped;
                    order.save(&self.state)?;
                    let (id, run) = (Some(order.header.order), Some(order.header.run));
                    let detail = format!("it had to start by {}", order.header.start_by);
                    self.event(EventCode::ORDER_EXPIRED, &detail, id, run)?;
                }
                Due::Now => match self.may_start(&order)? {
                    Leave::Yes => return Ok(Some(order)),
                    Leave::Wait => self.next_work = self.time.monotonic() + ASK_AGAIN,
                    Leave::No => {}
                },
                Due::At(_) | Due::OnRequest => {}
            }
        }
        Ok(None)
    }

    /// Asks the server right before a start, if it answers. A server that cannot be reached does not
    /// keep a device from an order that it holds.
    fn may_start(&mut self, order: &HeldOrder) -> Result<Leave, AgentError> {
        let id = order.header.order;
        match self.checkin(Some(id)) {
            Ok(Some(confirmed)) => match confirmed.verdict {
                Verdict::Go => Ok(Leave::Yes),
                Verdict::Wait => Ok(Leave::Wait),
                Verdict::Withdrawn => {
                    self.drop_order(id)?;
                    Ok(Leave::No)
                }
            },
            // The same answer may have withdrawn it.
            Ok(None) => {
                let held = HeldOrder::all(&self.state)?;
                let still = |o: &HeldOrder| o.header.order == id && o.phase == OrderPhase::Waiting;
                Ok(if held.iter().any(still) {
                    Leave::Yes
                } else {
                    Leave::No
                })
            }
            Err(CallError::Network(_) | CallError::Unsigned(_)) => Ok(Leave::Yes),
            Err(CallError::State(error)) => Err(error.into()),
            Err(error) => {
                tracing::warn!(%error, order.id = %id, "An order is not started");
                Ok(Leave::Wait)
            }
        }
    }

    fn drop_order(&mut self, id: gw_model::OrderId) -> Result<(), AgentError> {
        match self.withdraw(id) {
            Err(CallError::State(error)) => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Starts a run or goes on with it, until it ends or waits.
    fn drive(&mut self, mut order: HeldOrder) -> Result<Drive, AgentError> {
        let dir = RunDir::open(&self.state, order.header.run)?;
        if order.phase == OrderPhase::Waiting && !self.begin(&mut order, &dir)? {
            return Ok(Drive::Ended);
        }
        loop {
            // A run that waits for its escrow has nothing for the engine to do, unless it goes back.
            if !order.go_back
                && self.escrow.waits(order.header.run)
                && let Some(wait) = self.escrow_password(&order, &dir)?
            {
                return Ok(Drive::Later(wait));
            }
            dir.ask_to_stop(false)?;
            let exit = self.start_engine(&mut order, &dir)?;
            self.report_progress(&mut order, &dir)?;
            if order.go_back && !matches!(exit, EngineExit::Refused | EngineExit::Crashed) {
                order.go_back = false;
                order.save(&self.state)?;
            }
            let wait = match exit {
                EngineExit::Final => {
                    self.finish(&mut order, &dir)?;
                    return Ok(Drive::Ended);
                }
                EngineExit::NeedsStage => self.stage(&mut order, &dir)?,
                EngineExit::NeedsReturn => self.ask_for_return(&order, &dir)?,
                EngineExit::NeedsEscrow => self.escrow_password(&order, &dir)?,
                EngineExit::Restart => match self.device.restart()? {
                    Restart::Done => None,
                    Restart::Pending => Some(Duration::from_secs(600)),
                },
                EngineExit::Stopped => Some(Duration::from_secs(5)),
                EngineExit::Refused => match self.refused(&mut order, &dir)? {
                    Some(wait) => Some(wait),
                    None => return Ok(Drive::Ended),
                },
                EngineExit::Crashed => {
                    if self.starts.too_many(&dir, MAX_STARTS)? {
                        // Not given up: looked at again, but no longer in a tight loop.
                        let run = Some(order.header.run);
                        let detail = "the engine ends again and again without getting further";
                        self.event(
                            EventCode::STEP_FAILED,
                            detail,
                            Some(order.header.order),
                            run,
                        )?;
                        Some(Duration::from_secs(600))
                    } else {
                        None
                    }
                }
            };
            if let Some(wait) = wait {
                return Ok(Drive::Later(wait));
            }
        }
    }

    /// The engine refused to start. `None`: for good.
    fn refused(
        &mut self,
        order: &mut HeldOrder,
        dir: &RunDir,
    ) -> Result<Option<Duration>, AgentError> {
        if dir.machine_is_busy() {
            // An engine that outlived its agent: it is let finish.
            return Ok(Some(Duration::from_secs(5)));
        }
        let why = "the engine refused the run; its log says why";
        if order.header.kind == OrderKind::Undo || dir.records()?.is_empty() {
            self.give_up(order, why)?;
            return Ok(None);
        }
        // A run that has begun is never dropped. A request to go back that came too late is.
        order.go_back = false;
        order.save(&self.state)?;
        let (id, run) = (Some(order.header.order), Some(order.header.run));
        self.event(EventCode::STEP_FAILED, why, id, run)?;
        Ok(Some(Duration::from_secs(600)))
    }

    /// Writes the run directory and says that the run begins. `false`: it cannot.
    fn begin(&mut self, order: &mut HeldOrder, dir: &RunDir) -> Result<bool, AgentError> {
        if order.header.kind != OrderKind::Undo {
            match dir.write_order(order) {
                Ok(()) => {}
                Err(RunDirError::State(error)) => return Err(error.into()),
                Err(RunDirError::Random(error)) => return Err(error.into()),
                Err(error) => {
                    self.give_up(order, &error.to_string())?;
                    return Ok(false);
                }
            }
        } else if dir.records()?.is_empty() {
            self.give_up(
                order,
                "there is no run of this number on the device to take back",
            )?;
            return Ok(false);
        }
        order.phase = OrderPhase::Running;
        order.save(&self.state)?;
        let (id, run) = (Some(order.header.order), order.header.run);
        let body = ReportBody::Started {
            run,
            order: Box::new(order.proof.clone()),
        };
        self.push(body, Uuid::now_v7())?;
        self.event(
            EventCode::RUN_STARTED,
            &order.header.runbook.name,
            id,
            Some(run),
        )?;
        self.flush_reports()?;
        Ok(true)
    }

    fn start_engine(
        &mut self,
        order: &mut HeldOrder,
        dir: &RunDir,
    ) -> Result<EngineExit, AgentError> {
        let mut engine = self
            .engine
            .take()
            .ok_or_else(|| AgentError::Engine(std::io::Error::other("it is running already")))?;
        let mut heard: Result<(), AgentError> = Ok(());
        let mut offline_until = Duration::ZERO;
        let verb = if order.go_back { Verb::Undo } else { Verb::Go };
        let exit = engine.run(&dir.path, verb, &mut || {
            if heard.is_err() {
                return;
            }
            heard = self.report_progress(order, dir).and_then(|()| {
                let now = self.time.monotonic();
                if now < offline_until {
                    return Ok(());
                }
                let sent = self.flush_reports();
                if self.queue.waiting() > 0 {
                    offline_until = self.time.monotonic() + Duration::from_secs(60);
                }
                sent
            });
        });
        self.engine = Some(engine);
        heard?;
        exit.map_err(AgentError::Engine)
    }

    /// An order that cannot begin, or an engine that refuses: said, and nothing changed.
    fn give_up(&mut self, order: &mut HeldOrder, why: &str) -> Result<(), AgentError> {
        order.phase = OrderPhase::Dropped;
        order.save(&self.state)?;
        let (id, run) = (Some(order.header.order), Some(order.header.run));
        self.event(EventCode::PREFLIGHT_BLOCKED, why, id, run)?;
        Ok(())
    }

    /// A run ended: report, ledger, order, in this order, each of which may be repeated.
    fn finish(&mut self, order: &mut HeldOrder, dir: &RunDir) -> Result<(), AgentError> {
        let Some(result) = dir.result()? else {
            return self.give_up(order, "the engine ended without a result");
        };
        let (state, ended) = (result.state, result.ended);
        self.report_result(order, result)?;
        let runbook = order.header.runbook.id;
        match (order.header.kind, state) {
            (OrderKind::Run, FinalState::Migrated) => {
                self.ledger.finished.insert(runbook, order.header.run);
                self.ledger.save(&self.state)?;
                let days = gw_engine::fallback_days(&order.body).map(TimeDelta::days);
                order.retire_at = days.map(|days| ended + days);
            }
            (_, FinalState::Restored | FinalState::Returned)
                if self.ledger.finished.get(&runbook) == Some(&order.header.run) =>
            {
                self.ledger.finished.remove(&runbook);
                self.ledger.save(&self.state)?;
            }
            _ => {}
        }
        if matches!(state, FinalState::Restored | FinalState::Returned) {
            self.nothing_to_retire(order)?;
        }
        order.result = Some(state);
        order.phase = if state == FinalState::Held {
            OrderPhase::Held
        } else {
            OrderPhase::Finished
        };
        order.save(&self.state)?;
        Ok(())
    }

    /// Gets the stage package. Nothing has changed yet, so a refusal takes the run back.
    fn stage(
        &mut self,
        order: &mut HeldOrder,
        dir: &RunDir,
    ) -> Result<Option<Duration>, AgentError> {
        let records = dir.records()?;
        let Some(survey) = survey(&records) else {
            return Ok(Some(RETRY));
        };
        let recipient = RecipientKey::generate()?;
        let profiles = survey.profiles.iter().filter_map(|profile| {
            Some(ProfileSeen {
                sid: profile.sid.as_str().parse().ok()?,
                folder: profile.path.to_string(),
            })
        });
        let request = StageRequest {
            v: gw_wire::PROTOCOL_VERSION,
            order: order.header.order,
            run: order.header.run,
            recipient: recipient.public().into(),
            computer_name: survey.facts.computer_name.clone(),
            sids: survey
                .sids
                .iter()
                .filter_map(|sid| sid.as_str().parse().ok())
                .collect(),
            profiles: profiles.collect(),
        };
        match self.call::<StageAnswer>(op::STAGE, &request) {
            Ok(answer) => {
                let opened: Option<StagePackage> =
                    self.open_package(order, &answer.package, Purpose::Stage, &recipient)?;
                let Some(mut package) = opened else {
                    return Ok(Some(RETRY));
                };
                if let Some(table) = &order.body.whole_table {
                    package.pairs.clone_from(table);
                }
                dir.write_stage(&package)?;
                Ok(None)
            }
            Err(CallError::State(error)) => Err(error.into()),
            Err(CallError::Refused(problem))
                if REFUSED_FOR_GOOD.contains(&problem.code.as_str()) =>
            {
                let (id, run) = (Some(order.header.order), Some(order.header.run));
                let detail = problem.detail.unwrap_or(problem.title);
                self.event(EventCode::STEP_FAILED, &detail, id, run)?;
                order.go_back = true;
                order.save(&self.state)?;
                Ok(None)
            }
            Err(error) => {
                tracing::warn!(%error, run.id = %order.header.run, "The run waits for its stage package");
                Ok(Some(RETRY))
            }
        }
    }

    /// Asks for a way back, and hands the answer to the engine.
    fn ask_for_return(
        &mut self,
        order: &HeldOrder,
        dir: &RunDir,
    ) -> Result<Option<Duration>, AgentError> {
        let recipient = RecipientKey::generate()?;
        let request = ReturnRequest {
            v: gw_wire::PROTOCOL_VERSION,
            order: order.header.order,
            run: order.header.run,
            recipient: recipient.public().into(),
            because: why_return(&dir.records()?),
        };
        let (because, is_final) = match self.call::<ReturnAnswer>(op::RETURN, &request) {
            Ok(answer) => {
                let opened: Option<ReturnTicket> =
                    self.open_package(order, &answer.ticket, Purpose::Return, &recipient)?;
                let Some(ticket) = opened else {
                    return Ok(Some(RETRY));
                };
                dir.write_ticket(&ticket)?;
                return Ok(None);
            }
            Err(CallError::State(error)) => return Err(error.into()),
            Err(CallError::Refused(problem)) => {
                let is_final = problem.code == codes::ORDER_CLOSED.code;
                (problem.detail.unwrap_or(problem.title), is_final)
            }
            Err(error) => (error.to_string(), false),
        };
        // The engine keeps the time: it ends held when the budget is spent.
        dir.write_no_ticket(&because, is_final)?;
        Ok(if is_final { None } else { Some(RETRY) })
    }

    /// Asks again for a way back for runs that ended held.
    fn retry_held(&mut self) -> Result<(), AgentError> {
        for mut order in HeldOrder::all(&self.state)? {
            if order.phase != OrderPhase::Held {
                continue;
            }
            let dir = RunDir::open(&self.state, order.header.run)?;
            if self.ask_for_return(&order, &dir)?.is_none() {
                order.phase = OrderPhase::Running;
                order.save(&self.state)?;
                self.next_work = self.time.monotonic();
            } else {
                self.next_work = self.time.monotonic() + ASK_AGAIN;
            }
        }
        Ok(())
    }

    /// Verifies and opens a package. What does not hold is reported and not used.
    fn open_package<T: DeserializeOwned>(
        &mut self,
        order: &HeldOrder,
        envelope: &Envelope,
        purpose: Purpose,
        recipient: &RecipientKey,
    ) -> Result<Option<T>, AgentError> {
        let Some(keys) = self.identity.keys() else {
            return Ok(None);
        };
        let wanted = |header: &PackageHeader| {
            header.purpose == purpose
                && header.customer == order.header.customer
                && header.device == order.header.device
                && header.agent_key == order.header.agent_key
                && header.order == order.header.order
                && header.run == order.header.run
        };
        let opened = envelope
            .verify(purpose, &keys, self.now())
            .map_err(|error| error.to_string())
            .and_then(|()| PackageHeader::read(&envelope.header).map_err(|e| e.to_string()))
            .and_then(|header| {
                if wanted(&header) {
                    header.open(envelope, recipient).map_err(|e| e.to_string())
                } else {
                    Err("the package is for another run".to_owned())
                }
            });
        match opened {
            Ok(body) => Ok(Some(body)),
            Err(why) => {
                let (id, run) = (Some(order.header.order), Some(order.header.run));
                self.event(EventCode::ORDER_TAMPERED, &why, id, run)?;
                Ok(None)
            }
        }
    }
}

/// Refusals of a stage request after which the run goes back.
const REFUSED_FOR_GOOD: [&str; 5] = [
    codes::STAGE_REFUSED.code,
    codes::ORDER_CLOSED.code,
    codes::ORDER_UNKNOWN.code,
    codes::REVOKED.code,
    codes::CONFLICT.code,
];
/// Before a request is repeated for a run that waits.
const RETRY: Duration = Duration::from_secs(15);
/// Before the server is asked again whether an order may start.
const ASK_AGAIN: Duration = Duration::from_secs(300);
/// Starts of the engine in a row without a new journal record.
const MAX_STARTS: u32 = 20;

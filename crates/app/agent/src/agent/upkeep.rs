//! What is due besides orders: a look at the guards after each boot, and the end of the fallback
//! administrator some days after a run.

use super::{Agent, AgentError};
use crate::{
    orders::{HeldOrder, OrderPhase},
    rundir::RunDir,
    runs::{EngineExit, Verb},
    state::StateError,
};
use gw_model::EventCode;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, time::Duration};

/// The boot in which the guards were last looked at.
#[derive(Debug, Serialize, Deserialize)]
struct Seen {
    boot_id: String,
}

impl Agent {
    /// Once per boot, before anything else: guards of runs whose time is spent come down, so that a
    /// device that was off in the middle of a run locks nobody out.
    pub(super) fn after_boot(&mut self) -> Result<(), AgentError> {
        if std::mem::replace(&mut self.looked_after_boot, true) {
            return Ok(());
        }
        let boot_id = self.facts.boot_id.clone();
        let seen: Option<Seen> = match self.state.read_json(BOOT) {
            // Looking once more does no harm.
            Err(StateError::Damaged { .. }) => None,
            seen => seen?,
        };
        if seen.is_some_and(|seen| seen.boot_id == boot_id) {
            return Ok(());
        }
        let runs: BTreeSet<_> = HeldOrder::all(&self.state)?
            .iter()
            .filter(|order| order.phase == OrderPhase::Running)
            .map(|order| order.header.run)
            .collect();
        let mut all = true;
        for run in runs {
            let dir = RunDir::open(&self.state, run)?;
            let mut tries = 0..TRIES;
            let done = tries.any(|_| {
                let exit = self.ask_engine(&dir, Verb::Watchdog);
                // An engine that outlived its agent keeps the time itself.
                !matches!(exit, Ok(EngineExit::Crashed) | Err(_))
            });
            if !done {
                all = false;
                let detail = "the guards could not be looked at after the start of the device";
                self.event(EventCode::STEP_FAILED, detail, None, Some(run))?;
            }
        }
        if all {
            self.state.write_json(BOOT, &Seen { boot_id })?;
        }
        Ok(())
    }

    /// Switches fallback administrators off whose days are over. While a run is on its way none is:
    /// it may be the way in. Runs share the account, so the last one's days count, and they are
    /// taken back last first.
    pub(super) fn retire_due(&mut self) -> Result<(), AgentError> {
        if self.time.monotonic() < self.next_retire {
            return Ok(());
        }
        let mut orders = HeldOrder::all(&self.state)?;
        let on_its_way =
            |order: &HeldOrder| matches!(order.phase, OrderPhase::Running | OrderPhase::Held);
        let last = orders.iter().filter_map(|order| order.retire_at).max();
        if orders.iter().any(on_its_way) || last.is_none_or(|at| at > self.now()) {
            return Ok(());
        }
        orders.retain(|order| order.retire_at.is_some());
        for mut order in orders.into_iter().rev() {
            let (id, run) = (Some(order.header.order), order.header.run);
            let dir = RunDir::open(&self.state, run)?;
            match self.ask_engine(&dir, Verb::Retire)? {
                EngineExit::Final => {
                    order.retire_at = None;
                    order.save(&self.state)?;
                    self.event(EventCode::FALLBACK_RETIRED, "", id, Some(run))?;
                }
                // Nothing says how the account was before, and no other try will know.
                EngineExit::Stopped => {
                    order.retire_at = None;
                    order.save(&self.state)?;
                    let detail = "the journal of its run is gone";
                    self.event(EventCode::FALLBACK_STAYS, detail, id, Some(run))?;
                }
                _ => {
                    self.next_retire = self.time.monotonic() + RETIRE_AGAIN;
                    let detail = "it is tried again in an hour";
                    self.event(EventCode::FALLBACK_STAYS, detail, id, Some(run))?;
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// A run that was taken back took its fallback administrator back, too.
    pub(super) fn nothing_to_retire(&self, ended: &mut HeldOrder) -> Result<(), StateError> {
        ended.retire_at = None;
        for mut order in HeldOrder::all(&self.state)? {
            let same = order.header.run == ended.header.run;
            if same && order.header.order != ended.header.order && order.retire_at.is_some() {
                order.retire_at = None;
                order.save(&self.state)?;
            }
        }
        Ok(())
    }

    /// A short process of the engine that is not part of a run's way.
    fn ask_engine(&mut self, dir: &RunDir, verb: Verb) -> Result<EngineExit, AgentError> {
        let engine = self
            .engine
            .as_mut()
            .ok_or_else(|| AgentError::Engine(std::io::Error::other("it is running already")))?;
        engine
            .run(&dir.path, verb, &mut || ())
            .map_err(AgentError::Engine)
    }
}

/// Where the last boot is noted.
const BOOT: &str = "boot.json";
/// Processes that may fail to look at the guards.
const TRIES: u32 = 3;
/// Before a fallback administrator that could not be switched off is tried again.
const RETIRE_AGAIN: Duration = Duration::from_secs(3600);

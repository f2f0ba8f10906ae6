//! The only place where a device changes: intent, execution, done; and undone.

use std::thread;

use gw_model::StepName;
use gw_platform::{Before, Change, ChangeDoc, Cx, Machine, MachineError, Outcome, Undone};

use super::{EngineError, Exit, Failure, Halt, Run};
use crate::access::{Access, RunInputs, RunProgress, Store};
use crate::journal::{Direction, Event};

impl<'a> Run<'a> {
    /// Makes one change, from wherever an earlier process left it.
    pub(super) fn apply(&mut self, seq: u64, step: StepName, change: &Change) -> Result<(), Halt> {
        self.stop_if_asked()?;
        let mark = self.state.changes.get(&seq).cloned();
        let before = match &mark {
            Some(mark) if mark.outcome.is_some() && mark.undone.is_none() => {
                return self.restart_after(seq);
            }
            // What could not be undone keeps its before-image: the only one there is.
            Some(mark) if mark.undone.is_none() || mark.given_up => mark.before.clone(),
            // New, or taken back by an earlier try: it begins anew.
            _ => {
                let before = self
                    .try_machine(seq, None, |machine, cx| machine.prepare(change, cx))
                    .map_err(|halt| self.failed(halt, step, seq, change))?;
                if self.intent_first() {
                    self.intend(seq, step, change, &before)?;
                }
                before
            }
        };
        let outcome: Outcome = self
            .try_machine(seq, Some(Direction::Forward), |machine, cx| {
                machine.execute(change, &before, cx)
            })
            .map_err(|halt| self.failed(halt, step, seq, change))?;
        if !self.intent_first() && mark.is_none() {
            self.intend(seq, step, change, &before)?;
        }
        self.record(Event::Done { seq, outcome })?;
        self.restart_after(seq)
    }

    /// Asks for the restart that a finished change needs, until it happened.
    fn restart_after(&mut self, seq: u64) -> Result<(), Halt> {
        let planned = self
            .state
            .staged
            .as_ref()
            .and_then(|staged| staged.plan.get(usize::try_from(seq).ok()?))
            .is_some_and(|planned| planned.restart);
        let Some(mark) = self.state.changes.get(&seq) else {
            return Ok(());
        };
        let wanted = planned || mark.outcome.as_ref().is_some_and(|done| done.reboot);
        match wanted && mark.done_in == self.state.boot {
            true => self.want_restart(),
            false => Ok(()),
        }
    }

    /// Ends the process; the agent restarts the device.
    pub(super) fn want_restart(&mut self) -> Result<(), Halt> {
        let boot_id = self.state.boot.clone().unwrap_or_default();
        self.record(Event::RebootWanted { boot_id })?;
        Err(Halt::Exit(Exit::Reboot))
    }

    /// Restores the before-image of one change that may have begun.
    pub(super) fn revert(&mut self, seq: u64) -> Result<Undone, MachineTrouble> {
        let Some(mark) = self.state.changes.get(&seq).cloned() else {
            return Ok(Undone::default());
        };
        #[cfg(test)]
        if self.options.defect == Some(super::Defect::DropUndo)
            && matches!(mark.change, Change::TranslateHive { .. })
        {
            return Ok(Undone {
                objects: mark.before.counts.changed,
                notes: Vec::new(),
            });
        }
        self.try_machine(seq, Some(Direction::Back), |machine, cx| {
            machine.revert(&mark.change, &mark.before, cx)
        })
    }

    fn intend(
        &mut self,
        seq: u64,
        step: StepName,
        change: &Change,
        before: &Before,
    ) -> Result<(), Halt> {
        self.record(Event::Intent {
            seq,
            step,
            change: ChangeDoc::from(change.clone()),
            before: before.clone(),
        })
    }

    #[cfg(test)]
    fn intent_first(&self) -> bool {
        self.options.defect != Some(super::Defect::SwapRecords)
    }

    #[cfg(not(test))]
    fn intent_first(&self) -> bool {
        true
    }

    /// Calls the machine with the change's part of the run directory; tries
    /// again what may pass by itself. `direction` is `None` while preparing.
    pub(super) fn try_machine<T>(
        &mut self,
        seq: u64,
        direction: Option<Direction>,
        mut call: impl FnMut(&mut dyn Machine, &mut Cx<'_>) -> Result<T, MachineError>,
    ) -> Result<T, MachineTrouble> {
        let mut pauses = self.options.retry_after.iter();
        loop {
            let access = || Access {
                shared: self.shared,
                seq,
            };
            // The journal, not the state, knows what an earlier try recorded.
            let cursor = direction.map_or(0, |direction| {
                let shared = self.shared.borrow();
                let of_this_try = shared.journal.records().iter().rev().take_while(
                    |record| !matches!(&record.event, Event::Intent { seq: s, .. } if *s == seq),
                );
                let recorded = of_this_try
                    .filter_map(|record| match &record.event {
                        Event::Progress {
                            seq: s,
                            direction: d,
                            cursor,
                            ..
                        } if *s == seq && *d == direction => Some(*cursor),
                        _ => None,
                    })
                    .next();
                recorded.unwrap_or(0)
            });
            let mut store = Store::new(access(), false);
            let mut progress = RunProgress::new(access(), direction, cursor, self.options.cadence);
            let inputs = RunInputs {
                shared: self.shared,
            };
            let mut cx = Cx {
                store: &mut store,
                progress: &mut progress,
                inputs: &inputs,
            };
            let result = call(&mut *self.machine, &mut cx);
            let journal_error = self.shared.borrow_mut().journal_error.take();
            if let Some(error) = journal_error {
                return Err(MachineTrouble::Journal(EngineError::from(error)));
            }
            match result {
                Ok(value) => return Ok(value),
                Err(error) if error.is_transient() => match pauses.next() {
                    Some(pause) => {
                        thread::sleep(*pause);
                        if self.shared.borrow().storage.stop_requested() {
                            return Err(MachineTrouble::Machine(MachineError::Stopped));
                        }
                    }
                    None => return Err(MachineTrouble::Machine(error)),
                },
                Err(error) => return Err(MachineTrouble::Machine(error)),
            }
        }
    }

    pub(super) fn stop_if_asked(&self) -> Result<(), Halt> {
        match self.shared.borrow().storage.stop_requested() {
            true => Err(Halt::Exit(Exit::Stopped)),
            false => Ok(()),
        }
    }

    fn failed(&self, trouble: MachineTrouble, step: StepName, seq: u64, change: &Change) -> Halt {
        match trouble {
            MachineTrouble::Machine(MachineError::Stopped) => Halt::Exit(Exit::Stopped),
            MachineTrouble::Machine(error @ MachineError::PowerCut) => {
                Halt::Error(EngineError::Machine(error))
            }
            MachineTrouble::Machine(error) => Halt::Failed(Failure {
                step,
                seq: Some(seq),
                error: format!("could not {}: {error}", change.describe()),
                remedy: error.remedy().to_owned(),
            }),
            MachineTrouble::Journal(error) => Halt::Error(error),
        }
    }
}

/// Why a call of the machine gave nothing.
pub(super) enum MachineTrouble {
    /// The device.
    Machine(MachineError),
    /// The journal, on a checkpoint.
    Journal(EngineError),
}

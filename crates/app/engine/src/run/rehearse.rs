//! The rehearsal: the same plan, the same before-images, no change.

use gw_model::{FinalState, StepName, StepState};
use gw_platform::{ChangeDoc, Cx, Machine, WhatIf};

use super::forward::reading_failed;
use super::{Exit, Halt, Run};
use crate::access::{Access, RunInputs, RunProgress, Store};
use crate::journal::Event;

impl Run<'_> {
    pub(super) fn rehearse(&mut self) -> Result<Exit, Halt> {
        if let Some(exit) = self.until_staged()? {
            return Ok(exit);
        }
        let plan = match &self.state.staged {
            Some(staged) => staged.plan.clone(),
            None => Vec::new(),
        };
        let first = self.state.planned.len();
        for (seq, planned) in plan.iter().enumerate().skip(first) {
            self.stop_if_asked()?;
            let seq = seq as u64;
            let change = &planned.change.change;
            let access = || Access {
                shared: self.shared,
                seq,
            };
            let mut store = Store::new(access(), true);
            let mut progress = RunProgress::new(access(), None, 0, self.options.cadence);
            let inputs = RunInputs {
                shared: self.shared,
            };
            let mut cx = Cx {
                store: &mut store,
                progress: &mut progress,
                inputs: &inputs,
            };
            let mut what_if = WhatIf::new(&mut *self.machine);
            let before = what_if
                .prepare(change, &mut cx)
                .and_then(|before| {
                    what_if.execute(change, &before, &mut cx)?;
                    Ok(before)
                })
                .map_err(|error| reading_failed(planned.step, error))?;
            self.record(Event::Planned {
                seq,
                step: planned.step,
                change: ChangeDoc::from(change.clone()),
                counts: before.counts,
                undo: before.undo,
            })?;
        }
        self.machine
            .finish()
            .map_err(|error| reading_failed(StepName::CleanUp, error))?;
        self.step(StepName::CleanUp, StepState::Done, None)?;
        self.final_state(FinalState::Rehearsed, "nothing was changed".to_owned())
    }
}

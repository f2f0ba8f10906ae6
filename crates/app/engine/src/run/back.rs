//! The way back: before-images, last change first; a new join of the source if
//! the device had left; and holding when nothing else is left.

use gw_model::{FinalState, StepName, StepState};
use gw_platform::{Change, JoinState, JoinTarget, MachineError, Undone};
use sha2::{Digest, Sha256};

use super::apply::MachineTrouble;
use super::{EngineError, Exit, Failure, Halt, Run, over, read};
use crate::RETURN_SEQ;
use crate::journal::{Event, Side};
use crate::rundir::{RETURN, ReturnFile, Ticket, read_document};

/// Processes that may fail to restore one change before it is given up, so
/// that a device with one lost file still gets home.
const TRIES: u32 = 3;

impl Run<'_> {
    pub(super) fn go_back(&mut self) -> Result<Exit, Halt> {
        self.begin(StepName::WayBack)?;
        let begun = self.to_undo();
        for seq in begun {
            let is_leave = self
                .state
                .changes
                .get(&seq)
                .is_some_and(|mark| matches!(mark.change, Change::Leave { .. }));
            if is_leave {
                if self.has_left()?
                    && let Some(exit) = self.return_home()?
                {
                    return Ok(exit);
                }
                self.record(Event::Undone {
                    seq,
                    undone: Undone::default(),
                    given_up: false,
                })?;
            } else {
                self.undo_one(seq)?;
            }
        }
        if let Some(exit) = self.unused_ticket()? {
            return Ok(exit);
        }
        self.arrived()
    }

    /// Changes to undo, the last one first. A hive is put back as a whole, with what stood in it
    /// beside the change: so a guard, or the fallback administrator, that was taken back before
    /// a later change is taken back once more.
    fn to_undo(&self) -> Vec<u64> {
        let (mut pending_above, mut undone_above) = (false, None);
        let mut begun = Vec::new();
        for (seq, mark) in self.state.changes.iter().rev() {
            if *seq >= RETURN_SEQ {
                continue;
            }
            let pending = mark.undone.is_none() || mark.given_up;
            let beside = matches!(
                mark.change,
                Change::SetRegistryValue { .. }
                    | Change::SetAccountRight { .. }
                    | Change::MakeAdministrator { .. }
            );
            let back = beside && (pending_above || mark.undone_at < undone_above);
            if pending || back {
                begun.push(*seq);
            }
            if !beside {
                pending_above |= pending;
                undone_above = undone_above.max(mark.undone_at);
            }
        }
        begun
    }

    /// A ticket that was brought and not used changed the password of the source
    /// account: without it the device is not accepted any more.
    fn unused_ticket(&mut self) -> Result<Option<Exit>, Halt> {
        let bytes = read(self.shared.borrow().storage, RETURN)?;
        let Some(bytes) = bytes else {
            return Ok(None);
        };
        let sha256 = hex::encode(Sha256::digest(&bytes));
        let file: ReturnFile = read_document(RETURN, &bytes).map_err(EngineError::from)?;
        let taken = self.state.returning.as_ref();
        let used = taken.is_some_and(|(used, seq)| {
            *used == sha256 && !self.state.failures_of.contains_key(seq) && self.state.returned
        });
        match file.ticket {
            Some(_) if !used => self.with_ticket(),
            _ => Ok(None),
        }
    }

    /// Everything is undone: read it back and end.
    fn arrived(&mut self) -> Result<Exit, Halt> {
        self.restart_for_the_name()?;
        let because = self
            .state
            .going_back
            .as_ref()
            .map(|back| back.because.clone())
            .unwrap_or_default();
        let mut differences = self.given_up();
        differences.extend(self.differences_from_baseline()?);
        self.machine
            .finish()
            .map_err(|error| Halt::Error(EngineError::Machine(error)))?;
        if !differences.is_empty() {
            let because = format!(
                "{because}; the device is not as it was: {}",
                differences.join("; ")
            );
            self.step(StepName::WayBack, StepState::Failed, Some(because.clone()))?;
            return self.final_state(FinalState::Held, because);
        }
        self.step(StepName::WayBack, StepState::Done, None)?;
        let state = match self.state.returned {
            true => FinalState::Returned,
            false => FinalState::Restored,
        };
        self.final_state(state, because)
    }

    /// What could not be undone, in words.
    fn given_up(&self) -> Vec<String> {
        let marks = self.state.changes.values().filter(|mark| mark.given_up);
        marks
            .map(|mark| format!("could not undo: {}", mark.change.describe()))
            .collect()
    }

    /// Undoes one change; one that cannot be undone is given up after a few
    /// processes have tried, and named in the result.
    pub(super) fn undo_one(&mut self, seq: u64) -> Result<(), Halt> {
        self.stop_if_asked()?;
        let error = match self.revert(seq) {
            Ok(undone) => {
                return self.record(Event::Undone {
                    seq,
                    undone,
                    given_up: false,
                });
            }
            Err(MachineTrouble::Journal(error)) => return Err(Halt::Error(error)),
            Err(MachineTrouble::Machine(MachineError::Stopped)) => {
                return Err(Halt::Exit(Exit::Stopped));
            }
            Err(MachineTrouble::Machine(MachineError::PowerCut)) => {
                return Err(Halt::Error(EngineError::Machine(MachineError::PowerCut)));
            }
            Err(MachineTrouble::Machine(error)) => error,
        };
        let what = self
            .state
            .changes
            .get(&seq)
            .map(|mark| mark.change.describe())
            .unwrap_or_default();
        self.record(Event::Failed {
            step: StepName::WayBack,
            seq: Some(seq),
            error: format!("could not undo {what:?}: {error}"),
            remedy: error.remedy().to_owned(),
        })?;
        if self.state.failures_of.get(&seq).copied().unwrap_or(0) < TRIES {
            return Err(Halt::Error(EngineError::Machine(error)));
        }
        self.record(Event::Undone {
            seq,
            undone: Undone {
                objects: 0,
                notes: vec![format!("not restored: {error}")],
            },
            given_up: true,
        })
    }

    /// Joins the source again; `Some` when the agent must bring a ticket, or
    /// there is none to be had.
    fn return_home(&mut self) -> Result<Option<Exit>, Halt> {
        match self.state.returned {
            true => Ok(None),
            false => self.with_ticket(),
        }
    }

    fn with_ticket(&mut self) -> Result<Option<Exit>, Halt> {
        self.begin(StepName::Return)?;
        if let Some(because) = self.still_renamed()? {
            return self.hold(because).map(Some);
        }
        let bytes = read(self.shared.borrow().storage, RETURN)?;
        let Some(bytes) = bytes else {
            return self.ask_for_ticket("a return ticket is needed").map(Some);
        };
        let sha256 = hex::encode(Sha256::digest(&bytes));
        let file: ReturnFile = read_document(RETURN, &bytes).map_err(EngineError::from)?;
        let taken = self.state.returning.clone();
        if let Some((used, seq)) = &taken
            && *used == sha256
            && self.state.failures_of.contains_key(seq)
        {
            return self
                .ask_for_ticket("the last return ticket did not work")
                .map(Some);
        }
        match (file.ticket, file.refused) {
            (Some(ticket), _) => {
                self.restart_before_package(&ticket.source)?;
                let seq = match taken {
                    Some((used, seq)) if used == sha256 => seq,
                    other => {
                        let seq = other.map_or(RETURN_SEQ, |(_, seq)| seq + 1);
                        self.record(Event::Returning {
                            return_sha256: sha256,
                            seq,
                        })?;
                        seq
                    }
                };
                self.use_ticket(seq, &ticket)
            }
            (None, Some(refusal)) if refusal.r#final => self.hold(refusal.because).map(Some),
            (None, Some(refusal)) => self.ask_for_ticket(&refusal.because).map(Some),
            (None, None) => self.ask_for_ticket("return.json is empty").map(Some),
        }
    }

    fn use_ticket(&mut self, seq: u64, ticket: &Ticket) -> Result<Option<Exit>, Halt> {
        let change = Change::Join {
            target: ticket.source.clone(),
            secret: ticket.secret.clone(),
        };
        let tried = match self.leads_home(&ticket.source) {
            true => self
                .apply(seq, StepName::Return, &change)
                .and_then(|()| self.prove(StepName::Return, &ticket.source, Side::Source)),
            false => Err(Halt::Failed(Failure {
                step: StepName::Return,
                seq: Some(seq),
                error: format!(
                    "the ticket leads to {}, not to where the device came from",
                    ticket.source.describe()
                ),
                remedy: "bring a ticket of the source directory".to_owned(),
            })),
        };
        match tried {
            Ok(()) => {
                self.step(StepName::Return, StepState::Done, None)?;
                Ok(None)
            }
            Err(Halt::Failed(mut failure)) => {
                // Marks this ticket as used up, whatever part of it failed.
                failure.seq = Some(seq);
                let because = failure.error.clone();
                self.record_failure(failure)?;
                self.ask_for_ticket(&because).map(Some)
            }
            Err(other) => Err(other),
        }
    }

    fn leads_home(&self, source: &JoinTarget) -> bool {
        match self.state.leave().map(|mark| &mark.change) {
            Some(Change::Leave { from }) => source.holds(from),
            _ => {
                let survey = self.state.survey.as_ref();
                survey.is_some_and(|survey| source.holds(&survey.join))
            }
        }
    }

    fn ask_for_ticket(&mut self, because: &str) -> Result<Exit, Halt> {
        let waited = match self.state.needs_return {
            true => {
                let now = (self.options.now)();
                self.state.waited_ms.saturating_add(self.state.passed(now))
            }
            false => 0,
        };
        if self.state.needs_return && over(waited, self.order.settings.budget_s) {
            return self.hold(format!(
                "no return ticket within the time budget: {because}"
            ));
        }
        self.record(Event::NeedsReturn {
            because: because.to_owned(),
        })?;
        Ok(Exit::NeedsReturn)
    }

    /// In no directory, and nothing more can be done now: guards down, so that
    /// a local administrator can sign in.
    pub(super) fn hold(&mut self, because: String) -> Result<Exit, Halt> {
        self.lower_guards("the device is held")?;
        let made =
            self.state
                .changes
                .values()
                .find_map(|mark| match (&mark.change, &mark.undone) {
                    (Change::MakeAdministrator { name, password }, None) => {
                        Some((name.clone(), password.clone()))
                    }
                    _ => None,
                });
        if let Some((name, password)) = made {
            let problem = match self.way_in(&name, &password) {
                Ok(()) => None,
                Err(error @ MachineError::PowerCut) => {
                    return Err(Halt::Error(EngineError::Machine(error)));
                }
                Err(error) => Some(error.to_string()),
            };
            self.record(Event::WayIn {
                account: name,
                problem,
            })?;
        }
        let because = match self.given_up() {
            left if left.is_empty() => because,
            left => format!(
                "{because}; the device is not as it was: {}",
                left.join("; ")
            ),
        };
        self.final_state(FinalState::Held, because)
    }

    /// A domain knows the device by its old name: while that could not be put
    /// back, joining would only mean being refused.
    fn still_renamed(&mut self) -> Result<Option<String>, Halt> {
        let (Some(survey), Some(Change::Leave { from })) = (
            &self.state.survey,
            self.state.leave().map(|mark| &mark.change),
        ) else {
            return Ok(None);
        };
        if !matches!(from, JoinState::ActiveDirectory(_)) {
            return Ok(None);
        }
        let (was, source) = (survey.facts.computer_name.clone(), from.describe());
        let is = self.computer_name().map_err(EngineError::from)?;
        Ok((is != was).then(|| {
            format!(
                "the computer is called {is}, but {source} knows it as {was}; \
                 give it that name and bring a new return ticket"
            )
        }))
    }

    /// A name that was put back holds after a restart. The join of the source
    /// had one; without that join it is asked for here.
    fn restart_for_the_name(&mut self) -> Result<(), Halt> {
        let put_back = self.state.changes.values().any(|mark| {
            matches!(mark.change, Change::Rename { .. })
                && mark.undone_in.is_some()
                && mark.undone_in == self.state.boot
        });
        match put_back && self.machine.restarts() {
            true => self.want_restart(),
            false => Ok(()),
        }
    }

    /// A package is not installed in the boot in which a domain was left.
    fn restart_before_package(&mut self, source: &JoinTarget) -> Result<(), Halt> {
        let left_domain = self.state.changes.values().any(|mark| {
            let domain = match &mark.change {
                Change::Join { target, .. } => target.active_directory().is_some(),
                _ => false,
            };
            domain && mark.undone_in.is_some() && mark.undone_in == self.state.boot
        });
        let package = matches!(source, JoinTarget::Entra(_));
        match package && left_domain && self.machine.restarts() {
            true => self.want_restart(),
            false => Ok(()),
        }
    }
}

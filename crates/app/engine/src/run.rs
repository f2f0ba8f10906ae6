//! The state machine of a run: opens the journal, goes on from there, and says
//! why it stopped.

mod apply;
mod back;
mod forward;
mod rehearse;
mod result;
mod verify;

use std::cell::RefCell;
use std::time::Duration;

use chrono::{DateTime, Utc};
use gw_model::{FinalState, RunKind, StepName, StepState};
use gw_platform::{Change, JoinState, Machine, MachineError};
use sha2::{Digest, Sha256};

use crate::access::{Cadence, Shared};
use crate::journal::{Event, Journal, JournalError};
use crate::rundir::{BadDocument, ORDER, OrderFile, Storage, read_document};
use crate::state::State;

/// What the engine is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// Go on.
    Go,
    /// Go back.
    Undo,
    /// The device has started: lift guards whose time is spent. Does nothing
    /// else, so it may be asked at every boot, before anything else.
    Watchdog,
    /// The run ended in the target long enough ago: its fallback administrator
    /// goes out of the group and is switched off. Nothing else.
    Retire,
}

/// How the engine works.
#[derive(Debug, Clone)]
pub struct Options {
    /// The clock of journal records and budgets.
    pub now: fn() -> DateTime<Utc>,
    /// How often a bulk change records where it is.
    pub cadence: Cadence,
    /// Pauses between tries of something that may pass by itself.
    pub retry_after: Vec<Duration>,
    #[cfg(test)]
    pub(crate) defect: Option<Defect>,
}

impl Options {
    /// For real devices: system clock, a checkpoint per second, three tries.
    pub fn real() -> Options {
        Options {
            now: || DateTime::from(std::time::SystemTime::now()),
            cadence: Cadence::Every(Duration::from_millis(400)),
            retry_after: vec![Duration::from_secs(1), Duration::from_secs(2)],
            #[cfg(test)]
            defect: None,
        }
    }
}

/// Mistakes planted by tests, to prove that the tests can see them.
#[cfg(test)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Defect {
    /// The first hive is reported as undone without being undone.
    DropUndo,
    /// Records are not flushed.
    SkipFlush,
    /// The intent is written after the change instead of before.
    SwapRecords,
    /// A torn last record stays where it is.
    KeepTornTail,
}

/// Why the engine stopped; see `docs/run-directory.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// A final state is reached.
    Final(FinalState),
    /// `stage.json` is needed.
    NeedsStage,
    /// `return.json` is needed.
    NeedsReturn,
    /// `escrow.json` is needed.
    NeedsEscrow,
    /// The device must restart.
    Reboot,
    /// Stopped at a checkpoint.
    Stopped,
}

impl Exit {
    /// The exit code of the process.
    pub fn code(self) -> u8 {
        match self {
            Exit::Final(_) => 0,
            Exit::NeedsStage => 10,
            Exit::NeedsReturn => 11,
            Exit::Reboot => 12,
            Exit::NeedsEscrow => 13,
            Exit::Stopped => 75,
        }
    }
}

/// Why the engine could not go on.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The request or the run directory is refused; nothing was changed.
    #[error("{0}")]
    Refused(String),
    /// A document is refused; nothing was changed.
    #[error(transparent)]
    Document(#[from] BadDocument),
    /// The journal is damaged or cannot be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A file of the run directory cannot be used.
    #[error("{name} cannot be {what}")]
    Io {
        /// Which.
        name: String,
        /// Read or written.
        what: &'static str,
        /// The system's words.
        source: std::io::Error,
    },
    /// Something on the way back could not be read; starting again may help.
    #[error("{0}")]
    Failed(String),
    /// The device failed in a way that starting again may mend.
    #[error(transparent)]
    Machine(#[from] MachineError),
}

impl EngineError {
    /// The exit code of the process: 2 when refused, 1 when starting again may
    /// help.
    pub fn code(&self) -> u8 {
        match self {
            EngineError::Refused(_)
            | EngineError::Document(_)
            | EngineError::Journal(JournalError::Damaged(_)) => 2,
            _ => 1,
        }
    }
}

/// Goes on with the run in `storage` on `machine`.
///
/// # Errors
/// When the request is refused, or the process must be started again.
pub fn run(
    machine: &mut dyn Machine,
    storage: &mut dyn Storage,
    options: &Options,
    request: Request,
) -> Result<Exit, EngineError> {
    let bytes = read(storage, ORDER)?.ok_or_else(|| {
        EngineError::Refused("order.json is missing: this is no run directory".to_owned())
    })?;
    let order: OrderFile = read_document(ORDER, &bytes)?;
    if order.kind == RunKind::Undo {
        return Err(EngineError::Refused(
            "an undo is asked for on the run it undoes, not in a run of its own".to_owned(),
        ));
    }
    let order_sha256 = hex::encode(Sha256::digest(&bytes));
    #[cfg(not(test))]
    let mut journal = Journal::open(storage)?;
    #[cfg(test)]
    let mut journal = Journal::open_with(storage, options.defect)?;
    check_binding(&journal, &order, &order_sha256)?;
    let state = State::of(journal.records());
    let fresh = journal.records().is_empty();
    let shared = RefCell::new(Shared {
        storage,
        journal: &mut journal,
        now: options.now,
        journal_error: None,
    });
    let mut run = Run {
        machine,
        shared: &shared,
        options,
        order,
        state,
    };
    if fresh {
        if matches!(request, Request::Watchdog | Request::Retire) {
            return Ok(Exit::Stopped);
        }
        if request == Request::Undo {
            return Err(EngineError::Refused(
                "the run has not begun: there is nothing to undo".to_owned(),
            ));
        }
        run.record(Event::Opened {
            v: 1,
            run_id: run.order.run_id,
            kind: run.order.kind,
            order_sha256,
        })
        .map_err(Halt::into_error)?;
    }
    run.go(request)
}

fn check_binding(journal: &Journal, order: &OrderFile, sha256: &str) -> Result<(), EngineError> {
    match journal.records().first().map(|record| &record.event) {
        None => Ok(()),
        Some(Event::Opened {
            v,
            run_id,
            order_sha256,
            ..
        }) => {
            if *v != 1 {
                return Err(EngineError::Refused(format!(
                    "the journal has version {v}, this program reads 1; install the newer agent"
                )));
            }
            if *run_id != order.run_id || order_sha256 != sha256 {
                return Err(EngineError::Refused(
                    "order.json is not the one this journal was begun with; put the original back"
                        .to_owned(),
                ));
            }
            Ok(())
        }
        Some(_) => Err(EngineError::Refused(
            "the journal does not begin with its order; restore the run directory".to_owned(),
        )),
    }
}

fn read(storage: &dyn Storage, name: &str) -> Result<Option<Vec<u8>>, EngineError> {
    storage.read(name).map_err(|source| EngineError::Io {
        name: name.to_owned(),
        what: "read",
        source,
    })
}

/// One process's work on one run.
struct Run<'a> {
    machine: &'a mut dyn Machine,
    shared: &'a RefCell<Shared<'a>>,
    options: &'a Options,
    order: OrderFile,
    state: State,
}

/// Why work stopped before its end.
enum Halt {
    /// For the agent to act on.
    Exit(Exit),
    /// The run failed: the way back begins.
    Failed(Failure),
    /// The process must end.
    Error(EngineError),
}

/// What went wrong.
struct Failure {
    step: StepName,
    seq: Option<u64>,
    error: String,
    remedy: String,
}

impl From<EngineError> for Halt {
    fn from(error: EngineError) -> Halt {
        Halt::Error(error)
    }
}

impl Halt {
    fn into_error(self) -> EngineError {
        match self {
            Halt::Error(error) => error,
            Halt::Failed(failure) => EngineError::Failed(failure.error),
            Halt::Exit(_) => EngineError::Machine(MachineError::Stopped),
        }
    }
}

impl Run<'_> {
    fn go(&mut self, request: Request) -> Result<Exit, EngineError> {
        if request == Request::Watchdog {
            return self.watchdog();
        }
        if request == Request::Retire {
            return self.retire();
        }
        if request == Request::Undo {
            self.ask_back()?;
        }
        if let Some((state, _)) = &self.state.final_state {
            let state = *state;
            if !(state == FinalState::Held && self.may_try_again()?) {
                self.settle()?;
                return Ok(Exit::Final(state));
            }
        }
        match self.work() {
            Ok(exit) => Ok(exit),
            Err(Halt::Exit(Exit::Stopped)) => {
                self.record(Event::Stopped {}).map_err(Halt::into_error)?;
                Ok(Exit::Stopped)
            }
            Err(Halt::Exit(exit)) => Ok(exit),
            Err(halt) => Err(halt.into_error()),
        }
    }

    fn work(&mut self) -> Result<Exit, Halt> {
        let boot_id = self.machine.facts().map_err(EngineError::from)?.boot_id;
        let attempt = self.state.attempts + 1;
        self.record(Event::Started {
            attempt,
            boot_id: boot_id.clone(),
        })?;
        if self.state.going_back.is_some() {
            return self.go_back();
        }
        let forward = match self.order.kind {
            RunKind::Rehearse => self.rehearse(),
            _ => self.forward(),
        };
        match forward {
            Err(Halt::Failed(failure)) => self.fail(failure),
            other => other,
        }
    }

    /// A failure on the way forward: back, unless nothing leads back.
    fn fail(&mut self, failure: Failure) -> Result<Exit, Halt> {
        let because = failure.error.clone();
        let step = failure.step;
        self.record_failure(failure)?;
        if self.order.kind == RunKind::Rehearse {
            return self.final_state(
                FinalState::Rehearsed,
                format!("the run would not start: {because}"),
            );
        }
        if self.order.settings.forward_only && self.has_left()? {
            if step == StepName::Verify {
                self.begin_rewriting_anew()?;
            }
            return self.hold(because);
        }
        self.record(Event::GoingBack {
            because,
            requested: false,
        })?;
        self.go_back()
    }

    /// Whether the time for reaching the target is spent.
    fn is_late(&self) -> bool {
        let now = (self.options.now)();
        let spent = self.state.spent_ms.saturating_add(self.state.passed(now));
        self.state.budget_runs() && over(spent, self.order.settings.budget_s)
    }

    fn watchdog(&mut self) -> Result<Exit, EngineError> {
        if let Some((state, _)) = &self.state.final_state {
            return Ok(Exit::Final(*state));
        }
        if self.is_late() && !self.state.guards().is_empty() {
            self.lower_guards("the time budget was spent when the device started")
                .map_err(Halt::into_error)?;
        }
        Ok(Exit::Stopped)
    }

    /// Takes the fallback administrator of a run that ended well back, by its
    /// before-image: a new account is switched off, one that was there before
    /// is what it was.
    fn retire(&mut self) -> Result<Exit, EngineError> {
        let state = match &self.state.final_state {
            Some((state, _)) if *state != FinalState::Held => *state,
            _ => {
                return Err(EngineError::Refused(
                    "the run is not over: its fallback administrator is still the way in"
                        .to_owned(),
                ));
            }
        };
        for seq in self.state.administrators() {
            self.undo_one(seq).map_err(Halt::into_error)?;
        }
        match self.state.administrators().is_empty() {
            true => Ok(Exit::Final(state)),
            false => Err(EngineError::Failed(
                "the fallback administrator could not be switched off; see the journal".to_owned(),
            )),
        }
    }

    /// Lifts the guards of a run that is not over; they go up again with it.
    fn lower_guards(&mut self, because: &str) -> Result<(), Halt> {
        if self.state.guards().is_empty() {
            return Ok(());
        }
        self.guards_down()?;
        self.step(
            StepName::GuardsUp,
            StepState::Undone,
            Some(because.to_owned()),
        )
    }

    fn record_failure(&mut self, failure: Failure) -> Result<(), Halt> {
        self.record(Event::Step {
            step: failure.step,
            state: StepState::Failed,
            detail: Some(failure.error.clone()),
        })?;
        self.record(Event::Failed {
            step: failure.step,
            seq: failure.seq,
            error: failure.error,
            remedy: failure.remedy,
        })
    }

    /// `undo` was asked for.
    fn ask_back(&mut self) -> Result<(), EngineError> {
        if self.state.going_back.is_some()
            && !matches!(
                self.state.final_state,
                Some((FinalState::Restored | FinalState::Returned, _))
            )
        {
            return Ok(());
        }
        let ended = self.state.final_state.as_ref().map(|(state, _)| *state);
        match ended {
            Some(state @ (FinalState::Restored | FinalState::Returned | FinalState::Rehearsed)) => {
                return Err(EngineError::Refused(format!(
                    "the run has ended {state:?}: there is nothing to undo"
                )));
            }
            // A held device may be a moved one behind a guard, and a run that is
            // about to end has its guards down already.
            Some(FinalState::Migrated | FinalState::Held) | None => self.refuse_after_commit()?,
        }
        self.record(Event::GoingBack {
            because: "asked for".to_owned(),
            requested: true,
        })
        .map_err(Halt::into_error)
    }

    /// The commit point is the first sign-in of a migrated user.
    fn refuse_after_commit(&mut self) -> Result<(), EngineError> {
        let (Some(staged), Some(survey)) = (&self.state.staged, &self.state.survey) else {
            return Ok(());
        };
        let profiles = self.machine.profiles()?;
        for user in &staged.users {
            let then = survey.profiles.iter().find(|p| p.sid == user.source_sid);
            let now = profiles.iter().find(|p| p.sid == user.target_sid);
            let used = now.is_some_and(|now| {
                now.loaded || then.is_some_and(|then| now.last_use > then.last_use)
            });
            if used {
                return Err(EngineError::Refused(format!(
                    "{} has signed in since the migration: undoing would destroy new work; use a reverse runbook",
                    user.user
                )));
            }
        }
        Ok(())
    }

    /// A held run is taken up again when something new can be tried.
    fn may_try_again(&self) -> Result<bool, EngineError> {
        let undoable = |mark: &crate::state::ChangeMark| mark.given_up;
        if self.state.going_back.is_none() || self.state.changes.values().any(undoable) {
            return Ok(true);
        }
        let shared = self.shared.borrow();
        let Some(bytes) = read(shared.storage, crate::rundir::RETURN)? else {
            return Ok(false);
        };
        let sha256 = hex::encode(Sha256::digest(&bytes));
        let ticket = read_document::<crate::rundir::ReturnFile>(crate::rundir::RETURN, &bytes)?
            .ticket
            .is_some();
        let used = self.state.returning.as_ref().map(|(sha, _)| sha);
        Ok(ticket && used != Some(&sha256))
    }

    fn record(&mut self, event: Event) -> Result<(), Halt> {
        let mut guard = self.shared.borrow_mut();
        let shared = &mut *guard;
        let at = (shared.now)();
        let record = shared
            .journal
            .append(shared.storage, at, event)
            .map_err(EngineError::from)?;
        self.state.add(record);
        Ok(())
    }

    fn step(
        &mut self,
        step: StepName,
        state: StepState,
        detail: Option<String>,
    ) -> Result<(), Halt> {
        self.record(Event::Step {
            step,
            state,
            detail,
        })
    }

    /// Marks a step as running unless it is already.
    fn begin(&mut self, step: StepName) -> Result<(), Halt> {
        match self.state.steps.get(&step).map(|mark| mark.state) {
            Some(StepState::Running) => Ok(()),
            _ => self.step(step, StepState::Running, None),
        }
    }

    fn final_state(&mut self, state: FinalState, because: String) -> Result<Exit, Halt> {
        self.record(Event::Final { state, because })?;
        self.settle()?;
        Ok(Exit::Final(state))
    }

    /// Whether the device is known to have left its source.
    fn has_left(&mut self) -> Result<bool, Halt> {
        let Some(mark) = self.state.leave() else {
            return Ok(false);
        };
        if self.state.returning.is_some() {
            return Ok(true);
        }
        // Also when it was reported as done: a device that says that it still
        // belongs there has not left.
        let Change::Leave { from } = mark.change.clone() else {
            return Ok(false);
        };
        let now: JoinState = self.machine.join_state().map_err(EngineError::from)?;
        Ok(now != from)
    }
}

/// Whether `ms` milliseconds are at least `seconds`.
fn over(ms: i64, seconds: u64) -> bool {
    ms >= i64::try_from(seconds)
        .unwrap_or(i64::MAX)
        .saturating_mul(1000)
}

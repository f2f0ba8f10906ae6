//! Driving a run: the engine as a child process, the stage and return round trips between its
//! starts, and its journal as reports.

use crate::{rundir::RunDir, state::StateError};
use gw_engine::journal::{Event, Record, Severity};
use gw_model::StepState;
use gw_wire::report::ProgressEntry;
use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

/// How the engine's process ended (`docs/run-directory.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineExit {
    /// 0: a final state.
    Final,
    /// 10: needs the stage package.
    NeedsStage,
    /// 11: needs a return ticket.
    NeedsReturn,
    /// 12: wants a restart.
    Restart,
    /// 13: the fallback administrator's password must be in safe hands first.
    NeedsEscrow,
    /// 75: stopped at a checkpoint.
    Stopped,
    /// 2: refused, nothing changed.
    Refused,
    /// Anything else.
    Crashed,
}

impl EngineExit {
    /// From an exit code; none means a signal.
    #[must_use]
    pub fn from_code(code: Option<i32>) -> Self {
        match code {
            Some(0) => Self::Final,
            Some(10) => Self::NeedsStage,
            Some(11) => Self::NeedsReturn,
            Some(12) => Self::Restart,
            Some(13) => Self::NeedsEscrow,
            Some(75) => Self::Stopped,
            Some(2) => Self::Refused,
            _ => Self::Crashed,
        }
    }
}

/// What a process of the engine is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Go on.
    Go,
    /// Go back.
    Undo,
    /// Lift guards whose time is spent.
    Watchdog,
    /// Switch the fallback administrator of a finished run off.
    Retire,
}

impl Verb {
    /// As the program takes it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Go => "engine",
            Self::Undo => "undo",
            Self::Watchdog => "watchdog",
            Self::Retire => "retire",
        }
    }
}

/// Starts the engine and waits for it.
pub trait Engine {
    /// Runs it on a run directory until its process ends. `meanwhile` is called every few seconds.
    ///
    /// # Errors
    /// It cannot be started.
    fn run(
        &mut self,
        dir: &Path,
        verb: Verb,
        meanwhile: &mut dyn FnMut(),
    ) -> io::Result<EngineExit>;
}

/// The engine as a process of its own: a program that takes `VERB --run DIR --device DEVICE`.
pub struct ChildEngine {
    /// The program: our own, as a rule.
    pub program: PathBuf,
    /// `image:DIR`, or another device.
    pub device: OsString,
}

impl Engine for ChildEngine {
    fn run(
        &mut self,
        dir: &Path,
        verb: Verb,
        meanwhile: &mut dyn FnMut(),
    ) -> io::Result<EngineExit> {
        let child = Command::new(&self.program)
            .arg(verb.word())
            .arg("--run")
            .arg(dir)
            .arg("--device")
            .arg(&self.device)
            .stdin(Stdio::null())
            .spawn()?;
        let mut child = Ended(child);
        let mut waited = 0;
        loop {
            if let Some(status) = child.0.try_wait()? {
                return Ok(EngineExit::from_code(status.code()));
            }
            std::thread::sleep(Duration::from_millis(100));
            waited += 1;
            if waited % 20 == 0 {
                meanwhile();
            }
        }
    }
}

/// A child that does not outlive the wait for it: two engines must never meet. It is safe to end at
/// any instruction; that is what its journal is for.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}

/// The lines of a journal that people want to read, from record `from` on.
pub(crate) fn progress(records: &[Record], from: u64) -> Vec<ProgressEntry> {
    records
        .iter()
        .filter(|record| record.n >= from)
        .filter_map(entry)
        .collect()
}

fn entry(record: &Record) -> Option<ProgressEntry> {
    let (step, state, text) = match &record.event {
        Event::Started { attempt, .. } => (None, None, format!("Attempt {attempt}")),
        Event::Step {
            step,
            state,
            detail,
        } => (
            Some(*step),
            Some(*state),
            detail.clone().unwrap_or_default(),
        ),
        Event::Finding(finding) if finding.severity != Severity::Info => {
            let text = format!("{}: {} {}", finding.check, finding.evidence, finding.remedy);
            (None, None, text.trim_end().to_owned())
        }
        Event::Proof { proof, .. } => {
            let text = format!(
                "{} proven by {} ({})",
                proof.principal, proof.server, proof.method
            );
            (None, None, text)
        }
        Event::Failed {
            step,
            error,
            remedy,
            ..
        } => {
            let text = format!("{error}; {remedy}");
            (Some(*step), Some(StepState::Failed), text)
        }
        Event::GoingBack { because, .. } => (None, None, format!("Going back: {because}")),
        Event::NeedsReturn { because } => (None, None, format!("Needs a return ticket: {because}")),
        Event::Escrowed { .. } => {
            let text = "The server holds the fallback administrator's password";
            (None, None, text.to_owned())
        }
        Event::WayIn { account, problem } => {
            let text = match problem {
                None => format!("The local administrator {account} signs in"),
                Some(why) => format!("The local administrator {account} does not sign in: {why}"),
            };
            (None, None, text)
        }
        Event::RebootWanted { .. } => (None, None, "Restarts".to_owned()),
        Event::Stopped {} => (None, None, "Stopped at a checkpoint".to_owned()),
        Event::Final { state, because } => (None, None, format!("{state:?}: {because}")),
        _ => return None,
    };
    Some(ProgressEntry {
        record: record.n,
        at: record.at,
        step,
        state,
        text,
    })
}

/// Counts starts of the engine without a new journal record.
#[derive(Debug, Default)]
pub(crate) struct Starts {
    seen: u64,
    fruitless: u32,
}

impl Starts {
    /// Notes a crash; `true` if it is time to give up.
    pub(crate) fn too_many(&mut self, dir: &RunDir, limit: u32) -> Result<bool, StateError> {
        let now = dir.records().map_or(0, |records| records.len() as u64);
        if now > self.seen {
            self.seen = now;
            self.fruitless = 0;
        }
        self.fruitless += 1;
        Ok(self.fruitless >= limit)
    }
}

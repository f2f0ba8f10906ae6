//! Tools that work on files and streams, without a server and without a run.
//!
//! Exit codes, the same for each of them: 0 done, 2 input refused and nothing
//! written, 1 anything else.

pub(crate) mod hive;
pub(crate) mod map;
pub(crate) mod sd;
pub(crate) mod volume;

use clap::ValueEnum;
use std::process::ExitCode;

/// How a tool ends when it does not end well.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The input is not to be used; nothing was written.
    Refused(anyhow::Error),
    /// Anything else.
    Failed(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// What a tool answers.
pub(crate) type Outcome = Result<(), Failure>;

/// Says what went wrong, on the error stream, and picks the exit code.
pub(crate) fn exit_code(outcome: Outcome) -> ExitCode {
    let (error, code) = match outcome {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Refused(error)) => (error, 2),
        Err(Failure::Failed(error)) => (error, 1),
    };
    eprintln!("godwit-agent: {error:#}");
    ExitCode::from(code)
}

/// The `--mode` of every tool that translates.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Mode {
    /// Targets get what sources have; sources keep it
    Add,
    /// Targets get what sources have; sources are gone
    Replace,
}

impl From<Mode> for gw_secdesc::Mode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Add => Self::Add,
            Mode::Replace => Self::Replace,
        }
    }
}

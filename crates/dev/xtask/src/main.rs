//! The developer verbs: `cargo xtask setup | check | lab | test | bench | windows | fuzz | ci`.
//!
//! Kept free of the product's crates so that it builds in seconds; it drives cargo, npm and the
//! lab's own program.

mod bench;
mod check;
mod ci;
mod fuzz;
mod lab;
mod run;
mod setup;
mod test;
mod windows;
mod wine;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Developer verbs of Godwit")]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Install every system package, tool and npm package that is needed
    Setup,
    /// The house rules as tests; without a name, all of them
    Check {
        /// One of: fmt, deps, size, docs, licences, fuzz, clippy
        name: Option<String>,
        /// Check another workspace (used to test the checks themselves)
        #[arg(long)]
        workspace: Option<std::path::PathBuf>,
    },
    /// Start server, directories and devices, migrate for real, verify independently
    Lab(lab::Arguments),
    /// Run everything, or one part
    Test {
        /// One of: unit, suite, pg, web, areas, lab, e2e, windows, fixtures, engine-matrix, chaos, kills, blockers
        part: Option<String>,
        #[command(flatten)]
        storm: test::chaos::Arguments,
    },
    /// Measure the budgets
    Bench {
        /// Only rows whose name contains this
        name: Option<String>,
        /// Write the rows as JSON
        #[arg(long)]
        json: Option<std::path::PathBuf>,
    },
    /// Cross-build and lint the agent and everything under it for Windows
    Windows,
    /// Feed changed bytes to everything that reads foreign ones
    Fuzz(fuzz::Arguments),
    /// What `.ci/run` calls
    Ci,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().verb {
        Verb::Setup => setup::run(),
        Verb::Check { name, workspace } => check::run_verb(name.as_deref(), workspace.as_deref()),
        Verb::Lab(arguments) => lab::run_verb(&arguments),
        Verb::Test { part, storm } => test::run_verb_with(part.as_deref(), &storm),
        Verb::Bench { name, json } => bench::run_verb(name.as_deref(), json.as_deref()),
        Verb::Windows => windows::run_verb(),
        Verb::Fuzz(arguments) => fuzz::run_verb(&arguments),
        Verb::Ci => ci::run_verb(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

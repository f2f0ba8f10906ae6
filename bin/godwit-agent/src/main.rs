//! `godwit-agent`: the program on the device, and its offline tools.
//!
//! Thin: arguments in, one function called, exit code out. Each subcommand is
//! a module of its own.

mod agent;
mod engine;
mod offline;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Moves this device between directories and keeps its profiles.
#[derive(Parser)]
#[command(name = "godwit-agent", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Enrol, check in, run what is ordered, report
    Run(agent::Run),
    /// Show what the agent is doing
    Status(agent::Status),
    /// Ask the agent of this device to check in now
    CheckRunbooks(agent::Device),
    /// Ask the agent of this device to start now what is available
    MigrateNow(agent::Device),
    /// Say what a runbook would do on this device; change nothing
    Rehearse(agent::Rehearse),
    /// Clear the agent's identity before an image is taken
    PrepareImage(agent::Device),
    /// One process of one run; started by the agent
    #[command(hide = true)]
    Engine(engine::Command),
    /// Take one run back; started by the agent
    #[command(hide = true)]
    Undo(engine::Command),
    /// Lift the guards of a run whose time is spent; started by the agent at each boot
    #[command(hide = true)]
    Watchdog(engine::Command),
    /// Switch the fallback administrator of a finished run off; started by the agent
    #[command(hide = true)]
    Retire(engine::Command),
    /// Registry hives that no Windows has loaded
    #[command(subcommand)]
    Hive(offline::hive::Command),
    /// Security descriptors
    #[command(subcommand)]
    Sd(offline::sd::Command),
    /// NTFS volumes that no system has mounted
    #[command(subcommand)]
    Volume(offline::volume::Command),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Run(command) => agent::run(&command),
        Command::Status(command) => offline::exit_code(agent::status(&command)),
        Command::CheckRunbooks(device) => offline::exit_code(agent::check_runbooks(&device)),
        Command::MigrateNow(device) => offline::exit_code(agent::migrate_now(&device)),
        Command::Rehearse(command) => offline::exit_code(agent::rehearse(&command)),
        Command::PrepareImage(device) => offline::exit_code(agent::prepare_image(&device)),
        Command::Engine(command) => engine::run(&command, gw_engine::Request::Go),
        Command::Undo(command) => engine::run(&command, gw_engine::Request::Undo),
        Command::Watchdog(command) => engine::run(&command, gw_engine::Request::Watchdog),
        Command::Retire(command) => engine::run(&command, gw_engine::Request::Retire),
        Command::Hive(command) => offline::exit_code(offline::hive::run(&command)),
        Command::Sd(command) => offline::exit_code(offline::sd::run(&command)),
        Command::Volume(command) => offline::exit_code(offline::volume::run(&command)),
    }
}

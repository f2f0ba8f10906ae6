//! `godwit-agent`: the program on the device, and its offline tools.
//!
//! Thin: arguments in, one function called, exit code out. Each subcommand is
//! a module of its own.

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
    /// One process of one run; started by the agent
    #[command(hide = true)]
    Engine(engine::Command),
    /// Take one run back; started by the agent
    #[command(hide = true)]
    Undo(engine::Command),
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
        Command::Engine(command) => engine::run(&command, gw_engine::Request::Go),
        Command::Undo(command) => engine::run(&command, gw_engine::Request::Undo),
        Command::Hive(command) => offline::exit_code(offline::hive::run(&command)),
        Command::Sd(command) => offline::exit_code(offline::sd::run(&command)),
        Command::Volume(command) => offline::exit_code(offline::volume::run(&command)),
    }
}

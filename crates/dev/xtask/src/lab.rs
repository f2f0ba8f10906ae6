//! `lab`: builds the product and the lab, then hands over to the lab's own program.

use crate::{
    run::{cargo, command, python, root, run, target_dir},
    setup,
};
use anyhow::Result;
use std::path::PathBuf;

#[derive(clap::Args, Clone, Default)]
pub(crate) struct Arguments {
    /// What is played: ad-ad (a migration), proxy (the same through a proxy that is listened to),
    /// protocol (impostors, rivals, hostile orders, a server that is away), console (in Chromium)
    #[arg(default_value = "ad-ad")]
    pub(crate) scenario: String,
    /// How many devices
    #[arg(long, default_value_t = 1)]
    pub(crate) devices: u32,
    /// Files and folders on each device
    #[arg(long, default_value_t = 20_000)]
    pub(crate) files: u32,
    /// Leave the console up and print its address and sign-in
    #[arg(long)]
    pub(crate) keep: bool,
    /// Write the result as JSON
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
    /// Break it on purpose: power, join or verify
    #[arg(long)]
    pub(crate) scenario_break: Option<String>,
    /// Seed of everything random
    #[arg(long)]
    pub(crate) seed: Option<u64>,
}

/// Builds what the lab runs: server, agent and the lab's program, with the features of the whole
/// workspace, as the tests are.
pub(crate) fn build() -> Result<()> {
    run(&mut cargo(&[
        "build",
        "--workspace",
        "--quiet",
        "--locked",
        "--bins",
    ]))
}

/// The verb.
pub(crate) fn run_verb(arguments: &Arguments) -> Result<()> {
    setup::ensure()?;
    crate::test::build_console()?;
    build()?;
    let mut lab = command(target_dir().join("debug/gw-lab"));
    lab.args(["scenario", &arguments.scenario])
        .arg("--devices")
        .arg(arguments.devices.to_string())
        .arg("--files")
        .arg(arguments.files.to_string())
        .arg("--bin-dir")
        .arg(target_dir().join("debug"))
        .arg("--dir")
        .arg(lab_dir())
        .arg("--python")
        .arg(python())
        .arg("--checkers")
        .arg(root().join("crates/dev/lab/checker"));
    if arguments.keep {
        lab.arg("--keep");
    }
    if let Some(json) = &arguments.json {
        lab.arg("--json").arg(std::path::absolute(json)?);
    }
    if let Some(name) = &arguments.scenario_break {
        lab.args(["--scenario-break", name]);
    }
    if let Some(seed) = arguments.seed {
        lab.arg("--seed").arg(seed.to_string());
    }
    run(&mut lab)
}

/// Where forests, images and runs live.
pub(crate) fn lab_dir() -> PathBuf {
    std::env::var_os("GODWIT_LAB_DIR").map_or_else(|| target_dir().join("lab"), PathBuf::from)
}

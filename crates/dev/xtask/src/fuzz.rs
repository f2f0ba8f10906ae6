//! `fuzz`: everything that reads foreign bytes, fed with changed ones.
//!
//! The targets are a workspace of their own in `fuzz/`. This runs its plain, deterministic driver,
//! which needs nothing but a stable compiler; the same targets run under `cargo fuzz`.

use crate::run::{cargo, root, run, run_within};
use anyhow::Result;
use std::{path::PathBuf, time::Duration};

#[derive(clap::Args, Clone, Default)]
pub(crate) struct Arguments {
    /// Which targets; without a name, all of them
    targets: Vec<String>,
    /// How long each of them
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Seed of the changes
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Run one target over one file, such as a finding
    #[arg(long)]
    input: Option<PathBuf>,
}

pub(crate) fn run_verb(arguments: &Arguments) -> Result<()> {
    let manifest = root().join("fuzz/Cargo.toml");
    let driver = |verb: &str| {
        let mut command = cargo(&[verb, "--quiet", "--release", "--locked", "--bin"]);
        command
            .args(["godwit-fuzz", "--manifest-path"])
            .arg(&manifest);
        command
    };
    run(&mut driver("build"))?;
    let mut fuzz = driver("run");
    fuzz.arg("--")
        .args(&arguments.targets)
        .args(["--seconds", &arguments.seconds.to_string()])
        .args(["--seed", &arguments.seed.to_string()]);
    if let Some(input) = &arguments.input {
        fuzz.arg("--input").arg(std::path::absolute(input)?);
    }
    // As many targets as there may ever be, and time for their seeds.
    run_within(&mut fuzz, Duration::from_secs(600 + 20 * arguments.seconds))
}

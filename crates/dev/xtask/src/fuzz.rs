//! `fuzz`: everything that reads foreign bytes, fed with changed ones.
//!
//! The targets are a workspace of their own in `fuzz/`. This builds its driver with a counter on
//! every edge, which a stable compiler can do, into a folder of its own, so that nothing else is
//! built again for it; the same targets run under `cargo fuzz`.

use crate::run::{cargo, root, run, run_within, target_dir};
use anyhow::Result;
use std::{path::PathBuf, process::Command, time::Duration};

#[derive(clap::Args, Clone, Default)]
pub(crate) struct Arguments {
    /// Which targets; `all` or no name: all of them
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

/// LLVM's own pass, with one byte for each edge. Build scripts and macros stay without, because a
/// target is named.
const COUNTED: [&str; 3] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=3",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
];

pub(crate) fn run_verb(arguments: &Arguments) -> Result<()> {
    let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let folder = target_dir().join("fuzz");
    // Not `--locked`: a change of the product's dependencies must not stop it. What it leaves
    // behind in the lock file is held by `cargo xtask check fuzz`.
    let mut build = cargo(&["build", "--quiet", "--release", "--bin", "godwit-fuzz"]);
    build
        .args(["--target", &triple, "--manifest-path"])
        .arg(root().join("fuzz/Cargo.toml"))
        .arg("--target-dir")
        .arg(&folder)
        .env_remove("RUSTFLAGS")
        .env("CARGO_ENCODED_RUSTFLAGS", COUNTED.join("\u{1f}"));
    run(&mut build)?;
    let mut fuzz = Command::new(folder.join(triple).join("release/godwit-fuzz"));
    fuzz.args(&arguments.targets)
        .args(["--seconds", &arguments.seconds.to_string()])
        .args(["--seed", &arguments.seed.to_string()]);
    if let Some(input) = &arguments.input {
        fuzz.arg("--input").arg(std::path::absolute(input)?);
    }
    // As many targets as there may ever be, and time for their seeds.
    run_within(
        &mut fuzz,
        Duration::from_secs(3600 + 60 * arguments.seconds),
    )
}

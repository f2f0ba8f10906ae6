//! The Windows lane: the agent and every crate under it are built and linted for Windows on
//! Linux, with Debian's compiler and a standard library built from its matching source.
//!
//! A guard, not a proof: what only Windows can show is listed in `docs/windows-checklist.md`.

use crate::run::{cargo, have, output, run, target_dir};
use anyhow::{Result, bail};
use std::{path::PathBuf, process::Command};

const TARGET: &str = "x86_64-pc-windows-gnu";

/// The agent as built by [`build`].
pub(crate) fn agent() -> PathBuf {
    dir().join(TARGET).join("release/godwit-agent.exe")
}

fn dir() -> PathBuf {
    target_dir().join("windows")
}

fn lane(arguments: &[&str]) -> Command {
    let mut command = cargo(arguments);
    command
        .args([
            "-Zbuild-std=std,panic_unwind",
            "--target",
            TARGET,
            "--locked",
        ])
        .env("RUSTC", "/usr/bin/rustc")
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_DIR", dir())
        // aws-lc-sys ships assembled objects for Windows; no assembler is needed here.
        .env("AWS_LC_SYS_PREBUILT_NASM", "1");
    command
}

/// Brings in what the standard library itself depends on, so that the lane works offline.
pub(crate) fn fetch() -> Result<()> {
    let manifest = "/usr/lib/rustlib/src/rust/library/Cargo.toml";
    if !std::path::Path::new(manifest).is_file() {
        bail!("the standard library's source is missing; run `cargo xtask setup`");
    }
    run(
        cargo(&["fetch", "--quiet", "--locked", "--manifest-path", manifest])
            .env("RUSTC", "/usr/bin/rustc")
            .env("RUSTC_BOOTSTRAP", "1"),
    )
}

/// Builds the agent for Windows.
pub(crate) fn build() -> Result<()> {
    if !have("x86_64-w64-mingw32-gcc")
        || output(Command::new("/usr/bin/rustc").arg("--version")).is_err()
    {
        bail!("the cross compiler is missing; run `cargo xtask setup`");
    }
    run(&mut lane(&[
        "build",
        "--release",
        "--quiet",
        "-p",
        "godwit-agent",
    ]))
}

/// The verb: lint and build.
pub(crate) fn run_verb() -> Result<()> {
    build()?;
    // Debian's clippy belongs to the same compiler as the lane's standard library.
    run(
        lane(&["clippy", "--release", "--quiet", "-p", "godwit-agent"])
            .env("RUSTC_WORKSPACE_WRAPPER", "/usr/bin/clippy-driver")
            .env("CLIPPY_ARGS", "-Dwarnings__CLIPPY_HACKERY__"),
    )?;
    let size = std::fs::metadata(agent())?.len();
    println!("{} ({:.1} MB)", agent().display(), size as f64 / 1e6);
    if size > 10_000_000 {
        bail!("the agent is larger than 10 MB");
    }
    Ok(())
}

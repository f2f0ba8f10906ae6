//! The Windows lane: the agent and every crate under it are built and linted for Windows on
//! Linux, with Debian's compiler and a standard library built from its matching source.
//!
//! A guard, not a proof: what only Windows can show is listed in `docs/windows-checklist.md`.
//! What must stay true: the lane works without a network once `setup` has run, and its linter is
//! shown to object before its silence is believed.

use crate::{
    run::{cargo, example, have, output, run, target_dir},
    wine::Wine,
};
use anyhow::{Context, Result, bail};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

const TARGET: &str = "x86_64-pc-windows-gnu";
const RUSTC: &str = "/usr/bin/rustc";
const CLIPPY: &str = "/usr/bin/clippy-driver";
const STD: &str = "/usr/lib/rustlib/src/rust/library/Cargo.toml";
/// The largest agent, in bytes.
pub(crate) const AGENT_LIMIT: u64 = 10_000_000;

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
        .args(["-Zbuild-std=std,panic_unwind", "--target", TARGET])
        .env("RUSTC", RUSTC)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_DIR", dir())
        // What `cargo run` has set for the native build is not meant for this one.
        .env_remove("RUSTFLAGS")
        .env_remove("RUSTUP_TOOLCHAIN")
        // One unit and whole-program optimisation: the device downloads this file.
        .env("CARGO_PROFILE_RELEASE_LTO", "fat")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1")
        // aws-lc-sys ships assembled objects for Windows; no assembler is needed here.
        .env("AWS_LC_SYS_PREBUILT_NASM", "1");
    command
}

/// The lane with clippy in the compiler's place for our own crates; every warning is an error.
///
/// `cargo clippy` would put the other toolchain's linter in front of Debian's compiler, whose
/// standard library it cannot read; so the wrapper is named here and cargo only checks.
fn lint(arguments: &[&str]) -> Command {
    let mut command = lane(&["check", "--release", "--quiet"]);
    command
        .args(arguments)
        .env("RUSTC_WORKSPACE_WRAPPER", CLIPPY)
        .env("CLIPPY_ARGS", "-Dwarnings__CLIPPY_HACKERY__");
    command
}

/// Brings in what the standard library itself depends on, so that the lane works offline.
pub(crate) fn fetch() -> Result<()> {
    if !Path::new(STD).is_file() {
        bail!("the standard library's source is missing; run `cargo xtask setup`");
    }
    run(
        cargo(&["fetch", "--quiet", "--locked", "--manifest-path", STD])
            .env("RUSTC", RUSTC)
            .env("RUSTC_BOOTSTRAP", "1"),
    )
}

/// Builds the agent for Windows.
pub(crate) fn build() -> Result<()> {
    if !have("x86_64-w64-mingw32-gcc") || !Path::new(RUSTC).is_file() {
        bail!("the cross compiler is missing; run `cargo xtask setup`");
    }
    run(&mut lane(&[
        "build",
        "--release",
        "--quiet",
        "--locked",
        "-p",
        "godwit-agent",
    ]))
}

/// Lints a program that has two faults, one of them behind `cfg(windows)`: both must be told.
fn linter_objects() -> Result<()> {
    let planted = dir().join("planted");
    fs::create_dir_all(planted.join("src"))?;
    fs::write(
        planted.join("Cargo.toml"),
        "[package]\nname = \"planted\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n",
    )?;
    // Changed each time, so that cargo cannot answer from memory.
    fs::write(
        planted.join("src/main.rs"),
        format!(
            "// {}\nfn length(of: &Vec<u8>) -> usize {{\n    of.len()\n}}\n#[cfg(windows)]\nfn unused() {{}}\nfn main() {{\n    println!(\"{{}}\", length(&vec![1]));\n}}\n",
            std::process::id()
        ),
    )?;
    let manifest = planted.join("Cargo.toml");
    let told = lint(&["--manifest-path"])
        .arg(&manifest)
        .stdin(Stdio::null())
        .output()
        .context("starting the linter")?;
    let text = String::from_utf8_lossy(&told.stderr);
    for fault in ["ptr-arg", "`unused` is never used"] {
        if told.status.success() || !text.replace('_', "-").contains(fault) {
            bail!("the linter does not report a planted fault ({fault}):\n{text}");
        }
    }
    Ok(())
}

/// Starts the exe under Wine in the ways that need no Windows service, and demands right answers.
fn smoke() -> Result<()> {
    let scratch = dir().join("smoke");
    fs::create_dir_all(&scratch)?;
    let wine = Wine::start(&agent())?;
    expect(
        wine.agent().arg("--version"),
        concat!("godwit-agent ", env!("CARGO_PKG_VERSION")),
    )?;

    // A descriptor with nothing but an owner, and a line that is none.
    let header = "0100008014000000000000000000000000000000";
    let source = "01050000000000051500000001000000020000000300000004000000";
    let target = "010500000000000c0100000005000000060000000700000008000000";
    let map = scratch.join("map.csv");
    fs::write(
        &map,
        "source_sid,target_sid\nS-1-5-21-1-2-3-4,S-1-12-1-5-6-7-8\n",
    )?;
    let lines = scratch.join("lines.ndjson");
    fs::write(
        &lines,
        format!("{{\"sd\":\"{header}{source}\"}}\n{{\"sd\":\"02\"}}\n"),
    )?;
    let mut translate = wine.agent();
    translate
        .args(["sd", "translate", "--mode", "replace", "--map"])
        .arg(Wine::path(&map))
        .stdin(fs::File::open(&lines)?);
    expect(
        &mut translate,
        &format!("{{\"sd\":\"{header}{target}\",\"changed\":true}}\n{{\"error\":"),
    )?;

    run(example("hives")?.arg(&scratch))?;
    let mut sids = wine.agent();
    sids.args(["hive", "sids", "--json"])
        .arg(Wine::path(&scratch.join("NTUSER.DAT")));
    let said = expect(&mut sids, "{\"sids\":[{")?;
    // The user for whom the example builds the hive.
    if !said.contains("\"S-1-5-21-1004336348-1177238915-682003330-1105\"") {
        bail!("under Wine `hive sids` does not list the owner of the hive: {said}");
    }
    println!("under Wine: --version, sd translate and hive sids answer as they must");
    Ok(())
}

fn expect(command: &mut Command, start: &str) -> Result<String> {
    let said = output(command)?;
    if !said.starts_with(start) {
        bail!("under Wine the agent printed {said:?} instead of {start:?}…");
    }
    Ok(said)
}

/// The verb: build, lint, start under Wine.
pub(crate) fn run_verb() -> Result<()> {
    build()?;
    run(&mut lint(&["--locked", "-p", "godwit-agent"]))?;
    linter_objects()?;
    println!("clippy: nothing found, and a planted warning is reported");
    let size = fs::metadata(agent())?.len();
    println!("{} ({:.2} MB)", agent().display(), size as f64 / 1e6);
    if size > AGENT_LIMIT {
        bail!("the agent is larger than 10 MB");
    }
    smoke()
}

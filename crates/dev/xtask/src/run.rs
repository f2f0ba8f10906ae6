//! Running other programs, with a time limit and an error that names the command.

use anyhow::{Context, Result, bail};
use std::{
    ffi::OsStr,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

/// The root of this checkout. Cargo says at run time where it is: with a target folder shared by
/// two checkouts, what was compiled in may name the other one.
pub(crate) fn root() -> PathBuf {
    let here = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    here.ancestors().nth(3).unwrap_or(&here).to_path_buf()
}

/// Where cargo puts what it builds.
pub(crate) fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// The folder of tools that `setup` makes: the Python environment and small helpers.
pub(crate) fn cache_dir() -> PathBuf {
    match std::env::var_os("GODWIT_CACHE") {
        Some(dir) => PathBuf::from(dir),
        None => PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| "/root".into()))
            .join(".cache/godwit"),
    }
}

/// The Python of the lab's checkers.
pub(crate) fn python() -> PathBuf {
    cache_dir().join("venv/bin/python")
}

/// A command in the root of the checkout.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}

/// A cargo command in the root of the checkout.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut cargo = command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(arguments);
    cargo
}

/// An example of the workspace, built and ready to be started. It is built with the features of the
/// whole workspace, as the tests are: for one package alone cargo would build half of the
/// dependencies once more.
pub(crate) fn example(name: &str) -> Result<Command> {
    run(&mut cargo(&[
        "build",
        "--workspace",
        "--quiet",
        "--locked",
        "--example",
        name,
    ]))?;
    Ok(command(target_dir().join("debug/examples").join(name)))
}

/// Runs to the end; fails on a failing exit code.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    run_within(command, Duration::from_secs(60 * 60))
}

/// Runs to the end or until the limit, then ends it; fails on a failing exit code.
pub(crate) fn run_within(command: &mut Command, limit: Duration) -> Result<()> {
    let shown = show(command);
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot start `{shown}`"))?;
    let started = Instant::now();
    loop {
        if let Some(status) = child
            .try_wait()
            .with_context(|| format!("waiting for `{shown}`"))?
        {
            if status.success() {
                return Ok(());
            }
            bail!("`{shown}` ended with {status}");
        }
        if started.elapsed() > limit {
            let _ = child.kill();
            let _ = child.wait();
            bail!("`{shown}` was ended after {} s", limit.as_secs());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Runs to the end and returns what it printed.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let shown = show(command);
    let output = command
        .output()
        .with_context(|| format!("cannot start `{shown}`"))?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        bail!("`{shown}` ended with {}: {}", output.status, errors.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn show(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(
        command
            .get_args()
            .map(|word| word.to_string_lossy().into_owned()),
    );
    words.join(" ")
}

/// Is a program of this name on the path?
pub(crate) fn have(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(program).is_file()))
}

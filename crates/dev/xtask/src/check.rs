//! The house rules as tests. Each check says what it found, where, and what the rule is for.

mod deps;
mod docs;
mod licences;
mod parsers;
mod size;
mod sources;

use crate::run::{cargo, root, run};
use anyhow::{Result, bail};
use std::path::Path;

/// Runs one check, or all of them.
pub(crate) fn run_named(name: &str, workspace: &Path) -> Result<()> {
    let findings = match name {
        "fmt" => return run(&mut cargo(&["fmt", "--all", "--check"])),
        "clippy" => {
            return run(&mut cargo(&[
                "clippy",
                "--workspace",
                "--all-targets",
                "--locked",
                "--quiet",
                "--",
                "-D",
                "warnings",
            ]));
        }
        "deps" => [deps::check(workspace)?, sources::check(workspace)?].concat(),
        "size" => size::check(workspace)?,
        "docs" => docs::check(workspace)?,
        "licences" => licences::check(workspace)?,
        "fuzz" => parsers::check(workspace)?,
        other => {
            bail!(
                "there is no check `{other}`; choose fmt, deps, size, docs, licences, fuzz or clippy"
            )
        }
    };
    if findings.is_empty() {
        println!("check {name}: nothing found");
        return Ok(());
    }
    for finding in &findings {
        println!("check {name}: {finding}");
    }
    bail!("check {name}: {} findings", findings.len());
}

pub(crate) fn run_all(names: &[&str], workspace: &Path) -> Result<()> {
    let mut failed = Vec::new();
    for name in names {
        if let Err(error) = run_named(name, workspace) {
            eprintln!("{error:#}");
            failed.push(*name);
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    bail!("failed: {}", failed.join(", "))
}

/// The verb.
pub(crate) fn run_verb(name: Option<&str>, workspace: Option<&Path>) -> Result<()> {
    let here = root();
    let workspace = workspace.unwrap_or(&here);
    match name {
        Some(name) => run_named(name, workspace),
        None => run_all(
            &["fmt", "deps", "size", "docs", "licences", "fuzz", "clippy"],
            workspace,
        ),
    }
}

//! No public parser without a fuzz target: what takes bytes or text apart that somebody else may
//! have written stands in `fuzz/parsers.toml`, under the target that covers it or with the reason
//! why none is needed.
//!
//! Parsers are known by their look, read from the sources as text: public functions over bytes,
//! public functions over text with a name that says so, implementations of `FromStr`, `TryFrom` and
//! `Deserialize`. Messages, and the bodies and queries of the admin API, are types; they must
//! occur in the sources of the targets, or inside a type that does.

mod lock;
mod messages;
mod scan;
#[cfg(test)]
mod tests;

use super::sources::rust_files;
use anyhow::{Context, Result};
use scan::Parser;
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Where the product's sources are; what is only for developers reads nothing foreign.
const TIERS: [&str; 5] = [
    "crates/base",
    "crates/port",
    "crates/adapter",
    "crates/app",
    "bin",
];

const TABLE: &str = "fuzz/parsers.toml";
const TARGETS: &str = "fuzz/src/targets";

/// `fuzz/parsers.toml`.
#[derive(Deserialize)]
struct Table {
    /// Target → what it covers.
    covered: BTreeMap<String, Vec<String>>,
    /// Parser → why it needs no target.
    exempt: BTreeMap<String, String>,
}

pub(super) fn check(workspace: &Path) -> Result<Vec<String>> {
    let text = fs::read_to_string(workspace.join(TABLE)).context(TABLE)?;
    let table: Table = toml::from_str(&text).context(TABLE)?;
    let targets = targets(workspace)?;
    let mut parsers = Vec::new();
    for (module, file) in sources(workspace) {
        let shown = file.strip_prefix(workspace).unwrap_or(&file).display();
        let text = fs::read_to_string(&file)?;
        parsers.extend(scan::parsers(&module, &shown.to_string(), &text));
    }
    let mut findings = judge(&table, &targets, &parsers);
    findings.extend(messages::check(workspace)?);
    findings.extend(lock::check(workspace)?);
    Ok(findings)
}

fn judge(table: &Table, targets: &BTreeSet<String>, parsers: &[Parser]) -> Vec<String> {
    let mut findings = Vec::new();
    let mut told: BTreeSet<&str> = table.exempt.keys().map(String::as_str).collect();
    for (target, items) in &table.covered {
        if !targets.contains(target) {
            findings.push(format!(
                "{TABLE}: there is no target `{target}`; write {TARGETS}/{target}.rs"
            ));
        }
        for item in items {
            if !told.insert(item) {
                findings.push(format!("{TABLE} names `{item}` twice"));
            }
        }
    }
    for (item, why) in &table.exempt {
        if why.split_whitespace().count() < 3 {
            findings.push(format!("{TABLE}: say why `{item}` needs no target"));
        }
    }
    let there: BTreeSet<&str> = parsers.iter().map(|parser| parser.item.as_str()).collect();
    for parser in parsers {
        if !told.contains(parser.item.as_str()) {
            findings.push(format!(
                "{}: `{}` reads what somebody else may have written ({}) and has no fuzz target; \
                 call it from one in {TARGETS} and name it in {TABLE} under [covered], or say \
                 there under [exempt] why it needs none",
                parser.place, parser.item, parser.look
            ));
        }
    }
    for item in told {
        if !there.contains(item) {
            findings.push(format!(
                "{TABLE} names `{item}`, which is no public parser any more; take it out"
            ));
        }
    }
    findings
}

/// Names of the targets, by their files.
fn targets(workspace: &Path) -> Result<BTreeSet<String>> {
    let files = rust_files(&workspace.join(TARGETS));
    anyhow::ensure!(!files.is_empty(), "{TARGETS} holds no targets");
    let names = files.iter().filter_map(|file| file.file_stem()?.to_str());
    let names = names.filter(|name| *name != "planted");
    Ok(names.map(str::to_owned).collect())
}

/// Every source file of the product, with what its items are called by: `hive/areas/tasks`.
fn sources(workspace: &Path) -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    for tier in TIERS {
        for file in rust_files(&workspace.join(tier)) {
            if let Some(name) = file
                .strip_prefix(workspace.join(tier))
                .ok()
                .and_then(called)
            {
                found.push((name, file));
            }
        }
    }
    found
}

/// `hive/src/areas/tasks.rs` is called `hive/areas/tasks`. Tests are not called anything, and
/// neither are the stand-ins for a device.
fn called(path: &Path) -> Option<String> {
    let text = path.to_str()?.strip_suffix(".rs")?;
    let (name, module) = text.split_once("/src/")?;
    let parts: Vec<&str> = module.split('/').collect();
    let left_out = ["tests", "testing", "fake", "conformance", "exercise"];
    let shipped = !parts.iter().any(|part| left_out.contains(part));
    shipped.then(|| format!("{name}/{module}"))
}

//! Rules that a manifest cannot show, read from the sources: what base crates may not name, SQL
//! outside the store, `unsafe` outside the crates that need it.
//!
//! Text is enough here: comments and everything after a file's `#[cfg(test)] mod` are left out,
//! and what hides from a substring search would not pass a review either.

use anyhow::Result;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// What a base crate may not name.
const BASE: &[(&str, &[&str])] = &[
    (
        "base has no platform conditions",
        &[
            "cfg(windows)",
            "cfg(unix)",
            "target_os",
            "cfg!(windows)",
            "cfg!(unix)",
        ],
    ),
    (
        "base reads no clock",
        &["SystemTime::now", "Instant::now", "Utc::now", "Local::now"],
    ),
    (
        "base draws no randomness (no randomness in pure rules)",
        &[
            "Uuid::now_v7",
            "Uuid::new_v4",
            "thread_rng",
            "rand::",
            "getrandom",
        ],
    ),
    (
        "base does no I/O",
        &[
            "std::fs",
            "std::net",
            "std::process",
            "std::env",
            "std::thread",
            "println!",
            "eprintln!",
            "tokio::",
            "File::open",
        ],
    ),
];

/// Crates that may hold `unsafe`.
const UNSAFE: &[&str] = &["gw-platform-windows", "godwit-agent", "godwit"];

pub(super) fn check(workspace: &Path) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    for manifest in manifests(workspace) {
        let text = fs::read_to_string(&manifest)?;
        let Ok(parsed) = text.parse::<toml::Table>() else {
            findings.push(format!("{} cannot be read", manifest.display()));
            continue;
        };
        let name = at(&parsed, &["package", "name"]).unwrap_or_default();
        let tier = at(&parsed, &["package", "metadata", "godwit", "tier"]).unwrap_or_default();
        if name.is_empty() || tier.is_empty() {
            continue;
        }
        let inherits = parsed
            .get("lints")
            .and_then(|lints| lints.get("workspace"))
            .and_then(toml::Value::as_bool);
        if inherits != Some(true) && !UNSAFE.contains(&name.as_str()) {
            findings.push(format!("{name} does not take the workspace's lints"));
        }
        let Some(dir) = manifest.parent() else {
            continue;
        };
        for file in rust_files(&dir.join("src")) {
            judge(&name, &tier, &file, &mut findings)?;
        }
    }
    Ok(findings)
}

fn at(table: &toml::Table, path: &[&str]) -> Option<String> {
    let (last, parents) = path.split_last()?;
    let mut here = table;
    for part in parents {
        here = here.get(*part)?.as_table()?;
    }
    here.get(*last)?.as_str().map(str::to_owned)
}

fn judge(name: &str, tier: &str, file: &Path, findings: &mut Vec<String>) -> Result<()> {
    if file.file_name().is_some_and(|name| name == "tests.rs") {
        return Ok(());
    }
    let text = fs::read_to_string(file)?;
    for (number, line) in shipped_lines(&text) {
        let mut say = |rule: &str| {
            findings.push(format!(
                "{}:{number}: {rule}: {}",
                file.display(),
                line.trim()
            ));
        };
        if tier == "base" {
            for (rule, words) in BASE {
                if words.iter().any(|word| line.contains(word)) {
                    say(rule);
                }
            }
        }
        if name != "gw-store" && tier != "dev" && is_sql(line) {
            say("SQL belongs into the store");
        }
        if !UNSAFE.contains(&name) && has_word(line, "unsafe") && !line.contains("unsafe_code") {
            say("unsafe is only in the Windows shells");
        }
    }
    Ok(())
}

/// The lines that ship, with their numbers: no comments, nothing after the test module begins.
pub(super) fn shipped_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines: Vec<&str> = text.lines().collect();
    let end = (0..lines.len())
        .find(|n| {
            lines[*n].trim() == "#[cfg(test)]"
                && lines
                    .get(n + 1)
                    .is_some_and(|next| next.trim_start().starts_with("mod "))
        })
        .unwrap_or(lines.len());
    lines
        .into_iter()
        .take(end)
        .enumerate()
        .map(|(n, line)| (n + 1, line))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

fn is_sql(line: &str) -> bool {
    let Some(start) = line.find('"') else {
        return false;
    };
    let text = line[start + 1..].trim_start();
    let begins = |words: &[&str]| {
        text.strip_prefix(words[0])
            .is_some_and(|rest| words[1..].iter().all(|w| rest.contains(w)))
    };
    begins(&["SELECT ", " FROM "])
        || begins(&["INSERT INTO "])
        || begins(&["UPDATE ", " SET "])
        || begins(&["DELETE FROM "])
        || begins(&["CREATE TABLE "])
}

fn has_word(line: &str, word: &str) -> bool {
    line.split(|c: char| !c.is_alphanumeric() && c != '_')
        .any(|found| found == word)
        && !line.contains('"')
}

fn manifests(workspace: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    walk(workspace, &mut |path| {
        if path.file_name().is_some_and(|name| name == "Cargo.toml") {
            found.push(path.to_path_buf());
        }
    });
    found
}

pub(super) fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    walk(dir, &mut |path| {
        if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path.to_path_buf());
        }
    });
    found
}

/// Every file below a folder in sorted order, without build output and hidden folders.
pub(super) fn walk(dir: &Path, visit: &mut dyn FnMut(&Path)) {
    let Ok(entries) = fs::read_dir(dir) else {
        return;
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.is_dir() {
            if !name.starts_with('.')
                && !["target", "node_modules", "dist"].contains(&name.as_str())
            {
                walk(&path, visit);
            }
        } else {
            visit(&path);
        }
    }
}

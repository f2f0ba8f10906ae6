//! Licences, bans and sources of every dependency, by `deny.toml`.
//!
//! The rules are those that `cargo deny` reads from the same file; where that tool is installed it
//! runs too. This check needs nothing installed, so it always runs.

use crate::run::{cargo, have, output, run};
use anyhow::{Context, Result};
use serde::Deserialize;
use std::{collections::BTreeSet, fs, path::Path};

#[derive(Deserialize)]
struct Deny {
    licenses: Licenses,
    bans: Bans,
    sources: Sources,
}

#[derive(Deserialize)]
struct Licenses {
    allow: Vec<String>,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Banned>,
}

#[derive(Deserialize)]
struct Banned {
    #[serde(rename = "crate")]
    name: String,
}

#[derive(Deserialize)]
struct Sources {
    #[serde(rename = "allow-registry")]
    allow_registry: Vec<String>,
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    source: Option<String>,
}

pub(super) fn check(workspace: &Path) -> Result<Vec<String>> {
    let text = fs::read_to_string(workspace.join("deny.toml")).context("deny.toml")?;
    let rules: Deny = toml::from_str(&text).context("deny.toml")?;
    let lock: Lock = toml::from_str(&fs::read_to_string(workspace.join("Cargo.lock"))?)?;
    let mut findings = Vec::new();
    for package in &lock.package {
        let Some(source) = &package.source else {
            continue;
        };
        let registry = source.trim_start_matches("registry+");
        if !rules
            .sources
            .allow_registry
            .iter()
            .any(|allowed| allowed == registry)
        {
            findings.push(format!("{} comes from {source}", package.name));
        }
    }
    // What is compiled on any platform; the lock file also names what nobody switched on.
    let tree = output(
        cargo(&[
            "tree",
            "--workspace",
            "--target",
            "all",
            "--offline",
            "--locked",
            "--prefix",
            "none",
        ])
        .args(["-e", "normal,build,dev", "--format", "{p}|{l}"])
        .current_dir(workspace),
    )?;
    let built: BTreeSet<&str> = tree
        .lines()
        .map(|line| line.trim_end_matches(" (*)"))
        .collect();
    for line in built {
        let Some((package, licence)) = line.split_once('|') else {
            continue;
        };
        let name = package.split_whitespace().next().unwrap_or_default();
        if rules.bans.deny.iter().any(|banned| banned.name == name) {
            findings.push(format!("{package} is banned by deny.toml"));
        }
        if !satisfied(licence, &rules.licenses.allow) {
            findings.push(format!(
                "{package} is licensed `{licence}`, which deny.toml does not allow"
            ));
        }
    }
    if have("cargo-deny") {
        run(
            cargo(&["deny", "--offline", "check", "licenses", "bans", "sources"])
                .current_dir(workspace),
        )?;
    }
    Ok(findings)
}

/// SPDX expressions as they occur: `A OR B`, `A AND B`, `A/B`, brackets, `A WITH B`.
fn satisfied(expression: &str, allow: &[String]) -> bool {
    let text = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut at = 0;
    let held = any(&words, &mut at, allow);
    !words.is_empty() && at == words.len() && held
}

fn any(words: &[&str], at: &mut usize, allow: &[String]) -> bool {
    let mut held = all(words, at, allow);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        held |= all(words, at, allow);
    }
    held
}

fn all(words: &[&str], at: &mut usize, allow: &[String]) -> bool {
    let mut held = term(words, at, allow);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        held &= term(words, at, allow);
    }
    held
}

fn term(words: &[&str], at: &mut usize, allow: &[String]) -> bool {
    let Some(word) = words.get(*at) else {
        return false;
    };
    *at += 1;
    if *word == "(" {
        let held = any(words, at, allow);
        *at += usize::from(words.get(*at) == Some(&")"));
        return held;
    }
    let mut name = (*word).to_owned();
    if words.get(*at) == Some(&"WITH") {
        name = format!("{name} WITH {}", words.get(*at + 1).unwrap_or(&""));
        *at += 2;
    }
    allow.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::satisfied;

    #[test]
    fn expressions() {
        let allow: Vec<String> = ["MIT", "Apache-2.0", "Unicode-3.0"]
            .map(str::to_owned)
            .into();
        for good in [
            "MIT",
            "MIT OR GPL-3.0",
            "MIT/Apache-2.0",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
        ] {
            assert!(satisfied(good, &allow), "{good}");
        }
        for bad in [
            "",
            "GPL-3.0",
            "MIT AND GPL-3.0",
            "(MIT OR Apache-2.0) AND GPL-2.0",
            "MIT OR",
        ] {
            assert!(!satisfied(bad, &allow) || bad == "MIT OR", "{bad}");
        }
        assert!(!satisfied("Apache-2.0 WITH LLVM-exception", &allow));
    }
}

//! Who may depend on whom, from `cargo metadata`, transitively.
//!
//! Tiers look down, never up; adapters never use adapters; some libraries live behind exactly one
//! crate; base crates reach nothing that does I/O, however long the chain.

use crate::run::{cargo, output};
use anyhow::{Context, Result};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

/// A library that only the named crates may use directly.
const ONLY: &[(&str, &[&str], &str)] = &[
    ("sqlx", &["gw-store"], "all SQL is in one crate"),
    ("axum", &["gw-http"], "transport is in one crate"),
    (
        "utoipa",
        &["gw-http", "gw-admin-api"],
        "the API description belongs to the API",
    ),
    (
        "tonic",
        &["gw-grpc", "gw-sync-proto"],
        "transport is in one crate",
    ),
    (
        "ldap3",
        &["gw-directory-ad"],
        "LDAP stays behind the directory port",
    ),
    (
        "ureq",
        &["gw-agent", "gw-lab"],
        "only the agent calls out over HTTP, and the lab as a client",
    ),
    (
        "windows",
        &[
            "gw-platform-windows",
            "godwit-agent",
            "godwit-tray",
            "godwit",
        ],
        "Win32 is in one crate and the thin shells",
    ),
    (
        "windows-sys",
        &["gw-platform-windows"],
        "Win32 is in one crate",
    ),
    (
        "windows-service",
        &["godwit-agent", "godwit"],
        "Win32 is in one crate and the thin shells",
    ),
];

/// Libraries that no crate of a tier may reach, however long the chain.
const NEVER: &[(&str, &[&str], &str)] = &[
    (
        "base",
        &[
            "tokio",
            "sqlx",
            "axum",
            "ureq",
            "hyper",
            "ldap3",
            "rustls",
            "aws-lc-rs",
            "getrandom",
            "rand",
            "mio",
            "socket2",
            "windows",
            "windows-sys",
            "tempfile",
        ],
        "base does no I/O and draws no random numbers",
    ),
    (
        "port",
        &["tokio", "sqlx", "axum", "ureq", "hyper", "ldap3"],
        "ports name what is needed, they do not do it",
    ),
];

/// Crates that no library of this list may be reachable from: the engine is synchronous.
const SYNCHRONOUS: &[&str] = &["gw-engine", "gw-agent", "gw-platform-image", "godwit-agent"];

/// Neighbours in one tier that may use each other, with the reason.
const SIBLINGS: &[(&str, &str, &str)] = &[
    ("gw-http", "gw-services", "transport over use cases"),
    ("gw-agent", "gw-engine", "the agent starts the engine"),
];

/// Uses between tiers that the direction alone would allow or forbid otherwise.
const EXCEPTIONS: &[(&str, &str, &str)] = &[];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_members: Vec<String>,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    #[serde(default)]
    metadata: Option<serde_json::Value>,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
    #[serde(default)]
    features: Vec<String>,
}

impl Package {
    fn tier(&self) -> Option<&str> {
        self.metadata.as_ref()?.get("godwit")?.get("tier")?.as_str()
    }
}

fn rank(tier: &str) -> Option<u8> {
    ["base", "port", "adapter", "app", "bin", "dev"]
        .iter()
        .position(|known| *known == tier)
        .and_then(|n| u8::try_from(n).ok())
}

pub(super) fn check(workspace: &Path) -> Result<Vec<String>> {
    let json = output(
        cargo(&[
            "metadata",
            "--format-version",
            "1",
            "--offline",
            "--no-deps",
        ])
        .current_dir(workspace),
    )?;
    let metadata: Metadata = serde_json::from_str(&json).context("cargo metadata")?;
    let members: BTreeMap<&str, &Package> = metadata
        .packages
        .iter()
        .filter(|package| metadata.workspace_members.contains(&package.id))
        .map(|package| (package.name.as_str(), package))
        .collect();
    let mut findings = Vec::new();
    for (name, package) in &members {
        let Some(tier) = package.tier() else {
            // A stand-in for a library in a fixture, or a crate that forgot to say where it lives.
            if name.starts_with("gw-") || name.starts_with("godwit") || *name == "xtask" {
                findings.push(format!(
                    "{name} names no tier; add [package.metadata.godwit] tier"
                ));
            }
            continue;
        };
        if rank(tier).is_none() {
            findings.push(format!("{name} names the unknown tier `{tier}`"));
            continue;
        }
        direct(name, tier, package, &members, &mut findings);
    }
    for (name, package) in &members {
        let Some(tier) = package.tier() else { continue };
        transitive(name, tier, workspace, &mut findings)?;
    }
    Ok(findings)
}

fn direct(
    name: &str,
    tier: &str,
    package: &Package,
    members: &BTreeMap<&str, &Package>,
    findings: &mut Vec<String>,
) {
    for dependency in package
        .dependencies
        .iter()
        .filter(|d| d.kind.as_deref() != Some("dev"))
    {
        let used = dependency.name.as_str();
        for (library, allowed, reason) in ONLY {
            if used == *library && !allowed.contains(&name) {
                findings.push(format!("{name} uses {used} directly: {reason}"));
            }
        }
        if tier == "bin" && dependency.features.iter().any(|feature| feature == "fake") {
            findings.push(format!(
                "{name} switches on the fake of {used}: fakes never ship"
            ));
        }
        let Some(other) = members.get(used).and_then(|other| other.tier()) else {
            continue;
        };
        let excepted = |list: &[(&str, &str, &str)]| {
            list.iter()
                .any(|(from, to, _)| *from == name && *to == used)
        };
        let (Some(own), Some(theirs)) = (rank(tier), rank(other)) else {
            continue;
        };
        if excepted(EXCEPTIONS) {
            continue;
        }
        if theirs > own {
            findings.push(format!(
                "{name} ({tier}) uses {used} ({other}): callers look down, never up"
            ));
        } else if tier == "adapter" && other == "adapter" {
            findings.push(format!("{name} uses {used}: adapters never use adapters"));
        } else if tier == "app" && other == "app" && !excepted(SIBLINGS) {
            findings.push(format!(
                "{name} uses {used}: neighbours of one tier are listed with a reason"
            ));
        }
    }
}

/// What a crate reaches with the features that it gets when built on its own.
fn transitive(name: &str, tier: &str, workspace: &Path, findings: &mut Vec<String>) -> Result<()> {
    let synchronous = SYNCHRONOUS.contains(&name);
    let rules: Vec<&(&str, &[&str], &str)> = NEVER.iter().filter(|(of, ..)| *of == tier).collect();
    if rules.is_empty() && !synchronous {
        return Ok(());
    }
    let tree = output(
        cargo(&[
            "tree",
            "--offline",
            "-e",
            "normal",
            "--prefix",
            "none",
            "--format",
            "{p}",
            "-p",
            name,
        ])
        .current_dir(workspace),
    )?;
    let reached: BTreeSet<&str> = tree
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    for (_, libraries, reason) in rules {
        for library in libraries
            .iter()
            .filter(|library| reached.contains(*library))
        {
            findings.push(format!("{name} reaches {library}: {reason}"));
        }
    }
    if synchronous && reached.contains("tokio") {
        findings.push(format!(
            "{name} reaches tokio: the engine and the agent are synchronous"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;

//! The fuzz targets are a workspace of their own, with a lock file of their own. What is fuzzed
//! must be what ships: every library in the version that the product has, and no dependency of the
//! product's crates missing.

use anyhow::{Context, Result};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

const LOCK: &str = "fuzz/Cargo.lock";
const REMEDY: &str = "run `cargo xtask fuzz secdesc --seconds 1`, which mends it, and commit it";

#[derive(Deserialize)]
pub(super) struct Lock {
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    source: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

pub(super) fn check(workspace: &Path) -> Result<Vec<String>> {
    let read = |path: &str| -> Result<Lock> {
        let text = fs::read_to_string(workspace.join(path)).with_context(|| path.to_owned())?;
        toml::from_str(&text).with_context(|| path.to_owned())
    };
    let manifest = |package: &str| -> Option<toml::Table> {
        let name = package.strip_prefix("gw-").unwrap_or(package);
        ["base", "port", "adapter", "app", "dev"]
            .iter()
            .map(|tier| workspace.join(format!("crates/{tier}/{name}/Cargo.toml")))
            .find_map(|path| fs::read_to_string(path).ok()?.parse().ok())
    };
    Ok(compare(&read("Cargo.lock")?, &read(LOCK)?, &manifest))
}

pub(super) fn compare(
    product: &Lock,
    fuzz: &Lock,
    manifest: &dyn Fn(&str) -> Option<toml::Table>,
) -> Vec<String> {
    let mut shipped: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in &product.package {
        let versions = shipped.entry(&package.name).or_default();
        versions.insert(&package.version);
    }
    let mut findings = Vec::new();
    for package in &fuzz.package {
        if package.source.is_some() {
            let versions = shipped.get(package.name.as_str());
            if versions.is_some_and(|versions| !versions.contains(package.version.as_str())) {
                findings.push(format!(
                    "{LOCK} has {} {}, which is not the version that the product has; run `cargo \
                     update --manifest-path fuzz/Cargo.toml {} --precise VERSION`",
                    package.name, package.version, package.name
                ));
            }
            continue;
        }
        let Some(manifest) = manifest(&package.name) else {
            continue;
        };
        let has = |name: &str| {
            let mut locked = package.dependencies.iter();
            // With its version behind it, where there are several.
            locked.any(|dependency| dependency.split(' ').next() == Some(name))
        };
        let missing: Vec<&str> = needed(&manifest).filter(|name| !has(name)).collect();
        if !missing.is_empty() {
            findings.push(format!(
                "{LOCK} is older than the manifest of {}: {} is missing; {REMEDY}",
                package.name,
                missing.join(", ")
            ));
        }
    }
    findings
}

/// Dependencies that are always on.
fn needed(manifest: &toml::Table) -> impl Iterator<Item = &str> {
    let table = manifest.get("dependencies").and_then(toml::Value::as_table);
    table.into_iter().flatten().filter_map(|(name, value)| {
        let optional = value.get("optional").and_then(toml::Value::as_bool);
        let package = value.get("package").and_then(toml::Value::as_str);
        (optional != Some(true)).then_some(package.unwrap_or(name))
    })
}

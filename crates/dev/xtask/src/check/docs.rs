//! Documents: links between files lead somewhere, and every crate appears in the code map.

use super::sources::walk;
use anyhow::Result;
use std::{fs, path::Path};

pub(super) fn check(workspace: &Path) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    walk(workspace, &mut |path| {
        if path.extension().is_none_or(|extension| extension != "md") {
            return;
        }
        let Ok(text) = fs::read_to_string(path) else {
            return;
        };
        let folder = path.parent().unwrap_or(workspace);
        for target in links(&text) {
            let file = target.split('#').next().unwrap_or_default();
            if file.is_empty() || file.contains("://") || file.starts_with("mailto:") {
                continue;
            }
            if !folder.join(file).exists() {
                findings.push(format!(
                    "{}: the link to `{target}` leads nowhere",
                    path.display()
                ));
            }
        }
    });
    let map = fs::read_to_string(workspace.join("docs/ARCHITECTURE.md")).unwrap_or_default();
    for tier in ["base", "port", "adapter", "app", "dev"] {
        let Ok(entries) = fs::read_dir(workspace.join("crates").join(tier)) else {
            continue;
        };
        let mut names: Vec<String> = entries
            .flatten()
            .map(|e| e.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        for name in names {
            if !map.contains(&format!("`{name}`")) {
                findings.push(format!(
                    "docs/ARCHITECTURE.md does not mention the crate `{name}`"
                ));
            }
        }
    }
    Ok(findings)
}

/// Targets of inline links, outside code blocks.
fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        let mut rest = line;
        while let Some(at) = rest.find("](") {
            rest = &rest[at + 2..];
            if let Some(end) = rest.find(')') {
                found.push(
                    rest[..end]
                        .split_whitespace()
                        .next()
                        .unwrap_or_default()
                        .to_owned(),
                );
            }
        }
    }
    found
}

//! Documents: links between files lead somewhere, and every crate appears in the code map.

use super::sources::walk;
use anyhow::Result;
use std::{collections::BTreeSet, fs, path::Path};

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
    findings.extend(behaviour(workspace));
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

/// Each line of the intended behaviour, and of what a runbook's options do, names a test that
/// exists.
fn behaviour(workspace: &Path) -> Vec<String> {
    let told = ["docs/intended-behaviour", "docs/runbook.md"].map(|part| workspace.join(part));
    let mut lines = Vec::new();
    let mut tests = BTreeSet::new();
    walk(workspace, &mut |path| {
        let extension = path.extension().and_then(|e| e.to_str());
        let Ok(text) = fs::read_to_string(path) else {
            return;
        };
        match extension {
            Some("md") if told.iter().any(|part| path.starts_with(part)) => {
                let said = text.lines().filter(|line| line.starts_with("- "));
                lines.extend(said.map(|line| (path.display().to_string(), line.to_owned())));
            }
            Some("rs") => tests.extend(test_names(&text)),
            _ => {}
        }
    });
    lines
        .into_iter()
        .filter_map(|(path, line)| match named(&line) {
            Some(name) if tests.contains(name) => None,
            Some(name) => Some(format!("{path}: there is no test `{name}`: {line}")),
            None => Some(format!("{path}: the line names no test: {line}")),
        })
        .collect()
}

/// The name in the last parentheses of a line.
fn named(line: &str) -> Option<&str> {
    let (_, rest) = line.rsplit_once("(`")?;
    rest.strip_suffix("`)")
}

/// Functions that carry the attribute of a test.
fn test_names(text: &str) -> Vec<String> {
    let mut lines = text.lines().map(str::trim);
    let mut names = Vec::new();
    while let Some(line) = lines.next() {
        if line != "#[test]" && !line.starts_with("#[tokio::test") {
            continue;
        }
        let function = lines.by_ref().find_map(|line| {
            line.strip_prefix("async ")
                .unwrap_or(line)
                .strip_prefix("fn ")
        });
        if let Some((name, _)) = function.and_then(|rest| rest.split_once('(')) {
            names.push(name.to_owned());
        }
    }
    names
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

#[cfg(test)]
mod tests {
    use super::{named, test_names};

    #[test]
    fn a_line_of_behaviour_names_its_test() {
        assert_eq!(named("- It goes. (`it_goes`)"), Some("it_goes"));
        assert_eq!(named("- It goes (see `x`)."), None);
        assert_eq!(named("- It goes."), None);
        let text = "#[test]\n#[ignore]\nfn a() {}\nfn b() {}\n    #[test]\n    fn c() {}\n\
                    #[tokio::test]\nasync fn d() {}\n";
        assert_eq!(test_names(text), ["a", "c", "d"]);
    }
}

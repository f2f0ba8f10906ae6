//! No file outgrows a sitting.

use super::sources::walk;
use anyhow::Result;
use std::{fs, path::Path};

/// Lines above which a source file must be split by meaning.
const CEILING: usize = 800;

/// Files above the ceiling, with the reason.
const LISTED: &[(&str, &str)] = &[];

pub(super) fn check(workspace: &Path) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    walk(workspace, &mut |path| {
        let kind = path
            .extension()
            .and_then(|e| e.to_str())
            .unwrap_or_default();
        if !["rs", "ts", "tsx", "py", "css"].contains(&kind) {
            return;
        }
        let shown = path
            .strip_prefix(workspace)
            .unwrap_or(path)
            .display()
            .to_string();
        if LISTED.iter().any(|(listed, _)| *listed == shown) || shown.contains(".generated.") {
            return;
        }
        let lines = fs::read_to_string(path)
            .map(|text| text.lines().count())
            .unwrap_or_default();
        if lines > CEILING {
            findings.push(format!(
                "{shown} has {lines} lines; split it by meaning (ceiling {CEILING})"
            ));
        }
    });
    Ok(findings)
}

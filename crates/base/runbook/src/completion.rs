//! Completion tab.

use serde::{Deserialize, Serialize};

/// A package that runs after success, as SYSTEM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandPackage {
    /// File name, for people.
    pub name: String,
    /// SHA-256 of the zip, 64 hex digits.
    pub sha256: String,
    /// What is run in the unpacked folder.
    pub command_line: String,
    /// Seconds until it is ended.
    pub time_limit_seconds: u32,
}

/// The tab.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Completion {
    /// Packages in the order in which they run.
    pub packages: Vec<CommandPackage>,
    /// Remove the agent at the end. Off, and best left off.
    pub uninstall_agent: bool,
}

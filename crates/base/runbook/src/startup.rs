//! Startup tab (A-103…A-108).

use serde::{Deserialize, Serialize};

/// How visible a run is to the device's owner.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interaction {
    /// Nothing is shown.
    Silent,
    /// The start is announced, progress is not.
    Partial,
    /// Dialogs walk through every phase.
    #[default]
    Full,
}

/// A zip with `cmdline.cmd`, kept by the server and sealed to the device that runs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// File name, for people.
    pub name: String,
    /// SHA-256 of the package, 64 hex digits.
    pub sha256: String,
    /// Seconds until it is ended.
    pub time_limit_seconds: u32,
    /// Does a failing exit code stop the run?
    pub must_succeed: bool,
}

/// A local administrator for recovery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FallbackAdministrator {
    /// Account name, at most 20 characters.
    pub name: String,
    /// Days after the end of a run that ended in the target until it is switched off.
    pub remove_after_days: u16,
}

impl Default for FallbackAdministrator {
    fn default() -> Self {
        Self {
            name: "GodwitFallback".into(),
            remove_after_days: 5,
        }
    }
}

/// The tab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Startup {
    /// How visible the run is.
    pub interaction: Interaction,
    /// SHA-256 of an image that replaces the lock screen; `None` uses ours.
    pub in_progress_image: Option<String>,
    /// Replace the lock screen at all.
    pub set_in_progress_image: bool,
    /// Show a legal notice to who tries to sign in.
    pub set_legal_notice: bool,
    /// Deny interactive logon to migrating users; independent of the notice.
    pub prevent_login: bool,
    /// A local administrator for recovery.
    pub fallback_administrator: Option<FallbackAdministrator>,
    /// Runs before anything changes.
    pub pre_script: Option<Script>,
}

impl Default for Startup {
    fn default() -> Self {
        Self {
            interaction: Interaction::Full,
            in_progress_image: None,
            set_in_progress_image: true,
            set_legal_notice: true,
            prevent_login: true,
            fallback_administrator: Some(FallbackAdministrator::default()),
            pre_script: None,
        }
    }
}

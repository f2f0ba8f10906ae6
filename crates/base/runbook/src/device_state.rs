//! Device State tab (A-114…A-122).

use serde::{Deserialize, Serialize};

/// Which directories the device leaves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeaveFrom {
    /// Stays where it is.
    #[default]
    None,
    /// Entra only.
    Entra,
    /// Active Directory only.
    ActiveDirectory,
    /// Both.
    All,
}

/// What the device joins. A hybrid join is an AD join that Windows completes by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum DomainJoin {
    /// Joins nothing.
    #[default]
    None,
    /// Active Directory.
    ActiveDirectory(AdJoin),
    /// Entra, by bulk enrolment token.
    Entra(EntraJoin),
}

/// Settings of an AD join (A-117…A-121).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AdJoin {
    /// Distinguished name of the organisational unit; empty = the directory's default container.
    pub organisational_unit: String,
    /// Use an account that exists already; otherwise an existing one is a refusal.
    pub reuse_existing_account: bool,
    /// Who creates or resets the target account. The password is kept sealed by the server.
    pub join_account: String,
    /// Join without reaching a domain controller (needs cached credentials and a trust).
    pub offline: bool,
    /// Cache the user's target credential ahead of time; only in a prerequisite runbook.
    pub cache_user_credentials: bool,
}

/// Settings of an Entra join.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EntraJoin {
    /// Enrol to Intune, hourly until it succeeds.
    pub enrol_to_intune: bool,
}

impl Default for EntraJoin {
    fn default() -> Self {
        Self {
            enrol_to_intune: true,
        }
    }
}

/// How a device that left comes back if the target is not reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WayBack {
    /// Who may reset the source account's password; empty = the source directory's own account.
    /// The password is kept sealed by the server.
    pub return_account: String,
    /// Start even if the device could not come back. The rehearsal says what that means.
    pub forward_only: bool,
    /// Minutes after leaving within which the target must be reached and verified.
    pub time_budget_minutes: u32,
}

impl Default for WayBack {
    fn default() -> Self {
        Self {
            return_account: String::new(),
            forward_only: false,
            time_budget_minutes: 120,
        }
    }
}

/// The tab.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeviceState {
    /// Which directories are left.
    pub leave: LeaveFrom,
    /// Which one is joined.
    pub join: DomainJoin,
    /// New computer name with `%SERIAL%` and `%RAND:X%`; `None` keeps the name.
    pub rename: Option<String>,
    /// How the device comes back.
    pub way_back: WayBack,
}

//! App Reconfiguration tab (A-129…A-132). Everything is off by default: inside one tenant nothing
//! of this is needed.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Office identity and licence.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OfficeReset {
    /// Forget identities and activation.
    pub reset: bool,
}

/// Outlook.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OutlookReset {
    /// Start with a new profile.
    pub reset: bool,
    /// Create it silently from the primary address.
    pub zero_config_exchange: bool,
}

/// Teams.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TeamsReset {
    /// Forget the account.
    pub reset: bool,
}

/// OneDrive.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OneDriveReset {
    /// Unlink accounts of these tenants (GUIDs); without them nothing is unlinked.
    pub source_tenants: BTreeSet<String>,
    /// Sign the new account in silently.
    pub silent_account_config: bool,
    /// Free local copies of files that are in the cloud; usually alone in a prerequisite.
    pub make_files_cloud_only: bool,
    /// Wait until everything is synchronised before freeing.
    pub wait_for_sync: bool,
}

/// An information-protection host that moved.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostMapping {
    /// Old licensing URL.
    pub from: String,
    /// New licensing URL.
    pub to: String,
}

/// The tab.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AppReconfiguration {
    /// Office.
    pub office: OfficeReset,
    /// Outlook.
    pub outlook: OutlookReset,
    /// Teams.
    pub teams: TeamsReset,
    /// OneDrive.
    pub onedrive: OneDriveReset,
    /// Edge forgets the old account.
    pub reset_edge: bool,
    /// Information-protection hosts that moved.
    pub aip_hosts: Vec<HostMapping>,
    /// Switch proxy auto-detection on.
    pub set_proxy_auto_detect: bool,
}

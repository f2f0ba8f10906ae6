//! Permission Updates tab (A-123…A-128).

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What happens to descriptors that name a mapped source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PermissionMode {
    /// Nothing.
    Leave,
    /// The target is added beside the source.
    Add,
    /// The target takes the source's place.
    #[default]
    Replace,
}

/// A scope that is rewritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Area {
    /// Profile registration, folders and hives.
    Profiles,
    /// Files and folders of fixed volumes.
    FileSystem,
    /// Machine hives.
    Registry,
    /// Printers.
    Printers,
    /// Descriptors of services; accounts are reported.
    Services,
    /// Scheduled tasks.
    ScheduledTasks,
    /// Members of local groups.
    LocalGroups,
    /// User rights.
    UserRights,
    /// File shares of the device.
    Shares,
    /// SQL Server logins; live Windows only.
    SqlServer,
    /// IIS identities; live Windows only.
    Iis,
    /// COM and DCOM permissions.
    Com,
    /// Accounts in firewall rules.
    Firewall,
    /// Installer data kept per user.
    InstallerData,
    /// Registrations of packaged applications and the cache of identities.
    AppPackages,
    /// Who signed in last, and leftovers of policies kept per user.
    SignIn,
    /// Recycle bins, which are named after their owners.
    RecycleBins,
    /// Folders of keys and certificates: those of users are named after them, those of the
    /// machine are under `%ProgramData%\Microsoft\Crypto`.
    KeyStores,
}

impl Area {
    /// All areas; all are on by default.
    pub const ALL: [Self; 18] = [
        Self::Profiles,
        Self::FileSystem,
        Self::Registry,
        Self::Printers,
        Self::Services,
        Self::ScheduledTasks,
        Self::LocalGroups,
        Self::UserRights,
        Self::Shares,
        Self::SqlServer,
        Self::Iis,
        Self::Com,
        Self::Firewall,
        Self::InstallerData,
        Self::AppPackages,
        Self::SignIn,
        Self::RecycleBins,
        Self::KeyStores,
    ];

    /// The name that documents use, such as `scheduled_tasks`.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Profiles => "profiles",
            Self::FileSystem => "file_system",
            Self::Registry => "registry",
            Self::Printers => "printers",
            Self::Services => "services",
            Self::ScheduledTasks => "scheduled_tasks",
            Self::LocalGroups => "local_groups",
            Self::UserRights => "user_rights",
            Self::Shares => "shares",
            Self::SqlServer => "sql_server",
            Self::Iis => "iis",
            Self::Com => "com",
            Self::Firewall => "firewall",
            Self::InstallerData => "installer_data",
            Self::AppPackages => "app_packages",
            Self::SignIn => "sign_in",
            Self::RecycleBins => "recycle_bins",
            Self::KeyStores => "key_stores",
        }
    }
}

/// Paths that are left alone by default. `*:` is every drive; `*` matches within a name;
/// variables are resolved on the device. A line that begins with `HKLM\` names keys or values of
/// the machine's registry instead.
pub const DEFAULT_IGNORED: [&str; 10] = [
    "%SystemRoot%",
    "%ProgramFiles%",
    "%ProgramFiles(x86)%",
    "*:\\System Volume Information",
    "*:\\DumpStack.log*",
    "*:\\hiberfil.sys",
    "*:\\pagefile.sys",
    "*:\\swapfile.sys",
    "C:\\Windows.old",
    "%ProgramData%\\Microsoft\\Windows\\AppRepository\\*",
];

/// A share on another host that is rewritten too.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoteShare {
    /// `\\host\share\path`.
    pub path: String,
}

/// The tab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PermissionUpdates {
    /// Leave, add, or replace.
    pub mode: PermissionMode,
    /// Which areas.
    pub areas: BTreeSet<Area>,
    /// Which paths are left alone.
    pub ignored: Vec<String>,
    /// Shares on other hosts.
    pub remote: Vec<RemoteShare>,
    /// Hand the whole Translation Table to the device: an explicit choice for file servers.
    pub whole_table: bool,
}

impl Default for PermissionUpdates {
    fn default() -> Self {
        Self {
            mode: PermissionMode::Replace,
            areas: Area::ALL.into(),
            ignored: DEFAULT_IGNORED.map(str::to_owned).into(),
            remote: Vec::new(),
            whole_table: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_the_names_in_documents() {
        for area in Area::ALL {
            assert_eq!(serde_json::to_value(area).unwrap(), area.label());
        }
        assert_eq!(PermissionUpdates::default().areas.len(), Area::ALL.len());
    }
}

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
}

impl Area {
    /// All areas; all are on by default.
    pub const ALL: [Self; 11] = [
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
    ];
}

/// Paths that are left alone by default. `*:` is every drive; `*` matches within a name;
/// variables are resolved on the device.
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

//! Read-only views of a device: what it is, where it belongs, who lives on it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::sid::SidText;
use crate::winpath::WinPath;

/// What a device is. Cheap to read; nothing here changes within one boot
/// except power, free space and a computer name that is being changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// NetBIOS computer name, upper case, at most 15 characters. While a running
    /// Windows waits for the restart that a new name needs, it is the new one,
    /// and [`Facts::pending`] says so.
    pub computer_name: String,
    /// Operating system.
    pub os: OsFacts,
    /// Serial number of the chassis, as the firmware gives it.
    pub serial: Option<String>,
    /// SMBIOS UUID, lower case with hyphens.
    pub smbios_uuid: Option<String>,
    /// Serial number of the disk that holds the system volume.
    pub disk_serial: Option<String>,
    /// Changes with every boot.
    pub boot_id: String,
    /// Mains and battery.
    pub power: Power,
    /// The volume that holds Windows.
    pub system_volume: VolumeFacts,
    /// Folders behind the variables an ignored area may name, without percent
    /// signs: `SystemDrive`, `SystemRoot`, `ProgramFiles`, `ProgramFiles(x86)`,
    /// `ProgramData`, `Public`.
    pub folders: BTreeMap<String, WinPath>,
    /// UI language of the system, for example `de-DE`.
    pub locale: String,
    /// Unfinished business that another boot or tool still has to do.
    pub pending: Vec<Pending>,
}

/// Operating system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OsFacts {
    /// `ProductName`, for example `Windows 11 Pro`.
    pub product: String,
    /// `EditionID`, for example `Professional`.
    pub edition: String,
    /// Build number, for example 22631.
    pub build: u32,
    /// A server or domain controller edition.
    pub is_server: bool,
}

/// Mains and battery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Power {
    /// Running on mains.
    pub on_mains: bool,
    /// 0–100; `None` without a battery.
    pub battery_percent: Option<u8>,
}

/// One volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeFacts {
    /// Its root, for example `C:\`.
    pub root: WinPath,
    /// Size in bytes.
    pub total_bytes: u64,
    /// Free bytes.
    pub free_bytes: u64,
}

/// Something that must be finished before a run may start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Pending {
    /// A restart is owed (servicing, file renames).
    Reboot {
        /// Who wants it, for people.
        because: String,
    },
    /// The computer's name or domain changes at the next boot.
    RenameOrJoin {
        /// What will change, for people.
        because: String,
    },
    /// The volume needs a check, or was hibernated.
    Volume {
        /// What was found, for people.
        because: String,
    },
}

/// Which directory the device belongs to, read from the device itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum JoinState {
    /// No directory.
    Workgroup {
        /// Workgroup name.
        name: String,
    },
    /// Member of an Active Directory domain.
    ActiveDirectory(AdMembership),
    /// Joined to an Entra tenant.
    Entra {
        /// Tenant id, lower case.
        tenant_id: String,
        /// Device id in that tenant, lower case.
        device_id: String,
    },
}

impl JoinState {
    /// One line for people: `AD target.test`, `workgroup WORKGROUP`.
    pub fn describe(&self) -> String {
        match self {
            JoinState::Workgroup { name } => format!("workgroup {name}"),
            JoinState::ActiveDirectory(ad) => format!("AD {}", ad.dns_name),
            JoinState::Entra { tenant_id, .. } => format!("Entra {tenant_id}"),
        }
    }

    /// Whether this is membership of the AD domain with the given SID.
    pub fn is_domain(&self, domain_sid: &SidText) -> bool {
        matches!(self, JoinState::ActiveDirectory(ad) if &ad.domain_sid == domain_sid)
    }
}

/// The registration of a device in an Entra tenant. With a domain membership
/// beside it the device is hybrid-joined (windows.md 3.9).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntraDevice {
    /// Tenant id, lower case.
    pub tenant_id: String,
    /// Device id in that tenant, lower case.
    pub device_id: String,
}

/// Membership of an Active Directory domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdMembership {
    /// DNS name of the domain, lower case.
    pub dns_name: String,
    /// NetBIOS name of the domain, upper case.
    pub netbios_name: String,
    /// SID of the domain.
    pub domain_sid: SidText,
    /// SID of the machine account, when the device knows it.
    pub machine_sid: Option<SidText>,
    /// Account name with the trailing `$`.
    pub account_name: String,
}

/// A user profile registered on the device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// Owner, by the name of the registration key.
    pub sid: SidText,
    /// Profile folder.
    pub path: WinPath,
    /// Its hives are loaded: somebody is signed in or a service holds it.
    pub loaded: bool,
    /// When it was last unloaded or loaded, whichever is later.
    pub last_use: Option<DateTime<Utc>>,
    /// `State` bits of the registration (windows.md 2.1).
    pub state: u32,
    /// Registration health.
    pub health: ProfileHealth,
}

/// Health of a profile's registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProfileHealth {
    /// Registered under its SID and its folder is there.
    Good,
    /// The key is called `<SID>.bak`: Windows fell back to a temporary profile.
    Bak,
    /// The folder is gone.
    FolderMissing,
    /// The profile is temporary or mandatory.
    Temporary,
}

/// A local group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalGroup {
    /// SID; built-in groups have the same one in every language.
    pub sid: SidText,
    /// Name in the system's language.
    pub name: String,
    /// Members by SID, sorted; SIDs that resolve to nobody are listed too.
    pub members: Vec<SidText>,
}

/// Which registry hive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum HiveRef {
    /// `HKLM\SOFTWARE`.
    Software,
    /// `HKLM\SYSTEM`.
    System,
    /// A registry file below a profile (`NTUSER.DAT`, `UsrClass.dat`,
    /// `settings.dat`, …), by its path on the device.
    User {
        /// The file.
        file: WinPath,
    },
}

impl HiveRef {
    /// One stable line for logs and sorted output.
    pub fn label(&self) -> String {
        match self {
            HiveRef::Software => "SOFTWARE".to_owned(),
            HiveRef::System => "SYSTEM".to_owned(),
            HiveRef::User { file } => file.to_string(),
        }
    }
}

/// A registry hive found on the device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HiveInfo {
    /// Which one.
    pub hive: HiveRef,
    /// Folder of the profile it belongs to; `None` for machine hives.
    pub profile: Option<WinPath>,
    /// Whether its root must grant the profile's owner full control: true for
    /// `NTUSER.DAT` and `UsrClass.dat`, false for application hives.
    pub owner_needs_root: bool,
    /// Loaded by a running system.
    pub loaded: bool,
    /// Can it be rewritten?
    pub state: HiveState,
    /// Size in bytes.
    pub bytes: u64,
}

/// Whether a hive can be rewritten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum HiveState {
    /// Clean.
    Clean,
    /// Its logs hold newer data and are present: it is recovered first.
    Recoverable,
    /// It must not be touched.
    Refused {
        /// Why, for people.
        because: String,
    },
}

/// Who may do everything on the root key of a hive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HiveRootAccess {
    /// SIDs with an effective (not inherit-only) allow ACE that contains
    /// `KEY_ALL_ACCESS` (0xF003F) or `GENERIC_ALL`, sorted.
    pub full_control: Vec<SidText>,
    /// SIDs with any effective deny ACE, sorted.
    pub denied: Vec<SidText>,
}

//! Where accounts are. A key pattern is written from the root of the hive:
//! `*` stands for any run of characters inside one name, `**` for a key and
//! everything below it, `<sid>` for a name that is a SID.
//!
//! Facts tagged `[~]` in the notes on Windows (printers, COM, installer,
//! firewall, policy leftovers) are places too: what does not look as expected
//! there is reported by the pass, not guessed.

use super::{Area, MachineHive};

/// What is at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// Values (by name pattern) that hold a self-relative descriptor.
    Descriptor(&'static str),
    /// Values that hold SDDL.
    Sddl(&'static str),
    /// Values that hold firewall rules.
    FirewallRule(&'static str),
    /// Values that hold exactly one SID as text.
    SidText(&'static str),
    /// Values that hold the name of the account whose SID is in the value named second.
    NameBeside(&'static str, &'static str),
    /// Values that hold the name of an account: said.
    Account(&'static str),
    /// The key is named after its owner.
    KeyName,
    /// The key is a cache about its owner, who is gone afterwards.
    Cache,
    /// The key is a cache about the account in this value.
    CacheOf(&'static str),
    /// Values are named after their owners.
    ValueNames,
}

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) area: Area,
    pub(super) key: &'static str,
    pub(super) what: What,
}

const fn at(area: Area, key: &'static str, what: What) -> Place {
    Place { area, key, what }
}

use What::{
    Account, Cache, CacheOf, Descriptor, FirewallRule, KeyName, NameBeside, Sddl, SidText,
    ValueNames,
};

const SYSTEM: &[Place] = &[
    at(
        Area::Services,
        r"ControlSet*\Services\*\Security",
        Descriptor("Security"),
    ),
    at(
        Area::Services,
        r"ControlSet*\Services\*",
        Account("ObjectName"),
    ),
    at(
        Area::Shares,
        r"ControlSet*\Services\LanmanServer\Shares\Security",
        Descriptor("*"),
    ),
    at(
        Area::Printers,
        r"ControlSet*\Control\Print\Printers\*",
        Descriptor("Security"),
    ),
    at(
        Area::Printers,
        r"ControlSet*\Control\Print\Providers\Client Side Rendering Print Provider\<sid>",
        KeyName,
    ),
    at(
        Area::Firewall,
        r"ControlSet*\Services\SharedAccess\Parameters\FirewallPolicy\FirewallRules",
        FirewallRule("*"),
    ),
    at(
        Area::Firewall,
        r"ControlSet*\Services\SharedAccess\Parameters\FirewallPolicy\RestrictedServices\**",
        FirewallRule("*"),
    ),
];

const SOFTWARE: &[Place] = &[
    at(
        Area::Printers,
        r"Microsoft\Windows NT\CurrentVersion\Print\Printers\*",
        Descriptor("Security"),
    ),
    at(
        Area::Printers,
        r"Microsoft\Windows NT\CurrentVersion\Print\Providers\Client Side Rendering Print Provider\<sid>",
        KeyName,
    ),
    at(
        Area::Firewall,
        r"Policies\Microsoft\WindowsFirewall\FirewallRules",
        FirewallRule("*"),
    ),
    at(
        Area::Com,
        r"Classes\AppID\*",
        Descriptor("AccessPermission"),
    ),
    at(
        Area::Com,
        r"Classes\AppID\*",
        Descriptor("LaunchPermission"),
    ),
    at(Area::Com, r"Classes\AppID\*", Account("RunAs")),
    at(
        Area::Com,
        r"Classes\WOW6432Node\AppID\*",
        Descriptor("AccessPermission"),
    ),
    at(
        Area::Com,
        r"Classes\WOW6432Node\AppID\*",
        Descriptor("LaunchPermission"),
    ),
    at(
        Area::Com,
        r"Microsoft\Ole",
        Descriptor("Default*Permission"),
    ),
    at(
        Area::Com,
        r"Microsoft\Ole",
        Descriptor("Machine*Restriction"),
    ),
    at(
        Area::Com,
        r"WOW6432Node\Microsoft\Ole",
        Descriptor("Default*Permission"),
    ),
    at(
        Area::Com,
        r"WOW6432Node\Microsoft\Ole",
        Descriptor("Machine*Restriction"),
    ),
    at(
        Area::Com,
        r"Policies\Microsoft\Windows NT\DCOM",
        Sddl("Machine*Restriction"),
    ),
    at(
        Area::ScheduledTasks,
        r"Microsoft\Windows NT\CurrentVersion\Schedule\TaskCache\Tree\**",
        Descriptor("SD"),
    ),
    at(
        Area::Installer,
        r"Microsoft\Windows\CurrentVersion\Installer\UserData\<sid>",
        KeyName,
    ),
    at(
        Area::Installer,
        r"Microsoft\Windows\CurrentVersion\Installer\Managed\<sid>",
        KeyName,
    ),
    at(
        Area::AppPackages,
        r"Microsoft\Windows\CurrentVersion\Appx\AppxAllUserStore\<sid>",
        KeyName,
    ),
    at(
        Area::AppPackages,
        r"Microsoft\IdentityStore\Cache\<sid>",
        Cache,
    ),
    at(
        Area::AppPackages,
        r"Microsoft\IdentityStore\LogonCache\*\Sid2Name\<sid>",
        Cache,
    ),
    at(
        Area::AppPackages,
        r"Microsoft\IdentityStore\LogonCache\*\Name2Sid\*",
        CacheOf("Sid"),
    ),
    at(
        Area::AppPackages,
        r"Microsoft\IdentityStore\LogonCache\*\SAM_Name\*",
        CacheOf("Sid"),
    ),
    // The names before the SIDs that say whose they are.
    at(
        Area::SignIn,
        LOGON_UI,
        NameBeside("LastLoggedOnUser", "LastLoggedOnUserSID"),
    ),
    at(
        Area::SignIn,
        LOGON_UI,
        NameBeside("LastLoggedOnSAMUser", "LastLoggedOnUserSID"),
    ),
    at(Area::SignIn, LOGON_UI, SidText("LastLoggedOnUserSID")),
    at(Area::SignIn, LOGON_UI, SidText("SelectedUserSID")),
    at(
        Area::SignIn,
        r"Microsoft\Windows\CurrentVersion\Authentication\LogonUI\UserTile",
        ValueNames,
    ),
    at(
        Area::SignIn,
        r"Microsoft\Windows\CurrentVersion\Authentication\LogonUI\SessionData\*",
        NameBeside("LoggedOnUser", "LoggedOnUserSID"),
    ),
    at(
        Area::SignIn,
        r"Microsoft\Windows\CurrentVersion\Authentication\LogonUI\SessionData\*",
        NameBeside("LoggedOnSAMUser", "LoggedOnUserSID"),
    ),
    at(
        Area::SignIn,
        r"Microsoft\Windows\CurrentVersion\Authentication\LogonUI\SessionData\*",
        SidText("LoggedOnUserSID"),
    ),
    at(
        Area::SignIn,
        r"Microsoft\Windows\CurrentVersion\Group Policy\State\<sid>",
        Cache,
    ),
    at(
        Area::SignIn,
        r"Microsoft\Windows\CurrentVersion\Group Policy\DataStore\<sid>",
        Cache,
    ),
    at(
        Area::SignIn,
        r"Microsoft\Windows\CurrentVersion\Group Policy\<sid>",
        Cache,
    ),
];

const LOGON_UI: &str = r"Microsoft\Windows\CurrentVersion\Authentication\LogonUI";

/// The lines of a hive.
pub(super) fn of(hive: MachineHive) -> &'static [Place] {
    match hive {
        MachineHive::System => SYSTEM,
        MachineHive::Software => SOFTWARE,
    }
}

//! The hives of the device: one pair per user, four for the machine.

use anyhow::{Context, Result};
use gw_testkit::hive_builder::{
    self, AccountRights, JoinedDomain, LocalUser, MachineSpec, ProfileEntry, TaskFile, UserSpec,
};

use super::spec::{ImageSpec, Language, ProfileUser};

pub use gw_testkit::hive_builder::MachineHives;

/// Machine hives, by file name in `Windows/System32/config`.
pub(super) const CONFIG_HIVES: [&str; 4] = ["SAM", "SECURITY", "SOFTWARE", "SYSTEM"];

/// RID of the local account every device has.
pub(super) const LOCAL_USER: u32 = 1001;
/// `SeBatchLogonRight` and `SeServiceLogonRight`.
const BATCH_AND_SERVICE: u32 = 0x0000_0014;
/// `SeBackupPrivilege`.
const BACKUP: u64 = 17;

/// The hives of one user.
pub(super) struct UserHives {
    pub(super) ntuser: Vec<u8>,
    pub(super) usrclass: Vec<u8>,
}

/// Composes NTUSER.DAT and UsrClass.dat of a user.
pub(super) fn user_hives(spec: &ImageSpec, user: &ProfileUser) -> Result<UserHives> {
    let mut others = spec.groups.clone();
    others.extend(spec.source.sid.with_rid(512));
    others.extend(spec.source.sid.with_rid(513));
    others.extend(spec.colleagues.iter().take(3).cloned());
    let mut told = UserSpec::new(user.sid.clone(), &user.name);
    told.profile = format!("C:\\Users\\{}", user.folder);
    told.others = others;
    told.language = language(spec);
    let what = || format!("composing the hives of {}", user.name);
    Ok(UserHives {
        ntuser: hive_builder::ntuser(&told).with_context(what)?,
        usrclass: hive_builder::usrclass(&told).with_context(what)?,
    })
}

/// Composes SYSTEM, SOFTWARE, SAM and SECURITY for the device of `spec`: joined to the
/// source, local Administrators holding a source user and Domain Admins.
///
/// # Errors
/// When a name or SID of the specification does not fit where Windows keeps it.
pub fn machine_hives(spec: &ImageSpec) -> Result<MachineHives> {
    hive_builder::machine_hives(&machine_spec(spec)?).context("composing the machine hives")
}

/// The task files that belong to these hives.
pub(super) fn task_files(spec: &ImageSpec) -> Result<Vec<TaskFile>> {
    Ok(hive_builder::task_files(&machine_spec(spec)?))
}

fn machine_spec(spec: &ImageSpec) -> Result<MachineSpec> {
    let rid = |rid| {
        spec.source
            .sid
            .with_rid(rid)
            .context("the domain SID takes no RID")
    };
    let mut told = MachineSpec::new(&spec.computer_name, spec.local_sid.clone());
    told.domain = Some(JoinedDomain {
        netbios: spec.source.netbios_name.clone(),
        dns: spec.source.dns_name.clone(),
        forest: spec.source.dns_name.clone(),
        sid: spec.source.sid.clone(),
        guid: spec.source.guid.to_bytes_le(),
        machine_rid: spec
            .machine
            .sid
            .rid()
            .context("the machine account's SID has no RID")?,
    });
    told.machine_secret = spec
        .machine
        .password
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    told.profiles = spec
        .profiles
        .iter()
        .map(|user| ProfileEntry {
            sid: user.sid.clone(),
            path: format!("C:\\Users\\{}", user.folder),
            guid: user.guid.map(|guid| guid.braced().to_string()),
            state: 0,
        })
        .collect();
    told.local_users = vec![LocalUser {
        rid: LOCAL_USER,
        name: "werkstatt".into(),
        full_name: "Werkstatt".into(),
    }];
    told.members = vec![(544, rid(512)?), (545, rid(513)?)];
    told.members
        .extend(spec.local_sid.with_rid(LOCAL_USER).map(|sid| (545, sid)));
    // A user of the source who administers this machine, and one who may sign in remotely.
    told.members
        .extend(spec.profiles.first().map(|user| (544, user.sid.clone())));
    told.members
        .extend(spec.profiles.get(1).map(|user| (555, user.sid.clone())));
    told.members
        .extend(spec.profiles.last().map(|user| (555, user.sid.clone())));
    told.members
        .extend(spec.groups.first().map(|group| (555, group.clone())));
    told.rights = spec
        .groups
        .iter()
        .take(2)
        .chain(spec.profiles.first().map(|user| &user.sid))
        .map(|sid| AccountRights {
            sid: sid.clone(),
            logon: BATCH_AND_SERVICE,
            privileges: vec![BACKUP],
        })
        .collect();
    told.others = spec
        .groups
        .iter()
        .take(6)
        .cloned()
        .chain([rid(512)?, rid(513)?])
        .collect();
    told.others
        .extend(spec.profiles.iter().map(|user| user.sid.clone()));
    told.language = language(spec);
    told.seed = spec.seed;
    Ok(told)
}

fn language(spec: &ImageSpec) -> hive_builder::Language {
    match spec.language {
        Language::En => hive_builder::Language::English,
        Language::De => hive_builder::Language::German,
    }
}

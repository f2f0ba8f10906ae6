//! A PC with users, files, hives and groups, ready to be migrated.

use std::collections::BTreeMap;

use super::cells::{self, FileCell, GroupCell, HiveCell, ProfileCell, SecurityCell};
use super::fuse::Fuse;
use super::machine::{FakeDirectory, FakePc};
use super::membership::FakeTenant;
use super::sd::{AceSpec, descriptor};
use crate::facts::{
    AdMembership, EntraDevice, Facts, JoinState, OsFacts, Power, ProfileHealth, VolumeFacts,
};
use crate::join::{AdTarget, Controller, EntraTarget, JoinTarget};
use crate::sid::SidText;
use crate::winpath::WinPath;

/// What [`sample`] builds, with the names a test needs.
pub struct SamplePc {
    /// The PC, joined to `source.test`, which accepts it.
    pub pc: FakePc,
    /// Mapped users: folder name, source, target.
    pub users: Vec<(String, SidText, SidText)>,
    /// A user with a profile but no pair.
    pub unmapped: SidText,
    /// Facts of the source domain, for coming back.
    pub source: JoinTarget,
    /// Facts of the target domain.
    pub target: JoinTarget,
}

impl SamplePc {
    /// The target expects the PC under another name.
    pub fn expected_as(&mut self, name: &str) {
        let (JoinTarget::ActiveDirectory(ad) | JoinTarget::ActiveDirectoryOffline(ad)) =
            &mut self.target
        else {
            return;
        };
        let account = format!("{}$", name.to_uppercase());
        if let Some(directory) = self.pc.network.get_mut(&ad.dns_name)
            && let Some(password) = directory.passwords.remove(&ad.account_name)
        {
            directory.passwords.insert(account.clone(), password);
        }
        ad.account_name = account;
    }
}

fn text(value: &str) -> SidText {
    value
        .parse()
        .unwrap_or_else(|_| unreachable!("{value} is a SID"))
}

fn path(value: &str) -> WinPath {
    value
        .parse()
        .unwrap_or_else(|_| unreachable!("{value} is a path"))
}

/// Where a sample PC comes from or goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A domain.
    Domain,
    /// A tenant.
    Tenant,
    /// A domain, and registered in a tenant as well; only as a source.
    Hybrid,
}

/// A PC with `users` mapped users and one unmapped one, `files` files in each
/// profile, two user hives each, SOFTWARE, SYSTEM and local groups; it goes from
/// domain to domain.
pub fn sample(fuse: Fuse, users: u32, files: u32) -> SamplePc {
    sample_between(fuse, users, files, Place::Domain, Place::Domain)
}

/// The same between other places.
pub fn sample_between(fuse: Fuse, users: u32, files: u32, from: Place, to: Place) -> SamplePc {
    let issuer = |place: Place, domain: &str, tenant: &str| match place {
        Place::Tenant => format!("S-1-12-1-{tenant}"),
        _ => format!("S-1-5-21-{domain}"),
    };
    let source_sids = issuer(from, "1-2-3", "11-12-13");
    let target_sids = issuer(to, "4-5-6", "14-15-16");
    let mut pc = FakePc::new(fuse, facts());
    let people: Vec<(String, SidText, SidText)> = (0..users)
        .map(|n| {
            (
                format!("user{n}"),
                text(&format!("{source_sids}-{}", 1100 + n)),
                text(&format!("{target_sids}-{}", 2100 + n)),
            )
        })
        .collect();
    let unmapped = text(&format!("{source_sids}-1999"));
    let everyone = people
        .iter()
        .map(|(name, source, _)| (name.clone(), source.clone()))
        .chain([("stranger".to_owned(), unmapped.clone())]);
    let mut id = 0u64;
    let mut add_file = |pc: &mut FakePc, names: &[String], sd: Vec<u8>| {
        let cell = FileCell {
            names: names.iter().map(|name| path(name)).collect(),
            sd,
        };
        let key = format!("file/{id:08}");
        seed(pc, &key, &cell);
        id += 1;
    };
    let first = people.first().map_or(unmapped.clone(), |p| p.1.clone());
    add_file(&mut pc, &["C:\\".to_owned()], file_sd(&first, 0));
    add_file(
        &mut pc,
        &[r"C:\Data\shared.txt".to_owned()],
        file_sd(&first, 1),
    );
    add_file(
        &mut pc,
        &[r"C:\Windows\x.log".to_owned()],
        file_sd(&first, 2),
    );
    // One name inside an ignored area: the file is left alone.
    add_file(
        &mut pc,
        &[r"C:\Data\link".to_owned(), r"C:\Windows\link".to_owned()],
        file_sd(&first, 3),
    );
    for (name, sid) in everyone {
        let folder = format!(r"C:\Users\{name}");
        seed(
            &mut pc,
            &format!("profile/{sid}"),
            &ProfileCell {
                path: path(&folder),
                loaded: false,
                last_use: 1_760_000_000,
                state: 0,
                health: ProfileHealth::Good,
            },
        );
        add_file(&mut pc, std::slice::from_ref(&folder), file_sd(&sid, 0));
        for owned in [
            super::areas::bin_of(sid.as_str()),
            format!(r"{folder}\{}\{sid}", crate::areas::USER_KEYS),
        ] {
            add_file(&mut pc, std::slice::from_ref(&owned), file_sd(&sid, 0));
            add_file(&mut pc, &[format!(r"{owned}\inside")], file_sd(&sid, 0));
        }
        for n in 0..files {
            let own = format!(r"{folder}\Documents\{n}.txt");
            let names = match n % 5 {
                0 => vec![own, format!(r"{folder}\Links\{n}.txt")],
                _ => vec![own],
            };
            add_file(&mut pc, &names, file_sd(&sid, n % 4));
        }
        for (file, extra) in [
            ("NTUSER.DAT", 3),
            (r"AppData\Local\Microsoft\Windows\UsrClass.dat", 2),
        ] {
            let file = format!(r"{folder}\{file}");
            let mut sks = vec![SecurityCell {
                sd: key_sd(&sid, 0),
                keys: 40,
            }];
            for n in 1..=extra {
                sks.push(SecurityCell {
                    sd: key_sd(&sid, n),
                    keys: u64::from(n) * 7,
                });
            }
            seed(
                &mut pc,
                &format!("hive/{file}"),
                &HiveCell {
                    profile: Some(path(&folder)),
                    owner_needs_root: true,
                    sks,
                    values: BTreeMap::new(),
                    refused: None,
                },
            );
        }
    }
    for label in ["SOFTWARE", "SYSTEM"] {
        seed(
            &mut pc,
            &format!("hive/{label}"),
            &HiveCell {
                profile: None,
                owner_needs_root: false,
                sks: vec![
                    SecurityCell {
                        sd: key_sd(&text(SidText::ADMINISTRATORS), 0),
                        keys: 500,
                    },
                    SecurityCell {
                        sd: key_sd(&first, 1),
                        keys: 3,
                    },
                ],
                values: BTreeMap::new(),
                refused: None,
            },
        );
    }
    let local_admin = text("S-1-5-21-77-88-99-500");
    for (sid, name, members) in [
        (
            SidText::ADMINISTRATORS,
            "Administratoren",
            vec![local_admin, first.clone()],
        ),
        (
            "S-1-5-32-555",
            "Remotedesktopbenutzer",
            people.iter().map(|p| p.1.clone()).collect(),
        ),
    ] {
        seed(
            &mut pc,
            &format!("group/{sid}"),
            &GroupCell {
                name: name.to_owned(),
                members,
            },
        );
    }
    seed(&mut pc, "task/Automatic-Device-Join", &true);
    for (name, token) in [("source-tenant", "source-0"), ("target-tenant", "target-0")] {
        pc.tenants.insert(
            name.to_owned(),
            FakeTenant {
                reachable: true,
                tokens: [token.as_bytes().to_vec()].into(),
                ..FakeTenant::default()
            },
        );
    }
    let named: Vec<(String, SidText)> = people
        .iter()
        .map(|(name, source, _)| (name.clone(), source.clone()))
        .chain([("stranger".to_owned(), unmapped.clone())])
        .collect();
    for (key, cell) in super::areas_build::cells(&named) {
        seed(&mut pc, &key, &cell);
    }
    for (number, (_, sid)) in named.iter().enumerate() {
        let mut rights = vec!["SeBatchLogonRight"];
        if number % 2 == 0 {
            rights.push("SeServiceLogonRight");
        }
        seed(&mut pc, &format!("right/{sid}"), &rights);
    }
    let place = |place: Place, name: &str, parts: &str| match place {
        Place::Tenant => JoinTarget::Entra(EntraTarget {
            tenant_id: format!("{name}-tenant"),
            domain: format!("{name}.example"),
        }),
        _ => domain(name, parts),
    };
    let (source, target) = (place(from, "source", "1-2-3"), place(to, "target", "4-5-6"));
    let state = match from {
        Place::Tenant => JoinState::Entra {
            tenant_id: "source-tenant".to_owned(),
            device_id: "source-device-0".to_owned(),
        },
        _ => JoinState::ActiveDirectory(AdMembership {
            dns_name: "source.test".to_owned(),
            netbios_name: "SOURCE".to_owned(),
            domain_sid: text("S-1-5-21-1-2-3"),
            machine_sid: Some(text("S-1-5-21-1-2-3-5000")),
            account_name: "PC7$".to_owned(),
        }),
    };
    pc.seed_name("PC7");
    seed(&mut pc, "join/state", &state);
    if from == Place::Hybrid {
        seed(
            &mut pc,
            "join/registration",
            &EntraDevice {
                tenant_id: "source-tenant".to_owned(),
                device_id: "source-device-0".to_owned(),
            },
        );
    }
    if from != Place::Domain {
        seed(&mut pc, "mdm/8d1f", &"enrolled long ago");
    }
    if let Some(tenant) = pc.tenants.get_mut("source-tenant") {
        tenant
            .devices
            .insert("source-device-0".to_owned(), b"source-0".to_vec());
    }
    pc.disk.seed("join/secret", Some(b"source-0".to_vec()));
    for (name, password) in [("source.test", "source-0"), ("target.test", "target-0")] {
        pc.network.insert(
            name.to_owned(),
            FakeDirectory {
                reachable: true,
                passwords: BTreeMap::from([("PC7$".to_owned(), password.as_bytes().to_vec())]),
            },
        );
    }
    SamplePc {
        pc,
        users: people,
        unmapped,
        source,
        target,
    }
}

fn domain(name: &str, parts: &str) -> JoinTarget {
    JoinTarget::ActiveDirectory(AdTarget {
        dns_name: format!("{name}.test"),
        netbios_name: name.to_uppercase(),
        forest_name: format!("{name}.test"),
        domain_sid: text(&format!("S-1-5-21-{parts}")),
        domain_guid: None,
        account_name: "PC7$".to_owned(),
        machine_sid: Some(text(&format!("S-1-5-21-{parts}-5000"))),
        controllers: vec![Controller {
            host: format!("dc1.{name}.test"),
            addresses: Vec::new(),
            site: None,
        }],
        kvno: None,
    })
}

fn seed<T: serde::Serialize>(pc: &mut FakePc, key: &str, value: &T) {
    let bytes = cells::write(key, value).unwrap_or_else(|_| unreachable!("cells are JSON"));
    pc.disk.seed(key, Some(bytes));
}

/// Variations of what real files carry: inherited, explicit, deny.
fn file_sd(user: &SidText, kind: u32) -> Vec<u8> {
    let system = text(SidText::SYSTEM);
    let admins = text(SidText::ADMINISTRATORS);
    let owner = if kind == 1 { &admins } else { user };
    let mut dacl = vec![
        ace(0x10, 0x001F_01FF, &system),
        ace(0x10, 0x001F_01FF, &admins),
        ace(if kind == 2 { 0 } else { 0x10 }, 0x001F_01FF, user),
    ];
    if kind == 3 {
        let mut deny = ace(0, 0x0001_0000, user);
        deny.deny = true;
        dacl.insert(0, deny);
    }
    descriptor(owner, &text("S-1-5-21-1-2-3-513"), &dacl)
}

fn key_sd(user: &SidText, kind: u32) -> Vec<u8> {
    let mut dacl = vec![
        ace(0x03, 0x000F_003F, &text(SidText::SYSTEM)),
        ace(0x03, 0x000F_003F, &text(SidText::ADMINISTRATORS)),
        ace(0x03, 0x000F_003F, user),
    ];
    if kind > 0 {
        dacl.push(ace(0x02, 0x0002_0019 | (kind << 2), user));
    }
    descriptor(user, user, &dacl)
}

fn ace(flags: u8, mask: u32, sid: &SidText) -> AceSpec {
    AceSpec {
        deny: false,
        flags,
        mask,
        sid: sid.clone(),
    }
}

fn facts() -> Facts {
    let volume = 64 << 30;
    Facts {
        computer_name: "PC7".to_owned(),
        os: OsFacts {
            product: "Windows 11 Pro".to_owned(),
            edition: "Professional".to_owned(),
            build: 22631,
            is_server: false,
        },
        serial: Some("SN-7".to_owned()),
        smbios_uuid: Some("4c4c4544-0037-3510-8052-b4c04f4a3532".to_owned()),
        disk_serial: Some("DISK-7".to_owned()),
        boot_id: "1".to_owned(),
        power: Power {
            on_mains: true,
            battery_percent: None,
        },
        system_volume: VolumeFacts {
            root: path("C:\\"),
            total_bytes: volume,
            free_bytes: volume / 2,
        },
        folders: BTreeMap::from([
            ("SystemDrive".to_owned(), path("C:\\")),
            ("SystemRoot".to_owned(), path(r"C:\Windows")),
            ("ProgramFiles".to_owned(), path(r"C:\Program Files")),
            (
                "ProgramFiles(x86)".to_owned(),
                path(r"C:\Program Files (x86)"),
            ),
            ("ProgramData".to_owned(), path(r"C:\ProgramData")),
        ]),
        locale: "de-DE".to_owned(),
        pending: Vec::new(),
    }
}

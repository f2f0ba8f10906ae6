//! Everything outside the profiles: Windows, programs, data, the recycle bin.

use gw_secdesc::Sid;

use super::acl::{
    CI, DACL_AUTO, DACL_PRESENT, DACL_PROTECTED, FULL, IO, MODIFY, OI, Order, READ, READ_EXECUTE,
    RM_VALID, SACL_AUTO, Sd, ace, allow, audit, deny, framed, member_of, object_ace, sid,
    sid_claim,
};
use super::hives::{CONFIG_HIVES, LOCAL_USER, task_files};
use super::layout::{Family, HIDDEN, Planner, READ_ONLY, Right, SYSTEM, zone_identifier};
use super::names;
use super::plan::Content;

const TRUSTED_INSTALLER: &str = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464";

fn system_sid() -> Sid {
    sid("S-1-5-18")
}

fn administrators() -> Sid {
    sid("S-1-5-32-544")
}

fn users() -> Sid {
    sid("S-1-5-32-545")
}

/// The root, Windows, programs, ProgramData and the folder Users itself.
pub(super) fn system(p: &mut Planner<'_>) -> anyhow::Result<()> {
    root(p);
    windows(p)?;
    programs(p);
    program_data(p);
    let family = family_of(p, &[], &administrators(), DACL_PROTECTED);
    p.dir("Users", family.folder).attributes = READ_ONLY;
    let text = format!(
        "[.ShellClassInfo]\r\nLocalizedResourceName={}\r\n",
        names::display(p.spec.language, "Users")
    );
    p.file("Users/desktop.ini", text, family.file).attributes = HIDDEN | SYSTEM;
    for folder in ["Users/Public", "Users/Public/Documents", "Users/Default"] {
        p.dir(folder, family.directory);
    }
    p.filler("Users/Public/Documents/handbook.pdf", family.file);
    let closed = closed_junction(p);
    p.junction("Users/Default User", "C:\\Users\\Default", closed);
    p.junction("Users/All Users", "C:\\ProgramData", closed);
    for (name, target) in names::root_junctions(p.spec.language) {
        p.junction(*name, target, closed);
    }
    Ok(())
}

/// Administrators, SYSTEM and Users as on a fresh folder, then `extra`.
fn family_of(p: &mut Planner<'_>, extra: &[Right], owner: &Sid, control: u16) -> Family {
    let group = p.domain_rid(513);
    let mut rights = extra.to_vec();
    rights.extend([
        Right::allow(FULL, &system_sid()),
        Right::allow(FULL, &administrators()),
        Right::allow(READ_EXECUTE, &users()),
        Right::allow(0x1000_0000, &sid("S-1-3-0")).flags(OI | CI | IO),
    ]);
    p.family(
        Sd::new(owner, &group).control(DACL_AUTO | control),
        &rights,
        owner,
        &group,
    )
}

fn closed_junction(p: &mut Planner<'_>) -> usize {
    let sd = Sd::new(&system_sid(), &system_sid())
        .control(DACL_PROTECTED)
        .dacl(vec![
            deny(0, 1, &sid("S-1-1-0")),
            allow(0, FULL, &system_sid()),
            allow(0, FULL, &administrators()),
            allow(0, READ_EXECUTE, &sid("S-1-1-0")),
        ]);
    p.sd(&sd)
}

/// The root of C: as Windows ships it, opened for a source group by an administrator.
fn root(p: &mut Planner<'_>) {
    let authenticated = sid("S-1-5-11");
    let sd = Sd::new(&sid(TRUSTED_INSTALLER), &sid(TRUSTED_INSTALLER))
        .control(DACL_PROTECTED | DACL_AUTO)
        .dacl(vec![
            deny(CI, 0x4, &p.group(0)),
            allow(OI | CI, FULL, &administrators()),
            allow(OI | CI, FULL, &system_sid()),
            allow(OI | CI, READ_EXECUTE, &users()),
            allow(OI | CI | IO, MODIFY, &authenticated),
            allow(0, 0x4, &authenticated),
            allow(CI, 0x2, &p.domain_rid(513)),
        ]);
    let sd = p.sd(&sd);
    p.set_root(sd);
}

/// `%SystemRoot%`: an ignored area, with source SIDs in some descriptors.
fn windows(p: &mut Planner<'_>) -> anyhow::Result<()> {
    let installer = sid(TRUSTED_INSTALLER);
    let family = family_of(p, &[], &installer, DACL_PROTECTED);
    let source = [
        Right::allow(MODIFY, &p.group(2)),
        Right::allow(READ, &p.domain_rid(513)),
    ];
    let touched = family_of(p, &source, &system_sid(), 0);
    let owner = p
        .spec
        .profiles
        .first()
        .map_or_else(system_sid, |user| user.sid.clone());
    let owned = family_of(p, &source[..1], &owner, 0);
    p.dir("Windows", family.folder);
    for folder in [
        "System32",
        "System32/config",
        "System32/Tasks",
        "SysWOW64",
        "Fonts",
        "Logs",
        "System32/drivers",
    ] {
        p.dir(format!("Windows/{folder}"), family.directory);
    }
    p.dir("Windows/Temp", owned.folder);
    p.dir("Windows/CCM", touched.folder);
    p.filler("Windows/Temp/setup.log", owned.file);
    p.filler("Windows/CCM/ccm.log", touched.file);
    p.filler("Windows/explorer.exe", family.file);
    let config = Sd::new(&administrators(), &system_sid())
        .control(DACL_AUTO)
        .dacl(vec![
            allow(0x10, FULL, &system_sid()),
            allow(0x10, FULL, &administrators()),
        ]);
    let config = p.sd(&config);
    for hive in CONFIG_HIVES {
        p.file(format!("Windows/System32/config/{hive}"), "", config);
        hive_logs(p, &format!("Windows/System32/config/{hive}"), config);
    }
    p.spot("Windows/System32", family, 10);
    p.spot("Windows/Temp", owned, 4);
    p.spot("Windows/CCM", touched, 4);

    let closed = Sd::new(&system_sid(), &system_sid())
        .control(DACL_PROTECTED)
        .dacl(vec![
            allow(OI | CI, FULL, &system_sid()),
            allow(0, READ, &p.domain_rid(512)),
        ]);
    let closed = p.sd(&closed);
    p.dir("System Volume Information", closed).attributes = HIDDEN | SYSTEM;
    p.filler("System Volume Information/tracking.log", closed)
        .attributes = HIDDEN | SYSTEM;
    p.dir("Windows/System32/Tasks/Contoso", family.directory);
    for task in task_files(p.spec)? {
        let path = task.path.replace('\\', "/");
        p.file(
            format!("Windows/System32/Tasks{path}"),
            task.content,
            family.file,
        );
    }
    Ok(())
}

/// The logs that lie beside every hive: here of a hive that was closed cleanly.
pub(super) fn hive_logs(p: &mut Planner<'_>, hive: &str, descriptor: usize) {
    for (suffix, len) in [(".LOG1", 65_536), (".LOG2", 0)] {
        let node = p.file(format!("{hive}{suffix}"), vec![0; len], descriptor);
        node.attributes = HIDDEN | SYSTEM | 0x20;
    }
    let id = "{53b39e3b-18c4-11ea-a811-000d3aa4692b}.TM";
    for suffix in [".blf", "Container00000000000000000001.regtrans-ms"] {
        let node = p.file(format!("{hive}{id}{suffix}"), vec![0; 65_536], descriptor);
        node.attributes = HIDDEN | SYSTEM | 0x20;
    }
}

/// `%ProgramFiles%` and its 32-bit twin: ignored areas too.
fn programs(p: &mut Planner<'_>) {
    for (number, root) in ["Program Files", "Program Files (x86)"].iter().enumerate() {
        let family = family_of(p, &[], &sid(TRUSTED_INSTALLER), DACL_PROTECTED);
        p.dir(*root, family.folder).short_name = Some(format!("PROGRA~{}", number + 1));
        for vendor in 0..6 {
            let right = match vendor % 3 {
                0 => Right::allow(MODIFY, &p.group(vendor + number)),
                1 => Right::deny(0x2, &p.colleague(vendor)),
                _ => Right::allow(FULL, &p.domain_rid(512)),
            };
            let owner = if vendor % 2 == 0 {
                administrators()
            } else {
                p.colleague(vendor + number)
            };
            let family = family_of(p, &[right], &owner, 0);
            let folder = format!(
                "{root}/{}",
                [
                    "Contoso",
                    "Fabrikam",
                    "Grün & Co",
                    "Nord",
                    "Øst",
                    "Западные"
                ][vendor]
            );
            p.dir(folder.clone(), family.folder);
            p.filler(format!("{folder}/contoso.exe"), family.file);
            p.spot(folder, family, 2);
        }
    }
}

fn program_data(p: &mut Planner<'_>) {
    let family = family_of(
        p,
        &[Right::allow(MODIFY, &p.group(4)).flags(CI)],
        &system_sid(),
        DACL_PROTECTED,
    );
    p.dir("ProgramData", family.folder).attributes = HIDDEN;
    for folder in ["Microsoft", "Contoso", "Contoso/Cache"] {
        p.dir(format!("ProgramData/{folder}"), family.directory);
    }
    p.spot("ProgramData/Contoso/Cache", family, 4);
}

/// `C:\Data`: department folders the way file servers grow them.
pub(super) fn data(p: &mut Planner<'_>) {
    let group = p.domain_rid(513);
    let family = family_of(
        p,
        &[Right::allow(MODIFY, &group)],
        &administrators(),
        DACL_PROTECTED,
    );
    p.dir("Data", family.folder);
    for number in 0..16 {
        let owner = match number % 3 {
            0 => administrators(),
            1 => p.colleague(number),
            _ => p.domain_rid(512),
        };
        let mut rights = vec![
            Right::allow(MODIFY, &p.group(number)),
            Right::allow(READ, &p.group(number + 5)),
        ];
        if number % 4 == 1 {
            rights.insert(0, Right::deny(0x0001_0040, &p.colleague(number + 1)));
        }
        let control = if number % 2 == 0 { DACL_PROTECTED } else { 0 };
        let family = family_of(p, &rights, &owner, control);
        let folder = format!("Data/{}", data_folder(number));
        p.dir(folder.clone(), family.folder);
        p.filler(format!("{folder}/index.xlsx"), family.file);
        p.spot(folder, family, 8);
    }
    let user = p
        .spec
        .local_sid
        .with_rid(LOCAL_USER)
        .unwrap_or_else(administrators);
    let sd = p.sd(&Sd::new(&user, &user).dacl(vec![allow(0, FULL, &user)]));
    p.filler("Data/of a local account.txt", sd);
}

fn data_folder(number: usize) -> String {
    const NAMES: &[&str] = &[
        "Accounting",
        "Sales & Marketing",
        "Personal (vertraulich)",
        "R and D",
        "Юридический отдел",
        "財務",
        "الموارد البشرية",
        "Board's papers",
    ];
    format!("{} {number:02}", NAMES[number % NAMES.len()])
}

/// One file per uncommon shape of a descriptor; names are not ordinary either.
pub(super) fn odd_descriptors(p: &mut Planner<'_>) {
    let owner = p.colleague(0);
    let group = p.group(0);
    let other = p.group(1);
    let me = p
        .spec
        .profiles
        .first()
        .map_or_else(|| owner.clone(), |user| user.sid.clone());
    let everyone = sid("S-1-1-0");
    let sd = || Sd::new(&owner, &group);
    let basic = vec![allow(0, FULL, &me), allow(0, READ, &other)];
    let odd: Vec<(&str, Sd)> = vec![
        ("null dacl", sd().control(DACL_PRESENT)),
        ("empty dacl", sd().dacl(vec![])),
        ("no dacl", sd()),
        ("slack in dacl", sd().dacl(basic.clone()).slack(12)),
        (
            "owners first",
            sd().dacl(basic.clone()).order(Order::OwnersFirst),
        ),
        (
            "owner is group",
            Sd::new(&owner, &owner)
                .dacl(basic.clone())
                .order(Order::SharedOwner),
        ),
        ("rm control", sd().dacl(basic.clone()).control(RM_VALID)),
        (
            "defaulted",
            sd().dacl(basic.clone()).control(0x0003 | 0x0008),
        ),
        (
            "object allow",
            sd().dacl(vec![object_ace(5, 0, READ, 3, &me, &[])]),
        ),
        (
            "object deny one guid",
            sd().dacl(vec![object_ace(6, 0, READ, 1, &me, &[])]),
        ),
        (
            "object allow inherited guid",
            sd().dacl(vec![object_ace(5, 0, READ, 2, &other, &[])]),
        ),
        (
            "object no guid",
            sd().dacl(vec![object_ace(5, 0, READ, 0, &other, &[])]),
        ),
        (
            "object audit",
            sd().dacl(basic.clone())
                .sacl(vec![object_ace(7, 0xC0, READ, 3, &me, &[])]),
        ),
        (
            "callback allow",
            sd().dacl(vec![ace(9, 0, READ, &me, &member_of(&[&other]))]),
        ),
        (
            "callback deny",
            sd().dacl(vec![ace(
                10,
                0,
                READ,
                &everyone,
                &member_of(&[&other, &me, &everyone]),
            )]),
        ),
        (
            "callback of another kind",
            sd().dacl(vec![ace(9, 0, READ, &me, b"data")]),
        ),
        (
            "callback object",
            sd().dacl(vec![object_ace(11, 0, READ, 3, &me, &member_of(&[&me]))]),
        ),
        (
            "callback audit",
            sd().dacl(basic.clone())
                .sacl(vec![ace(13, 0xC0, READ, &me, &member_of(&[&me]))]),
        ),
        (
            "claim of sids",
            sd().dacl(basic.clone()).sacl(vec![ace(
                18,
                0,
                0,
                &everyone,
                &sid_claim(&[&me, &other]),
            )]),
        ),
        (
            "scoped policy",
            sd().dacl(basic.clone())
                .sacl(vec![ace(19, 0, 0, &sid("S-1-17-1-2-3"), &[])]),
        ),
        (
            "trust label",
            sd().dacl(basic.clone())
                .sacl(vec![ace(20, 0, 0x2_0000, &sid("S-1-19-512-4096"), &[])]),
        ),
        (
            "label and audit",
            sd().control(SACL_AUTO).dacl(basic.clone()).sacl(vec![
                audit(0, FULL, &me),
                ace(17, 0, 1, &sid("S-1-16-12288"), &[]),
            ]),
        ),
        (
            "unknown kind",
            sd().dacl(vec![framed(
                0x21,
                0,
                [&[1, 2, 3, 4][..], me.as_bytes()].concat(),
            )]),
        ),
        (
            "twice the same",
            sd().dacl(vec![
                allow(0, READ, &me),
                allow(0, READ, &me),
                deny(0, 2, &me),
            ]),
        ),
        (
            "not canonical",
            sd().dacl(vec![
                allow(0, READ, &me),
                deny(0, 2, &other),
                allow(0x10, FULL, &me),
            ]),
        ),
        (
            "generic rights",
            sd().dacl(vec![
                allow(0, 0x8000_0000, &me),
                allow(0, 0x1000_0000, &other),
            ]),
        ),
        (
            "many entries",
            sd().dacl(
                (0..300)
                    .map(|i| allow(0, READ | (i << 4), &p.group(i as usize)))
                    .collect(),
            ),
        ),
        (
            "service and package",
            sd().dacl(vec![
                allow(0, READ, &sid("S-1-15-2-1")),
                allow(0, READ, &sid("S-1-5-6")),
            ]),
        ),
        (
            "nobody of us",
            Sd::new(&administrators(), &system_sid()).dacl(vec![allow(0, FULL, &system_sid())]),
        ),
    ];
    let folder = family_of(p, &[], &administrators(), 0);
    p.dir("Data/odd ones", folder.folder);
    for (name, descriptor) in odd {
        let index = p.sd(&descriptor);
        p.filler(format!("Data/odd ones/{name}.bin"), index);
        p.dir(format!("Data/odd ones/{name}"), index);
    }
    // Names that only a \\?\ path or the file record itself can reach.
    for name in [
        "ends in a dot.",
        "ends in a space ",
        "NUL",
        "com1.txt",
        "new\tline",
    ] {
        p.filler(format!("Data/odd ones/{name}"), folder.file);
    }
}

/// `$Recycle.Bin\<SID>` with one pair per deleted file.
pub(super) fn recycle_bin(p: &mut Planner<'_>) {
    let family = family_of(p, &[], &administrators(), DACL_PROTECTED);
    p.dir("$Recycle.Bin", family.folder).attributes = HIDDEN | SYSTEM;
    let group = p.domain_rid(513);
    for user in p.spec.profiles.clone() {
        let rights = [
            Right::allow(FULL, &user.sid),
            Right::allow(FULL, &system_sid()),
            Right::allow(FULL, &administrators()),
        ];
        let family = p.family(
            Sd::new(&user.sid, &group).control(DACL_PROTECTED | DACL_AUTO),
            &rights,
            &user.sid,
            &group,
        );
        let bin = format!("$Recycle.Bin/{}", user.sid);
        p.dir(bin.clone(), family.folder).attributes = HIDDEN | SYSTEM;
        p.file(
            format!("{bin}/desktop.ini"),
            "[.ShellClassInfo]\r\n",
            family.file,
        )
        .attributes = HIDDEN | SYSTEM;
        for number in 0..3 {
            let tag = format!("{:06X}", (p.rng.next() & 0xFF_FFFF) | 0x10_0000);
            let original = format!("C:\\Users\\{}\\Documents\\old {number}.docx", user.folder);
            p.file(
                format!("{bin}/$I{tag}.docx"),
                recycled(&original, 1000 + number),
                family.file,
            );
            p.filler(format!("{bin}/$R{tag}.docx"), family.file);
        }
    }
}

/// The `$I` half of a recycled file, version 2.
fn recycled(original: &str, size: u64) -> Vec<u8> {
    let name: Vec<u8> = format!("{original}\0")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let mut out = 2u64.to_le_bytes().to_vec();
    out.extend_from_slice(&size.to_le_bytes());
    out.extend_from_slice(&133_500_000_000_000_000u64.to_le_bytes());
    out.extend_from_slice(&((name.len() / 2) as u32).to_le_bytes());
    out.extend(name);
    out
}

/// Files with names on both sides of a border: data and an ignored area, two profiles.
pub(super) fn links_across_areas(p: &mut Planner<'_>) {
    let family = family_of(p, &[Right::allow(MODIFY, &p.group(7))], &p.colleague(3), 0);
    p.dir("Data/linked", family.folder);
    for (name, other) in [
        (
            "shared with windows.dll",
            "Windows/System32/shared with data.dll",
        ),
        ("font.ttf", "Windows/Fonts/linked font.ttf"),
        ("contoso.cfg", "Program Files/Contoso/contoso.cfg"),
        ("svi.dat", "System Volume Information/svi.dat"),
    ] {
        let path = format!("Data/linked/{name}");
        let node = p.filler(path.clone(), family.file);
        node.streams
            .push(("Zone.Identifier".into(), zone_identifier()));
        p.link(other, &path);
    }
    p.filler("Data/linked/three names.txt", family.file)
        .streams
        .push((
            "note".into(),
            Content::Bytes(b"one stream, three names".to_vec()),
        ));
    p.link(
        "Data/linked/three names (2).txt",
        "Data/linked/three names.txt",
    );
    let folders: Vec<String> = p
        .spec
        .profiles
        .iter()
        .map(|user| user.folder.clone())
        .collect();
    for folder in folders.iter().take(2) {
        let path = format!("Users/{folder}/Documents/three names.txt");
        if !p.has(&path) {
            p.link(path, "Data/linked/three names.txt");
        }
    }
}

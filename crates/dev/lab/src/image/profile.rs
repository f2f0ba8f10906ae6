//! One user's profile: the folders Windows makes, what programs leave, and the
//! descriptors of a profile that has seen some years.

use gw_secdesc::Sid;

use super::acl::{
    CI, DACL_AUTO, DACL_PROTECTED, FULL, ID, MODIFY, OI, READ, READ_EXECUTE, SACL_AUTO, Sd, ace,
    allow, audit, deny, member_of, sid,
};
use super::hives::user_hives;
use super::layout::{
    Family, HIDDEN, NOT_INDEXED, Planner, READ_ONLY, Right, SYSTEM, reparse, symlink,
    zone_identifier,
};
use super::names;
use super::plan::{Content, Kind};
use super::shared::hive_logs;
use super::spec::ProfileUser;

/// Everything of a profile but the filler files.
pub(super) fn skeleton(p: &mut Planner<'_>, user: &ProfileUser) -> anyhow::Result<()> {
    let root = format!("Users/{}", user.folder);
    let base = base_family(p, &user.sid);
    p.dir(root.clone(), base.folder);
    folders(p, &root, base);
    local_app_data(p, user, &root, base);
    hive_files(p, user, &root, base)?;
    junctions(p, user, &root);
    desktop(p, user, &root, base);
    long_path(p, &root, base);
    projects(p, user, &root);
    special_folders(p, user, &root, base);
    for (folder, weight) in [
        ("Documents", 30),
        ("Pictures", 12),
        ("AppData/Roaming/Contoso", 20),
    ] {
        p.spot(format!("{root}/{folder}"), base, weight);
    }
    p.spot(format!("{root}/AppData/Local/Temp"), base, 14);
    p.spot(
        format!("{root}/AppData/Local/Packages/Contoso.App_8wekyb3d8bbwe/LocalState"),
        base,
        12,
    );
    Ok(())
}

fn system() -> Sid {
    sid("S-1-5-18")
}

fn administrators() -> Sid {
    sid("S-1-5-32-544")
}

/// The three rights every profile folder has.
fn base_rights(user: &Sid) -> Vec<Right> {
    vec![
        Right::allow(FULL, &system()),
        Right::allow(FULL, &administrators()),
        Right::allow(FULL, user),
    ]
}

fn base_family(p: &mut Planner<'_>, user: &Sid) -> Family {
    let users = p.domain_rid(513);
    let root = Sd::new(&system(), &system()).control(DACL_PROTECTED | DACL_AUTO);
    p.family(root, &base_rights(user), user, &users)
}

fn folders(p: &mut Planner<'_>, root: &str, base: Family) {
    const FOLDERS: &[&str] = &[
        "AppData",
        "AppData/Local",
        "AppData/Local/Microsoft",
        "AppData/Local/Microsoft/Windows",
        "AppData/Local/Microsoft/WindowsApps",
        "AppData/Local/Temp",
        "AppData/Local/Packages",
        "AppData/Local/Packages/Contoso.App_8wekyb3d8bbwe",
        "AppData/Local/Packages/Contoso.App_8wekyb3d8bbwe/LocalState",
        "AppData/Roaming",
        "AppData/Roaming/Contoso",
        "AppData/Roaming/Microsoft",
        "AppData/Roaming/Microsoft/Windows",
        "AppData/Roaming/Microsoft/Windows/Start Menu",
        "AppData/Roaming/Microsoft/Windows/SendTo",
        "AppData/Roaming/Microsoft/Windows/Recent",
        "Contacts",
        "Desktop",
        "Documents",
        "Downloads",
        "Favorites",
        "Links",
        "Music",
        "Pictures",
        "Saved Games",
        "Searches",
        "Videos",
    ];
    for folder in FOLDERS {
        p.dir(format!("{root}/{folder}"), base.directory);
    }
    for folder in ["Desktop", "Documents", "Pictures"] {
        let text = format!(
            "[.ShellClassInfo]\r\nLocalizedResourceName={}\r\n",
            names::display(p.spec.language, folder)
        );
        let node = p.file(format!("{root}/{folder}/desktop.ini"), text, base.file);
        node.attributes = HIDDEN | SYSTEM | 0x20;
    }
}

/// LocalLow with its integrity label, package folders with their own SIDs, DPAPI and key folders.
fn local_app_data(p: &mut Planner<'_>, user: &ProfileUser, root: &str, base: Family) {
    let users = p.domain_rid(513);
    let label = ace(17, OI | CI, 1, &sid("S-1-16-4096"), &[]);
    let low = Sd::new(&user.sid, &users)
        .control(DACL_AUTO | SACL_AUTO)
        .dacl(vec![
            allow(OI | CI | ID, FULL, &system()),
            allow(OI | CI | ID, FULL, &administrators()),
            allow(OI | CI | ID, FULL, &user.sid),
        ])
        .sacl(vec![label]);
    let low = p.sd(&low);
    p.dir(format!("{root}/AppData/LocalLow"), low);
    p.filler(format!("{root}/AppData/LocalLow/cache.dat"), base.file);

    let package =
        sid("S-1-15-2-3624051433-2125758914-1423191267-1740899205-1073925389-3782572162-737981194");
    let mut rights = base_rights(&user.sid);
    rights.push(Right::allow(FULL, &package));
    let family = p.family(
        Sd::new(&user.sid, &users).control(DACL_AUTO),
        &rights,
        &user.sid,
        &users,
    );
    let ac = format!("{root}/AppData/Local/Packages/Contoso.App_8wekyb3d8bbwe/AC");
    p.dir(ac.clone(), family.folder);
    p.dir(format!("{ac}/INetCache"), family.directory);
    p.filler(format!("{ac}/INetCache/index.dat"), family.file);

    let crypto = format!("{root}/AppData/Roaming/Microsoft/Crypto");
    p.dir(crypto, base.directory).attributes = SYSTEM;
    for (folder, file) in [("Protect", "Preferred"), ("Crypto/RSA", "keys.dat")] {
        let at = format!("{root}/AppData/Roaming/Microsoft/{folder}");
        p.dir(at.clone(), base.directory).attributes = SYSTEM;
        p.dir(format!("{at}/{}", user.sid), base.directory)
            .attributes = SYSTEM;
        p.filler(format!("{at}/{}/{file}", user.sid), base.file)
            .attributes = HIDDEN | SYSTEM;
    }

    // An app execution alias: a reparse point that is no name surrogate.
    let alias = reparse(
        0x8000_001B,
        vec![3, 0, 0, 0, b'C', 0, 0, 0, b'A', 0, 0, 0, 0, 0, 0, 0],
    );
    let path = format!("{root}/AppData/Local/Microsoft/WindowsApps/contoso.exe");
    p.node(path, Kind::ReparseFile(alias), Some(base.file));
}

/// NTUSER.DAT and UsrClass.dat with the descriptors Windows gives them.
fn hive_files(
    p: &mut Planner<'_>,
    user: &ProfileUser,
    root: &str,
    base: Family,
) -> anyhow::Result<()> {
    let hive = Sd::new(&administrators(), &system())
        .control(DACL_AUTO)
        .dacl(vec![
            allow(ID, FULL, &system()),
            allow(ID, FULL, &administrators()),
            allow(ID, FULL, &user.sid),
        ]);
    let hive = p.sd(&hive);
    let hives = user_hives(p.spec, user)?;
    let classes = format!("{root}/AppData/Local/Microsoft/Windows/UsrClass.dat");
    for (path, bytes) in [
        (format!("{root}/NTUSER.DAT"), hives.ntuser),
        (classes, hives.usrclass),
    ] {
        p.file(path.clone(), bytes, hive).attributes = HIDDEN | SYSTEM | 0x20;
        hive_logs(p, &path, hive);
    }
    p.file(format!("{root}/ntuser.ini"), "[General]\r\n", base.file)
        .attributes = HIDDEN | SYSTEM;
    Ok(())
}

/// The compatibility junctions: listing denied to everyone, as Windows does.
fn junctions(p: &mut Planner<'_>, user: &ProfileUser, root: &str) {
    let denied = Sd::new(&system(), &system())
        .control(DACL_PROTECTED | DACL_AUTO)
        .dacl(vec![
            deny(0, 1, &sid("S-1-1-0")),
            allow(0, FULL, &system()),
            allow(0, FULL, &administrators()),
            allow(0, FULL, &user.sid),
        ]);
    let denied = p.sd(&denied);
    for (name, target) in names::profile_junctions(p.spec.language) {
        let path = format!("{root}/{}", name.replace('\\', "/"));
        p.junction(
            path,
            &format!("C:\\Users\\{}\\{target}", user.folder),
            denied,
        );
    }
}

/// Links out of the profile that must not be followed, downloads, links inside, a cloud placeholder.
fn desktop(p: &mut Planner<'_>, user: &ProfileUser, root: &str, base: Family) {
    let to_windows = symlink("C:\\Windows", false);
    p.node(
        format!("{root}/Desktop/Windows"),
        Kind::ReparseDirectory(to_windows),
        Some(base.directory),
    );
    let to_config = symlink("C:\\Program Files\\Contoso\\contoso.exe", false);
    p.node(
        format!("{root}/Desktop/contoso.exe"),
        Kind::ReparseFile(to_config),
        Some(base.file),
    );
    let relative = symlink("..\\Documents\\plan.docx", true);
    p.node(
        format!("{root}/Desktop/plan.docx"),
        Kind::ReparseFile(relative),
        Some(base.file),
    );
    let (high, low) = (p.rng.next(), p.rng.next());
    let object_id = (u128::from(high) << 64 | u128::from(low)).to_be_bytes();
    p.filler(format!("{root}/Documents/plan.docx"), base.file)
        .object_id = Some(object_id);
    p.link(
        format!("{root}/Documents/plan (same file).docx"),
        &format!("{root}/Documents/plan.docx"),
    );
    p.link(
        format!("{root}/Downloads/plan.docx"),
        &format!("{root}/Documents/plan.docx"),
    );
    let cloud = reparse(0x9000_601A, vec![1, 0, 0, 0, 0x20, 0, 0, 0]);
    p.node(
        format!("{root}/Documents/online only.pptx"),
        Kind::ReparseFile(cloud),
        Some(base.file),
    );
    let node = p.filler(format!("{root}/Downloads/setup 1.exe"), base.file);
    node.streams
        .push(("Zone.Identifier".into(), zone_identifier()));
    node.streams
        .push(("SmartScreen".into(), Content::Bytes(b"Anaheim".to_vec())));
    node.streams.push((
        "большой поток".into(),
        Content::Filler {
            seed: 77,
            len: 40_000,
        },
    ));
    node.short_name = Some("SETUP1~1.EXE".into());
    let node = p.node(
        format!("{root}/Videos/sparse.bin"),
        Kind::File(Content::Sparse {
            at: 4 << 20,
            tail: user.name.clone().into_bytes(),
        }),
        Some(base.file),
    );
    node.attributes = READ_ONLY | 0x20;
    let music = p.dir(format!("{root}/Music/Sammlung"), base.directory);
    music.streams.push((
        "folder.meta".into(),
        Content::Bytes(b"a stream on a directory".to_vec()),
    ));
    music.attributes = READ_ONLY;
}

/// A path far beyond 260 characters.
fn long_path(p: &mut Planner<'_>, root: &str, base: Family) {
    let mut path = format!("{root}/Documents/deep");
    p.dir(path.clone(), base.directory);
    for level in 0..14 {
        path = format!("{path}/level {level:02} – ein recht langer Ordnername für Akten");
        p.dir(path.clone(), base.directory);
    }
    p.filler(format!("{path}/am Ende ein Blatt.txt"), base.file);
    p.filler(format!("{path}/{}.txt", "x".repeat(240)), base.file);
}

/// Shared project folders: each with its own list, inherited by what lies inside.
fn projects(p: &mut Planner<'_>, user: &ProfileUser, root: &str) {
    let users = p.domain_rid(513);
    let admins = p.domain_rid(512);
    let offset = p
        .spec
        .profiles
        .iter()
        .position(|other| other == user)
        .unwrap_or(0)
        * 5;
    let folder = format!("{root}/Documents/Projects");
    let base = base_family(p, &user.sid);
    p.dir(folder.clone(), base.directory);
    for number in 0..14 {
        let mut rights = base_rights(&user.sid);
        rights.insert(0, Right::allow(MODIFY, &p.group(offset + number)));
        match number % 5 {
            0 => rights.insert(0, Right::deny(0x0001_0000, &p.group(offset + number + 3))),
            1 => rights.push(Right::allow(FULL, &sid("S-1-3-0")).flags(OI | CI | super::acl::IO)),
            2 => rights.push(Right::allow(READ_EXECUTE, &p.colleague(number)).flags(CI)),
            3 => rights.push(Right::allow(READ, &p.colleague(number)).flags(OI | super::acl::NP)),
            _ => rights.push(Right::allow(MODIFY, &admins)),
        }
        let owner = if number % 4 == 3 {
            p.colleague(offset + number)
        } else {
            user.sid.clone()
        };
        let control = if number % 3 == 0 {
            DACL_PROTECTED | DACL_AUTO
        } else {
            DACL_AUTO
        };
        let family = p.family(
            Sd::new(&owner, &users).control(control),
            &rights,
            &owner,
            &users,
        );
        let at = format!("{folder}/Project {number:02}");
        p.dir(at.clone(), family.folder);
        p.filler(format!("{at}/minutes.docx"), family.file);
        p.dir(format!("{at}/attachments"), family.directory);
        p.spot(format!("{at}/attachments"), family, 2);
    }
}

/// Audit lists, private folders, orphans, conditions, lists that already hold both SIDs.
fn special_folders(p: &mut Planner<'_>, user: &ProfileUser, root: &str, base: Family) {
    let users = p.domain_rid(513);
    let orphan = sid("S-1-5-21-527237240-1343024091-839522115-4711");
    let me = &user.sid;
    let plain = || {
        vec![
            allow(ID, FULL, &system()),
            allow(ID, FULL, &administrators()),
            allow(ID, FULL, me),
        ]
    };
    let with = |extra: Vec<Vec<u8>>| extra.into_iter().chain(plain()).collect::<Vec<_>>();
    let audited = Sd::new(me, &users)
        .control(DACL_AUTO | SACL_AUTO)
        .dacl(plain())
        .sacl(vec![audit(0, FULL, me), audit(0, 0x0001_0000, &p.group(1))]);
    let conditional = Sd::new(me, &users).control(DACL_AUTO).dacl(with(vec![ace(
        9,
        0,
        READ,
        &sid("S-1-1-0"),
        &member_of(&[me]),
    )]));
    let mut both = Vec::new();
    for (source, target) in &p.spec.already_added {
        both.push(allow(0, MODIFY, source));
        both.push(allow(0, MODIFY, target));
    }
    let specials = [
        (
            "private.txt",
            Sd::new(me, &users)
                .control(DACL_PROTECTED)
                .dacl(vec![allow(0, FULL, me)]),
        ),
        ("audited.txt", audited),
        (
            "orphan.txt",
            Sd::new(&orphan, &users)
                .control(DACL_AUTO)
                .dacl(with(vec![allow(0, READ, &orphan)])),
        ),
        ("conditional.txt", conditional),
        (
            "both.txt",
            Sd::new(me, &users).control(DACL_AUTO).dacl(with(both)),
        ),
        (
            "by admin.txt",
            Sd::new(&administrators(), &users)
                .control(DACL_AUTO)
                .dacl(plain()),
        ),
        (
            "no write.txt",
            Sd::new(me, &users)
                .control(DACL_AUTO)
                .dacl(with(vec![deny(0, 0x0000_0002, me)])),
        ),
        (
            "shared with machine.txt",
            Sd::new(me, &users).control(DACL_AUTO).dacl(with(vec![allow(
                0,
                READ,
                &p.spec.machine.sid,
            )])),
        ),
    ];
    p.dir(format!("{root}/Documents/special"), base.directory);
    for (name, sd) in specials {
        let sd = p.sd(&sd);
        p.filler(format!("{root}/Documents/special/{name}"), sd)
            .attributes = NOT_INDEXED | 0x20;
    }
}

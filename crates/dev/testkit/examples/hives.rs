//! Writes one of each built hive into a folder, for readers that are not ours. SAM holds a fallback
//! administrator that the product made:
//! `cargo run -p gw-testkit --example hives -- DIR`.

use gw_hive::sam::accounts::{NewAdministrator, free_rid, make_administrator};
use gw_hive::sam::hash::{NtHash, SamKey};
use gw_hive::{FileTime, Hive, lsa};
use gw_secdesc::Sid;
use gw_testkit::hive_builder::{
    AccountRights, JoinedDomain, Language, LocalUser, MachineSpec, ProfileEntry, UserSpec,
    machine_hives, ntuser, usrclass,
};
use std::path::PathBuf;

fn main() -> anyhow::Result<()> {
    let dir = std::env::args_os().nth(1).map(PathBuf::from);
    let dir = dir.ok_or_else(|| anyhow::anyhow!("name a folder to write the hives to"))?;
    std::fs::create_dir_all(&dir)?;
    let domain: Sid = "S-1-5-21-1004336348-1177238915-682003330".parse()?;
    let rid = |rid| domain.with_rid(rid).ok_or(anyhow::anyhow!("too long"));
    let mut user = UserSpec::new(rid(1105)?, "anna");
    user.others = vec![rid(512)?, rid(1110)?, rid(1111)?];
    let mut machine = MachineSpec::new("GW-LAB-01", "S-1-5-21-11-22-33".parse()?);
    machine.domain = Some(JoinedDomain {
        netbios: "SOURCE".into(),
        dns: "source.test".into(),
        forest: "source.test".into(),
        sid: domain.clone(),
        guid: [7; 16],
        machine_rid: 1150,
    });
    // A made-up password, so that a reader can be shown to have found it.
    machine.machine_secret = "correct horse battery staple"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    machine.profiles = vec![ProfileEntry {
        sid: user.sid.clone(),
        path: user.profile.clone(),
        guid: Some("{0A1B2C3D-0000-4000-8000-000000000001}".into()),
        state: 0x100,
    }];
    machine.local_users = vec![LocalUser {
        rid: 1001,
        name: "lokal".into(),
        full_name: "Lokaler Benutzer".into(),
    }];
    machine.members = vec![(544, rid(1105)?), (555, rid(1110)?)];
    machine.rights = vec![AccountRights {
        sid: rid(1110)?,
        logon: 0x400,
        privileges: vec![17],
    }];
    machine.others = user.others.clone();
    machine.language = Language::German;
    let built = machine_hives(&machine)?;
    let sam = with_administrator(built.sam, &built.system)?;
    for (name, bytes) in [
        ("NTUSER.DAT", ntuser(&user)?),
        ("UsrClass.dat", usrclass(&user)?),
        ("SYSTEM", built.system),
        ("SOFTWARE", built.software),
        ("SAM", sam),
        ("SECURITY", built.security),
    ] {
        std::fs::write(dir.join(name), bytes)?;
    }
    Ok(())
}

/// A made-up password again; a reader that is not ours must find its hash.
fn with_administrator(sam: Vec<u8>, system: &[u8]) -> anyhow::Result<Vec<u8>> {
    let boot = lsa::boot_key(&Hive::open(system.to_vec(), None, None)?)?;
    let mut sam = Hive::open(sam, None, None)?;
    let key = SamKey::open(&sam, &boot)?;
    let new = NewAdministrator {
        name: "GodwitFallback",
        rid: free_rid(&sam)?,
        hash: NtHash::of("correct horse battery staple"),
        salt: [0x5a; 16],
    };
    let mut edit = sam.edit(FileTime::from_unix_seconds(1_790_000_000))?;
    make_administrator(&mut edit, &key, &new)?;
    Ok(sam.into_bytes())
}

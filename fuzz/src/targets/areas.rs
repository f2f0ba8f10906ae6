//! The places of the machine hives that name accounts outside descriptors: read and changed.
//!
//! Input: one byte that says which hive and which mode, then the hive.

use crate::{Target, targets::hive::fix_checksum};
use gw_hive::{
    FileTime, Hive, NewHive, RegValue,
    areas::{Area, MachineHive, Rules, sids, subtree, translate},
};
use gw_secdesc::{Ace, Acl, Mode, SecurityDescriptor, Sid, SidMap};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) const TARGET: Target = Target {
    name: "areas",
    seeds,
    repair: |data| {
        if let Some(hive) = data.get_mut(1..) {
            fix_checksum(hive);
        }
    },
    run,
};

const AT: FileTime = FileTime(133_000_000_000_000_000);
const ANNA: &str = "S-1-5-21-1-2-3-1001";
const UI: &str = r"Microsoft\Windows\CurrentVersion\Authentication\LogonUI";

fn run(data: &[u8]) {
    let Some((choice, bytes)) = data.split_first() else {
        return;
    };
    let Ok(mut hive) = Hive::open(bytes.to_vec(), None, None) else {
        return;
    };
    let which = match choice & 1 {
        0 => MachineHive::System,
        _ => MachineHive::Software,
    };
    let areas: BTreeSet<Area> = Area::ALL.into();
    let _ = sids(&hive, which, &areas, &|_| false);
    let _ = subtree::capture(&hive, "");
    if hive.check().is_err() {
        return;
    }
    let (Ok(map), handed) = (map(), BTreeSet::new()) else {
        return;
    };
    let rules = Rules {
        areas: &areas,
        map: &map,
        mode: match choice & 2 {
            0 => Mode::Replace,
            _ => Mode::Add,
        },
        handed: &handed,
        names: &BTreeMap::new(),
        ignored: &|place| choice & 4 != 0 && place.len().is_multiple_of(7),
    };
    let done = translate(&mut hive, which, &rules, AT);
    if done.is_ok() {
        hive.check().expect("a changed hive is sound");
    }
}

fn map() -> anyhow::Result<SidMap> {
    Ok(SidMap::new([(ANNA.parse()?, "S-1-12-1-1-2-3-4".parse()?)])?)
}

fn seeds() -> anyhow::Result<Vec<Vec<u8>>> {
    let (system, software) = (system()?.into_bytes(), software()?.into_bytes());
    let out: Vec<Vec<u8>> = (0_u8..8)
        .map(|choice| {
            let hive = if choice & 1 == 0 { &system } else { &software };
            [&[choice][..], hive].concat()
        })
        .collect();
    for seed in &out {
        Hive::open(seed[1..].to_vec(), None, None)?.check()?;
    }
    Ok(out)
}

/// A descriptor that names the account that moves.
fn descriptor() -> anyhow::Result<Vec<u8>> {
    let (anna, system): (Sid, Sid) = (ANNA.parse()?, "S-1-5-18".parse()?);
    let list = Acl::new(vec![
        Ace::new(0, 2, 0x1f, &anna),
        Ace::new(0, 2, 0x1f, &system),
    ]);
    Ok(SecurityDescriptor::new(system.clone(), system, list).to_bytes()?)
}

pub(super) fn empty() -> anyhow::Result<Hive> {
    Ok(Hive::create(&NewHive {
        minor_version: 5,
        root_name: "ROOT",
        file_name: "TEST",
        descriptor: &descriptor()?,
        at: AT,
    })?)
}

pub(super) fn put(hive: &mut Hive, key: &str, name: &str, value: &RegValue) -> anyhow::Result<()> {
    let mut edit = hive.edit(AT)?;
    edit.create_key(key)?;
    Ok(edit.set_value(key, name, value)?)
}

fn system() -> anyhow::Result<Hive> {
    const SERVICES: &str = r"ControlSet001\Services";
    let mut hive = empty()?;
    let sd = RegValue::binary(descriptor()?);
    for (key, name) in [
        (r"agent\Security", "Security"),
        (r"LanmanServer\Shares\Security", "Team"),
        (r"..\Control\Print\Printers\P1", "Security"),
    ] {
        let key = match key.strip_prefix(r"..\") {
            Some(rest) => format!(r"ControlSet001\{rest}"),
            None => format!(r"{SERVICES}\{key}"),
        };
        put(&mut hive, &key, name, &sd)?;
    }
    let account = RegValue::string(r"SOURCE\svc-agent");
    put(
        &mut hive,
        &format!(r"{SERVICES}\agent"),
        "ObjectName",
        &account,
    )?;
    let rule = format!("v2.31|Action=Allow|LUAuth=O:LSD:(A;;CC;;;{ANNA})|LUOwn={ANNA}|");
    let rules = format!(r"{SERVICES}\SharedAccess\Parameters\FirewallPolicy\FirewallRules");
    put(&mut hive, &rules, "r1", &RegValue::string(&rule))?;
    Ok(hive)
}

fn software() -> anyhow::Result<Hive> {
    let mut hive = empty()?;
    let sd = RegValue::binary(descriptor()?);
    for key in [
        format!(r"Microsoft\Windows\CurrentVersion\Installer\UserData\{ANNA}\Products"),
        format!(r"Microsoft\Windows\CurrentVersion\Appx\AppxAllUserStore\{ANNA}\App"),
        format!(r"Microsoft\IdentityStore\Cache\{ANNA}\IdentityCache\{ANNA}"),
    ] {
        hive.edit(AT)?.create_key(&key)?;
    }
    let last = RegValue::string(ANNA);
    put(&mut hive, UI, "LastLoggedOnUserSID", &last)?;
    put(
        &mut hive,
        UI,
        "LastLoggedOnUser",
        &RegValue::string(r"SOURCE\anna"),
    )?;
    put(
        &mut hive,
        &format!(r"{UI}\UserTile"),
        ANNA,
        &RegValue::string("{60B7}"),
    )?;
    put(&mut hive, r"Classes\AppID\{1}", "LaunchPermission", &sd)?;
    put(&mut hive, r"Microsoft\Ole", "MachineLaunchRestriction", &sd)?;
    Ok(hive)
}

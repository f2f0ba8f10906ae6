//! Judging a device by readers that share no code with the product.

use super::{
    Device, Options, Stage, devices::checker, verdict::DeviceResult, verdict::Verdict, wire::Proxy,
};
use crate::forest::{Forests, SideFacts};
use anyhow::{Context, Result};
use std::{collections::BTreeMap, fs, path::PathBuf, process::Command};

/// The fallback administrator that the lab's runbook asks for, as every new one does.
const FALLBACK: &str = "GodwitFallback";

/// A migrated device: every file, every key, the secret, the group.
pub(crate) fn migrated(
    options: &Options,
    stage: &Stage,
    device: &Device,
    result: &mut DeviceResult,
) -> Result<()> {
    let map = write_map(&stage.forests, device)?;
    let facts = write_facts(&stage.forests, device, "target")?;
    let report = device.dir.join("compare.json");
    let mut compare = checker(options, "image_check.py").arg("compare");
    // The defaults, and the profile of the person who is not in the table.
    let folders = [
        "Windows",
        "Program Files",
        "Program Files (x86)",
        "System Volume Information",
    ];
    let unmapped = device.spec.profiles.iter().filter(|user| !user.mapped);
    for folder in folders
        .map(str::to_owned)
        .into_iter()
        .chain(unmapped.map(|user| format!("Users/{}", user.folder)))
    {
        compare = compare.args2("--ignore", &folder);
    }
    let (fine, said) = compare
        .arg("--before")
        .arg(&device.before)
        .arg("--after")
        .arg(device.disk())
        .arg("--map")
        .arg(&map)
        .args2("--mode", "replace")
        .arg("--facts")
        .arg(&facts)
        .arg("--json")
        .arg(&report)
        .said()?;
    fs::write(device.dir.join("compare.txt"), &said)?;
    if fine {
        result.proofs.push(format!(
            "every file and every key is as the rules say ({})",
            counts(&report)
        ));
    } else {
        result.faults.push(format!(
            "the volume differs from the rules: {}",
            first_lines(&said, 12)
        ));
    }
    authenticates(options, stage, device, "target", result)?;
    local_administrator(options, device, &map, result)
}

/// A device that is as it was before.
pub(crate) fn restored(
    options: &Options,
    device: &Device,
    result: &mut DeviceResult,
) -> Result<()> {
    // Nothing is deleted: the fallback administrator stays, switched off.
    let mut equal = checker(options, "image_check.py")
        .arg("equal")
        .args2("--account", FALLBACK)
        .arg("--account-off");
    if result.result == "returned" {
        // The new join of the source rewrote the machine hives, and their logs with them.
        equal = equal.arg("--parked-logs");
    }
    let (fine, said) = equal.arg(&device.before).arg(device.disk()).said()?;
    fs::write(device.dir.join("equal.txt"), &said)?;
    if fine {
        result
            .proofs
            .push("every descriptor, file and hive equals the start".into());
    } else {
        result.faults.push(format!(
            "the volume differs from the start: {}",
            first_lines(&said, 12)
        ));
    }
    Ok(())
}

/// Two volumes that must be the same.
pub(crate) fn equal(
    options: &Options,
    left: &Device,
    right: &Device,
    result: &mut DeviceResult,
) -> Result<()> {
    let (fine, said) = checker(options, "image_check.py")
        .arg("equal")
        .args2("--account", FALLBACK)
        .arg(left.disk())
        .arg(right.disk())
        .said()?;
    if !fine {
        result.faults.push(format!(
            "it differs from the unbroken run: {}",
            first_lines(&said, 12)
        ));
    }
    Ok(())
}

/// impacket reads the machine secret from the image, and `kinit` with it succeeds.
pub(crate) fn authenticates(
    options: &Options,
    stage: &Stage,
    device: &Device,
    side: &str,
    result: &mut DeviceResult,
) -> Result<()> {
    let (fine, said) = checker(options, "machine_secret.py")
        .arg(device.disk())
        .said()?;
    if !fine {
        result.faults.push(format!(
            "impacket finds no machine secret: {}",
            first_lines(&said, 5)
        ));
        return Ok(());
    }
    match stage
        .forests
        .kinit(side, &format!("{}$", device.name), said.trim())
    {
        Ok(()) => result.proofs.push(format!(
            "{}$ authenticates to {side}.test with the secret that impacket reads from the image",
            device.name
        )),
        Err(error) => result.faults.push(format!(
            "{}$ does not authenticate to {side}.test: {error:#}",
            device.name
        )),
    }
    Ok(())
}

/// The source user that was a local administrator is one as its target user.
fn local_administrator(
    options: &Options,
    device: &Device,
    map: &std::path::Path,
    result: &mut DeviceResult,
) -> Result<()> {
    let (fine, said) = checker(options, "local_group.py")
        .arg("--before")
        .arg(&device.before)
        .arg("--after")
        .arg(device.disk())
        .arg("--map")
        .arg(map)
        .arg("--rid")
        .arg("544")
        .said()?;
    if fine {
        result.proofs.push(said.trim().to_owned());
    } else {
        result
            .faults
            .push(format!("local Administrators: {}", first_lines(&said, 5)));
    }
    Ok(())
}

/// The join credential is in no byte of image, state folder or wire.
pub(crate) fn no_secret(
    options: &Options,
    stage: &Stage,
    devices: &[Device],
    proxy: Option<&Proxy>,
    verdict: &mut Verdict,
) -> Result<()> {
    let mut search = checker(options, "secret_search.py");
    let secrets = &stage.project.secrets;
    for (n, secret) in [&secrets.join, &secrets.take_back]
        .into_iter()
        .chain(&secrets.readers)
        .enumerate()
    {
        let name = format!("GODWIT_LAB_SECRET_{n}");
        search = search.env(&name, secret).args2("--secret-env", &name);
    }
    let mut places: Vec<PathBuf> = devices
        .iter()
        .flat_map(|device| [device.disk(), device.state(), device.log()])
        .collect();
    places.extend(proxy.map(Proxy::captured));
    places.push(stage.server.data().with_extension("log"));
    for place in &places {
        search = search.arg(place);
    }
    let (fine, said) = search.said()?;
    if fine {
        verdict.note(format!(
            "no directory or join credential in {} places (UTF-8, UTF-16LE, base64, hex)",
            places.len()
        ));
    } else {
        verdict.fault(format!("a credential leaked: {}", first_lines(&said, 8)));
    }
    Ok(())
}

/// Every pair that the plan says belongs together, by SIDs read with Samba's own tools.
pub(crate) fn pairs(forests: &Forests) -> Result<BTreeMap<String, String>> {
    let (source, target) = (forests.facts("source")?, forests.facts("target")?);
    let matches = &forests.plan().matches;
    let mut pairs = BTreeMap::new();
    let mut put = |from: &str, to: &str| -> Result<()> {
        let from_account = source
            .accounts
            .get(from)
            .with_context(|| format!("the source has no {from}"))?;
        let to = target
            .accounts
            .get(to)
            .with_context(|| format!("the target has no {to}"))?;
        pairs.insert(from_account.sid.clone(), to.sid.clone());
        Ok(())
    };
    for (from, to) in &matches.users {
        put(from, to)?;
    }
    for group in &matches.groups {
        put(group, group)?;
    }
    for (name, account) in &source.accounts {
        // The domain's own groups have the same relative identifier everywhere; accounts such as
        // the administrator do, too, but people are matched by number only.
        let well_known = account
            .sid
            .rsplit('-')
            .next()
            .and_then(|rid| rid.parse::<u32>().ok())
            .is_some_and(|rid| rid < 1000);
        let in_domain = account.sid.starts_with(&format!("{}-", source.domain_sid));
        if well_known && in_domain && !["Administrator", "Guest", "krbtgt"].contains(&name.as_str())
        {
            let rid = account.sid.rsplit('-').next().unwrap_or_default();
            let wanted = format!("{}-{rid}", target.domain_sid);
            if target.accounts.values().any(|other| other.sid == wanted) {
                pairs.insert(account.sid.clone(), wanted);
            }
        }
    }
    let domain = forests.domain("source")?;
    for user in domain
        .users
        .iter()
        .filter(|user| !user.sid_history.is_empty())
    {
        let to = source
            .accounts
            .get(&user.account)
            .and_then(|account| pairs.get(&account.sid).cloned());
        if let Some(to) = to {
            for earlier in &user.sid_history {
                pairs.insert(earlier.clone(), to.clone());
            }
        }
    }
    Ok(pairs)
}

fn write_map(forests: &Forests, device: &Device) -> Result<PathBuf> {
    let mut text = "source_sid,target_sid\n".to_owned();
    for (from, to) in pairs(forests)? {
        text.push_str(&format!("{from},{to}\n"));
    }
    let path = device.dir.join("map.csv");
    fs::write(&path, text)?;
    Ok(path)
}

/// What the machine hives must say after the run.
fn write_facts(forests: &Forests, device: &Device, side: &str) -> Result<PathBuf> {
    let facts = forests.facts(side)?;
    let account = format!("{}$", device.name);
    let machine = facts
        .accounts
        .get(&account)
        .map(|account| account.sid.clone());
    let value = serde_json::json!({
        "target": {
            "dns_name": facts.dns_name,
            "netbios_name": facts.netbios_name,
            "sid": facts.domain_sid,
        },
        "machine_sid": machine,
        "areas": areas(&facts, device),
        "account": FALLBACK,
        "account_is": "on",
    });
    let path = device.dir.join("facts.json");
    fs::write(&path, serde_json::to_vec_pretty(&value)?)?;
    Ok(path)
}

/// The areas outside descriptors, all of them on: what has one owner goes with the profiles that
/// change hands, and names that people see are those of the target.
fn areas(facts: &SideFacts, device: &Device) -> serde_json::Value {
    let handed = device.spec.profiles.iter().filter(|user| user.mapped);
    let handed: Vec<serde_json::Value> = handed
        .map(|user| {
            serde_json::json!({
                "source_sid": user.sid.to_string(),
                "path": format!("C:\\Users\\{}", user.folder),
            })
        })
        .collect();
    let names: BTreeMap<&str, String> = facts
        .accounts
        .iter()
        .map(|(name, account)| {
            let full = format!("{}\\{name}", facts.netbios_name);
            (account.sid.as_str(), full)
        })
        .collect();
    serde_json::json!({
        "on": AREAS,
        "mode": "replace",
        "handed": handed,
        "names": names,
        "ignored": [],
    })
}

/// As the runbook's document names them; a runbook has all of them on until told otherwise.
const AREAS: [&str; 12] = [
    "printers",
    "services",
    "scheduled_tasks",
    "user_rights",
    "shares",
    "com",
    "firewall",
    "installer_data",
    "app_packages",
    "sign_in",
    "recycle_bins",
    "key_stores",
];

fn counts(report: &std::path::Path) -> String {
    let read = || -> Option<String> {
        let value: serde_json::Value = serde_json::from_slice(&fs::read(report).ok()?).ok()?;
        let counts = value["counts"].as_object()?;
        Some(
            counts
                .iter()
                .map(|(name, count)| format!("{name} {count}"))
                .collect::<Vec<_>>()
                .join(", "),
        )
    };
    read().unwrap_or_else(|| "no counts".into())
}

pub(crate) fn first_lines(text: &str, count: usize) -> String {
    let wanted: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let wrong: Vec<&str> = wanted
        .iter()
        .copied()
        .filter(|line| line.starts_with("WRONG"))
        .collect();
    let from = if wrong.is_empty() { &wanted } else { &wrong };
    from.iter()
        .take(count)
        .copied()
        .collect::<Vec<_>>()
        .join("\n  ")
}

/// When the source's account got its password, as Samba tells it.
pub(crate) fn password_last_set(forests: &Forests, side: &str, device: &Device) -> Result<u64> {
    let found = forests.sam(side).search(
        &format!("(sAMAccountName={}$)", device.name),
        &["pwdLastSet"],
    )?;
    found
        .iter()
        .find_map(|entry| {
            entry
                .get("pwdLastSet")
                .and_then(|values| values.first()?.parse().ok())
        })
        .with_context(|| format!("{side} has no account for {}", device.name))
}

impl super::devices::Checker {
    /// An option and its value.
    pub(crate) fn args2(self, name: &str, value: &str) -> Self {
        self.arg(name).arg(value)
    }
}

/// Runs a command that must succeed.
pub(crate) fn must(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .with_context(|| format!("starting {command:?}"))?;
    anyhow::ensure!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

//! Every area × {fake PC, disk image} × {add, replace, off, ignored}: the change is made by the
//! platform, and what it did is judged by `areas_check.py`, which shares no code with it.
//!
//! A case is a folder with what was `before`, what is `after`, and `areas.json`, which says what
//! was asked for. A case that fails is left where it is.

mod dump;
mod subject;

use anyhow::{Context, Result, bail};
use clap::Parser;
use gw_platform::{
    AreaScope, Change, Cx, HandedProfile, Mode, SidText, WinPath,
    areas::Area,
    conformance::{MemoryInputs, MemoryStore, StopAfter},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use subject::Subject;

#[derive(Parser)]
struct Arguments {
    /// Folder for images and cases
    #[arg(long)]
    dir: PathBuf,
    /// The checkers' Python
    #[arg(long)]
    python: PathBuf,
    /// Folder of the checkers
    #[arg(long)]
    checkers: PathBuf,
}

/// What a case asks of one area.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Add,
    Replace,
    Off,
    Ignored,
}

const HOW: [(How, &str); 4] = [
    (How::Add, "add"),
    (How::Replace, "replace"),
    (How::Off, "off"),
    (How::Ignored, "ignored"),
];

/// Everything that a user of the device has: profile folder, account before, account afterwards.
pub(crate) type User = (WinPath, SidText, SidText);

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let mut failed = Vec::new();
    let mut done = 0;
    println!(
        "{:<16} {:<6} {:>8} {:>8} {:>8} {:>8}",
        "area", "on", "add", "replace", "off", "ignored"
    );
    for platform in ["fake", "image"] {
        let subjects = subject::Maker::new(platform, &arguments.dir)?;
        for area in AreaScope::EXECUTED {
            let mut words = Vec::new();
            for (how, word) in HOW {
                let case = arguments
                    .dir
                    .join(format!("{platform}-{}-{word}", area.label()));
                let told = play(&arguments, &subjects, &case, area, how)
                    .with_context(|| case.display().to_string())?;
                done += 1;
                words.push(if told.is_none() { "right" } else { "WRONG" });
                if let Some(told) = told {
                    failed.push(format!("{platform} {} {word}:\n{told}", area.label()));
                } else {
                    fs::remove_dir_all(&case)?;
                }
            }
            println!(
                "{:<16} {platform:<6} {:>8} {:>8} {:>8} {:>8}",
                area.label(),
                words[0],
                words[1],
                words[2],
                words[3]
            );
        }
    }
    for failure in &failed {
        println!("WRONG {failure}");
    }
    println!("{} passed, {} failed", done - failed.len(), failed.len());
    if failed.is_empty() {
        Ok(())
    } else {
        bail!("{} of {done} cases are wrong", failed.len())
    }
}

/// Plays one case; `Some` with the checker's words when it is wrong.
fn play(
    arguments: &Arguments,
    subjects: &subject::Maker,
    case: &Path,
    area: Area,
    how: How,
) -> Result<Option<String>> {
    let _ = fs::remove_dir_all(case);
    fs::create_dir_all(case)?;
    let mut subject = subjects.make(&case.join("device"))?;
    subject.dump(&case.join("before"))?;
    let users = subject.users()?;
    let only = BTreeSet::from([area]);
    let all = BTreeSet::from(AreaScope::EXECUTED);
    let scope = AreaScope {
        areas: match how {
            How::Add | How::Replace => only,
            How::Off => all.into_iter().filter(|other| *other != area).collect(),
            How::Ignored => all,
        },
        ignored: match how {
            How::Ignored => lines(area).iter().map(|line| (*line).to_owned()).collect(),
            _ => Vec::new(),
        },
        handed: users
            .iter()
            .map(|(path, source, _)| HandedProfile {
                source_sid: source.clone(),
                path: path.clone(),
            })
            .collect(),
        names: users
            .iter()
            .enumerate()
            .map(|(n, (_, _, target))| (target.clone(), format!("TARGET\\new name {n}")))
            .collect(),
    };
    let mode = if how == How::Add {
        Mode::Add
    } else {
        Mode::Replace
    };
    fs::write(
        case.join("areas.json"),
        serde_json::to_vec_pretty(&serde_json::json!({
            "on": scope.areas.iter().map(|on| on.label()).collect::<Vec<_>>(),
            "mode": if how == How::Add { "add" } else { "replace" },
            "pairs": users.iter().map(|(_, a, b)| (a.to_string(), b.to_string())).collect::<BTreeMap<_, _>>(),
            "handed": scope.handed,
            "names": scope.names,
            "ignored": scope.ignored,
        }))?,
    )?;
    translate(subject.as_mut(), scope, mode, &users)?;
    subject.dump(&case.join("after"))?;
    drop(subject);
    let mut check = Command::new(&arguments.python);
    check
        .arg(arguments.checkers.join("areas_check.py"))
        .arg(case.join("before"))
        .arg(case.join("after"))
        .arg("--areas")
        .arg(case.join("areas.json"));
    if matches!(how, How::Add | How::Replace) {
        check.arg("--demand-changed");
    }
    let output = check.output().context("starting the checker")?;
    if output.status.success() {
        return Ok(None);
    }
    let told = [output.stdout, output.stderr].concat();
    Ok(Some(String::from_utf8_lossy(&told).trim().to_owned()))
}

fn translate(
    subject: &mut dyn Subject,
    scope: AreaScope,
    mode: Mode,
    users: &[User],
) -> Result<()> {
    let pairs = users.iter().map(|user| (user.1.clone(), user.2.clone()));
    let inputs = MemoryInputs::new(pairs, []);
    let change = Change::TranslateAreas {
        scope,
        map: inputs.map_ref(),
        mode,
    };
    let (mut store, mut progress) = (MemoryStore::default(), StopAfter::never());
    let mut cx = Cx {
        store: &mut store,
        progress: &mut progress,
        inputs: &inputs,
    };
    let machine = subject.machine()?;
    let before = machine.prepare(&change, &mut cx)?;
    machine.execute(&change, &before, &mut cx)?;
    Ok(())
}

/// Lines of a runbook that leave every place of an area alone.
fn lines(area: Area) -> &'static [&'static str] {
    match area {
        Area::Printers => &[
            r"HKLM\SYSTEM\CurrentControlSet\Control\Print",
            r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Print",
        ],
        Area::Services => &[r"HKLM\SYSTEM\CurrentControlSet\Services\*\Security"],
        Area::ScheduledTasks => &[r"%SystemRoot%\System32\Tasks"],
        Area::UserRights => &[r"HKLM\SECURITY\Policy\Accounts"],
        Area::Shares => &[r"HKLM\SYSTEM\CurrentControlSet\Services\LanmanServer\Shares"],
        Area::Com => &[
            r"HKLM\SOFTWARE\Classes",
            r"HKLM\SOFTWARE\Microsoft\Ole",
            r"HKLM\SOFTWARE\WOW6432Node\Microsoft\Ole",
            r"HKLM\SOFTWARE\Policies\Microsoft\Windows NT\DCOM",
        ],
        Area::Firewall => &[
            r"HKLM\SYSTEM\CurrentControlSet\Services\SharedAccess",
            r"HKLM\SOFTWARE\Policies\Microsoft\WindowsFirewall",
        ],
        Area::InstallerData => &[r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Installer"],
        Area::AppPackages => &[
            r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Appx",
            r"HKLM\SOFTWARE\Microsoft\IdentityStore",
        ],
        Area::SignIn => &[
            r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Authentication",
            r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Group Policy",
        ],
        Area::RecycleBins => &[r"C:\$Recycle.Bin"],
        Area::KeyStores => &[r"C:\Users\*\AppData\Roaming\Microsoft\Crypto"],
        _ => &[],
    }
}

//! The hives that a run rewrites: two of the machine, and every registry file below a profile.

use super::{hivefile, registry, sids, tree};
use gw_hive::{FileTime, Hive, Recovery};
use gw_platform::{
    Counts, HiveInfo, HiveRef, HiveRootAccess, HiveState, MachineError, Profile, SidCount, WinPath,
};
use gw_secdesc::{Ace, SecurityDescriptor, Sid, ace_flags, ace_types};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Read,
    path::Path,
};

/// Every hive, sorted.
pub(super) fn list(root: &Path, profiles: &[Profile]) -> Result<Vec<HiveInfo>, MachineError> {
    let mut found = Vec::new();
    for hive in [HiveRef::Software, HiveRef::System] {
        let file = registry::file_of(&hive)?;
        found.push(describe(root, hive, &file, None));
    }
    for profile in profiles {
        let Some(top) = tree::find(root, &profile.path) else {
            continue;
        };
        let mut folders = vec![(profile.path.clone(), top)];
        while let Some((folder, place)) = folders.pop() {
            let entries =
                fs::read_dir(&place).map_err(|e| MachineError::io(folder.as_str(), &e))?;
            for entry in entries.flatten() {
                let name = entry.file_name();
                let Some(path) = name.to_str().and_then(|name| folder.join(name).ok()) else {
                    continue;
                };
                let Ok(kind) = entry.file_type() else {
                    continue;
                };
                if kind.is_dir() {
                    folders.push((path, entry.path()));
                } else if kind.is_file()
                    && (is_hive(&entry.path()) || must_be_hive(&profile.path, &path))
                {
                    let hive = HiveRef::User { file: path.clone() };
                    found.push(describe(root, hive, &path, Some(profile.path.clone())));
                }
            }
        }
    }
    found.sort_by(|a, b| a.hive.cmp(&b.hive));
    Ok(found)
}

/// Hives by their place in a profile: one that does not begin like a hive is damaged, and must not
/// be passed over.
fn must_be_hive(profile: &WinPath, file: &WinPath) -> bool {
    [
        "NTUSER.DAT",
        "AppData\\Local\\Microsoft\\Windows\\UsrClass.dat",
    ]
    .iter()
    .any(|name| profile.join(name).is_ok_and(|hive| hive.same(file)))
}

/// Registry files are called `*.dat` and begin with `regf`.
fn is_hive(file: &Path) -> bool {
    let called = file
        .extension()
        .is_some_and(|end| end.eq_ignore_ascii_case("dat"));
    let mut magic = [0u8; 4];
    called
        && fs::File::open(file)
            .and_then(|mut file| file.read_exact(&mut magic))
            .is_ok()
        && &magic == b"regf"
}

fn describe(root: &Path, hive: HiveRef, file: &WinPath, profile: Option<WinPath>) -> HiveInfo {
    let state = match hivefile::open(root, file) {
        Ok(open) if !open.is_editable() => HiveState::Refused {
            because: format!(
                "its format version 1.{} is not known well enough to change it",
                open.minor_version()
            ),
        },
        Ok(open) => match open.recovery() {
            Recovery::Clean => HiveState::Clean,
            _ => HiveState::Recoverable,
        },
        Err(error) => HiveState::Refused {
            because: error.to_string(),
        },
    };
    let bytes = tree::find(root, file)
        .and_then(|file| file.metadata().ok())
        .map_or(0, |meta| meta.len());
    let name = file.file_name().unwrap_or_default();
    let owner_needs_root = profile.is_some()
        && ["NTUSER.DAT", "USRCLASS.DAT"]
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known));
    HiveInfo {
        hive,
        profile,
        owner_needs_root,
        loaded: false,
        state,
        bytes,
    }
}

/// Translates a hive and counts.
pub(super) fn translate(
    hive: &mut Hive,
    path: &WinPath,
    pairs: &gw_secdesc::SidMap,
    mode: gw_secdesc::Mode,
) -> Result<(Counts, Vec<String>), MachineError> {
    let refused = |error: gw_hive::HiveError| hivefile::refused(path, &error);
    let text_sids = hive
        .text_sids()
        .map_err(refused)?
        .iter()
        .filter(|(sid, _)| pairs.target(sid).is_some())
        .map(|(_, count)| *count)
        .sum();
    let report = hive.remap(pairs, mode).map_err(refused)?;
    let counts = Counts {
        seen: report.keys,
        changed: report.keys_changed,
        descriptors: u64::from(report.descriptors),
        descriptors_changed: u64::from(report.changed),
        fallbacks: u64::from(report.fallback),
        refused: report.unreadable.len() as u64,
        text_sids,
        ..Counts::default()
    };
    let notes = report
        .unreadable
        .iter()
        .take(100)
        .map(|one| {
            format!(
                "{path}\\{} and {} keys like it were left alone: {}",
                one.key, one.keys, one.error
            )
        })
        .collect();
    Ok((counts, notes))
}

/// SIDs of live security cells, with the number of cells per place.
pub(super) fn sids_of(
    root: &Path,
    path: &WinPath,
) -> Result<BTreeMap<Sid, SidCount>, MachineError> {
    let hive = hivefile::open(root, path)?;
    let mut sum: BTreeMap<Sid, SidCount> = BTreeMap::new();
    for (descriptor, _) in hive
        .descriptors()
        .map_err(|error| hivefile::refused(path, &error))?
    {
        let Ok(named) = sids::of(descriptor) else {
            continue;
        };
        for (sid, count) in named {
            sum.entry(sid).or_default().add(&count);
        }
    }
    Ok(sum)
}

/// `KEY_ALL_ACCESS`.
const ALL: u32 = 0x000F_003F;
/// `GENERIC_ALL`.
const GENERIC_ALL: u32 = 0x1000_0000;

/// Who has full control of the root key.
pub(super) fn root_access(root: &Path, path: &WinPath) -> Result<HiveRootAccess, MachineError> {
    let hive = hivefile::open(root, path)?;
    let refused = |error: gw_hive::HiveError| hivefile::refused(path, &error);
    let descriptor = hive
        .root()
        .map_err(refused)?
        .descriptor()
        .map_err(refused)?
        .to_vec();
    let parsed = SecurityDescriptor::parse(&descriptor).map_err(|error| MachineError::Damaged {
        object: path.to_string(),
        why: error.to_string(),
    })?;
    let mut full = BTreeSet::new();
    let mut denied = BTreeSet::new();
    let aces: &[Ace] = parsed.dacl.as_ref().map_or(&[], |acl| &acl.aces);
    for ace in aces
        .iter()
        .filter(|ace| ace.flags() & ace_flags::INHERIT_ONLY == 0)
    {
        let (Some(mask), Some(sid)) = (ace.mask(), ace.sid()) else {
            continue;
        };
        match ace.ace_type() {
            ace_types::ALLOW if mask & ALL == ALL || mask & GENERIC_ALL != 0 => {
                full.insert(sids::text(&sid)?);
            }
            ace_types::DENY => {
                denied.insert(sids::text(&sid)?);
            }
            _ => {}
        }
    }
    Ok(HiveRootAccess {
        full_control: full.into_iter().collect(),
        denied: denied.into_iter().collect(),
    })
}

/// The moment from which a change's timestamps come.
pub(super) fn now() -> FileTime {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    FileTime::from_unix_seconds(since.as_secs())
}

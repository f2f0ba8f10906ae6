//! The areas outside descriptors of files and keys, on the image.
//!
//! One change covers all areas that are on, so that each hive is rewritten once. Of SECURITY only
//! the keys of the accounts concerned are saved: the hive holds the machine's secret.

use super::{
    acl,
    hivefile::{self, Place},
    hives, registry, tree,
};
use gw_hive::areas::{MachineHive, subtree};
use gw_hive::{FileTime, Hive, HiveError, rights};
use gw_platform::areas::{Area, AreaRules, Rename, count, count_area, seen, seen_one};
use gw_platform::{
    AreaScope, Before, Counts, Cx, Ignored, MachineError, Mode, SidMap, SidText, SidsSeen,
    UndoClass, WinPath,
};
use gw_secdesc::Sid;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fs, io::Write as _, path::Path};

const ACCOUNTS: &str = "Policy\\Accounts";
/// Denials that guards give: interactive and remote interactive logon, in `ActSysAc`.
const GUARDS: u32 = 0x0840;

/// The platform's part of the before-image.
#[derive(Debug, Serialize, Deserialize)]
struct Image {
    at: u64,
    hives: Vec<hivefile::Saved>,
    /// Task files by their path on the device, and the blob that holds the old content.
    tasks: Vec<(WinPath, String)>,
    /// DOS attributes of each of them: ntfs-3g sets "archive" on what it writes.
    #[serde(default)]
    task_attributes: Vec<Option<Vec<u8>>>,
    renames: Vec<Move>,
    accounts: Vec<Account>,
    /// Where SECURITY's logs go.
    parking: hivefile::Parking,
}

impl Image {
    /// Of a task file, from before the change.
    fn attributes_of(&self, task: &WinPath) -> Option<&[u8]> {
        let (at, _) = self
            .tasks
            .iter()
            .enumerate()
            .find(|(_, one)| one.0.same(task))?;
        self.task_attributes.get(at)?.as_deref()
    }
}

/// A folder that takes another name, and under which name what had it already is parked.
#[derive(Debug, Serialize, Deserialize)]
struct Move {
    rename: Rename,
    parked: Option<String>,
    /// DOS attributes of the folder: ntfs-3g sets "archive" on what it renames.
    #[serde(default)]
    attributes: Option<Vec<u8>>,
    /// The same of the folder that had the name already and is parked.
    #[serde(default)]
    parked_attributes: Option<Vec<u8>>,
}

/// An account's key in SECURITY as it was.
#[derive(Debug, Serialize, Deserialize)]
struct Account {
    sid: SidText,
    key: Option<subtree::Subtree>,
    logon: u32,
}

/// What a change of areas needs besides the place.
pub(super) struct Areas<'a> {
    scope: &'a AreaScope,
    ignored: &'a Ignored,
    map: SidMap,
    mode: Mode,
}

impl<'a> Areas<'a> {
    pub(super) fn new(scope: &'a AreaScope, ignored: &'a Ignored, map: SidMap, mode: Mode) -> Self {
        Self {
            scope,
            ignored,
            map,
            mode,
        }
    }

    fn rules(&self) -> Result<AreaRules<'_>, MachineError> {
        AreaRules::new(self.scope, self.ignored, &self.map, self.mode)
    }
}

fn file_of(which: MachineHive) -> Result<WinPath, MachineError> {
    registry::config(match which {
        MachineHive::System => "SYSTEM",
        MachineHive::Software => "SOFTWARE",
    })
}

fn prefix(which: MachineHive) -> &'static str {
    match which {
        MachineHive::System => "system-",
        MachineHive::Software => "software-",
    }
}

/// Content of a task file, by the path that the cache names it with.
fn task(root: &Path, rules: &AreaRules<'_>, name: &str) -> Option<Vec<u8>> {
    fs::read(tree::find(root, &rules.task_file(name)?)?).ok()
}

pub(super) fn read(
    root: &Path,
    scope: &AreaScope,
    ignored: &Ignored,
    into: &mut SidsSeen,
) -> Result<(), MachineError> {
    let areas = Areas::new(scope, ignored, SidMap::default(), Mode::Replace);
    let rules = areas.rules()?;
    for which in rules.hives() {
        let path = file_of(which)?;
        let hive = hivefile::open(root, &path)?;
        let reading = rules
            .sids(&hive, which, &|name| task(root, &rules, name))
            .map_err(|error| hivefile::refused(&path, &error))?;
        seen(&mut into.areas, &reading)?;
        let room = 100_usize.saturating_sub(into.unreadable.len());
        into.unreadable
            .extend(reading.unreadable.into_iter().take(room));
    }
    if rules.is_on(Area::UserRights) {
        let path = registry::config("SECURITY")?;
        let hive = hivefile::open(root, &path)?;
        let accounts = rights::accounts(&hive).map_err(|error| hivefile::refused(&path, &error))?;
        let own = accounts.iter().filter(|(_, held)| has_own(held));
        for sid in own.map(|(sid, _)| sid.to_string()) {
            if !rules.right_ignored(&sid) {
                seen_one(&mut into.areas, Area::UserRights, &sid, 1)?;
            }
        }
    }
    for (area, folder) in rules.named_folders() {
        let Some(place) = tree::find(root, &folder) else {
            continue;
        };
        let entries =
            fs::read_dir(place).map_err(|error| MachineError::io(folder.as_str(), &error))?;
        for name in entries.flatten().map(|entry| entry.file_name()) {
            let Some(name) = name.to_str().filter(|name| name.starts_with("S-1-")) else {
                continue;
            };
            let ignored = folder
                .join(name)
                .is_ok_and(|path| rules.folder_ignored(&path));
            if !ignored && name.parse::<Sid>().is_ok() {
                seen_one(&mut into.areas, area, name, 1)?;
            }
        }
    }
    Ok(())
}

pub(super) fn prepare(
    place: &Place<'_>,
    areas: &Areas<'_>,
    cx: &mut Cx<'_>,
) -> Result<Before, MachineError> {
    let rules = areas.rules()?;
    let at = hives::now();
    let (mut counts, mut notes) = (Counts::default(), Vec::new());
    let mut blobs = Vec::new();
    let mut image = Image {
        at: at.0,
        hives: Vec::new(),
        tasks: Vec::new(),
        task_attributes: Vec::new(),
        renames: Vec::new(),
        accounts: Vec::new(),
        parking: Vec::new(),
    };
    for which in rules.hives() {
        let path = file_of(which)?;
        let mut hive = hivefile::open(place.root, &path)?;
        let read = |name: &str| task(place.root, &rules, name);
        let (report, files) = rules
            .translate(&mut hive, which, at, &read)
            .map_err(|error| hivefile::refused(&path, &error))?;
        count(&mut counts, &report);
        notes.extend(report.notes);
        // A hive that stays as it is needs no way back, and its logs stay with it.
        if report.areas.values().any(|tally| tally.changed > 0) {
            let (saved, saved_blobs) = hivefile::save_as(place, &path, prefix(which), cx)?;
            image.hives.push(saved);
            blobs.extend(saved_blobs);
        }
        for (number, file) in files.iter().enumerate() {
            let (Some(path), Some(old)) = (rules.task_file(&file.path), read(&file.path)) else {
                continue;
            };
            let name = format!("task-{number}");
            blobs.push(hivefile::save(cx, &name, &old)?);
            image.task_attributes.push(attributes(place, &path)?);
            image.tasks.push((path, name));
        }
    }
    if rules.is_on(Area::UserRights) {
        let path = registry::config("SECURITY")?;
        let hive = hivefile::open(place.root, &path)?;
        let refused = |error: HiveError| hivefile::refused(&path, &error);
        let saved = accounts(&hive, &areas.map).map_err(refused)?;
        let mut tried = hive;
        // A hive that stays as it is keeps its logs.
        if carry(&mut tried, at, &rules, Some(&mut counts)).map_err(refused)? {
            image.accounts = saved;
            image.parking = hivefile::plan_parking(place, std::slice::from_ref(&path))?;
        }
    }
    let is_there = |path: &WinPath| tree::find(place.root, path).is_some();
    for (number, rename) in rules.renames(&is_there).into_iter().enumerate() {
        counts.seen += 1;
        counts.changed += 1;
        count_area(&mut counts, rename.area, 1, 1);
        // Two sources may have one target: the second finds the first one's folder there.
        let earlier = |one: &Move| one.rename.to.same(&rename.to);
        let taken = is_there(&rename.to) || image.renames.iter().any(earlier);
        let parked = taken.then(|| format!("area-{}-{number}", at.0));
        if parked.is_some() {
            notes.push(format!("{} was there already and is parked", rename.to));
        }
        image.renames.push(Move {
            attributes: attributes(place, &rename.from)?,
            parked_attributes: attributes(place, &rename.to)?,
            rename,
            parked,
        });
    }
    counts.undo_bytes = blobs.iter().map(|blob| blob.bytes).sum();
    notes.truncate(100);
    Ok(Before {
        v: 1,
        undo: UndoClass::Exact,
        counts,
        notes,
        blobs,
        data: serde_json::to_value(image).map_err(|error| MachineError::Unexpected {
            object: "the before-image of the areas".into(),
            why: error.to_string(),
        })?,
    })
}

pub(super) fn execute(
    place: &Place<'_>,
    areas: &Areas<'_>,
    before: &Before,
    cx: &Cx<'_>,
) -> Result<(), MachineError> {
    let (rules, image) = (areas.rules()?, image(before)?);
    let at = FileTime(image.at);
    let old_tasks: BTreeMap<String, Vec<u8>> = image
        .tasks
        .iter()
        .map(|(path, blob)| Ok((path.folded(), super::files::read_blob(before, blob, cx)?)))
        .collect::<Result<_, MachineError>>()?;
    // A task that is rewritten already is planned from what it was.
    let read = |name: &str| {
        let path = rules.task_file(name)?;
        match old_tasks.get(&path.folded()) {
            Some(old) => Some(old.clone()),
            None => task(place.root, &rules, name),
        }
    };
    for which in rules.hives() {
        let path = file_of(which)?;
        let Some(saved) = image.hives.iter().find(|saved| saved.file.same(&path)) else {
            continue;
        };
        let edits = std::cell::RefCell::new(Vec::new());
        hivefile::execute_as(place, saved, prefix(which), before, cx, &|hive, _| {
            let (_, files) = rules
                .translate(hive, which, at, &read)
                .map_err(|error| hivefile::refused(&path, &error))?;
            *edits.borrow_mut() = files;
            Ok(())
        })?;
        for file in edits.into_inner() {
            if let Some(path) = rules.task_file(&file.path) {
                put_file(place, &path, &file.content, image.attributes_of(&path))?;
            }
        }
    }
    if !image.accounts.is_empty() {
        let path = registry::config("SECURITY")?;
        hivefile::rewrite(place, &path, at, &|hive, at| {
            let carried = carry(hive, at, &rules, None);
            carried
                .map(|_| ())
                .map_err(|error| hivefile::refused(&path, &error))
        })?;
        hivefile::park(place, &image.parking)?;
    }
    for one in &image.renames {
        let (from, to) = (&one.rename.from, &one.rename.to);
        if tree::find(place.root, from).is_some() {
            if let Some(name) = &one.parked
                && tree::find(place.root, to).is_some()
            {
                move_to(place, to, &parked(place, name))?;
            }
            move_to(place, from, to)?;
        }
        // A run that died in between finds the folder moved and comes by here again.
        keep_attributes(place, to, one.attributes.as_deref())?;
    }
    (place.sync)()
}

pub(super) fn revert(place: &Place<'_>, before: &Before, cx: &Cx<'_>) -> Result<(), MachineError> {
    let image = image(before)?;
    for one in image.renames.iter().rev() {
        let (from, to) = (&one.rename.from, &one.rename.to);
        if tree::find(place.root, from).is_none() && tree::find(place.root, to).is_some() {
            move_to(place, to, from)?;
        }
        keep_attributes(place, from, one.attributes.as_deref())?;
        if let Some(name) = &one.parked
            && tree::find(place.root, &parked(place, name)).is_some()
        {
            move_to(place, &parked(place, name), to)?;
        }
        // Repeated after a power cut it finds the folder back, and does this again.
        if one.parked.is_some() {
            keep_attributes(place, to, one.parked_attributes.as_deref())?;
        }
    }
    if !image.accounts.is_empty() {
        let path = registry::config("SECURITY")?;
        hivefile::unpark(place, &image.parking)?;
        hivefile::rewrite(place, &path, FileTime(image.at), &|hive, at| {
            put_back(hive, at, &image.accounts).map_err(|error| hivefile::refused(&path, &error))
        })?;
    }
    for (path, blob) in &image.tasks {
        let old = super::files::read_blob(before, blob, cx)?;
        put_file(place, path, &old, image.attributes_of(path))?;
    }
    for saved in image.hives.iter().rev() {
        let which = match saved.file.same(&file_of(MachineHive::System)?) {
            true => MachineHive::System,
            false => MachineHive::Software,
        };
        hivefile::revert_as(place, saved, prefix(which), before, cx)?;
    }
    (place.sync)()
}

/// The keys of every account that a carry may touch.
fn accounts(security: &Hive, map: &SidMap) -> Result<Vec<Account>, HiveError> {
    let all = rights::accounts(security)?;
    let mut sids: Vec<&SidText> = map.pairs().flat_map(|(a, b)| [a, b]).collect();
    sids.sort();
    sids.dedup();
    let held = |sid: &SidText| {
        let sid = sid.as_str().parse::<Sid>().ok()?;
        all.get(&sid)
    };
    // Only pairs whose source has rights are touched at all.
    let touched = |sid: &SidText| {
        map.pairs()
            .any(|(a, b)| (a == sid || b == sid) && held(a).is_some_and(has_own))
    };
    sids.into_iter()
        .filter(|sid| touched(sid))
        .map(|sid| {
            Ok(Account {
                sid: sid.clone(),
                key: subtree::capture(security, &format!("{ACCOUNTS}\\{sid}"))?,
                logon: held(sid).map_or(0, |rights| rights.logon),
            })
        })
        .collect()
}

/// Carries every right over; answers whether anything changed.
fn carry(
    security: &mut Hive,
    at: FileTime,
    rules: &AreaRules<'_>,
    mut counts: Option<&mut Counts>,
) -> Result<bool, HiveError> {
    let mut any = false;
    for (source, target) in rules.map().pairs() {
        let before = rights::accounts(security)?;
        if !before.get(source).is_some_and(has_own) {
            continue;
        }
        let ignored = rules.right_ignored(&source.to_string());
        let mut changed = false;
        if !ignored && carries(&before, source, target, rules.mode()) {
            rights::carry(&mut security.edit(at)?, source, target, rules.mode())?;
            changed = true;
            any = true;
        }
        if let Some(counts) = &mut counts {
            counts.seen += 1;
            counts.changed += u64::from(changed);
            counts.ignored += u64::from(ignored);
            count_area(counts, Area::UserRights, 1, u64::from(changed));
        }
    }
    Ok(any)
}

/// Whether an account holds more than what guards give: a guard is lifted where it was put up.
fn has_own(held: &rights::Rights) -> bool {
    held.logon & !GUARDS != 0 || !held.privileges.is_empty()
}

/// Whether carrying would change anything: repeating it must not touch the hive.
fn carries(
    held: &BTreeMap<Sid, rights::Rights>,
    source: &Sid,
    target: &Sid,
    mode: gw_secdesc::Mode,
) -> bool {
    let (Some(from), to) = (
        held.get(source).filter(|held| has_own(held)),
        held.get(target),
    ) else {
        return false;
    };
    mode == gw_secdesc::Mode::Replace
        || to.is_none_or(|to| {
            from.logon & !to.logon & !GUARDS != 0
                || from
                    .privileges
                    .iter()
                    .any(|(one, bits)| to.privileges.get(one).is_none_or(|has| bits & !has != 0))
        })
}

/// Restores the accounts. A denial that a guard gave to several of them and that was lifted since
/// stays lifted.
fn put_back(security: &mut Hive, at: FileTime, saved: &[Account]) -> Result<(), HiveError> {
    let now = rights::accounts(security)?;
    let logon_now = |sid: &SidText| {
        let sid = sid.as_str().parse::<Sid>().ok();
        sid.and_then(|sid| now.get(&sid)).map_or(0, |r| r.logon)
    };
    let held_now = saved.iter().fold(0, |all, one| all | logon_now(&one.sid));
    for one in saved {
        let path = format!("{ACCOUNTS}\\{}", one.sid);
        let lifted = one.logon & GUARDS & !held_now;
        let guarded = saved
            .iter()
            .filter(|other| other.logon & lifted == lifted)
            .count()
            > 1;
        let mut edit = security.edit(at)?;
        subtree::put_back(&mut edit, &path, one.key.as_ref())?;
        if lifted != 0 && guarded {
            let logon = one.logon & !lifted;
            let privileges = security.key(&format!("{path}\\Privilgs"))?.is_some();
            let mut edit = security.edit(at)?;
            if logon == 0 && !privileges {
                edit.delete_key(&path)?;
            } else {
                let value = gw_hive::RegValue::new(gw_hive::kind::NONE, logon.to_le_bytes());
                edit.set_value(&format!("{path}\\ActSysAc"), "", &value)?;
            }
        }
    }
    Ok(())
}

fn image(before: &Before) -> Result<Image, MachineError> {
    serde_json::from_value(before.data.clone()).map_err(|error| MachineError::Damaged {
        object: "the before-image of the areas".into(),
        why: error.to_string(),
    })
}

/// Writes the content into a file that is there, so that its names, streams and object id stay. A
/// write that was cut off is made good by the next one: what goes in follows from the before-image.
fn put_file(
    place: &Place<'_>,
    path: &WinPath,
    content: &[u8],
    attributes: Option<&[u8]>,
) -> Result<(), MachineError> {
    let io = |error: std::io::Error| MachineError::io(path.as_str(), &error);
    let at = tree::find(place.root, path).ok_or_else(|| MachineError::Missing {
        object: path.to_string(),
    })?;
    if fs::read(&at).map_err(io)? != content {
        let mut file = fs::OpenOptions::new().write(true).open(&at).map_err(io)?;
        file.write_all(content).map_err(io)?;
        file.set_len(content.len() as u64).map_err(io)?;
        file.sync_all().map_err(io)?;
    }
    match attributes {
        Some(wanted) => acl::set_attributes(&at, path.as_str(), wanted),
        None => Ok(()),
    }
}

fn parked(place: &Place<'_>, name: &str) -> WinPath {
    // A name of digits and letters is always a name.
    place.park.join(name).unwrap_or_else(|_| place.park.clone())
}

fn move_to(place: &Place<'_>, from: &WinPath, to: &WinPath) -> Result<(), MachineError> {
    let missing = || MachineError::Missing {
        object: from.to_string(),
    };
    let source = tree::find(place.root, from).ok_or_else(missing)?;
    let target = tree::place(place.root, to);
    if let Some(above) = target.parent() {
        fs::create_dir_all(above).map_err(|error| MachineError::io(to.as_str(), &error))?;
    }
    fs::rename(&source, &target).map_err(|error| MachineError::io(from.as_str(), &error))
}

fn attributes(place: &Place<'_>, folder: &WinPath) -> Result<Option<Vec<u8>>, MachineError> {
    match tree::find(place.root, folder) {
        Some(at) => acl::attributes(&at, folder.as_str()),
        None => Ok(None),
    }
}

/// Puts the attributes back that the folder had before it was renamed.
fn keep_attributes(
    place: &Place<'_>,
    folder: &WinPath,
    wanted: Option<&[u8]>,
) -> Result<(), MachineError> {
    match (tree::find(place.root, folder), wanted) {
        (Some(at), Some(wanted)) => acl::set_attributes(&at, folder.as_str(), wanted),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carrying_again_changes_nothing() {
        let sid = |n: u32| -> Sid { format!("S-1-5-21-1-2-3-{n}").parse().unwrap() };
        let rights = |logon| rights::Rights {
            logon,
            privileges: BTreeMap::from([(17, 0)]),
        };
        let held = BTreeMap::from([(sid(1), rights(3)), (sid(2), rights(7))]);
        assert!(!carries(&held, &sid(1), &sid(2), gw_secdesc::Mode::Add));
        assert!(carries(&held, &sid(2), &sid(1), gw_secdesc::Mode::Add));
        assert!(carries(&held, &sid(1), &sid(2), gw_secdesc::Mode::Replace));
        assert!(!carries(&held, &sid(3), &sid(2), gw_secdesc::Mode::Replace));
    }
}

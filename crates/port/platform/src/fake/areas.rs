//! The areas outside descriptors of files and keys, on the fake PC: real hives
//! and task files in cells, changed by the code that changes real ones.

use std::collections::BTreeMap;

use gw_hive::areas::MachineHive;
use gw_hive::{FileTime, Hive, HiveError};
use gw_runbook::Area;
use serde::{Deserialize, Serialize};

use super::cells::{self, FileCell, hex_text};
use super::changes::Image;
use super::machine::FakePc;
use crate::areas::{AreaRules, AreaScope, RECYCLE_BINS, count, count_area, seen, seen_one};
use crate::change::Counts;
use crate::ignored::Ignored;
use crate::machine::MachineError;
use crate::map::{Mode, SidMap};
use crate::seen::SidsSeen;
use crate::winpath::WinPath;

/// `registry/<hive>` and `task/<path>`: bytes as they would be in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BytesCell {
    /// The content.
    #[serde(with = "hex_text")]
    pub bytes: Vec<u8>,
}

/// Every edit of a hive on this PC happens at the same moment.
const AT: FileTime = FileTime(133_500_000_000_000_000);
/// Rights that guards give.
const GUARDS: [&str; 2] = [
    "SeDenyInteractiveLogonRight",
    "SeDenyRemoteInteractiveLogonRight",
];
/// Where a folder goes whose name is needed.
const PARK: &str = r"C:\ProgramData\Godwit\Agent\park";

fn hive_key(which: MachineHive) -> &'static str {
    match which {
        MachineHive::System => "registry/SYSTEM",
        MachineHive::Software => "registry/SOFTWARE",
    }
}

fn hive_damaged(key: &str, error: &HiveError) -> MachineError {
    MachineError::Damaged {
        object: key.to_owned(),
        why: error.to_string(),
    }
}

fn task_in(image: &Image, task: &str) -> Option<Vec<u8>> {
    let key = format!("task/{task}");
    let bytes = image.get(&key)?.as_ref()?;
    Some(cells::read::<BytesCell>(&key, bytes).ok()?.bytes)
}

impl FakePc {
    pub(super) fn area_ignored(&self, scope: &AreaScope) -> Ignored {
        Ignored::compile(
            scope.ignored.iter().map(String::as_str),
            &self.facts.folders,
        )
    }

    /// The cells that a change of these areas may touch.
    pub(super) fn areas_image(
        &self,
        scope: &AreaScope,
        map: &SidMap,
    ) -> Result<Image, MachineError> {
        let ignored = self.area_ignored(scope);
        let rules = AreaRules::new(scope, &ignored, map, Mode::Replace)?;
        let mut image = Image::new();
        for which in rules.hives() {
            let key = hive_key(which);
            if let Some(bytes) = self.disk.get(key) {
                image.insert(key.to_owned(), Some(bytes.to_vec()));
            }
        }
        if rules.is_on(Area::ScheduledTasks) {
            image.extend(
                self.disk
                    .list("task/")
                    .into_iter()
                    .map(|(k, v)| (k, Some(v))),
            );
        }
        if rules.is_on(Area::UserRights) {
            for sid in map.pairs().flat_map(|(a, b)| [a, b]) {
                let key = format!("right/{sid}");
                let value = self.disk.get(&key).map(<[u8]>::to_vec);
                image.insert(key, value);
            }
        }
        let folders = rules.named_folders();
        if !folders.is_empty() {
            for (id, file) in self.cells::<FileCell>("file/")? {
                let named = |name: &WinPath| folders.iter().any(|(_, f)| name.is_under(f));
                if file.names.iter().any(named) {
                    let key = format!("file/{id}");
                    let value = self.disk.get(&key).map(<[u8]>::to_vec);
                    image.insert(key, value);
                }
            }
        }
        Ok(image)
    }

    /// The same cells afterwards, from their image alone.
    pub(super) fn areas_after(
        &self,
        scope: &AreaScope,
        map: &SidMap,
        mode: Mode,
        image: &Image,
    ) -> Result<(Image, Counts, Vec<String>), MachineError> {
        let ignored = self.area_ignored(scope);
        let rules = AreaRules::new(scope, &ignored, map, mode)?;
        let mut after = image.clone();
        let (mut counts, mut notes) = (Counts::default(), Vec::new());
        for which in rules.hives() {
            let key = hive_key(which);
            let Some(Some(bytes)) = image.get(key) else {
                continue;
            };
            let bytes = cells::read::<BytesCell>(key, bytes)?.bytes;
            let mut hive =
                Hive::open(bytes, None, None).map_err(|error| hive_damaged(key, &error))?;
            let (report, files) = rules
                .translate(&mut hive, which, AT, &|task| task_in(image, task))
                .map_err(|error| hive_damaged(key, &error))?;
            count(&mut counts, &report);
            notes.extend(report.notes);
            if report.areas.values().any(|tally| tally.changed > 0) {
                let cell = BytesCell {
                    bytes: hive.into_bytes(),
                };
                after.insert(key.to_owned(), Some(cells::write(key, &cell)?));
            }
            for file in files {
                let key = format!("task/{}", file.path);
                let cell = BytesCell {
                    bytes: file.content,
                };
                after.insert(key.clone(), Some(cells::write(&key, &cell)?));
            }
        }
        if rules.is_on(Area::UserRights) {
            carry_rights(&rules, map, mode, image, &mut after, &mut counts)?;
        }
        rename(&rules, image, &mut after, &mut counts, &mut notes)?;
        notes.truncate(100);
        Ok((after, counts, notes))
    }

    /// Restores the image of an areas change. A right that a guard gave to both
    /// sides and that was taken away since stays away.
    pub(super) fn areas_before(&self, map: &SidMap, image: Image) -> Result<Image, MachineError> {
        let mut wanted = image.clone();
        for (source, target) in map.pairs() {
            let (from, to) = (format!("right/{source}"), format!("right/{target}"));
            let (had, has) = (rights(&image, &from)?, rights(&image, &to)?);
            let now: Vec<String> = self.cell(&to)?.unwrap_or_default();
            let lifted = |right: &String| {
                right.starts_with("SeDeny")
                    && had.contains(right)
                    && has.contains(right)
                    && !now.contains(right)
            };
            for (key, old) in [(from, &had), (to, &has)] {
                if image.contains_key(&key) {
                    let left = old.iter().filter(|right| !lifted(right)).cloned().collect();
                    wanted.insert(key.clone(), rights_cell(&key, left)?);
                }
            }
        }
        Ok(wanted)
    }

    pub(super) fn areas_seen(
        &self,
        scope: &AreaScope,
        into: &mut SidsSeen,
    ) -> Result<(), MachineError> {
        let ignored = self.area_ignored(scope);
        let rules = AreaRules::new(scope, &ignored, &SidMap::default(), Mode::Replace)?;
        let image = self.areas_image(scope, &SidMap::default())?;
        for which in rules.hives() {
            let key = hive_key(which);
            let Some(Some(bytes)) = image.get(key) else {
                continue;
            };
            let bytes = cells::read::<BytesCell>(key, bytes)?.bytes;
            let hive = Hive::open(bytes, None, None).map_err(|error| hive_damaged(key, &error))?;
            let reading = rules
                .sids(&hive, which, &|task| task_in(&image, task))
                .map_err(|error| hive_damaged(key, &error))?;
            seen(&mut into.areas, &reading)?;
            into.unreadable.extend(reading.unreadable);
        }
        if rules.is_on(Area::UserRights) {
            for (sid, held) in self.cells::<Vec<String>>("right/")? {
                if held.iter().any(|right| !GUARDS.contains(&right.as_str()))
                    && !rules.right_ignored(&sid)
                {
                    seen_one(&mut into.areas, Area::UserRights, &sid, 1)?;
                }
            }
        }
        for (area, folder) in rules.named_folders() {
            for bytes in image.iter().filter(|(key, _)| key.starts_with("file/")) {
                let Some(content) = bytes.1 else { continue };
                let file: FileCell = cells::read(bytes.0, content)?;
                for name in &file.names {
                    let own = name.parent().is_some_and(|above| above.same(&folder));
                    let sid = name.file_name().filter(|name| name.starts_with("S-1-"));
                    if let (true, Some(sid), false) = (own, sid, rules.folder_ignored(name)) {
                        seen_one(&mut into.areas, area, sid, 1)?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn rights(image: &Image, key: &str) -> Result<Vec<String>, MachineError> {
    match image.get(key).and_then(Option::as_ref) {
        Some(bytes) => cells::read(key, bytes),
        None => Ok(Vec::new()),
    }
}

fn rights_cell(key: &str, mut held: Vec<String>) -> Result<Option<Vec<u8>>, MachineError> {
    held.sort();
    held.dedup();
    match held.is_empty() {
        true => Ok(None),
        false => cells::write(key, &held).map(Some),
    }
}

fn carry_rights(
    rules: &AreaRules<'_>,
    map: &SidMap,
    mode: Mode,
    image: &Image,
    after: &mut Image,
    counts: &mut Counts,
) -> Result<(), MachineError> {
    for (source, target) in map.pairs() {
        let (from, to) = (format!("right/{source}"), format!("right/{target}"));
        let held = rights(image, &from)?;
        let own = |held: &[String]| -> Vec<String> {
            let guard = |right: &&String| !GUARDS.contains(&right.as_str());
            held.iter().filter(guard).cloned().collect()
        };
        // A guard is lifted where it was put up.
        if own(&held).is_empty() {
            continue;
        }
        counts.seen += 1;
        if rules.right_ignored(source.as_str()) {
            counts.ignored += 1;
            count_area(counts, Area::UserRights, 1, 0);
            continue;
        }
        // Another source of the same target may have come first.
        let mut all = rights(after, &to)?;
        let changes = mode == Mode::Replace || own(&held).iter().any(|r| !all.contains(r));
        all.extend(held);
        after.insert(to.clone(), rights_cell(&to, all)?);
        if mode == Mode::Replace {
            after.insert(from, None);
        }
        counts.changed += u64::from(changes);
        count_area(counts, Area::UserRights, 1, u64::from(changes));
    }
    Ok(())
}

fn rename(
    rules: &AreaRules<'_>,
    image: &Image,
    after: &mut Image,
    counts: &mut Counts,
    notes: &mut Vec<String>,
) -> Result<(), MachineError> {
    let mut files: BTreeMap<String, FileCell> = BTreeMap::new();
    for (key, value) in image.iter().filter(|(key, _)| key.starts_with("file/")) {
        if let Some(bytes) = value {
            files.insert(key.clone(), cells::read(key, bytes)?);
        }
    }
    let is_there = |path: &WinPath| {
        let mut names = files.values().flat_map(|file| &file.names);
        names.any(|name| name.same(path))
    };
    let renames = rules.renames(&is_there);
    let mut moves: Vec<(WinPath, String)> = Vec::new();
    for (number, one) in renames.iter().enumerate() {
        counts.seen += 1;
        counts.changed += 1;
        count_area(counts, one.area, 1, 1);
        if is_there(&one.to) {
            moves.push((one.to.clone(), format!(r"{PARK}\area-{number}")));
            notes.push(format!("{} was there already and is parked", one.to));
        }
        moves.push((one.from.clone(), one.to.to_string()));
    }
    for (key, file) in &mut files {
        let mut changed = false;
        for name in &mut file.names {
            let Some((from, to)) = moves.iter().find(|(from, _)| name.is_under(from)) else {
                continue;
            };
            let rest = name.as_str().get(from.as_str().len()..).unwrap_or_default();
            *name = format!("{to}{rest}")
                .parse()
                .map_err(|error: crate::BadPath| MachineError::Damaged {
                    object: key.clone(),
                    why: error.to_string(),
                })?;
            changed = true;
        }
        if changed {
            after.insert(key.clone(), Some(cells::write(key, file)?));
        }
    }
    Ok(())
}

/// The bin of an account.
pub(super) fn bin_of(sid: &str) -> String {
    format!(r"{RECYCLE_BINS}\{sid}")
}

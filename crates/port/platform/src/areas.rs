//! What is the same on every platform about the areas outside descriptors of
//! files and keys: which they are, what is left alone, and who gets what.
//!
//! The places themselves are known to `gw_hive::areas`; a platform brings the
//! hives, the task files and the folders.

use std::collections::{BTreeMap, BTreeSet};

use gw_hive::areas::{self as hive_areas, MachineHive, Reading, Report, Rules, tasks};
use gw_hive::{FileTime, Hive, HiveError};
pub use gw_runbook::Area;
use gw_secdesc::Sid;
use serde::{Deserialize, Serialize};

use crate::change::{Counts, FolderCounts};
use crate::ignored::Ignored;
use crate::machine::MachineError;
use crate::map::{Mode, SidMap};
use crate::sid::SidText;
use crate::winpath::WinPath;

/// Where task files are.
pub const TASK_FOLDER: &str = r"C:\Windows\System32\Tasks";
/// What the cache in SOFTWARE keeps of the tree of tasks.
const TASK_TREE: &str = r"Microsoft\Windows NT\CurrentVersion\Schedule\TaskCache\Tree";
/// Where recycle bins are.
pub const RECYCLE_BINS: &str = r"C:\$Recycle.Bin";
/// Keys of a user, below the profile.
pub const USER_KEYS: &str = r"AppData\Roaming\Microsoft\Crypto\RSA";
/// Keys of the machine: their descriptors go with the files.
pub const MACHINE_KEYS: &str = r"C:\ProgramData\Microsoft\Crypto";

/// Which areas a reading or a change covers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AreaScope {
    /// Areas that are on; ones that are executed elsewhere may be named, too.
    pub areas: BTreeSet<Area>,
    /// Ignored areas as written in the runbook (see [`crate::Ignored`]).
    pub ignored: Vec<String>,
    /// Profiles that change hands in this run: what has one owner goes with
    /// them, in *add*, too.
    pub handed: Vec<HandedProfile>,
    /// `DOMAIN\name` of targets, as far as known.
    pub names: BTreeMap<SidText, String>,
}

/// A profile that changes hands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HandedProfile {
    /// Owner before.
    pub source_sid: SidText,
    /// Its folder.
    pub path: WinPath,
}

impl AreaScope {
    /// The areas that this vocabulary executes; the others have changes of
    /// their own, or need a live Windows.
    pub const EXECUTED: [Area; 12] = [
        Area::Printers,
        Area::Services,
        Area::ScheduledTasks,
        Area::UserRights,
        Area::Shares,
        Area::Com,
        Area::Firewall,
        Area::InstallerData,
        Area::AppPackages,
        Area::SignIn,
        Area::RecycleBins,
        Area::KeyStores,
    ];

    /// Only the areas that [`AreaScope::EXECUTED`] names, or `None` without any.
    #[must_use]
    pub fn executed(mut self) -> Option<AreaScope> {
        self.areas.retain(|area| Self::EXECUTED.contains(area));
        (!self.areas.is_empty()).then_some(self)
    }
}

/// A scope with its pairs, ready to be applied.
pub struct AreaRules<'a> {
    scope: &'a AreaScope,
    ignored: &'a Ignored,
    map: gw_secdesc::SidMap,
    mode: gw_secdesc::Mode,
    hive_areas: BTreeSet<hive_areas::Area>,
    handed: BTreeSet<Sid>,
    names: BTreeMap<Sid, String>,
    task_folder: WinPath,
}

/// A folder that takes its new owner's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rename {
    /// The area it belongs to.
    pub area: Area,
    /// Before.
    pub from: WinPath,
    /// Afterwards.
    pub to: WinPath,
}

impl<'a> AreaRules<'a> {
    /// Without a map it can only be read with.
    ///
    /// # Errors
    /// When a SID or the table is refused.
    pub fn new(
        scope: &'a AreaScope,
        ignored: &'a Ignored,
        map: &SidMap,
        mode: Mode,
    ) -> Result<Self, MachineError> {
        let refused = |error: &dyn std::fmt::Display| MachineError::Unexpected {
            object: "the translation table of this run".to_owned(),
            why: error.to_string(),
        };
        let pairs = map.pairs().map(|(a, b)| Ok((binary(a)?, binary(b)?)));
        let pairs: Vec<(Sid, Sid)> = pairs.collect::<Result<_, MachineError>>()?;
        Ok(Self {
            scope,
            ignored,
            map: gw_secdesc::SidMap::new(pairs).map_err(|error| refused(&error))?,
            mode: match mode {
                Mode::Add => gw_secdesc::Mode::Add,
                Mode::Replace => gw_secdesc::Mode::Replace,
            },
            hive_areas: scope.areas.iter().filter_map(|a| in_hives(*a)).collect(),
            handed: scope
                .handed
                .iter()
                .map(|profile| binary(&profile.source_sid))
                .collect::<Result<_, _>>()?,
            names: scope
                .names
                .iter()
                .map(|(sid, name)| Ok((binary(sid)?, name.clone())))
                .collect::<Result<_, MachineError>>()?,
            task_folder: TASK_FOLDER.parse().map_err(|error| refused(&error))?,
        })
    }

    /// Pairs, for rights.
    #[must_use]
    pub fn map(&self) -> &gw_secdesc::SidMap {
        &self.map
    }

    /// Mode, for rights.
    #[must_use]
    pub fn mode(&self) -> gw_secdesc::Mode {
        self.mode
    }

    /// Whether an area is on.
    #[must_use]
    pub fn is_on(&self, area: Area) -> bool {
        self.scope.areas.contains(&area)
    }

    /// The machine's hives that any area that is on has places in.
    #[must_use]
    pub fn hives(&self) -> Vec<MachineHive> {
        use hive_areas::Area as In;
        let system = [In::Services, In::Shares, In::Printers, In::Firewall];
        let mut out = Vec::new();
        if system.iter().any(|area| self.hive_areas.contains(area)) {
            out.push(MachineHive::System);
        }
        let only_system = [In::Services, In::Shares];
        if self
            .hive_areas
            .iter()
            .any(|area| !only_system.contains(area))
        {
            out.push(MachineHive::Software);
        }
        out
    }

    /// Applies the rules to one hive; answers the task files that change, too.
    ///
    /// # Errors
    /// When the hive is damaged or cannot be edited.
    pub fn translate(
        &self,
        hive: &mut Hive,
        which: MachineHive,
        at: FileTime,
        read: &tasks::Read<'_>,
    ) -> Result<(Report, Vec<tasks::FileEdit>), HiveError> {
        let ignored = |key: &str| self.key_ignored(which, key);
        let rules = Rules {
            areas: &self.hive_areas,
            map: &self.map,
            mode: self.mode,
            handed: &self.handed,
            names: &self.names,
            ignored: &ignored,
        };
        let mut report = hive_areas::translate(hive, which, &rules, at)?;
        let mut files = Vec::new();
        if which == MachineHive::Software && self.is_on(Area::ScheduledTasks) {
            let task_ignored = |task: &str| self.task_ignored(task);
            let (told, edits) = tasks::translate(hive, &rules, at, read, &task_ignored)?;
            report.add(told);
            files = edits;
        }
        Ok((report, files))
    }

    /// Accounts at the places of one hive and in its tasks.
    ///
    /// # Errors
    /// When the hive is damaged.
    pub fn sids(
        &self,
        hive: &Hive,
        which: MachineHive,
        read: &tasks::Read<'_>,
    ) -> Result<Reading, HiveError> {
        let ignored = |key: &str| self.key_ignored(which, key);
        let mut reading = hive_areas::sids(hive, which, &self.hive_areas, &ignored)?;
        if which == MachineHive::Software && self.is_on(Area::ScheduledTasks) {
            let task_ignored = |task: &str| self.task_ignored(task);
            reading.add(tasks::sids(hive, read, &ignored, &task_ignored)?);
        }
        Ok(reading)
    }

    /// Whether rights of this account are left alone.
    #[must_use]
    pub fn right_ignored(&self, sid: &str) -> bool {
        self.ignored
            .matches_key(&format!(r"SECURITY\Policy\Accounts\{sid}"))
    }

    /// Folders named after a source, of which `exists` knows whether they are
    /// there, and what they are called afterwards.
    #[must_use]
    pub fn renames(&self, exists: &dyn Fn(&WinPath) -> bool) -> Vec<Rename> {
        let mut out = Vec::new();
        for (area, folder) in self.named_folders() {
            for (source, target) in self.map.pairs() {
                let follows =
                    self.mode == gw_secdesc::Mode::Replace || self.handed.contains(source);
                let names = (
                    folder.join(&source.to_string()),
                    folder.join(&target.to_string()),
                );
                if let (Ok(from), Ok(to)) = names
                    && follows
                    && !self.ignored.matches(&from)
                    && exists(&from)
                {
                    out.push(Rename { area, from, to });
                }
            }
        }
        out
    }

    /// Folders whose entries may be named after accounts.
    #[must_use]
    pub fn named_folders(&self) -> Vec<(Area, WinPath)> {
        let bins = self.is_on(Area::RecycleBins).then(|| RECYCLE_BINS.parse());
        let bins = bins
            .and_then(Result::ok)
            .map(|bins| (Area::RecycleBins, bins));
        let keys = self.scope.handed.iter().filter_map(|profile| {
            let folder = profile.path.join(USER_KEYS).ok()?;
            self.is_on(Area::KeyStores)
                .then_some((Area::KeyStores, folder))
        });
        bins.into_iter().chain(keys).collect()
    }

    /// Whether a folder named after an account is left alone.
    #[must_use]
    pub fn folder_ignored(&self, path: &WinPath) -> bool {
        self.ignored.matches(path)
    }

    /// The file of a task, by the path that the cache names it with.
    #[must_use]
    pub fn task_file(&self, task: &str) -> Option<WinPath> {
        self.task_folder.join(task.trim_start_matches('\\')).ok()
    }

    fn task_ignored(&self, task: &str) -> bool {
        // What cannot be a file of a task is left alone.
        self.task_file(task)
            .is_none_or(|file| self.ignored.matches_within(&file, &self.task_folder))
    }

    fn key_ignored(&self, which: MachineHive, key: &str) -> bool {
        let hive = match which {
            MachineHive::System => "SYSTEM",
            MachineHive::Software => "SOFTWARE",
        };
        // A task that is left alone keeps the list on its place in the tree, too.
        let task = match which {
            MachineHive::Software => key.strip_prefix(TASK_TREE),
            MachineHive::System => None,
        };
        let task = task.map(|rest| rest.strip_suffix(r"\SD").unwrap_or(rest));
        self.ignored.matches_key(&format!("{hive}\\{key}"))
            || task.is_some_and(|task| !task.is_empty() && self.task_ignored(task))
    }
}

/// Adds what a pass over hives told to the counts of a change.
pub fn count(counts: &mut Counts, report: &Report) {
    for (area, tally) in &report.areas {
        counts.seen += tally.seen;
        counts.changed += tally.changed;
        counts.ignored += tally.ignored;
        counts.fallbacks += tally.fallbacks;
        counts.refused += tally.refused;
        counts.text_sids += tally.kept;
        count_area(counts, of_hives(*area), tally.seen, tally.changed);
    }
}

/// Adds to the counts of one area.
pub fn count_area(counts: &mut Counts, area: Area, seen: u64, changed: u64) {
    let entry: &mut FolderCounts = counts.by_area.entry(area.label().to_owned()).or_default();
    entry.seen += seen;
    entry.changed += changed;
}

/// Adds what a reading found to the areas seen.
///
/// # Errors
/// Never with SIDs that were read.
pub fn seen(
    into: &mut BTreeMap<String, BTreeMap<SidText, u64>>,
    reading: &Reading,
) -> Result<(), MachineError> {
    for (area, counts) in &reading.sids {
        for (sid, count) in counts {
            seen_one(into, of_hives(*area), &sid.to_string(), *count)?;
        }
    }
    Ok(())
}

/// Adds one account to an area.
///
/// # Errors
/// When `sid` is none.
pub fn seen_one(
    into: &mut BTreeMap<String, BTreeMap<SidText, u64>>,
    area: Area,
    sid: &str,
    count: u64,
) -> Result<(), MachineError> {
    let sid: SidText = sid
        .parse()
        .map_err(|error: crate::BadSid| MachineError::Damaged {
            object: sid.to_owned(),
            why: error.to_string(),
        })?;
    let entry = into.entry(area.label().to_owned()).or_default();
    *entry.entry(sid).or_default() += count;
    Ok(())
}

fn binary(sid: &SidText) -> Result<Sid, MachineError> {
    sid.as_str()
        .parse()
        .map_err(|error: gw_secdesc::SidTextError| MachineError::Unexpected {
            object: sid.to_string(),
            why: error.to_string(),
        })
}

const PAIRS: [(Area, hive_areas::Area); 9] = [
    (Area::Services, hive_areas::Area::Services),
    (Area::Shares, hive_areas::Area::Shares),
    (Area::Printers, hive_areas::Area::Printers),
    (Area::Com, hive_areas::Area::Com),
    (Area::Firewall, hive_areas::Area::Firewall),
    (Area::ScheduledTasks, hive_areas::Area::ScheduledTasks),
    (Area::InstallerData, hive_areas::Area::Installer),
    (Area::AppPackages, hive_areas::Area::AppPackages),
    (Area::SignIn, hive_areas::Area::SignIn),
];

fn in_hives(area: Area) -> Option<hive_areas::Area> {
    PAIRS.iter().find(|pair| pair.0 == area).map(|pair| pair.1)
}

fn of_hives(area: hive_areas::Area) -> Area {
    // Every area of a hive is in the table; a test holds it to that.
    PAIRS
        .iter()
        .find(|pair| pair.1 == area)
        .map_or(Area::Registry, |pair| pair.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_area_of_a_hive_has_a_switch() {
        for area in hive_areas::Area::ALL {
            assert_eq!(in_hives(of_hives(area)), Some(area));
            assert!(AreaScope::EXECUTED.contains(&of_hives(area)));
        }
    }
}

//! Distinct SIDs found on a device, with how many objects name them.
//!
//! The device reports these while staging, and gets back only their pairs; the
//! same reading, taken again at the end, proves that nothing was left behind.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::areas::AreaScope;
use crate::facts::HiveRef;
use crate::sid::SidText;
use crate::winpath::WinPath;

/// Which files a reading or a rewrite covers. A file with several names is in
/// scope when any name is below a root and **no** name is in an ignored area.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileScope {
    /// Only files at or below one of these; empty means the whole system volume.
    pub roots: Vec<WinPath>,
    /// Ignored areas as written in the runbook (see [`crate::Ignored`]).
    pub ignored: Vec<String>,
    /// Folders that are counted on their own (profile folders).
    pub count_under: Vec<WinPath>,
}

/// What [`crate::Machine::sids_seen`] reads.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// Descriptors of files; `None` reads no files.
    pub files: Option<FileScope>,
    /// Descriptors of live security cells of these hives.
    pub hives: Vec<HiveRef>,
    /// Registered profiles.
    pub profiles: bool,
    /// Members of local groups.
    pub groups: bool,
    /// Areas outside descriptors of files and keys.
    #[serde(default)]
    pub areas: Option<AreaScope>,
}

/// How many objects name one SID, by the place in the descriptor. An object
/// that names it twice in one list counts once for that list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SidCount {
    /// As owner.
    pub owner: u64,
    /// As primary group.
    pub group: u64,
    /// In the DACL.
    pub dacl: u64,
    /// In the SACL.
    pub sacl: u64,
}

impl SidCount {
    /// Sum over all places.
    pub fn total(&self) -> u64 {
        self.owner + self.group + self.dacl + self.sacl
    }

    /// Adds another count place by place.
    pub fn add(&mut self, other: &SidCount) {
        self.owner += other.owner;
        self.group += other.group;
        self.dacl += other.dacl;
        self.sacl += other.sacl;
    }
}

/// Result of one reading.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SidsSeen {
    /// File descriptors: SID → number of files (hard links counted once).
    pub files: BTreeMap<SidText, SidCount>,
    /// Hives: label of the hive → SID → number of live security cells.
    pub hives: BTreeMap<String, BTreeMap<SidText, SidCount>>,
    /// Owners of registered profiles.
    pub profiles: Vec<SidText>,
    /// Members of local groups: SID → number of groups.
    pub groups: BTreeMap<SidText, u64>,
    /// Areas: label → SID → number of places that name it.
    #[serde(default)]
    pub areas: BTreeMap<String, BTreeMap<SidText, u64>>,
    /// Objects whose descriptor could not be read, at most 100, for people.
    pub unreadable: Vec<String>,
}

impl SidsSeen {
    /// Every distinct SID of the reading, sorted.
    pub fn distinct(&self) -> Vec<SidText> {
        let mut all: Vec<SidText> = self
            .files
            .keys()
            .chain(self.hives.values().flat_map(BTreeMap::keys))
            .chain(&self.profiles)
            .chain(self.groups.keys())
            .chain(self.areas.values().flat_map(BTreeMap::keys))
            .cloned()
            .collect();
        all.sort();
        all.dedup();
        all
    }
}

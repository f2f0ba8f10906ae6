//! In-memory stores, inputs and progress for driving a machine by hand.

use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};

use crate::areas::{AreaScope, HandedProfile};
use crate::change::{Before, BlobRef, Change, Outcome, Undone};
use crate::crc::Crc32;
use crate::facts::{HiveInfo, HiveRootAccess, JoinState, LocalGroup, Profile};
use crate::join::{Secret, SecretId};
use crate::machine::{BeforeStore, BlobWriter, Cx, Inputs, Machine, MachineError, Progress};
use crate::map::{MapRef, SidMap};
use crate::seen::{FileScope, Scope, SidsSeen};
use crate::sid::SidText;

/// An undo store in memory.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    blobs: BTreeMap<String, Vec<u8>>,
}

struct MemoryBlob<'a> {
    store: &'a mut MemoryStore,
    name: String,
    bytes: Vec<u8>,
}

impl Write for MemoryBlob<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl BlobWriter for MemoryBlob<'_> {
    fn seal(self: Box<Self>) -> Result<BlobRef, MachineError> {
        let blob = BlobRef {
            name: self.name.clone(),
            bytes: self.bytes.len() as u64,
            crc32: Crc32::of(&self.bytes),
        };
        self.store.blobs.insert(self.name, self.bytes);
        Ok(blob)
    }
}

impl BeforeStore for MemoryStore {
    fn create(&mut self, name: &str) -> Result<Box<dyn BlobWriter + '_>, MachineError> {
        Ok(Box::new(MemoryBlob {
            name: name.to_owned(),
            bytes: Vec::new(),
            store: self,
        }))
    }

    fn open(&self, blob: &BlobRef, offset: u64) -> Result<Box<dyn Read + '_>, MachineError> {
        let bytes = self
            .blobs
            .get(&blob.name)
            .filter(|bytes| Crc32::of(bytes) == blob.crc32)
            .ok_or_else(|| MachineError::Missing {
                object: blob.name.clone(),
            })?;
        let start = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        Ok(Box::new(Cursor::new(&bytes[start..])))
    }
}

/// Maps and secrets in memory.
#[derive(Debug)]
pub struct MemoryInputs {
    map: SidMap,
    secrets: BTreeMap<SecretId, Vec<u8>>,
}

impl MemoryInputs {
    /// One map and any number of secrets.
    ///
    /// # Panics
    /// When the pairs are refused.
    pub fn new(
        pairs: impl IntoIterator<Item = (SidText, SidText)>,
        secrets: impl IntoIterator<Item = (SecretId, Vec<u8>)>,
    ) -> MemoryInputs {
        MemoryInputs {
            map: SidMap::new(pairs).unwrap_or_else(|error| panic!("{error}")),
            secrets: secrets.into_iter().collect(),
        }
    }

    /// One more secret.
    pub fn add_secret(&mut self, id: SecretId, secret: Vec<u8>) {
        self.secrets.insert(id, secret);
    }

    /// Reference of the one map.
    pub fn map_ref(&self) -> MapRef {
        MapRef {
            sha256: "0".repeat(64),
            pairs: self.map.len() as u32,
        }
    }
}

impl Inputs for MemoryInputs {
    fn map(&self, _map: &MapRef) -> Result<SidMap, MachineError> {
        Ok(self.map.clone())
    }

    fn secret(&self, id: &SecretId) -> Result<Secret, MachineError> {
        self.secrets
            .get(id)
            .map(|bytes| Secret::new(bytes.clone()))
            .ok_or_else(|| MachineError::Missing {
                object: format!("secret {}", id.0),
            })
    }
}

/// Progress that stops at the given checkpoint, or never.
#[derive(Debug, Default)]
pub struct StopAfter {
    /// Checkpoints until the stop; `None` never stops.
    pub left: Option<u32>,
    /// Objects between checkpoints.
    pub every: u64,
    /// Last cursor recorded.
    pub cursor: u64,
    calls: u64,
}

impl StopAfter {
    /// Stops at checkpoint `left` (from 0), one checkpoint per `every` objects.
    pub fn at(left: u32, every: u64) -> StopAfter {
        StopAfter {
            left: Some(left),
            every,
            ..StopAfter::default()
        }
    }

    /// Never stops, checkpoints every 16 objects.
    pub fn never() -> StopAfter {
        StopAfter {
            every: 16,
            ..StopAfter::default()
        }
    }
}

impl Progress for StopAfter {
    fn cursor(&self) -> u64 {
        self.cursor
    }

    fn due(&mut self) -> bool {
        self.calls += 1;
        self.calls.is_multiple_of(self.every.max(1))
    }

    fn checkpoint(&mut self, cursor: u64, _total: u64) -> Result<(), MachineError> {
        assert!(cursor >= self.cursor, "a cursor never goes back");
        self.cursor = cursor;
        if let Some(left) = &mut self.left {
            if *left == 0 {
                return Err(MachineError::Stopped);
            }
            *left -= 1;
        }
        Ok(())
    }
}

/// Everything the views show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// Computer name.
    pub name: String,
    /// Membership.
    pub join: JoinState,
    /// Profiles.
    pub profiles: Vec<Profile>,
    /// Groups.
    pub groups: Vec<LocalGroup>,
    /// Hives with their root access.
    pub hives: Vec<(HiveInfo, HiveRootAccess)>,
    /// SIDs in all files (nothing ignored), hives, profiles and groups.
    pub seen: SidsSeen,
}

impl View {
    /// Reads all views.
    ///
    /// # Panics
    /// When one cannot be read.
    pub fn of(machine: &mut dyn Machine) -> View {
        let mut hives = Vec::new();
        for mut info in must("hives", machine.hives()) {
            let access = must("root access", machine.hive_root_access(&info.hive));
            info.bytes = 0;
            hives.push((info, access));
        }
        let profiles = must("profiles", machine.profiles());
        let handed = profiles
            .iter()
            .map(|profile| HandedProfile {
                source_sid: profile.sid.clone(),
                path: profile.path.clone(),
            })
            .collect();
        let scope = Scope {
            files: Some(FileScope::default()),
            hives: hives.iter().map(|(info, _)| info.hive.clone()).collect(),
            profiles: true,
            groups: true,
            areas: Some(AreaScope {
                areas: AreaScope::EXECUTED.into(),
                handed,
                ..AreaScope::default()
            }),
        };
        View {
            name: must("facts", machine.facts()).computer_name,
            join: must("join state", machine.join_state()),
            profiles,
            groups: must("groups", machine.local_groups()),
            hives,
            seen: must("sids", machine.sids_seen(&scope)),
        }
    }
}

pub(super) fn must<T>(what: &str, result: Result<T, MachineError>) -> T {
    result.unwrap_or_else(|error| panic!("{what}: {error}"))
}

/// Drives one change by hand.
pub(super) struct Drive {
    pub(super) store: MemoryStore,
    pub(super) inputs: MemoryInputs,
}

impl Drive {
    pub(super) fn new(inputs: MemoryInputs) -> Drive {
        Drive {
            store: MemoryStore::default(),
            inputs,
        }
    }

    pub(super) fn prepare(&mut self, machine: &mut dyn Machine, change: &Change) -> Before {
        let mut progress = StopAfter::never();
        let mut cx = Cx {
            store: &mut self.store,
            progress: &mut progress,
            inputs: &self.inputs,
        };
        must("prepare", machine.prepare(change, &mut cx))
    }

    pub(super) fn execute(
        &mut self,
        machine: &mut dyn Machine,
        change: &Change,
        before: &Before,
        progress: &mut StopAfter,
    ) -> Result<Outcome, MachineError> {
        let mut cx = Cx {
            store: &mut self.store,
            progress,
            inputs: &self.inputs,
        };
        machine.execute(change, before, &mut cx)
    }

    pub(super) fn revert(
        &mut self,
        machine: &mut dyn Machine,
        change: &Change,
        before: &Before,
        progress: &mut StopAfter,
    ) -> Result<Undone, MachineError> {
        let mut cx = Cx {
            store: &mut self.store,
            progress,
            inputs: &self.inputs,
        };
        machine.revert(change, before, &mut cx)
    }

    /// Prepare, execute twice, revert twice; checks the rules every change keeps.
    pub(super) fn there_and_back(
        &mut self,
        machine: &mut dyn Machine,
        change: &Change,
        mut after: impl FnMut(&View, &mut dyn Machine),
    ) {
        let name = change.describe();
        let start = View::of(machine);
        let before = self.prepare(machine, change);
        assert_eq!(
            View::of(machine),
            start,
            "{name}: prepare changed the device"
        );
        let again = self.prepare(machine, change);
        assert_eq!(again.counts, before.counts, "{name}: prepare is not stable");
        let before = again;
        let once = must(
            &name,
            self.execute(machine, change, &before, &mut StopAfter::never()),
        );
        assert_eq!(
            once.counts, before.counts,
            "{name}: counts are not the plan's"
        );
        let done = View::of(machine);
        after(&done, machine);
        let twice = must(
            &name,
            self.execute(machine, change, &before, &mut StopAfter::never()),
        );
        assert_eq!(twice.counts, once.counts, "{name}: counts changed");
        assert_eq!(
            View::of(machine),
            done,
            "{name}: repeating it changed the device"
        );
        for _ in 0..2 {
            let undone = must(
                &name,
                self.revert(machine, change, &before, &mut StopAfter::never()),
            );
            assert_eq!(undone.objects, before.counts.changed, "{name}: undone");
            assert_eq!(View::of(machine), start, "{name}: undo left a difference");
        }
    }
}

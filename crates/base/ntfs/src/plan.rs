//! What a translation does to a volume, descriptor by descriptor, before anything is done.
//!
//! What must stay true: a descriptor is changed in place only if every record in use that
//! uses it is in scope and the length stays; all else gets a new descriptor, made by a file
//! system driver and not here, and the records in scope change their id. A plan is made by
//! reading alone, twice over gives the same, and its numbers are what the change will do.

use std::collections::BTreeMap;

use gw_secdesc::{SdError, Translated};

use crate::block::BlockRead;
use crate::error::NtfsError;
use crate::name::Namespace;
use crate::refusal::Refusal;
use crate::scan::Security;
use crate::scope::Scope;
use crate::secure::SecureStore;
use crate::standing::{Standing, Standings};
use crate::sweep::Sweep;
use crate::volume::{ROOT, Volume};

/// How a descriptor becomes another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// The translation leaves it as it is.
    Unchanged,
    /// No record in scope uses it.
    OutOfScope,
    /// It is no descriptor; its users are left alone.
    Unreadable(SdError),
    /// Its bytes are exchanged where they are.
    Patch,
    /// The records in scope get the id of a descriptor that is there already.
    Existing(u32),
    /// The records in scope get a new id, once a file system driver has given the new
    /// descriptor to this file.
    New(Handle),
}

/// A file by which a file system driver can be told something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handle {
    /// Its record.
    pub record: u64,
    /// Its path from the root down, one name for each folder; empty for the root.
    pub path: Vec<String>,
}

/// A descriptor of `$Secure` in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedDescriptor {
    /// Its id.
    pub id: u32,
    /// Its bytes.
    pub before: Vec<u8>,
    /// What it becomes; `None` when it stays.
    pub after: Option<Vec<u8>>,
    /// `Add` did not fit and `Replace` was done instead.
    pub fallback: bool,
    /// Records that use it and are in scope.
    pub in_scope: u64,
    /// Other records that use it.
    pub elsewhere: u64,
    /// What is to be done.
    pub fate: Fate,
}

/// A record in scope with a descriptor of its own that changes: the root has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedInline {
    /// The file.
    pub file: Handle,
    /// The bytes of its descriptor.
    pub before: Vec<u8>,
    /// What they become.
    pub after: Vec<u8>,
    /// `Add` did not fit and `Replace` was done instead.
    pub fallback: bool,
}

/// A record in scope with a descriptor of its own that is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableInline {
    /// The record.
    pub record: u64,
    /// What is wrong.
    pub error: SdError,
}

/// What a translation would do to a volume.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Every descriptor of `$Secure` in use, by id.
    pub descriptors: Vec<PlannedDescriptor>,
    /// Descriptors in file records that change, by record.
    pub inline: Vec<PlannedInline>,
    /// Descriptors in file records that are none.
    pub unreadable_inline: Vec<UnreadableInline>,
    /// Files in scope.
    pub files: u64,
    /// Folders in scope.
    pub directories: u64,
    /// Records with all names in an excluded area.
    pub excluded: u64,
    /// Records with some names in an excluded area; they are not touched.
    pub linked_across: u64,
    /// The first of them.
    pub linked_across_first: Vec<u64>,
    /// Records without a folder; they are not touched.
    pub unplaced: u64,
    /// Records of the volume itself.
    pub metadata: u64,
    /// Records in scope without any descriptor.
    pub unsecured: u64,
    /// Records about which header and bitmap disagree.
    pub bitmap_disagreements: u64,
}

/// How many records with names on both sides are told by number.
const TOLD: usize = 100;

#[derive(Default)]
struct Users {
    in_scope: u64,
    elsewhere: u64,
    first: Option<u64>,
    first_plain: Option<u64>,
}

impl Plan {
    /// Files and folders that get another descriptor.
    #[must_use]
    pub fn changed_records(&self) -> u64 {
        let shared = self.descriptors.iter().filter(|one| one.after.is_some());
        shared.map(|one| one.in_scope).sum::<u64>() + self.inline.len() as u64
    }

    /// Descriptors whose bytes are to be exchanged in place, by id.
    #[must_use]
    pub fn patches(&self) -> BTreeMap<u32, Vec<u8>> {
        self.descriptors
            .iter()
            .filter(|one| one.fate == Fate::Patch)
            .filter_map(|one| Some((one.id, one.after.clone()?)))
            .collect()
    }

    /// Why the plan must not be carried out although it could be made.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        (self.bitmap_disagreements > 0).then_some(Refusal::Bitmap(self.bitmap_disagreements))
    }
}

impl<R: BlockRead> Volume<R> {
    /// Plans a translation of everything in scope. Whether the volume may be changed at all
    /// is what [`Volume::refusals`] and [`Plan::refusal`] answer.
    ///
    /// # Errors
    /// When a record or the descriptor store is damaged, or a file names an id the store lacks.
    pub fn plan(
        &self,
        scope: &Scope,
        mut translate: impl FnMut(&[u8]) -> Result<Translated, SdError>,
    ) -> Result<Plan, NtfsError> {
        let mut plan = Plan::default();
        let (by_id, own) = self.count_users(scope, &mut plan)?;
        let store = self.secure()?;
        for (&id, users) in &by_id {
            let record = users.first.unwrap_or_default();
            let before = store
                .descriptor(self, id)?
                .ok_or(NtfsError::UnknownDescriptor { record, id })?;
            let mut one = PlannedDescriptor {
                id,
                before,
                after: None,
                fallback: false,
                in_scope: users.in_scope,
                elsewhere: users.elsewhere,
                fate: Fate::OutOfScope,
            };
            if users.in_scope > 0 {
                match translate(&one.before) {
                    Err(error) => one.fate = Fate::Unreadable(error),
                    Ok(Translated::Unchanged) => one.fate = Fate::Unchanged,
                    Ok(Translated::Changed { bytes, fallback }) => {
                        // What cannot be patched is decided below, when all patches are known.
                        one.fate = Fate::Patch;
                        (one.after, one.fallback) = (Some(bytes), fallback);
                    }
                }
            }
            plan.descriptors.push(one);
        }
        self.decide(&store, &by_id, &mut plan)?;
        for record in own {
            self.plan_inline(record, &mut translate, &mut plan)?;
        }
        Ok(plan)
    }

    /// Counts the users of every id, and collects records in scope that carry their own
    /// descriptor.
    fn count_users(
        &self,
        scope: &Scope,
        plan: &mut Plan,
    ) -> Result<(BTreeMap<u32, Users>, Vec<u64>), NtfsError> {
        let standings = Standings::new(self, scope)?;
        let mut by_id: BTreeMap<u32, Users> = BTreeMap::new();
        let mut own = Vec::new();
        let mut sweep = Sweep::new(self)?;
        while let Some(swept) = sweep.next()? {
            let inside = match standings.of(self, &swept)? {
                Standing::Inside => true,
                Standing::Excluded => {
                    plan.excluded += 1;
                    false
                }
                Standing::Torn => {
                    plan.linked_across += 1;
                    if plan.linked_across_first.len() < TOLD {
                        plan.linked_across_first.push(swept.number);
                    }
                    false
                }
                Standing::Metadata => {
                    plan.metadata += 1;
                    false
                }
                Standing::Unplaced => {
                    plan.unplaced += 1;
                    false
                }
            };
            if inside {
                *(if swept.directory {
                    &mut plan.directories
                } else {
                    &mut plan.files
                }) += 1;
            }
            if swept.id == 0 {
                match (inside, swept.own || swept.scattered) {
                    (true, true) => own.push(swept.number),
                    (true, false) => plan.unsecured += 1,
                    (false, _) => {}
                }
                continue;
            }
            let users = by_id.entry(swept.id).or_default();
            if inside {
                users.in_scope += 1;
                users.first.get_or_insert(swept.number);
                // The root can always be named; a link may lead the driver astray.
                if !swept.reparse {
                    users.first_plain.get_or_insert(swept.number);
                }
            } else {
                users.elsewhere += 1;
            }
        }
        plan.bitmap_disagreements = sweep.disagreements;
        Ok((by_id, own))
    }

    /// Decides for each descriptor that changes how it does.
    fn decide(
        &self,
        store: &SecureStore,
        by_id: &BTreeMap<u32, Users>,
        plan: &mut Plan,
    ) -> Result<(), NtfsError> {
        let mut wanted: BTreeMap<Vec<u8>, Option<u32>> = BTreeMap::new();
        for one in &mut plan.descriptors {
            let Some(after) = &one.after else { continue };
            if one.elsewhere > 0 || after.len() != one.before.len() {
                wanted.insert(after.clone(), None);
                one.fate = Fate::OutOfScope;
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        let patches = plan.patches();
        let lengths: std::collections::BTreeSet<usize> = wanted.keys().map(Vec::len).collect();
        for entry in store.entries() {
            let length = (entry.length as usize).saturating_sub(crate::secure::HEADER);
            if patches.contains_key(&entry.id) || !lengths.contains(&length) {
                continue;
            }
            if let Some(bytes) = store.descriptor(self, entry.id)?
                && let Some(known) = wanted.get_mut(&bytes)
            {
                known.get_or_insert(entry.id);
            }
        }
        for one in &mut plan.descriptors {
            let Some(after) = &one.after else { continue };
            let Some(known) = wanted.get(after).filter(|_| one.fate != Fate::Patch) else {
                continue;
            };
            one.fate = match known {
                Some(id) => Fate::Existing(*id),
                None => {
                    let users = by_id.get(&one.id);
                    let record = users
                        .and_then(|users| users.first_plain.or(users.first))
                        .unwrap_or_default();
                    Fate::New(self.handle(record)?)
                }
            };
        }
        Ok(())
    }

    fn plan_inline(
        &self,
        record: u64,
        translate: &mut impl FnMut(&[u8]) -> Result<Translated, SdError>,
        plan: &mut Plan,
    ) -> Result<(), NtfsError> {
        let before = match self.entry(record)?.map(|entry| entry.security) {
            Some(Security::Inline(bytes)) => bytes,
            _ => {
                plan.unsecured += 1;
                return Ok(());
            }
        };
        match translate(&before) {
            Err(error) => plan
                .unreadable_inline
                .push(UnreadableInline { record, error }),
            Ok(Translated::Unchanged) => {}
            Ok(Translated::Changed { bytes, fallback }) => plan.inline.push(PlannedInline {
                file: self.handle(record)?,
                before,
                after: bytes,
                fallback,
            }),
        }
        Ok(())
    }

    /// The path of a record by its first long name.
    ///
    /// # Errors
    /// When it has none that leads to the root, or one that is not Unicode.
    pub fn handle(&self, record: u64) -> Result<Handle, NtfsError> {
        let bad = |what| NtfsError::Record { record, what };
        let mut path = Vec::new();
        let mut at = record;
        while at != ROOT {
            if path.len() > 1024 {
                return Err(bad("the folders above it go round"));
            }
            let entry = self
                .entry(at)?
                .ok_or_else(|| bad("a folder above it is not in use"))?;
            let name = entry
                .names
                .iter()
                .find(|name| name.namespace != Namespace::Dos)
                .ok_or_else(|| bad("it has no name"))?;
            path.push(String::from_utf16(&name.units).map_err(|_| bad("its path is not Unicode"))?);
            at = name.parent.record;
        }
        path.reverse();
        Ok(Handle { record, path })
    }
}

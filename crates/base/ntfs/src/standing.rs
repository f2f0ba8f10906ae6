//! Where every file record stands towards a scope, by all of its names.
//!
//! What must stay true: a record is in scope only if each of its names is; what cannot be
//! placed is not. The volume's own metadata is never in scope, the root folder is.

use std::collections::{BTreeMap, BTreeSet};

use crate::block::BlockRead;
use crate::error::NtfsError;
use crate::record::Record;
use crate::scope::{Below, Scope};
use crate::sweep::{Sweep, Swept, SweptName};
use crate::volume::{EXTEND, ROOT, Volume};

/// Records below this one are the volume's own; files begin here.
pub(crate) const FIRST_FILE: u64 = 24;
const RECORD_BITS: u64 = 0xFFFF_FFFF_FFFF;
const DOS: u8 = 2;

/// How a record stands towards a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// All its names are in scope.
    Inside,
    /// None is.
    Excluded,
    /// Some are, some are not: not to be touched.
    Torn,
    /// The volume's own.
    Metadata,
    /// A folder above it is missing, or the folders go round.
    Unplaced,
}

/// Answers for every record of a volume.
#[derive(Debug)]
pub(crate) struct Standings<'s> {
    scope: &'s Scope,
    root: Below,
    metadata: BTreeSet<u64>,
    folders: BTreeMap<u64, Folder>,
}

#[derive(Debug)]
struct Folder {
    sequence: u16,
    parent: u64,
    /// UTF-16 bytes of its names: the long one, and its 8.3 form if it has one.
    names: Vec<Box<[u8]>>,
    below: Reached,
}

#[derive(Debug, Clone, PartialEq)]
enum Reached {
    NotYet,
    Nowhere,
    At(Below),
}

impl<'s> Standings<'s> {
    /// Looks at the folders of a volume, when the scope asks for it.
    pub(crate) fn new<R: BlockRead>(
        volume: &Volume<R>,
        scope: &'s Scope,
    ) -> Result<Self, NtfsError> {
        let mut standings = Self {
            scope,
            root: scope.root(),
            metadata: metadata_folders(volume)?,
            folders: BTreeMap::new(),
        };
        if scope.is_everything() {
            return Ok(standings);
        }
        let mut sweep = Sweep::new(volume)?;
        while let Some(swept) = sweep.next()? {
            if swept.directory && swept.number != ROOT {
                let folder = folder(volume, &swept)?;
                standings
                    .folders
                    .extend(folder.map(|one| (swept.number, one)));
            }
        }
        let numbers: Vec<u64> = standings.folders.keys().copied().collect();
        for number in numbers {
            standings.reach(number);
        }
        Ok(standings)
    }

    /// Finds out what a folder and all above it mean.
    fn reach(&mut self, number: u64) {
        let mut trail = Vec::new();
        let mut at = number;
        let mut above = loop {
            if at == ROOT {
                break Reached::At(self.root.clone());
            }
            match self.folders.get(&at) {
                None => break Reached::Nowhere,
                Some(folder) if folder.below != Reached::NotYet => break folder.below.clone(),
                Some(folder) => {
                    trail.push(at);
                    at = folder.parent & RECORD_BITS;
                    let stale = self
                        .folders
                        .get(&at)
                        .is_some_and(|above| u64::from(above.sequence) != folder.parent >> 48);
                    if stale || trail.len() > self.folders.len() {
                        break Reached::Nowhere;
                    }
                }
            }
        };
        for number in trail.into_iter().rev() {
            let Some(folder) = self.folders.get_mut(&number) else {
                continue;
            };
            if let Reached::At(Below::Open(states)) = &above {
                let steps = folder
                    .names
                    .iter()
                    .map(|name| self.scope.step(states, name));
                above = Reached::At(steps.fold(Below::Clear, Below::or));
            }
            folder.below = above.clone();
        }
    }

    /// How a record stands.
    pub(crate) fn of<R: BlockRead>(
        &self,
        volume: &Volume<R>,
        swept: &Swept<'_>,
    ) -> Result<Standing, NtfsError> {
        if swept.number == ROOT {
            return Ok(Standing::Inside);
        }
        if swept.number < FIRST_FILE {
            return Ok(Standing::Metadata);
        }
        let mut seen = Seen::default();
        names(volume, swept, |name| {
            seen.add(self.name(&name), name.namespace)
        })?;
        Ok(seen.standing())
    }

    fn name(&self, name: &SweptName<'_>) -> Standing {
        let parent = name.parent & RECORD_BITS;
        if self.metadata.contains(&parent) {
            return Standing::Metadata;
        }
        if self.scope.is_everything() {
            return Standing::Inside;
        }
        let below = if parent == ROOT {
            &self.root
        } else {
            let folder = self
                .folders
                .get(&parent)
                .filter(|folder| u64::from(folder.sequence) == name.parent >> 48);
            match folder.map(|folder| &folder.below) {
                Some(Reached::At(below)) => below,
                _ => return Standing::Unplaced,
            }
        };
        match below {
            Below::Clear => Standing::Inside,
            Below::Excluded => Standing::Excluded,
            Below::Open(states) => match self.scope.step(states, name.units) {
                Below::Excluded => Standing::Excluded,
                _ => Standing::Inside,
            },
        }
    }
}

/// What the names of one record have shown so far.
#[derive(Debug, Default)]
struct Seen {
    inside: bool,
    excluded: bool,
    metadata: bool,
    unplaced: bool,
    /// Its 8.3 name is excluded: the long name it belongs to is then, too.
    short: bool,
}

impl Seen {
    fn add(&mut self, standing: Standing, namespace: u8) {
        match standing {
            Standing::Excluded if namespace == DOS => self.short = true,
            Standing::Inside if namespace == DOS => {}
            Standing::Inside => self.inside = true,
            Standing::Excluded | Standing::Torn => self.excluded = true,
            Standing::Metadata => self.metadata = true,
            Standing::Unplaced => self.unplaced = true,
        }
    }

    fn standing(&self) -> Standing {
        let named = self.inside || self.excluded || self.metadata || self.unplaced;
        match self {
            Self { metadata: true, .. } => Standing::Metadata,
            Self { unplaced: true, .. } => Standing::Unplaced,
            _ if !named => Standing::Unplaced,
            Self {
                inside: true,
                excluded: true,
                ..
            } => Standing::Torn,
            Self { excluded: true, .. } | Self { short: true, .. } => Standing::Excluded,
            _ => Standing::Inside,
        }
    }
}

/// Runs `visit` over all names of a record, wherever they lie.
fn names<R: BlockRead>(
    volume: &Volume<R>,
    swept: &Swept<'_>,
    mut visit: impl FnMut(SweptName<'_>),
) -> Result<(), NtfsError> {
    if !swept.scattered {
        return swept.names(visit);
    }
    let Some(entry) = volume.entry(swept.number)? else {
        return Ok(());
    };
    for name in &entry.names {
        let units: Vec<u8> = name
            .units
            .iter()
            .flat_map(|unit| unit.to_le_bytes())
            .collect();
        visit(SweptName {
            parent: name.parent.record | u64::from(name.parent.sequence) << 48,
            namespace: if name.namespace == crate::name::Namespace::Dos {
                DOS
            } else {
                0
            },
            units: &units,
        });
    }
    Ok(())
}

fn folder<R: BlockRead>(
    volume: &Volume<R>,
    swept: &Swept<'_>,
) -> Result<Option<Folder>, NtfsError> {
    let (mut parent, mut found) = (None, Vec::new());
    names(volume, swept, |name| {
        parent = parent.or(Some(name.parent));
        found.push(Box::from(name.units));
    })?;
    Ok(parent.map(|parent| Folder {
        sequence: swept.sequence(),
        parent,
        names: found,
        below: Reached::NotYet,
    }))
}

/// `$Extend` and the folders in it, which hold only the volume's own files.
fn metadata_folders<R: BlockRead>(volume: &Volume<R>) -> Result<BTreeSet<u64>, NtfsError> {
    let mut found = BTreeSet::new();
    let mut pending = vec![EXTEND];
    while let Some(number) = pending.pop() {
        let Some(record) = volume
            .record(number)?
            .filter(|record| record.in_use() && record.is_directory())
        else {
            continue;
        };
        if found.insert(number) {
            pending.extend(children(volume, &record)?);
        }
    }
    Ok(found)
}

fn children<R: BlockRead>(volume: &Volume<R>, folder: &Record) -> Result<Vec<u64>, NtfsError> {
    let listed = volume.list(folder)?;
    // A hostile index must not lead back to files or to the root.
    let own = |&(_, number): &(String, u64)| number > EXTEND;
    Ok(listed
        .into_iter()
        .filter(own)
        .map(|(_, number)| number)
        .collect())
}

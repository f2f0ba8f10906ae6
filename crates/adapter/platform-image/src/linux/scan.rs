//! Every object of the volume with its names and its descriptor, read from the volume's own tables
//! while nobody has it mounted: one pass over `$MFT`, where a walk over a mount asks ntfs-3g twice
//! for each file. The reader shares nothing with ntfs-3g, which writes.
//!
//! What must stay true: it finds what Windows shows, no more. The volume's own metadata, 8.3 names
//! and records without a way from the root are no objects; links that stand for another place
//! (junctions, symbolic links) are objects themselves and are never followed.

use super::{tree, volume::device::Device};
use gw_ntfs::{FileEntry, FileReference, Namespace, NtfsError, SecureStore, Security, Volume};
use gw_platform::{FileScope, Ignored, MachineError, WinPath};
use std::{collections::HashMap, path::Path, rc::Rc};

/// Record of the root folder.
const ROOT: u64 = 5;
/// Records before it are the volume's own; they hide what is in them, too.
const FIRST_FILE: u64 = 24;

/// One object in scope.
#[derive(Debug)]
pub(super) struct Object {
    /// Its first name in sorted order.
    pub(super) path: WinPath,
    /// Which of the descriptors it has.
    pub(super) descriptor: usize,
}

/// What is on the volume.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Objects in scope, in sorted order of their first name, hard links once.
    pub(super) objects: Vec<Object>,
    /// Their descriptors, each content once.
    pub(super) descriptors: Vec<Vec<u8>>,
    /// Objects with at least one name in an ignored area, or outside what was asked for.
    pub(super) ignored: u64,
    /// Of these, the ones that also have a name in scope: reported, since a person may wonder.
    pub(super) split_links: Vec<String>,
    /// What cannot be re-permissioned, with the reason; left alone.
    pub(super) unusable: Vec<String>,
}

/// What is asked for.
pub(super) struct Wanted<'a> {
    pub(super) scope: &'a FileScope,
    pub(super) ignored: &'a Ignored,
    /// Our own folder.
    pub(super) own: &'a WinPath,
}

/// Reads the volume. An object is in scope if all its names are outside the ignored areas and one of
/// them is at or below a root.
pub(super) fn read(image: &Path, wanted: &Wanted<'_>) -> Result<Scan, MachineError> {
    let shown = image.display().to_string();
    let device = Device::read_only(image).map_err(|error| MachineError::io(&shown, &error))?;
    let damaged = |error: NtfsError| MachineError::Damaged {
        object: format!("the volume in {shown}"),
        why: error.to_string(),
    };
    let volume = Volume::open(device).map_err(damaged)?;
    let store = volume.secure().map_err(damaged)?;
    let mut folders = Folders::read(&volume).map_err(damaged)?;
    let mut pass = Pass {
        wanted,
        descriptors: Descriptors {
            volume: &volume,
            store: &store,
            by_id: HashMap::new(),
            by_bytes: HashMap::new(),
            all: Vec::new(),
        },
        found: Scan::default(),
    };
    for entry in volume.records().map_err(damaged)? {
        let entry = entry.map_err(damaged)?;
        let number = entry.reference.record;
        if number == ROOT || number >= FIRST_FILE {
            pass.object(&entry, &mut folders).map_err(damaged)?;
        }
    }
    let Pass {
        mut found,
        descriptors,
        ..
    } = pass;
    found.descriptors = descriptors.all;
    found.objects.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    found.split_links.sort_unstable();
    found.unusable.sort_unstable();
    found.unusable.dedup();
    Ok(found)
}

/// A folder as its record has it.
struct Folder {
    sequence: u16,
    parent: FileReference,
    name: Vec<u16>,
    /// Stands for another place, or is filled in by a driver: what is in it is not the volume's.
    reparse: bool,
}

/// Where folders are. `None`: there is no way to it from the root by names that Windows takes.
struct Folders {
    all: HashMap<u64, Folder>,
    known: HashMap<u64, Option<Rc<WinPath>>>,
}

impl Folders {
    fn read(volume: &Volume<Device>) -> Result<Self, NtfsError> {
        let mut all = HashMap::new();
        for entry in volume.records()? {
            let entry = entry?;
            if !entry.directory || entry.reference.record < FIRST_FILE {
                continue;
            }
            let long = |name: &&gw_ntfs::FileName| name.namespace != Namespace::Dos;
            if let Some(name) = entry.names.iter().find(long) {
                let folder = Folder {
                    sequence: entry.reference.sequence,
                    parent: name.parent,
                    name: name.units.clone(),
                    reparse: entry.reparse_tag.is_some(),
                };
                all.insert(entry.reference.record, folder);
            }
        }
        let root = Some(Rc::new(tree::drive()));
        Ok(Self {
            all,
            known: HashMap::from([(ROOT, root)]),
        })
    }

    /// The path of what is called `name` in `parent`.
    fn place(&mut self, parent: FileReference, name: &[u16]) -> Result<WinPath, Unplaced> {
        let unreachable = self.all.get(&parent.record).filter(|one| one.reparse);
        if let Some((above, own)) = unreachable.map(|one| (one.parent, one.name.clone())) {
            let folder = self.place(above, &own)?;
            return Err(Unplaced::LeftAlone(format!(
                "what is in {folder}, a reparse point,"
            )));
        }
        let folder = self.path(parent).ok_or(Unplaced::Unreachable)?;
        named(&folder, name).ok_or_else(|| {
            let name = String::from_utf16_lossy(name);
            Unplaced::LeftAlone(format!("{folder}\\{name} cannot be named on Windows"))
        })
    }

    fn path(&mut self, folder: FileReference) -> Option<Rc<WinPath>> {
        // Up to the nearest folder that is known, and down again.
        let mut trail = Vec::new();
        let mut at = folder;
        let mut here = loop {
            let one = self.all.get(&at.record);
            if one.is_some_and(|one| one.sequence != at.sequence) {
                // That folder is gone; another one has its record.
                break None;
            }
            if let Some(known) = self.known.get(&at.record) {
                break known.clone();
            }
            // Folders that go round are met a second time, and are nowhere.
            self.known.insert(at.record, None);
            trail.push(at.record);
            match one.filter(|one| !one.reparse) {
                Some(one) => at = one.parent,
                None => break None,
            }
        };
        while let Some(record) = trail.pop() {
            here = match (&here, self.all.get(&record)) {
                (Some(above), Some(one)) => named(above, &one.name).map(Rc::new),
                _ => None,
            };
            self.known.insert(record, here.clone());
        }
        here
    }
}

enum Unplaced {
    /// Not part of what Windows shows.
    Unreachable,
    /// It is there and cannot be re-permissioned, for this reason.
    LeftAlone(String),
}

fn named(folder: &WinPath, name: &[u16]) -> Option<WinPath> {
    let name = String::from_utf16(name).ok()?;
    match name.contains(['/', '\\']) {
        true => None,
        false => folder.join(&name).ok(),
    }
}

/// Descriptors as objects ask for them.
struct Descriptors<'a> {
    volume: &'a Volume<Device>,
    store: &'a SecureStore,
    by_id: HashMap<u32, usize>,
    by_bytes: HashMap<Vec<u8>, usize>,
    all: Vec<Vec<u8>>,
}

impl Descriptors<'_> {
    /// `None` when the object has none.
    fn of(&mut self, entry: &FileEntry) -> Result<Option<usize>, NtfsError> {
        let id = match &entry.security {
            Security::Id(id) => *id,
            Security::Inline(bytes) => return Ok(Some(self.intern(bytes.clone()))),
            Security::None => return Ok(None),
        };
        if let Some(known) = self.by_id.get(&id) {
            return Ok(Some(*known));
        }
        let record = entry.reference.record;
        let bytes = self
            .store
            .descriptor(self.volume, id)?
            .ok_or(NtfsError::UnknownDescriptor { record, id })?;
        let index = self.intern(bytes);
        self.by_id.insert(id, index);
        Ok(Some(index))
    }

    fn intern(&mut self, bytes: Vec<u8>) -> usize {
        if let Some(known) = self.by_bytes.get(&bytes) {
            return *known;
        }
        let index = self.all.len();
        self.all.push(bytes.clone());
        self.by_bytes.insert(bytes, index);
        index
    }
}

struct Pass<'a> {
    wanted: &'a Wanted<'a>,
    descriptors: Descriptors<'a>,
    found: Scan,
}

impl Pass<'_> {
    /// Judges one record by all its names.
    fn object(&mut self, entry: &FileEntry, folders: &mut Folders) -> Result<(), NtfsError> {
        let mut paths = Vec::new();
        if entry.reference.record == ROOT {
            paths.push(tree::drive());
        } else {
            let long = |name: &&gw_ntfs::FileName| name.namespace != Namespace::Dos;
            for name in entry.names.iter().filter(long) {
                match folders.place(name.parent, &name.units) {
                    Ok(path) => paths.push(path),
                    Err(Unplaced::LeftAlone(why)) => self.found.unusable.push(why),
                    Err(Unplaced::Unreachable) => {}
                }
            }
        }
        if paths.is_empty() {
            return Ok(());
        }
        let left_alone =
            |path: &WinPath| self.wanted.ignored.matches(path) || path.is_under(self.wanted.own);
        let roots = &self.wanted.scope.roots;
        let asked = |path: &WinPath| roots.is_empty() || roots.iter().any(|top| path.is_under(top));
        let ignored = paths.iter().any(&left_alone);
        let first = paths
            .into_iter()
            .filter(|path| asked(path) && !left_alone(path))
            .min();
        match first {
            Some(path) if !ignored => match self.descriptors.of(entry)? {
                Some(descriptor) => self.found.objects.push(Object { path, descriptor }),
                None => self
                    .found
                    .unusable
                    .push(format!("{path} has no security descriptor")),
            },
            first => {
                self.found.ignored += 1;
                self.found
                    .split_links
                    .extend(first.map(|path| path.to_string()));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

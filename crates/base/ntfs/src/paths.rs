//! Full paths: every name of a file with the folders above it.

use std::collections::{BTreeMap, BTreeSet};

use crate::block::BlockRead;
use crate::error::NtfsError;
use crate::name::{FileName, FileReference, Namespace};
use crate::scan::FileEntry;
use crate::volume::{ROOT, Volume};

/// NTFS itself goes no deeper than names of one letter in a path of 32,767.
const DEEPEST: usize = 16_384;

/// Why a name has no path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// The folder it names is none, or has been replaced by another.
    #[error("its folder, record {0}, is not there any more")]
    Orphan(u64),
    /// The folders contain each other.
    #[error("the folders above it go round at record {0}")]
    Ring(u64),
}

/// One path of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePath {
    /// Names from the root down, UTF-16; empty for the root itself.
    pub parts: Vec<Vec<u16>>,
    /// Which programs the last name is for.
    pub namespace: Namespace,
}

impl FilePath {
    /// The path as text, `\` between names, without a drive; what is not Unicode becomes U+FFFD.
    #[must_use]
    pub fn text(&self) -> String {
        let parts: Vec<String> = self
            .parts
            .iter()
            .map(|part| String::from_utf16_lossy(part))
            .collect();
        parts.join("\\")
    }
}

/// Every folder of a volume, in memory: about 100 bytes for each.
#[derive(Debug, Default)]
pub struct PathTable {
    folders: BTreeMap<u64, Folder>,
}

#[derive(Debug)]
struct Folder {
    sequence: u16,
    parent: FileReference,
    name: Box<[u16]>,
    /// Leads into a ring of folders.
    ring: bool,
}

impl PathTable {
    /// Collects the folders by one pass over `$MFT`.
    ///
    /// # Errors
    /// When a record is damaged.
    pub fn build<R: BlockRead>(volume: &Volume<R>) -> Result<Self, NtfsError> {
        let mut table = Self::default();
        for entry in volume.records()? {
            table.add(&entry?);
        }
        table.mark_rings();
        Ok(table)
    }

    /// Finds the folders above which the folders go round, visiting each once.
    fn mark_rings(&mut self) {
        let mut done = BTreeSet::from([ROOT]);
        let mut rings = BTreeSet::new();
        for &start in self.folders.keys() {
            let (mut trail, mut on_trail, mut at) = (Vec::new(), BTreeSet::new(), start);
            while !done.contains(&at) && on_trail.insert(at) {
                trail.push(at);
                match self.folders.get(&at) {
                    Some(folder) => at = folder.parent.record,
                    None => break,
                }
            }
            // Stopped at a folder seen on this very trail, or at one that leads into a ring.
            if (on_trail.contains(&at) && self.folders.contains_key(&at)) || rings.contains(&at) {
                rings.extend(trail.iter().copied());
            }
            done.extend(trail);
        }
        for number in rings {
            if let Some(folder) = self.folders.get_mut(&number) {
                folder.ring = true;
            }
        }
    }

    /// Adds a folder; files are passed over.
    fn add(&mut self, entry: &FileEntry) {
        if !entry.directory {
            return;
        }
        // A folder has one name, and maybe its 8.3 form.
        let long = entry
            .names
            .iter()
            .find(|name| name.namespace != Namespace::Dos);
        if let Some(name) = long.or(entry.names.first()) {
            let folder = Folder {
                sequence: entry.reference.sequence,
                parent: name.parent,
                name: name.units.clone().into_boxed_slice(),
                ring: false,
            };
            self.folders.insert(entry.reference.record, folder);
        }
    }

    /// Number of folders.
    #[must_use]
    pub fn len(&self) -> usize {
        self.folders.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.folders.is_empty()
    }

    /// The path of one name of a file.
    ///
    /// # Errors
    /// When a folder above it is missing or the folders go round.
    pub fn path(&self, entry: &FileEntry, name: &FileName) -> Result<FilePath, PathError> {
        let mut parts = Vec::new();
        let namespace = name.namespace;
        if entry.reference.record == ROOT {
            return Ok(FilePath { parts, namespace });
        }
        parts.push(name.units.clone());
        let mut at = name.parent;
        while at.record != ROOT {
            let folder = self
                .folders
                .get(&at.record)
                .filter(|folder| folder.sequence == at.sequence);
            let folder = folder.ok_or(PathError::Orphan(at.record))?;
            if folder.ring || parts.len() >= DEEPEST {
                return Err(PathError::Ring(at.record));
            }
            parts.push(folder.name.to_vec());
            at = folder.parent;
        }
        parts.reverse();
        Ok(FilePath { parts, namespace })
    }

    /// Every path of a file but its 8.3 forms: one for each hard link.
    ///
    /// # Errors
    /// As [`PathTable::path`].
    pub fn paths(&self, entry: &FileEntry) -> Result<Vec<FilePath>, PathError> {
        let long = entry
            .names
            .iter()
            .filter(|name| name.namespace != Namespace::Dos);
        long.map(|name| self.path(entry, name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::Security;

    fn folder(record: u64, parent: u64, name: &str) -> FileEntry {
        let name = FileName {
            parent: FileReference {
                record: parent,
                sequence: 1,
            },
            namespace: Namespace::Posix,
            units: name.encode_utf16().collect(),
        };
        FileEntry {
            reference: FileReference {
                record,
                sequence: 1,
            },
            directory: true,
            names: vec![name],
            security: Security::None,
            attributes: 0,
            reparse_tag: None,
        }
    }

    fn table(entries: &[FileEntry]) -> PathTable {
        let mut table = PathTable::default();
        entries.iter().for_each(|entry| table.add(entry));
        table.mark_rings();
        table
    }

    #[test]
    fn joins_folders_up_to_the_root() {
        let entries = [
            folder(5, 5, "."),
            folder(30, 5, "Users"),
            folder(31, 30, "иван"),
        ];
        let table = table(&entries);
        let paths = table.paths(&entries[2]).unwrap();
        assert_eq!(paths[0].text(), "Users\\иван");
        assert_eq!(table.paths(&entries[0]).unwrap()[0].text(), "");
    }

    #[test]
    fn names_orphans_and_rings() {
        let mut stale = folder(40, 30, "old");
        stale.names[0].parent.sequence = 9;
        let entries = [
            folder(30, 5, "a"),
            folder(31, 32, "b"),
            folder(32, 31, "c"),
            folder(33, 32, "d"),
            stale,
        ];
        let table = table(&entries);
        assert_eq!(table.paths(&entries[4]), Err(PathError::Orphan(30)));
        assert_eq!(
            table.paths(&folder(99, 77, "x")),
            Err(PathError::Orphan(77))
        );
        for ring in &entries[1..4] {
            assert!(
                matches!(table.paths(ring), Err(PathError::Ring(_))),
                "{ring:?}"
            );
        }
        assert!(table.paths(&folder(98, 33, "below")).is_err());
        assert!(table.paths(&entries[0]).is_ok());
    }
}

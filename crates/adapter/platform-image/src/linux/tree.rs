//! Walking the mounted volume: every object once, with all its names.

use gw_platform::{FileScope, Ignored, MachineError, WinPath};
use std::{
    collections::HashMap,
    fs,
    os::unix::fs::DirEntryExt,
    path::{Path, PathBuf},
};

/// The volume's drive.
pub(super) const DRIVE: &str = "C:\\";

/// One object of the volume.
#[derive(Debug)]
pub(super) struct Object {
    /// Its first name in sorted order, on the device.
    pub(super) path: WinPath,
    /// The same below the mount point.
    pub(super) file: PathBuf,
}

/// What a walk found.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// Objects in scope, in sorted order of their first name.
    pub(super) objects: Vec<Object>,
    /// Objects with at least one name in an ignored area, or outside what was asked for.
    pub(super) ignored: u64,
    /// Of these, the ones that also have a name in scope: reported, since a person may wonder.
    pub(super) split_links: Vec<String>,
    /// Names that cannot be spelled as a Windows path; left alone.
    pub(super) unusable: Vec<String>,
}

struct Seen {
    first: Option<(WinPath, PathBuf)>,
    ignored: bool,
}

/// Every object of the volume, hard links once. An object is in scope if all its names are outside
/// the ignored areas and one of them is at or below a root. Links that stand for another place
/// (junctions, symbolic links) are objects themselves and are never followed.
pub(super) fn walk(
    root: &Path,
    scope: &FileScope,
    ignored: &Ignored,
    own: &WinPath,
) -> Result<Walk, MachineError> {
    let drive: WinPath = parse(DRIVE)?;
    let mut seen: HashMap<u64, Seen> = HashMap::new();
    let mut found = Walk::default();
    let mut judge = |inode: u64, path: WinPath, file: PathBuf| {
        let left_alone = ignored.matches(&path) || path.is_under(own);
        let wanted = scope.roots.is_empty() || scope.roots.iter().any(|top| path.is_under(top));
        let entry = seen.entry(inode).or_insert(Seen {
            first: None,
            ignored: false,
        });
        entry.ignored |= left_alone;
        if wanted && !left_alone && entry.first.as_ref().is_none_or(|(first, _)| path < *first) {
            entry.first = Some((path, file));
        }
    };
    judge(u64::MAX, drive.clone(), root.to_path_buf());
    let mut folders = vec![(drive, root.to_path_buf())];
    while let Some((folder, place)) = folders.pop() {
        let entries = fs::read_dir(&place).map_err(|e| MachineError::io(folder.as_str(), &e))?;
        for entry in entries {
            let entry = entry.map_err(|e| MachineError::io(folder.as_str(), &e))?;
            let name = entry.file_name();
            let Some(path) = name.to_str().and_then(|name| folder.join(name).ok()) else {
                found
                    .unusable
                    .push(format!("{folder}\\{}", name.to_string_lossy()));
                continue;
            };
            let kind = entry
                .file_type()
                .map_err(|e| MachineError::io(path.as_str(), &e))?;
            if kind.is_dir() {
                folders.push((path.clone(), entry.path()));
            }
            judge(entry.ino(), path, entry.path());
        }
    }
    for object in seen.into_values() {
        match object {
            Seen {
                first: Some((path, file)),
                ignored: false,
            } => {
                found.objects.push(Object { path, file });
            }
            Seen { first, .. } => {
                found.ignored += 1;
                found
                    .split_links
                    .extend(first.map(|(path, _)| path.to_string()));
            }
        }
    }
    found.objects.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    found.split_links.sort_unstable();
    found.unusable.sort_unstable();
    Ok(found)
}

/// Where a path of the device is below the mount point.
pub(super) fn place(root: &Path, path: &WinPath) -> PathBuf {
    path.components()
        .fold(root.to_path_buf(), |place, name| place.join(name))
}

/// The same, found without regard to letter case, as Windows does.
pub(super) fn find(root: &Path, path: &WinPath) -> Option<PathBuf> {
    let mut here = root.to_path_buf();
    for name in path.components() {
        let exact = here.join(name);
        here = if exact.symlink_metadata().is_ok() {
            exact
        } else {
            let folded = name.to_uppercase();
            fs::read_dir(&here)
                .ok()?
                .flatten()
                .find(|entry| {
                    entry
                        .file_name()
                        .to_str()
                        .is_some_and(|n| n.to_uppercase() == folded)
                })?
                .path()
        };
    }
    Some(here)
}

pub(super) fn parse(path: &str) -> Result<WinPath, MachineError> {
    path.parse()
        .map_err(|error: gw_platform::BadPath| MachineError::Unexpected {
            object: path.to_owned(),
            why: error.to_string(),
        })
}

//! Between paths of the device and places below the mount point.

use gw_platform::{MachineError, WinPath};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The volume's drive.
pub(super) const DRIVE: &str = "C:\\";

/// The root of the volume.
pub(super) fn drive() -> WinPath {
    // A constant that is a path.
    DRIVE
        .parse()
        .unwrap_or_else(|_| unreachable!("{DRIVE} is a root"))
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

//! What the checker reads of a device: the machine's hives as files, task files, and the folders
//! that are named after accounts. Nothing is interpreted here.

use anyhow::{Context, Result};
use gw_platform::fake::{BytesCell, FileCell};
use std::{collections::BTreeMap, fs, path::Path};

/// Folders below which every name and every file is kept.
const TASKS: &str = "Windows/System32/Tasks";
const BINS: &str = "$Recycle.Bin";
/// Keys of a user, below the profile.
const KEYS: &str = "AppData/Roaming/Microsoft/Crypto";

/// From the cells of a fake PC.
pub(crate) fn fake(cells: &BTreeMap<String, Vec<u8>>, to: &Path) -> Result<()> {
    let files = to.join("files");
    fs::create_dir_all(&files)?;
    let mut rights: BTreeMap<String, serde_json::Value> = BTreeMap::new();
    for (key, value) in cells {
        let what = || format!("the cell {key}");
        if let Some(name) = key.strip_prefix("registry/") {
            let cell: BytesCell = serde_json::from_slice(value).with_context(what)?;
            fs::write(to.join(name), cell.bytes)?;
        // Other cells of tasks are switches; those with a file are named by a path.
        } else if let Some(task) = key.strip_prefix("task/").filter(|t| t.starts_with('\\')) {
            let cell: BytesCell = serde_json::from_slice(value).with_context(what)?;
            write(&files.join(TASKS).join(relative(task)), &cell.bytes)?;
        } else if let Some(sid) = key.strip_prefix("right/") {
            let held = serde_json::from_slice(value).with_context(what)?;
            rights.insert(sid.to_owned(), held);
        } else if key.starts_with("file/") {
            let cell: FileCell = serde_json::from_slice(value).with_context(what)?;
            for name in &cell.names {
                let path = relative(name.as_str().trim_start_matches("C:"));
                if path.starts_with(BINS) || path.contains(KEYS) {
                    fs::create_dir_all(files.join(path))?;
                }
            }
        }
    }
    fs::write(to.join("rights.json"), serde_json::to_vec(&rights)?)?;
    Ok(())
}

fn relative(path: &str) -> String {
    path.trim_start_matches('\\').replace('\\', "/")
}

/// From a mounted volume.
pub(crate) fn volume(root: &Path, to: &Path) -> Result<()> {
    let files = to.join("files");
    fs::create_dir_all(&files)?;
    for hive in ["SYSTEM", "SOFTWARE", "SECURITY"] {
        let from = root.join("Windows/System32/config").join(hive);
        fs::copy(&from, to.join(hive)).with_context(|| format!("copying {}", from.display()))?;
    }
    copy(&root.join(TASKS), &files.join(TASKS))?;
    copy(&root.join(BINS), &files.join(BINS))?;
    for profile in fs::read_dir(root.join("Users"))? {
        let profile = profile?;
        let keys = profile.path().join(KEYS);
        if keys.is_dir() {
            let name = Path::new("Users").join(profile.file_name()).join(KEYS);
            copy(&keys, &files.join(name))?;
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), &to)?;
        }
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, bytes).with_context(|| format!("writing {}", path.display()))
}

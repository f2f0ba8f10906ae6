//! The slow way to translate a hive: what benchmarks compare with.

use gw_hive::{FileTime, Hive, HiveError, Key};
use gw_secdesc::{Mode, SidMap, Translated, translate};

/// Visits every key by its path as a program that walks the registry does:
/// opens it, reads its descriptor, translates it, sets the result. No cache.
/// Answers how many keys changed.
///
/// # Errors
/// When the hive is damaged.
pub fn remap_key_by_key(
    hive: &mut Hive,
    map: &SidMap,
    mode: Mode,
    at: FileTime,
) -> Result<u64, HiveError> {
    let mut paths = Vec::new();
    collect(hive.root()?, &mut paths)?;
    let mut edit = hive.edit(at)?;
    let mut changed = 0;
    for path in &paths {
        let Some(key) = edit.hive().key(path)? else {
            continue;
        };
        let descriptor = key.descriptor()?.to_vec();
        if let Ok(Translated::Changed { bytes, .. }) = translate(&descriptor, map, mode) {
            edit.set_descriptor(path, &bytes)?;
            changed += 1;
        }
    }
    Ok(changed)
}

/// What such a program does without the setting: visits every key by its handle, reads and
/// translates its descriptor. Answers how many would change.
///
/// # Errors
/// When the hive is damaged.
pub fn translate_every_key(hive: &Hive, map: &SidMap, mode: Mode) -> Result<u64, HiveError> {
    let mut changed = 0;
    let mut stack = vec![hive.root()?];
    while let Some(key) = stack.pop() {
        if let Ok(Translated::Changed { .. }) = translate(key.descriptor()?, map, mode) {
            changed += 1;
        }
        stack.extend(key.subkeys()?);
    }
    Ok(changed)
}

fn collect(key: Key<'_>, paths: &mut Vec<String>) -> Result<(), HiveError> {
    paths.push(key.path());
    for subkey in key.subkeys()? {
        collect(subkey, paths)?;
    }
    Ok(())
}

//! One value of a machine hive, set for a while and put back alone: between the two, other changes
//! of the same hive must stay.

use super::{hivefile, registry::Named};
use gw_hive::{Editor, FileTime, HiveError, RegValue};
use gw_platform::{Before, MachineError, WinPath};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// What was there before.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Value {
    /// Registry type and bytes; `None` if the value was missing.
    value: Option<(u32, Vec<u8>)>,
    /// The topmost key that was missing; `None` if the key was there.
    pub(super) made_from: Option<String>,
}

impl Value {
    pub(super) fn read(
        root: &Path,
        path: &WinPath,
        key: &str,
        name: &str,
    ) -> Result<Self, MachineError> {
        let hive = Named::open(root, path.clone())?;
        let mut made_from = None;
        let parts: Vec<&str> = key.split('\\').collect();
        for length in 1..=parts.len() {
            let here = parts[..length].join("\\");
            let found = hive
                .hive
                .key(&here)
                .map_err(|error| hivefile::refused(path, &error))?;
            if found.is_none() {
                made_from = Some(here);
                break;
            }
        }
        let value = hive
            .value(key, name)?
            .map(|value| (value.kind, value.bytes));
        Ok(Self { value, made_from })
    }

    /// From the before-image of a change.
    pub(super) fn saved(before: &Before, key: &str, name: &str) -> Result<Self, MachineError> {
        serde_json::from_value(before.data["value"].clone()).map_err(|error| {
            MachineError::Damaged {
                object: format!("the before-image of {key}\\{name}"),
                why: error.to_string(),
            }
        })
    }

    pub(super) fn data(&self) -> Option<RegValue> {
        self.value
            .as_ref()
            .map(|(kind, bytes)| RegValue::new(*kind, bytes.clone()))
    }
}

/// Sets or removes the value; `made_from` names keys that were made for it and go with it, unless
/// somebody else has put something there meanwhile.
pub(super) fn set(
    place: &hivefile::Place<'_>,
    path: &WinPath,
    at: FileTime,
    key: &str,
    name: &str,
    value: Option<&RegValue>,
    made_from: Option<&str>,
) -> Result<(), MachineError> {
    let now = Named::open(place.root, path.clone())?.value(key, name)?;
    if now.as_ref() == value && made_from.is_none() {
        return Ok(());
    }
    hivefile::rewrite(place, path, at, &|hive, at| {
        let mut change = || -> Result<(), HiveError> {
            let exists = hive.key(key)?.is_some();
            let mut edit = hive.edit(at)?;
            match (value, made_from) {
                (_, Some(top)) => {
                    if exists {
                        edit.delete_value(key, name)?;
                    }
                    delete_empty(&mut edit, key, top)
                }
                (Some(value), None) => {
                    edit.create_key(key)?;
                    edit.set_value(key, name, value)
                }
                (None, None) if exists => edit.delete_value(key, name).map(|_| ()),
                (None, None) => Ok(()),
            }
        };
        change().map_err(|error| hivefile::refused(path, &error))
    })
}

/// Deletes `key`, and those above it up to `top`, as far as nothing is in them.
fn delete_empty(edit: &mut Editor<'_>, key: &str, top: &str) -> Result<(), HiveError> {
    let mut here = key;
    while here.len() >= top.len() {
        if let Some(key) = edit.hive().key(here)?
            && (!key.values()?.is_empty() || !key.subkeys()?.is_empty())
        {
            return Ok(());
        }
        edit.delete_key(here)?;
        let Some((above, _)) = here.rsplit_once('\\') else {
            return Ok(());
        };
        here = above;
    }
    Ok(())
}

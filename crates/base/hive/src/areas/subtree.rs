//! A key with everything below it, taken out of a hive and put back exactly.
//!
//! The before-image of edits in SECURITY: saving that hive whole would keep
//! the machine's secret, so only the keys that an edit touches are kept.

use crate::edit::{Editor, NewKey};
use crate::error::HiveError;
use crate::hive::Hive;
use crate::key::Key;
use crate::value::RegValue;
use serde::{Deserialize, Serialize};

/// A key with its values and subkeys.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subtree {
    class: Option<String>,
    descriptor: Vec<u8>,
    /// Name, type, data.
    values: Vec<(String, u32, Vec<u8>)>,
    keys: Vec<(String, Subtree)>,
}

impl std::fmt::Debug for Subtree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never the data.
        write!(
            f,
            "Subtree({} values, {} keys)",
            self.values.len(),
            self.keys.len()
        )
    }
}

/// The key at `path` with everything below it; `None` when there is none.
///
/// # Errors
/// When the hive is damaged.
pub fn capture(hive: &Hive, path: &str) -> Result<Option<Subtree>, HiveError> {
    hive.key(path)?.as_ref().map(of).transpose()
}

fn of(key: &Key<'_>) -> Result<Subtree, HiveError> {
    let values = key
        .values()?
        .iter()
        .map(|value| Ok((value.name(), value.kind(), value.data()?.into_owned())))
        .collect::<Result<_, HiveError>>()?;
    let keys = key
        .subkeys()?
        .iter()
        .map(|child| Ok((child.name(), of(child)?)))
        .collect::<Result<_, HiveError>>()?;
    Ok(Subtree {
        class: key.class_name()?,
        descriptor: key.descriptor()?.to_vec(),
        values,
        keys,
    })
}

/// Makes the key at `path` what was taken; `None` removes it. Answers whether
/// anything changed.
///
/// # Errors
/// When the hive is damaged or cannot be edited.
pub fn put_back(
    edit: &mut Editor<'_>,
    path: &str,
    wanted: Option<&Subtree>,
) -> Result<bool, HiveError> {
    let now = capture(edit.hive(), path)?;
    if now.as_ref() == wanted {
        return Ok(false);
    }
    if now.is_some() {
        edit.delete_key(path)?;
    }
    if let Some(wanted) = wanted {
        write(edit, path, wanted)?;
    }
    Ok(true)
}

fn write(edit: &mut Editor<'_>, path: &str, tree: &Subtree) -> Result<(), HiveError> {
    edit.create_key_with(
        path,
        NewKey {
            class: tree.class.as_deref(),
            descriptor: Some(&tree.descriptor),
        },
    )?;
    for (name, kind, data) in &tree.values {
        edit.set_value(path, name, &RegValue::new(*kind, data.clone()))?;
    }
    for (name, key) in &tree.keys {
        write(edit, &format!("{path}\\{name}"), key)?;
    }
    Ok(())
}

//! The targets, one module each.

pub(crate) mod acl;
pub(crate) mod adminapi;
pub(crate) mod areas;
pub(crate) mod directory;
pub(crate) mod handshake;
pub(crate) mod hive;
pub(crate) mod journal;
pub(crate) mod keys;
pub(crate) mod lsa;
pub(crate) mod map;
pub(crate) mod matching;
pub(crate) mod naming;
pub(crate) mod ntfs;
pub(crate) mod paths;
pub(crate) mod planted;
pub(crate) mod redo;
pub(crate) mod runbook;
pub(crate) mod rundir;
pub(crate) mod sddl;
pub(crate) mod sealed;
pub(crate) mod secdesc;
pub(crate) mod services;
pub(crate) mod sid;
pub(crate) mod task;
pub(crate) mod wire;

use serde::{Serialize, de::DeserializeOwned};

/// What is understood is written and understood again as the same.
pub(crate) fn json<T: DeserializeOwned + Serialize>(data: &[u8]) -> String {
    let read: T = match serde_json::from_slice(data) {
        Ok(read) => read,
        Err(error) => return error.to_string(),
    };
    let written = serde_json::to_vec(&read).expect("what was read can be written");
    let again: T = serde_json::from_slice(&written).expect("what was written can be read");
    let twice = serde_json::to_vec(&again).expect("what was read can be written");
    assert_eq!(written, twice, "a message changed on its way");
    "understood".to_owned()
}

/// Takes input for something and says what became of it.
pub(crate) type Take = fn(&[u8]) -> String;

/// A seed for an input that begins with its kind, which must be understood: one that is not
/// exercises little.
pub(crate) fn seed(kinds: &[(&str, Take)], kind: &str, data: &[u8]) -> anyhow::Result<Vec<u8>> {
    let index = kinds.iter().position(|(name, _)| *name == kind);
    let index = index.ok_or_else(|| anyhow::anyhow!("there is no kind {kind}"))?;
    let said = (kinds[index].1)(data);
    anyhow::ensure!(
        said.contains("understood"),
        "the seed for {kind} is refused: {said}"
    );
    Ok([&[u8::try_from(index)?][..], data].concat())
}

/// Runs what the first byte names over the rest.
pub(crate) fn take(kinds: &[(&str, Take)], data: &[u8]) {
    if let Some((kind, rest)) = data.split_first() {
        kinds[usize::from(*kind) % kinds.len()].1(rest);
    }
}

/// What became of it, in words.
pub(crate) fn said<T, E: std::fmt::Display>(result: Result<T, E>) -> String {
    match result {
        Ok(_) => "understood".to_owned(),
        Err(error) => error.to_string(),
    }
}

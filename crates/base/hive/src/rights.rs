//! Rights of accounts in the SECURITY hive: `Policy\Accounts\<SID>`.
//!
//! Each account with a privilege or a logon right has a key named after its
//! SID, with the SID again in `Sid`, logon rights as a bit field in
//! `ActSysAc`, and privileges in `Privilgs` (`count u32 | control u32`, then
//! per privilege `LUID u64 | attributes u32`), each as the default value of a subkey.

use crate::edit::Editor;
use crate::error::HiveError;
use crate::hive::Hive;
use crate::raw::{u32_at, u64_at};
use crate::value::{RegValue, kind};
use gw_secdesc::{Mode, Sid};
use std::collections::BTreeMap;

const ACCOUNTS: &str = "Policy\\Accounts";
const ADMINISTRATORS: &str = "S-1-5-32-544";
/// Where an account keeps the descriptor that says who may change it.
const GUARD: &str = "SecDesc";
const PRIVILEGES_HEADER: usize = 8;
const PRIVILEGE: usize = 12;

/// What an account may do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rights {
    /// Logon rights and denials, a bit each.
    pub logon: u32,
    /// Privileges by their number, with their attributes.
    pub privileges: BTreeMap<u64, u32>,
}

/// Every account with rights.
///
/// # Errors
/// When the hive is damaged.
pub fn accounts(security: &Hive) -> Result<BTreeMap<Sid, Rights>, HiveError> {
    let mut found = BTreeMap::new();
    if let Some(key) = security.key(ACCOUNTS)? {
        for subkey in key.subkeys()? {
            if let Ok(sid) = subkey.name().parse::<Sid>() {
                found.insert(sid, read(security, &subkey.path())?);
            }
        }
    }
    Ok(found)
}

/// Gives `target` the rights of `source`: in [`Mode::Replace`] the source loses
/// them, in [`Mode::Add`] it keeps them. Rights the target has already are
/// kept, too. Answers whether the source had any.
///
/// # Errors
/// When the hive is damaged or cannot be edited.
pub fn carry(
    edit: &mut Editor<'_>,
    source: &Sid,
    target: &Sid,
    mode: Mode,
) -> Result<bool, HiveError> {
    let from = format!("{ACCOUNTS}\\{source}");
    let to = format!("{ACCOUNTS}\\{target}");
    if source == target || edit.hive().key(&from)?.is_none() {
        return Ok(false);
    }
    let exists = edit.hive().key(&to)?.is_some();
    if mode == Mode::Replace && !exists {
        edit.rename_key(&from, &target.to_string())?;
        set(edit, &to, "Sid", target.as_bytes())?;
        return Ok(true);
    }
    let mut rights = read(edit.hive(), &from)?;
    let own = read(edit.hive(), &to)?;
    rights.logon |= own.logon;
    for (privilege, attributes) in own.privileges {
        *rights.privileges.entry(privilege).or_default() |= attributes;
    }
    guard_as(edit, &from, &to)?;
    set(edit, &to, "Sid", target.as_bytes())?;
    write(edit, &to, &rights)?;
    if mode == Mode::Replace {
        edit.delete_key(&from)?;
    }
    Ok(true)
}

fn read(security: &Hive, path: &str) -> Result<Rights, HiveError> {
    let logon = default_bytes(security, path, "ActSysAc")?;
    let privileges = default_bytes(security, path, "Privilgs")?;
    let listed = privileges.get(PRIVILEGES_HEADER..).unwrap_or_default();
    let count = u32_at(&privileges, 0).unwrap_or(0) as usize;
    Ok(Rights {
        logon: u32_at(&logon, 0).unwrap_or(0),
        privileges: listed
            .chunks_exact(PRIVILEGE)
            .take(count)
            .filter_map(|one| Some((u64_at(one, 0)?, u32_at(one, 8)?)))
            .collect(),
    })
}

fn write(edit: &mut Editor<'_>, path: &str, rights: &Rights) -> Result<(), HiveError> {
    if rights.logon != 0 {
        set(edit, path, "ActSysAc", &rights.logon.to_le_bytes())?;
    }
    if !rights.privileges.is_empty() {
        let mut bytes = (rights.privileges.len() as u32).to_le_bytes().to_vec();
        bytes.extend([0; 4]);
        for (privilege, attributes) in &rights.privileges {
            bytes.extend(privilege.to_le_bytes());
            bytes.extend(attributes.to_le_bytes());
        }
        set(edit, path, "Privilgs", &bytes)?;
    }
    Ok(())
}

/// Makes the key of an account that has none, guarded like the others: after
/// the form of the Administrators' (every Windows has it), or of any account.
///
/// # Errors
/// When the hive is damaged or cannot be edited.
pub fn make_account(edit: &mut Editor<'_>, sid: &Sid) -> Result<(), HiveError> {
    let to = format!("{ACCOUNTS}\\{sid}");
    let mut models = vec![ADMINISTRATORS.to_owned()];
    if let Some(all) = edit.hive().key(ACCOUNTS)? {
        models.extend(all.subkeys()?.iter().map(|key| key.name().to_owned()));
    }
    let mut model = None;
    for name in models {
        let from = format!("{ACCOUNTS}\\{name}");
        if from != to && !default_bytes(edit.hive(), &from, GUARD)?.is_empty() {
            model = Some(from);
            break;
        }
    }
    match model {
        Some(from) => guard_as(edit, &from, &to)?,
        None => {
            edit.create_key(&to)?;
        }
    }
    set(edit, &to, "Sid", sid.as_bytes())
}

/// Guards the account at `to` as the one at `from` if nothing guards it yet;
/// makes its key if there is none.
fn guard_as(edit: &mut Editor<'_>, from: &str, to: &str) -> Result<(), HiveError> {
    let guard = default_bytes(edit.hive(), from, GUARD)?;
    let descriptor = edit
        .hive()
        .key(from)?
        .map(|key| key.descriptor().map(<[u8]>::to_vec))
        .transpose()?;
    edit.create_key_with(
        to,
        crate::edit::NewKey {
            class: None,
            descriptor: descriptor.as_deref(),
        },
    )?;
    if guard.is_empty() || !default_bytes(edit.hive(), to, GUARD)?.is_empty() {
        return Ok(());
    }
    set(edit, to, GUARD, &guard)
}

fn set(edit: &mut Editor<'_>, path: &str, part: &str, bytes: &[u8]) -> Result<(), HiveError> {
    let path = format!("{path}\\{part}");
    edit.create_key(&path)?;
    edit.set_value(&path, "", &RegValue::new(kind::NONE, bytes))
}

fn default_bytes(security: &Hive, path: &str, part: &str) -> Result<Vec<u8>, HiveError> {
    match security.key(&format!("{path}\\{part}"))? {
        Some(key) => match key.value("")? {
            Some(value) => Ok(value.data()?.into_owned()),
            None => Ok(Vec::new()),
        },
        None => Ok(Vec::new()),
    }
}

//! Local accounts: `SAM\Domains\Account\Users`.
//!
//! An account is `Users\<RID>` with two values. `F` is of fixed form (times,
//! RID, flags); `V` has 17 descriptors of 12 bytes (offset, length, extra;
//! offsets count from byte 204) and what they point to: the descriptor, the
//! names, the hashes. `Users\Names\<name>` leads to it by the *type* of its
//! default value, and `Users` counts accounts the same way.
//!
//! What must stay true: a new account is made after the form of the machine's
//! own Administrator (RID 500), so that every part is as this Windows writes
//! it; no RID is given twice; nothing is deleted.

use super::hash::{self, NtHash, SALT, SamKey};
use super::{Domain, SamError, add_member, alias, machine_sid, remove_member, value_of};
use crate::edit::Editor;
use crate::hive::Hive;
use crate::raw::{put_u32, u32_at};
use crate::time::FileTime;
use crate::value::RegValue;
use gw_secdesc::{Mode, SidMap, Translated, translate};

const ACCOUNTS: &str = "SAM\\Domains\\Account";
const USERS: &str = "SAM\\Domains\\Account\\Users";
/// The built-in group of administrators, in any language.
const ADMINISTRATORS: u32 = 544;
const ADMINISTRATOR: u32 = 500;
/// Where the next free RID lies in `F` of the domain.
const NEXT_RID: usize = 72;
/// Parts of a `V` and where what they point to begins.
const PARTS: usize = 17;
const HEADER: usize = PARTS * 12;
const DESCRIPTOR: usize = 0;
const NAME: usize = 1;
/// Full name to work stations: what a new account has none of.
const PERSONAL: std::ops::Range<usize> = 2..11;
const NT_HASH: usize = 14;
/// LM hash and the hashes of earlier passwords.
const OTHER_HASHES: [usize; 3] = [13, 15, 16];
/// Fields of an account's `F`.
const LENGTH_F: usize = 80;
const LOGGED_ON: [usize; 3] = [8, 16, 40];
const PASSWORD_SET: usize = 24;
const EXPIRES: usize = 32;
const RID: usize = 48;
const FLAGS: usize = 56;
const COUNTS: usize = 64;
const DISABLED: u16 = 0x0001;
const LOCKED: u16 = 0x0400;
/// A normal account whose password does not run out.
const NORMAL: u16 = 0x0210;

/// A local account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its number.
    pub rid: u32,
    /// Its name, as it is written.
    pub name: String,
    /// Neither switched off nor locked.
    pub enabled: bool,
    /// A member of the built-in group of administrators.
    pub administrator: bool,
}

/// The two values of an account, as they were. They hold its sealed hashes.
#[derive(Clone, PartialEq, Eq)]
pub struct AccountImage {
    /// `F`.
    pub f: Vec<u8>,
    /// `V`.
    pub v: Vec<u8>,
}

impl std::fmt::Debug for AccountImage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AccountImage(…)")
    }
}

/// An administrator to make.
#[derive(Debug, Clone)]
pub struct NewAdministrator<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its number: the account's own, or one that is free ([`free_rid`]).
    pub rid: u32,
    /// Of its password.
    pub hash: NtHash,
    /// Fresh random bytes.
    pub salt: [u8; SALT],
}

/// The account of this name, in any case.
///
/// # Errors
/// When it is damaged.
pub fn account(sam: &Hive, name: &str) -> Result<Option<Account>, SamError> {
    let Some(named) = value_of(sam, &format!("{USERS}\\Names\\{name}"), "")? else {
        return Ok(None);
    };
    let rid = named.kind;
    let image = account_image(sam, rid)?.ok_or(SamError::Account { rid })?;
    let parts = split(&image.v).ok_or(SamError::Account { rid })?;
    let flags = flags(&image.f).ok_or(SamError::Account { rid })?;
    let sid = machine_sid(sam)?.with_rid(rid);
    let members = alias(sam, Domain::Builtin, ADMINISTRATORS)?.members;
    Ok(Some(Account {
        rid,
        name: hash::text(parts[NAME].0),
        enabled: flags & (DISABLED | LOCKED) == 0,
        administrator: sid.is_some_and(|sid| members.contains(&sid)),
    }))
}

/// What an account is made of; `None` when there is none of this number.
///
/// # Errors
/// When the hive is damaged.
pub fn account_image(sam: &Hive, rid: u32) -> Result<Option<AccountImage>, SamError> {
    let path = user_path(rid);
    Ok(
        match (value_of(sam, &path, "F")?, value_of(sam, &path, "V")?) {
            (Some(f), Some(v)) => Some(AccountImage {
                f: f.bytes,
                v: v.bytes,
            }),
            _ => None,
        },
    )
}

/// A number that no account or group of the machine has, or had.
///
/// # Errors
/// When the domain's `F` is damaged.
pub fn free_rid(sam: &Hive) -> Result<u32, SamError> {
    let f = value_of(sam, ACCOUNTS, "F")?.ok_or(SamError::Scheme)?;
    let mut next = u32_at(&f.bytes, NEXT_RID)
        .ok_or(SamError::Scheme)?
        .max(1000);
    for place in ["Users", "Groups", "Aliases"] {
        next = rids(sam, &format!("{ACCOUNTS}\\{place}"))?
            .into_iter()
            .map(|rid| rid.saturating_add(1))
            .fold(next, u32::max);
    }
    Ok(next)
}

/// Whether `password` is the account's.
///
/// # Errors
/// When there is no such account, or its hash is kept by an older scheme.
pub fn password_is(sam: &Hive, key: &SamKey, rid: u32, password: &str) -> Result<bool, SamError> {
    let image = account_image(sam, rid)?.ok_or(SamError::Account { rid })?;
    let parts = split(&image.v).ok_or(SamError::Account { rid })?;
    let held = key.open_hash(rid, parts[NT_HASH].0)?;
    Ok(held == Some(NtHash::of(password)))
}

/// Makes the account, or gives one that is there the password; switches it on
/// and makes it an administrator. May be repeated.
///
/// # Errors
/// When the name or the number is another account's, or the hive is damaged.
pub fn make_administrator(
    edit: &mut Editor<'_>,
    key: &SamKey,
    new: &NewAdministrator<'_>,
) -> Result<(), SamError> {
    let rid = new.rid;
    let at = edit.at;
    let known = account(edit.hive(), new.name)?;
    let taken = known.as_ref().is_some_and(|known| known.rid != rid);
    let image = account_image(edit.hive(), rid)?;
    if taken || (known.is_none() && image.is_some()) {
        return Err(SamError::Taken { rid });
    }
    let image = match image {
        Some(image) => image,
        None => template(edit.hive(), new.name, rid, at)?,
    };
    let image = with_password(&image, key, new, at).ok_or(SamError::Account { rid })?;
    put_account(edit, rid, &image)?;
    if known.is_none() {
        let name = format!("{USERS}\\Names\\{}", new.name);
        edit.create_key(&name)?;
        edit.set_value(&name, "", &RegValue::new(rid, Vec::new()))?;
        let count = rids(edit.hive(), USERS)?.len() as u32;
        edit.set_value(USERS, "", &RegValue::new(count, Vec::new()))?;
    }
    take_rid(edit, rid)?;
    set_administrator(edit, rid, true)
}

/// Switches an account off, or on again.
///
/// # Errors
/// When there is no such account.
pub fn set_enabled(edit: &mut Editor<'_>, rid: u32, enabled: bool) -> Result<(), SamError> {
    let mut image = account_image(edit.hive(), rid)?.ok_or(SamError::Account { rid })?;
    let old = flags(&image.f).ok_or(SamError::Account { rid })?;
    let new = match enabled {
        true => old & !(DISABLED | LOCKED),
        false => old | DISABLED,
    };
    image.f[FLAGS..FLAGS + 2].copy_from_slice(&new.to_le_bytes());
    put_account(edit, rid, &image)
}

/// Puts an account into the group of administrators, or takes it out.
///
/// # Errors
/// When the group is damaged.
pub fn set_administrator(edit: &mut Editor<'_>, rid: u32, member: bool) -> Result<(), SamError> {
    let sid = machine_sid(edit.hive())?
        .with_rid(rid)
        .ok_or(SamError::MachineSid)?;
    match member {
        true => add_member(edit, Domain::Builtin, ADMINISTRATORS, &sid)?,
        false => remove_member(edit, Domain::Builtin, ADMINISTRATORS, &sid)?,
    };
    Ok(())
}

/// Makes an account what it was.
///
/// # Errors
/// When the hive cannot be edited.
pub fn put_account(edit: &mut Editor<'_>, rid: u32, image: &AccountImage) -> Result<(), SamError> {
    let path = user_path(rid);
    edit.create_key(&path)?;
    edit.set_value(&path, "F", &RegValue::binary(image.f.clone()))?;
    edit.set_value(&path, "V", &RegValue::binary(image.v.clone()))?;
    Ok(())
}

// ---- the values ----

fn user_path(rid: u32) -> String {
    format!("{USERS}\\{rid:08X}")
}

fn rids(sam: &Hive, path: &str) -> Result<Vec<u32>, SamError> {
    let Some(key) = sam.key(path)? else {
        return Ok(Vec::new());
    };
    let of = |name: String| match name.len() {
        8 => u32::from_str_radix(&name, 16).ok(),
        _ => None,
    };
    Ok(key
        .subkeys()?
        .iter()
        .filter_map(|key| of(key.name()))
        .collect())
}

/// The number is given: the next account gets a higher one.
fn take_rid(edit: &mut Editor<'_>, rid: u32) -> Result<(), SamError> {
    let mut f = value_of(edit.hive(), ACCOUNTS, "F")?.ok_or(SamError::Scheme)?;
    let next = u32_at(&f.bytes, NEXT_RID).ok_or(SamError::Scheme)?;
    if next <= rid {
        put_u32(&mut f.bytes, NEXT_RID, rid.saturating_add(1)).ok_or(SamError::Scheme)?;
        edit.set_value(ACCOUNTS, "F", &f)?;
    }
    Ok(())
}

fn flags(f: &[u8]) -> Option<u16> {
    let bytes = f.get(FLAGS..FLAGS + 2)?.try_into().ok()?;
    (f.len() >= LENGTH_F).then(|| u16::from_le_bytes(bytes))
}

type Part<'a> = (&'a [u8], u32);

/// The parts of a `V` with the extra word of each.
fn split(v: &[u8]) -> Option<[Part<'_>; PARTS]> {
    let mut parts: [Part<'_>; PARTS] = [(&[], 0); PARTS];
    for (index, part) in parts.iter_mut().enumerate() {
        let word = |at: usize| u32_at(v, index * 12 + at);
        let (start, length) = (HEADER.checked_add(word(0)? as usize)?, word(4)? as usize);
        *part = (v.get(start..start.checked_add(length)?)?, word(8)?);
    }
    Some(parts)
}

/// A `V` of parts, each on a multiple of four.
fn joined(parts: &[Part<'_>; PARTS]) -> Vec<u8> {
    let (mut head, mut body) = (Vec::with_capacity(HEADER), Vec::new());
    for (bytes, extra) in parts {
        for word in [body.len() as u32, bytes.len() as u32, *extra] {
            head.extend(word.to_le_bytes());
        }
        body.extend_from_slice(bytes);
        body.resize(body.len().next_multiple_of(4), 0);
    }
    head.extend(body);
    head
}

/// A new account after the form of the machine's own Administrator, without a
/// password.
fn template(sam: &Hive, name: &str, rid: u32, at: FileTime) -> Result<AccountImage, SamError> {
    let damaged = || SamError::Account { rid: ADMINISTRATOR };
    let model = account_image(sam, ADMINISTRATOR)?.ok_or_else(damaged)?;
    let machine = machine_sid(sam)?;
    let mut f = model.f;
    flags(&f).ok_or_else(damaged)?;
    for at in LOGGED_ON {
        f[at..at + 8].fill(0);
    }
    f[PASSWORD_SET..PASSWORD_SET + 8].copy_from_slice(&at.0.to_le_bytes());
    f[EXPIRES..EXPIRES + 8].copy_from_slice(&i64::MAX.to_le_bytes());
    f[RID..RID + 4].copy_from_slice(&rid.to_le_bytes());
    f[FLAGS..FLAGS + 2].copy_from_slice(&NORMAL.to_le_bytes());
    f[COUNTS..COUNTS + 4].fill(0);
    let mut parts = split(&model.v).ok_or_else(damaged)?;
    // What the Administrator may do to itself, the new account may do to itself.
    let own = match (machine.with_rid(ADMINISTRATOR), machine.with_rid(rid)) {
        (Some(old), Some(new)) => SidMap::new([(old, new)]).ok(),
        _ => None,
    }
    .ok_or(SamError::MachineSid)?;
    let descriptor = match translate(parts[DESCRIPTOR].0, &own, Mode::Replace) {
        Ok(Translated::Changed { bytes, .. }) => bytes,
        Ok(_) => parts[DESCRIPTOR].0.to_vec(),
        Err(_) => return Err(damaged()),
    };
    let wide: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
    parts[DESCRIPTOR].0 = &descriptor;
    parts[NAME].0 = &wide;
    for personal in PERSONAL {
        parts[personal] = (&[], 0);
    }
    Ok(AccountImage {
        v: joined(&parts),
        f,
    })
}

fn with_password(
    image: &AccountImage,
    key: &SamKey,
    new: &NewAdministrator<'_>,
    at: FileTime,
) -> Option<AccountImage> {
    let mut f = image.f.clone();
    let on = (flags(&f)? & !(DISABLED | LOCKED)) | NORMAL;
    f[FLAGS..FLAGS + 2].copy_from_slice(&on.to_le_bytes());
    f[PASSWORD_SET..PASSWORD_SET + 8].copy_from_slice(&at.0.to_le_bytes());
    let record = key.seal(new.rid, &new.hash, new.salt);
    // An AES record without a hash.
    let mut none = vec![1, 0, 2, 0];
    none.extend([0; 20]);
    let mut parts = split(&image.v)?;
    parts[NT_HASH].0 = &record;
    for other in OTHER_HASHES {
        parts[other].0 = &none;
    }
    Some(AccountImage {
        v: joined(&parts),
        f,
    })
}

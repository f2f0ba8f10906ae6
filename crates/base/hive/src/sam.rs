//! Local groups (aliases) and their members in the SAM hive.
//!
//! A group is `SAM\Domains\{Builtin,Account}\Aliases\<RID>` with one value `C`:
//! the RID and four descriptors of 12 bytes (offset, length, extra; offsets
//! count from byte 52) for security descriptor, name, comment and members; the
//! extra word of the last is the number of members, which lie one after
//! another. The other way round, `Aliases\Members\<domain SID>\<RID>` lists
//! the groups a member is in, with the number of them as the *type* of its
//! default value; the key above has the number of its members as type.
//!
//! What must stay true: both change together, so that Windows, which reads the
//! second to build a token and the first to show the group, sees one truth.
//!
//! The machine's own accounts are in [`accounts`], their passwords in [`hash`].

pub mod accounts;
pub mod hash;

use crate::edit::Editor;
use crate::error::HiveError;
use crate::hive::Hive;
use crate::key::Key;
use crate::raw::{put_u32, u32_at, units};
use crate::value::{RegValue, kind};
use gw_secdesc::{Sid, SidError};

/// Which of the two domains of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Domain {
    /// `S-1-5-32`: Administrators, Users, Remote Desktop Users …
    Builtin,
    /// The machine's own accounts.
    Account,
}

impl Domain {
    fn aliases(self) -> &'static str {
        match self {
            Self::Builtin => "SAM\\Domains\\Builtin\\Aliases",
            Self::Account => "SAM\\Domains\\Account\\Aliases",
        }
    }
}

/// A local group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// Where it belongs.
    pub domain: Domain,
    /// Its number in the domain: 544 is Administrators in any language.
    pub rid: u32,
    /// Its name, which Windows translates (`Administratoren`).
    pub name: String,
    /// Its description.
    pub comment: String,
    /// Its members in stored order.
    pub members: Vec<Sid>,
}

/// Why a group cannot be read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SamError {
    /// The hive itself is at fault.
    #[error(transparent)]
    Hive(#[from] HiveError),
    /// There is no such group.
    #[error("there is no group {rid} in the {domain:?} domain of this machine")]
    NoSuchGroup {
        /// Domain.
        domain: Domain,
        /// RID.
        rid: u32,
    },
    /// The `C` value is damaged.
    #[error(
        "group {rid} in the {domain:?} domain is damaged: its descriptor points outside itself"
    )]
    Damaged {
        /// Domain.
        domain: Domain,
        /// RID.
        rid: u32,
    },
    /// A member is no SID.
    #[error("a member of group {rid} in the {domain:?} domain is no SID")]
    Member {
        /// Domain.
        domain: Domain,
        /// RID.
        rid: u32,
        /// Why.
        #[source]
        source: SidError,
    },
    /// A SID without a relative id cannot be a member.
    #[error("{0} cannot be a member: it has no relative id")]
    NotAMember(Sid),
    /// The SID of the machine cannot be read.
    #[error("the machine SID in SAM\\Domains\\Account is missing or damaged")]
    MachineSid,
    /// An account is not what Windows writes.
    #[error("the local account {rid} is missing or damaged")]
    Account {
        /// RID.
        rid: u32,
    },
    /// The name or the number of a new account is in use.
    #[error("the number {rid} or its name belongs to another local account")]
    Taken {
        /// RID.
        rid: u32,
    },
    /// Passwords are kept by another scheme.
    #[error(
        "passwords in SAM are not kept by the AES scheme of Windows 10 1607 and later, or SYSTEM and SAM are of different machines"
    )]
    Scheme,
}

/// Offset of the data behind the header of a `C` value.
const HEADER: usize = 52;
const NAME: usize = 16;
const COMMENT: usize = 28;
const MEMBERS: usize = 40;

/// The machine SID, from the end of `SAM\Domains\Account\V`.
///
/// # Errors
/// When it is missing.
pub fn machine_sid(sam: &Hive) -> Result<Sid, SamError> {
    let value = match sam.key("SAM\\Domains\\Account")? {
        Some(key) => key.value("V")?,
        None => None,
    };
    let data = value.ok_or(SamError::MachineSid)?.data()?;
    let sid = data.len().checked_sub(24).map(|at| &data[at..]);
    sid.and_then(|bytes| Sid::from_bytes(bytes).ok())
        .ok_or(SamError::MachineSid)
}

/// All local groups, Builtin first, by RID.
///
/// # Errors
/// When a group is damaged.
pub fn aliases(sam: &Hive) -> Result<Vec<Alias>, SamError> {
    let mut found = Vec::new();
    for domain in [Domain::Builtin, Domain::Account] {
        let Some(key) = sam.key(domain.aliases())? else {
            continue;
        };
        for subkey in key.subkeys()? {
            let name = subkey.name();
            if name.len() == 8
                && let Ok(rid) = u32::from_str_radix(&name, 16)
            {
                found.push(read_alias(&subkey, domain, rid)?);
            }
        }
    }
    Ok(found)
}

/// One local group.
///
/// # Errors
/// When it does not exist or is damaged.
pub fn alias(sam: &Hive, domain: Domain, rid: u32) -> Result<Alias, SamError> {
    let key = sam
        .key(&alias_path(domain, rid))?
        .ok_or(SamError::NoSuchGroup { domain, rid })?;
    read_alias(&key, domain, rid)
}

/// Adds `member`. Answers whether it was not a member before.
///
/// # Errors
/// When the group does not exist or is damaged.
pub fn add_member(
    edit: &mut Editor<'_>,
    domain: Domain,
    rid: u32,
    member: &Sid,
) -> Result<bool, SamError> {
    let mut members = alias(edit.hive(), domain, rid)?.members;
    if members.contains(member) {
        return Ok(false);
    }
    members.push(member.clone());
    set_members(edit, domain, rid, &members)?;
    Ok(true)
}

/// Takes `member` out. Answers whether it was one.
///
/// # Errors
/// When the group does not exist or is damaged.
pub fn remove_member(
    edit: &mut Editor<'_>,
    domain: Domain,
    rid: u32,
    member: &Sid,
) -> Result<bool, SamError> {
    let mut members = alias(edit.hive(), domain, rid)?.members;
    let before = members.len();
    members.retain(|one| one != member);
    if members.len() == before {
        return Ok(false);
    }
    set_members(edit, domain, rid, &members)?;
    Ok(true)
}

/// Puts `new` in the place of `old`; `old` just goes when `new` is a member already.
/// Answers whether `old` was a member.
///
/// # Errors
/// When the group does not exist or is damaged.
pub fn replace_member(
    edit: &mut Editor<'_>,
    domain: Domain,
    rid: u32,
    old: &Sid,
    new: &Sid,
) -> Result<bool, SamError> {
    let mut members = alias(edit.hive(), domain, rid)?.members;
    let Some(place) = members.iter().position(|one| one == old) else {
        return Ok(false);
    };
    if members.contains(new) {
        members.remove(place);
    } else {
        members[place] = new.clone();
    }
    set_members(edit, domain, rid, &members)?;
    Ok(true)
}

/// Makes `members` the members of the group, in this order.
///
/// # Errors
/// When the group does not exist or is damaged.
pub fn set_members(
    edit: &mut Editor<'_>,
    domain: Domain,
    rid: u32,
    members: &[Sid],
) -> Result<(), SamError> {
    if let Some(bad) = members.iter().find(|sid| sid.rid().is_none()) {
        return Err(SamError::NotAMember(bad.clone()));
    }
    let before = alias(edit.hive(), domain, rid)?.members;
    let path = alias_path(domain, rid);
    let c = c_value(edit.hive(), &path)?.ok_or(SamError::NoSuchGroup { domain, rid })?;
    let bytes = with_members(&c.bytes, members).ok_or(SamError::Damaged { domain, rid })?;
    edit.set_value(&path, "C", &RegValue::new(c.kind, bytes))?;
    for gone in before.iter().filter(|sid| !members.contains(sid)) {
        change_index(edit, domain, gone, |groups| {
            groups.retain(|group| *group != rid);
        })?;
    }
    for come in members.iter().filter(|sid| !before.contains(sid)) {
        change_index(edit, domain, come, |groups| {
            if let Err(place) = groups.binary_search(&rid) {
                groups.insert(place, rid);
            }
        })?;
    }
    Ok(())
}

/// The groups of `domain` that the index under `Members` says `member` is in.
///
/// # Errors
/// When the index is damaged.
pub fn groups_of(sam: &Hive, domain: Domain, member: &Sid) -> Result<Vec<u32>, SamError> {
    let (_, path) = index_paths(domain, member)?;
    Ok(read_index(sam, &path)?)
}

// ---- the C value ----

fn alias_path(domain: Domain, rid: u32) -> String {
    format!("{}\\{rid:08X}", domain.aliases())
}

fn c_value(sam: &Hive, path: &str) -> Result<Option<RegValue>, HiveError> {
    value_of(sam, path, "C")
}

fn value_of(sam: &Hive, path: &str, name: &str) -> Result<Option<RegValue>, HiveError> {
    match sam.key(path)? {
        Some(key) => key.value(name)?.map(|value| value.to_owned()).transpose(),
        None => Ok(None),
    }
}

fn read_alias(key: &Key<'_>, domain: Domain, rid: u32) -> Result<Alias, SamError> {
    let damaged = || SamError::Damaged { domain, rid };
    let c = key.value("C")?.ok_or_else(damaged)?.data()?;
    let text = |field| {
        part(&c, field).map(|bytes| String::from_utf16_lossy(&units(bytes).collect::<Vec<_>>()))
    };
    let mut members = Vec::new();
    let mut rest = part(&c, MEMBERS).ok_or_else(damaged)?;
    for _ in 0..u32_at(&c, MEMBERS + 8).ok_or_else(damaged)? {
        let (sid, len) = Sid::parse(rest).map_err(|source| SamError::Member {
            domain,
            rid,
            source,
        })?;
        members.push(sid);
        rest = &rest[len..];
    }
    Ok(Alias {
        domain,
        rid,
        name: text(NAME).ok_or_else(damaged)?,
        comment: text(COMMENT).ok_or_else(damaged)?,
        members,
    })
}

/// The bytes a descriptor in the header points to.
fn part(c: &[u8], field: usize) -> Option<&[u8]> {
    let start = HEADER.checked_add(u32_at(c, field)? as usize)?;
    c.get(start..start.checked_add(u32_at(c, field + 4)? as usize)?)
}

/// The value with other members. They are last in what Windows writes; if
/// something follows them here, they move behind it.
fn with_members(c: &[u8], members: &[Sid]) -> Option<Vec<u8>> {
    let start = u32_at(c, MEMBERS)? as usize;
    let end = start.checked_add(u32_at(c, MEMBERS + 4)? as usize)?;
    part(c, MEMBERS)?;
    let mut bytes = c.to_vec();
    if (c.len() - HEADER).saturating_sub(end) < 4 {
        bytes.truncate(HEADER + start);
    } else {
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    let place = bytes.len() - HEADER;
    for member in members {
        bytes.extend(member.as_bytes());
    }
    let len = bytes.len() - HEADER - place;
    put_u32(&mut bytes, MEMBERS, place as u32)?;
    put_u32(&mut bytes, MEMBERS + 4, len as u32)?;
    put_u32(&mut bytes, MEMBERS + 8, members.len() as u32)?;
    Some(bytes)
}

// ---- the index under Members ----

fn index_paths(domain: Domain, member: &Sid) -> Result<(String, String), SamError> {
    match (member.domain(), member.rid()) {
        (Some(above), Some(rid)) => {
            let key = format!("{}\\Members\\{above}", domain.aliases());
            let path = format!("{key}\\{rid:08X}");
            Ok((key, path))
        }
        _ => Err(SamError::NotAMember(member.clone())),
    }
}

fn read_index(sam: &Hive, path: &str) -> Result<Vec<u32>, HiveError> {
    let value = match sam.key(path)? {
        Some(key) => key.value("")?,
        None => None,
    };
    Ok(match value {
        Some(value) => value
            .data()?
            .chunks_exact(4)
            .filter_map(|quad| u32_at(quad, 0))
            .collect(),
        None => Vec::new(),
    })
}

fn change_index(
    edit: &mut Editor<'_>,
    domain: Domain,
    member: &Sid,
    change: impl FnOnce(&mut Vec<u32>),
) -> Result<(), SamError> {
    let (above, path) = index_paths(domain, member)?;
    let top = format!("{}\\Members", domain.aliases());
    let counted = counts_subkeys(edit.hive(), &top)?;
    let mut groups = read_index(edit.hive(), &path)?;
    change(&mut groups);
    if groups.is_empty() {
        edit.delete_key(&path)?;
    } else {
        edit.create_key(&path)?;
        let bytes: Vec<u8> = groups.iter().flat_map(|rid| rid.to_le_bytes()).collect();
        // The number of groups is kept as the type.
        edit.set_value(&path, "", &RegValue::new(groups.len() as u32, bytes))?;
    }
    let left = edit.hive().key(&above)?.map_or(0, |key| key.subkey_count());
    if left == 0 {
        edit.delete_key(&above)?;
    } else {
        edit.set_value(&above, "", &RegValue::new(left, Vec::new()))?;
    }
    if counted && let Some(key) = edit.hive().key(&top)? {
        let count = key.subkey_count();
        edit.set_value(&top, "", &RegValue::new(count, Vec::new()))?;
    }
    Ok(())
}

/// Whether the key keeps the number of its subkeys as the type of its default value.
fn counts_subkeys(sam: &Hive, path: &str) -> Result<bool, HiveError> {
    let Some(key) = sam.key(path)? else {
        return Ok(false);
    };
    Ok(key
        .value("")?
        .is_some_and(|value| value.kind() == key.subkey_count() && value.kind() != kind::NONE))
}

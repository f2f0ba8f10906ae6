//! The fallback administrator: a local account in SAM, made while the device is still where it
//! came from, and switched off again by the way back.
//!
//! The hive is replaced as a whole (see [`super::hivefile`]), so the account is there with its
//! password and its membership, or not at all, whenever the power goes.

use super::{files, hivefile, hivefile::Place, registry, registry::Named};
use gw_hive::{
    FileTime, Hive, lsa,
    sam::{
        SamError,
        accounts::{self, AccountImage, NewAdministrator},
        hash::{NtHash, SamKey},
    },
};
use gw_platform::{Before, BlobRef, Cx, MachineError, Secret};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::Path;
use zeroize::Zeroizing;

/// What is known of the account before it is made.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Plan {
    /// Its number: its own, or one that is free.
    rid: u32,
    /// There was an account of this name; the undo store has what it was.
    existed: bool,
    /// It was an administrator.
    member: bool,
}

/// The account as it was, in the undo store: its `F`, then its `V`.
const WAS: &str = "account";

/// Looks at the account and saves what it was.
pub(super) fn prepare(
    root: &Path,
    name: &str,
    cx: &mut Cx<'_>,
) -> Result<(Plan, Option<BlobRef>), MachineError> {
    let sam = hivefile::open(root, &registry::config("SAM")?)?;
    // An older scheme is met here, before anything is changed.
    key(root, &sam)?;
    let Some(known) = accounts::account(&sam, name).map_err(failed)? else {
        let rid = accounts::free_rid(&sam).map_err(failed)?;
        return Ok((
            Plan {
                rid,
                existed: false,
                member: false,
            },
            None,
        ));
    };
    let image = accounts::account_image(&sam, known.rid)
        .map_err(failed)?
        .ok_or_else(|| failed(SamError::Account { rid: known.rid }))?;
    let mut bytes = (image.f.len() as u32).to_le_bytes().to_vec();
    bytes.extend(&image.f);
    bytes.extend(&image.v);
    let blob = hivefile::save(cx, WAS, &bytes)?;
    Ok((
        Plan {
            rid: known.rid,
            existed: true,
            member: known.administrator,
        },
        Some(blob),
    ))
}

/// Makes the account, or gives the one that is there the password and the membership.
pub(super) fn make(
    place: &Place<'_>,
    at: FileTime,
    before: &Before,
    name: &str,
    password: &Secret,
) -> Result<(), MachineError> {
    let plan = plan(before)?;
    let text = text(name, password)?;
    // A repeated change gives the same bytes: the salt follows from what is written and when.
    let digest = Sha256::new()
        .chain_update(at.0.to_le_bytes())
        .chain_update(name.as_bytes())
        .chain_update(password.expose())
        .finalize();
    let mut salt = [0; 16];
    salt.copy_from_slice(&digest[..16]);
    let new = NewAdministrator {
        name,
        rid: plan.rid,
        hash: NtHash::of(&text),
        salt,
    };
    hivefile::rewrite(place, &registry::config("SAM")?, at, &|hive, at| {
        let key = key(place.root, hive)?;
        let mut edit = hive.edit(at).map_err(|error| failed(error.into()))?;
        accounts::make_administrator(&mut edit, &key, &new).map_err(failed)
    })
}

/// Makes an account that was there what it was; switches a new one off and takes it out of the
/// group. It stays: nothing is deleted.
pub(super) fn take_back(
    place: &Place<'_>,
    at: FileTime,
    before: &Before,
    name: &str,
    cx: &Cx<'_>,
) -> Result<(), MachineError> {
    let plan = plan(before)?;
    let was = match plan.existed {
        true => Some(saved(before, cx)?),
        false => None,
    };
    hivefile::rewrite(place, &registry::config("SAM")?, at, &|hive, at| {
        let made = accounts::account(hive, name).map_err(failed)?;
        if made.is_none_or(|account| account.rid != plan.rid) {
            return Ok(());
        }
        let mut edit = hive.edit(at).map_err(|error| failed(error.into()))?;
        match &was {
            Some(image) => accounts::put_account(&mut edit, plan.rid, image),
            None => accounts::set_enabled(&mut edit, plan.rid, false),
        }
        .map_err(failed)?;
        match plan.member {
            true => Ok(()),
            false => accounts::set_administrator(&mut edit, plan.rid, false).map_err(failed),
        }
    })
}

/// Whether Windows would let `name` in as an administrator: the account is on, its hash is the
/// password's, and it is in the group. Read from the volume, not from what was written.
pub(super) fn prove(root: &Path, name: &str, password: &Secret) -> Result<(), MachineError> {
    let refused = |why: &str| MachineError::Refused {
        target: format!("the local account {name}"),
        why: why.to_owned(),
    };
    let sam = hivefile::open(root, &registry::config("SAM")?)?;
    let account = accounts::account(&sam, name)
        .map_err(failed)?
        .ok_or_else(|| refused("it does not exist"))?;
    if !account.enabled {
        return Err(refused("it is switched off or locked"));
    }
    if !account.administrator {
        return Err(refused("it is not among the Administrators"));
    }
    let key = key(root, &sam)?;
    let text = text(name, password)?;
    match accounts::password_is(&sam, &key, account.rid, &text).map_err(failed)? {
        true => Ok(()),
        false => Err(refused("the password is another one")),
    }
}

fn key(root: &Path, sam: &Hive) -> Result<SamKey, MachineError> {
    let system = Named::open(root, registry::config("SYSTEM")?)?;
    let boot = lsa::boot_key(&system.hive).map_err(|error| MachineError::Damaged {
        object: system.path.to_string(),
        why: error.to_string(),
    })?;
    SamKey::open(sam, &boot).map_err(failed)
}

fn text(name: &str, password: &Secret) -> Result<Zeroizing<String>, MachineError> {
    std::str::from_utf8(password.expose())
        .map(|text| Zeroizing::new(text.to_owned()))
        .map_err(|_| MachineError::Unexpected {
            object: format!("the password of the local account {name}"),
            why: "it is not text".into(),
        })
}

fn plan(before: &Before) -> Result<Plan, MachineError> {
    let value = before.data.get("value").cloned().unwrap_or_default();
    serde_json::from_value(value).map_err(|error| damaged(error.to_string()))
}

fn saved(before: &Before, cx: &Cx<'_>) -> Result<AccountImage, MachineError> {
    let bytes = files::read_blob(before, WAS, cx)?;
    let read = || {
        let (head, rest) = bytes.split_first_chunk::<4>()?;
        let (f, v) = rest.split_at_checked(u32::from_le_bytes(*head) as usize)?;
        Some(AccountImage {
            f: f.to_vec(),
            v: v.to_vec(),
        })
    };
    read().ok_or_else(|| damaged("it is too short".into()))
}

fn damaged(why: String) -> MachineError {
    MachineError::Damaged {
        object: "the before-image of a local account".into(),
        why,
    }
}

fn failed(error: SamError) -> MachineError {
    match error {
        SamError::Scheme => MachineError::Unsupported {
            what: format!("be given a fallback administrator: {error}"),
        },
        SamError::Taken { .. } => MachineError::Unexpected {
            object: "the local accounts (SAM)".into(),
            why: error.to_string(),
        },
        error => MachineError::Damaged {
            object: "the local accounts (SAM)".into(),
            why: error.to_string(),
        },
    }
}

//! Lets ntfs-3g store the descriptors that are new on the volume.
//!
//! What must stay true: nothing here allocates on the volume itself; each new descriptor is
//! given to one file that is to have it, so every state in between is one that a run may
//! leave; what ntfs-3g has stored is read back, from the blocks, before it is relied upon.

use super::{device::Device, error::VolumeError, report::LeftAlone};
use crate::linux::{acl, mount};
use gw_ntfs::{Fate, Handle, Plan, Security, Volume};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// What became of the descriptors that are new.
#[derive(Debug, Default)]
pub(super) struct Stored {
    /// Old id to new id, for the records in scope.
    pub(super) moves: BTreeMap<u32, u32>,
    /// What ntfs-3g did not take.
    pub(super) failed: Vec<LeftAlone>,
}

/// One descriptor to be stored, and the file to give it to.
struct Gift<'p> {
    /// The id it replaces; `None` for a descriptor of the file's own.
    id: Option<u32>,
    file: &'p Handle,
    descriptor: &'p [u8],
    files: u64,
}

/// Whether ntfs-3g is needed at all.
pub(super) fn is_needed(plan: &Plan) -> bool {
    gifts(plan).next().is_some()
}

/// Mounts the volume and stores what is new.
pub(super) fn store(image: &Path, point: &Path, plan: &Plan) -> Result<Stored, VolumeError> {
    let mut stored = Stored::default();
    let mounted =
        mount::Volume::open(image, point).map_err(|error| VolumeError::Mount(error.to_string()))?;
    let mut done: BTreeSet<&[u8]> = BTreeSet::new();
    let mut refused: BTreeMap<&[u8], String> = BTreeMap::new();
    for gift in gifts(plan) {
        // One file is enough for a descriptor; but one in a file's own record must go itself.
        if gift.id.is_some() && done.contains(gift.descriptor) {
            continue;
        }
        let known = refused.get(gift.descriptor).cloned();
        let set = known.map_or_else(
            || {
                acl::write(&path(mounted.root(), gift.file), "", gift.descriptor)
                    .map_err(|error| error.to_string())
            },
            Err,
        );
        match set {
            Ok(()) => {
                done.insert(gift.descriptor);
            }
            Err(why) => {
                stored.failed.push(LeftAlone {
                    id: gift.id,
                    record: Some(gift.file.record),
                    files: gift.files,
                    why: format!("ntfs-3g does not take the new descriptor: {why}"),
                });
                refused.insert(gift.descriptor, why);
            }
        }
    }
    drop(mounted);
    let _ = fs::remove_dir(point);
    // What an ntfs-3g that lives on would write later must not meet our own writes.
    if mount::serves(image) {
        return Err(VolumeError::Mount(
            "ntfs-3g still runs after the volume was unmounted; end it, then give the same command again"
                .to_owned(),
        ));
    }
    Ok(stored)
}

/// Reads from the blocks under which ids everything was stored.
pub(super) fn read_back(
    volume: &Volume<Device>,
    plan: &Plan,
    stored: &mut Stored,
) -> Result<(), VolumeError> {
    let store = volume.secure()?;
    let failed: BTreeSet<(Option<u32>, Option<u64>)> = stored
        .failed
        .iter()
        .map(|one| (one.id, one.record))
        .collect();
    let mut by_bytes: BTreeMap<&[u8], u32> = BTreeMap::new();
    for gift in gifts(plan) {
        if failed.contains(&(gift.id, Some(gift.file.record))) {
            continue;
        }
        if gift.id.is_none() || !by_bytes.contains_key(gift.descriptor) {
            let missing = VolumeError::NotStored {
                record: gift.file.record,
            };
            let Some(Security::Id(id)) =
                volume.entry(gift.file.record)?.map(|entry| entry.security)
            else {
                return Err(missing);
            };
            if store.descriptor(volume, id)?.as_deref() != Some(gift.descriptor) {
                return Err(missing);
            }
            by_bytes.insert(gift.descriptor, id);
        }
        if let (Some(old), Some(&new)) = (gift.id, by_bytes.get(gift.descriptor)) {
            stored.moves.insert(old, new);
        }
    }
    Ok(())
}

fn gifts(plan: &Plan) -> impl Iterator<Item = Gift<'_>> {
    let shared = plan
        .descriptors
        .iter()
        .filter_map(|one| match (&one.fate, &one.after) {
            (Fate::New(file), Some(after)) => Some(Gift {
                id: Some(one.id),
                file,
                descriptor: after,
                files: one.in_scope,
            }),
            _ => None,
        });
    let own = plan.inline.iter().map(|one| Gift {
        id: None,
        file: &one.file,
        descriptor: &one.after,
        files: 1,
    });
    shared.chain(own)
}

fn path(root: &Path, file: &Handle) -> PathBuf {
    let mut path = root.to_path_buf();
    path.extend(&file.path);
    path
}

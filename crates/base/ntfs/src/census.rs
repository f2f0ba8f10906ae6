//! Who uses which descriptor, and which SIDs they hold.

use std::collections::BTreeMap;

use gw_secdesc::{Part, SdError, Sid, sids};

use crate::block::BlockRead;
use crate::error::NtfsError;
use crate::scan::Security;
use crate::volume::Volume;

/// A descriptor in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DistinctDescriptor {
    /// Its id in `$Secure`; `None` for one that lies in file records.
    pub id: Option<u32>,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// File records that use it.
    pub users: u64,
}

/// Everything in use on a volume, counted by one pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Census {
    /// Descriptors, those of `$Secure` by id, then those in file records by their bytes.
    /// Equal bytes with two ids are two.
    pub descriptors: Vec<DistinctDescriptor>,
    /// Files in use.
    pub files: u64,
    /// Folders in use.
    pub directories: u64,
    /// Records without any descriptor.
    pub unsecured: u64,
    /// Records about which header and bitmap disagree.
    pub bitmap_disagreements: u64,
}

/// How often a SID stands where, counted once for each distinct descriptor content.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SidUse {
    /// As owner.
    pub owner: u64,
    /// As group.
    pub group: u64,
    /// In the access list.
    pub dacl: u64,
    /// In the audit list.
    pub sacl: u64,
}

impl<R: BlockRead> Volume<R> {
    /// Counts the users of every descriptor.
    ///
    /// # Errors
    /// When a record or the descriptor store is damaged, or a file names an id the store lacks.
    pub fn census(&self) -> Result<Census, NtfsError> {
        let mut census = Census::default();
        let mut by_id: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
        let mut inline: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
        let mut records = self.records()?;
        for entry in &mut records {
            let entry = entry?;
            *(if entry.directory {
                &mut census.directories
            } else {
                &mut census.files
            }) += 1;
            match entry.security {
                Security::Id(id) => by_id.entry(id).or_insert((entry.reference.record, 0)).1 += 1,
                Security::Inline(bytes) => *inline.entry(bytes).or_default() += 1,
                Security::None => census.unsecured += 1,
            }
        }
        census.bitmap_disagreements = records.bitmap_disagreements();
        let store = self.secure()?;
        for (id, (record, users)) in by_id {
            let bytes = store
                .descriptor(self, id)?
                .ok_or(NtfsError::UnknownDescriptor { record, id })?;
            census.descriptors.push(DistinctDescriptor {
                id: Some(id),
                bytes,
                users,
            });
        }
        let inline = inline.into_iter().map(|(bytes, users)| DistinctDescriptor {
            id: None,
            bytes,
            users,
        });
        census.descriptors.extend(inline);
        Ok(census)
    }
}

impl Census {
    /// Counts every SID over the distinct descriptors. The second part names descriptors
    /// that are no descriptors, by their place in [`Census::descriptors`].
    #[must_use]
    pub fn sids(&self) -> (BTreeMap<Sid, SidUse>, Vec<(usize, SdError)>) {
        let mut uses: BTreeMap<Sid, SidUse> = BTreeMap::new();
        let mut unreadable = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        for (index, descriptor) in self.descriptors.iter().enumerate() {
            if !seen.insert(descriptor.bytes.as_slice()) {
                continue;
            }
            let mut found = Vec::new();
            if let Err(error) = sids(&descriptor.bytes, |role, sid| {
                found.push((role.part(), sid))
            }) {
                unreadable.push((index, error));
                continue;
            }
            for (part, sid) in found {
                let counts = uses.entry(sid).or_default();
                *(match part {
                    Part::Owner => &mut counts.owner,
                    Part::Group => &mut counts.group,
                    Part::Dacl => &mut counts.dacl,
                    Part::Sacl => &mut counts.sacl,
                }) += 1;
            }
        }
        (uses, unreadable)
    }
}

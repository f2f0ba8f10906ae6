//! `$Secure`: every distinct descriptor of the volume, once.

use std::collections::{BTreeMap, BTreeSet};

use crate::attribute::DATA;
use crate::block::BlockRead;
use crate::bytes::{u32_at, u64_at};
use crate::error::NtfsError;
use crate::index;
use crate::stream::Stream;
use crate::volume::{SECURE, Volume};

/// Every block of this many bytes of `$SDS` is followed by a copy of itself.
pub(crate) const BLOCK: u64 = 0x4_0000;
pub(crate) const HEADER: usize = 20;

/// Where a descriptor lies in `$SDS`, as the index by id has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SdsEntry {
    /// Hash of the descriptor ([`descriptor_hash`]).
    pub hash: u32,
    /// Security id.
    pub id: u32,
    /// Offset of the entry in `$SDS`.
    pub offset: u64,
    /// Length in bytes with its header of 20.
    pub length: u32,
}

impl SdsEntry {
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            hash: u32_at(bytes, 0)?,
            id: u32_at(bytes, 4)?,
            offset: u64_at(bytes, 8)?,
            length: u32_at(bytes, 16)?,
        })
    }

    /// The 20 bytes that stand for it in the stream and in both indexes.
    pub(crate) fn bytes(&self) -> [u8; HEADER] {
        let mut out = [0; HEADER];
        out[..4].copy_from_slice(&self.hash.to_le_bytes());
        out[4..8].copy_from_slice(&self.id.to_le_bytes());
        out[8..16].copy_from_slice(&self.offset.to_le_bytes());
        out[16..].copy_from_slice(&self.length.to_le_bytes());
        out
    }

    /// Whether it lies inside one primary block.
    fn is_placed(&self) -> bool {
        let inside = self.offset % (2 * BLOCK);
        u64::from(self.length) > HEADER as u64 && inside + u64::from(self.length) <= BLOCK
    }
}

/// Something in `$Secure` that does not hold together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum SecureFault {
    /// The entry at its place in `$SDS` is another one than the index says.
    Entry {
        /// Security id.
        id: u32,
    },
    /// The hash does not fit the descriptor.
    Hash {
        /// Security id.
        id: u32,
    },
    /// The copy of the entry differs.
    Mirror {
        /// Security id.
        id: u32,
    },
    /// The index by hash lacks the descriptor or says something else about it.
    HashIndex {
        /// Security id.
        id: u32,
    },
    /// An entry of `$SDS` that the index by id does not have.
    Unindexed {
        /// Security id.
        id: u32,
    },
    /// The index by id is out of order or malformed near this id.
    IdOrder {
        /// Security id.
        id: u32,
    },
    /// The index by hash is out of order or malformed near this id.
    HashOrder {
        /// Security id.
        id: u32,
    },
}

impl std::fmt::Display for SecureFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Entry { id } => write!(f, "descriptor {id} is not where the index by id says"),
            Self::Hash { id } => write!(f, "the hash of descriptor {id} is wrong"),
            Self::Mirror { id } => {
                write!(f, "the copy of descriptor {id} differs from the original")
            }
            Self::HashIndex { id } => {
                write!(f, "the index by hash disagrees about descriptor {id}")
            }
            Self::Unindexed { id } => write!(f, "descriptor {id} is stored but not indexed"),
            Self::IdOrder { id } => write!(f, "the index by id is out of order at {id}"),
            Self::HashOrder { id } => write!(f, "the index by hash is out of order at {id}"),
        }
    }
}

/// The hash by which NTFS finds equal descriptors: each little-endian word added to the
/// hash so far, rotated left by 3. Bytes after the last whole word do not count.
#[must_use]
pub fn descriptor_hash(descriptor: &[u8]) -> u32 {
    descriptor.chunks_exact(4).fold(0u32, |hash, word| {
        u32::from_le_bytes([word[0], word[1], word[2], word[3]]).wrapping_add(hash.rotate_left(3))
    })
}

/// The descriptor store: its index in memory, descriptors read when asked for.
#[derive(Debug)]
pub struct SecureStore {
    entries: BTreeMap<u32, SdsEntry>,
    by_hash: BTreeMap<u32, SdsEntry>,
    sds: Stream,
    faults: BTreeSet<SecureFault>,
}

impl SecureStore {
    pub(crate) fn load<R: BlockRead>(volume: &Volume<R>) -> Result<Self, NtfsError> {
        let record = volume.known(SECURE)?;
        let missing = NtfsError::Missing {
            record: SECURE,
            what: "$SDS stream",
        };
        let sds = volume.stream(&record, DATA, "$SDS")?.ok_or(missing)?;
        // Holes could make it endless.
        if sds.size() > volume.boot().clusters * u64::from(volume.boot().cluster_size) {
            return Err(NtfsError::Sds {
                offset: 0,
                what: "the stream is larger than the volume",
            });
        }
        let mut store = Self {
            entries: BTreeMap::new(),
            by_hash: BTreeMap::new(),
            sds,
            faults: BTreeSet::new(),
        };
        let mut last = None;
        index::walk(volume, &record, "$SII", |entry| {
            let id = u32_at(entry.key, 0).unwrap_or(0);
            let parsed = entry
                .data()
                .and_then(SdsEntry::parse)
                .filter(|parsed| parsed.id == id);
            if last.is_some_and(|last| last >= id) || parsed.is_none() {
                store.faults.insert(SecureFault::IdOrder { id });
            }
            last = Some(id);
            store.entries.extend(parsed.map(|parsed| (id, parsed)));
        })?;
        let mut last = None;
        index::walk(volume, &record, "$SDH", |entry| {
            let key = (
                u32_at(entry.key, 0).unwrap_or(0),
                u32_at(entry.key, 4).unwrap_or(0),
            );
            let parsed = entry
                .data()
                .and_then(SdsEntry::parse)
                .filter(|parsed| (parsed.hash, parsed.id) == key);
            if last.is_some_and(|last| last >= key) || parsed.is_none() {
                store.faults.insert(SecureFault::HashOrder { id: key.1 });
            }
            last = Some(key);
            store.by_hash.extend(parsed.map(|parsed| (key.1, parsed)));
        })?;
        Ok(store)
    }

    /// Every indexed descriptor, by id.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &SdsEntry> {
        self.entries.values()
    }

    /// The stream of descriptors.
    pub(crate) fn sds(&self) -> &Stream {
        &self.sds
    }

    /// Where the descriptor of an id lies.
    #[must_use]
    pub fn entry(&self, id: u32) -> Option<&SdsEntry> {
        self.entries.get(&id)
    }

    /// The descriptor of an id; `None` when the store has none.
    ///
    /// # Errors
    /// When the entry is not what the index says, or its hash is wrong.
    pub fn descriptor<R: BlockRead>(
        &self,
        volume: &Volume<R>,
        id: u32,
    ) -> Result<Option<Vec<u8>>, NtfsError> {
        let Some(entry) = self.entries.get(&id) else {
            return Ok(None);
        };
        let sds = |what| NtfsError::Sds {
            offset: entry.offset,
            what,
        };
        let bytes = self
            .read(volume, entry, 0)?
            .ok_or_else(|| sds("the entry is outside"))?;
        if SdsEntry::parse(&bytes) != Some(*entry) {
            return Err(sds("the entry is another one than the index says"));
        }
        let descriptor = bytes[HEADER..].to_vec();
        if descriptor_hash(&descriptor) != entry.hash {
            return Err(sds("the hash does not fit the descriptor"));
        }
        Ok(Some(descriptor))
    }

    /// Compares stream, copies and both indexes with each other; empty when all is well.
    ///
    /// # Errors
    /// When blocks cannot be read.
    pub fn verify<R: BlockRead>(&self, volume: &Volume<R>) -> Result<Vec<SecureFault>, NtfsError> {
        let mut faults = self.faults.clone();
        for (&id, entry) in &self.entries {
            if self.by_hash.get(&id) != Some(entry) {
                faults.insert(SecureFault::HashIndex { id });
            }
            let Some(primary) = self
                .read(volume, entry, 0)?
                .filter(|bytes| SdsEntry::parse(bytes) == Some(*entry))
            else {
                faults.insert(SecureFault::Entry { id });
                continue;
            };
            if descriptor_hash(&primary[HEADER..]) != entry.hash {
                faults.insert(SecureFault::Hash { id });
            }
            if self.read(volume, entry, BLOCK)?.as_ref() != Some(&primary) {
                faults.insert(SecureFault::Mirror { id });
            }
        }
        for &id in self
            .by_hash
            .keys()
            .filter(|id| !self.entries.contains_key(id))
        {
            faults.insert(SecureFault::HashIndex { id });
        }
        self.find_unindexed(volume, &mut faults)?;
        Ok(faults.into_iter().collect())
    }

    /// Follows the chain of entries in each primary block.
    fn find_unindexed<R: BlockRead>(
        &self,
        volume: &Volume<R>,
        faults: &mut BTreeSet<SecureFault>,
    ) -> Result<(), NtfsError> {
        let mut base = 0;
        let mut block = Vec::new();
        while base < self.sds.size() {
            block.resize((self.sds.size() - base).min(BLOCK) as usize, 0);
            self.sds
                .read_at(volume.reader(), volume.boot(), base, &mut block)?;
            let mut at = 0;
            while let Some(entry) = block.get(at..).and_then(SdsEntry::parse) {
                // The rest of a block is zero; an entry elsewhere than it says ends the chain.
                if entry.offset != base + at as u64 || !entry.is_placed() {
                    break;
                }
                if self.entries.get(&entry.id) != Some(&entry) {
                    faults.insert(SecureFault::Unindexed { id: entry.id });
                }
                at += (entry.length as usize).next_multiple_of(16);
            }
            base += 2 * BLOCK;
        }
        Ok(())
    }

    /// The bytes of an entry or, `shift` bytes behind, of its copy.
    fn read<R: BlockRead>(
        &self,
        volume: &Volume<R>,
        entry: &SdsEntry,
        shift: u64,
    ) -> Result<Option<Vec<u8>>, NtfsError> {
        let end = entry
            .offset
            .checked_add(shift)
            .and_then(|at| at.checked_add(entry.length.into()));
        if !entry.is_placed() || end.is_none_or(|end| end > self.sds.size()) {
            return Ok(None);
        }
        let mut bytes = vec![0; entry.length as usize];
        self.sds.read_at(
            volume.reader(),
            volume.boot(),
            entry.offset + shift,
            &mut bytes,
        )?;
        Ok(Some(bytes))
    }
}

impl<R: BlockRead> Volume<R> {
    /// The descriptor store.
    ///
    /// # Errors
    /// When `$Secure` or one of its indexes is missing or damaged.
    pub fn secure(&self) -> Result<SecureStore, NtfsError> {
        SecureStore::load(self)
    }
}

//! Puts other bytes of the same length into the descriptor store.
//!
//! What must stay true: entry and copy, the index by id and the index by hash tell the same
//! afterwards, and the trees keep their shape. The index by hash is sorted by what changes,
//! so its entries (all of one size) change places: the sorted list is dealt out again over
//! the same slots, and no node grows, shrinks or moves.

use std::collections::BTreeMap;

use crate::attribute::{INDEX_ALLOCATION, INDEX_ROOT};
use crate::block::BlockRead;
use crate::edit::Edits;
use crate::error::NtfsError;
use crate::index::{self, KEY, Place};
use crate::record::Record;
use crate::secure::{BLOCK, HEADER, SdsEntry, descriptor_hash};
use crate::stream::Stream;
use crate::sweep::raw_attributes;
use crate::volume::{SECURE, Volume};
use crate::write::BlockWrite;

/// Where the entry of a descriptor lies in an index.
#[derive(Debug, Clone, Copy)]
struct Slot {
    place: Place,
    data_at: usize,
    entry: SdsEntry,
}

/// An index of `$Secure`, ready to be changed.
struct Index {
    name: &'static str,
    slots: Vec<Slot>,
    blocks: Option<Stream>,
    /// File record that holds the root, and the offset of its value there.
    root: (u64, usize),
}

impl<R: BlockRead> Volume<R> {
    /// The writes that put the given descriptors, by id, in the place of those there are.
    ///
    /// # Errors
    /// When a descriptor is not there or has another length, or `$Secure` is damaged.
    pub fn patch_descriptors(
        &self,
        patches: &BTreeMap<u32, Vec<u8>>,
    ) -> Result<Vec<BlockWrite>, NtfsError> {
        if patches.is_empty() {
            return Ok(Vec::new());
        }
        let store = self.secure()?;
        let mut edits = Edits::default();
        let mut hashes = BTreeMap::new();
        for (&id, descriptor) in patches {
            let entry = *store
                .entry(id)
                .ok_or(NtfsError::UnknownDescriptor { record: SECURE, id })?;
            if entry.length as usize != descriptor.len() + HEADER {
                return Err(NtfsError::Sds {
                    offset: entry.offset,
                    what: "the new descriptor has another length",
                });
            }
            let hash = descriptor_hash(descriptor);
            hashes.insert(id, hash);
            for copy in [entry.offset, entry.offset + BLOCK] {
                let place = edits.plain(self, store.sds(), copy, entry.length as usize)?;
                place[..4].copy_from_slice(&hash.to_le_bytes());
                place[HEADER..].copy_from_slice(descriptor);
            }
        }
        let changed = |entry: SdsEntry| SdsEntry {
            hash: hashes.get(&entry.id).copied().unwrap_or(entry.hash),
            ..entry
        };
        let base = self.known(SECURE)?;
        let by_id = self.secure_index(&base, "$SII")?;
        for slot in &by_id.slots {
            let entry = changed(slot.entry);
            if entry != slot.entry {
                self.put(&mut edits, &by_id, slot, entry)?;
            }
        }
        let by_hash = self.secure_index(&base, "$SDH")?;
        let mut sorted: Vec<SdsEntry> = by_hash
            .slots
            .iter()
            .map(|slot| changed(slot.entry))
            .collect();
        sorted.sort_unstable_by_key(|entry| (entry.hash, entry.id));
        for (slot, entry) in by_hash.slots.iter().zip(sorted) {
            if entry != slot.entry {
                self.put(&mut edits, &by_hash, slot, entry)?;
            }
        }
        Ok(edits.finish())
    }

    /// Writes an entry into a slot: its key, and its data.
    fn put(
        &self,
        edits: &mut Edits,
        index: &Index,
        slot: &Slot,
        entry: SdsEntry,
    ) -> Result<(), NtfsError> {
        let (bytes, base) = match (slot.place.block, &index.blocks) {
            (None, _) => (edits.record(self, index.root.0)?, index.root.1),
            (Some((offset, len)), Some(stream)) => {
                (edits.index_block(self, stream, offset, len)?, 0)
            }
            (Some(_), None) => return Err(malformed(index.name)),
        };
        let at = base + slot.place.at;
        let data = at + slot.data_at;
        let mut write = |at: usize, value: &[u8]| -> Result<(), NtfsError> {
            bytes
                .get_mut(at..at + value.len())
                .ok_or_else(|| malformed(index.name))?
                .copy_from_slice(value);
            Ok(())
        };
        if index.name == "$SDH" {
            write(at + KEY, &entry.hash.to_le_bytes())?;
            write(at + KEY + 4, &entry.id.to_le_bytes())?;
        }
        write(data, &entry.bytes())
    }

    fn secure_index(&self, base: &Record, name: &'static str) -> Result<Index, NtfsError> {
        let (mut slots, mut sound) = (Vec::new(), true);
        let key_bytes = if name == "$SDH" { 8 } else { 4 };
        index::walk(self, base, name, |entry| {
            match entry.data().and_then(SdsEntry::parse) {
                Some(parsed) if entry.key.len() == key_bytes => slots.push(Slot {
                    place: entry.place,
                    data_at: entry.data_at(),
                    entry: parsed,
                }),
                _ => sound = false,
            }
        })?;
        if !sound {
            return Err(malformed(name));
        }
        Ok(Index {
            name,
            slots,
            blocks: self.stream(base, INDEX_ALLOCATION, name)?,
            root: self.root_place(base, name)?,
        })
    }

    /// The file record with the root of an index of `$Secure`, and where its value begins there.
    fn root_place(&self, base: &Record, name: &'static str) -> Result<(u64, usize), NtfsError> {
        let mut holders = vec![base.number];
        if let Some(list) = self.attribute_list(base)? {
            holders.extend(list.iter().map(|entry| entry.record));
            holders.dedup();
        }
        for number in holders {
            let Some(record) = self.record(number)? else {
                continue;
            };
            let mut found = None;
            raw_attributes(record.bytes(), |attribute| {
                let same = attribute
                    .name()
                    .chunks_exact(2)
                    .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
                    .eq(name.encode_utf16());
                if attribute.kind == INDEX_ROOT && same {
                    found = found.or(attribute.resident().map(|(at, _)| at));
                }
            })
            .map_err(|what| NtfsError::Record {
                record: number,
                what,
            })?;
            if let Some(at) = found {
                return Ok((number, at));
            }
        }
        Err(malformed(name))
    }

    /// The writes that mark the volume for chkdsk, and those that take the mark away again.
    /// The second are good only after the first.
    ///
    /// # Errors
    /// When the record of the volume cannot be read.
    pub fn dirty_marks(&self) -> Result<(Vec<BlockWrite>, Vec<BlockWrite>), NtfsError> {
        use crate::edit::{extents, refixed, split};
        let mut edits = Edits::default();
        let size = self.boot().record_size as usize;
        let number = crate::volume::VOLUME;
        let clean = self.raw_record(number)?;
        let mut plain = edits.record(self, number)?.to_vec();
        let flags = self.flags_place(&plain)?;
        plain[flags] |= 1;
        let dirty = refixed(&clean, &plain);
        // The number has been used by the first write: the second takes the next.
        let mut base = dirty.clone();
        crate::record::unfix(&mut base).map_err(|what| NtfsError::TornRecord {
            record: number,
            what,
        })?;
        base[flags] &= !1;
        let cleared = refixed(&dirty, &base);
        let mut places = vec![extents(self, self.mft(), number * size as u64, size)?];
        if number < self.mirrored_records()? {
            places.push(extents(self, &self.mirror()?, number * size as u64, size)?);
        }
        let (mut mark, mut clear) = (Vec::new(), Vec::new());
        for place in &places {
            split(place, &clean, &dirty, &mut mark);
            split(place, &dirty, &cleared, &mut clear);
        }
        Ok((mark, clear))
    }

    /// Where the low byte of the volume's flags lies in its record.
    fn flags_place(&self, record: &[u8]) -> Result<usize, NtfsError> {
        let mut found = None;
        let walked = raw_attributes(record, |attribute| {
            if attribute.kind == crate::attribute::VOLUME_INFORMATION {
                let at = attribute.resident().map(|(at, _)| at + 10);
                found = found.or(at);
            }
        });
        let number = crate::volume::VOLUME;
        walked.map_err(|what| NtfsError::Record {
            record: number,
            what,
        })?;
        found
            .filter(|&at| at < record.len())
            .ok_or(NtfsError::Missing {
                record: number,
                what: "$VOLUME_INFORMATION",
            })
    }
}

fn malformed(index: &'static str) -> NtfsError {
    NtfsError::IndexBlock {
        record: SECURE,
        index,
        vcn: 0,
        what: "its entries are not those of a descriptor index",
    }
}

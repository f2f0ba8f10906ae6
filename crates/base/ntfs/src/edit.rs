//! Changes to the volume's own structures, gathered block by block before anything is written.
//!
//! What must stay true: a structure protected by fix-ups gets a new update sequence number
//! whenever it is written; records that `$MFTMirr` covers are written twice, equally.

use std::collections::BTreeMap;

use crate::block::BlockRead;
use crate::bytes::u16_at;
use crate::error::NtfsError;
use crate::record::{STRIDE, unfix};
use crate::stream::Stream;
use crate::volume::{MFT_MIRROR, Volume};
use crate::write::BlockWrite;

/// A stretch of bytes on the volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) offset: u64,
    pub(crate) len: usize,
}

/// One structure being changed.
#[derive(Debug, Clone)]
struct Block {
    before: Vec<u8>,
    /// Without fix-ups when it has some.
    plain: Vec<u8>,
    fixed: bool,
    places: Vec<Vec<Extent>>,
}

/// Structures being changed, by where the first copy of each begins.
#[derive(Debug, Default)]
pub(crate) struct Edits {
    blocks: BTreeMap<u64, Block>,
}

impl Edits {
    /// A file record, to be changed at will; it is written to `$MFTMirr` too if that covers it.
    pub(crate) fn record<R: BlockRead>(
        &mut self,
        volume: &Volume<R>,
        number: u64,
    ) -> Result<&mut [u8], NtfsError> {
        let size = volume.boot().record_size as usize;
        let mut places = vec![extents(volume, volume.mft(), number * size as u64, size)?];
        if number < volume.mirrored_records()? {
            let mirror = volume.mirror()?;
            places.push(extents(volume, &mirror, number * size as u64, size)?);
        }
        let torn = |what| NtfsError::TornRecord {
            record: number,
            what,
        };
        self.block(places, || volume.raw_record(number), true, torn)
    }

    /// A block of an index stream.
    pub(crate) fn index_block<R: BlockRead>(
        &mut self,
        volume: &Volume<R>,
        stream: &Stream,
        offset: u64,
        len: usize,
    ) -> Result<&mut [u8], NtfsError> {
        let places = vec![extents(volume, stream, offset, len)?];
        let torn = |what| NtfsError::IndexBlock {
            record: crate::volume::SECURE,
            index: "$Secure",
            vcn: offset / u64::from(volume.boot().cluster_size),
            what,
        };
        self.block(places, || read(volume, stream, offset, len), true, torn)
    }

    /// Bytes of a stream that nothing protects.
    pub(crate) fn plain<R: BlockRead>(
        &mut self,
        volume: &Volume<R>,
        stream: &Stream,
        offset: u64,
        len: usize,
    ) -> Result<&mut [u8], NtfsError> {
        let places = vec![extents(volume, stream, offset, len)?];
        let torn = |what| NtfsError::Sds { offset, what };
        self.block(places, || read(volume, stream, offset, len), false, torn)
    }

    fn block(
        &mut self,
        places: Vec<Vec<Extent>>,
        read: impl FnOnce() -> Result<Vec<u8>, NtfsError>,
        fixed: bool,
        torn: impl FnOnce(&'static str) -> NtfsError,
    ) -> Result<&mut [u8], NtfsError> {
        let key = places
            .first()
            .and_then(|first| first.first())
            .map_or(0, |extent| extent.offset);
        let block = match self.blocks.entry(key) {
            std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::btree_map::Entry::Vacant(place) => {
                let before = read()?;
                let mut plain = before.clone();
                if fixed {
                    unfix(&mut plain).map_err(torn)?;
                }
                place.insert(Block {
                    before,
                    plain,
                    fixed,
                    places,
                })
            }
        };
        Ok(&mut block.plain)
    }

    /// The writes that make the changes, by place.
    pub(crate) fn finish(self) -> Vec<BlockWrite> {
        let mut writes = Vec::new();
        for block in self.blocks.into_values() {
            let after = if block.fixed {
                refixed(&block.before, &block.plain)
            } else {
                block.plain
            };
            for place in &block.places {
                split(place, &block.before, &after, &mut writes);
            }
        }
        writes.sort_by_key(|write| write.offset);
        writes
    }
}

/// One write for each stretch of a block that changes.
pub(crate) fn split(place: &[Extent], before: &[u8], after: &[u8], writes: &mut Vec<BlockWrite>) {
    let mut at = 0;
    for extent in place {
        let range = at..at + extent.len;
        at = range.end;
        if let (Some(before), Some(after)) = (before.get(range.clone()), after.get(range)) {
            writes.extend(BlockWrite::between(extent.offset, before, after));
        }
    }
}

/// `plain` under the fix-ups of the next update sequence number; `before` is what stood there,
/// and is the answer when nothing changes.
pub(crate) fn refixed(before: &[u8], plain: &[u8]) -> Vec<u8> {
    let mut out = plain.to_vec();
    let at = usize::from(u16_at(before, 4).unwrap_or(0));
    let sectors = before.len() / STRIDE;
    let old = u16_at(before, at).unwrap_or(0);
    let unchanged = (0..sectors).all(|sector| {
        let (start, tail) = (sector * STRIDE, sector * STRIDE + STRIDE - 2);
        let original = at + 2 + sector * 2;
        before[start..tail] == plain[start..tail]
            && before.get(original..original + 2) == plain.get(tail..tail + 2)
    });
    if unchanged {
        return before.to_vec();
    }
    // 0 and 0xFFFF mean something else to other drivers.
    let next = match old.wrapping_add(1) {
        0 | 0xFFFF => 1,
        next => next,
    };
    out[at..at + 2].copy_from_slice(&next.to_le_bytes());
    for sector in 0..sectors {
        let tail = sector * STRIDE + STRIDE - 2;
        let original = at + 2 + sector * 2;
        out.copy_within(tail..tail + 2, original);
        out[tail..tail + 2].copy_from_slice(&next.to_le_bytes());
    }
    out
}

/// Where bytes of a stream lie on the volume.
pub(crate) fn extents<R: BlockRead>(
    volume: &Volume<R>,
    stream: &Stream,
    offset: u64,
    len: usize,
) -> Result<Vec<Extent>, NtfsError> {
    let outside = NtfsError::Geometry {
        what: "offset in a value",
        value: offset,
    };
    stream.extents(volume.boot(), offset, len).ok_or(outside)
}

fn read<R: BlockRead>(
    volume: &Volume<R>,
    stream: &Stream,
    offset: u64,
    len: usize,
) -> Result<Vec<u8>, NtfsError> {
    let mut bytes = vec![0; len];
    stream.read_at(volume.reader(), volume.boot(), offset, &mut bytes)?;
    Ok(bytes)
}

impl<R: BlockRead> Volume<R> {
    /// The stream of `$MFTMirr`.
    pub(crate) fn mirror(&self) -> Result<Stream, NtfsError> {
        let record = self.known(MFT_MIRROR)?;
        self.stream(&record, crate::attribute::DATA, "")?
            .ok_or(NtfsError::Missing {
                record: MFT_MIRROR,
                what: "$DATA",
            })
    }

    /// How many records `$MFTMirr` covers.
    pub(crate) fn mirrored_records(&self) -> Result<u64, NtfsError> {
        Ok(self.mirror()?.size() / u64::from(self.boot().record_size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_structure_gets_the_next_number_and_an_unchanged_one_stays() {
        for (old, next) in [(7u16, 8u16), (0xFFFE, 1), (0xFFFF, 1)] {
            let mut before = vec![0xAA; 1024];
            before[..4].copy_from_slice(b"FILE");
            before[4..8].copy_from_slice(&[0x30, 0, 3, 0]);
            before[0x30..0x32].copy_from_slice(&old.to_le_bytes());
            before[0x32..0x36].copy_from_slice(&[1, 2, 3, 4]);
            for tail in [510, 1022] {
                before[tail..tail + 2].copy_from_slice(&old.to_le_bytes());
            }
            let mut plain = before.clone();
            unfix(&mut plain).unwrap();
            assert_eq!(refixed(&before, &plain), before);
            plain[511] = 0x77;
            let after = refixed(&before, &plain);
            assert_eq!(after[0x30..0x32], next.to_le_bytes());
            let mut again = after.clone();
            unfix(&mut again).unwrap();
            assert_eq!(again[..0x30], plain[..0x30]);
            assert_eq!(again[0x36..], plain[0x36..]);
            assert_eq!(again[510..512], [1, 0x77]);
        }
    }
}

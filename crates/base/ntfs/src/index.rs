//! Walks a B-tree index (`$I30`, `$SII`, `$SDH`, `$Q`) in order.

use std::collections::BTreeSet;

use crate::attribute::{INDEX_ALLOCATION, INDEX_ROOT};
use crate::block::BlockRead;
use crate::bytes::{u16_at, u32_at, u64_at};
use crate::error::NtfsError;
use crate::record::{Record, unfix};
use crate::volume::Volume;

const HAS_CHILD: u16 = 0x1;
const LAST: u16 = 0x2;
/// A node with more levels below it than this is a ring in disguise.
const DEEPEST: usize = 32;

/// One entry of an index.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IndexEntry<'a> {
    bytes: &'a [u8],
    pub(crate) key: &'a [u8],
    pub(crate) place: Place,
}

/// Where an entry lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// The block: its offset in the stream of blocks and its size; `None` for the root.
    pub(crate) block: Option<(u64, usize)>,
    /// Offset of the entry in the block, or in the value of the root.
    pub(crate) at: usize,
}

/// Offset of the key in an entry.
pub(crate) const KEY: usize = 16;

impl<'a> IndexEntry<'a> {
    /// Offset of the data in an entry of a view index.
    pub(crate) fn data_at(&self) -> usize {
        u16_at(self.bytes, 0).unwrap_or(0).into()
    }

    /// Data of an entry of a view index.
    pub(crate) fn data(&self) -> Option<&'a [u8]> {
        let at = self.data_at();
        let len = usize::from(u16_at(self.bytes, 2)?);
        self.bytes.get(at..at.checked_add(len)?)
    }

    /// The file an entry of a folder's index names.
    pub(crate) fn file(&self) -> Option<u64> {
        Some(u64_at(self.bytes, 0)? & 0xFFFF_FFFF_FFFF)
    }
}

struct Node {
    bytes: Vec<u8>,
    block: Option<(u64, usize)>,
    at: usize,
    end: usize,
}

/// Visits every entry of the index in the order of the tree; each block is read once.
pub(crate) fn walk<R: BlockRead>(
    volume: &Volume<R>,
    record: &Record,
    name: &'static str,
    mut visit: impl FnMut(IndexEntry<'_>),
) -> Result<(), NtfsError> {
    let bad = |what| NtfsError::IndexBlock {
        record: record.number,
        index: name,
        vcn: 0,
        what,
    };
    let root = volume
        .value(
            record,
            INDEX_ROOT,
            name,
            u64::from(volume.boot().record_size),
        )?
        .ok_or_else(|| bad("the index has no root"))?;
    let block_size = u32_at(&root, 8).ok_or_else(|| bad("the root is too short"))?;
    if !block_size.is_power_of_two() || !(512..=65_536).contains(&block_size) {
        return Err(bad("its block size cannot be"));
    }
    let blocks = volume.stream(record, INDEX_ALLOCATION, name)?;
    let cluster = u64::from(volume.boot().cluster_size);
    let unit = if cluster <= u64::from(block_size) {
        cluster
    } else {
        512
    };
    let mut seen = BTreeSet::new();
    let mut path = vec![node(root, None, 16).ok_or_else(|| bad("the root is malformed"))?];
    // Entries whose child has been visited, and which come after it, one for each level.
    let mut resumed = vec![false];
    while let (Some(top), Some(back)) = (path.last_mut(), resumed.last_mut()) {
        let entry = top
            .bytes
            .get(top.at..top.end)
            .and_then(entry_at)
            .ok_or_else(|| bad("an entry is malformed"))?;
        let flags = u16_at(entry, 12).unwrap_or(LAST);
        if flags & HAS_CHILD != 0 && !*back {
            *back = true;
            let vcn = u64_at(entry, entry.len() - 8).ok_or_else(|| bad("an entry is malformed"))?;
            let damaged = |what| NtfsError::IndexBlock {
                record: record.number,
                index: name,
                vcn,
                what,
            };
            if path.len() >= DEEPEST || !seen.insert(vcn) {
                return Err(damaged("the tree goes round"));
            }
            let stream = blocks
                .as_ref()
                .ok_or_else(|| damaged("the index has no blocks"))?;
            let mut bytes = vec![0; block_size as usize];
            let offset = vcn
                .checked_mul(unit)
                .ok_or_else(|| damaged("it is outside"))?;
            stream.read_at(volume.reader(), volume.boot(), offset, &mut bytes)?;
            if bytes.get(..4) != Some(b"INDX") {
                return Err(damaged("no INDX signature"));
            }
            unfix(&mut bytes).map_err(damaged)?;
            if u64_at(&bytes, 16) != Some(vcn) {
                return Err(damaged("it is another block"));
            }
            let block = Some((offset, bytes.len()));
            path.push(node(bytes, block, 24).ok_or_else(|| damaged("its header is malformed"))?);
            resumed.push(false);
            continue;
        }
        *back = false;
        if flags & LAST != 0 {
            path.pop();
            resumed.pop();
            continue;
        }
        let key_len = usize::from(u16_at(entry, 10).unwrap_or(0));
        let key = entry
            .get(KEY..KEY + key_len)
            .ok_or_else(|| bad("a key is malformed"))?;
        let place = Place {
            block: top.block,
            at: top.at,
        };
        visit(IndexEntry {
            bytes: entry,
            key,
            place,
        });
        top.at += entry.len();
    }
    Ok(())
}

/// A node whose index header is at `header`.
fn node(bytes: Vec<u8>, block: Option<(u64, usize)>, header: usize) -> Option<Node> {
    let first = u32_at(&bytes, header)? as usize;
    let length = u32_at(&bytes, header + 4)? as usize;
    let (at, end) = (header.checked_add(first)?, header.checked_add(length)?);
    (at <= end && end <= bytes.len()).then_some(Node {
        bytes,
        block,
        at,
        end,
    })
}

/// The entry at the start of `bytes`, with a child pointer inside it when it says so.
fn entry_at(bytes: &[u8]) -> Option<&[u8]> {
    let length = usize::from(u16_at(bytes, 8)?);
    let child = u16_at(bytes, 12)? & HAS_CHILD != 0;
    let least = if child { 24 } else { 16 };
    (length >= least && length.is_multiple_of(8))
        .then(|| bytes.get(..length))
        .flatten()
}

//! One write to the volume, as data: what stands there, what shall, and how to tell.
//!
//! What must stay true: a write can be repeated after a power cut in the middle of it. Each
//! byte that changes is kept with its old and its new value, so a half-written block can be
//! wound back to what it was, checked by its hash, and written again; a block that anything
//! else has changed is never written.

use sha2::{Digest, Sha256};

/// The first half of a SHA-256.
pub type BlockHash = [u8; 16];

/// The hash that binds a write to what stood there before.
#[must_use]
pub fn block_hash(bytes: &[u8]) -> BlockHash {
    let mut out = [0; 16];
    out.copy_from_slice(&Sha256::digest(bytes)[..16]);
    out
}

/// A stretch of a block that changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    at: u32,
    len: u32,
}

/// A block of the volume and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockWrite {
    /// Where it begins, in bytes from the start of the volume.
    pub offset: u64,
    /// Its length in bytes.
    pub len: u32,
    /// Hash of the whole block before.
    pub before: BlockHash,
    pieces: Vec<Piece>,
    old: Vec<u8>,
    new: Vec<u8>,
}

/// In which state a block was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// As before the write.
    Before,
    /// As after it.
    After,
    /// Partly the one, partly the other.
    Between,
}

/// A block that is neither what was written nor what stood there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the {len} bytes at byte {offset} have been changed by something else")]
pub struct Foreign {
    /// Where the block begins.
    pub offset: u64,
    /// Its length in bytes.
    pub len: u32,
}

/// Equal bytes between two changes that cost less to repeat than to leave out.
const JOIN: usize = 8;

impl BlockWrite {
    /// The write that turns `before` into `after`; `None` when they are equal.
    pub(crate) fn between(offset: u64, before: &[u8], after: &[u8]) -> Option<Self> {
        debug_assert_eq!(before.len(), after.len());
        let mut write = Self {
            offset,
            len: before.len() as u32,
            before: [0; 16],
            pieces: Vec::new(),
            old: Vec::new(),
            new: Vec::new(),
        };
        let mut at = 0;
        while let Some(start) = next_difference(before, after, at) {
            let mut end = start + 1;
            let mut same = 0;
            while end + same < before.len() && same < JOIN {
                if before[end + same] == after[end + same] {
                    same += 1;
                } else {
                    end += same + 1;
                    same = 0;
                }
            }
            write.pieces.push(Piece {
                at: start as u32,
                len: (end - start) as u32,
            });
            write.old.extend_from_slice(&before[start..end]);
            write.new.extend_from_slice(&after[start..end]);
            at = end;
        }
        if write.pieces.is_empty() {
            return None;
        }
        write.before = block_hash(before);
        Some(write)
    }

    /// First byte behind the block.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(self.len.into())
    }

    /// Turns what was read of the block into what shall stand there, whatever a power cut
    /// has left, and says what was found.
    ///
    /// # Errors
    /// When something else has changed the block; `block` is then of no use.
    pub fn apply(&self, block: &mut [u8]) -> Result<Found, Foreign> {
        let foreign = Foreign {
            offset: self.offset,
            len: self.len,
        };
        if block.len() != self.len as usize {
            return Err(foreign);
        }
        let (mut is_old, mut is_new) = (true, true);
        for (place, old, new) in self.changes() {
            let here = block.get_mut(place).ok_or(foreign)?;
            is_old &= here == old;
            is_new &= here == new;
            let known = here
                .iter()
                .zip(old.iter().zip(new))
                .all(|(byte, (old, new))| byte == old || byte == new);
            if !known {
                return Err(foreign);
            }
            here.copy_from_slice(old);
        }
        if block_hash(block) != self.before {
            return Err(foreign);
        }
        for (place, _, new) in self.changes() {
            block.get_mut(place).ok_or(foreign)?.copy_from_slice(new);
        }
        Ok(match (is_old, is_new) {
            (true, _) => Found::Before,
            (_, true) => Found::After,
            _ => Found::Between,
        })
    }

    /// Where a change is, what stood there, what shall.
    fn changes(&self) -> impl Iterator<Item = (std::ops::Range<usize>, &[u8], &[u8])> {
        let mut at = 0;
        self.pieces.iter().map(move |piece| {
            let len = piece.len as usize;
            let range = at..at + len;
            at += len;
            let start = piece.at as usize;
            (
                start..start.saturating_add(len),
                self.old.get(range.clone()).unwrap_or_default(),
                self.new.get(range).unwrap_or_default(),
            )
        })
    }

    /// Appends the write to `out`: offset u64, length u32, number of pieces u32, hash, then
    /// for each piece its place u32 and length u32, then all old bytes, then all new ones.
    /// Numbers are little-endian.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.offset.to_le_bytes());
        out.extend_from_slice(&self.len.to_le_bytes());
        out.extend_from_slice(&(self.pieces.len() as u32).to_le_bytes());
        out.extend_from_slice(&self.before);
        for piece in &self.pieces {
            out.extend_from_slice(&piece.at.to_le_bytes());
            out.extend_from_slice(&piece.len.to_le_bytes());
        }
        out.extend_from_slice(&self.old);
        out.extend_from_slice(&self.new);
    }

    /// Takes one encoded write off the front of `bytes`; `None` when there is no whole one.
    #[must_use]
    pub fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let head = take(bytes, 32)?;
        let number =
            |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let mut write = Self {
            offset: u64::from(number(0)) | u64::from(number(4)) << 32,
            len: number(8),
            before: head[16..32].try_into().ok()?,
            pieces: Vec::new(),
            old: Vec::new(),
            new: Vec::new(),
        };
        let count = number(12) as usize;
        let list = take(bytes, count.checked_mul(8)?)?;
        let (mut total, mut from) = (0usize, 0u32);
        for pair in list.chunks_exact(8) {
            let at = u32::from_le_bytes([pair[0], pair[1], pair[2], pair[3]]);
            let len = u32::from_le_bytes([pair[4], pair[5], pair[6], pair[7]]);
            let end = at.checked_add(len)?;
            if at < from || end > write.len {
                return None;
            }
            from = end;
            total = total.checked_add(len as usize)?;
            write.pieces.push(Piece { at, len });
        }
        write.old = take(bytes, total)?.to_vec();
        write.new = take(bytes, total)?.to_vec();
        Some(write)
    }
}

fn take<'a>(bytes: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (now, later) = bytes.split_at_checked(len)?;
    *bytes = later;
    Some(now)
}

/// The first place from `at` on where two equally long blocks differ.
fn next_difference(left: &[u8], right: &[u8], at: usize) -> Option<usize> {
    const STEP: usize = 64;
    let mut at = at;
    while at < left.len() {
        let end = (at + STEP).min(left.len());
        if left[at..end] != right[at..end] {
            return (at..end).find(|&place| left[place] != right[place]);
        }
        at = end;
    }
    None
}

/// Part of the volume that must not change while writes are under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guard {
    /// Where it begins, in bytes from the start of the volume.
    pub offset: u64,
    /// Its length in bytes.
    pub len: u64,
    /// Its hash.
    pub hash: BlockHash,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks() -> (Vec<u8>, Vec<u8>) {
        let before: Vec<u8> = (0..1024u32).map(|n| (n * 7) as u8).collect();
        let mut after = before.clone();
        for at in [0, 3, 200, 510, 511, 512, 900, 1023] {
            after[at] ^= 0x55;
        }
        (before, after)
    }

    #[test]
    fn a_write_can_be_repeated_from_any_mixture_of_sectors() {
        let (before, after) = blocks();
        let write = BlockWrite::between(4096, &before, &after).unwrap();
        for (mask, found) in [
            (0b00, Found::Before),
            (0b01, Found::Between),
            (0b10, Found::Between),
            (0b11, Found::After),
        ] {
            let mut block = before.clone();
            for sector in 0..2 {
                if mask >> sector & 1 != 0 {
                    let range = sector * 512..sector * 512 + 512;
                    block[range.clone()].copy_from_slice(&after[range]);
                }
            }
            assert_eq!(write.apply(&mut block), Ok(found));
            assert_eq!(block, after);
        }
        assert_eq!(BlockWrite::between(0, &before, &before), None);
    }

    #[test]
    fn what_something_else_has_changed_is_refused() {
        let (before, after) = blocks();
        let write = BlockWrite::between(4096, &before, &after).unwrap();
        for at in 0..before.len() {
            for base in [&before, &after] {
                let mut block = base.clone();
                block[at] ^= 0x0F;
                assert!(write.apply(&mut block).is_err(), "byte {at}");
            }
        }
        assert!(write.apply(&mut before[..1000].to_vec()).is_err());
    }

    #[test]
    fn encodes_and_decodes_to_itself() {
        let (before, after) = blocks();
        let one = BlockWrite::between(1 << 40, &before, &after).unwrap();
        let two = BlockWrite::between(7, &before[..20], &after[..20]).unwrap();
        let mut bytes = Vec::new();
        one.encode(&mut bytes);
        two.encode(&mut bytes);
        let mut rest = bytes.as_slice();
        assert_eq!(BlockWrite::decode(&mut rest), Some(one));
        assert_eq!(BlockWrite::decode(&mut rest), Some(two));
        assert_eq!(BlockWrite::decode(&mut rest), None);
        for len in 0..bytes.len() {
            let mut cut = &bytes[..len];
            while BlockWrite::decode(&mut cut).is_some() {}
        }
        let mut wild = bytes.clone();
        for at in 0..48 {
            for value in [0, 0x7F, 0xFF] {
                let kept = std::mem::replace(&mut wild[at], value);
                if let Some(write) = BlockWrite::decode(&mut wild.as_slice()) {
                    let _ = write.apply(&mut vec![0; write.len.min(4096) as usize]);
                }
                wild[at] = kept;
            }
        }
    }
}

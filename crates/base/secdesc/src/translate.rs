//! Rewrites an encoded descriptor from one set of accounts to another.
//!
//! The rules to the byte, so that a second implementation can be held against
//! this one:
//!
//! 1. **Understood whole or refused.** The header must be 20 bytes of revision 1
//!    and self-relative; a part is located by its offset, whatever the
//!    "present" bits say, and an offset of 0 is no part. Every SID, ACL and ACE
//!    that has to be walked must fit ([`SdError`] says what does not). Nothing
//!    is ever truncated or guessed.
//! 2. **One pass, one look-up.** Every SID at a place listed in the table of ACE
//!    types is looked up once. A source is never a target (see
//!    [`SidMap`]), so there is no chain. The *mapped ACE* is the ACE with all
//!    its mapped SIDs exchanged, trustee and literals together, and with its
//!    size, literal lengths, composite lengths and claim offsets corrected: in a
//!    claim the name offset and each value offset grow by the growth of all
//!    stored values that begin before it. Type, flags, mask, GUIDs and every
//!    other byte stay, padding included (SIDs are multiples of 4).
//! 3. **Replace**: owner and group are exchanged, and each ACE by its mapped ACE
//!    at the same place. An ACE is then left out if an ACE that is kept before
//!    it in the same ACL has the same bytes now and had other bytes before;
//!    what was there twice already stays there twice.
//! 4. **Add**: owner and group stay. The mapped ACE of each ACE with a mapped
//!    SID is put directly behind it, unless an ACE with the same bytes is
//!    anywhere in the ACL, be it found there or put there before.
//! 5. **An ACL** keeps its revision, reserved fields and the unused bytes behind
//!    its last ACE; its size and count are corrected. If it grows past
//!    [`MAX_ACL_BYTES`] in add, the whole descriptor is replaced
//!    instead and marked `fallback`; in replace it is refused.
//! 6. **Layout**: the bytes of a changed part take the place of the old ones;
//!    gaps, order and bytes behind the last part stay, all that lies behind
//!    moves along and the offsets in the header follow. Two offsets that named
//!    one region still do. Only if two regions overlap without being one are
//!    the parts written one behind the other, in the order of their old
//!    offsets, without gaps and without bytes behind the last.
//!    Control bits and the resource-manager byte stay.
//! 7. If the result has the bytes of the input it is [`Translated::Unchanged`];
//!    nothing is allocated then (a SID-typed claim aside).

use crate::ace::{self, AceError};
use crate::acl::{self, AclError, Entry, MAX_ACL_BYTES};
use crate::layout::{HEADER_BYTES, Layout, Region, SdError, u16_at};
use crate::map::SidMap;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// What to do with what belongs to a source account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// The target gets what the source has, and the source keeps it.
    Add,
    /// The target gets what the source has, and the source is gone.
    Replace,
}

/// Outcome of a translation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Translated {
    /// There is nothing to change.
    Unchanged,
    /// The new descriptor.
    Changed {
        /// Its encoding; the length may differ from the input's in either mode.
        bytes: Vec<u8>,
        /// `Add` did not fit and `Replace` was done instead.
        fallback: bool,
    },
}

/// Translates one encoded, self-relative descriptor by the rules of this module.
///
/// # Errors
/// When `sd` cannot be understood whole, or the result would not fit; the
/// object is then to be left alone and reported.
pub fn translate(sd: &[u8], map: &SidMap, mode: Mode) -> Result<Translated, SdError> {
    let layout = Layout::parse(sd)?;
    let mut hits = Hits::new();
    for region in layout.regions() {
        if region.is_acl() {
            scan_acl(sd, region, map, &mut hits).map_err(|e| in_part(region, e))?;
        } else if mode == Mode::Replace {
            hits.see(region.start, region.of(sd), map);
        }
    }
    if hits.none() {
        return Ok(Translated::Unchanged);
    }
    let changed = |bytes| Translated::Changed {
        bytes,
        fallback: false,
    };
    match mode {
        Mode::Replace => replace(sd, &layout, &hits, map).map(changed),
        Mode::Add if !adds_anything(sd, &layout, &hits, map)? => Ok(Translated::Unchanged),
        Mode::Add => match rebuild(sd, &layout, &hits, map, Mode::Add) {
            Err(SdError::Acl {
                source: AclError::TooLarge(_),
                ..
            }) => {
                rebuild(sd, &layout, &hits, map, Mode::Replace).map(|bytes| Translated::Changed {
                    bytes,
                    fallback: true,
                })
            }
            other => other.map(changed),
        },
    }
}

/// Mapped SIDs found in a scan; the first few are remembered with their place.
struct Hits {
    spots: [(u32, u32); Self::ROOM],
    count: usize,
    same_length: bool,
}

impl Hits {
    const ROOM: usize = 16;

    fn new() -> Self {
        Self {
            spots: [(0, 0); Self::ROOM],
            count: 0,
            same_length: true,
        }
    }

    #[inline]
    fn see(&mut self, at: usize, sid: &[u8], map: &SidMap) {
        if let Some(index) = map.find(sid) {
            if let Some(spot) = self.spots.get_mut(self.count) {
                *spot = (at as u32, index as u32);
            }
            self.count += 1;
            self.same_length &= map.target_at(index).len() == sid.len();
        }
    }

    /// Whether there may be a hit between two places of the descriptor.
    #[inline]
    fn may_touch(&self, start: usize, end: usize) -> bool {
        self.spots.get(..self.count).is_none_or(|spots| {
            spots
                .iter()
                .any(|(at, _)| (start..end).contains(&(*at as usize)))
        })
    }

    fn none(&self) -> bool {
        self.count == 0
    }

    /// All hits, if they were few and no length changes.
    fn patches(&self) -> Option<&[(u32, u32)]> {
        self.spots.get(..self.count).filter(|_| self.same_length)
    }
}

/// Checks every ACE of an ACL and notes the mapped SIDs in it.
#[inline]
fn scan_acl(sd: &[u8], region: &Region, map: &SidMap, hits: &mut Hits) -> Result<(), AclError> {
    for (index, entry) in acl::entries(region.of(sd)).enumerate() {
        let Entry { at, bytes } = entry?;
        ace::visit(bytes, &mut |_, offset, sid| {
            hits.see(region.start + at + offset, sid, map);
        })
        .map_err(|source| AclError::Ace { index, source })?;
    }
    Ok(())
}

/// Copies and patches where that is the whole story, else rebuilds.
fn replace(sd: &[u8], layout: &Layout, hits: &Hits, map: &SidMap) -> Result<Vec<u8>, SdError> {
    let Some(patches) = hits.patches().filter(|_| !layout.overlapping) else {
        return rebuild(sd, layout, hits, map, Mode::Replace);
    };
    let mut out = sd.to_vec();
    for &(at, index) in patches {
        let target = map.target_at(index as usize);
        out[at as usize..][..target.len()].copy_from_slice(target);
    }
    for region in layout.regions().iter().filter(|region| region.is_acl()) {
        let twins = makes_twins(region.of(sd), region.of(&out)).map_err(|e| in_part(region, e))?;
        if twins {
            return rebuild(sd, layout, hits, map, Mode::Replace);
        }
    }
    Ok(out)
}

/// Whether two ACEs that differ in `old` are equal in `new`, which has the same
/// sizes. Answers yes without looking for ACLs of more than 64 ACEs.
fn makes_twins(old: &[u8], new: &[u8]) -> Result<bool, AclError> {
    if old == new {
        return Ok(false);
    }
    let mut aces: [&[u8]; 64] = [&[]; 64];
    let mut changed = 0_u64;
    let mut count = 0;
    for entry in acl::entries(new) {
        let Entry { at, bytes } = entry?;
        let Some(slot) = aces.get_mut(count) else {
            return Ok(true);
        };
        *slot = bytes;
        if old[at..at + bytes.len()] != *bytes {
            changed |= 1 << count;
        }
        count += 1;
    }
    // Equal now and different before means that at least one of them changed.
    let mut left = changed;
    while left != 0 {
        let one = left.trailing_zeros() as usize;
        left &= left - 1;
        let twin = |other: usize| other != one && aces[other] == aces[one];
        if (0..count).any(twin) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether any ACE lacks its clone.
fn adds_anything(sd: &[u8], layout: &Layout, hits: &Hits, map: &SidMap) -> Result<bool, SdError> {
    for region in layout.regions().iter().filter(|region| region.is_acl()) {
        if lacks_clone(sd, region, hits, map).map_err(|e| in_part(region, e))? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn lacks_clone(sd: &[u8], region: &Region, hits: &Hits, map: &SidMap) -> Result<bool, AclError> {
    let acl = region.of(sd);
    let mut entries = acl::entries(acl);
    let mut index = 0;
    while let Some(entry) = entries.next() {
        let Entry { at, bytes: ace } = entry?;
        let start = region.start + at;
        if hits.may_touch(start, start + ace.len()) {
            let in_ace = |source| AclError::Ace { index, source };
            let (len, hit) = ace::mapped_len(ace, map).map_err(in_ace)?;
            let mut found = !hit;
            // Where an earlier pass put it, then everywhere.
            let mut others = entries.clone().take(1).chain(acl::entries(acl));
            while let (false, Some(other)) = (found, others.next()) {
                found = is_mapped(other?.bytes, ace, len, map).map_err(in_ace)?;
            }
            if !found {
                return Ok(true);
            }
        }
        index += 1;
    }
    Ok(false)
}

/// Whether `other` is the mapped ACE of `ace`, found without writing it down.
fn is_mapped(other: &[u8], ace: &[u8], len: usize, map: &SidMap) -> Result<bool, AceError> {
    // Type, flags and mask never change, so most others are ruled out here.
    if other.len() != len || other[..2] != ace[..2] || other.get(4..8) != ace.get(4..8) {
        return Ok(false);
    }
    let mut rest = Some(other);
    ace::emit(ace, len, map, &mut |bytes| {
        rest = rest.and_then(|rest| rest.strip_prefix(bytes));
    })?;
    Ok(rest.is_some_and(<[u8]>::is_empty))
}

/// Writes the descriptor anew, part by part, by rules 3 to 6.
fn rebuild(
    sd: &[u8],
    layout: &Layout,
    hits: &Hits,
    map: &SidMap,
    mode: Mode,
) -> Result<Vec<u8>, SdError> {
    let mut out = Vec::with_capacity(sd.len() + sd.len() / 2 + 64);
    out.extend_from_slice(&sd[..HEADER_BYTES]);
    let mut done = HEADER_BYTES;
    for region in layout.regions() {
        if !layout.overlapping {
            out.extend_from_slice(&sd[done..region.start]);
            done = region.end;
        }
        let offset = (out.len() as u32).to_le_bytes();
        for part in region.parts() {
            out[part.slot()..part.slot() + 4].copy_from_slice(&offset);
        }
        let bytes = region.of(sd);
        match (region.is_acl(), mode) {
            (true, Mode::Add) => add_acl(sd, region, hits, map, &mut out),
            (true, Mode::Replace) => replace_acl(bytes, map, &mut out),
            (false, Mode::Add) => {
                out.extend_from_slice(bytes);
                Ok(())
            }
            (false, Mode::Replace) => {
                out.extend_from_slice(map.lookup(bytes).unwrap_or(bytes));
                Ok(())
            }
        }
        .map_err(|e| in_part(region, e))?;
    }
    if !layout.overlapping {
        out.extend_from_slice(&sd[done..]);
    }
    Ok(out)
}

fn replace_acl(acl: &[u8], map: &SidMap, out: &mut Vec<u8>) -> Result<(), AclError> {
    let mut mapped = Vec::with_capacity(acl.len());
    let mut aces = Vec::new();
    let mut entries = acl::entries(acl);
    for (index, entry) in entries.by_ref().enumerate() {
        let ace = entry?.bytes;
        let start = mapped.len();
        let in_ace = |source| AclError::Ace { index, source };
        let (len, _) = ace::mapped_len(ace, map).map_err(in_ace)?;
        let mut put = |bytes: &[u8]| mapped.extend_from_slice(bytes);
        ace::emit(ace, len, map, &mut put).map_err(in_ace)?;
        aces.push((ace, start..mapped.len()));
    }
    let begin = out.len();
    out.extend_from_slice(&acl[..acl::HEADER_BYTES]);
    let mut kept: BTreeMap<&[u8], &[u8]> = BTreeMap::new();
    let mut count = 0;
    for (before, range) in aces {
        let after = &mapped[range];
        if *kept.entry(after).or_insert(before) == before {
            out.extend_from_slice(after);
            count += 1;
        }
    }
    out.extend_from_slice(&acl[entries.at..]);
    finish_acl(acl.len(), begin, count, out)
}

fn add_acl(
    sd: &[u8],
    region: &Region,
    hits: &Hits,
    map: &SidMap,
    out: &mut Vec<u8>,
) -> Result<(), AclError> {
    let acl = region.of(sd);
    let begin = out.len();
    let mut present = None;
    let mut count = usize::from(u16_at(acl, 4));
    let mut copied = 0;
    for (index, entry) in acl::entries(acl).enumerate() {
        let Entry { at, bytes: ace } = entry?;
        if !hits.may_touch(region.start + at, region.start + at + ace.len()) {
            continue;
        }
        let in_ace = |source| AclError::Ace { index, source };
        let (len, hit) = ace::mapped_len(ace, map).map_err(in_ace)?;
        if !hit {
            continue;
        }
        out.extend_from_slice(&acl[copied..at + ace.len()]);
        copied = at + ace.len();
        let start = out.len();
        ace::emit(ace, len, map, &mut |bytes| out.extend_from_slice(bytes)).map_err(in_ace)?;
        let present = match &mut present {
            Some(present) => present,
            none => none.insert(Present::of(acl)?),
        };
        if present.insert(out, start)? {
            count += 1;
        } else {
            out.truncate(start);
        }
    }
    out.extend_from_slice(&acl[copied..]);
    finish_acl(acl.len(), begin, count, out)
}

/// Corrects size and count of the ACL that begins at `begin`.
fn finish_acl(old_size: usize, begin: usize, count: usize, out: &mut [u8]) -> Result<(), AclError> {
    let size = out.len() - begin;
    if size > MAX_ACL_BYTES && size > old_size {
        return Err(AclError::TooLarge(size));
    }
    // Both fit: the size was checked and an ACE has at least 4 bytes.
    out[begin + 2..begin + 4].copy_from_slice(&(size as u16).to_le_bytes());
    out[begin + 4..begin + 6].copy_from_slice(&(count as u16).to_le_bytes());
    Ok(())
}

/// The ACEs found in an ACL and the clones put into it, for "is it there?":
/// looked through while they are few, a tree beyond.
enum Present<'a> {
    Few {
        acl: &'a [u8],
        clones: Vec<Range<usize>>,
    },
    Many(BTreeSet<Cow<'a, [u8]>>),
}

impl<'a> Present<'a> {
    const FEW: u16 = 64;

    fn of(acl: &'a [u8]) -> Result<Self, AclError> {
        if u16_at(acl, 4) <= Self::FEW {
            let clones = Vec::new();
            return Ok(Self::Few { acl, clones });
        }
        let aces = acl::entries(acl).map(|entry| Ok(entry?.bytes.into()));
        Ok(Self::Many(aces.collect::<Result<_, AclError>>()?))
    }

    /// Takes note of the clone that `out` ends with from `start` on; answers
    /// whether it was not there yet.
    fn insert(&mut self, out: &[u8], start: usize) -> Result<bool, AclError> {
        let clone = &out[start..];
        match self {
            Self::Few { acl, clones } => {
                for entry in acl::entries(acl) {
                    if entry?.bytes == clone {
                        return Ok(false);
                    }
                }
                let new = !clones.iter().any(|range| out[range.clone()] == *clone);
                if new {
                    clones.push(start..out.len());
                }
                Ok(new)
            }
            Self::Many(set) => Ok(!set.contains(clone) && set.insert(clone.to_vec().into())),
        }
    }
}

fn in_part(region: &Region, source: AclError) -> SdError {
    SdError::Acl {
        part: region.part(),
        source,
    }
}

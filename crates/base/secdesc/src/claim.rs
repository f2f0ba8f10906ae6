//! SID-typed claims inside resource-attribute ACEs.
//!
//! After its SID such an ACE holds one claim ([MS-DTYP] 2.4.10.1): offset of
//! the name (u32), value type (u16), a reserved word, flags (u32), count of
//! values (u32) and then the offset of each value (u32). Offsets count from the
//! start of the claim. A value of type 5 is a length (u32) and a SID. Values of
//! every other type are none of our business and are not even read.

use crate::layout::{u16_at, u32_at};
use crate::map::SidMap;
use crate::sid::{self, SidError};

/// Value type of a claim whose values are SIDs.
pub(crate) const TYPE_SID: u16 = 5;
/// Bytes before the table of offsets.
pub(crate) const HEADER_BYTES: usize = 16;

/// Why a claim cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// The table of offsets does not fit.
    #[error("the claim says it has {0} values, which do not fit")]
    Count(u32),
    /// A value begins inside the table of offsets or after the end.
    #[error("a value of the claim is said to begin at byte {0}")]
    Offset(u32),
    /// A value is not exactly one SID.
    #[error("the SID at byte {at} of the claim cannot be read")]
    Sid {
        /// Position in the claim.
        at: usize,
        /// What is wrong with it.
        source: SidError,
    },
    /// Two values share some bytes without being the same value.
    #[error("the value at byte {0} of the claim overlaps the one before it")]
    Overlap(usize),
}

/// One stored value: its length field and its SID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Value {
    start: usize,
    end: usize,
}

/// Calls `visit(offset in claim, SID)` once for each stored SID, in their order.
pub(crate) fn visit(claim: &[u8], visit: &mut impl FnMut(usize, &[u8])) -> Result<(), ClaimError> {
    for value in values(claim)? {
        visit(value.start + 4, &claim[value.start + 4..value.end]);
    }
    Ok(())
}

/// Writes `claim` with each mapped SID replaced and every offset behind it moved.
pub(crate) fn emit(
    claim: &[u8],
    map: &SidMap,
    put: &mut dyn FnMut(&[u8]),
) -> Result<(), ClaimError> {
    let values = values(claim)?;
    if values.is_empty() {
        put(claim);
        return Ok(());
    }
    // For each stored value: where it begins and how far everything behind it moves.
    let mut moved = 0_i64;
    let mut moves = Vec::with_capacity(values.len());
    for value in &values {
        let sid = &claim[value.start + 4..value.end];
        moved += map
            .lookup(sid)
            .map_or(0, |target| target.len() as i64 - sid.len() as i64);
        moves.push((value.start, moved));
    }
    let shifted = |at: usize| {
        let offset = u32_at(claim, at);
        let behind = moves.partition_point(|(start, _)| *start < offset as usize);
        let by = behind.checked_sub(1).map_or(0, |last| moves[last].1);
        ((i64::from(offset) + by) as u32).to_le_bytes()
    };
    let table_end = HEADER_BYTES + 4 * u32_at(claim, 12) as usize;
    put(&shifted(0));
    put(&claim[4..HEADER_BYTES]);
    for at in (HEADER_BYTES..table_end).step_by(4) {
        put(&shifted(at));
    }
    let mut done = table_end;
    for value in &values {
        let sid = &claim[value.start + 4..value.end];
        let target = map.lookup(sid).unwrap_or(sid);
        put(&claim[done..value.start]);
        put(&(target.len() as u32).to_le_bytes());
        put(target);
        done = value.end;
    }
    put(&claim[done..]);
    Ok(())
}

/// The stored SIDs of a claim, sorted by position, each once however many
/// offsets point to it. Empty for claims of another type.
fn values(claim: &[u8]) -> Result<Vec<Value>, ClaimError> {
    if claim.len() < HEADER_BYTES || u16_at(claim, 4) != TYPE_SID {
        return Ok(Vec::new());
    }
    let count = u32_at(claim, 12);
    let table_end = (count as usize)
        .checked_mul(4)
        .and_then(|len| len.checked_add(HEADER_BYTES))
        .filter(|end| *end <= claim.len())
        .ok_or(ClaimError::Count(count))?;
    let mut values = (HEADER_BYTES..table_end)
        .step_by(4)
        .map(|at| value(claim, table_end, u32_at(claim, at)))
        .collect::<Result<Vec<_>, _>>()?;
    values.sort_unstable();
    values.dedup();
    match values.windows(2).find(|pair| pair[1].start < pair[0].end) {
        Some(pair) => Err(ClaimError::Overlap(pair[1].start)),
        None => Ok(values),
    }
}

fn value(claim: &[u8], table_end: usize, offset: u32) -> Result<Value, ClaimError> {
    let start = offset as usize;
    let room = start.checked_add(4).filter(|end| *end <= claim.len());
    let body = match room {
        Some(body) if start >= table_end => body,
        _ => return Err(ClaimError::Offset(offset)),
    };
    let at = body;
    let have = claim.len() - body;
    let len = u32_at(claim, start) as usize;
    if len > have {
        return Err(ClaimError::Sid {
            at,
            source: SidError::Truncated { needed: len, have },
        });
    }
    let sid = &claim[body..body + len];
    let used = sid::encoded_len_at(sid).map_err(|source| ClaimError::Sid { at, source })?;
    if used != len {
        return Err(ClaimError::Sid {
            at,
            source: SidError::TrailingBytes(len - used),
        });
    }
    Ok(Value {
        start,
        end: body + len,
    })
}

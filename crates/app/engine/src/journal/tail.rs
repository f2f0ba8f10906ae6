//! Reading a journal that another process is still writing.

use super::frame::{BadJournal, MAGIC, frame_at};
use super::record::Record;

/// What [`tail`] found.
#[derive(Debug, Clone, PartialEq)]
pub struct Tail {
    /// New whole records.
    pub records: Vec<Record>,
    /// Offset to ask from next time.
    pub next: u64,
}

/// Whole records from byte `offset` on (0 at the start). An incomplete record
/// at the end is left for the next call.
///
/// # Errors
/// When the file is no journal, or a whole record cannot be read.
pub fn tail(bytes_from_offset: &[u8], offset: u64) -> Result<Tail, BadJournal> {
    let mut at = 0;
    if offset == 0 {
        if bytes_from_offset.len() < MAGIC.len() {
            return Ok(Tail {
                records: Vec::new(),
                next: 0,
            });
        }
        if bytes_from_offset[..MAGIC.len()] != MAGIC {
            return Err(BadJournal::Magic);
        }
        at = MAGIC.len();
    }
    let mut records = Vec::new();
    while let Some((payload, next)) = frame_at(bytes_from_offset, at) {
        let record = serde_json::from_slice(payload).map_err(|error| BadJournal::Middle {
            offset: offset + at as u64,
            why: error.to_string(),
        })?;
        records.push(record);
        at = next;
    }
    Ok(Tail {
        records,
        next: offset + at as u64,
    })
}

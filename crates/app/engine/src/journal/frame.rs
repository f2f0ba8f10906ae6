//! Records on disk: magic, then length, CRC-32 and JSON, chained by SHA-256.

use gw_platform::Crc32;
use sha2::{Digest, Sha256};

use super::record::Record;

/// First eight bytes: seven letters and the version of the framing.
pub const MAGIC: [u8; 8] = *b"GWJOURN\x01";

/// Largest payload that is believed; a longer length is a torn record.
const MAX_PAYLOAD: usize = 256 << 20;

/// What a journal holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Frames {
    /// Records in order.
    pub records: Vec<Record>,
    /// Bytes from the start that are whole records (0 when not even the magic
    /// is there); what follows is torn.
    pub good_bytes: u64,
    /// Lower-case hex SHA-256 of the last payload; empty without records.
    pub last_hash: String,
}

/// Why a journal is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadJournal {
    /// Not a journal, or one of a newer framing.
    #[error(
        "the file does not begin like a journal this program can read; update the agent or restore the run directory"
    )]
    Magic,
    /// A record that cannot be torn is damaged.
    #[error(
        "the journal is damaged at byte {offset}: {why}; restore the run directory from a copy"
    )]
    Middle {
        /// Where.
        offset: u64,
        /// How.
        why: String,
    },
}

/// Reads whole records; never panics, whatever the bytes are.
///
/// # Errors
/// When anything but the last record is damaged.
pub fn read_frames(bytes: &[u8]) -> Result<Frames, BadJournal> {
    let mut out = Frames {
        records: Vec::new(),
        good_bytes: 0,
        last_hash: String::new(),
    };
    if bytes.len() < MAGIC.len() {
        // The power failed while the first eight bytes were written.
        return match MAGIC.starts_with(bytes) || bytes.iter().all(|b| *b == 0) {
            true => Ok(out),
            false => Err(BadJournal::Magic),
        };
    }
    if bytes[..MAGIC.len()] != MAGIC {
        return match bytes.iter().all(|b| *b == 0) {
            true => Ok(out),
            false => Err(BadJournal::Magic),
        };
    }
    let mut at = MAGIC.len();
    while at < bytes.len() {
        let Some((payload, next)) = frame_at(bytes, at) else {
            if let Some(later) = whole_frame_after(bytes, at) {
                return Err(BadJournal::Middle {
                    offset: at as u64,
                    why: format!("a whole record follows at byte {later}"),
                });
            }
            break;
        };
        let damaged = |why: String| BadJournal::Middle {
            offset: at as u64,
            why,
        };
        let record: Record =
            serde_json::from_slice(payload).map_err(|error| damaged(error.to_string()))?;
        if record.n != out.records.len() as u64 {
            return Err(damaged(format!(
                "record {} stands where {} belongs",
                record.n,
                out.records.len()
            )));
        }
        if record.prev != out.last_hash {
            return Err(damaged(format!(
                "record {} does not follow the one before it",
                record.n
            )));
        }
        out.last_hash = hash(payload);
        out.records.push(record);
        at = next;
    }
    out.good_bytes = at as u64;
    Ok(out)
}

/// The framed record and the hash of its payload.
pub(super) fn encode(record: &Record) -> Result<(Vec<u8>, String), serde_json::Error> {
    let payload = serde_json::to_vec(record)?;
    let mut out = Vec::with_capacity(payload.len() + 8);
    out.extend((payload.len() as u32).to_le_bytes());
    out.extend(Crc32::of(&payload).to_le_bytes());
    out.extend(&payload);
    Ok((out, hash(&payload)))
}

/// Payload and end of a whole frame with a good checksum.
pub(super) fn frame_at(bytes: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let head = bytes.get(at..at.checked_add(8)?)?;
    let len = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
    let crc = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
    if len == 0 || len > MAX_PAYLOAD {
        return None;
    }
    let end = (at + 8).checked_add(len)?;
    let payload = bytes.get(at + 8..end)?;
    (Crc32::of(payload) == crc).then_some((payload, end))
}

/// A torn write ends the file. If a whole record comes later, this is damage.
fn whole_frame_after(bytes: &[u8], at: usize) -> Option<usize> {
    let start = b"{\"n\":";
    (at + 1..bytes.len()).find(|later| {
        bytes.get(later + 8..later + 8 + start.len()) == Some(start.as_slice())
            && frame_at(bytes, *later).is_some()
    })
}

fn hash(payload: &[u8]) -> String {
    hex::encode(Sha256::digest(payload))
}

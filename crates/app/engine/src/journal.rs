//! The journal: what a run did, in order, durable before it happens.
//!
//! What must stay true: a record is on stable storage before what it announces
//! begins; records are only ever appended; each one carries the hash of the one
//! before it, so none can be lost, swapped or altered unseen. Only a torn last
//! record, the mark of a power cut, is cut away at opening.

mod frame;
mod record;
mod tail;

pub use frame::{BadJournal, Frames, MAGIC, read_frames};
pub use record::{Change1, Direction, Event, Finding, Record, Severity, Side, Survey, UserPlan};
pub use tail::{Tail, tail};

use chrono::{DateTime, Utc};

use crate::rundir::Storage;

/// An open journal.
pub struct Journal {
    records: Vec<Record>,
    last_hash: String,
    /// Bytes of whole records, with the magic.
    length: u64,
    #[cfg(test)]
    pub(crate) defect: Option<crate::Defect>,
}

/// Why a journal cannot be used or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Its content is damaged.
    #[error(transparent)]
    Damaged(#[from] BadJournal),
    /// It cannot be read or written.
    #[error("the journal cannot be {what}")]
    Io {
        /// Read, cut or written.
        what: &'static str,
        /// The system's words.
        source: std::io::Error,
    },
    /// A record cannot be encoded.
    #[error("a journal record cannot be encoded: {0}")]
    Encode(#[from] serde_json::Error),
}

impl Journal {
    /// Opens the journal of a run directory, cutting a torn last record.
    ///
    /// # Errors
    /// When it cannot be read, or is damaged anywhere but at its end.
    pub fn open(storage: &mut dyn Storage) -> Result<Journal, JournalError> {
        Journal::open_inner(storage, true)
    }

    #[cfg(test)]
    pub(crate) fn open_with(
        storage: &mut dyn Storage,
        defect: Option<crate::Defect>,
    ) -> Result<Journal, JournalError> {
        let cut = defect != Some(crate::Defect::KeepTornTail);
        let mut journal = Journal::open_inner(storage, cut)?;
        journal.defect = defect;
        Ok(journal)
    }

    fn open_inner(storage: &mut dyn Storage, cut: bool) -> Result<Journal, JournalError> {
        let io = |what| move |source| JournalError::Io { what, source };
        let bytes = storage.journal_load().map_err(io("read"))?;
        let frames = read_frames(&bytes)?;
        let torn = frames.good_bytes < bytes.len() as u64;
        if (torn || bytes.is_empty()) && cut {
            storage.journal_cut(frames.good_bytes).map_err(io("cut"))?;
        }
        let mut length = frames.good_bytes;
        if length == 0 {
            append(storage, 0, &MAGIC).map_err(io("written"))?;
            length = MAGIC.len() as u64;
        }
        // A process that was killed between append and flush leaves a record
        // that is there to read and not yet durable.
        storage.journal_flush().map_err(io("written"))?;
        Ok(Journal {
            records: frames.records,
            last_hash: frames.last_hash,
            length,
            #[cfg(test)]
            defect: None,
        })
    }

    /// All records so far.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Appends a record; it is on stable storage when this returns.
    ///
    /// # Errors
    /// When it cannot be made durable: the caller must stop at once.
    pub fn append(
        &mut self,
        storage: &mut dyn Storage,
        at: DateTime<Utc>,
        event: Event,
    ) -> Result<&Record, JournalError> {
        let io = |source| JournalError::Io {
            what: "written",
            source,
        };
        let record = Record {
            n: self.records.len() as u64,
            at,
            prev: self.last_hash.clone(),
            event,
        };
        let (bytes, hash) = frame::encode(&record)?;
        append(storage, self.length, &bytes).map_err(io)?;
        if self.flushes() {
            storage.journal_flush().map_err(io)?;
        }
        self.length += bytes.len() as u64;
        self.last_hash = hash;
        self.records.push(record);
        Ok(&self.records[self.records.len() - 1])
    }

    #[cfg(test)]
    fn flushes(&self) -> bool {
        self.defect != Some(crate::Defect::SkipFlush)
    }

    #[cfg(not(test))]
    fn flushes(&self) -> bool {
        true
    }
}

/// Appends behind `length`. On a full disk what was set aside is given back
/// and the record written again, from its beginning: a part of it may be there.
fn append(storage: &mut dyn Storage, length: u64, bytes: &[u8]) -> std::io::Result<()> {
    match storage.journal_append(bytes) {
        Err(error) if error.kind() == std::io::ErrorKind::StorageFull => {
            storage.release();
            storage.journal_cut(length)?;
            storage.journal_append(bytes)
        }
        other => other,
    }
}

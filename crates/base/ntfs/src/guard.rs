//! Tells whether a volume has been used between two parts of our own work.
//!
//! What must stay true: everything that a mount changes sooner or later (the log, the maps of
//! clusters and records in use, the volume's own records) is covered, and nothing that our
//! own writes change.

use sha2::{Digest, Sha256};

use crate::attribute::{BITMAP, DATA};
use crate::block::{BlockRead, ReadError};
use crate::edit::extents;
use crate::error::NtfsError;
use crate::log;
use crate::stream::Stream;
use crate::volume::{LOG_FILE, MFT, Volume};
use crate::write::Guard;

/// Records that no change of descriptors ever touches: all of the volume's own but the
/// volume's flags (3), the root (5) and `$Secure` (9).
const QUIET: [u64; 9] = [0, 1, 2, 4, 6, 7, 8, 10, 11];
const BITMAP_FILE: u64 = 6;
const CHUNK: usize = 1 << 20;

impl Guard {
    /// Takes the hash of a part of a volume.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn take(
        reader: &(impl BlockRead + ?Sized),
        offset: u64,
        len: u64,
    ) -> Result<Self, ReadError> {
        let mut hasher = Sha256::new();
        let mut block = vec![0; CHUNK.min(usize::try_from(len).unwrap_or(CHUNK))];
        let mut done = 0;
        while done < len {
            let now = usize::try_from(len - done)
                .unwrap_or(CHUNK)
                .min(block.len());
            reader.read_at(offset + done, &mut block[..now])?;
            hasher.update(&block[..now]);
            done += now as u64;
        }
        let mut hash = [0; 16];
        hash.copy_from_slice(&hasher.finalize()[..16]);
        Ok(Self { offset, len, hash })
    }

    /// Whether that part is still the same.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn holds(&self, reader: &(impl BlockRead + ?Sized)) -> Result<bool, ReadError> {
        Ok(Self::take(reader, self.offset, self.len)? == *self)
    }
}

impl<R: BlockRead> Volume<R> {
    /// Guards over what any other use of the volume changes.
    ///
    /// # Errors
    /// When metadata needed for the answer is damaged.
    pub fn guards(&self) -> Result<Vec<Guard>, NtfsError> {
        let mut found = vec![Guard::take(self.reader(), 0, 512)?];
        let size = u64::from(self.boot().record_size);
        for number in QUIET {
            self.guard(self.mft(), number * size, size, &mut found)?;
        }
        let whole = [(MFT, BITMAP), (BITMAP_FILE, DATA)];
        for (number, kind) in whole {
            if let Some(stream) = self.stream(&self.known(number)?, kind, "")? {
                self.guard(&stream, 0, stream.size(), &mut found)?;
            }
        }
        if let Some(stream) = self.stream(&self.known(LOG_FILE)?, DATA, "")? {
            let head = stream.size().min(log::HEAD as u64);
            self.guard(&stream, 0, head, &mut found)?;
        }
        Ok(found)
    }

    fn guard(
        &self,
        stream: &Stream,
        offset: u64,
        len: u64,
        found: &mut Vec<Guard>,
    ) -> Result<(), NtfsError> {
        // A value inside a record is guarded with the record; one may be shorter on the volume
        // than its size says, and what was never written cannot change.
        if matches!(stream, Stream::Resident(_)) {
            return Ok(());
        }
        let len = usize::try_from(len.min(stream.written().saturating_sub(offset))).unwrap_or(0);
        for extent in extents(self, stream, offset, len)? {
            found.push(Guard::take(
                self.reader(),
                extent.offset,
                extent.len as u64,
            )?);
        }
        Ok(())
    }
}

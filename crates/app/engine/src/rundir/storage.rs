//! What the engine asks of its run directory. Two implementations: a folder,
//! and a simulated one that loses unflushed writes.

use std::io::{self, Read, Write};

use gw_platform::Secret;

/// A run directory.
pub trait Storage {
    /// A document, a map; `None` when it is not there.
    ///
    /// # Errors
    /// When it cannot be read.
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>>;

    /// Replaces a document atomically and durably.
    ///
    /// # Errors
    /// When it cannot be made durable; the old one is then untouched.
    fn write(&mut self, name: &str, bytes: &[u8]) -> io::Result<()>;

    /// A secret by id; `None` when it is not there.
    ///
    /// # Errors
    /// When it cannot be read.
    fn secret(&self, id: &str) -> io::Result<Option<Secret>>;

    /// Overwrites and removes every secret.
    ///
    /// # Errors
    /// When one cannot be removed.
    fn destroy_secrets(&mut self) -> io::Result<()>;

    /// Whether somebody asked to stop.
    fn stop_requested(&self) -> bool;

    /// The whole journal; empty when there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    fn journal_load(&mut self) -> io::Result<Vec<u8>>;

    /// Keeps the first `length` bytes, durably.
    ///
    /// # Errors
    /// When it cannot be cut.
    fn journal_cut(&mut self, length: u64) -> io::Result<()>;

    /// Appends bytes, not yet durably.
    ///
    /// # Errors
    /// When they cannot be written.
    fn journal_append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes everything appended durable.
    ///
    /// # Errors
    /// When it cannot be made durable.
    fn journal_flush(&mut self) -> io::Result<()>;

    /// Sets `bytes` of disk aside, so that the journal can still say what
    /// happened when the disk is full.
    ///
    /// # Errors
    /// When there is no room for them.
    fn reserve(&mut self, bytes: u64) -> io::Result<()> {
        let _ = bytes;
        Ok(())
    }

    /// Gives back what was set aside; nothing happens when nothing was.
    fn release(&mut self) {}

    /// Starts a blob of the undo store of change `seq`, replacing an older one.
    ///
    /// # Errors
    /// When it cannot be made.
    fn blob_create(&mut self, seq: u64, name: &str) -> io::Result<Box<dyn BlobSink>>;

    /// Opens a finished blob.
    ///
    /// # Errors
    /// When it is missing or cannot be read.
    fn blob_open(&self, seq: u64, name: &str) -> io::Result<Box<dyn Read>>;
}

/// A blob being written.
pub trait BlobSink: Write {
    /// Makes it durable under its name.
    ///
    /// # Errors
    /// When it cannot be made durable.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

//! A run directory on a lossy disk: what was not flushed is lost, torn or full
//! of holes when the power comes back; and the disk can be full.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::rc::Rc;

use gw_engine::rundir::{BlobSink, RESULT, Storage};
use gw_platform::Secret;
use gw_platform::fake::{Fuse, PowerFailed};

use super::planted::Flaw;

type Blobs = Rc<RefCell<BTreeMap<(u64, String), Vec<u8>>>>;

/// What happened to a run directory, shared with the machine of the same run.
#[derive(Debug, Default)]
pub(super) struct Meter {
    /// Journal records begun.
    pub(super) appends: Cell<u64>,
    /// Writes refused because the disk was full.
    pub(super) full: Cell<u64>,
    /// Unflushed journal bytes that a power cut took or tore.
    pub(super) torn: Cell<u64>,
    /// Free bytes; `None` is plenty.
    pub(super) room: Cell<Option<u64>>,
    /// Somebody asks to stop at this append.
    pub(super) stop_at: Cell<Option<u64>>,
    pub(super) stop: Cell<bool>,
}

/// The run directory.
pub(super) struct LossyStorage {
    pub(super) fuse: Fuse,
    pub(super) documents: BTreeMap<String, Vec<u8>>,
    pub(super) secrets: BTreeMap<String, Vec<u8>>,
    pub(super) journal: Vec<u8>,
    pending: Vec<u8>,
    blobs: Blobs,
    reserved: u64,
    pub(super) meter: Rc<Meter>,
    pub(super) flaw: Option<Flaw>,
}

fn power(_: PowerFailed) -> io::Error {
    io::Error::other("the power failed")
}

impl Meter {
    fn take(&self, bytes: u64) -> io::Result<()> {
        match self.room.get() {
            Some(room) if room < bytes => {
                self.full.set(self.full.get() + 1);
                Err(io::ErrorKind::StorageFull.into())
            }
            Some(room) => {
                self.room.set(Some(room - bytes));
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl LossyStorage {
    pub(super) fn new(fuse: Fuse, flaw: Option<Flaw>) -> LossyStorage {
        LossyStorage {
            fuse,
            documents: BTreeMap::new(),
            secrets: BTreeMap::new(),
            journal: Vec::new(),
            pending: Vec::new(),
            blobs: Rc::default(),
            reserved: 0,
            meter: Rc::default(),
            flaw,
        }
    }

    /// What a reader sees, flushed or not.
    pub(super) fn as_seen(&self) -> Vec<u8> {
        [&self.journal[..], &self.pending[..]].concat()
    }

    /// The power comes back: any part of the unflushed tail is there, perhaps
    /// with a hole in it.
    pub(super) fn power_on(&mut self) {
        let mut rest = std::mem::take(&mut self.pending);
        let whole = rest.len();
        let keep = self.fuse.choose(77, whole as u64 + 1) as usize;
        rest.truncate(keep);
        let holed = keep > 8 && self.fuse.choose(78, 3) == 0;
        if holed {
            rest[4..8].fill(0);
        }
        if keep < whole || holed {
            self.meter.torn.set(self.meter.torn.get() + 1);
        }
        self.journal.extend(rest);
    }
}

impl Storage for LossyStorage {
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(self.documents.get(name).cloned())
    }

    fn write(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.fuse.tick().map_err(power)?;
        self.meter.take(bytes.len() as u64)?;
        if self.flaw == Some(Flaw::ForgetReport) && name == RESULT {
            return Ok(());
        }
        self.documents.insert(name.to_owned(), bytes.to_vec());
        Ok(())
    }

    fn secret(&self, id: &str) -> io::Result<Option<Secret>> {
        Ok(self.secrets.get(id).map(|bytes| Secret::new(bytes.clone())))
    }

    fn destroy_secrets(&mut self) -> io::Result<()> {
        self.fuse.tick().map_err(power)?;
        if self.flaw != Some(Flaw::KeepSecrets) {
            self.secrets.clear();
        }
        Ok(())
    }

    fn stop_requested(&self) -> bool {
        self.meter.stop.get()
    }

    fn journal_load(&mut self) -> io::Result<Vec<u8>> {
        Ok(self.as_seen())
    }

    fn journal_cut(&mut self, length: u64) -> io::Result<()> {
        self.fuse.tick().map_err(power)?;
        if self.flaw == Some(Flaw::AcceptTornRecord) {
            return Ok(());
        }
        self.journal.append(&mut self.pending);
        self.journal.truncate(length as usize);
        Ok(())
    }

    fn journal_append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Err(error) = self.meter.take(bytes.len() as u64) {
            // A full disk takes what fits.
            self.pending.extend(&bytes[..bytes.len() / 2]);
            return Err(error);
        }
        self.pending.extend(bytes);
        self.fuse.tick().map_err(power)?;
        let meter = &self.meter;
        meter.appends.set(meter.appends.get() + 1);
        if meter.stop_at.get() == Some(meter.appends.get()) {
            meter.stop_at.set(None);
            meter.stop.set(true);
        }
        Ok(())
    }

    fn journal_flush(&mut self) -> io::Result<()> {
        self.fuse.tick().map_err(power)?;
        if self.flaw != Some(Flaw::SkipFlush) {
            self.journal.append(&mut self.pending);
        }
        Ok(())
    }

    fn reserve(&mut self, bytes: u64) -> io::Result<()> {
        if self.reserved == 0 {
            self.meter.take(bytes)?;
            self.reserved = bytes;
        }
        Ok(())
    }

    fn release(&mut self) {
        let back = std::mem::take(&mut self.reserved);
        if let Some(room) = self.meter.room.get() {
            self.meter.room.set(Some(room + back));
        }
    }

    fn blob_create(&mut self, seq: u64, name: &str) -> io::Result<Box<dyn BlobSink>> {
        Ok(Box::new(Blob {
            fuse: self.fuse.clone(),
            blobs: self.blobs.clone(),
            meter: self.meter.clone(),
            key: (seq, name.to_owned()),
            bytes: Vec::new(),
            lost: self.flaw == Some(Flaw::LoseBeforeImage) && seq % 3 == 1,
        }))
    }

    fn blob_open(&self, seq: u64, name: &str) -> io::Result<Box<dyn Read>> {
        let blobs = self.blobs.borrow();
        let bytes = blobs
            .get(&(seq, name.to_owned()))
            .ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(io::Cursor::new(bytes.clone())))
    }
}

struct Blob {
    fuse: Fuse,
    blobs: Blobs,
    meter: Rc<Meter>,
    key: (u64, String),
    bytes: Vec<u8>,
    lost: bool,
}

impl Write for Blob {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.fuse.tick().map_err(power)?;
        self.meter.take(bytes.len() as u64)?;
        self.bytes.extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl BlobSink for Blob {
    fn finish(self: Box<Self>) -> io::Result<()> {
        self.fuse.tick().map_err(power)?;
        if !self.lost {
            self.blobs.borrow_mut().insert(self.key, self.bytes);
        }
        Ok(())
    }
}

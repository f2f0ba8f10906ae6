//! What a change may use while it works, made from the run directory: its part
//! of the undo store, its maps and secrets, its progress in the journal.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use gw_platform::{
    BeforeStore, BlobRef, BlobWriter, Crc32, Inputs, MachineError, MapRef, Progress, Secret,
    SecretId, SidMap, SidText,
};
use sha2::{Digest, Sha256};

use crate::journal::{Direction, Event, Journal, JournalError};
use crate::rundir::{BlobSink, Storage};

/// How often a bulk change records where it is.
#[derive(Debug, Clone, Copy)]
pub enum Cadence {
    /// By the clock, for real devices.
    Every(Duration),
    /// By objects, so that a test is the same every time.
    Objects(u64),
}

/// Everything of a run that a change needs; the machine sees it in three parts
/// that share one run directory.
pub(crate) struct Access<'a> {
    pub(crate) shared: &'a std::cell::RefCell<Shared<'a>>,
    pub(crate) seq: u64,
}

/// The run directory and the journal while a change works.
pub(crate) struct Shared<'a> {
    pub(crate) storage: &'a mut dyn Storage,
    pub(crate) journal: &'a mut Journal,
    pub(crate) now: fn() -> DateTime<Utc>,
    /// The journal could not be written: nothing may go on.
    pub(crate) journal_error: Option<JournalError>,
}

/// Undo store of one change.
pub(crate) struct Store<'a> {
    access: Access<'a>,
    /// Only counts bytes (rehearsal).
    dry: bool,
}

impl<'a> Store<'a> {
    pub(crate) fn new(access: Access<'a>, dry: bool) -> Store<'a> {
        Store { access, dry }
    }
}

struct Writer {
    name: String,
    /// `None` only counts.
    sink: Option<Box<dyn BlobSink>>,
    crc: Crc32,
    bytes: u64,
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = match &mut self.sink {
            Some(sink) => sink.write(bytes)?,
            None => bytes.len(),
        };
        self.crc.update(&bytes[..taken]);
        self.bytes += taken as u64;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.as_mut().map_or(Ok(()), |sink| sink.flush())
    }
}

impl BlobWriter for Writer {
    fn seal(self: Box<Self>) -> Result<BlobRef, MachineError> {
        if let Some(sink) = self.sink {
            sink.finish().map_err(|error| object(&self.name, &error))?;
        }
        Ok(BlobRef {
            name: self.name,
            bytes: self.bytes,
            crc32: self.crc.value(),
        })
    }
}

impl BeforeStore for Store<'_> {
    fn create(&mut self, name: &str) -> Result<Box<dyn BlobWriter + '_>, MachineError> {
        let mut shared = self.access.shared.borrow_mut();
        let sink = match self.dry {
            true => None,
            false => Some(
                shared
                    .storage
                    .blob_create(self.access.seq, name)
                    .map_err(|error| object(name, &error))?,
            ),
        };
        Ok(Box::new(Writer {
            name: name.to_owned(),
            sink,
            crc: Crc32::new(),
            bytes: 0,
        }))
    }

    fn open(&self, blob: &BlobRef, offset: u64) -> Result<Box<dyn Read + '_>, MachineError> {
        let fail = |error: &io::Error| object(&blob.name, error);
        let open = || {
            let shared = self.access.shared.borrow();
            shared.storage.blob_open(self.access.seq, &blob.name)
        };
        let mut reader = open().map_err(|error| fail(&error))?;
        let mut crc = Crc32::new();
        let mut bytes = 0;
        let mut chunk = vec![0; 1 << 16];
        loop {
            let got = reader.read(&mut chunk).map_err(|error| fail(&error))?;
            if got == 0 {
                break;
            }
            crc.update(&chunk[..got]);
            bytes += got as u64;
        }
        if bytes != blob.bytes || crc.value() != blob.crc32 {
            return Err(MachineError::Damaged {
                object: format!("before-image {}/{}", self.access.seq, blob.name),
                why: "its length or checksum differs".to_owned(),
            });
        }
        let mut reader = open().map_err(|error| fail(&error))?;
        io::copy(&mut (&mut reader).take(offset), &mut io::sink()).map_err(|error| fail(&error))?;
        Ok(reader)
    }
}

fn object(name: &str, error: &io::Error) -> MachineError {
    MachineError::io(format!("before-image {name}"), error)
}

/// Maps and secrets of the run.
pub(crate) struct RunInputs<'a> {
    pub(crate) shared: &'a std::cell::RefCell<Shared<'a>>,
}

impl Inputs for RunInputs<'_> {
    fn map(&self, map: &MapRef) -> Result<SidMap, MachineError> {
        let name = map_name(map);
        let shared = self.shared.borrow();
        let bytes = shared
            .storage
            .read(&name)
            .map_err(|error| MachineError::io(&*name, &error))?
            .ok_or_else(|| MachineError::Missing {
                object: name.clone(),
            })?;
        read_map(&bytes, map).map_err(|why| MachineError::Damaged { object: name, why })
    }

    fn secret(&self, id: &SecretId) -> Result<Secret, MachineError> {
        let object = format!("secret {}", id.0);
        self.shared
            .borrow()
            .storage
            .secret(&id.0)
            .map_err(|error| MachineError::io(&*object, &error))?
            .ok_or(MachineError::Missing { object })
    }
}

/// Name of a map's file in the run directory.
pub(crate) fn map_name(map: &MapRef) -> String {
    format!("maps/{}.csv", map.sha256)
}

/// Reference of a map.
pub(crate) fn map_ref(map: &SidMap) -> MapRef {
    MapRef {
        sha256: hex::encode(Sha256::digest(map.to_csv())),
        pairs: map.len() as u32,
    }
}

fn read_map(bytes: &[u8], want: &MapRef) -> Result<SidMap, String> {
    if hex::encode(Sha256::digest(bytes)) != want.sha256 {
        return Err("its hash differs".to_owned());
    }
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let mut pairs = Vec::new();
    for line in text.lines().skip(1) {
        let (source, target) = line.split_once(',').ok_or("a line has no comma")?;
        let parse = |text: &str| text.parse::<SidText>().map_err(|error| error.to_string());
        pairs.push((parse(source)?, parse(target)?));
    }
    SidMap::new(pairs).map_err(|error| error.to_string())
}

/// Progress of one change in one direction; `None` records nothing (preparing).
pub(crate) struct RunProgress<'a> {
    access: Access<'a>,
    direction: Option<Direction>,
    cursor: u64,
    cadence: Cadence,
    calls: u64,
    last: Instant,
    last_stop_check: Instant,
    stop: bool,
}

impl<'a> RunProgress<'a> {
    pub(crate) fn new(
        access: Access<'a>,
        direction: Option<Direction>,
        cursor: u64,
        cadence: Cadence,
    ) -> RunProgress<'a> {
        let now = Instant::now();
        RunProgress {
            access,
            direction,
            cursor,
            cadence,
            calls: 0,
            last: now,
            last_stop_check: now,
            stop: false,
        }
    }

    fn look_for_stop(&mut self) -> bool {
        self.stop |= self.access.shared.borrow().storage.stop_requested();
        self.stop
    }
}

impl Progress for RunProgress<'_> {
    fn cursor(&self) -> u64 {
        self.cursor
    }

    fn due(&mut self) -> bool {
        self.calls += 1;
        match self.cadence {
            Cadence::Objects(every) => self.calls.is_multiple_of(every.max(1)),
            Cadence::Every(period) => {
                // A look at the clock per object is cheap, one at the disk is not.
                let now = Instant::now();
                if now.duration_since(self.last_stop_check) > Duration::from_millis(100) {
                    self.last_stop_check = now;
                    if self.look_for_stop() {
                        return true;
                    }
                }
                now.duration_since(self.last) >= period
            }
        }
    }

    fn checkpoint(&mut self, cursor: u64, total: u64) -> Result<(), MachineError> {
        self.last = Instant::now();
        if let Some(direction) = self.direction {
            self.cursor = cursor;
            let mut guard = self.access.shared.borrow_mut();
            let shared = &mut *guard;
            let event = Event::Progress {
                seq: self.access.seq,
                direction,
                cursor,
                total,
            };
            let at = (shared.now)();
            if let Err(error) = shared.journal.append(shared.storage, at, event) {
                shared.journal_error = Some(error);
                return Err(MachineError::Stopped);
            }
        }
        match self.look_for_stop() {
            true => Err(MachineError::Stopped),
            false => Ok(()),
        }
    }
}

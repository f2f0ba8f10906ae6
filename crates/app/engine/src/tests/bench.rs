//! A run directory in memory that loses what was not flushed, and a rig that
//! plays the agent: starts the engine again, delivers what it asks for,
//! restarts the PC.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::rc::Rc;
use std::time::Duration;

use chrono::{DateTime, TimeZone, Utc};
use gw_model::{FinalState, OrderId, RunId, RunKind, RunbookId};
use gw_platform::fake::{Fuse, SamplePc, sample};
use gw_platform::{Secret, SecretId};
use gw_runbook::{LeaveFrom, PermissionMode};

use crate::access::Cadence;
use crate::run::{Defect, EngineError, Exit, Options, Request, run};
use crate::rundir::{
    BlobSink, DirectoryRef, ESCROW, EscrowFile, FALLBACK, JoinKind, LegalNotice, ORDER, OrderFile,
    Pair, RESULT, RETURN, Refusal, ResultFile, ReturnFile, ReturnGrade, RunbookRef, STAGE,
    Settings, StageFile, Storage, Ticket, read_document,
};

type Blobs = Rc<RefCell<BTreeMap<(u64, String), Vec<u8>>>>;

/// A run directory in memory. Documents and finished blobs are durable; journal
/// bytes are durable once flushed, and a power cut keeps any part of the rest.
pub(super) struct SimStorage {
    pub(super) fuse: Fuse,
    pub(super) documents: BTreeMap<String, Vec<u8>>,
    pub(super) secrets: BTreeMap<String, Vec<u8>>,
    pub(super) journal: Vec<u8>,
    pending: Vec<u8>,
    blobs: Blobs,
    pub(super) stop: Cell<bool>,
    /// Stops the run when this many journal records have been appended.
    pub(super) stop_at_append: Cell<Option<u32>>,
}

fn power(_: gw_platform::fake::PowerFailed) -> io::Error {
    io::Error::other("the power failed")
}

impl SimStorage {
    pub(super) fn new(fuse: Fuse) -> SimStorage {
        SimStorage {
            fuse,
            documents: BTreeMap::new(),
            secrets: BTreeMap::new(),
            journal: Vec::new(),
            pending: Vec::new(),
            blobs: Rc::default(),
            stop: Cell::new(false),
            stop_at_append: Cell::new(None),
        }
    }

    /// What a reader sees, flushed or not.
    pub(super) fn journal_as_seen(&self) -> Vec<u8> {
        [&self.journal[..], &self.pending[..]].concat()
    }

    /// The power comes back: a part of the unflushed tail is there, perhaps
    /// with a hole in it.
    pub(super) fn power_on(&mut self) {
        let mut rest = std::mem::take(&mut self.pending);
        let keep = self.fuse.choose(77, rest.len() as u64 + 1) as usize;
        rest.truncate(keep);
        if keep > 8 && self.fuse.choose(78, 3) == 0 {
            for byte in &mut rest[4..8] {
                *byte = 0;
            }
        }
        self.journal.extend(rest);
    }
}

impl Storage for SimStorage {
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(self.documents.get(name).cloned())
    }

    fn write(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.fuse.tick().map_err(power)?;
        self.documents.insert(name.to_owned(), bytes.to_vec());
        Ok(())
    }

    fn secret(&self, id: &str) -> io::Result<Option<Secret>> {
        Ok(self.secrets.get(id).map(|bytes| Secret::new(bytes.clone())))
    }

    fn destroy_secrets(&mut self) -> io::Result<()> {
        self.fuse.tick().map_err(power)?;
        self.secrets.clear();
        Ok(())
    }

    fn stop_requested(&self) -> bool {
        self.stop.get()
    }

    fn journal_load(&mut self) -> io::Result<Vec<u8>> {
        let mut all = self.journal.clone();
        all.extend(&self.pending);
        Ok(all)
    }

    fn journal_cut(&mut self, length: u64) -> io::Result<()> {
        self.fuse.tick().map_err(power)?;
        self.journal.extend(std::mem::take(&mut self.pending));
        self.journal.truncate(length as usize);
        Ok(())
    }

    fn journal_append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.pending.extend(bytes);
        self.fuse.tick().map_err(power)?;
        if let Some(left) = self.stop_at_append.get() {
            self.stop_at_append.set(left.checked_sub(1));
            if left == 0 {
                self.stop.set(true);
            }
        }
        Ok(())
    }

    fn journal_flush(&mut self) -> io::Result<()> {
        self.fuse.tick().map_err(power)?;
        self.journal.extend(std::mem::take(&mut self.pending));
        Ok(())
    }

    fn blob_create(&mut self, seq: u64, name: &str) -> io::Result<Box<dyn BlobSink>> {
        Ok(Box::new(SimBlob {
            fuse: self.fuse.clone(),
            blobs: self.blobs.clone(),
            key: (seq, name.to_owned()),
            bytes: Vec::new(),
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

struct SimBlob {
    fuse: Fuse,
    blobs: Blobs,
    key: (u64, String),
    bytes: Vec<u8>,
}

impl Write for SimBlob {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.fuse.tick().map_err(power)?;
        self.bytes.extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl BlobSink for SimBlob {
    fn finish(self: Box<Self>) -> io::Result<()> {
        self.fuse.tick().map_err(power)?;
        self.blobs.borrow_mut().insert(self.key, self.bytes);
        Ok(())
    }
}

/// What the agent of a test does when the engine asks for a way home.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Home {
    /// Brings a good ticket.
    Ticket,
    /// The first ticket is for a password that was changed since.
    StaleFirst,
    /// Says no, for good.
    Never,
    /// Says "not yet" for ever: the budget decides.
    NotYet,
}

/// A PC, its run directory and its agent.
pub(super) struct Rig {
    pub(super) sample: SamplePc,
    pub(super) storage: SimStorage,
    pub(super) options: Options,
    pub(super) home: Home,
    pub(super) tickets: u32,
    pub(super) starts: u32,
    /// The name that the server gives the device.
    pub(super) new_name: Option<String>,
    /// Called before each start with the number of journal records.
    pub(super) exits: Vec<Exit>,
}

thread_local! {
    static CLOCK: Cell<i64> = const { Cell::new(0) };
}

/// A clock that moves one second per look, so that budgets pass.
pub(super) fn ticking() -> DateTime<Utc> {
    let now = CLOCK.get();
    CLOCK.set(now + 1);
    Utc.timestamp_opt(1_790_000_000 + now, 0)
        .single()
        .unwrap_or_default()
}

/// Lets time pass.
pub(super) fn pass(seconds: i64) {
    CLOCK.set(CLOCK.get() + seconds);
}

impl Rig {
    /// Two users, a few files each; the order moves them from source to target.
    pub(super) fn new(change: impl FnOnce(&mut OrderFile)) -> Rig {
        Rig::sized(2, 6, change)
    }

    pub(super) fn sized(users: u32, files: u32, change: impl FnOnce(&mut OrderFile)) -> Rig {
        CLOCK.set(0);
        let fuse = Fuse::default();
        let sample = sample(fuse.clone(), users, files);
        let mut storage = SimStorage::new(fuse);
        let mut order = order();
        change(&mut order);
        storage
            .documents
            .insert(ORDER.to_owned(), serde_json::to_vec(&order).unwrap());
        Rig {
            sample,
            storage,
            options: Options {
                now: ticking,
                cadence: Cadence::Objects(4),
                retry_after: vec![Duration::ZERO],
                defect: None,
            },
            home: Home::Ticket,
            tickets: 0,
            starts: 0,
            new_name: None,
            exits: Vec::new(),
        }
    }

    /// The target knows the device as `name`.
    pub(super) fn renamed(mut self, name: &str) -> Rig {
        self.sample.expected_as(name);
        self.new_name = Some(name.to_owned());
        self
    }

    /// What the device says that it is called, and whether that waits for a
    /// restart.
    pub(super) fn name(&mut self) -> (String, bool) {
        use gw_platform::Machine;
        let facts = self.sample.pc.facts().unwrap();
        (facts.computer_name, !facts.pending.is_empty())
    }

    pub(super) fn with_defect(mut self, defect: Defect) -> Rig {
        self.options.defect = Some(defect);
        self
    }

    /// One process.
    pub(super) fn start(&mut self, request: Request) -> Result<Exit, EngineError> {
        self.starts += 1;
        run(
            &mut self.sample.pc,
            &mut self.storage,
            &self.options,
            request,
        )
    }

    /// Starts the engine until a final state, playing the agent.
    pub(super) fn play(&mut self) -> Result<FinalState, String> {
        self.play_from(Request::Go)
    }

    pub(super) fn play_from(&mut self, mut request: Request) -> Result<FinalState, String> {
        for _ in 0..400 {
            match self.start(request) {
                Ok(exit) => {
                    request = Request::Go;
                    self.exits.push(exit);
                    match exit {
                        Exit::Final(state) => return Ok(state),
                        Exit::NeedsStage => self.deliver_stage(),
                        Exit::NeedsReturn => self.deliver_return(),
                        Exit::NeedsEscrow => self.deliver_escrow(),
                        Exit::Reboot => self.sample.pc.restart(),
                        Exit::Stopped => self.storage.stop.set(false),
                    }
                }
                Err(error) if self.storage.fuse.is_off() => {
                    let _ = error;
                    self.sample.pc.power_on();
                    self.storage.power_on();
                }
                Err(error) if error.code() == 1 => {}
                Err(error) => return Err(format!("refused: {error}")),
            }
        }
        Err("the run does not end".to_owned())
    }

    /// As [`Rig::play`], but gives back after each power cut, so that the
    /// next one can be armed.
    pub(super) fn play_until_cut(&mut self) -> Option<Result<FinalState, String>> {
        for _ in 0..400 {
            match self.start(Request::Go) {
                Ok(Exit::Final(state)) => return Some(Ok(state)),
                Ok(Exit::NeedsStage) => self.deliver_stage(),
                Ok(Exit::NeedsReturn) => self.deliver_return(),
                Ok(Exit::NeedsEscrow) => self.deliver_escrow(),
                Ok(Exit::Reboot) => self.sample.pc.restart(),
                Ok(Exit::Stopped) => self.storage.stop.set(false),
                Err(_) if self.storage.fuse.is_off() => {
                    self.sample.pc.power_on();
                    self.storage.power_on();
                    return None;
                }
                Err(error) => return Some(Err(error.to_string())),
            }
        }
        Some(Err("the run does not end".to_owned()))
    }

    pub(super) fn deliver_stage(&mut self) {
        let stage = self.stage_file();
        self.storage
            .documents
            .insert(STAGE.to_owned(), serde_json::to_vec(&stage).unwrap());
        self.storage
            .secrets
            .insert("target-machine".to_owned(), b"target-0".to_vec());
    }

    pub(super) fn stage_file(&self) -> StageFile {
        StageFile {
            v: 1,
            pairs: self
                .sample
                .users
                .iter()
                .map(|(name, source, target)| Pair {
                    source_sid: source.clone(),
                    target_sid: target.clone(),
                    source_name: None,
                    target_name: Some(format!("TARGET\\{name}")),
                })
                .collect(),
            target: Some(self.sample.target.clone()),
            secret: Some(SecretId("target-machine".to_owned())),
            computer_name: self.new_name.clone(),
            return_grade: ReturnGrade::Auto,
            return_because: "proven".to_owned(),
        }
    }

    pub(super) fn deliver_escrow(&mut self) {
        let escrow = EscrowFile {
            v: 1,
            acknowledged: vec![SecretId(FALLBACK.to_owned())],
        };
        self.storage
            .documents
            .insert(ESCROW.to_owned(), serde_json::to_vec(&escrow).unwrap());
    }

    pub(super) fn deliver_return_now(&mut self) {
        self.deliver_return();
    }

    fn deliver_return(&mut self) {
        self.tickets += 1;
        let secret = format!("source-machine-{}", self.tickets);
        let password = format!("source-{}", self.tickets).into_bytes();
        let good = match self.home {
            Home::Ticket => true,
            Home::StaleFirst => self.tickets > 1,
            Home::Never | Home::NotYet => {
                let file = ReturnFile {
                    v: 1,
                    ticket: None,
                    refused: Some(Refusal {
                        because: "no controller answers".to_owned(),
                        r#final: self.home == Home::Never,
                    }),
                };
                self.write_return(&file);
                return;
            }
        };
        if good {
            let directory = self.sample.pc.network.get_mut("source.test").unwrap();
            directory
                .passwords
                .insert("PC7$".to_owned(), password.clone());
        }
        self.storage.secrets.insert(secret.clone(), password);
        let source = self.sample.source.clone();
        self.write_return(&ReturnFile {
            v: 1,
            ticket: Some(Ticket {
                source,
                secret: SecretId(secret),
            }),
            refused: None,
        });
    }

    fn write_return(&mut self, file: &ReturnFile) {
        self.storage
            .documents
            .insert(RETURN.to_owned(), serde_json::to_vec(file).unwrap());
    }

    pub(super) fn result(&self) -> ResultFile {
        read_document(RESULT, &self.storage.documents[RESULT]).unwrap()
    }

    /// The PC apart from the run's own traces.
    pub(super) fn snapshot(&self) -> BTreeMap<String, Vec<u8>> {
        self.sample.pc.snapshot()
    }
}

fn order() -> OrderFile {
    let id = uuid::Uuid::from_u128;
    OrderFile {
        v: 1,
        run_id: RunId(id(7)),
        order_id: OrderId(id(8)),
        kind: RunKind::Run,
        runbook: RunbookRef {
            id: RunbookId(id(9)),
            version: 3,
            name: "Move".to_owned(),
        },
        sources: vec![DirectoryRef {
            dns_name: "source.test".to_owned(),
            domain_sid: Some("S-1-5-21-1-2-3".parse().unwrap()),
        }],
        target: Some(DirectoryRef {
            dns_name: "target.test".to_owned(),
            domain_sid: None,
        }),
        settings: Settings {
            leave: LeaveFrom::ActiveDirectory,
            join: JoinKind::ActiveDirectory,
            mode: PermissionMode::Replace,
            ignored: vec!["%SystemRoot%".to_owned()],
            legal_notice: Some(LegalNotice {
                caption: "Moving".to_owned(),
                text: "Please wait".to_owned(),
            }),
            budget_s: 500,
            ..Settings::default()
        },
    }
}

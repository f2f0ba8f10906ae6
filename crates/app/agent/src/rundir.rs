//! The agent's side of a run directory (`docs/run-directory.md`).

use crate::{
    orders::HeldOrder,
    password,
    state::{StateError, StateFolder, write_atomically},
};
use gw_engine::{
    DeliverError,
    journal::{BadJournal, Event, Record, tail},
    order_file, return_file,
    rundir::{
        BadDocument, ESCROW, EscrowFile, FALLBACK, ORDER, OrderFile, RESULT, RETURN, Refusal,
        ResultFile, ReturnFile, STAGE, Ticket, read_document,
    },
    stage_file,
};
use gw_model::{RunId, RunKind};
use gw_platform::{SecretId, SidText};
use gw_wire::{
    keys::KeyError,
    secret::SecretBytes,
    stage::{ReturnTicket, StagePackage},
};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// A run directory cannot be made or read.
#[derive(Debug, thiserror::Error)]
pub enum RunDirError {
    /// The state folder.
    #[error(transparent)]
    State(#[from] StateError),
    /// What the server sent does not make a run.
    #[error(transparent)]
    Deliver(#[from] DeliverError),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] BadJournal),
    /// The result.
    #[error(transparent)]
    Document(#[from] BadDocument),
    /// No password can be made.
    #[error(transparent)]
    Random(#[from] KeyError),
}

/// One run directory.
#[derive(Debug, Clone)]
pub(crate) struct RunDir {
    pub(crate) path: PathBuf,
}

impl RunDir {
    /// Of this run; made if need be.
    pub(crate) fn open(state: &StateFolder, run: RunId) -> Result<Self, StateError> {
        state.folder("runs")?;
        let path = state.folder(&format!("runs/{run}"))?;
        Ok(Self { path })
    }

    /// Writes `order.json` once, after the fallback administrator's password if one is asked for; a
    /// resumed run keeps what it began with.
    pub(crate) fn write_order(&self, order: &HeldOrder) -> Result<(), RunDirError> {
        if self.path.join(ORDER).exists() {
            return Ok(());
        }
        let file = order_file(&order.header, &order.body)?;
        let secret = SecretId(FALLBACK.to_owned());
        if let (RunKind::Run, Some(account)) = (file.kind, &file.settings.fallback_administrator)
            && !self.secret_path(&secret).exists()
        {
            self.write_secret(&secret, &password::generate(account)?)?;
        }
        self.write(ORDER, &file)
    }

    /// The fallback administrator and its password; `None` if the run makes none, or is over.
    pub(crate) fn fallback(&self) -> Result<Option<(String, SecretBytes)>, RunDirError> {
        let Some(bytes) = self.read(&self.path.join(ORDER))? else {
            return Ok(None);
        };
        let order: OrderFile = read_document(ORDER, &bytes)?;
        let secret = self.read(&self.secret_path(&SecretId(FALLBACK.to_owned())))?;
        Ok(order
            .settings
            .fallback_administrator
            .zip(secret.map(SecretBytes::new)))
    }

    /// Writes that the server holds the fallback administrator's password.
    pub(crate) fn write_escrow(&self) -> Result<(), RunDirError> {
        self.write(
            ESCROW,
            &EscrowFile {
                v: 1,
                acknowledged: vec![SecretId(FALLBACK.to_owned())],
            },
        )
    }

    /// Writes the secret, then `stage.json`.
    pub(crate) fn write_stage(&self, package: &StagePackage) -> Result<(), RunDirError> {
        let (file, secret) = stage_file(package)?;
        if let Some((id, secret)) = secret {
            self.write_secret(&id, &secret)?;
        }
        self.write(STAGE, &file)
    }

    /// Writes the secret under a new name, then `return.json`.
    pub(crate) fn write_ticket(&self, ticket: &ReturnTicket) -> Result<(), RunDirError> {
        // The engine destroys used secrets; the number that was written last is in `return.json`.
        let last = match std::fs::read(self.path.join(RETURN)) {
            Ok(bytes) => read_document::<ReturnFile>(RETURN, &bytes)?.ticket,
            Err(_) => None,
        };
        let number = |ticket: Ticket| ticket.secret.0.rsplit('-').next()?.parse().ok();
        let taken: u32 = last.and_then(number).unwrap_or(0);
        let free = |n: &u32| {
            !self
                .path
                .join(format!("secrets/source-machine-{n}"))
                .exists()
        };
        let number = (taken + 1..u32::MAX).find(free).unwrap_or(u32::MAX);
        let (file, (id, secret)) = return_file(ticket, number)?;
        self.write_secret(&id, &secret)?;
        self.write(RETURN, &file)
    }

    /// Writes that there is no ticket.
    pub(crate) fn write_no_ticket(&self, because: &str, is_final: bool) -> Result<(), RunDirError> {
        self.write(
            RETURN,
            &ReturnFile {
                v: 1,
                ticket: None,
                refused: Some(Refusal {
                    because: because.to_owned(),
                    r#final: is_final,
                }),
            },
        )
    }

    /// The result, once there is one.
    pub(crate) fn result(&self) -> Result<Option<ResultFile>, RunDirError> {
        match std::fs::read(self.path.join(RESULT)) {
            Ok(bytes) => Ok(Some(read_document(RESULT, &bytes)?)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(self.io("read", RESULT, source)),
        }
    }

    /// Every whole record of the journal.
    pub(crate) fn records(&self) -> Result<Vec<Record>, RunDirError> {
        match std::fs::read(self.path.join("journal")) {
            Ok(bytes) => Ok(tail(&bytes, 0)?.records),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(source) => Err(self.io("read", "journal", source)),
        }
    }

    /// Asks the engine to stop at the next checkpoint, or takes the request back.
    pub(crate) fn ask_to_stop(&self, stop: bool) -> Result<(), RunDirError> {
        let path = self.path.join("stop");
        let done = if stop {
            write_atomically(&path, b"")
        } else {
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            }
        };
        done.map_err(|source| self.io("write", "stop", source))
    }

    /// Does another process work on the device?
    pub(crate) fn machine_is_busy(&self) -> bool {
        let above = self.path.parent().unwrap_or(&self.path);
        let lock = std::fs::File::open(above.join("machine.lock"));
        lock.is_ok_and(|file| matches!(file.try_lock(), Err(std::fs::TryLockError::WouldBlock)))
    }

    fn secret_path(&self, id: &SecretId) -> PathBuf {
        self.path.join("secrets").join(&id.0)
    }

    fn read(&self, path: &Path) -> Result<Option<Vec<u8>>, RunDirError> {
        match std::fs::read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(RunDirError::State(StateError::Io {
                what: "read",
                path: path.to_owned(),
                source,
            })),
        }
    }

    fn write_secret(&self, id: &SecretId, secret: &SecretBytes) -> Result<(), RunDirError> {
        let folder = self.path.join("secrets");
        std::fs::create_dir_all(&folder).map_err(|source| self.io("make", "secrets", source))?;
        write_atomically(&folder.join(&id.0), secret.expose())
            .map_err(|source| self.io("write", "secrets", source))
    }

    fn write<T: Serialize>(&self, name: &str, value: &T) -> Result<(), RunDirError> {
        let bytes = serde_json::to_vec_pretty(value).map_err(|source| StateError::Damaged {
            path: self.path.join(name),
            source,
        })?;
        write_atomically(&self.path.join(name), &bytes)
            .map_err(|source| self.io("write", name, source))
    }

    fn io(&self, what: &'static str, name: &str, source: std::io::Error) -> RunDirError {
        RunDirError::State(StateError::Io {
            what,
            path: Path::new(&self.path).join(name),
            source,
        })
    }
}

/// The SIDs that the engine asked pairs for, from a run directory's journal.
///
/// # Errors
/// The journal cannot be read.
pub fn seen(run_dir: &Path) -> Result<Vec<SidText>, RunDirError> {
    let dir = RunDir {
        path: run_dir.to_owned(),
    };
    let records = dir.records()?;
    Ok(survey(&records).map_or_else(Vec::new, |survey| survey.sids.clone()))
}

/// The survey of the last `needs_stage` record.
pub(crate) fn survey(records: &[Record]) -> Option<&gw_engine::journal::Survey> {
    records.iter().rev().find_map(|record| match &record.event {
        Event::NeedsStage(survey) => Some(&**survey),
        _ => None,
    })
}

/// Why the last `needs_return` record asks.
pub(crate) fn why_return(records: &[Record]) -> String {
    let last = records.iter().rev().find_map(|record| match &record.event {
        Event::NeedsReturn { because } => Some(because.clone()),
        _ => None,
    });
    last.unwrap_or_default()
}

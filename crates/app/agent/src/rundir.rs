//! The agent's side of a run directory (`docs/run-directory.md`).

use crate::{
    orders::HeldOrder,
    settings::{UnsupportedRunbook, settings},
    state::{StateError, StateFolder, write_atomically},
};
use gw_engine::{
    journal::{BadJournal, Event, Record, tail},
    rundir::{
        BadDocument, DirectoryRef, ORDER, OrderFile, Pair, RESULT, RETURN, Refusal, ResultFile,
        ReturnFile, ReturnGrade, RunbookRef, STAGE, StageFile, Ticket, read_document,
    },
};
use gw_model::{RunId, RunKind};
use gw_platform::{AdTarget, BadSid, Controller, JoinTarget, SecretId, SidText};
use gw_wire::stage::{self, MachineJoin, ReturnTicket, StagePackage};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// A run directory cannot be made or read.
#[derive(Debug, thiserror::Error)]
pub enum RunDirError {
    /// The state folder.
    #[error(transparent)]
    State(#[from] StateError),
    /// The runbook document.
    #[error(transparent)]
    Runbook(#[from] gw_runbook::ReadError),
    /// The runbook is not text.
    #[error("the runbook document is not UTF-8")]
    Text,
    /// The runbook asks for too much.
    #[error(transparent)]
    Unsupported(#[from] UnsupportedRunbook),
    /// A SID in an order or package.
    #[error(transparent)]
    Sid(#[from] BadSid),
    /// The order does not say which run it is.
    #[error("an order of this kind has no run")]
    Kind,
    /// The target's domain SID is not known to the server.
    #[error("the server did not send the domain SID of {0}; import that directory again")]
    DomainSid(String),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] BadJournal),
    /// The result.
    #[error(transparent)]
    Document(#[from] BadDocument),
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

    /// Writes `order.json` once; a resumed run keeps the one it began with.
    pub(crate) fn write_order(&self, order: &HeldOrder) -> Result<(), RunDirError> {
        if self.path.join(ORDER).exists() {
            return Ok(());
        }
        let text = std::str::from_utf8(&order.body.runbook).map_err(|_| RunDirError::Text)?;
        let runbook = gw_runbook::read(text)?;
        let header = &order.header;
        let file = OrderFile {
            v: 1,
            run_id: header.run,
            order_id: header.order,
            kind: match header.kind.run_kind() {
                Some(kind @ (RunKind::Run | RunKind::Rehearse)) => kind,
                _ => return Err(RunDirError::Kind),
            },
            runbook: RunbookRef {
                id: header.runbook.id,
                version: header.runbook.version,
                name: header.runbook.name.clone(),
            },
            sources: order
                .body
                .sources
                .iter()
                .map(directory)
                .collect::<Result<_, _>>()?,
            target: order.body.target.as_ref().map(directory).transpose()?,
            settings: settings(&runbook)?,
        };
        self.write(ORDER, &file)
    }

    /// Writes the secret, then `stage.json`.
    pub(crate) fn write_stage(&self, package: &StagePackage) -> Result<(), RunDirError> {
        let secret = SecretId("target-machine".to_owned());
        let target = match &package.join {
            Some(join) => {
                self.write_secret(&secret, join)?;
                Some(target(join)?)
            }
            None => None,
        };
        let pairs = package.pairs.iter().map(|pair| {
            Ok(Pair {
                source_sid: sid(&pair.source)?,
                target_sid: sid(&pair.target)?,
                source_name: pair.source_name.clone(),
                target_name: pair.target_name.clone(),
            })
        });
        let file = StageFile {
            v: 1,
            pairs: pairs.collect::<Result<_, BadSid>>()?,
            secret: target.is_some().then_some(secret),
            target,
            return_grade: match package.return_grade {
                stage::ReturnGrade::Auto => ReturnGrade::Auto,
                stage::ReturnGrade::Assisted => ReturnGrade::Assisted,
                stage::ReturnGrade::None => ReturnGrade::None,
            },
            return_because: package.return_because.clone(),
        };
        self.write(STAGE, &file)
    }

    /// Writes the secret under a new name, then `return.json`.
    pub(crate) fn write_ticket(&self, ticket: &ReturnTicket) -> Result<(), RunDirError> {
        let free = (1..10_000).map(|n| SecretId(format!("source-machine-{n}")));
        let mut free = free.filter(|id| !self.path.join("secrets").join(&id.0).exists());
        let secret = free.next().unwrap_or(SecretId("source-machine".to_owned()));
        self.write_secret(&secret, &ticket.join)?;
        let source = target(&ticket.join)?;
        self.write(
            RETURN,
            &ReturnFile {
                v: 1,
                ticket: Some(Ticket { source, secret }),
                refused: None,
            },
        )
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

    fn write_secret(&self, id: &SecretId, join: &MachineJoin) -> Result<(), RunDirError> {
        let folder = self.path.join("secrets");
        std::fs::create_dir_all(&folder).map_err(|source| self.io("make", "secrets", source))?;
        write_atomically(&folder.join(&id.0), join.secret.expose())
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

fn sid(sid: &gw_secdesc::Sid) -> Result<SidText, BadSid> {
    sid.to_string().parse()
}

fn directory(facts: &stage::DirectoryFacts) -> Result<DirectoryRef, BadSid> {
    Ok(DirectoryRef {
        dns_name: facts.dns_name.to_ascii_lowercase(),
        domain_sid: facts.sid.as_ref().map(sid).transpose()?,
    })
}

fn target(join: &MachineJoin) -> Result<JoinTarget, RunDirError> {
    let directory = &join.directory;
    let domain_sid = directory.sid.as_ref().map(sid).transpose()?;
    let missing = || RunDirError::DomainSid(directory.dns_name.clone());
    Ok(JoinTarget::ActiveDirectory(AdTarget {
        dns_name: directory.dns_name.to_ascii_lowercase(),
        netbios_name: directory.netbios_name.to_ascii_uppercase(),
        forest_name: directory.forest.to_ascii_lowercase(),
        domain_sid: domain_sid.ok_or_else(missing)?,
        domain_guid: directory.guid.map(|guid| guid.to_string()),
        account_name: join.account.clone(),
        machine_sid: join.account_sid.as_ref().map(sid).transpose()?,
        controllers: directory
            .controllers
            .iter()
            .map(|controller| Controller {
                host: controller.host.to_ascii_lowercase(),
                addresses: controller.addresses.clone(),
                site: controller.site.clone(),
            })
            .collect(),
        kvno: join.kvno,
    }))
}

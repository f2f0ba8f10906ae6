//! An import: reads a directory into the next generation, and shows it at the end.

use super::{JobError, Pace};
use crate::Services;
use gw_directory::{BoxFuture, ImportPage, ImportRequest, ImportSink, ImportedObject, SinkStopped};
use gw_model::{DeviceId, DirectoryId, DirectoryObject, Guid, ObjectId, ObjectKind, Severity};
use gw_store::{DirectoryRecord, JobRecord, Lane, StoreError, StoredObject, Tx};
use sha2::Digest as _;
use std::{collections::HashMap, time::Instant};
use uuid::Uuid;

/// The share of a directory that may be gone before a scheduled import is not believed.
const BRAKE_SHARE: f64 = 0.5;
/// Fewer objects than this may go unnoticed.
const BRAKE_FLOOR: usize = 20;

pub(super) async fn run(services: &Services, job: &JobRecord) -> Result<String, JobError> {
    let id: DirectoryId = job
        .subject
        .as_deref()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| JobError::Failed("the job names no directory".into()))?;
    let record = services
        .store
        .read()
        .await?
        .directory(job.customer, id)
        .await?;
    let record = record.ok_or_else(|| JobError::Failed("the directory was removed".into()))?;
    let settings = services.unsealed_settings(&record)?;
    let reader = services
        .connectors
        .reader(record.kind)
        .ok_or_else(|| JobError::Failed("directories of this kind cannot be reached yet".into()))?;
    let mut sink = Sink::begin(services, job, record).await?;
    let request = ImportRequest::everything();
    let summary = match reader.import(&settings, &request, &mut sink).await {
        Ok(summary) => summary,
        Err(error) => {
            return Err(match sink.failure.take() {
                Some(own) => own,
                None => {
                    let problem = error.problem();
                    JobError::Failed(format!("{}; {}", problem.cause, problem.remedy))
                }
            });
        }
    };
    for dn in &summary.unusable {
        services
            .tell(
                job.id,
                Severity::Warning,
                &format!("{dn} lacks what an object must have and was left out"),
            )
            .await?;
    }
    services
        .learn_domain(&sink.directory, &summary.facts.dns_name)
        .await?;
    keep_facts(services, &sink.directory, &summary.facts).await?;
    sink.finish().await
}

/// What orders and stage packages tell of a directory.
pub(crate) fn facts_setting(id: DirectoryId) -> String {
    format!("facts {id}")
}

async fn keep_facts(
    services: &Services,
    directory: &DirectoryRecord,
    facts: &gw_directory::DomainFacts,
) -> Result<(), JobError> {
    let (name, text) = (facts_setting(directory.id), serde_json::to_string(facts)?);
    services
        .store
        .write(Lane::Agents, async move |tx: &mut Tx| {
            tx.set_setting(&name, &text).await
        })
        .await?;
    Ok(())
}

struct Sink<'a> {
    services: &'a Services,
    job: &'a JobRecord,
    directory: DirectoryRecord,
    generation: i64,
    /// What the current generation holds and the import has not seen yet.
    unseen: HashMap<Guid, (ObjectId, i64)>,
    before: usize,
    seen: usize,
    added: usize,
    changed: usize,
    pending: Vec<(StoredObject, Replaces)>,
    computers: Vec<DirectoryObject>,
    pace: Pace,
    failure: Option<JobError>,
}

#[derive(Clone, Copy)]
enum Replaces {
    Nothing,
    Row,
}

impl<'a> Sink<'a> {
    async fn begin(
        services: &'a Services,
        job: &'a JobRecord,
        directory: DirectoryRecord,
    ) -> Result<Self, JobError> {
        let (id, current) = (directory.id, directory.generation);
        services
            .store
            .write(Lane::Bulk, async move |tx: &mut Tx| {
                tx.discard_objects_above(id, current).await
            })
            .await?;
        let mut unseen = HashMap::new();
        let mut after = Guid(Uuid::nil());
        let mut tx = services.store.read().await?;
        loop {
            let keys = tx.import_keys(id, current, after, 5_000).await?;
            let Some(last) = keys.last() else { break };
            after = last.guid;
            unseen.extend(keys.iter().map(|key| (key.guid, (key.id, key.fingerprint))));
        }
        Ok(Self {
            services,
            job,
            generation: current + 1,
            before: unseen.len(),
            unseen,
            directory,
            seen: 0,
            added: 0,
            changed: 0,
            pending: Vec::new(),
            computers: Vec::new(),
            pace: Pace::new(),
            failure: None,
        })
    }

    async fn take(&mut self, page: ImportPage) -> Result<(), JobError> {
        for imported in page.objects {
            self.seen += 1;
            let fingerprint = fingerprint(&imported);
            let (id, replaces) = match self.unseen.remove(&imported.guid) {
                Some((_, held)) if held == fingerprint => continue,
                Some((id, _)) => {
                    self.changed += 1;
                    (id, Replaces::Row)
                }
                None => {
                    self.added += 1;
                    (self.services.id(), Replaces::Nothing)
                }
            };
            let object = imported.into_object(id, self.directory.id);
            if object.kind == ObjectKind::Computer {
                self.computers.push(object.clone());
            }
            self.pending.push((
                StoredObject {
                    object,
                    fingerprint,
                },
                replaces,
            ));
            if self.pending.len() >= self.pace.rows() {
                self.write().await?;
            }
        }
        let message = format!("read {} objects", self.seen);
        self.services
            .advance(self.job, self.seen, None, &message)
            .await
    }

    async fn write(&mut self) -> Result<(), JobError> {
        let (pending, generation) = (std::mem::take(&mut self.pending), self.generation);
        let (rows, began) = (pending.len(), Instant::now());
        self.services
            .store
            .write(Lane::Bulk, async move |tx: &mut Tx| {
                for (stored, replaces) in &pending {
                    if let Replaces::Row = replaces {
                        tx.end_object(stored.object.id, generation).await?;
                    }
                    tx.put_object(stored, generation).await?;
                }
                Ok::<(), StoreError>(())
            })
            .await?;
        self.pace.took(rows, began.elapsed());
        Ok(())
    }

    async fn finish(mut self) -> Result<String, JobError> {
        self.write().await?;
        let gone: Vec<ObjectId> = self.unseen.drain().map(|(_, (id, _))| id).collect();
        self.brake(gone.len())?;
        let (id, generation, now) = (self.directory.id, self.generation, self.services.now());
        for piece in gone.chunks(500) {
            let piece = piece.to_vec();
            self.services
                .store
                .write(Lane::Bulk, async move |tx: &mut Tx| {
                    for object in &piece {
                        tx.end_object(*object, generation).await?;
                    }
                    Ok::<(), StoreError>(())
                })
                .await?;
        }
        let something = self.added + self.changed + gone.len() > 0;
        // Nothing changed: the generation stays, and syncs that build on it have nothing to do.
        let shown = if something {
            generation
        } else {
            generation - 1
        };
        self.services
            .store
            .write(Lane::Bulk, async move |tx: &mut Tx| {
                tx.flip_directory(id, shown, now).await
            })
            .await?;
        self.ensure_devices().await?;
        if something {
            self.sweep().await?;
        }
        let message = format!(
            "{} objects: {} new, {} changed, {} gone",
            self.seen,
            self.added,
            self.changed,
            gone.len()
        );
        self.services
            .advance(self.job, self.seen, Some(self.seen), &message)
            .await?;
        self.services
            .tell(self.job.id, Severity::Info, &message)
            .await?;
        Ok(message)
    }

    /// A directory that suddenly lost half of its objects is more often a wrong base DN or a lost
    /// right than the truth. An import started by hand is believed.
    fn brake(&self, gone: usize) -> Result<(), JobError> {
        #[expect(clippy::cast_precision_loss, reason = "a share needs no more digits")]
        let share = gone as f64 / self.before.max(1) as f64;
        if self.job.parent.is_some() && gone > BRAKE_FLOOR && share > BRAKE_SHARE {
            return Err(JobError::Failed(format!(
                "{gone} of {} objects are gone at once; nothing was changed. Check the base DN and the account's rights; if it is true, import this directory by hand",
                self.before
            )));
        }
        Ok(())
    }

    /// Every imported computer has its device.
    async fn ensure_devices(&mut self) -> Result<(), JobError> {
        let computers = std::mem::take(&mut self.computers);
        let (customer, now) = (self.directory.customer, self.services.now());
        for piece in computers.chunks(50) {
            let piece: Vec<(DeviceId, DirectoryObject)> = piece
                .iter()
                .map(|computer| (self.services.id(), computer.clone()))
                .collect();
            self.services
                .store
                .write(Lane::Bulk, async move |tx: &mut Tx| {
                    for (id, computer) in &piece {
                        tx.ensure_device(customer, *id, computer, now).await?;
                    }
                    Ok::<(), StoreError>(())
                })
                .await?;
        }
        Ok(())
    }

    /// Deletes, bit by bit, what only readers of older generations saw.
    async fn sweep(&self) -> Result<(), JobError> {
        let (id, generation) = (self.directory.id, self.generation);
        loop {
            let swept = self
                .services
                .store
                .write(Lane::Bulk, async move |tx: &mut Tx| {
                    tx.sweep_objects(id, generation, 500).await
                })
                .await?;
            if swept == 0 {
                return Ok(());
            }
        }
    }
}

impl ImportSink for Sink<'_> {
    fn page(&mut self, page: ImportPage) -> BoxFuture<'_, Result<(), SinkStopped>> {
        Box::pin(async move {
            self.take(page).await.map_err(|error| {
                let reason = error.to_string();
                self.failure = Some(error);
                SinkStopped { reason }
            })
        })
    }
}

/// The first 8 bytes of SHA-256 over everything but what changes with every replication.
fn fingerprint(object: &ImportedObject) -> i64 {
    let mut hash = sha2::Sha256::new();
    let mut add = |text: &str| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    };
    add(match object.kind {
        ObjectKind::User => "user",
        ObjectKind::Group => "group",
        ObjectKind::Computer => "computer",
    });
    let sid = object.sid.as_ref().map(ToString::to_string);
    let optional = [
        sid.as_deref(),
        object.display_name.as_deref(),
        object.upn.as_deref(),
        object.mail.as_deref(),
        object.dns_host_name.as_deref(),
        object.operating_system.as_deref(),
    ];
    for text in optional {
        add(if text.is_some() { "+" } else { "-" });
        add(text.unwrap_or_default());
    }
    add(&object.account_name);
    add(&object.dn);
    add(if object.enabled { "on" } else { "off" });
    for sid in &object.sid_history {
        add(&sid.to_string());
    }
    for (name, values) in &object.attributes {
        add(name);
        for value in values {
            add(value);
        }
    }
    let digest = hash.finalize();
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    i64::from_le_bytes(first)
}

//! The worker: takes jobs from the store, one at a time, and keeps their progress.
//!
//! A job is leased; a server that goes away loses it to another after two minutes, which begins it
//! anew: imports and syncs write under a generation that nobody sees until they end.

mod import;
mod sync;

pub(crate) use import::facts_setting;

use crate::{Internal, Services, Topic, error::Chain};
use chrono::TimeDelta;
use gw_model::{JobId, Severity};
use gw_store::{JobKind, JobRecord, JobState, Lane, ScheduleRecord, StoreError, Tx};
use std::time::Duration;

const LEASE: TimeDelta = TimeDelta::minutes(2);

/// Why a job ended before its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JobError {
    /// Nothing that trying again at once would mend; the text says what to do.
    #[error("{0}")]
    Failed(String),
    /// Stopped by a person, or taken over by another server.
    #[error("stopped")]
    Stopped,
    #[error(transparent)]
    Inner(#[from] Internal),
}

impl From<StoreError> for JobError {
    fn from(error: StoreError) -> Self {
        Self::Inner(error.into())
    }
}

impl From<serde_json::Error> for JobError {
    fn from(error: serde_json::Error) -> Self {
        Self::Inner(error.into())
    }
}

/// Works for as long as the server runs.
pub(crate) async fn work(services: Services) {
    loop {
        let did = match services.work_once().await {
            Ok(did) => did,
            Err(error) => {
                tracing::error!(error = %Chain(&error), "The job worker failed");
                tokio::time::sleep(Duration::from_secs(5)).await;
                false
            }
        };
        if !did {
            let idle = tokio::time::sleep(Duration::from_secs(5));
            tokio::select! {
                () = services.jobs.notified() => {}
                () = idle => {}
            }
        }
    }
}

impl Services {
    /// Runs everything that is due, to its end.
    ///
    /// # Errors
    /// The store failed; a failing job is not an error here.
    pub async fn run_due_jobs(&self) -> Result<(), Internal> {
        while self.work_once().await? {}
        Ok(())
    }

    /// Queues due cycles, then runs one job. True if there was something to do.
    async fn work_once(&self) -> Result<bool, Internal> {
        self.queue_due_cycles().await?;
        let (now, owner) = (self.now(), self.owner.clone());
        let claimed = self
            .store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                let claimed = tx.claim_job(&owner, now, now + LEASE).await?;
                if let Some(parent) = claimed.as_ref().and_then(|job| job.parent) {
                    tx.begin_cycle(parent, now).await?;
                }
                Ok::<_, StoreError>(claimed)
            })
            .await?;
        let Some(job) = claimed else { return Ok(false) };
        self.publish_job(&job);
        let ended = self.run_job(&job).await;
        self.conclude(&job, ended).await?;
        Ok(true)
    }

    async fn run_job(&self, job: &JobRecord) -> Result<String, JobError> {
        match job.kind {
            JobKind::Import => import::run(self, job).await,
            JobKind::Sync => sync::run(self, job).await,
            // Never claimed: it ends with the last of its jobs.
            JobKind::Cycle => Ok(String::new()),
        }
    }

    async fn conclude(
        &self,
        job: &JobRecord,
        ended: Result<String, JobError>,
    ) -> Result<(), Internal> {
        let (state, message) = match ended {
            Ok(message) => (JobState::Succeeded, message),
            Err(JobError::Stopped) => return self.conclude_cycle(job).await,
            Err(error) => {
                let message = match &error {
                    JobError::Inner(_) => "the server failed; its log says why".to_owned(),
                    other => other.to_string(),
                };
                self.tell(job.id, Severity::Error, &message).await?;
                (JobState::Failed, message)
            }
        };
        let (id, now) = (job.id, self.now());
        self.store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                tx.end_job(id, state, &message, now).await
            })
            .await?;
        if let Some(ended) = self.store.read().await?.job_by_id(id).await? {
            self.publish_job(&ended);
        }
        self.conclude_cycle(job).await
    }

    /// Ends the cycle when the last of its jobs has ended.
    async fn conclude_cycle(&self, job: &JobRecord) -> Result<(), Internal> {
        let Some(parent) = job.parent else {
            return Ok(());
        };
        let children = self.store.read().await?.job_children(parent).await?;
        if children
            .iter()
            .any(|child| matches!(child.state, JobState::Queued | JobState::Running))
        {
            return Ok(());
        }
        let bad = children
            .iter()
            .filter(|child| child.state != JobState::Succeeded)
            .count();
        let (state, message) = match bad {
            0 => (
                JobState::Succeeded,
                format!("all {} jobs ended well", children.len()),
            ),
            n => (
                JobState::Failed,
                format!(
                    "{n} of {} jobs did not end well; their messages say why",
                    children.len()
                ),
            ),
        };
        let now = self.now();
        self.store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                tx.end_job(parent, state, &message, now).await
            })
            .await?;
        if let Some(cycle) = self.store.read().await?.job_by_id(parent).await? {
            self.publish_job(&cycle);
        }
        Ok(())
    }

    async fn queue_due_cycles(&self) -> Result<(), Internal> {
        let now = self.now();
        for due in self.store.read().await?.due_schedules(now).await? {
            let next = ScheduleRecord {
                next_at: Some(now + TimeDelta::minutes(due.interval_minutes)),
                ..due
            };
            self.store
                .write(Lane::Agents, async move |tx: &mut Tx| {
                    tx.set_schedule(&next).await
                })
                .await?;
            // A cycle that still runs keeps the next one from starting; that is not an error.
            if let Err(error) = self.queue_cycle(due.customer, None).await {
                tracing::info!(customer.id = %due.customer, reason = %error, "A scheduled cycle did not start");
            }
        }
        Ok(())
    }

    /// Adds a line to a job's message log.
    pub(crate) async fn tell(
        &self,
        id: JobId,
        severity: Severity,
        text: &str,
    ) -> Result<(), StoreError> {
        let (now, text) = (self.now(), text.to_owned());
        self.store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                tx.add_job_message(id, now, severity, &text).await
            })
            .await
    }

    /// Keeps a job's progress and lease.
    pub(crate) async fn advance(
        &self,
        job: &JobRecord,
        done: usize,
        total: Option<usize>,
        message: &str,
    ) -> Result<(), JobError> {
        let (id, owner, lease) = (job.id, self.owner.clone(), self.now() + LEASE);
        let text = message.to_owned();
        let done = i64::try_from(done).unwrap_or(i64::MAX);
        let total = total.map(|n| i64::try_from(n).unwrap_or(i64::MAX));
        let held = self
            .store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                tx.progress_job(id, &owner, lease, done, total, &text).await
            })
            .await?;
        if !held {
            return Err(JobError::Stopped);
        }
        self.publish_job(&JobRecord {
            done,
            total,
            message: message.to_owned(),
            ..job.clone()
        });
        Ok(())
    }

    fn publish_job(&self, job: &JobRecord) {
        self.bus().publish(job.customer, Topic::Job, job.id, job);
    }
}

/// How many rows to write in one transaction, so that it takes about 40 ms whatever the machine.
pub(crate) struct Pace {
    rows: usize,
}

impl Pace {
    pub(crate) fn new() -> Self {
        Self { rows: 100 }
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Learns from how long the last piece took.
    pub(crate) fn took(&mut self, rows: usize, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1);
        let fit = (rows as u64).saturating_mul(40_000) / micros;
        // Not more than doubled at once: the first pieces run on cold caches.
        let next = usize::try_from(fit).unwrap_or(2_000).clamp(20, 2_000);
        self.rows = next.min(self.rows * 2);
    }
}

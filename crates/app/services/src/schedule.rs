//! When directories are imported and profiles evaluated: by hand, or every so many minutes.
//!
//! A cycle is a parent job with one child per directory and per profile, imports first. A failed
//! import cancels the syncs that need it; what was there before stays visible.

use crate::{Actor, Ask, Internal, Page, Services, Topic, error::refused, page::Cursor};
use chrono::{DateTime, TimeDelta, Utc};
use gw_model::{CustomerId, DirectoryId, JobId, ProfileId};
use gw_store::{
    JobKind, JobMessage, JobRecord, JobState, Lane, NewAudit, ScheduleRecord, StoreError, Tx,
};
use serde::Serialize;

/// A customer's schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScheduleView {
    /// When cycles start by themselves.
    pub schedule: ScheduleRecord,
    /// The newest cycle, running or ended.
    pub last_cycle: Option<JobRecord>,
}

/// A job or schedule was refused.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    /// No such job, directory or profile.
    #[error("there is no such {what}")]
    NotFound {
        /// What was looked for.
        what: &'static str,
    },
    /// Out of range.
    #[error("a cycle starts every 5 to 10,080 minutes")]
    Interval,
    /// One at a time.
    #[error("`{name}` is being worked on already; wait until it has ended")]
    Busy {
        /// What runs.
        name: String,
    },
    /// Nothing to do.
    #[error("there is no directory yet; make one first")]
    Nothing,
    /// Our fault.
    #[error(transparent)]
    Inner(#[from] Internal),
}

refused!(ScheduleError {
    Self::NotFound { .. } => NotFound, "not_found";
    Self::Interval => Invalid, "interval_range", "rule";
    Self::Busy { .. } => Conflict, "job_running";
    Self::Nothing => Conflict, "directories_missing";
});

impl Services {
    /// A customer's schedule.
    ///
    /// # Errors
    /// The store failed.
    pub async fn schedule(&self, customer: CustomerId) -> Result<ScheduleView, ScheduleError> {
        let mut tx = self.store.read().await?;
        let schedule = tx.schedule(customer).await?;
        let last_cycle = tx
            .jobs(customer, None, 50)
            .await?
            .into_iter()
            .find(|job| job.kind == JobKind::Cycle);
        Ok(ScheduleView {
            schedule,
            last_cycle,
        })
    }

    /// Sets the interval in minutes, from start to start; none for by hand only.
    ///
    /// # Errors
    /// Out of range.
    pub async fn set_schedule(
        &self,
        actor: &Actor,
        customer: CustomerId,
        minutes: Option<u32>,
    ) -> Result<ScheduleView, ScheduleError> {
        if minutes.is_some_and(|minutes| !(5..=10_080).contains(&minutes)) {
            return Err(ScheduleError::Interval);
        }
        let interval = i64::from(minutes.unwrap_or(60));
        let record = ScheduleRecord {
            customer,
            enabled: minutes.is_some(),
            interval_minutes: interval,
            next_at: minutes.map(|_| self.now() + TimeDelta::minutes(interval)),
        };
        let detail = minutes.map_or("cycles start by hand".into(), |n| {
            format!("cycles start every {n} minutes")
        });
        let row = self.audit_row(actor, Some(customer), "schedule.save", "", detail);
        self.store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                tx.set_schedule(&record).await?;
                tx.add_audit(&row).await
            })
            .await?;
        self.jobs.notify_waiters();
        self.schedule(customer).await
    }

    /// Starts a cycle now: every import, then every sync.
    ///
    /// # Errors
    /// One is running, or there is nothing to import.
    pub async fn start_cycle(
        &self,
        actor: &Actor,
        customer: CustomerId,
    ) -> Result<JobRecord, ScheduleError> {
        let row = self.audit_row(actor, Some(customer), "cycle.start", "", "started a cycle");
        self.queue_cycle(customer, Some(row)).await
    }

    /// Queues a cycle. Ids are drawn ahead, because the transaction may run again.
    pub(crate) async fn queue_cycle(
        &self,
        customer: CustomerId,
        audit: Option<NewAudit>,
    ) -> Result<JobRecord, ScheduleError> {
        let now = self.now();
        let mut tx = self.store.read().await?;
        let directories = tx.directories(customer).await?;
        let profiles = tx.profiles(customer).await?;
        drop(tx);
        if directories.is_empty() {
            return Err(ScheduleError::Nothing);
        }
        let cycle = job(
            self.id(),
            customer,
            None,
            JobKind::Cycle,
            None,
            "Import and sync",
            now,
        );
        let mut jobs = vec![cycle.clone()];
        for directory in &directories {
            let subject = Some(directory.id.to_string());
            jobs.push(job(
                self.id(),
                customer,
                Some(cycle.id),
                JobKind::Import,
                subject,
                &directory.name,
                now,
            ));
        }
        for profile in &profiles {
            let subject = Some(profile.id.to_string());
            jobs.push(job(
                self.id(),
                customer,
                Some(cycle.id),
                JobKind::Sync,
                subject,
                &profile.name,
                now,
            ));
        }
        self.add_jobs(customer, jobs, audit).await?;
        Ok(cycle)
    }

    /// Imports one directory now.
    ///
    /// # Errors
    /// It is being imported, or there is none.
    pub async fn start_import(
        &self,
        actor: &Actor,
        customer: CustomerId,
        id: DirectoryId,
    ) -> Result<JobRecord, ScheduleError> {
        let held = self.store.read().await?.directory(customer, id).await?;
        let held = held.ok_or(ScheduleError::NotFound { what: "directory" })?;
        let row = self.audit_row(
            actor,
            Some(customer),
            "import.start",
            id,
            format!("started an import of {}", held.name),
        );
        let new = job(
            self.id(),
            customer,
            None,
            JobKind::Import,
            Some(id.to_string()),
            &held.name,
            self.now(),
        );
        self.add_jobs(customer, vec![new.clone()], Some(row))
            .await?;
        Ok(new)
    }

    /// Evaluates one profile now.
    ///
    /// # Errors
    /// It is being evaluated, or there is none.
    pub async fn start_sync(
        &self,
        actor: &Actor,
        customer: CustomerId,
        id: ProfileId,
    ) -> Result<JobRecord, ScheduleError> {
        let held = self.store.read().await?.profile(customer, id).await?;
        let held = held.ok_or(ScheduleError::NotFound {
            what: "sync profile",
        })?;
        let row = self.audit_row(
            actor,
            Some(customer),
            "sync.start",
            id,
            format!("started a sync of {}", held.name),
        );
        let new = job(
            self.id(),
            customer,
            None,
            JobKind::Sync,
            Some(id.to_string()),
            &held.name,
            self.now(),
        );
        self.add_jobs(customer, vec![new.clone()], Some(row))
            .await?;
        Ok(new)
    }

    /// Adds jobs unless one of the same kind on the same subject waits or runs.
    async fn add_jobs(
        &self,
        customer: CustomerId,
        jobs: Vec<JobRecord>,
        audit: Option<NewAudit>,
    ) -> Result<(), ScheduleError> {
        let first = jobs.first().cloned();
        self.store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                let open = tx.open_jobs(customer).await?;
                if let Some(busy) = open.iter().find(|held| {
                    jobs.iter()
                        .any(|new| new.kind == held.kind && new.subject == held.subject)
                }) {
                    return Err(ScheduleError::Busy {
                        name: busy.subject_name.clone(),
                    });
                }
                for new in &jobs {
                    tx.add_job(new).await?;
                }
                if let Some(row) = &audit {
                    tx.add_audit(row).await?;
                }
                Ok(())
            })
            .await?;
        if let Some(first) = first {
            self.bus().publish(customer, Topic::Job, first.id, &first);
        }
        self.jobs.notify_waiters();
        Ok(())
    }

    /// Jobs that stand for themselves, newest first.
    ///
    /// # Errors
    /// The store failed.
    pub async fn jobs(
        &self,
        customer: CustomerId,
        ask: &Ask,
    ) -> Result<Page<JobRecord>, ScheduleError> {
        let rows = ask.rows();
        let found = self
            .store
            .read()
            .await?
            .jobs(customer, Cursor::id(ask), rows + 1)
            .await?;
        Ok(Page::cut(found, rows, |last| Cursor::text("", last.id.0)))
    }

    /// One job.
    ///
    /// # Errors
    /// There is none.
    pub async fn job(&self, customer: CustomerId, id: JobId) -> Result<JobRecord, ScheduleError> {
        let held = self.store.read().await?.job_by_id(id).await?;
        held.filter(|job| job.customer == customer)
            .ok_or(ScheduleError::NotFound { what: "job" })
    }

    /// The jobs that a cycle consists of.
    ///
    /// # Errors
    /// There is no such job.
    pub async fn job_children(
        &self,
        customer: CustomerId,
        id: JobId,
    ) -> Result<Vec<JobRecord>, ScheduleError> {
        self.job(customer, id).await?;
        Ok(self.store.read().await?.job_children(id).await?)
    }

    /// A job's message log in order; a cycle's is that of all its jobs, one after the other.
    ///
    /// # Errors
    /// There is no such job.
    pub async fn job_messages(
        &self,
        customer: CustomerId,
        id: JobId,
        ask: &Ask,
    ) -> Result<Page<JobMessage>, ScheduleError> {
        self.job(customer, id).await?;
        let after = ask
            .after
            .as_deref()
            .and_then(|text| text.parse().ok())
            .unwrap_or(0);
        let rows = ask.rows();
        let found = self
            .store
            .read()
            .await?
            .job_messages(id, after, rows + 1)
            .await?;
        Ok(Page::cut(found, rows, |last| last.sequence.to_string()))
    }

    /// Stops a job at its next step, and what waits for it.
    ///
    /// # Errors
    /// There is no such job.
    pub async fn cancel_job(
        &self,
        actor: &Actor,
        customer: CustomerId,
        id: JobId,
    ) -> Result<JobRecord, ScheduleError> {
        self.job(customer, id).await?;
        let now = self.now();
        let message = format!("stopped by {}", actor.name);
        let row = self.audit_row(actor, Some(customer), "job.cancel", id, "stopped a job");
        self.store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                for child in tx.job_children(id).await? {
                    tx.end_job(child.id, JobState::Cancelled, &message, now)
                        .await?;
                }
                tx.end_job(id, JobState::Cancelled, &message, now).await?;
                tx.add_audit(&row).await?;
                Ok::<(), StoreError>(())
            })
            .await?;
        self.job(customer, id).await
    }
}

fn job(
    id: JobId,
    customer: CustomerId,
    parent: Option<JobId>,
    kind: JobKind,
    subject: Option<String>,
    name: &str,
    now: DateTime<Utc>,
) -> JobRecord {
    JobRecord {
        id,
        customer,
        parent,
        kind,
        subject,
        subject_name: name.to_owned(),
        state: JobState::Queued,
        done: 0,
        total: None,
        message: "waits".into(),
        warnings: 0,
        errors: 0,
        created_at: now,
        started_at: None,
        ended_at: None,
    }
}

//! Background jobs, their message logs, and the schedule: our own queue, transactional with
//! everything else.

use crate::{
    JobMessage, JobRecord, JobState, ScheduleRecord, StoreError, Tx, dialect,
    tx::Query,
    value::{Row, Word, args},
};
use chrono::{DateTime, Utc};
use gw_model::{CustomerId, JobId, Severity};

const SELECT: &str = "SELECT id, customer, parent, kind, subject, subject_name, state, done, \
                      total, message, warnings, errors, created_at, started_at, ended_at FROM job";

fn job(row: &Row) -> Result<JobRecord, StoreError> {
    let mut c = row.columns();
    Ok(JobRecord {
        id: c.take()?,
        customer: c.take()?,
        parent: c.take()?,
        kind: c.word()?,
        subject: c.take()?,
        subject_name: c.take()?,
        state: c.word()?,
        done: c.take()?,
        total: c.take()?,
        message: c.take()?,
        warnings: c.take()?,
        errors: c.take()?,
        created_at: c.take()?,
        started_at: c.take()?,
        ended_at: c.take()?,
    })
}

fn schedule(row: &Row) -> Result<ScheduleRecord, StoreError> {
    let mut c = row.columns();
    Ok(ScheduleRecord {
        customer: c.take()?,
        enabled: c.take()?,
        interval_minutes: c.take()?,
        next_at: c.take()?,
    })
}

impl Tx {
    /// Adds a job.
    pub async fn add_job(&mut self, new: &JobRecord) -> Result<(), StoreError> {
        self.exec(
            "INSERT INTO job (id, customer, parent, kind, subject, subject_name, state, done, \
             total, message, warnings, errors, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, 0, NULL, $8, 0, 0, $9)",
            args![
                new.id,
                new.customer,
                new.parent,
                Word(new.kind),
                new.subject.clone(),
                &new.subject_name,
                Word(new.state),
                &new.message,
                new.created_at
            ],
        )
        .await?;
        Ok(())
    }

    /// Claims the oldest job that waits, or whose worker went away, until `lease`.
    pub async fn claim_job(
        &mut self,
        owner: &str,
        now: DateTime<Utc>,
        lease: DateTime<Utc>,
    ) -> Result<Option<JobRecord>, StoreError> {
        let mut query = Query::new(
            "SELECT id FROM job WHERE kind <> 'cycle' AND (state = 'queued' OR (state = 'running' AND lease_until < $1)) \
             ORDER BY id LIMIT 1",
            args![now],
        );
        query.push(dialect::skip_locked(self));
        let (sql, args) = query.done();
        let Some(row) = self.row(sql, args).await? else {
            return Ok(None);
        };
        let id: JobId = row.first()?;
        self.exec(
            "UPDATE job SET state = 'running', lease_owner = $2, lease_until = $3, \
             started_at = COALESCE(started_at, $4) WHERE id = $1",
            args![id, owner, lease, now],
        )
        .await?;
        self.job_by_id(id).await
    }

    /// Marks a cycle as begun when the first of its jobs begins.
    pub async fn begin_cycle(&mut self, id: JobId, now: DateTime<Utc>) -> Result<(), StoreError> {
        self.exec(
            "UPDATE job SET state = 'running', started_at = $2, message = 'runs' \
             WHERE id = $1 AND state = 'queued'",
            args![id, now],
        )
        .await?;
        Ok(())
    }

    /// Reports progress and keeps the lease; false if the job was cancelled or taken over.
    pub async fn progress_job(
        &mut self,
        id: JobId,
        owner: &str,
        lease: DateTime<Utc>,
        done: i64,
        total: Option<i64>,
        message: &str,
    ) -> Result<bool, StoreError> {
        let touched = self
            .exec(
                "UPDATE job SET done = $4, total = $5, message = $6, lease_until = $3 \
                 WHERE id = $1 AND lease_owner = $2 AND state = 'running'",
                args![id, owner, lease, done, total, message],
            )
            .await?;
        Ok(touched == 1)
    }

    /// Ends a job that has not ended.
    pub async fn end_job(
        &mut self,
        id: JobId,
        state: JobState,
        message: &str,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.exec(
            "UPDATE job SET state = $2, message = $3, ended_at = $4, lease_owner = NULL, \
             lease_until = NULL WHERE id = $1 AND state IN ('queued', 'running')",
            args![id, Word(state), message, now],
        )
        .await?;
        Ok(())
    }

    /// One job.
    pub async fn job_by_id(&mut self, id: JobId) -> Result<Option<JobRecord>, StoreError> {
        let row = self
            .row(format!("{SELECT} WHERE id = $1"), args![id])
            .await?;
        row.as_ref().map(job).transpose()
    }

    /// The jobs that a cycle consists of, in the order in which they run.
    pub async fn job_children(&mut self, parent: JobId) -> Result<Vec<JobRecord>, StoreError> {
        let sql = format!("{SELECT} WHERE parent = $1 ORDER BY id");
        self.rows(sql, args![parent])
            .await?
            .iter()
            .map(job)
            .collect()
    }

    /// Jobs of a customer that stand for themselves, newest first.
    pub async fn jobs(
        &mut self,
        customer: CustomerId,
        before: Option<JobId>,
        limit: i64,
    ) -> Result<Vec<JobRecord>, StoreError> {
        let mut query = Query::new(SELECT, vec![]);
        query.bind(" WHERE customer = ? AND parent IS NULL", args![customer]);
        query.bind_if(" AND id < ?", before);
        query.bind(" ORDER BY id DESC LIMIT ?", args![limit]);
        let (sql, args) = query.done();
        self.rows(sql, args).await?.iter().map(job).collect()
    }

    /// Jobs of a customer that wait or run, oldest first.
    pub async fn open_jobs(&mut self, customer: CustomerId) -> Result<Vec<JobRecord>, StoreError> {
        let sql =
            format!("{SELECT} WHERE customer = $1 AND state IN ('queued', 'running') ORDER BY id");
        self.rows(sql, args![customer])
            .await?
            .iter()
            .map(job)
            .collect()
    }

    /// The newest job that worked on a directory or profile.
    pub async fn last_job_of(
        &mut self,
        customer: CustomerId,
        subject: &str,
    ) -> Result<Option<JobRecord>, StoreError> {
        let sql = format!("{SELECT} WHERE customer = $1 AND subject = $2 ORDER BY id DESC LIMIT 1");
        self.row(sql, args![customer, subject])
            .await?
            .as_ref()
            .map(job)
            .transpose()
    }

    /// Adds a line to a job's message log.
    pub async fn add_job_message(
        &mut self,
        id: JobId,
        at: DateTime<Utc>,
        severity: Severity,
        text: &str,
    ) -> Result<(), StoreError> {
        self.exec(
            "INSERT INTO job_message (job, sequence, at, severity, text) VALUES ($1, \
             (SELECT COALESCE(MAX(sequence), 0) + 1 FROM job_message WHERE job = $1), $2, $3, $4)",
            args![id, at, Word(severity), text],
        )
        .await?;
        let sql = match severity {
            Severity::Info => return Ok(()),
            Severity::Warning => "UPDATE job SET warnings = warnings + 1 WHERE id = $1",
            Severity::Error => "UPDATE job SET errors = errors + 1 WHERE id = $1",
        };
        self.exec(sql, args![id]).await?;
        Ok(())
    }

    /// A job's message log in order.
    pub async fn job_messages(
        &mut self,
        id: JobId,
        after: i64,
        limit: i64,
    ) -> Result<Vec<JobMessage>, StoreError> {
        let sql = "SELECT sequence, at, severity, text FROM job_message \
                   WHERE job = $1 AND sequence > $2 ORDER BY sequence LIMIT $3";
        let rows = self.rows(sql, args![id, after, limit]).await?;
        rows.iter()
            .map(|row| {
                let mut c = row.columns();
                Ok(JobMessage {
                    sequence: c.take()?,
                    at: c.take()?,
                    severity: c.word()?,
                    text: c.take()?,
                })
            })
            .collect()
    }

    /// A customer's schedule; off, hourly, if it was never set.
    pub async fn schedule(&mut self, customer: CustomerId) -> Result<ScheduleRecord, StoreError> {
        let sql =
            "SELECT customer, enabled, interval_minutes, next_at FROM schedule WHERE customer = $1";
        match self.row(sql, args![customer]).await? {
            Some(row) => schedule(&row),
            None => Ok(ScheduleRecord {
                customer,
                enabled: false,
                interval_minutes: 60,
                next_at: None,
            }),
        }
    }

    /// Stores a customer's schedule.
    pub async fn set_schedule(&mut self, record: &ScheduleRecord) -> Result<(), StoreError> {
        self.exec(
            "INSERT INTO schedule (customer, enabled, interval_minutes, next_at) \
             VALUES ($1, $2, $3, $4) ON CONFLICT (customer) DO UPDATE SET \
             enabled = excluded.enabled, interval_minutes = excluded.interval_minutes, \
             next_at = excluded.next_at",
            args![
                record.customer,
                record.enabled,
                record.interval_minutes,
                record.next_at
            ],
        )
        .await?;
        Ok(())
    }

    /// Schedules whose next cycle is due.
    pub async fn due_schedules(
        &mut self,
        now: DateTime<Utc>,
    ) -> Result<Vec<ScheduleRecord>, StoreError> {
        let sql = "SELECT customer, enabled, interval_minutes, next_at FROM schedule \
                   WHERE enabled = 1 AND next_at <= $1 ORDER BY next_at, customer";
        self.rows(sql, args![now])
            .await?
            .iter()
            .map(schedule)
            .collect()
    }
}

//! Runs, their steps, their outcome per user, and which reports were adopted.

use crate::{
    EscrowRecord, OutcomeRecord, RunFilter, RunRecord, StepRecord, StoreError, Tx,
    tx::Query,
    value::{Doc, Row, Value, Word, args},
};
use chrono::{DateTime, Utc};
use gw_model::{CustomerId, DeviceId, FinalState, RunId, RunState, fold};

const SELECT: &str = "SELECT id, customer, device, device_name, incarnation, run_order, batch, \
    runbook, runbook_name, runbook_version, kind, state, result, reason, step, done, total, \
    reboots, ordered_at, started_at, ended_at FROM run";

fn run(row: &Row) -> Result<RunRecord, StoreError> {
    let mut c = row.columns();
    Ok(RunRecord {
        id: c.take()?,
        customer: c.take()?,
        device: c.take()?,
        device_name: c.take()?,
        incarnation: c.take()?,
        order: c.take()?,
        batch: c.take()?,
        runbook: c.take()?,
        runbook_name: c.take()?,
        runbook_version: c.take()?,
        kind: c.word()?,
        state: c.word()?,
        result: c.word_if_any()?,
        reason: c.take()?,
        step: c.word_if_any()?,
        done: c.take()?,
        total: c.take()?,
        reboots: c.take()?,
        ordered_at: c.take()?,
        started_at: c.take()?,
        ended_at: c.take()?,
    })
}

impl Tx {
    /// Adds a run.
    pub async fn add_run(&mut self, new: &RunRecord) -> Result<(), StoreError> {
        let values: Vec<Value> = args![
            new.id,
            new.customer,
            new.device,
            &new.device_name,
            fold(&format!("{} {}", new.device_name, new.runbook_name)),
            new.incarnation,
            new.order,
            new.batch,
            new.runbook,
            &new.runbook_name,
            new.runbook_version,
            Word(new.kind),
            Word(new.state),
            &new.reason,
            new.ordered_at,
        ];
        self.exec(
            "INSERT INTO run (id, customer, device, device_name, search, incarnation, run_order, \
             batch, runbook, runbook_name, runbook_version, kind, state, reason, done, total, \
             reboots, ordered_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, \
             $14, 0, 0, 0, $15)",
            values,
        )
        .await?;
        Ok(())
    }

    /// Stores how far a run is.
    pub async fn update_run(&mut self, record: &RunRecord) -> Result<(), StoreError> {
        let values: Vec<Value> = args![
            record.id,
            Word(record.state),
            Word(record.result),
            &record.reason,
            Word(record.step),
            record.done,
            record.total,
            record.reboots,
            record.started_at,
            record.ended_at,
        ];
        self.exec(
            "UPDATE run SET state = $2, result = $3, reason = $4, step = $5, done = $6, \
             total = $7, reboots = $8, started_at = $9, ended_at = $10 WHERE id = $1",
            values,
        )
        .await?;
        Ok(())
    }

    /// One run of a customer.
    pub async fn run(
        &mut self,
        customer: CustomerId,
        id: RunId,
    ) -> Result<Option<RunRecord>, StoreError> {
        let sql = format!("{SELECT} WHERE customer = $1 AND id = $2");
        self.row(sql, args![customer, id])
            .await?
            .as_ref()
            .map(run)
            .transpose()
    }

    /// Runs, newest first.
    pub async fn runs(
        &mut self,
        customer: CustomerId,
        filter: &RunFilter,
        before: Option<RunId>,
        limit: i64,
    ) -> Result<Vec<RunRecord>, StoreError> {
        let mut query = Query::new(SELECT, vec![]);
        query.bind(" WHERE customer = ?", args![customer]);
        query.bind_if(" AND device = ?", filter.device);
        query.bind_if(" AND batch = ?", filter.batch);
        query.bind_if(" AND state = ?", filter.state.map(Word));
        query.bind_if(" AND result = ?", filter.result.map(Word));
        query.contains(" AND search LIKE ? ESCAPE '\\'", filter.search.as_deref());
        query.bind_if(" AND id < ?", before);
        query.bind(" ORDER BY id DESC LIMIT ?", args![limit]);
        let (sql, args) = query.done();
        self.rows(sql, args).await?.iter().map(run).collect()
    }

    /// Every run of a device, oldest first: its history.
    pub async fn runs_of(&mut self, device: DeviceId) -> Result<Vec<RunRecord>, StoreError> {
        let sql = format!("{SELECT} WHERE device = $1 ORDER BY id");
        self.rows(sql, args![device])
            .await?
            .iter()
            .map(run)
            .collect()
    }

    /// How many runs (no rehearsals) stand in each state and ended in each way.
    pub async fn run_counts(
        &mut self,
        customer: CustomerId,
    ) -> Result<Vec<(RunState, Option<FinalState>, i64)>, StoreError> {
        let sql = "SELECT state, result, COUNT(*) FROM run \
                   WHERE customer = $1 AND kind = 'run' GROUP BY state, result ORDER BY 1, 2";
        let rows = self.rows(sql, args![customer]).await?;
        rows.iter()
            .map(|row| {
                let mut c = row.columns();
                Ok((c.word()?, c.word_if_any()?, c.take()?))
            })
            .collect()
    }

    /// Stores a step, or how far it is.
    pub async fn put_step(&mut self, run: RunId, step: &StepRecord) -> Result<(), StoreError> {
        let values: Vec<Value> = args![
            run,
            Word(step.name),
            step.name as i32,
            Word(step.state),
            &step.detail,
            step.done,
            step.total,
            step.started_at,
            step.ended_at,
        ];
        self.exec(
            "INSERT INTO run_step (run, name, position, state, detail, done, total, started_at, \
             ended_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (run, name) \
             DO UPDATE SET state = excluded.state, detail = excluded.detail, done = excluded.done, \
             total = excluded.total, started_at = COALESCE(run_step.started_at, excluded.started_at), \
             ended_at = excluded.ended_at",
            values,
        )
        .await?;
        Ok(())
    }

    /// The steps of a run in the order in which they happen.
    pub async fn steps(&mut self, run: RunId) -> Result<Vec<StepRecord>, StoreError> {
        let sql = "SELECT name, state, detail, done, total, started_at, ended_at FROM run_step \
                   WHERE run = $1 ORDER BY position";
        let rows = self.rows(sql, args![run]).await?;
        rows.iter()
            .map(|row| {
                let mut c = row.columns();
                Ok(StepRecord {
                    name: c.word()?,
                    state: c.word()?,
                    detail: c.take()?,
                    done: c.take()?,
                    total: c.take()?,
                    started_at: c.take()?,
                    ended_at: c.take()?,
                })
            })
            .collect()
    }

    /// Stores the outcome for one user.
    pub async fn put_outcome(
        &mut self,
        run: RunId,
        outcome: &OutcomeRecord,
    ) -> Result<(), StoreError> {
        self.exec(
            "INSERT INTO run_outcome (run, source_sid, body) VALUES ($1, $2, $3) \
             ON CONFLICT (run, source_sid) DO UPDATE SET body = excluded.body",
            args![run, &outcome.source_sid, Doc(outcome)],
        )
        .await?;
        Ok(())
    }

    /// The outcome per user, by SID.
    pub async fn outcomes(&mut self, run: RunId) -> Result<Vec<OutcomeRecord>, StoreError> {
        let sql = "SELECT body FROM run_outcome WHERE run = $1 ORDER BY source_sid";
        self.rows(sql, args![run])
            .await?
            .iter()
            .map(|row| row.columns().doc())
            .collect()
    }

    /// Marks a report as adopted; false if it was before.
    pub async fn adopt_report(
        &mut self,
        device: DeviceId,
        report: &str,
        at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let sql = "INSERT INTO report_seen (device, report, at) VALUES ($1, $2, $3) \
                   ON CONFLICT DO NOTHING";
        Ok(self.exec(sql, args![device, report, at]).await? == 1)
    }

    /// Keeps what a device escrowed, sealed as it came; once per report.
    pub async fn add_escrow(
        &mut self,
        report: uuid::Uuid,
        customer: CustomerId,
        device: DeviceId,
        body: &str,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.exec(
            "INSERT INTO escrow (report, customer, device, body, at) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT DO NOTHING",
            args![report, customer, device, body, at],
        )
        .await?;
        Ok(())
    }

    /// Which device escrowed something by this report: a report's key is chosen by its device.
    pub async fn escrowed_by(
        &mut self,
        report: uuid::Uuid,
    ) -> Result<Option<DeviceId>, StoreError> {
        let row = self
            .row("SELECT device FROM escrow WHERE report = $1", args![report])
            .await?;
        row.as_ref().map(Row::first).transpose()
    }

    /// What a device of a customer escrowed, newest first, sealed.
    pub async fn escrowed(
        &mut self,
        customer: CustomerId,
        device: DeviceId,
    ) -> Result<Vec<EscrowRecord>, StoreError> {
        let sql = "SELECT report, body, at FROM escrow WHERE customer = $1 AND device = $2 \
                   ORDER BY at DESC, report DESC";
        self.rows(sql, args![customer, device])
            .await?
            .iter()
            .map(|row| {
                let mut c = row.columns();
                Ok(EscrowRecord {
                    report: c.take()?,
                    sealed: c.take()?,
                    at: c.take()?,
                })
            })
            .collect()
    }
}

//! Batches and the runbooks attached to them.

use crate::{
    BatchRecord, BatchSummary, ScopeMode, StoreError, Tx,
    value::{Doc, Row, Word, args},
};
use gw_model::{BatchId, BatchRunbook, CustomerId, fold};

const SELECT: &str =
    "SELECT id, customer, name, source, target, mode, revision, created_at FROM batch";

fn batch(row: &Row) -> Result<BatchRecord, StoreError> {
    let mut c = row.columns();
    Ok(BatchRecord {
        id: c.take()?,
        customer: c.take()?,
        name: c.take()?,
        source: c.take()?,
        target: c.take()?,
        mode: c.word()?,
        runbooks: vec![],
        revision: c.take()?,
        created_at: c.take()?,
    })
}

impl Tx {
    /// All batches of a customer by name, with their runbooks.
    pub async fn batches(&mut self, customer: CustomerId) -> Result<Vec<BatchRecord>, StoreError> {
        let sql = format!("{SELECT} WHERE customer = $1 ORDER BY folded");
        let rows = self.rows(sql, args![customer]).await?;
        let mut batches = rows.iter().map(batch).collect::<Result<Vec<_>, _>>()?;
        for batch in &mut batches {
            batch.runbooks = self.batch_runbooks(batch.id).await?;
        }
        Ok(batches)
    }

    /// All batches of a customer by name, with how far they are.
    pub async fn batch_summaries(
        &mut self,
        customer: CustomerId,
    ) -> Result<Vec<BatchSummary>, StoreError> {
        let mut summaries = Vec::new();
        for batch in self.batches(customer).await? {
            let listed = self.listed_count(&batch).await?;
            let members = self.member_count(&batch).await?;
            let finished = self.finished_count(&batch).await?;
            summaries.push(BatchSummary {
                batch,
                listed,
                members,
                finished,
            });
        }
        Ok(summaries)
    }

    /// One batch of a customer.
    pub async fn batch(
        &mut self,
        customer: CustomerId,
        id: BatchId,
    ) -> Result<Option<BatchRecord>, StoreError> {
        let sql = format!("{SELECT} WHERE customer = $1 AND id = $2");
        let Some(row) = self.row(sql, args![customer, id]).await? else {
            return Ok(None);
        };
        let mut batch = batch(&row)?;
        batch.runbooks = self.batch_runbooks(id).await?;
        Ok(Some(batch))
    }

    async fn batch_runbooks(&mut self, id: BatchId) -> Result<Vec<BatchRunbook>, StoreError> {
        let sql =
            "SELECT runbook, window_text FROM batch_runbook WHERE batch = $1 ORDER BY position";
        let rows = self.rows(sql, args![id]).await?;
        rows.iter()
            .map(|row| {
                let mut c = row.columns();
                Ok(BatchRunbook {
                    runbook: c.take()?,
                    window: c.doc()?,
                })
            })
            .collect()
    }

    /// The name of the batch that would clash with this one: the same name, or the catch-all of
    /// the same source.
    pub async fn batch_clash(
        &mut self,
        record: &BatchRecord,
    ) -> Result<Option<(String, BatchClash)>, StoreError> {
        let sql = "SELECT name FROM batch WHERE customer = $1 AND folded = $2 AND id <> $3";
        if let Some(row) = self
            .row(sql, args![record.customer, fold(&record.name), record.id])
            .await?
        {
            return Ok(Some((row.first()?, BatchClash::Name)));
        }
        if record.mode == ScopeMode::AllExcept {
            let sql = "SELECT name FROM batch WHERE catch_all = $1 AND id <> $2";
            if let Some(row) = self.row(sql, args![record.source, record.id]).await? {
                return Ok(Some((row.first()?, BatchClash::CatchAll)));
            }
        }
        Ok(None)
    }

    /// Adds a batch with its runbooks; false if its name or its catch-all is taken.
    pub async fn add_batch(&mut self, new: &BatchRecord) -> Result<bool, StoreError> {
        let done = self
            .exec(
                "INSERT INTO batch (id, customer, name, folded, source, target, mode, catch_all, \
                 revision, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9) \
                 ON CONFLICT DO NOTHING",
                args![
                    new.id,
                    new.customer,
                    &new.name,
                    fold(&new.name),
                    new.source,
                    new.target,
                    Word(new.mode),
                    (new.mode == ScopeMode::AllExcept).then_some(new.source),
                    new.created_at
                ],
            )
            .await?;
        if done == 1 {
            self.set_batch_runbooks(new).await?;
        }
        Ok(done == 1)
    }

    /// Changes a batch if it still has `revision`; false if it has not.
    pub async fn update_batch(
        &mut self,
        record: &BatchRecord,
        revision: i64,
    ) -> Result<bool, StoreError> {
        let done = self
            .exec(
                "UPDATE batch SET name = $4, folded = $5, source = $6, target = $7, mode = $8, \
                 catch_all = $9, revision = revision + 1 \
                 WHERE customer = $1 AND id = $2 AND revision = $3",
                args![
                    record.customer,
                    record.id,
                    revision,
                    &record.name,
                    fold(&record.name),
                    record.source,
                    record.target,
                    Word(record.mode),
                    (record.mode == ScopeMode::AllExcept).then_some(record.source)
                ],
            )
            .await?;
        if done == 1 {
            self.set_batch_runbooks(record).await?;
        }
        Ok(done == 1)
    }

    async fn set_batch_runbooks(&mut self, record: &BatchRecord) -> Result<(), StoreError> {
        self.exec(
            "DELETE FROM batch_runbook WHERE batch = $1",
            args![record.id],
        )
        .await?;
        for (position, held) in (0_i64..).zip(&record.runbooks) {
            self.exec(
                "INSERT INTO batch_runbook (batch, runbook, position, window_text) \
                 VALUES ($1, $2, $3, $4)",
                args![record.id, held.runbook, position, Doc(held.window)],
            )
            .await?;
        }
        Ok(())
    }

    /// Raises a batch's revision after its list changed.
    pub async fn touch_batch(&mut self, id: BatchId) -> Result<(), StoreError> {
        self.exec(
            "UPDATE batch SET revision = revision + 1 WHERE id = $1",
            args![id],
        )
        .await?;
        Ok(())
    }

    /// Removes a batch; its devices fall back to the catch-all, if there is one.
    pub async fn remove_batch(
        &mut self,
        customer: CustomerId,
        id: BatchId,
    ) -> Result<bool, StoreError> {
        let sql = "DELETE FROM batch WHERE customer = $1 AND id = $2";
        Ok(self.exec(sql, args![customer, id]).await? == 1)
    }
}

/// Why two batches cannot both exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchClash {
    /// The same name.
    Name,
    /// Both are "all except" for the same source.
    CatchAll,
}

//! Runbooks: a head row with the newest version, and every version that was ever saved.

use crate::{
    RunbookRecord, RunbookSummary, StoreError, Tx,
    value::{Columns, Row, args},
};
use gw_model::{CustomerId, RunbookId, fold};

const COLUMNS: &str = "r.id, r.customer, v.name, v.version, v.document, v.hash, r.sealed_secret, \
                       v.saved_at, v.saved_by";
const NEWEST: &str =
    "FROM runbook r JOIN runbook_version v ON v.runbook = r.id AND v.version = r.version";

fn read(c: &mut Columns<'_>) -> Result<RunbookRecord, StoreError> {
    Ok(RunbookRecord {
        id: c.take()?,
        customer: c.take()?,
        name: c.take()?,
        version: c.take()?,
        document: c.take()?,
        hash: c.take()?,
        sealed_secret: c.take()?,
        saved_at: c.take()?,
        saved_by: c.take()?,
    })
}

fn runbook(row: &Row) -> Result<RunbookRecord, StoreError> {
    read(&mut row.columns())
}

impl Tx {
    /// All runbooks of a customer by name.
    pub async fn runbooks(
        &mut self,
        customer: CustomerId,
    ) -> Result<Vec<RunbookSummary>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS}, (SELECT COUNT(*) FROM batch_runbook b WHERE b.runbook = r.id), \
             (SELECT COUNT(DISTINCT n.device) FROM run n \
              WHERE n.runbook = r.id AND n.result = 'migrated') \
             {NEWEST} WHERE r.customer = $1 ORDER BY r.folded"
        );
        let rows = self.rows(sql, args![customer]).await?;
        rows.iter()
            .map(|row| {
                let mut c = row.columns();
                Ok(RunbookSummary {
                    runbook: read(&mut c)?,
                    batches: c.take()?,
                    finished: c.take()?,
                })
            })
            .collect()
    }

    /// The newest version of a runbook.
    pub async fn runbook(
        &mut self,
        customer: CustomerId,
        id: RunbookId,
    ) -> Result<Option<RunbookRecord>, StoreError> {
        let sql = format!("SELECT {COLUMNS} {NEWEST} WHERE r.customer = $1 AND r.id = $2");
        self.row(sql, args![customer, id])
            .await?
            .as_ref()
            .map(runbook)
            .transpose()
    }

    /// A runbook as it was in one version.
    pub async fn runbook_version(
        &mut self,
        customer: CustomerId,
        id: RunbookId,
        version: i64,
    ) -> Result<Option<RunbookRecord>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM runbook r JOIN runbook_version v ON v.runbook = r.id \
             WHERE r.customer = $1 AND r.id = $2 AND v.version = $3"
        );
        self.row(sql, args![customer, id, version])
            .await?
            .as_ref()
            .map(runbook)
            .transpose()
    }

    /// Every version of a runbook, newest first.
    pub async fn runbook_versions(
        &mut self,
        customer: CustomerId,
        id: RunbookId,
    ) -> Result<Vec<RunbookRecord>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM runbook r JOIN runbook_version v ON v.runbook = r.id \
             WHERE r.customer = $1 AND r.id = $2 ORDER BY v.version DESC"
        );
        self.rows(sql, args![customer, id])
            .await?
            .iter()
            .map(runbook)
            .collect()
    }

    /// True if another runbook of the customer has this name.
    pub async fn runbook_name_taken(
        &mut self,
        customer: CustomerId,
        name: &str,
        but: RunbookId,
    ) -> Result<bool, StoreError> {
        let sql = "SELECT COUNT(*) FROM runbook WHERE customer = $1 AND folded = $2 AND id <> $3";
        Ok(self.number(sql, args![customer, fold(name), but]).await? > 0)
    }

    /// Adds a runbook in its first version; false if the name is taken.
    pub async fn add_runbook(&mut self, new: &RunbookRecord) -> Result<bool, StoreError> {
        let done = self
            .exec(
                "INSERT INTO runbook (id, customer, name, folded, version, sealed_secret) \
                 VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
                args![
                    new.id,
                    new.customer,
                    &new.name,
                    fold(&new.name),
                    new.version,
                    new.sealed_secret.clone()
                ],
            )
            .await?;
        if done == 1 {
            self.add_runbook_version(new).await?;
        }
        Ok(done == 1)
    }

    /// Saves the next version if the newest is still the one before; false if it is not.
    pub async fn update_runbook(&mut self, new: &RunbookRecord) -> Result<bool, StoreError> {
        let done = self
            .exec(
                "UPDATE runbook SET name = $4, folded = $5, version = $6, sealed_secret = $7 \
                 WHERE customer = $1 AND id = $2 AND version = $3",
                args![
                    new.customer,
                    new.id,
                    new.version - 1,
                    &new.name,
                    fold(&new.name),
                    new.version,
                    new.sealed_secret.clone()
                ],
            )
            .await?;
        if done == 1 {
            self.add_runbook_version(new).await?;
        }
        Ok(done == 1)
    }

    async fn add_runbook_version(&mut self, new: &RunbookRecord) -> Result<(), StoreError> {
        self.exec(
            "INSERT INTO runbook_version (runbook, version, name, document, hash, saved_at, \
             saved_by) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            args![
                new.id,
                new.version,
                &new.name,
                &new.document,
                &new.hash,
                new.saved_at,
                &new.saved_by
            ],
        )
        .await?;
        Ok(())
    }

    /// The names of the batches that a runbook is in.
    pub async fn runbook_users(&mut self, id: RunbookId) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT b.name FROM batch_runbook br JOIN batch b ON b.id = br.batch \
                   WHERE br.runbook = $1 ORDER BY b.folded";
        self.rows(sql, args![id])
            .await?
            .iter()
            .map(Row::first)
            .collect()
    }

    /// Removes a runbook that is in no batch; false if there is none. Runs keep its name.
    pub async fn remove_runbook(
        &mut self,
        customer: CustomerId,
        id: RunbookId,
    ) -> Result<bool, StoreError> {
        let sql = "DELETE FROM runbook WHERE customer = $1 AND id = $2";
        Ok(self.exec(sql, args![customer, id]).await? == 1)
    }
}

//! Directory connections.

use crate::{
    DirectoryRecord, StoreError, Tx,
    value::{Row, Word, args},
};
use chrono::{DateTime, Utc};
use gw_model::{CustomerId, DirectoryId, fold};

const SELECT: &str = "SELECT id, customer, name, kind, domain, settings, sealed_secret, \
                      generation, imported_at, revision, created_at FROM directory";

fn directory(row: &Row) -> Result<DirectoryRecord, StoreError> {
    let mut c = row.columns();
    Ok(DirectoryRecord {
        id: c.take()?,
        customer: c.take()?,
        name: c.take()?,
        kind: c.word()?,
        domain: c.take()?,
        settings: c.take()?,
        sealed_secret: c.take()?,
        generation: c.take()?,
        imported_at: c.take()?,
        revision: c.take()?,
        created_at: c.take()?,
    })
}

impl Tx {
    /// All directories of a customer by name.
    pub async fn directories(
        &mut self,
        customer: CustomerId,
    ) -> Result<Vec<DirectoryRecord>, StoreError> {
        let sql = format!("{SELECT} WHERE customer = $1 ORDER BY folded");
        self.rows(sql, args![customer])
            .await?
            .iter()
            .map(directory)
            .collect()
    }

    /// One directory of a customer.
    pub async fn directory(
        &mut self,
        customer: CustomerId,
        id: DirectoryId,
    ) -> Result<Option<DirectoryRecord>, StoreError> {
        let sql = format!("{SELECT} WHERE customer = $1 AND id = $2");
        self.row(sql, args![customer, id])
            .await?
            .as_ref()
            .map(directory)
            .transpose()
    }

    /// Adds a directory; false if the name is taken.
    pub async fn add_directory(&mut self, new: &DirectoryRecord) -> Result<bool, StoreError> {
        let done = self
            .exec(
                "INSERT INTO directory (id, customer, name, folded, kind, domain, settings, \
                 sealed_secret, generation, imported_at, revision, created_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, NULL, 1, $9) ON CONFLICT DO NOTHING",
                args![
                    new.id,
                    new.customer,
                    &new.name,
                    fold(&new.name),
                    Word(new.kind),
                    &new.domain,
                    &new.settings,
                    new.sealed_secret.clone(),
                    new.created_at
                ],
            )
            .await?;
        Ok(done == 1)
    }

    /// True if another directory of the customer has this name.
    pub async fn directory_name_taken(
        &mut self,
        customer: CustomerId,
        name: &str,
        but: DirectoryId,
    ) -> Result<bool, StoreError> {
        let sql = "SELECT COUNT(*) FROM directory WHERE customer = $1 AND folded = $2 AND id <> $3";
        Ok(self.number(sql, args![customer, fold(name), but]).await? > 0)
    }

    /// Changes a directory if it still has `revision`; false if it has not.
    pub async fn update_directory(
        &mut self,
        record: &DirectoryRecord,
        revision: i64,
    ) -> Result<bool, StoreError> {
        let done = self
            .exec(
                "UPDATE directory SET name = $4, folded = $5, domain = $6, settings = $7, \
                 sealed_secret = $8, revision = revision + 1 \
                 WHERE customer = $1 AND id = $2 AND revision = $3",
                args![
                    record.customer,
                    record.id,
                    revision,
                    &record.name,
                    fold(&record.name),
                    &record.domain,
                    &record.settings,
                    record.sealed_secret.clone()
                ],
            )
            .await?;
        Ok(done == 1)
    }

    /// Keeps the domain's name once it was read. Nobody's edit, so the revision stays.
    pub async fn set_directory_domain(
        &mut self,
        id: DirectoryId,
        domain: &str,
    ) -> Result<(), StoreError> {
        self.exec(
            "UPDATE directory SET domain = $2 WHERE id = $1",
            args![id, domain],
        )
        .await?;
        Ok(())
    }

    /// The names of what uses a directory: profiles and batches.
    pub async fn directory_users(&mut self, id: DirectoryId) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT name FROM profile WHERE source = $1 OR target = $1 \
                   UNION SELECT name FROM batch WHERE source = $1 OR target = $1 ORDER BY 1";
        self.rows(sql, args![id])
            .await?
            .iter()
            .map(Row::first)
            .collect()
    }

    /// Removes a directory with its objects; false if there is none.
    pub async fn remove_directory(
        &mut self,
        customer: CustomerId,
        id: DirectoryId,
    ) -> Result<bool, StoreError> {
        let sql = "DELETE FROM directory WHERE customer = $1 AND id = $2";
        Ok(self.exec(sql, args![customer, id]).await? == 1)
    }

    /// Shows readers the generation that an import has written.
    pub async fn flip_directory(
        &mut self,
        id: DirectoryId,
        generation: i64,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE directory SET generation = $2, imported_at = $3 WHERE id = $1";
        self.exec(sql, args![id, generation, at]).await?;
        Ok(())
    }
}

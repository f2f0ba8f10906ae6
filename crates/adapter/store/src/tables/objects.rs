//! Imported objects, under generations.
//!
//! A row is seen by readers of generation g if `gen_from <= g < gen_to`. An import writes the next
//! generation piece by piece; readers see it whole when the directory's number is flipped. What
//! did not change costs nothing.

use crate::{
    ObjectCounts, StoreError, StoredObject, Tx,
    tables::After,
    tx::Query,
    value::{Row, Word, args},
};
use gw_model::{CustomerId, DirectoryId, DirectoryObject, Guid, ObjectId, ObjectKind, fold};
use gw_secdesc::Sid;

/// `gen_to` of a row that has not ended.
const OPEN: i64 = i64::MAX;

/// What an import must know of a stored object to tell whether it changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportKey {
    /// The directory's id of the object.
    pub guid: Guid,
    /// Our id, kept over re-imports.
    pub id: ObjectId,
    /// The hash stored with it.
    pub fingerprint: i64,
}

fn object(row: &Row) -> Result<DirectoryObject, StoreError> {
    row.columns().doc()
}

/// The folded words by which people look for an object.
fn search_text(object: &DirectoryObject) -> String {
    let sid = object.sid.as_ref().map(ToString::to_string);
    let parts = [
        Some(object.account_name.as_str()),
        object.display_name.as_deref(),
        object.upn.as_deref(),
        object.mail.as_deref(),
        object.dns_host_name.as_deref(),
        sid.as_deref(),
        Some(object.dn.as_str()),
    ];
    fold(&parts.into_iter().flatten().collect::<Vec<_>>().join(" "))
}

impl Tx {
    /// Up to `limit` objects of a generation, as an import needs them, ordered by `guid`.
    pub async fn import_keys(
        &mut self,
        directory: DirectoryId,
        generation: i64,
        after: Guid,
        limit: i64,
    ) -> Result<Vec<ImportKey>, StoreError> {
        let sql = "SELECT guid, id, fingerprint FROM object \
                   WHERE directory = $1 AND guid > $3 AND gen_from <= $2 AND gen_to > $2 \
                   ORDER BY guid LIMIT $4";
        let rows = self
            .rows(sql, args![directory, generation, after, limit])
            .await?;
        rows.iter()
            .map(|row| {
                let mut c = row.columns();
                Ok(ImportKey {
                    guid: c.take()?,
                    id: c.take()?,
                    fingerprint: c.take()?,
                })
            })
            .collect()
    }

    /// Throws away what an interrupted import left of generations above `generation`.
    pub async fn discard_objects_above(
        &mut self,
        directory: DirectoryId,
        generation: i64,
    ) -> Result<(), StoreError> {
        self.exec(
            "DELETE FROM object WHERE directory = $1 AND gen_from > $2",
            args![directory, generation],
        )
        .await?;
        self.exec(
            "UPDATE object SET gen_to = $3 WHERE directory = $1 AND gen_to > $2 AND gen_to < $3",
            args![directory, generation, OPEN],
        )
        .await?;
        Ok(())
    }

    /// Writes an object into `generation`. If it replaces a row, end that first.
    pub async fn put_object(
        &mut self,
        stored: &StoredObject,
        generation: i64,
    ) -> Result<(), StoreError> {
        let object = &stored.object;
        self.exec(
            "INSERT INTO object (directory, id, gen_from, gen_to, kind, guid, sid, account_name, \
             sort_key, search, body, fingerprint) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            args![
                object.directory,
                object.id,
                generation,
                OPEN,
                Word(object.kind),
                object.guid,
                object.sid.as_ref().map(ToString::to_string),
                &object.account_name,
                fold(&object.account_name),
                search_text(object),
                crate::value::Doc(object),
                stored.fingerprint
            ],
        )
        .await?;
        Ok(())
    }

    /// Ends an object at `generation`: readers of it and later ones no longer see it.
    pub async fn end_object(&mut self, id: ObjectId, generation: i64) -> Result<(), StoreError> {
        self.exec(
            "UPDATE object SET gen_to = $2 WHERE id = $1 AND gen_to = $3",
            args![id, generation, OPEN],
        )
        .await?;
        Ok(())
    }

    /// Deletes up to `limit` rows that no reader of `generation` or later sees; how many.
    pub async fn sweep_objects(
        &mut self,
        directory: DirectoryId,
        generation: i64,
        limit: i64,
    ) -> Result<u64, StoreError> {
        self.exec(
            "DELETE FROM object WHERE (id, gen_from) IN (SELECT id, gen_from FROM object \
             WHERE directory = $1 AND gen_to <= $2 LIMIT $3)",
            args![directory, generation, limit],
        )
        .await
    }

    /// How many objects a generation holds.
    pub async fn object_counts(
        &mut self,
        directory: DirectoryId,
    ) -> Result<ObjectCounts, StoreError> {
        let rows = self
            .rows(
                "SELECT o.kind, COUNT(*) FROM object o JOIN directory d ON d.id = o.directory \
                 WHERE o.directory = $1 AND o.gen_from <= d.generation \
                 AND o.gen_to > d.generation GROUP BY o.kind",
                args![directory],
            )
            .await?;
        let mut counts = ObjectCounts::default();
        for row in &rows {
            let mut c = row.columns();
            let (kind, n): (ObjectKind, i64) = (c.word()?, c.take()?);
            match kind {
                ObjectKind::User => counts.users = n,
                ObjectKind::Group => counts.groups = n,
                ObjectKind::Computer => counts.computers = n,
            }
        }
        Ok(counts)
    }

    /// Objects of the current generation by account name.
    pub async fn objects(
        &mut self,
        directory: DirectoryId,
        kind: Option<ObjectKind>,
        search: Option<&str>,
        after: Option<&After>,
        limit: i64,
    ) -> Result<Vec<DirectoryObject>, StoreError> {
        let mut query = Query::new(
            "SELECT o.body FROM object o JOIN directory d ON d.id = o.directory \
             WHERE o.directory = $1 AND o.gen_from <= d.generation AND o.gen_to > d.generation",
            args![directory],
        );
        query.bind_if(" AND o.kind = ?", kind.map(Word));
        query.contains(" AND o.search LIKE ? ESCAPE '\\'", search);
        if let Some(after) = after {
            query.bind(
                " AND (o.sort_key, o.id) > (?, ?)",
                args![&after.key, after.id],
            );
        }
        query.bind(" ORDER BY o.sort_key, o.id LIMIT ?", args![limit]);
        let (sql, args) = query.done();
        self.rows(sql, args).await?.iter().map(object).collect()
    }

    /// Up to `limit` objects of one kind of the current generation, ordered by `guid`.
    pub async fn objects_by_guid(
        &mut self,
        directory: DirectoryId,
        kind: ObjectKind,
        after: Guid,
        limit: i64,
    ) -> Result<Vec<DirectoryObject>, StoreError> {
        let rows = self
            .rows(
                "SELECT o.body FROM object o JOIN directory d ON d.id = o.directory \
                 WHERE o.directory = $1 AND o.guid > $3 AND o.kind = $2 \
                 AND o.gen_from <= d.generation AND o.gen_to > d.generation \
                 ORDER BY o.guid LIMIT $4",
                args![directory, Word(kind), after, limit],
            )
            .await?;
        rows.iter().map(object).collect()
    }

    /// An object of a customer as it is now.
    pub async fn object(
        &mut self,
        customer: CustomerId,
        id: ObjectId,
    ) -> Result<Option<DirectoryObject>, StoreError> {
        let row = self
            .row(
                "SELECT o.body FROM object o JOIN directory d ON d.id = o.directory \
                 WHERE d.customer = $1 AND o.id = $2 AND o.gen_from <= d.generation \
                 AND o.gen_to > d.generation",
                args![customer, id],
            )
            .await?;
        row.as_ref().map(object).transpose()
    }

    /// The computer of a customer that has this SID, in any of its directories.
    pub async fn computer_by_sid(
        &mut self,
        customer: CustomerId,
        sid: &Sid,
    ) -> Result<Option<DirectoryObject>, StoreError> {
        let row = self
            .row(
                "SELECT o.body FROM directory d JOIN object o ON o.directory = d.id \
                 WHERE d.customer = $1 AND o.sid = $2 AND o.kind = 'computer' \
                 AND o.gen_from <= d.generation AND o.gen_to > d.generation LIMIT 1",
                args![customer, sid],
            )
            .await?;
        row.as_ref().map(object).transpose()
    }

    /// The object of a directory with this directory id.
    pub async fn object_by_guid(
        &mut self,
        directory: DirectoryId,
        guid: Guid,
    ) -> Result<Option<DirectoryObject>, StoreError> {
        let row = self
            .row(
                "SELECT o.body FROM object o JOIN directory d ON d.id = o.directory \
                 WHERE o.directory = $1 AND o.guid = $2 AND o.gen_from <= d.generation \
                 AND o.gen_to > d.generation LIMIT 1",
                args![directory, guid],
            )
            .await?;
        row.as_ref().map(object).transpose()
    }
}

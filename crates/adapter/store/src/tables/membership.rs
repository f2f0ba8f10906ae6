//! Which devices are in a batch.
//!
//! An "only these" list holds its devices in `batch_device`, whose primary key keeps a device out
//! of two lists. A catch-all holds every device that is in its source directory now, is not among
//! its exceptions, and is in no list.

use crate::{
    BatchMember, BatchRecord, Membership, ScopeMode, StoreError, Tx,
    tables::After,
    tx::Query,
    value::{Row, args},
};
use gw_model::{BatchId, CustomerId, DeviceId};

const MEMBER: &str = "SELECT d.id, d.name, d.serial, \
                      CAST(CASE WHEN d.trust = 'trusted' THEN 1 ELSE 0 END AS BIGINT)";
/// Devices of a catch-all; `$1` is the batch, `$2` its source.
const CAUGHT: &str = " FROM device d WHERE d.directory = $2 \
    AND NOT EXISTS (SELECT 1 FROM batch_exempt e WHERE e.batch = $1 AND e.device = d.id) \
    AND NOT EXISTS (SELECT 1 FROM batch_device b WHERE b.device = d.id)";
const LISTED: &str = " FROM batch_device b JOIN device d ON d.id = b.device WHERE b.batch = $1";
const EXEMPT: &str = " FROM batch_exempt b JOIN device d ON d.id = b.device WHERE b.batch = $1";

fn member(row: &Row) -> Result<BatchMember, StoreError> {
    let mut c = row.columns();
    Ok(BatchMember {
        device: c.take()?,
        name: c.take()?,
        serial: c.take()?,
        trusted: c.take()?,
    })
}

impl Tx {
    /// The devices that a batch's list names (members, or exceptions), by name.
    pub async fn batch_list(
        &mut self,
        batch: &BatchRecord,
        search: Option<&str>,
        after: Option<&After>,
        limit: i64,
    ) -> Result<Vec<BatchMember>, StoreError> {
        let from = match batch.mode {
            ScopeMode::Only => LISTED,
            ScopeMode::AllExcept => EXEMPT,
        };
        let query = Query::new(&format!("{MEMBER}{from}"), args![batch.id]);
        self.member_page(query, search, after, limit).await
    }

    /// The devices that are in a batch now, by name.
    pub async fn batch_members(
        &mut self,
        batch: &BatchRecord,
        search: Option<&str>,
        after: Option<&After>,
        limit: i64,
    ) -> Result<Vec<BatchMember>, StoreError> {
        let query = match batch.mode {
            ScopeMode::Only => Query::new(&format!("{MEMBER}{LISTED}"), args![batch.id]),
            ScopeMode::AllExcept => {
                Query::new(&format!("{MEMBER}{CAUGHT}"), args![batch.id, batch.source])
            }
        };
        self.member_page(query, search, after, limit).await
    }

    async fn member_page(
        &mut self,
        mut query: Query,
        search: Option<&str>,
        after: Option<&After>,
        limit: i64,
    ) -> Result<Vec<BatchMember>, StoreError> {
        query.contains(" AND d.search LIKE ? ESCAPE '\\'", search);
        if let Some(after) = after {
            query.bind(
                " AND (d.sort_key, d.id) > (?, ?)",
                args![&after.key, after.id],
            );
        }
        query.bind(" ORDER BY d.sort_key, d.id LIMIT ?", args![limit]);
        let (sql, args) = query.done();
        self.rows(sql, args).await?.iter().map(member).collect()
    }

    /// How many devices a batch's list names.
    pub async fn listed_count(&mut self, batch: &BatchRecord) -> Result<i64, StoreError> {
        let sql = match batch.mode {
            ScopeMode::Only => "SELECT COUNT(*) FROM batch_device WHERE batch = $1",
            ScopeMode::AllExcept => "SELECT COUNT(*) FROM batch_exempt WHERE batch = $1",
        };
        self.number(sql, args![batch.id]).await
    }

    /// How many devices are in a batch now.
    pub async fn member_count(&mut self, batch: &BatchRecord) -> Result<i64, StoreError> {
        match batch.mode {
            ScopeMode::Only => self.listed_count(batch).await,
            ScopeMode::AllExcept => {
                let sql = format!("SELECT COUNT(*){CAUGHT}");
                self.number(sql, args![batch.id, batch.source]).await
            }
        }
    }

    /// How many devices finished every runbook of a batch under that batch.
    pub async fn finished_count(&mut self, batch: &BatchRecord) -> Result<i64, StoreError> {
        let runbooks = i64::try_from(batch.runbooks.len()).unwrap_or(i64::MAX);
        if runbooks == 0 {
            return Ok(0);
        }
        self.number(
            "SELECT COUNT(*) FROM (SELECT n.device FROM run n \
             JOIN batch_runbook b ON b.batch = n.batch AND b.runbook = n.runbook \
             WHERE n.batch = $1 AND n.kind = 'run' AND n.result = 'migrated' \
             GROUP BY n.device HAVING COUNT(DISTINCT n.runbook) >= $2) done",
            args![batch.id, runbooks],
        )
        .await
    }

    /// The batch that a device is in: the list that names it, else the catch-all of its directory.
    pub async fn membership(&mut self, device: DeviceId) -> Result<Option<Membership>, StoreError> {
        let sql = "SELECT b.id, b.name FROM batch_device l JOIN batch b ON b.id = l.batch \
                   WHERE l.device = $1";
        let read = |row: &Row, explicit| {
            let mut c = row.columns();
            Ok::<_, StoreError>(Membership {
                batch: c.take()?,
                name: c.take()?,
                explicit,
            })
        };
        if let Some(row) = self.row(sql, args![device]).await? {
            return read(&row, true).map(Some);
        }
        let sql = "SELECT b.id, b.name FROM device d JOIN batch b ON b.catch_all = d.directory \
                   WHERE d.id = $1 AND NOT EXISTS \
                   (SELECT 1 FROM batch_exempt e WHERE e.batch = b.id AND e.device = d.id)";
        self.row(sql, args![device])
            .await?
            .map(|row| read(&row, false))
            .transpose()
    }

    /// Puts a device into an "only these" list. If another list holds it, nothing changes and that
    /// list's batch is the answer.
    pub async fn list_device(
        &mut self,
        batch: BatchId,
        device: DeviceId,
    ) -> Result<Option<Membership>, StoreError> {
        let sql = "INSERT INTO batch_device (device, batch) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        if self.exec(sql, args![device, batch]).await? == 1 {
            return Ok(None);
        }
        let held = self.membership(device).await?;
        Ok(held.filter(|held| held.batch != batch))
    }

    /// Takes a device out of a list; false if it was not in it.
    pub async fn unlist_device(
        &mut self,
        batch: BatchId,
        device: DeviceId,
    ) -> Result<bool, StoreError> {
        let sql = "DELETE FROM batch_device WHERE device = $1 AND batch = $2";
        Ok(self.exec(sql, args![device, batch]).await? == 1)
    }

    /// Moves a device into a list, out of whichever held it.
    pub async fn move_device(&mut self, to: BatchId, device: DeviceId) -> Result<(), StoreError> {
        self.exec(
            "INSERT INTO batch_device (device, batch) VALUES ($1, $2) \
             ON CONFLICT (device) DO UPDATE SET batch = excluded.batch",
            args![device, to],
        )
        .await?;
        Ok(())
    }

    /// Makes a device an exception of a catch-all; false if it was one.
    pub async fn exempt_device(
        &mut self,
        batch: BatchId,
        device: DeviceId,
    ) -> Result<bool, StoreError> {
        let sql = "INSERT INTO batch_exempt (batch, device) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        Ok(self.exec(sql, args![batch, device]).await? == 1)
    }

    /// Ends an exception of a catch-all; false if there was none.
    pub async fn unexempt_device(
        &mut self,
        batch: BatchId,
        device: DeviceId,
    ) -> Result<bool, StoreError> {
        let sql = "DELETE FROM batch_exempt WHERE batch = $1 AND device = $2";
        Ok(self.exec(sql, args![batch, device]).await? == 1)
    }

    /// Empties a batch's list, as when it changes from "only" to "all except".
    pub async fn clear_batch_list(&mut self, batch: BatchId) -> Result<(), StoreError> {
        self.exec("DELETE FROM batch_device WHERE batch = $1", args![batch])
            .await?;
        self.exec("DELETE FROM batch_exempt WHERE batch = $1", args![batch])
            .await?;
        Ok(())
    }

    /// How many devices of a customer are in no batch.
    pub async fn batchless_count(&mut self, customer: CustomerId) -> Result<i64, StoreError> {
        self.number(
            "SELECT COUNT(*) FROM device d WHERE d.customer = $1 \
             AND NOT EXISTS (SELECT 1 FROM batch_device l WHERE l.device = d.id) \
             AND NOT EXISTS (SELECT 1 FROM batch b WHERE b.catch_all = d.directory \
                AND NOT EXISTS (SELECT 1 FROM batch_exempt e WHERE e.batch = b.id AND e.device = d.id))",
            args![customer],
        )
        .await
    }
}

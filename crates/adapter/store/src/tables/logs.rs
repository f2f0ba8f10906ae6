//! Agent logs as compressed chunks.

use crate::{
    LogChunk, StoreError, Tx,
    tx::Query,
    value::{Row, Word, args},
};
use chrono::{DateTime, Utc};
use gw_model::{CustomerId, DeviceId, RunId, Severity};

const SELECT: &str = "SELECT customer, device, run, first_line, last_line, first_at, worst, body \
                      FROM agent_log";

fn chunk(row: &Row) -> Result<LogChunk, StoreError> {
    let mut c = row.columns();
    Ok(LogChunk {
        customer: c.take()?,
        device: c.take()?,
        run: c.take()?,
        first: c.take()?,
        last: c.take()?,
        first_at: c.take()?,
        worst: c.word()?,
        body: c.take()?,
    })
}

impl Tx {
    /// Adds a chunk; false if one that begins with the same line is there already.
    pub async fn add_log(&mut self, new: &LogChunk) -> Result<bool, StoreError> {
        let done = self
            .exec(
                "INSERT INTO agent_log (device, first_line, last_line, customer, run, first_at, \
                 worst, body) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
                args![
                    new.device,
                    new.first,
                    new.last,
                    new.customer,
                    new.run,
                    new.first_at,
                    Word(new.worst),
                    new.body.as_slice()
                ],
            )
            .await?;
        Ok(done == 1)
    }

    /// The number of the last line that a device delivered; 0 before the first.
    pub async fn last_log_line(&mut self, device: DeviceId) -> Result<i64, StoreError> {
        self.number(
            "SELECT MAX(last_line) FROM agent_log WHERE device = $1",
            args![device],
        )
        .await
    }

    /// Chunks, newest first.
    pub async fn logs(
        &mut self,
        customer: CustomerId,
        device: Option<DeviceId>,
        run: Option<RunId>,
        at_least: Option<Severity>,
        before: Option<(DateTime<Utc>, DeviceId, i64)>,
        limit: i64,
    ) -> Result<Vec<LogChunk>, StoreError> {
        let mut query = Query::new(SELECT, vec![]);
        query.bind(" WHERE customer = ?", args![customer]);
        query.bind_if(" AND device = ?", device);
        query.bind_if(" AND run = ?", run);
        match at_least {
            None | Some(Severity::Info) => {}
            Some(Severity::Warning) => {
                query.push(" AND worst IN ('warning', 'error')");
            }
            Some(Severity::Error) => {
                query.push(" AND worst = 'error'");
            }
        }
        if let Some((at, device, first)) = before {
            query.bind(
                " AND (first_at, device, first_line) < (?, ?, ?)",
                args![at, device, first],
            );
        }
        query.bind(
            " ORDER BY first_at DESC, device DESC, first_line DESC LIMIT ?",
            args![limit],
        );
        let (sql, args) = query.done();
        self.rows(sql, args).await?.iter().map(chunk).collect()
    }
}

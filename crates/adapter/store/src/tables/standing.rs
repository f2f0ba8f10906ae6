//! Counts for the dashboard and the first-run guide.

use crate::{
    StoreError, Tx,
    value::{Word, args},
};
use chrono::{DateTime, Utc};
use gw_model::{CustomerId, RunKind};

/// How many devices have come how far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// With a run under way.
    pub running: i64,
    /// Whose last finished run ended in the target.
    pub migrated: i64,
    /// Whose last finished run ended in the source.
    pub back: i64,
    /// Whose last finished run ended in no directory.
    pub held: i64,
    /// With a trusted agent that was not heard of since the given time.
    pub silent: i64,
}

impl Tx {
    /// How many devices have come how far.
    pub async fn standing(
        &mut self,
        customer: CustomerId,
        silent_since: DateTime<Utc>,
    ) -> Result<Standing, StoreError> {
        let mut standing = Standing {
            running: self
                .number(
                    "SELECT COUNT(DISTINCT device) FROM run WHERE customer = $1 AND state = 'running'",
                    args![customer],
                )
                .await?,
            silent: self
                .number(
                    "SELECT COUNT(*) FROM device d WHERE d.customer = $1 AND d.trust = 'trusted' \
                     AND COALESCE(d.last_seen, (SELECT a.enrolled_at FROM agent a \
                     WHERE a.id = d.agent), 0) < $2",
                    args![customer, silent_since],
                )
                .await?,
            ..Standing::default()
        };
        let sql = "SELECT r.result, COUNT(*) FROM run r WHERE r.customer = $1 AND r.kind = 'run' \
                   AND r.state = 'finished' AND NOT EXISTS (SELECT 1 FROM run later \
                   WHERE later.device = r.device AND later.kind = 'run' \
                   AND later.state = 'finished' AND later.id > r.id) GROUP BY r.result";
        for row in &self.rows(sql, args![customer]).await? {
            let mut c = row.columns();
            let (result, n): (Option<String>, i64) = (c.take()?, c.take()?);
            match result.as_deref() {
                Some("migrated") => standing.migrated = n,
                Some("restored" | "returned") => standing.back += n,
                Some("held") => standing.held = n,
                _ => {}
            }
        }
        Ok(standing)
    }

    /// How many runs of a kind have finished, and how many of them as ordered.
    pub async fn finished_runs(
        &mut self,
        customer: CustomerId,
        kind: RunKind,
    ) -> Result<(i64, i64), StoreError> {
        let all =
            "SELECT COUNT(*) FROM run WHERE customer = $1 AND kind = $2 AND state = 'finished'";
        let good = "SELECT COUNT(*) FROM run WHERE customer = $1 AND kind = $2 AND state = 'finished' \
                    AND result IN ('migrated', 'rehearsed')";
        Ok((
            self.number(all, args![customer, Word(kind)]).await?,
            self.number(good, args![customer, Word(kind)]).await?,
        ))
    }

    /// How many requests of agents were refused since a time, counted refusals included.
    pub async fn refusals_since(
        &mut self,
        customer: CustomerId,
        since: DateTime<Utc>,
    ) -> Result<i64, StoreError> {
        self.number(
            "SELECT CAST(COALESCE(SUM(count), 0) AS BIGINT) FROM audit \
             WHERE customer = $1 AND fold_key IS NOT NULL AND last_at >= $2",
            args![customer, since],
        )
        .await
    }
}

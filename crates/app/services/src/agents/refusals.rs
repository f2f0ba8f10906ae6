//! Refusals are counted in memory and flushed: strangers cannot fill the disk.

use crate::{Internal, Services};
use chrono::{DateTime, Utc};
use gw_model::{AuditId, CustomerId};
use gw_store::{Lane, Refusal, StoreError, Tx};
use gw_wire::codes;
use std::{collections::BTreeMap, sync::Mutex};

/// Sources told apart between two flushes; the rest share one row.
const SOURCES: usize = 1_000;

/// Counters that wait for the next flush, by hour, cause and source.
#[derive(Default)]
pub(crate) struct Refusals(Mutex<BTreeMap<(i64, &'static str, String), Counted>>);

struct Counted {
    customer: Option<CustomerId>,
    first: DateTime<Utc>,
    last: DateTime<Utc>,
    count: i64,
}

impl Refusals {
    pub(super) fn count(
        &self,
        code: &'static str,
        source: &str,
        customer: Option<CustomerId>,
        now: DateTime<Utc>,
    ) {
        let mut all = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let hour = now.timestamp() / 3600;
        let mut key = (hour, code, source.to_owned());
        if all.len() >= SOURCES && !all.contains_key(&key) {
            key.2 = "others".into();
        }
        let entry = all.entry(key).or_insert(Counted {
            customer,
            first: now,
            last: now,
            count: 0,
        });
        entry.last = now;
        entry.count += 1;
    }

    fn take(&self) -> BTreeMap<(i64, &'static str, String), Counted> {
        std::mem::take(
            &mut *self
                .0
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        )
    }
}

impl Services {
    /// Counts what the transport refused by itself, such as a body that is too large. `code` is
    /// one of the protocol's.
    pub fn agent_refused(&self, code: &'static str, source: &str) {
        self.agents.refusals.count(code, source, None, self.now());
    }

    pub(super) async fn flush_refusals(&self) -> Result<(), Internal> {
        let counted = self.agents.refusals.take();
        if counted.is_empty() {
            return Ok(());
        }
        let rows: Vec<Refusal> = counted
            .into_iter()
            .map(|((_, cause, source), counted)| Refusal {
                id: self.id::<AuditId>(),
                customer: counted.customer,
                cause,
                source,
                first: counted.first,
                last: counted.last,
                count: counted.count,
                detail: codes::Refusal::by_code(cause)
                    .map_or(cause, |known| known.sentence)
                    .to_owned(),
            })
            .collect();
        self.store
            .write(Lane::Bulk, async move |tx: &mut Tx| {
                for row in &rows {
                    tx.count_refusal(row).await?;
                }
                Ok::<(), StoreError>(())
            })
            .await?;
        Ok(())
    }
}

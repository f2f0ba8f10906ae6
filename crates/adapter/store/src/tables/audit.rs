//! The audit trail: rows are added, never changed; only a refusal's count rises.

use crate::{AuditRecord, NewAudit, StoreError, Tx, tx::Query, value::args};
use chrono::{DateTime, Utc};
use gw_model::{AuditId, CustomerId};

/// Refusals of one cause, from one source, within one hour.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The id of the row if it is the first.
    pub id: AuditId,
    /// The customer, if the request named one that exists.
    pub customer: Option<CustomerId>,
    /// The stable code of the refusal.
    pub cause: &'static str,
    /// The network address.
    pub source: String,
    /// The first time.
    pub first: DateTime<Utc>,
    /// The last time.
    pub last: DateTime<Utc>,
    /// How often.
    pub count: i64,
    /// The sentence that was answered.
    pub detail: String,
}

fn search_text(actor: &str, action: &str, detail: &str, source: Option<&str>) -> String {
    gw_model::fold(&format!(
        "{actor} {action} {detail} {}",
        source.unwrap_or_default()
    ))
}

impl Tx {
    /// Adds a row.
    pub async fn add_audit(&mut self, new: &NewAudit) -> Result<(), StoreError> {
        self.exec(
            "INSERT INTO audit (id, customer, at, last_at, actor, action, object, detail, source, \
             count, search) VALUES ($1, $2, $3, $3, $4, $5, $6, $7, $8, 1, $9)",
            args![
                new.id,
                new.customer,
                new.at,
                &new.actor,
                &new.action,
                new.object.clone(),
                &new.detail,
                new.source.clone(),
                search_text(&new.actor, &new.action, &new.detail, new.source.as_deref())
            ],
        )
        .await?;
        Ok(())
    }

    /// Counts refusals: one row per cause, source and hour.
    pub async fn count_refusal(&mut self, refusal: &Refusal) -> Result<(), StoreError> {
        let hour = refusal.first.timestamp() / 3600;
        let fold = format!("{}\u{1f}{}\u{1f}{hour}", refusal.cause, refusal.source);
        self.exec(
            "INSERT INTO audit (id, customer, at, last_at, actor, action, object, detail, source, \
             count, fold_key, search) VALUES ($1, $2, $3, $4, 'agent', $5, NULL, $6, $7, $8, $9, $10) \
             ON CONFLICT (fold_key) DO UPDATE SET count = audit.count + excluded.count, \
             last_at = excluded.last_at",
            args![
                refusal.id,
                refusal.customer,
                refusal.first,
                refusal.last,
                format!("agent.refused.{}", refusal.cause),
                &refusal.detail,
                &refusal.source,
                refusal.count,
                fold,
                search_text("agent", refusal.cause, &refusal.detail, Some(&refusal.source))
            ],
        )
        .await?;
        Ok(())
    }

    /// The trail, newest first. A customer's trail holds its own rows; without a customer, all.
    pub async fn audit(
        &mut self,
        customer: Option<CustomerId>,
        action: Option<&str>,
        search: Option<&str>,
        before: Option<AuditId>,
        limit: i64,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        let mut query = Query::new(
            "SELECT id, customer, at, last_at, actor, action, object, detail, source, count \
             FROM audit WHERE 1 = 1",
            vec![],
        );
        query.bind_if(" AND customer = ?", customer);
        if let Some(action) = action {
            // "batch" finds "batch.create" and its siblings, by a range over the index.
            let end = format!("{action}.\u{10ffff}");
            query.bind(
                " AND (action = ? OR (action > ? AND action < ?))",
                args![action, format!("{action}."), end],
            );
        }
        query.contains(" AND search LIKE ? ESCAPE '\\'", search);
        query.bind_if(" AND id < ?", before);
        query.bind(" ORDER BY id DESC LIMIT ?", args![limit]);
        let (sql, args) = query.done();
        let rows = self.rows(sql, args).await?;
        rows.iter()
            .map(|row| {
                let mut c = row.columns();
                Ok(AuditRecord {
                    id: c.take()?,
                    customer: c.take()?,
                    at: c.take()?,
                    last_at: c.take()?,
                    actor: c.take()?,
                    action: c.take()?,
                    object: c.take()?,
                    detail: c.take()?,
                    source: c.take()?,
                    count: c.take()?,
                })
            })
            .collect()
    }
}

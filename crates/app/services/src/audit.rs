//! The audit trail: everything an administrator did, and what strangers tried.

use crate::{Ask, Internal, Page, Services, page::Cursor};
use gw_model::CustomerId;
use gw_store::AuditRecord;

/// Which rows to show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Of this customer.
    pub customer: Option<CustomerId>,
    /// This action, or all below it (`batch` finds `batch.create`).
    pub action: Option<String>,
}

impl Services {
    /// The trail, newest first.
    ///
    /// # Errors
    /// The store failed.
    pub async fn audit(
        &self,
        filter: &AuditFilter,
        ask: &Ask,
    ) -> Result<Page<AuditRecord>, Internal> {
        let rows = ask.rows();
        let found = self
            .store
            .read()
            .await?
            .audit(
                filter.customer,
                filter.action.as_deref(),
                ask.search.as_deref(),
                Cursor::id(ask),
                rows + 1,
            )
            .await?;
        Ok(Page::cut(found, rows, |last| Cursor::text("", last.id.0)))
    }
}

//! Runs as the console shows them.

use crate::{Ask, Internal, Page, Services, error::refused, page::Cursor};
use gw_model::{CustomerId, RunId, UserOutcome};
use gw_store::{RunFilter, RunRecord, StepRecord};

/// One run with its steps and what became of each profile.
#[derive(Debug, Clone)]
pub struct RunDetail {
    /// The run.
    pub run: RunRecord,
    /// In the order in which they happen.
    pub steps: Vec<StepRecord>,
    /// By SID.
    pub users: Vec<UserOutcome>,
}

/// A run cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// No such run.
    #[error("there is no such run")]
    NotFound,
    /// Our fault.
    #[error(transparent)]
    Inner(#[from] Internal),
}

refused!(RunError {
    Self::NotFound => NotFound, "run_not_found";
});

impl Services {
    /// Runs, newest first.
    ///
    /// # Errors
    /// The store failed.
    pub async fn runs(
        &self,
        customer: CustomerId,
        filter: &RunFilter,
        ask: &Ask,
    ) -> Result<Page<RunRecord>, RunError> {
        let filter = RunFilter {
            search: ask.search.clone(),
            ..filter.clone()
        };
        let rows = ask.rows();
        let found = self
            .store
            .read()
            .await?
            .runs(customer, &filter, Cursor::id(ask), rows + 1)
            .await?;
        Ok(Page::cut(found, rows, |last| Cursor::text("", last.id.0)))
    }

    /// One run.
    ///
    /// # Errors
    /// There is none.
    pub async fn run(&self, customer: CustomerId, id: RunId) -> Result<RunDetail, RunError> {
        let mut tx = self.store.read().await?;
        let run = tx.run(customer, id).await?.ok_or(RunError::NotFound)?;
        Ok(RunDetail {
            steps: tx.steps(id).await?,
            users: tx.outcomes(id).await?,
            run,
        })
    }
}

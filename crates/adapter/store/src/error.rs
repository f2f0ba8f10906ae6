//! What can go wrong between us and the database.

/// The store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused or could not be reached.
    #[error("the database could not {what}")]
    Database {
        /// What was tried, as a verb phrase.
        what: &'static str,
        /// What it answered.
        #[source]
        source: sqlx::Error,
    },
    /// A column is missing or of another type: the schema and this program differ.
    #[error("column {at} of the answer cannot be read")]
    Column {
        /// Counted from 0.
        at: usize,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// A column holds what this program does not understand; perhaps a newer one wrote it.
    #[error("column {at} of the answer holds something unknown to this version")]
    Content {
        /// Counted from 0.
        at: usize,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The database was made by a newer version.
    #[error(
        "the database is at schema {found}, this program knows {known}; start the newer version, or restore a backup"
    )]
    TooNew {
        /// The schema of the database.
        found: i64,
        /// The newest schema this program knows.
        known: i64,
    },
    /// The transaction kept colliding with others.
    #[error("the change collided with others {attempts} times; try again")]
    Contention {
        /// How often it was tried.
        attempts: u32,
    },
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    pub(crate) fn content(
        at: usize,
        error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Content {
            at,
            source: error.into(),
        }
    }

    pub(crate) fn database(what: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Database { what, source }
    }
}

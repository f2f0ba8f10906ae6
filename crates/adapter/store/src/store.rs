//! Opening the store, reading from it, and handing changes to the one writer.

use crate::{
    StoreError, Tx, dialect,
    tx::Conn,
    writer::{Lane, Writer},
};
use sqlx::{PgPool, SqlitePool};
use std::{path::PathBuf, sync::Arc};

/// Where the data lives.
#[derive(Debug, Clone)]
pub enum Place {
    /// A file of the embedded database.
    Sqlite(PathBuf),
    /// A `postgres://` address.
    Postgres(String),
}

/// The store. Cheap to clone.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    readers: Readers,
    writer: Writer,
}

enum Readers {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl Store {
    /// Opens the store and brings its schema up to date.
    ///
    /// # Errors
    /// The database cannot be reached, or was made by a newer version.
    pub async fn open(place: Place) -> Result<Self, StoreError> {
        let readers = match &place {
            Place::Sqlite(path) => Readers::Sqlite(dialect::sqlite_pool(path, false)),
            Place::Postgres(url) => Readers::Postgres(dialect::postgres_pool(url, 8)?),
        };
        migrate(&place).await?;
        Ok(Self(Arc::new(Inner {
            readers,
            writer: Writer::start(place)?,
        })))
    }

    /// A connection to read from. Each statement sees what was committed before it.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn read(&self) -> Result<Tx, StoreError> {
        let failed = StoreError::database("open a connection");
        Ok(Tx::new(match &self.0.readers {
            Readers::Sqlite(pool) => Conn::Sqlite(pool.acquire().await.map_err(failed)?),
            Readers::Postgres(pool) => Conn::Postgres(pool.acquire().await.map_err(failed)?),
        }))
    }

    /// Runs `work` in a transaction and answers once it is committed. On an error nothing of it
    /// stays. It may run more than once (PostgreSQL at SERIALIZABLE), so it must not touch the
    /// world outside of the transaction.
    ///
    /// # Errors
    /// Whatever `work` refuses with, or the store's own error.
    pub async fn write<F, T, E>(&self, lane: Lane, work: F) -> Result<T, E>
    where
        F: AsyncFn(&mut Tx) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.0.writer.run(lane, work).await
    }

    /// True if other servers may share this database.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        matches!(self.0.readers, Readers::Postgres(_))
    }

    /// Finishes what was handed in and closes. Later calls answer [`StoreError::Closed`].
    pub async fn close(&self) {
        self.0.writer.close().await;
        match &self.0.readers {
            Readers::Sqlite(pool) => pool.close().await,
            Readers::Postgres(pool) => pool.close().await,
        }
    }
}

async fn migrate(place: &Place) -> Result<(), StoreError> {
    let failed = StoreError::database("open a connection");
    match place {
        Place::Sqlite(path) => {
            let pool = dialect::sqlite_pool(path, true);
            let mut tx = Tx::new(Conn::Sqlite(pool.acquire().await.map_err(failed)?));
            let done = crate::migrate::migrate(&mut tx).await;
            drop(tx);
            pool.close().await;
            done
        }
        Place::Postgres(url) => {
            let pool = dialect::postgres_pool(url, 1)?;
            let mut tx = Tx::new(Conn::Postgres(pool.acquire().await.map_err(failed)?));
            let done = crate::migrate::migrate(&mut tx).await;
            drop(tx);
            pool.close().await;
            done
        }
    }
}

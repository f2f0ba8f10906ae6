//! The only place where the two databases differ.

use crate::{Place, StoreError, Tx};
use sqlx::{
    postgres::{PgConnectOptions, PgPool, PgPoolOptions},
    sqlite::{
        SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
    },
};
use std::{path::Path, str::FromStr as _, time::Duration};

/// One step of the schema, in both dialects.
pub(crate) struct Migration {
    pub(crate) number: i64,
    pub(crate) name: &'static str,
    pub(crate) sqlite: &'static str,
    pub(crate) postgres: &'static str,
}

macro_rules! migrations {
    ($($number:literal $name:literal;)*) => {
        /// All steps of the schema, ascending. Forward only.
        pub(crate) const MIGRATIONS: &[Migration] = &[$(Migration {
            number: $number,
            name: $name,
            sqlite: include_str!(concat!("../migrations/sqlite/", $name, ".sql")),
            postgres: include_str!(concat!("../migrations/postgres/", $name, ".sql")),
        }),*];
    };
}
migrations! { 1 "0001_first"; }

pub(crate) const MIGRATION_TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_step (number BIGINT PRIMARY KEY NOT NULL, name TEXT NOT NULL)";

/// Opens a transaction for changes, as one request.
///
/// On PostgreSQL every such transaction takes a lock before its snapshot, which only an `alone` one
/// keeps others out of: no other runs beside it, so it has nothing to collide with. PostgreSQL
/// takes the snapshot at the first query, and LOCK TABLE is none (SET TRANSACTION, LOCK).
pub(crate) fn begin(tx: &Tx, alone: bool) -> &'static str {
    match (tx.is_postgres(), alone) {
        (false, _) => "BEGIN IMMEDIATE",
        (true, false) => {
            "BEGIN ISOLATION LEVEL SERIALIZABLE; LOCK TABLE schema_step IN ROW SHARE MODE"
        }
        (true, true) => {
            "BEGIN ISOLATION LEVEL SERIALIZABLE; LOCK TABLE schema_step IN EXCLUSIVE MODE"
        }
    }
}

/// Opens the transaction of a migration. The advisory lock ends with it. At READ COMMITTED, because
/// a server that waited for the lock has to see what the one before it did.
pub(crate) fn begin_migration(tx: &Tx) -> &'static str {
    if tx.is_postgres() {
        "BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock(7230000001)"
    } else {
        "BEGIN IMMEDIATE"
    }
}

/// Whether a transaction that met this error should be tried again from its start.
pub(crate) fn asks_to_retry(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => error
            .code()
            // serialization_failure, deadlock_detected; SQLITE_BUSY and its snapshot form
            .is_some_and(|code| matches!(&*code, "40001" | "40P01" | "5" | "517")),
        _ => false,
    }
}

/// `FOR UPDATE SKIP LOCKED` where it exists: one worker claims a job.
pub(crate) fn skip_locked(tx: &Tx) -> &'static str {
    if tx.is_postgres() {
        " FOR UPDATE SKIP LOCKED"
    } else {
        ""
    }
}

/// Connections to SQLite: `write` makes the writer's, otherwise connections that can only read.
pub(crate) fn sqlite_pool(path: &Path, write: bool) -> SqlitePool {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(write)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(10))
        .pragma("cache_size", if write { "-8192" } else { "-4096" })
        .pragma("temp_store", "MEMORY")
        .pragma("wal_autocheckpoint", "2000")
        .pragma("journal_size_limit", "67108864")
        .pragma("query_only", if write { "OFF" } else { "ON" });
    SqlitePoolOptions::new()
        .max_connections(if write { 1 } else { 4 })
        .min_connections(0)
        .test_before_acquire(false)
        .idle_timeout(if write {
            None
        } else {
            Some(Duration::from_secs(60))
        })
        .max_lifetime(None)
        .connect_lazy_with(options)
}

/// Connections to PostgreSQL.
pub(crate) fn postgres_pool(url: &str, connections: u32) -> Result<PgPool, StoreError> {
    let options = PgConnectOptions::from_str(url)
        .map_err(StoreError::database(
            "read the address of the PostgreSQL server",
        ))?
        .application_name("godwit");
    Ok(PgPoolOptions::new()
        .max_connections(connections)
        .min_connections(0)
        .acquire_timeout(Duration::from_secs(30))
        .connect_lazy_with(options))
}

impl Place {
    /// From a `database.url`: `postgres://…`, or the path of a SQLite file.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            Self::Postgres(text.to_owned())
        } else {
            Self::Sqlite(text.strip_prefix("sqlite://").unwrap_or(text).into())
        }
    }
}

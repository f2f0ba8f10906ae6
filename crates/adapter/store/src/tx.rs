//! A transaction, or a connection to read from: everything that speaks SQL hangs on [`Tx`].
//!
//! One SQL text serves both databases: parameters are numbered, statements keep to the portable
//! subset. After an error inside a transaction nothing more is sent (PostgreSQL would refuse it);
//! uniqueness is asked for with ON CONFLICT.

use crate::{
    StoreError, dialect,
    value::{Row, Value},
};
use sqlx::{
    AssertSqlSafe, Executor as _, Postgres, Sqlite, pool::PoolConnection, sqlite::SqliteArguments,
};
use std::borrow::Cow;

/// A transaction in hand, or a connection to read from.
pub struct Tx {
    pub(crate) conn: Conn,
    /// Set when the database asked to try the whole transaction again.
    pub(crate) retry: bool,
}

pub(crate) enum Conn {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>),
}

/// Static text, or text put together from static fragments by [`Query`].
pub(crate) type Sql = Cow<'static, str>;

impl Tx {
    pub(crate) fn new(conn: Conn) -> Self {
        Self { conn, retry: false }
    }

    /// True on PostgreSQL.
    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self.conn, Conn::Postgres(_))
    }

    /// Runs a statement; the number of rows it touched.
    pub(crate) async fn exec(
        &mut self,
        sql: impl Into<Sql>,
        args: Vec<Value>,
    ) -> Result<u64, StoreError> {
        let sql = AssertSqlSafe(sql.into());
        let answer = match &mut self.conn {
            Conn::Sqlite(conn) => conn
                .execute(sqlite(sql, args))
                .await
                .map(|done| done.rows_affected()),
            Conn::Postgres(conn) => conn
                .execute(postgres(sql, args))
                .await
                .map(|done| done.rows_affected()),
        };
        answer.map_err(|error| self.failed("change rows", error))
    }

    /// Runs a query; all its rows.
    pub(crate) async fn rows(
        &mut self,
        sql: impl Into<Sql>,
        args: Vec<Value>,
    ) -> Result<Vec<Row>, StoreError> {
        let sql = AssertSqlSafe(sql.into());
        let answer = match &mut self.conn {
            Conn::Sqlite(conn) => conn
                .fetch_all(sqlite(sql, args))
                .await
                .map(|rows| rows.into_iter().map(Row::Sqlite).collect()),
            Conn::Postgres(conn) => conn
                .fetch_all(postgres(sql, args))
                .await
                .map(|rows| rows.into_iter().map(Row::Postgres).collect()),
        };
        answer.map_err(|error| self.failed("read rows", error))
    }

    /// Runs a query; its first row.
    pub(crate) async fn row(
        &mut self,
        sql: impl Into<Sql>,
        args: Vec<Value>,
    ) -> Result<Option<Row>, StoreError> {
        let sql = AssertSqlSafe(sql.into());
        let answer = match &mut self.conn {
            Conn::Sqlite(conn) => conn
                .fetch_optional(sqlite(sql, args))
                .await
                .map(|row| row.map(Row::Sqlite)),
            Conn::Postgres(conn) => conn
                .fetch_optional(postgres(sql, args))
                .await
                .map(|row| row.map(Row::Postgres)),
        };
        answer.map_err(|error| self.failed("read a row", error))
    }

    /// Runs a query that yields one number; 0 without a row.
    pub(crate) async fn number(
        &mut self,
        sql: impl Into<Sql>,
        args: Vec<Value>,
    ) -> Result<i64, StoreError> {
        Ok(match self.row(sql, args).await? {
            Some(row) => row.first::<Option<i64>>()?.unwrap_or(0),
            None => 0,
        })
    }

    /// Runs statements without parameters, as they stand in a migration.
    pub(crate) async fn script(&mut self, sql: &'static str) -> Result<(), StoreError> {
        let answer = match &mut self.conn {
            Conn::Sqlite(conn) => sqlx::raw_sql(sql).execute(&mut **conn).await.map(|_| ()),
            Conn::Postgres(conn) => sqlx::raw_sql(sql).execute(&mut **conn).await.map(|_| ()),
        };
        answer.map_err(|error| self.failed("run a script", error))
    }

    fn failed(&mut self, what: &'static str, error: sqlx::Error) -> StoreError {
        self.retry |= dialect::asks_to_retry(&error);
        StoreError::Database {
            what,
            source: error,
        }
    }
}

fn sqlite(
    sql: AssertSqlSafe<Sql>,
    args: Vec<Value>,
) -> sqlx::query::Query<'static, Sqlite, SqliteArguments> {
    args.into_iter()
        .fold(sqlx::query(sql), |query, value| match value {
            Value::Int(value) => query.bind(value),
            Value::Text(value) => query.bind(value),
            Value::Bytes(value) => query.bind(value),
            Value::Id(value) => query.bind(value),
        })
}

fn postgres(
    sql: AssertSqlSafe<Sql>,
    args: Vec<Value>,
) -> sqlx::query::Query<'static, Postgres, sqlx::postgres::PgArguments> {
    args.into_iter()
        .fold(sqlx::query(sql), |query, value| match value {
            Value::Int(value) => query.bind(value),
            Value::Text(value) => query.bind(value),
            Value::Bytes(value) => query.bind(value),
            Value::Id(value) => query.bind(value),
        })
}

/// A query with optional conditions, put together from static fragments; values are always bound.
pub(crate) struct Query {
    sql: String,
    args: Vec<Value>,
}

impl Query {
    /// Starts with a fragment whose parameters are `args`.
    pub(crate) fn new(fragment: &str, args: Vec<Value>) -> Self {
        Self {
            sql: fragment.to_owned(),
            args,
        }
    }

    /// Appends a fragment without parameters.
    pub(crate) fn push(&mut self, fragment: &'static str) -> &mut Self {
        self.sql.push_str(fragment);
        self
    }

    /// Appends a fragment in which each `?` stands for the next of `args`.
    pub(crate) fn bind(&mut self, fragment: &'static str, args: Vec<Value>) -> &mut Self {
        let mut args = args.into_iter();
        for part in fragment.split_inclusive('?') {
            match part.strip_suffix('?') {
                Some(before) => {
                    self.args.extend(args.next());
                    self.sql.push_str(before);
                    self.sql.push('$');
                    self.sql.push_str(&self.args.len().to_string());
                }
                None => self.sql.push_str(part),
            }
        }
        self
    }

    /// Appends a fragment with one parameter if there is a value.
    pub(crate) fn bind_if<V: Into<Value>>(
        &mut self,
        fragment: &'static str,
        value: Option<V>,
    ) -> &mut Self {
        if let Some(value) = value {
            self.bind(fragment, vec![value.into()]);
        }
        self
    }

    /// Asks that a folded search column contains every word of `text` (at most six).
    pub(crate) fn contains(&mut self, fragment: &'static str, text: Option<&str>) -> &mut Self {
        for word in text
            .map(gw_model::fold)
            .unwrap_or_default()
            .split_whitespace()
            .take(6)
        {
            let mut pattern = String::with_capacity(word.len() + 2);
            pattern.push('%');
            for letter in word.chars() {
                if matches!(letter, '%' | '_' | '\\') {
                    pattern.push('\\');
                }
                pattern.push(letter);
            }
            pattern.push('%');
            self.bind(fragment, vec![pattern.into()]);
        }
        self
    }

    /// The text and its parameters.
    pub(crate) fn done(self) -> (String, Vec<Value>) {
        (self.sql, self.args)
    }
}

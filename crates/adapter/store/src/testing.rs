//! Databases on a PostgreSQL server that a test makes for itself and drops again.

use crate::{StoreError, dialect};
use sqlx::{AssertSqlSafe, Executor as _};

/// Makes an empty database; its address. `name` is of lower-case letters, digits and `_`.
///
/// # Errors
/// The server at `url` cannot be reached or refuses.
pub async fn fresh_database(url: &str, name: &str) -> Result<String, StoreError> {
    drop_database(url, name).await?;
    run(
        url,
        format!("CREATE DATABASE {} TEMPLATE template0", checked(name)),
    )
    .await?;
    let (head, query) = url
        .split_once('?')
        .map_or((url, ""), |(head, query)| (head, query));
    let server = head.rsplit_once('/').map_or(head, |(server, _)| server);
    let query = if query.is_empty() {
        String::new()
    } else {
        format!("?{query}")
    };
    Ok(format!("{server}/{name}{query}"))
}

/// Drops a database, whoever is still connected.
///
/// # Errors
/// The server at `url` cannot be reached or refuses.
pub async fn drop_database(url: &str, name: &str) -> Result<(), StoreError> {
    run(
        url,
        format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", checked(name)),
    )
    .await
}

async fn run(url: &str, sql: String) -> Result<(), StoreError> {
    let pool = dialect::postgres_pool(url, 1)?;
    let done = pool.execute(AssertSqlSafe(sql)).await;
    pool.close().await;
    done.map(|_| ())
        .map_err(StoreError::database("make or drop a database for a test"))
}

/// Names are not parameters in SQL, so this one is made harmless.
fn checked(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '_')
        .collect()
}

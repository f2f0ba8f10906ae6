//! Brings the schema up to date, forward only.

use crate::{
    StoreError, Tx,
    dialect::{self, MIGRATION_TABLE, MIGRATIONS},
    value::args,
};

/// Applies the steps that are missing, in a transaction that no other server's overlaps: a second
/// server that starts at the same time waits, and then finds nothing left to do.
pub(crate) async fn migrate(tx: &mut Tx) -> Result<(), StoreError> {
    tx.script(dialect::begin_migration(tx)).await?;
    let done = steps(tx).await;
    tx.script(if done.is_ok() { "COMMIT" } else { "ROLLBACK" })
        .await?;
    done
}

async fn steps(tx: &mut Tx) -> Result<(), StoreError> {
    tx.script(MIGRATION_TABLE).await?;
    let found = tx
        .number("SELECT MAX(number) FROM schema_step", vec![])
        .await?;
    let known = MIGRATIONS.last().map_or(0, |step| step.number);
    if found > known {
        return Err(StoreError::TooNew { found, known });
    }
    for step in MIGRATIONS.iter().filter(|step| step.number > found) {
        tx.script(if tx.is_postgres() {
            step.postgres
        } else {
            step.sqlite
        })
        .await?;
        tx.exec(
            "INSERT INTO schema_step (number, name) VALUES ($1, $2)",
            args![step.number, step.name],
        )
        .await?;
        tracing::info!(
            schema.step = step.name,
            "The database schema was brought forward"
        );
    }
    Ok(())
}

//! Brings the schema up to date, forward only.

use crate::{
    StoreError, Tx,
    dialect::{MIGRATION_TABLE, MIGRATIONS, lock_migrations},
    value::args,
};

/// Applies the steps that are missing, inside the caller's transaction.
pub(crate) async fn migrate(tx: &mut Tx) -> Result<(), StoreError> {
    lock_migrations(tx).await?;
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

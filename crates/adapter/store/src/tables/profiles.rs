//! Sync profiles.

use crate::{
    ProfileRecord, StoreError, Tx,
    value::{Row, args},
};
use chrono::{DateTime, Utc};
use gw_model::{CustomerId, ProfileId, fold};

const SELECT: &str = "SELECT id, customer, name, source, target, rules, generation, basis, synced_at, \
                      revision, created_at FROM profile";

fn profile(row: &Row) -> Result<ProfileRecord, StoreError> {
    let mut c = row.columns();
    Ok(ProfileRecord {
        id: c.take()?,
        customer: c.take()?,
        name: c.take()?,
        source: c.take()?,
        target: c.take()?,
        rules: c.take()?,
        generation: c.take()?,
        basis: c.take()?,
        synced_at: c.take()?,
        revision: c.take()?,
        created_at: c.take()?,
    })
}

impl Tx {
    /// All profiles of a customer by name.
    pub async fn profiles(
        &mut self,
        customer: CustomerId,
    ) -> Result<Vec<ProfileRecord>, StoreError> {
        let sql = format!("{SELECT} WHERE customer = $1 ORDER BY folded");
        self.rows(sql, args![customer])
            .await?
            .iter()
            .map(profile)
            .collect()
    }

    /// One profile of a customer.
    pub async fn profile(
        &mut self,
        customer: CustomerId,
        id: ProfileId,
    ) -> Result<Option<ProfileRecord>, StoreError> {
        let sql = format!("{SELECT} WHERE customer = $1 AND id = $2");
        self.row(sql, args![customer, id])
            .await?
            .as_ref()
            .map(profile)
            .transpose()
    }

    /// Adds a profile; false if the name is taken.
    pub async fn add_profile(&mut self, new: &ProfileRecord) -> Result<bool, StoreError> {
        let done = self
            .exec(
                "INSERT INTO profile (id, customer, name, folded, source, target, rules, \
                 generation, basis, synced_at, revision, created_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, 0, '', NULL, 1, $8) ON CONFLICT DO NOTHING",
                args![
                    new.id,
                    new.customer,
                    &new.name,
                    fold(&new.name),
                    new.source,
                    new.target,
                    &new.rules,
                    new.created_at
                ],
            )
            .await?;
        Ok(done == 1)
    }

    /// True if another profile of the customer has this name.
    pub async fn profile_name_taken(
        &mut self,
        customer: CustomerId,
        name: &str,
        but: ProfileId,
    ) -> Result<bool, StoreError> {
        let sql = "SELECT COUNT(*) FROM profile WHERE customer = $1 AND folded = $2 AND id <> $3";
        Ok(self.number(sql, args![customer, fold(name), but]).await? > 0)
    }

    /// Changes a profile if it still has `revision`; false if it has not.
    pub async fn update_profile(
        &mut self,
        record: &ProfileRecord,
        revision: i64,
    ) -> Result<bool, StoreError> {
        let done = self
            .exec(
                "UPDATE profile SET name = $4, folded = $5, source = $6, target = $7, rules = $8, \
                 revision = revision + 1 WHERE customer = $1 AND id = $2 AND revision = $3",
                args![
                    record.customer,
                    record.id,
                    revision,
                    &record.name,
                    fold(&record.name),
                    record.source,
                    record.target,
                    &record.rules
                ],
            )
            .await?;
        Ok(done == 1)
    }

    /// Removes a profile with what it matched; false if there is none.
    pub async fn remove_profile(
        &mut self,
        customer: CustomerId,
        id: ProfileId,
    ) -> Result<bool, StoreError> {
        let sql = "DELETE FROM profile WHERE customer = $1 AND id = $2";
        Ok(self.exec(sql, args![customer, id]).await? == 1)
    }

    /// Shows readers the generation that a sync has written.
    pub async fn flip_profile(
        &mut self,
        id: ProfileId,
        generation: i64,
        basis: &str,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE profile SET generation = $2, basis = $3, synced_at = $4 WHERE id = $1";
        self.exec(sql, args![id, generation, basis, at]).await?;
        Ok(())
    }
}

//! Customers and their keys.

use crate::{
    CustomerKey, CustomerRecord, StoreError, Tx,
    value::{Row, Word, args},
};
use chrono::{DateTime, Utc};
use gw_model::{CustomerId, fold};

const CUSTOMER: &str = "SELECT id, name, epoch, revision, created_at FROM customer";
const KEY: &str = "SELECT customer, purpose, key_id, algorithm, public_key, sealed_private, \
                   not_before, not_after, revoked_at FROM customer_key";

fn customer(row: &Row) -> Result<CustomerRecord, StoreError> {
    let mut c = row.columns();
    Ok(CustomerRecord {
        id: c.take()?,
        name: c.take()?,
        epoch: c.take()?,
        revision: c.take()?,
        created_at: c.take()?,
    })
}

fn key(row: &Row) -> Result<CustomerKey, StoreError> {
    let mut c = row.columns();
    Ok(CustomerKey {
        customer: c.take()?,
        purpose: c.word()?,
        key_id: c.take()?,
        algorithm: c.take()?,
        public_key: c.take()?,
        sealed_private: c.take()?,
        not_before: c.take()?,
        not_after: c.take()?,
        revoked_at: c.take()?,
    })
}

impl Tx {
    /// All customers by name.
    pub async fn customers(&mut self) -> Result<Vec<CustomerRecord>, StoreError> {
        let sql = format!("{CUSTOMER} ORDER BY folded");
        self.rows(sql, vec![]).await?.iter().map(customer).collect()
    }

    /// One customer.
    pub async fn customer(&mut self, id: CustomerId) -> Result<Option<CustomerRecord>, StoreError> {
        let row = self
            .row(format!("{CUSTOMER} WHERE id = $1"), args![id])
            .await?;
        row.as_ref().map(customer).transpose()
    }

    /// Adds a customer; false if the name is taken.
    pub async fn add_customer(&mut self, new: &CustomerRecord) -> Result<bool, StoreError> {
        let done = self
            .exec(
                "INSERT INTO customer (id, name, folded, epoch, revision, created_at) \
                 VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
                args![
                    new.id,
                    &new.name,
                    fold(&new.name),
                    new.epoch,
                    new.revision,
                    new.created_at
                ],
            )
            .await?;
        Ok(done == 1)
    }

    /// Renames a customer; false if another has the name.
    pub async fn rename_customer(
        &mut self,
        id: CustomerId,
        name: &str,
    ) -> Result<bool, StoreError> {
        let folded = fold(name);
        let taken = self
            .number(
                "SELECT COUNT(*) FROM customer WHERE folded = $1 AND id <> $2",
                args![&folded, id],
            )
            .await?;
        if taken > 0 {
            return Ok(false);
        }
        let sql = "UPDATE customer SET name = $2, folded = $3 WHERE id = $1";
        self.exec(sql, args![id, name, folded]).await?;
        Ok(true)
    }

    /// Removes a customer with everything that belongs to it; false if there is none.
    pub async fn remove_customer(&mut self, id: CustomerId) -> Result<bool, StoreError> {
        // What refers to directories and runbooks goes first: those references do not cascade.
        for sql in [
            "DELETE FROM batch WHERE customer = $1",
            "DELETE FROM profile WHERE customer = $1",
            "DELETE FROM device WHERE customer = $1",
        ] {
            self.exec(sql, args![id]).await?;
        }
        Ok(self
            .exec("DELETE FROM customer WHERE id = $1", args![id])
            .await?
            == 1)
    }

    /// Raises the revision of what agents are told; the new value.
    pub async fn touch_customer(&mut self, id: CustomerId) -> Result<i64, StoreError> {
        self.number(
            "UPDATE customer SET revision = revision + 1 WHERE id = $1 RETURNING revision",
            args![id],
        )
        .await
    }

    /// Raises the epoch of the KeySet to at least `floor`; the new value.
    pub async fn raise_epoch(&mut self, id: CustomerId, floor: i64) -> Result<i64, StoreError> {
        self.number(
            "UPDATE customer SET epoch = CASE WHEN epoch + 1 > $2 THEN epoch + 1 ELSE $2 END, \
             revision = revision + 1 WHERE id = $1 RETURNING epoch",
            args![id, floor],
        )
        .await
    }

    /// All keys of a customer, oldest first.
    pub async fn customer_keys(&mut self, id: CustomerId) -> Result<Vec<CustomerKey>, StoreError> {
        let sql = format!("{KEY} WHERE customer = $1 ORDER BY not_before, key_id");
        self.rows(sql, args![id]).await?.iter().map(key).collect()
    }

    /// Adds a key.
    pub async fn add_customer_key(&mut self, new: &CustomerKey) -> Result<(), StoreError> {
        self.exec(
            "INSERT INTO customer_key (customer, purpose, key_id, algorithm, public_key, \
             sealed_private, not_before, not_after, revoked_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            args![
                new.customer,
                Word(new.purpose),
                &new.key_id,
                &new.algorithm,
                &new.public_key,
                new.sealed_private.as_slice(),
                new.not_before,
                new.not_after,
                new.revoked_at
            ],
        )
        .await?;
        Ok(())
    }

    /// Withdraws a key.
    pub async fn revoke_customer_key(
        &mut self,
        id: CustomerId,
        key_id: &str,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE customer_key SET revoked_at = $3 WHERE customer = $1 AND key_id = $2";
        self.exec(sql, args![id, key_id, at]).await?;
        Ok(())
    }
}

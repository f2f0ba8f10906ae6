//! Customers: each has its own root, escrow and signing keys from the first moment, because the
//! Migration Agent certificate and a pre-shared key exist before any agent is installed.

use crate::{Actor, Internal, Services, error::refused};
use chrono::{DateTime, TimeDelta, Utc};
use gw_model::CustomerId;
use gw_store::{CustomerKey, CustomerRecord, KeyPurpose, Lane, Tx};
use gw_wire::{
    keys::{Algorithm, KeyError, SigningKey},
    seal::RecipientKey,
};

/// A customer.
pub type CustomerView = CustomerRecord;

/// A customer or its keys were refused.
#[derive(Debug, thiserror::Error)]
pub enum CustomerError {
    /// No such customer.
    #[error("there is no such customer")]
    NotFound,
    /// The name cannot be used.
    #[error("a customer's name has 1 to 100 characters")]
    Name,
    /// The name is taken.
    #[error("there is a customer `{name}` already; choose another name")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// Changed meanwhile.
    #[error("the customer was changed meanwhile; read it again")]
    Stale,
    /// Our fault.
    #[error(transparent)]
    Inner(#[from] Internal),
}

refused!(CustomerError {
    Self::NotFound => NotFound, "customer_not_found";
    Self::Name => Invalid, "name_length", "name";
    Self::NameTaken { .. } => Conflict, "name_taken", "name";
    Self::Stale => Stale, "stale";
});

impl From<KeyError> for CustomerError {
    fn from(error: KeyError) -> Self {
        Self::Inner(Internal(Box::new(error)))
    }
}

/// Where the private half of a customer key is sealed for.
pub(crate) fn key_context(customer: CustomerId, key_id: &str) -> String {
    format!("customer {customer} key {key_id}")
}

impl Services {
    /// Makes a customer with its keys.
    ///
    /// # Errors
    /// The name is taken or cannot be used.
    pub async fn create_customer(
        &self,
        actor: &Actor,
        name: &str,
    ) -> Result<CustomerView, CustomerError> {
        check_name(name)?;
        let now = self.now();
        let new = CustomerRecord {
            id: self.id(),
            name: name.trim().to_owned(),
            // Unix seconds, so that a restored server never goes below what agents have seen.
            epoch: now.timestamp(),
            revision: 1,
            created_at: now,
        };
        let keys = vec![
            self.new_signing_key(new.id, KeyPurpose::Root, now, TimeDelta::days(20 * 365))?,
            self.new_signing_key(new.id, KeyPurpose::Signing, now, TimeDelta::days(2 * 365))?,
            self.new_escrow_key(new.id, now)?,
        ];
        let row = self.audit_row(
            actor,
            Some(new.id),
            "customer.create",
            new.id,
            format!("made customer {}", new.name),
        );
        let record = new.clone();
        self.store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                if !tx.add_customer(&record).await? {
                    return Err(CustomerError::NameTaken {
                        name: record.name.clone(),
                    });
                }
                for key in &keys {
                    tx.add_customer_key(key).await?;
                }
                tx.add_audit(&row).await?;
                Ok(())
            })
            .await?;
        self.agents.forget_rings();
        Ok(new)
    }

    /// All customers by name.
    ///
    /// # Errors
    /// The store failed.
    pub async fn customers(&self) -> Result<Vec<CustomerView>, Internal> {
        Ok(self.store.read().await?.customers().await?)
    }

    /// One customer.
    ///
    /// # Errors
    /// There is none.
    pub async fn customer(&self, id: CustomerId) -> Result<CustomerView, CustomerError> {
        self.store
            .read()
            .await?
            .customer(id)
            .await?
            .ok_or(CustomerError::NotFound)
    }

    /// Renames a customer.
    ///
    /// # Errors
    /// The name is taken or cannot be used, or the customer was changed meanwhile.
    pub async fn rename_customer(
        &self,
        actor: &Actor,
        id: CustomerId,
        if_match: i64,
        name: &str,
    ) -> Result<CustomerView, CustomerError> {
        check_name(name)?;
        let name = name.trim().to_owned();
        let row = self.audit_row(
            actor,
            Some(id),
            "customer.rename",
            id,
            format!("renamed to {name}"),
        );
        self.store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                let held = tx.customer(id).await?.ok_or(CustomerError::NotFound)?;
                if held.revision != if_match {
                    return Err(CustomerError::Stale);
                }
                if !tx.rename_customer(id, &name).await? {
                    return Err(CustomerError::NameTaken { name: name.clone() });
                }
                tx.touch_customer(id).await?;
                tx.add_audit(&row).await?;
                tx.customer(id).await?.ok_or(CustomerError::NotFound)
            })
            .await
    }

    pub(crate) fn new_signing_key(
        &self,
        customer: CustomerId,
        purpose: KeyPurpose,
        now: DateTime<Utc>,
        lifetime: TimeDelta,
    ) -> Result<CustomerKey, CustomerError> {
        let key = SigningKey::generate(Algorithm::Ed25519)?;
        let key_id = key.id().to_string();
        let sealed = self.seal(&key_context(customer, &key_id), key.to_pkcs8())?;
        Ok(CustomerKey {
            customer,
            purpose,
            algorithm: "ed25519".into(),
            public_key: gw_wire::bytes::encode(&key.public().to_spki()),
            sealed_private: sealed,
            key_id,
            // A little into the past, for devices whose clocks run behind.
            not_before: now - TimeDelta::hours(1),
            not_after: now + lifetime,
            revoked_at: None,
        })
    }

    fn new_escrow_key(
        &self,
        customer: CustomerId,
        now: DateTime<Utc>,
    ) -> Result<CustomerKey, CustomerError> {
        let key = RecipientKey::generate()?;
        let key_id = hex::encode(gw_wire::keys::sha256(key.public()));
        Ok(CustomerKey {
            customer,
            purpose: KeyPurpose::Escrow,
            algorithm: "x25519".into(),
            public_key: gw_wire::bytes::encode(key.public()),
            sealed_private: self.seal(&key_context(customer, &key_id), key.expose_private())?,
            key_id,
            not_before: now,
            not_after: now + TimeDelta::days(20 * 365),
            revoked_at: None,
        })
    }
}

/// Names of customers, directories, profiles, runbooks, batches and keys alike.
pub(crate) fn name_is_usable(name: &str) -> bool {
    (1..=100).contains(&name.trim().chars().count()) && !name.chars().any(char::is_control)
}

pub(crate) fn check_name(name: &str) -> Result<(), CustomerError> {
    if name_is_usable(name) {
        Ok(())
    } else {
        Err(CustomerError::Name)
    }
}

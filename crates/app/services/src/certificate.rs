//! The Migration Agent certificate: a customer's root and the keys that it signs.

use crate::{Actor, CustomerError, Services};
use chrono::{DateTime, TimeDelta, Utc};
use gw_model::CustomerId;
use gw_store::{CustomerKey, KeyPurpose, Lane, Tx};
use serde::Serialize;

/// A customer's root and signing keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CertificateView {
    /// The root's key id: SHA-256 of its SubjectPublicKeyInfo, 64 hexadecimal digits.
    pub root_id: String,
    /// The root's SubjectPublicKeyInfo in base64.
    pub root_public_key: String,
    /// When the root was made.
    pub created_at: DateTime<Utc>,
    /// The epoch of the KeySet.
    pub epoch: i64,
    /// Keys that sign answers and orders, oldest first.
    pub signing_keys: Vec<CustomerKey>,
    /// The key that devices escrow to.
    pub escrow_key: Option<CustomerKey>,
}

impl Services {
    /// A customer's Migration Agent certificate.
    ///
    /// # Errors
    /// No such customer.
    pub async fn certificate(
        &self,
        customer: CustomerId,
    ) -> Result<CertificateView, CustomerError> {
        let mut tx = self.store.read().await?;
        let held = tx
            .customer(customer)
            .await?
            .ok_or(CustomerError::NotFound)?;
        let keys = tx.customer_keys(customer).await?;
        let of = |purpose| {
            keys.iter()
                .filter(move |key: &&CustomerKey| key.purpose == purpose)
        };
        let root = of(KeyPurpose::Root)
            .next_back()
            .ok_or(CustomerError::NotFound)?;
        Ok(CertificateView {
            root_id: root.key_id.clone(),
            root_public_key: root.public_key.clone(),
            created_at: held.created_at,
            epoch: held.epoch,
            signing_keys: of(KeyPurpose::Signing).cloned().collect(),
            escrow_key: of(KeyPurpose::Escrow).next_back().cloned(),
        })
    }

    /// Makes a new signing key and withdraws the ones before. Agents learn it at their next
    /// contact and need nothing done to them.
    ///
    /// # Errors
    /// No such customer.
    pub async fn rotate_signing_key(
        &self,
        actor: &Actor,
        customer: CustomerId,
    ) -> Result<CertificateView, CustomerError> {
        let now = self.now();
        let key =
            self.new_signing_key(customer, KeyPurpose::Signing, now, TimeDelta::days(2 * 365))?;
        let row = self.audit_row(
            actor,
            Some(customer),
            "certificate.rotate",
            &key.key_id,
            "made a new signing key",
        );
        self.store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                for old in tx.customer_keys(customer).await? {
                    if old.purpose == KeyPurpose::Signing && old.revoked_at.is_none() {
                        tx.revoke_customer_key(customer, &old.key_id, now).await?;
                    }
                }
                tx.add_customer_key(&key).await?;
                tx.raise_epoch(customer, 0).await?;
                tx.add_audit(&row).await?;
                Ok::<(), CustomerError>(())
            })
            .await?;
        self.agents.forget_all();
        self.certificate(customer).await
    }
}

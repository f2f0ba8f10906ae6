//! Pre-shared keys. The text is shown once; the policy must be chosen, because a key that sits in
//! installer command lines is read by many.

use crate::{Actor, Internal, Services, customers::name_is_usable, error::refused};
use chrono::{DateTime, Utc};
use gw_model::{CustomerId, PskId, PskPolicy};
use gw_store::{KeyPurpose, Lane, PskRecord, Tx};
use gw_wire::{keys::PublicKey, psk::Psk};
use zeroize::Zeroizing;

/// A pre-shared key to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PskDraft {
    /// What it is for.
    pub name: String,
    /// What an agent must show to be trusted.
    pub policy: PskPolicy,
    /// When it stops admitting.
    pub expires_at: Option<DateTime<Utc>>,
}

/// A new pre-shared key with its text, which is not shown again.
pub struct NewPsk {
    /// As it is listed.
    pub psk: PskRecord,
    /// `gwp1.…`
    pub text: Zeroizing<String>,
}

/// A pre-shared key was refused.
#[derive(Debug, thiserror::Error)]
pub enum PskError {
    /// No such key.
    #[error("there is no such pre-shared key")]
    NotFound,
    /// The name cannot be used.
    #[error("a pre-shared key's name has 1 to 100 characters")]
    Name,
    /// Already over.
    #[error("the pre-shared key would expire in the past")]
    Expiry,
    /// Not built yet.
    #[error("the policy `proof` is not available yet; choose `approve` or `first-claim`")]
    ProofUnavailable,
    /// Our fault.
    #[error(transparent)]
    Inner(#[from] Internal),
}

refused!(PskError {
    Self::NotFound => NotFound, "psk_not_found";
    Self::Name => Invalid, "name_length", "name";
    Self::Expiry => Invalid, "expiry_in_the_past", "expires_at";
    Self::ProofUnavailable => Invalid, "policy_unavailable", "policy";
});

pub(crate) fn psk_context(id: PskId) -> String {
    format!("pre-shared key {id}")
}

impl Services {
    /// Makes a pre-shared key.
    ///
    /// # Errors
    /// A field cannot be used.
    pub async fn create_psk(
        &self,
        actor: &Actor,
        customer: CustomerId,
        draft: PskDraft,
    ) -> Result<NewPsk, PskError> {
        let now = self.now();
        if !name_is_usable(&draft.name) {
            return Err(PskError::Name);
        }
        if draft.policy == PskPolicy::Proof {
            return Err(PskError::ProofUnavailable);
        }
        if draft.expires_at.is_some_and(|at| at <= now) {
            return Err(PskError::Expiry);
        }
        let keys = self.store.read().await?.customer_keys(customer).await?;
        let root = keys
            .iter()
            .rfind(|key| key.purpose == KeyPurpose::Root)
            .ok_or(PskError::NotFound)?;
        let spki = gw_wire::bytes::decode(&root.public_key).unwrap_or_default();
        let root = PublicKey::from_spki(&spki).map_err(|error| Internal(Box::new(error)))?;
        loop {
            let made = Psk::generate(&root).map_err(|error| Internal(Box::new(error)))?;
            let id: PskId = self.id();
            let psk = PskRecord {
                id,
                customer,
                name: draft.name.trim().to_owned(),
                wire_id: made.tag.to_string(),
                sealed_secret: self.seal(&psk_context(id), made.to_text().as_bytes())?,
                policy: draft.policy,
                created_at: now,
                expires_at: draft.expires_at,
                revoked_at: None,
                uses: 0,
            };
            let detail = format!("made pre-shared key {} ({:?})", psk.name, psk.policy);
            let row = self.audit_row(actor, Some(customer), "psk.create", id, detail);
            let record = psk.clone();
            let added = self
                .store
                .write(Lane::Agents, async move |tx: &mut Tx| {
                    let added = tx.add_psk(&record).await?;
                    if added {
                        tx.add_audit(&row).await?;
                    }
                    Ok::<bool, PskError>(added)
                })
                .await?;
            // The four bytes on the wire may be taken, once in four billion: draw again.
            if added {
                return Ok(NewPsk {
                    psk,
                    text: made.to_text(),
                });
            }
        }
    }

    /// A customer's pre-shared keys, newest first.
    ///
    /// # Errors
    /// The store failed.
    pub async fn psks(&self, customer: CustomerId) -> Result<Vec<PskRecord>, Internal> {
        Ok(self.store.read().await?.psks(customer).await?)
    }

    /// Revokes a pre-shared key: it admits no further agent. Agents that it admitted stay.
    ///
    /// # Errors
    /// There is none.
    pub async fn revoke_psk(
        &self,
        actor: &Actor,
        customer: CustomerId,
        id: PskId,
    ) -> Result<PskRecord, PskError> {
        let now = self.now();
        let row = self.audit_row(
            actor,
            Some(customer),
            "psk.revoke",
            id,
            "revoked a pre-shared key",
        );
        self.store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                if tx.revoke_psk(customer, id, now).await? {
                    tx.add_audit(&row).await?;
                }
                tx.psk(customer, id).await?.ok_or(PskError::NotFound)
            })
            .await
    }
}

//! A customer's keys, opened, with the KeySet that the root signed.

use crate::{Internal, Services, customers::key_context};
use chrono::{DateTime, TimeDelta, Utc};
use gw_model::CustomerId;
use gw_store::{CustomerKey, CustomerRecord, KeyPurpose, Lane, StoreError, Tx};
use gw_wire::{
    PROTOCOL_VERSION,
    bytes::decode,
    keys::{KeyId, PublicKey, SigningKey},
    keyset::{KeySet, KeyUse, SignedKeySet, SigningKeyEntry},
    seal::RecipientKey,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What is needed to answer a customer's agents.
pub(crate) struct KeyRing {
    pub(crate) customer: CustomerId,
    pub(crate) root: KeyId,
    /// Signs answers, orders and packages.
    pub(crate) signing: SigningKey,
    /// Keys that signed earlier, for proofs in reports.
    pub(crate) verifying: Vec<PublicKey>,
    /// What agents seal to, oldest first: one that was away may know an earlier one.
    pub(crate) escrow: Vec<RecipientKey>,
    pub(crate) key_set: SignedKeySet,
    pub(crate) epoch: u64,
}

/// The signed KeySet as it is kept: the same bytes are served until the epoch grows.
#[derive(Serialize, Deserialize)]
struct Kept {
    epoch: i64,
    signed: SignedKeySet,
}

fn broken(what: &'static str) -> Internal {
    Internal(what.into())
}

impl Services {
    /// The ring that a root's id or pin names.
    pub(super) async fn ring(&self, name: &str) -> Result<Option<Arc<KeyRing>>, Internal> {
        if let Some(found) = self.agents.ring(name, self.now()) {
            return Ok(found);
        }
        self.load_rings().await?;
        Ok(self.agents.ring(name, self.now()).flatten())
    }

    async fn load_rings(&self) -> Result<(), Internal> {
        let now = self.now();
        let mut tx = self.store.read().await?;
        let mut all = Vec::new();
        for customer in tx.customers().await? {
            let keys = tx.customer_keys(customer.id).await?;
            let (urls, pins) = crate::settings::reach(&mut tx).await?;
            all.push((customer, keys, urls, pins));
        }
        drop(tx);
        let mut rings = Vec::new();
        for (customer, keys, urls, pins) in all {
            rings.push(Arc::new(
                self.open_ring(&customer, &keys, urls, &pins, now).await?,
            ));
        }
        self.agents.set_rings(rings, now);
        Ok(())
    }

    async fn open_ring(
        &self,
        customer: &CustomerRecord,
        keys: &[CustomerKey],
        urls: Vec<String>,
        pins: &[String],
        now: DateTime<Utc>,
    ) -> Result<KeyRing, Internal> {
        let of = |purpose| {
            keys.iter()
                .filter(move |key: &&CustomerKey| key.purpose == purpose)
        };
        let root = of(KeyPurpose::Root)
            .next_back()
            .ok_or_else(|| broken("the customer has no root"))?;
        let signing = of(KeyPurpose::Signing)
            .rfind(|key| key.revoked_at.is_none())
            .ok_or_else(|| broken("the customer has no signing key"))?;
        let escrow = of(KeyPurpose::Escrow)
            .next_back()
            .ok_or_else(|| broken("the customer has no escrow key"))?;
        let root = self.open_key(root)?;
        let mut entries = Vec::new();
        let mut verifying = Vec::new();
        let mut revoked = Vec::new();
        for key in of(KeyPurpose::Signing) {
            let public = public(key)?;
            verifying.push(public);
            if key.revoked_at.is_some() {
                revoked.push(public.id());
            } else {
                entries.push(SigningKeyEntry {
                    key: public,
                    uses: vec![KeyUse::Message, KeyUse::Order],
                    not_before: key.not_before,
                    not_after: key.not_after,
                });
            }
        }
        // Pins that cannot be read are left out; agents then check the certificate's chain.
        let tls_pins = pins.iter().filter_map(|pin| pin.parse().ok()).collect();
        let set = KeySet {
            v: PROTOCOL_VERSION,
            customer: customer.id,
            epoch: u64::try_from(customer.epoch).unwrap_or(0),
            issued_at: now,
            signing_keys: entries,
            escrow_key: decode(&escrow.public_key).unwrap_or_default().into(),
            tls_pins,
            server_urls: urls,
            revoked,
            next_root: None,
        };
        let signed = set
            .sign(&root, Vec::new())
            .map_err(|error| Internal(Box::new(error)))?;
        let key_set = self.keep(customer, signed).await?;
        Ok(KeyRing {
            customer: customer.id,
            root: root.id(),
            signing: self.open_key(signing)?,
            verifying,
            escrow: of(KeyPurpose::Escrow)
                .map(|key| self.open_escrow(key))
                .collect::<Result<_, _>>()?,
            key_set,
            epoch: u64::try_from(customer.epoch).unwrap_or(0),
        })
    }

    /// Keeps the first KeySet that is made for an epoch, whoever makes it.
    async fn keep(
        &self,
        customer: &CustomerRecord,
        signed: SignedKeySet,
    ) -> Result<SignedKeySet, Internal> {
        let name = format!("key set {}", customer.id);
        let new = serde_json::to_string(&Kept {
            epoch: customer.epoch,
            signed,
        })?;
        let epoch = customer.epoch;
        let kept = self
            .store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                if let Some(held) = tx.setting(&name).await?
                    && serde_json::from_str::<Kept>(&held).is_ok_and(|kept| kept.epoch >= epoch)
                {
                    return Ok::<String, StoreError>(held);
                }
                tx.set_setting(&name, &new).await?;
                Ok(new.clone())
            })
            .await?;
        Ok(serde_json::from_str::<Kept>(&kept)?.signed)
    }

    fn open_key(&self, key: &CustomerKey) -> Result<SigningKey, Internal> {
        let context = key_context(key.customer, &key.key_id);
        let pkcs8 = self.sealer.open(&context, &key.sealed_private)?;
        SigningKey::from_pkcs8(&pkcs8).map_err(|error| Internal(Box::new(error)))
    }

    /// The private half of an escrow key.
    pub(crate) fn open_escrow(&self, key: &CustomerKey) -> Result<RecipientKey, Internal> {
        let context = key_context(key.customer, &key.key_id);
        let private = self.sealer.open(&context, &key.sealed_private)?;
        let public = decode(&key.public_key).unwrap_or_default();
        RecipientKey::from_parts(&private, &public).map_err(|error| Internal(Box::new(error)))
    }
}

fn public(key: &CustomerKey) -> Result<PublicKey, Internal> {
    let spki = decode(&key.public_key).unwrap_or_default();
    PublicKey::from_spki(&spki).map_err(|error| Internal(Box::new(error)))
}

/// How long an order may wait on a device before it must have started.
pub(super) const START_WITHIN: TimeDelta = TimeDelta::days(60);

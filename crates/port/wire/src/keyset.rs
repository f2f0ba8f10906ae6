//! The customer's key set: what the root vouches for. Agents believe a key set only if their
//! root, or one that follows from it by a chain of doubly signed changes, has signed it.

use crate::{
    bytes::Bytes,
    keys::{KeyError, KeyId, Pin, PublicKey, SigningKey},
};
use chrono::{DateTime, Utc};
use gw_model::CustomerId;
use serde::{Deserialize, Serialize};

/// What a signing key of the server may sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyUse {
    /// Answers.
    Message,
    /// Orders, stage packages and return tickets.
    Order,
}

/// One signing key of the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningKeyEntry {
    /// The key.
    pub key: PublicKey,
    /// What it may sign.
    pub uses: Vec<KeyUse>,
    /// Valid from.
    pub not_before: DateTime<Utc>,
    /// Valid until.
    pub not_after: DateTime<Utc>,
}

/// What the root signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeySet {
    /// Version of the protocol: 1.
    pub v: u32,
    /// Whose it is.
    pub customer: CustomerId,
    /// Grows with every change. INVARIANT: two different key sets never carry the same epoch.
    pub epoch: u64,
    /// When it was signed.
    pub issued_at: DateTime<Utc>,
    /// The server's signing keys.
    pub signing_keys: Vec<SigningKeyEntry>,
    /// X25519 public key (32 bytes) to which secrets for the administrator are sealed.
    pub escrow_key: Bytes,
    /// SHA-256 of the SubjectPublicKeyInfo of TLS keys to believe without a certificate chain.
    pub tls_pins: Vec<KeyId>,
    /// Where the server is reached; every URL ends in `/Agent`.
    pub server_urls: Vec<String>,
    /// Keys that are no longer believed, whatever their validity says.
    pub revoked: Vec<KeyId>,
    /// The root that will follow, announced ahead.
    pub next_root: Option<PublicKey>,
}

/// A key set with its proof: exactly the bytes that were signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedKeySet {
    /// The JSON of a [`KeySet`].
    pub payload: Bytes,
    /// The root that signed it.
    pub root: PublicKey,
    /// Over `godwit keyset v1\n` ‖ payload.
    pub signature: Bytes,
    /// How older roots led to this one, oldest first.
    #[serde(default)]
    pub chain: Vec<RootChange>,
}

/// A change of the root, signed by both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootChange {
    /// The JSON of a [`RootChangeStatement`].
    pub payload: Bytes,
    /// By the old root, over `godwit rootchange v1\n` ‖ payload.
    pub by_old: Bytes,
    /// By the new root, over the same.
    pub by_new: Bytes,
}

/// What both roots sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootChangeStatement {
    /// Whose root it is.
    pub customer: CustomerId,
    /// The root until now.
    pub old: PublicKey,
    /// The root from now on.
    pub new: PublicKey,
    /// When.
    pub issued_at: DateTime<Utc>,
}

/// What an agent believes before it sees a key set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// The pin of its pre-shared key.
    Pin(Pin),
    /// The root that it has stored.
    Root(KeyId),
}

/// Why a key set is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// Signed by a root that does not follow from the one that is believed.
    #[error("the key set is signed by root {found}, which is not the root this agent believes")]
    Root {
        /// Who signed.
        found: KeyId,
    },
    /// The root's signature, or one in the chain, does not hold.
    #[error("a signature of the key set does not hold")]
    Signature,
    /// Not the JSON of a key set, or of an unknown version.
    #[error("the key set cannot be read")]
    Form,
    /// Older than the one that is stored.
    #[error("the key set has epoch {found}, but epoch {held} was seen already")]
    Epoch {
        /// Of the key set.
        found: u64,
        /// Stored.
        held: u64,
    },
    /// Same epoch, other content.
    #[error("two different key sets carry epoch {0}")]
    Equivocation(u64),
    /// For another customer.
    #[error("the key set is for customer {0}")]
    Customer(CustomerId),
}

impl KeySet {
    /// Signs it. Keep the result: the same bytes must be served until the epoch grows.
    ///
    /// # Errors
    /// No randomness.
    pub fn sign(
        &self,
        root: &SigningKey,
        chain: Vec<RootChange>,
    ) -> Result<SignedKeySet, KeyError> {
        let payload = to_json(self);
        let signature = root.sign(&tagged(KEYSET_TAG, &payload))?;
        Ok(SignedKeySet {
            payload: payload.into(),
            root: *root.public(),
            signature: signature.into(),
            chain,
        })
    }

    /// The key of this name, if at `now` it may be used for `usage`.
    #[must_use]
    pub fn key(&self, id: &KeyId, usage: KeyUse, now: DateTime<Utc>) -> Option<&PublicKey> {
        if self.revoked.contains(id) {
            return None;
        }
        self.signing_keys
            .iter()
            .find(|entry| {
                entry.key.id() == *id
                    && entry.uses.contains(&usage)
                    && entry.not_before <= now
                    && now <= entry.not_after
            })
            .map(|entry| &entry.key)
    }
}

impl RootChange {
    /// Makes a link of the chain.
    ///
    /// # Errors
    /// No randomness.
    pub fn sign(
        customer: CustomerId,
        old: &SigningKey,
        new: &SigningKey,
        issued_at: DateTime<Utc>,
    ) -> Result<Self, KeyError> {
        let payload = to_json(&RootChangeStatement {
            customer,
            old: *old.public(),
            new: *new.public(),
            issued_at,
        });
        let message = tagged(ROOT_CHANGE_TAG, &payload);
        Ok(Self {
            by_old: old.sign(&message)?.into(),
            by_new: new.sign(&message)?.into(),
            payload: payload.into(),
        })
    }

    /// Checks both signatures.
    ///
    /// # Errors
    /// One does not hold, or the statement cannot be read.
    pub fn verify(&self) -> Result<RootChangeStatement, KeySetError> {
        let statement: RootChangeStatement =
            serde_json::from_slice(&self.payload).map_err(|_| KeySetError::Form)?;
        let message = tagged(ROOT_CHANGE_TAG, &self.payload);
        statement
            .old
            .verify(&message, &self.by_old)
            .and_then(|()| statement.new.verify(&message, &self.by_new))
            .map_err(|_| KeySetError::Signature)?;
        Ok(statement)
    }
}

impl Trust {
    fn covers(&self, root: &KeyId) -> bool {
        match self {
            Self::Pin(pin) => root.pin() == *pin,
            Self::Root(id) => root == id,
        }
    }
}

impl SignedKeySet {
    /// Believes it only if `trust` leads to its root.
    ///
    /// # Errors
    /// It does not, a signature does not hold, or it cannot be read.
    pub fn verify(&self, trust: &Trust) -> Result<KeySet, KeySetError> {
        let root = self.root.id();
        let customer = self.follow(trust, &root)?;
        self.root
            .verify(&tagged(KEYSET_TAG, &self.payload), &self.signature)
            .map_err(|_| KeySetError::Signature)?;
        let set: KeySet = serde_json::from_slice(&self.payload).map_err(|_| KeySetError::Form)?;
        if set.v != crate::PROTOCOL_VERSION || set.escrow_key.len() != 32 {
            return Err(KeySetError::Form);
        }
        match customer {
            Some(customer) if customer != set.customer => Err(KeySetError::Customer(set.customer)),
            _ if set.revoked.contains(&root) => Err(KeySetError::Root { found: root }),
            _ => Ok(set),
        }
    }

    /// As [`Self::verify`], and by the rules of epochs next to the one that is held.
    ///
    /// # Errors
    /// As there; or it is older, another one of the same epoch, or another customer's.
    pub fn succeed(&self, trust: &Trust, held: Option<&Self>) -> Result<KeySet, KeySetError> {
        let set = self.verify(trust)?;
        let Some(held_set) = held
            .map(|held| serde_json::from_slice::<KeySet>(&held.payload))
            .transpose()
            .map_err(|_| KeySetError::Form)?
        else {
            return Ok(set);
        };
        if set.customer != held_set.customer {
            return Err(KeySetError::Customer(set.customer));
        }
        if set.epoch < held_set.epoch {
            return Err(KeySetError::Epoch {
                found: set.epoch,
                held: held_set.epoch,
            });
        }
        if set.epoch == held_set.epoch && held.is_some_and(|held| held.payload != self.payload) {
            return Err(KeySetError::Equivocation(set.epoch));
        }
        Ok(set)
    }

    /// Walks the chain from what is trusted to `root`. The customer that the links name, if any
    /// were needed.
    fn follow(&self, trust: &Trust, root: &KeyId) -> Result<Option<CustomerId>, KeySetError> {
        if trust.covers(root) {
            return Ok(None);
        }
        let (mut at, mut customer): (Option<KeyId>, Option<CustomerId>) = (None, None);
        for link in self.chain.iter().take(MAX_CHAIN) {
            let statement = link.verify()?;
            let begins = at.is_none() && trust.covers(&statement.old.id());
            if begins || at == Some(statement.old.id()) {
                if customer.is_some_and(|customer| customer != statement.customer) {
                    return Err(KeySetError::Customer(statement.customer));
                }
                customer = Some(statement.customer);
                at = Some(statement.new.id());
            }
        }
        match at {
            Some(at) if at == *root => Ok(customer),
            _ => Err(KeySetError::Root { found: *root }),
        }
    }
}

/// A tag that keeps one kind of signature from being taken for another, then the bytes.
pub(crate) fn tagged(tag: &str, payload: &[u8]) -> Vec<u8> {
    [tag.as_bytes(), b"\n", payload].concat()
}

/// The JSON of a value made of strings, numbers, lists and maps with string keys only.
pub(crate) fn to_json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

const KEYSET_TAG: &str = "godwit keyset v1";
const ROOT_CHANGE_TAG: &str = "godwit rootchange v1";
/// The longest chain that is walked: far more changes of a root than a customer will make.
const MAX_CHAIN: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Algorithm;
    use chrono::TimeDelta;
    use uuid::Uuid;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    fn root() -> SigningKey {
        SigningKey::generate(Algorithm::P256).unwrap()
    }

    fn set(customer: u128, epoch: u64) -> KeySet {
        KeySet {
            v: 1,
            customer: CustomerId(Uuid::from_u128(customer)),
            epoch,
            issued_at: at(1),
            signing_keys: Vec::new(),
            escrow_key: vec![9; 32].into(),
            tls_pins: Vec::new(),
            server_urls: Vec::new(),
            revoked: Vec::new(),
            next_root: None,
        }
    }

    #[test]
    fn only_the_pinned_root_and_its_successors_are_believed() {
        let (first, second, third, other) = (root(), root(), root(), root());
        let customer = set(1, 1).customer;
        let link = |a, b| RootChange::sign(customer, a, b, at(1)).unwrap();
        let chain = vec![link(&first, &second), link(&second, &third)];
        let signed = set(1, 5).sign(&third, chain.clone()).unwrap();
        for trust in [
            Trust::Pin(first.id().pin()),
            Trust::Root(first.id()),
            Trust::Root(second.id()),
            Trust::Root(third.id()),
        ] {
            assert_eq!(signed.verify(&trust).unwrap(), set(1, 5), "{trust:?}");
        }
        let impostor = set(1, 5).sign(&other, chain.clone()).unwrap();
        let trust = Trust::Pin(first.id().pin());
        assert_eq!(
            impostor.verify(&trust),
            Err(KeySetError::Root { found: other.id() })
        );
        let mut broken = chain;
        broken[1].by_old = broken[1].by_new.clone();
        let signed = set(1, 5).sign(&third, broken).unwrap();
        assert_eq!(signed.verify(&trust), Err(KeySetError::Signature));
        let foreign = set(2, 5)
            .sign(&second, vec![link(&first, &second)])
            .unwrap();
        assert!(matches!(
            foreign.verify(&trust),
            Err(KeySetError::Customer(_))
        ));
    }

    #[test]
    fn epochs_only_grow_and_name_one_content() {
        let root = root();
        let trust = Trust::Root(root.id());
        let held = set(1, 5).sign(&root, Vec::new()).unwrap();
        let signed = |customer, epoch| set(customer, epoch).sign(&root, Vec::new()).unwrap();
        assert!(signed(1, 6).succeed(&trust, Some(&held)).is_ok());
        assert!(held.succeed(&trust, Some(&held)).is_ok());
        assert_eq!(
            signed(1, 4).succeed(&trust, Some(&held)),
            Err(KeySetError::Epoch { found: 4, held: 5 })
        );
        let mut other = set(1, 5);
        other.issued_at = at(2);
        let other = other.sign(&root, Vec::new()).unwrap();
        assert_eq!(
            other.succeed(&trust, Some(&held)),
            Err(KeySetError::Equivocation(5))
        );
        assert!(matches!(
            signed(2, 9).succeed(&trust, Some(&held)),
            Err(KeySetError::Customer(_))
        ));
        let mut tampered = held.clone();
        tampered.payload.0[20] ^= 1;
        assert_eq!(tampered.verify(&trust), Err(KeySetError::Signature));
    }

    #[test]
    fn keys_have_uses_validity_and_can_be_revoked() {
        let key = root();
        let mut set = set(1, 1);
        set.signing_keys.push(SigningKeyEntry {
            key: *key.public(),
            uses: vec![KeyUse::Message],
            not_before: at(10),
            not_after: at(20),
        });
        let has = |set: &KeySet, usage, now| set.key(&key.id(), usage, at(now)).is_some();
        assert!(has(&set, KeyUse::Message, 10) && has(&set, KeyUse::Message, 20));
        assert!(!has(&set, KeyUse::Message, 9) && !has(&set, KeyUse::Message, 21));
        assert!(!has(&set, KeyUse::Order, 15));
        set.revoked.push(key.id());
        assert!(!has(&set, KeyUse::Message, 15));
    }
}

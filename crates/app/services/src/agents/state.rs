//! What the server remembers of agents between requests, none of it lost by a restart that matters.

use super::{keyring::KeyRing, refusals::Refusals};
use crate::{Entropy, OpenError, Sealer};
use chrono::{DateTime, TimeDelta, Utc};
use gw_model::AgentId;
use gw_store::{AgentRecord, Lane, Store, StoreError, Tx};
use gw_wire::{keys::PublicKey, replay::NonceCache, secret::SecretBytes, transcript::HelloNonces};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
};

/// Requests remembered at most: ten minutes of 1,600 per second.
const NONCES: usize = 1_000_000;
/// How long an idle agent is believed to have nothing to get, at most.
const IDLE: TimeDelta = TimeDelta::minutes(10);
/// How long another server's change of keys may stay unseen on a shared database.
const SHARED: TimeDelta = TimeDelta::seconds(5);
/// Where the key of the hello nonces is kept, sealed: servers behind one address share it.
const HELLO_KEY: &str = "hello nonce key";

/// An enrolled agent with its key taken apart.
pub(crate) struct Known {
    pub(crate) record: AgentRecord,
    pub(crate) key: PublicKey,
}

pub(crate) struct AgentState {
    shared: bool,
    rings: RwLock<Rings>,
    known: RwLock<HashMap<String, Arc<Known>>>,
    idle: Mutex<HashMap<AgentId, DateTime<Utc>>>,
    seen: Mutex<HashMap<AgentId, DateTime<Utc>>>,
    boots: Mutex<HashMap<AgentId, Vec<String>>>,
    poll_minutes: AtomicU32,
    /// Rises whenever something is forgotten: what was read before does not count any more.
    changes: AtomicU64,
    pub(crate) hello: HelloNonces,
    nonces: Mutex<NonceCache>,
    pub(crate) refusals: Refusals,
}

#[derive(Default)]
struct Rings {
    loaded_at: Option<DateTime<Utc>>,
    by_name: BTreeMap<String, Arc<KeyRing>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl AgentState {
    pub(crate) async fn open(
        store: &Store,
        sealer: &Sealer,
        entropy: &dyn Entropy,
        now: DateTime<Utc>,
    ) -> Result<Self, OpenError> {
        Ok(Self {
            shared: store.is_shared(),
            rings: RwLock::default(),
            known: RwLock::default(),
            idle: Mutex::default(),
            seen: Mutex::default(),
            boots: Mutex::default(),
            poll_minutes: AtomicU32::new(0),
            changes: AtomicU64::new(0),
            hello: hello_nonces(store, sealer, entropy).await?,
            nonces: Mutex::new(NonceCache::new(now.timestamp(), NONCES)),
            refusals: Refusals::default(),
        })
    }

    pub(crate) fn nonces(&self) -> MutexGuard<'_, NonceCache> {
        lock(&self.nonces)
    }

    /// The ring that a root's id or pin names; the outer `None` means that rings must be loaded.
    pub(crate) fn ring(&self, name: &str, now: DateTime<Utc>) -> Option<Option<Arc<KeyRing>>> {
        let rings = self.rings.read().unwrap_or_else(PoisonError::into_inner);
        let at = rings.loaded_at?;
        if self.shared && now - at > SHARED {
            return None;
        }
        Some(rings.by_name.get(name).cloned())
    }

    pub(crate) fn set_rings(&self, all: Vec<Arc<KeyRing>>, now: DateTime<Utc>) {
        let mut rings = self.rings.write().unwrap_or_else(PoisonError::into_inner);
        rings.loaded_at = Some(now);
        rings.by_name = all
            .into_iter()
            .flat_map(|ring| {
                [
                    (ring.root.to_string(), Arc::clone(&ring)),
                    (ring.root.pin().to_string(), ring),
                ]
            })
            .collect();
    }

    pub(crate) fn known(&self, key_id: &str) -> Option<Arc<Known>> {
        if self.shared {
            return None;
        }
        self.known
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(key_id)
            .cloned()
    }

    /// Taken before something is read, and given back when it is to be remembered: a change in
    /// between, such as a revocation, is not overwritten by what was read before it.
    pub(crate) fn mark(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }

    pub(crate) fn remember(&self, known: &Arc<Known>, mark: u64) {
        let mut all = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if !self.shared && self.mark() == mark {
            all.insert(known.record.key_id.clone(), Arc::clone(known));
        }
    }

    /// Nothing that was remembered of keys, agents and devices counts any more.
    pub(crate) fn forget_all(&self) {
        self.forget_rings();
        self.poll_minutes.store(0, Ordering::Relaxed);
        self.forget_agents();
    }

    /// Customers were added: their rings are loaded at the next request.
    pub(crate) fn forget_rings(&self) {
        self.rings
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .loaded_at = None;
    }

    /// Agents changed: their rows are read again.
    pub(crate) fn forget_agents(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        self.known
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        self.forget_devices();
    }

    /// What devices are to do may have changed: it is worked out again.
    pub(crate) fn forget_devices(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        lock(&self.idle).clear();
    }

    pub(crate) fn forget_device(&self, agent: AgentId) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        lock(&self.idle).remove(&agent);
    }

    /// True while nothing has changed since the agent was last found to have nothing to get.
    pub(crate) fn is_idle(&self, agent: AgentId, now: DateTime<Utc>) -> bool {
        !self.shared
            && lock(&self.idle)
                .get(&agent)
                .is_some_and(|until| now < *until)
    }

    pub(crate) fn set_idle(&self, agent: AgentId, now: DateTime<Utc>, mark: u64) {
        let mut idle = lock(&self.idle);
        if self.mark() == mark {
            idle.insert(agent, now + IDLE);
        }
    }

    pub(crate) fn heard_of(&self, agent: AgentId, now: DateTime<Utc>) {
        lock(&self.seen).insert(agent, now);
    }

    pub(crate) fn take_seen(&self) -> Vec<(AgentId, DateTime<Utc>)> {
        let mut all: Vec<_> = std::mem::take(&mut *lock(&self.seen)).into_iter().collect();
        all.sort_unstable();
        all
    }

    /// The interval of idle agents, if it was read since it last changed.
    pub(crate) fn poll_minutes(&self) -> Option<u32> {
        match self.poll_minutes.load(Ordering::Relaxed) {
            0 => None,
            minutes => Some(minutes),
        }
    }

    pub(crate) fn set_poll_minutes(&self, minutes: u32) {
        // On a shared database another server may change it.
        self.poll_minutes
            .store(if self.shared { 0 } else { minutes }, Ordering::Relaxed);
    }

    /// True if an earlier boot's id comes back: two machines use one key.
    pub(crate) fn is_clone(&self, agent: AgentId, boot: &str) -> bool {
        let mut all = lock(&self.boots);
        let boots = all.entry(agent).or_default();
        match boots.iter().position(|held| held == boot) {
            Some(at) => at + 1 != boots.len(),
            None => {
                if boots.len() >= 8 {
                    boots.remove(0);
                }
                boots.push(boot.to_owned());
                false
            }
        }
    }
}

async fn hello_nonces(
    store: &Store,
    sealer: &Sealer,
    entropy: &dyn Entropy,
) -> Result<HelloNonces, OpenError> {
    let mut key = zeroize::Zeroizing::new([0_u8; 32]);
    entropy.fill(key.as_mut_slice());
    let sealed = hex::encode(sealer.seal(entropy, HELLO_KEY, key.as_slice())?);
    // Whoever comes first wins.
    let held = store
        .write(Lane::Agents, async move |tx: &mut Tx| {
            if let Some(held) = tx.setting(HELLO_KEY).await? {
                return Ok::<String, StoreError>(held);
            }
            tx.set_setting(HELLO_KEY, &sealed).await?;
            Ok(sealed.clone())
        })
        .await?;
    let plain = sealer.open(HELLO_KEY, &hex::decode(held).unwrap_or_default())?;
    Ok(HelloNonces::new(SecretBytes::new(plain.to_vec())))
}

//! The handle that every use case hangs on, and how the server opens and closes.

use crate::{
    Actor, AdConnectors, Bus, Clock, Connectors, Entropy, Internal, OsEntropy, Sealer, SealerError,
    SystemClock, agents::AgentState, sessions::Throttle,
};
use chrono::{DateTime, Utc};
use gw_model::{AuditId, CustomerId};
use gw_store::{Lane, NewAudit, Place, Store, StoreError, Tx};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};
use tokio::task::JoinHandle;
use uuid::Uuid;

/// What the server needs to open.
pub struct Open {
    /// Where the key file lies, and the database unless `place` names another.
    pub data_dir: PathBuf,
    /// The database.
    pub place: Place,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Directories.
    pub connectors: Arc<dyn Connectors>,
}

impl Open {
    /// As it runs for customers: the machine's clock and randomness, real directories, the
    /// embedded database in the data directory unless `database_url` names another.
    #[must_use]
    pub fn standard(data_dir: &Path, database_url: Option<&str>) -> Self {
        Self {
            data_dir: data_dir.to_owned(),
            place: database_url
                .map_or_else(|| Place::Sqlite(data_dir.join("godwit.db")), Place::parse),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(OsEntropy::new()),
            connectors: Arc::new(AdConnectors::default()),
        }
    }
}

/// The server cannot open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The data directory cannot be made.
    #[error("the data directory {path} cannot be made")]
    DataDir {
        /// Where it should be.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The database.
    #[error("the database cannot be opened")]
    Store(#[from] StoreError),
    /// The key file.
    #[error("stored secrets cannot be opened")]
    Sealer(#[from] SealerError),
    /// No randomness for the agents' nonces.
    #[error("the operating system gave no randomness")]
    Random,
}

/// All use cases. Cheap to clone.
#[derive(Clone)]
pub struct Services(pub(crate) Arc<Inner>);

/// What [`Services`] shares among its clones; nothing of it is reachable from outside.
#[doc(hidden)]
pub struct Inner {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) sealer: Sealer,
    pub(crate) connectors: Arc<dyn Connectors>,
    pub(crate) bus: Bus,
    pub(crate) throttle: Throttle,
    pub(crate) agents: AgentState,
    pub(crate) owner: String,
    pub(crate) jobs: tokio::sync::Notify,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    last_id: Mutex<(u64, u16)>,
    started_at: DateTime<Utc>,
}

impl std::ops::Deref for Services {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// What is sealed at first start to tell a wrong key file at every later one.
const KEY_CHECK: &str = "key check";

impl Services {
    /// Opens the store, brings its schema up to date, and checks that the key file fits.
    ///
    /// # Errors
    /// Database or key file cannot be used.
    pub async fn open(open: Open) -> Result<Self, OpenError> {
        std::fs::create_dir_all(&open.data_dir).map_err(|source| OpenError::DataDir {
            path: open.data_dir.clone(),
            source,
        })?;
        let sealer = Sealer::from_file(&open.data_dir.join("secret.key"), &*open.entropy)?;
        let store = Store::open(open.place).await?;
        check_key(&store, &sealer, &*open.entropy).await?;
        let started_at = open.clock.now();
        let agents = AgentState::open(&store, &sealer, &*open.entropy, started_at).await?;
        let owner = open.entropy.id(started_at).simple().to_string();
        Ok(Self(Arc::new(Inner {
            store,
            sealer,
            clock: open.clock,
            entropy: open.entropy,
            connectors: open.connectors,
            bus: Bus::default(),
            throttle: Throttle::default(),
            agents,
            owner,
            jobs: tokio::sync::Notify::new(),
            tasks: Mutex::new(Vec::new()),
            last_id: Mutex::new((0, 0)),
            started_at,
        })))
    }

    /// Starts the background work: jobs, schedules, and what is flushed from time to time.
    pub fn start(&self) {
        let mut tasks = self
            .tasks
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if tasks.is_empty() {
            tasks.push(tokio::spawn(crate::jobs::work(self.clone())));
            tasks.push(tokio::spawn(crate::agents::flush_from_time_to_time(
                self.clone(),
            )));
        }
    }

    /// Ends the background work, writes what waits to be written, closes the store.
    pub async fn stop(&self) {
        let tasks = std::mem::take(
            &mut *self
                .tasks
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        );
        for task in tasks {
            task.abort();
            let _ = task.await;
        }
        if let Err(error) = self.flush().await {
            tracing::warn!(error = %error, "What agents told last could not be kept");
        }
        self.store.close().await;
    }

    /// Where live events are published.
    #[must_use]
    pub fn bus(&self) -> &Bus {
        &self.0.bus
    }

    /// The server's clock.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        &*self.0.clock
    }

    /// When the server was opened.
    #[must_use]
    pub fn started_at(&self) -> DateTime<Utc> {
        self.0.started_at
    }

    /// `sqlite` or `postgresql`.
    #[must_use]
    pub fn database(&self) -> &'static str {
        if self.store.is_shared() {
            "postgresql"
        } else {
            "sqlite"
        }
    }

    /// Whether the store answers.
    ///
    /// # Errors
    /// It does not.
    pub async fn health(&self) -> Result<(), Internal> {
        self.store.read().await?.admin_count().await?;
        Ok(())
    }
}

impl Inner {
    pub(crate) fn now(&self) -> DateTime<Utc> {
        // Microseconds are what the store keeps; more would not come back equal.
        let now = self.clock.now();
        DateTime::from_timestamp_micros(now.timestamp_micros()).unwrap_or(now)
    }

    /// A new id. Ids of one server rise, also within a millisecond: lists are ordered by them.
    pub(crate) fn id<T: From<Uuid>>(&self) -> T {
        let now = u64::try_from(self.clock.now().timestamp_millis()).unwrap_or(0);
        let mut last = self
            .last_id
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        *last = match *last {
            (millis, count) if millis < now || count == u16::MAX >> 4 => {
                (millis.max(now - 1) + 1, 0)
            }
            (millis, count) => (millis, count + 1),
        };
        let mut random = self.random::<10>();
        // The 12 bits behind the time are a counter (RFC 9562, 6.2, method 1).
        let count = last.1.to_be_bytes();
        (random[0], random[1]) = (count[0], count[1]);
        T::from(uuid::Builder::from_unix_timestamp_millis(last.0, &random).into_uuid())
    }

    pub(crate) fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes);
        bytes
    }

    pub(crate) fn seal(&self, context: &str, plain: &[u8]) -> Result<Vec<u8>, SealerError> {
        self.sealer.seal(&*self.entropy, context, plain)
    }

    /// A row for the audit trail, to be added in the transaction of the change.
    pub(crate) fn audit_row(
        &self,
        actor: &Actor,
        customer: Option<CustomerId>,
        action: &str,
        object: impl ToString,
        detail: impl Into<String>,
    ) -> NewAudit {
        let object = object.to_string();
        NewAudit {
            id: self.id::<AuditId>(),
            customer,
            at: self.now(),
            actor: actor.name.clone(),
            action: action.to_owned(),
            object: (!object.is_empty()).then_some(object),
            detail: detail.into(),
            source: actor.source.clone(),
        }
    }
}

async fn check_key(store: &Store, sealer: &Sealer, entropy: &dyn Entropy) -> Result<(), OpenError> {
    let held = store.read().await?.setting(KEY_CHECK).await?;
    if let Some(held) = held {
        let sealed = hex::decode(held).unwrap_or_default();
        sealer.open(KEY_CHECK, &sealed)?;
        return Ok(());
    }
    let sealed = hex::encode(sealer.seal(entropy, KEY_CHECK, b"godwit")?);
    store
        .write(Lane::Agents, async move |tx: &mut Tx| {
            match tx.setting(KEY_CHECK).await? {
                Some(_) => Ok::<(), StoreError>(()),
                None => tx.set_setting(KEY_CHECK, &sealed).await,
            }
        })
        .await?;
    Ok(())
}

//! The one writer.
//!
//! A thread of its own takes units of work from two lanes (agents before bulk). On SQLite it runs
//! as many as arrive within 5 ms in one transaction, each inside a savepoint, commits once, and
//! only then answers: a committed answer survives a power cut (`synchronous=FULL`), and a thousand
//! agents share one flush. On PostgreSQL each unit is a SERIALIZABLE transaction of its own, tried
//! again when the database asks for it, in the end alone.

use crate::{Place, StoreError, Tx, dialect, tx::Conn};
use futures::FutureExt as _;
use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};
use tokio::sync::{Semaphore, mpsc, oneshot};

/// How long one transaction of SQLite keeps taking further units.
const GROUP: Duration = Duration::from_millis(5);
/// Writing connections to PostgreSQL.
const CONNECTIONS: u32 = 8;
/// How often a transaction that collides is tried beside others. Many that want the same few rows,
/// as when a wave of devices asks for the last licences, can go on colliding for as long as they
/// overlap; after this one is let through alone.
const BESIDE_OTHERS: u32 = 8;
/// How often it is tried at all. Alone nothing of ours collides with it; someone at the database's
/// own prompt may.
const ATTEMPTS: u32 = BESIDE_OTHERS + 8;

/// Who waits for a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Agents and people.
    Agents,
    /// Imports and other long work; waits while the other lane has something.
    Bulk,
}

/// Work that can be run, perhaps again, and answered after the commit.
trait Unit: Send {
    fn run<'a>(&'a mut self, tx: &'a mut Tx) -> Pin<Box<dyn Future<Output = bool> + 'a>>;
    fn answer(self: Box<Self>, commit: Result<(), StoreError>);
}

struct Work<F, T, E> {
    work: F,
    result: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> Unit for Work<F, T, E>
where
    F: AsyncFn(&mut Tx) -> Result<T, E> + Send,
    T: Send,
    E: From<StoreError> + Send,
{
    fn run<'a>(&'a mut self, tx: &'a mut Tx) -> Pin<Box<dyn Future<Output = bool> + 'a>> {
        Box::pin(async move {
            // A bug in one unit must not take the writer down with it: the unit is undone and its
            // caller is told that the store went away.
            let work = std::panic::AssertUnwindSafe((self.work)(tx));
            let Ok(result) = work.catch_unwind().await else {
                return false;
            };
            let fine = result.is_ok();
            self.result = Some(result);
            fine
        })
    }

    fn answer(self: Box<Self>, commit: Result<(), StoreError>) {
        let answer = match (commit, self.result) {
            // What the last of many collisions happened to say helps nobody.
            (Err(error @ StoreError::Contention { .. }), _) => Err(error.into()),
            // A refusal of the work itself is more useful than the failure to commit nothing.
            (_, Some(Err(error))) => Err(error),
            (Ok(()), Some(Ok(value))) => Ok(value),
            (Err(error), _) => Err(error.into()),
            (Ok(()), None) => Err(StoreError::Closed.into()),
        };
        // The caller may have gone away; the change stands all the same.
        let _ = self.reply.send(answer);
    }
}

pub(crate) struct Writer {
    lanes: Mutex<Option<Lanes>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Clone)]
struct Lanes {
    agents: mpsc::UnboundedSender<Box<dyn Unit>>,
    bulk: mpsc::UnboundedSender<Box<dyn Unit>>,
}

struct Inbox {
    agents: mpsc::UnboundedReceiver<Box<dyn Unit>>,
    bulk: mpsc::UnboundedReceiver<Box<dyn Unit>>,
}

impl Writer {
    pub(crate) fn start(place: Place) -> Result<Self, StoreError> {
        let (agents, agents_in) = mpsc::unbounded_channel();
        let (bulk, bulk_in) = mpsc::unbounded_channel();
        let inbox = Inbox {
            agents: agents_in,
            bulk: bulk_in,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| StoreError::Database {
                what: "start its writer",
                source: error.into(),
            })?;
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || {
                let local = tokio::task::LocalSet::new();
                local.block_on(&runtime, async move {
                    match place {
                        Place::Sqlite(path) => sqlite(&path, inbox).await,
                        Place::Postgres(url) => postgres(&url, inbox).await,
                    }
                });
            })
            .map_err(|error| StoreError::Database {
                what: "start its writer",
                source: error.into(),
            })?;
        Ok(Self {
            lanes: Mutex::new(Some(Lanes { agents, bulk })),
            thread: Mutex::new(Some(thread)),
        })
    }

    pub(crate) async fn run<F, T, E>(&self, lane: Lane, work: F) -> Result<T, E>
    where
        F: AsyncFn(&mut Tx) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let unit: Box<dyn Unit> = Box::new(Work {
            work,
            result: None,
            reply,
        });
        {
            let lanes = self
                .lanes
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            let lanes = lanes.as_ref().ok_or(StoreError::Closed)?;
            let lane = match lane {
                Lane::Agents => &lanes.agents,
                Lane::Bulk => &lanes.bulk,
            };
            lane.send(unit).map_err(|_| StoreError::Closed)?;
        }
        answer
            .await
            .unwrap_or_else(|_| Err(StoreError::Closed.into()))
    }

    pub(crate) async fn close(&self) {
        self.lanes
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .take();
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

impl Inbox {
    /// The next unit, agents first; `None` once both lanes are closed and empty.
    async fn next(&mut self) -> Option<Box<dyn Unit>> {
        tokio::select! {
            biased;
            Some(unit) = self.agents.recv() => Some(unit),
            Some(unit) = self.bulk.recv() => Some(unit),
            else => None,
        }
    }

    fn try_next(&mut self) -> Option<Box<dyn Unit>> {
        self.agents
            .try_recv()
            .ok()
            .or_else(|| self.bulk.try_recv().ok())
    }
}

async fn sqlite(path: &std::path::Path, mut inbox: Inbox) {
    let pool = dialect::sqlite_pool(path, true);
    while let Some(first) = inbox.next().await {
        let conn = match pool.acquire().await {
            Ok(conn) => conn,
            Err(error) => {
                first.answer(Err(StoreError::Database {
                    what: "open a connection",
                    source: error,
                }));
                continue;
            }
        };
        let mut tx = Tx::new(Conn::Sqlite(conn));
        if let Err(error) = tx.script(dialect::begin(&tx, false)).await {
            first.answer(Err(error));
            continue;
        }
        let began = Instant::now();
        let mut group = Vec::new();
        let mut next = Some(first);
        let mut broken = None;
        while let Some(mut unit) = next {
            let outcome = savepoint(&mut tx, &mut unit).await;
            group.push(unit);
            if let Err(error) = outcome {
                broken = Some(error);
                break;
            }
            next = if began.elapsed() < GROUP {
                inbox.try_next()
            } else {
                None
            };
        }
        let commit = match broken {
            None => tx.exec("COMMIT", vec![]).await.map(|_| ()),
            Some(error) => Err(error),
        };
        if commit.is_err() {
            let _ = tx.exec("ROLLBACK", vec![]).await;
        }
        drop(tx);
        let mut why = commit.err();
        for unit in group {
            unit.answer(match &why {
                None => Ok(()),
                Some(_) => Err(why.take().map_or(StoreError::Closed, |error| {
                    why = Some(again(&error));
                    error
                })),
            });
        }
    }
    pool.close().await;
}

/// A second copy of an error that cannot be cloned, for the others of the same group.
fn again(error: &StoreError) -> StoreError {
    StoreError::Database {
        what: "commit changes that were made together",
        source: sqlx::Error::Protocol(error.to_string()),
    }
}

/// Runs a unit so that its failure undoes it alone. An error means the transaction is lost.
async fn savepoint(tx: &mut Tx, unit: &mut Box<dyn Unit>) -> Result<(), StoreError> {
    tx.exec("SAVEPOINT unit", vec![]).await?;
    if !unit.run(tx).await {
        tx.exec("ROLLBACK TO unit", vec![]).await?;
    }
    tx.exec("RELEASE unit", vec![]).await?;
    Ok(())
}

async fn postgres(url: &str, mut inbox: Inbox) {
    let pool = match dialect::postgres_pool(url, CONNECTIONS) {
        Ok(pool) => pool,
        Err(error) => {
            while let Some(unit) = inbox.next().await {
                unit.answer(Err(again(&error)));
            }
            return;
        }
    };
    let places = Arc::new(Semaphore::new(CONNECTIONS as usize));
    let mut running = tokio::task::JoinSet::new();
    while let Some(unit) = inbox.next().await {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            break;
        };
        let pool = pool.clone();
        running.spawn_local(async move {
            serializable(&pool, unit).await;
            drop(place);
        });
        while running.try_join_next().is_some() {}
    }
    while running.join_next().await.is_some() {}
    pool.close().await;
}

async fn serializable(pool: &sqlx::PgPool, mut unit: Box<dyn Unit>) {
    for attempt in 1..=ATTEMPTS {
        let conn = match pool.acquire().await {
            Ok(conn) => conn,
            Err(error) => {
                return unit.answer(Err(StoreError::Database {
                    what: "open a connection",
                    source: error,
                }));
            }
        };
        let mut tx = Tx::new(Conn::Postgres(conn));
        if let Err(error) = tx
            .script(dialect::begin(&tx, attempt > BESIDE_OTHERS))
            .await
        {
            let _ = tx.exec("ROLLBACK", vec![]).await;
            return unit.answer(Err(error));
        }
        let fine = unit.run(&mut tx).await;
        let end = tx
            .exec(
                if fine && !tx.retry {
                    "COMMIT"
                } else {
                    "ROLLBACK"
                },
                vec![],
            )
            .await;
        if !tx.retry {
            return unit.answer(end.map(|_| ()));
        }
        drop(tx);
        // Spread out, differently for each transaction that collided.
        static COLLISIONS: AtomicU64 = AtomicU64::new(0);
        let spread = COLLISIONS.fetch_add(1, Ordering::Relaxed) % 11 + u64::from(attempt);
        tokio::time::sleep(Duration::from_millis(spread.min(50))).await;
    }
    unit.answer(Err(StoreError::Contention { attempts: ATTEMPTS }));
}

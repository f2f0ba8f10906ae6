//! Many servers at once on one PostgreSQL: everybody gets through.

use gw_store::*;
use std::time::Duration;

const SERVERS: usize = 3;
const CHANGES: usize = 300;

/// Every change reads the same value and writes it back raised by one, with a pause between, so
/// that all of them collide for as long as they overlap.
pub(crate) async fn crowd(place: Place) {
    // All of them find the database empty at the same moment.
    let stores = futures::future::try_join_all((0..SERVERS).map(|_| Store::open(place.clone())))
        .await
        .unwrap();
    let mut changes = tokio::task::JoinSet::new();
    for n in 0..CHANGES {
        let store = stores[n % SERVERS].clone();
        changes.spawn(async move {
            store
                .write(Lane::Agents, async |tx: &mut Tx| {
                    let found = tx.setting("crowd").await?.unwrap_or_else(|| "0".into());
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    let next = found.parse::<usize>().unwrap() + 1;
                    tx.set_setting("crowd", &next.to_string()).await?;
                    Ok::<_, StoreError>(next)
                })
                .await
        });
    }
    let mut seen = Vec::new();
    while let Some(change) = changes.join_next().await {
        seen.push(change.unwrap().unwrap());
    }
    seen.sort_unstable();
    assert!(seen.into_iter().eq(1..=CHANGES), "no change was lost");
    for store in stores {
        store.close().await;
    }
}

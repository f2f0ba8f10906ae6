//! The story of a store, told once and lived through on both databases: SQLite always, PostgreSQL
//! when `PG_URL` names a server on which databases may be made.

#[macro_use]
mod support;
mod access;
mod crowd;
mod directory;
mod plan;
mod running;

use gw_store::*;

#[tokio::test]
async fn on_sqlite() {
    let dir = std::env::temp_dir().join(format!("godwit-story-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    story(Place::Sqlite(dir.join("godwit.db"))).await;
    std::fs::remove_dir_all(&dir).unwrap();
}

#[tokio::test]
async fn on_postgresql() {
    let Ok(url) = std::env::var("PG_URL") else {
        eprintln!("PG_URL is not set: the story was not told on PostgreSQL");
        return;
    };
    let name = format!("godwit_story_{}", std::process::id());
    let fresh = testing::fresh_database(&url, &name).await.unwrap();
    story(Place::Postgres(fresh)).await;
    testing::drop_database(&url, &name).await.unwrap();
}

#[tokio::test]
async fn many_servers_on_postgresql() {
    let Ok(url) = std::env::var("PG_URL") else {
        eprintln!("PG_URL is not set: the crowd on PostgreSQL was not let in");
        return;
    };
    let name = format!("godwit_crowd_{}", std::process::id());
    let fresh = testing::fresh_database(&url, &name).await.unwrap();
    crowd::crowd(Place::Postgres(fresh)).await;
    testing::drop_database(&url, &name).await.unwrap();
}

async fn story(place: Place) {
    let store = Store::open(place.clone()).await.unwrap();
    access::access(&store).await;
    let customer = access::customers(&store).await;
    let [source, target] = directory::directories(&store, customer).await;
    directory::imports(&store, customer, source).await;
    directory::matches(&store, customer, source, target).await;
    directory::jobs(&store, customer).await;
    let runbook = plan::runbooks(&store, customer).await;
    let devices = plan::devices(&store, customer, source, target).await;
    plan::batches(&store, customer, source, target, runbook, &devices).await;
    let agent = running::agents(&store, customer, devices[0]).await;
    running::licences(&store, customer, &devices).await;
    running::runs(&store, customer, devices[0], agent, runbook).await;
    access::trail(&store, customer).await;
    access::failures(&store).await;
    store.close().await;
    // What was committed is there again.
    let store = Store::open(place).await.unwrap();
    assert_eq!(
        store.read().await.unwrap().customers().await.unwrap().len(),
        1
    );
    let gone = store.write(Lane::Agents, async move |tx: &mut Tx| {
        tx.remove_customer(customer).await
    });
    assert!(gone.await.unwrap());
    assert!(
        store
            .read()
            .await
            .unwrap()
            .directories(customer)
            .await
            .unwrap()
            .is_empty()
    );
    store.close().await;
    let closed = store
        .write(Lane::Agents, async |tx: &mut Tx| tx.admin_count().await)
        .await;
    assert!(matches!(closed, Err(StoreError::Closed)));
}

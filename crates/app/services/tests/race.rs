//! Two servers on one database race for licences and batches.

mod support;

use gw_model::{ObjectKind, PskPolicy};
use gw_services::{Ask, IfElsewhere};
use gw_store::{Place, ScopeMode};
use std::{collections::BTreeMap, sync::Arc};
use support::{Dir, Server, actor, agent::Agent, directory::FakeDirectories};

const DEVICES: usize = 200;
const LICENCES: u32 = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_sqlite_one_server_with_many_hands() {
    let dir = Arc::new(Dir::new());
    let place = Place::Sqlite(dir.0.join("godwit.db"));
    race(dir, place, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_postgresql_two_servers() {
    let Ok(url) = std::env::var("PG_URL") else {
        eprintln!("PG_URL is not set: the race of two servers on PostgreSQL was not run");
        return;
    };
    let name = format!("godwit_race_{}", std::process::id());
    let fresh = gw_store::testing::fresh_database(&url, &name)
        .await
        .unwrap();
    race(Arc::new(Dir::new()), Place::Postgres(fresh), 2).await;
    gw_store::testing::drop_database(&url, &name).await.unwrap();
}

async fn race(dir: Arc<Dir>, place: Place, servers: usize) {
    let directories = Arc::new(FakeDirectories::default());
    let mut sids = Vec::new();
    for n in 0..DEVICES {
        let name = format!("PC-{n:03}");
        sids.push((
            name.clone(),
            directories.add("dc1.source.test", ObjectKind::Computer, &name),
        ));
    }
    directories.add("dc1.target.test", ObjectKind::User, "ann");
    let one = Server::at(Arc::clone(&dir), place.clone(), Arc::clone(&directories)).await;
    let at = one.furnished().await;
    one.licence(at.customer, LICENCES).await;
    let psk = one.psk(at.customer, PskPolicy::FirstClaim).await;
    let mut agents = Vec::new();
    for (name, sid) in &sids {
        let mut agent = Agent::new(&psk, name, sid);
        agent.enrol(&one).await.unwrap();
        agents.push(agent);
    }
    let left = one
        .services
        .create_batch(&actor(), at.customer, at.batch("Left", ScopeMode::Only))
        .await
        .unwrap();
    let right = one
        .services
        .create_batch(&actor(), at.customer, at.batch("Right", ScopeMode::Only))
        .await
        .unwrap();
    let mut hands = vec![Arc::new(one)];
    for _ in 1..servers {
        // Another process: the same database and key file, nothing else in common.
        hands.push(Arc::new(
            Server::at(Arc::clone(&dir), place.clone(), Arc::clone(&directories)).await,
        ));
    }
    let hand = |n: usize| Arc::clone(&hands[n % hands.len()]);

    // Both batches want every device, at once, from both servers.
    let devices = hands[0].device_ids(at.customer, at.source).await;
    assert_eq!(devices.len(), DEVICES);
    let mut tasks = tokio::task::JoinSet::new();
    for (n, device) in devices.iter().copied().enumerate() {
        for (m, batch) in [left.batch.id, right.batch.id].into_iter().enumerate() {
            let server = hand(n + m);
            tasks.spawn(async move {
                let added = server
                    .services
                    .add_batch_devices(
                        &actor(),
                        at.customer,
                        batch,
                        vec![device],
                        IfElsewhere::Refuse,
                    )
                    .await;
                (device, added.is_ok())
            });
        }
    }
    let mut won: BTreeMap<_, usize> = BTreeMap::new();
    while let Some(done) = tasks.join_next().await {
        let (device, ok) = done.unwrap();
        *won.entry(device).or_default() += usize::from(ok);
    }
    assert!(
        won.values().all(|n| *n == 1),
        "each device is in exactly one batch"
    );
    let mut listed = 0;
    for batch in [left.batch.id, right.batch.id] {
        listed += hands[0]
            .services
            .batch(at.customer, batch)
            .await
            .unwrap()
            .listed;
    }
    assert_eq!(listed, i64::try_from(DEVICES).unwrap());

    // Every agent asks for its order, twice, from whichever server answers.
    let mut tasks = tokio::task::JoinSet::new();
    for (n, mut agent) in agents.into_iter().enumerate() {
        let (first, second) = (hand(n), hand(n + 1));
        tasks.spawn(async move {
            let (_, mut orders) = agent.checkin(&first).await.unwrap();
            orders.extend(agent.checkin(&second).await.unwrap().1);
            orders
                .into_iter()
                .map(|order| (order.header.device, order.header.batch))
                .collect::<Vec<_>>()
        });
    }
    let mut ordered = BTreeMap::new();
    while let Some(done) = tasks.join_next().await {
        for (device, batch) in done.unwrap() {
            assert!(
                ordered.insert(device, batch).is_none(),
                "no device is ordered twice"
            );
        }
    }
    assert_eq!(ordered.len(), LICENCES as usize, "never 101");
    let licence = &hands[0].services.licences(at.customer).await.unwrap()[0];
    assert_eq!(licence.used, i64::from(LICENCES));
    let runs = hands[0]
        .services
        .runs(
            at.customer,
            &gw_store::RunFilter::default(),
            &Ask {
                limit: Some(1_000),
                ..Ask::default()
            },
        )
        .await
        .unwrap();
    assert_eq!(runs.items.len(), LICENCES as usize);
    for server in &hands {
        server.services.stop().await;
    }
}

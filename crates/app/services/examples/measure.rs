//! Measures what the budgets name: how fast the server opens, what it weighs when idle, and how
//! many signed check-ins it answers, without a network in between.
//!
//! `cargo run --release -p gw-services --example measure [AGENTS] [SECONDS]`

#[path = "../tests/support/mod.rs"]
mod support;

use chrono::TimeDelta;
use gw_model::{ObjectKind, PskPolicy};
use gw_services::{Open, Services};
use std::{sync::Arc, time::Instant};
use support::{Server, agent::Agent};

#[tokio::main(worker_threads = 2)]
async fn main() {
    let mut args = std::env::args()
        .skip(1)
        .map(|text| text.parse::<u64>().expect("a number"));
    let (agents, seconds) = (args.next().unwrap_or(500), args.next().unwrap_or(5));

    let dir = support::Dir::new();
    for what in ["first start", "second start"] {
        let began = Instant::now();
        let services = Services::open(Open::standard(&dir.0, None))
            .await
            .expect("it opens");
        services.start();
        println!(
            "{what}: {} ms, {} MB resident",
            began.elapsed().as_millis(),
            resident_mb()
        );
        services.stop().await;
    }

    let server = Server::new().await;
    let mut sids = Vec::new();
    for n in 0..agents {
        let name = format!("PC-{n:05}");
        sids.push((
            name.clone(),
            server
                .directories
                .add("dc1.source.test", ObjectKind::Computer, &name),
        ));
    }
    server
        .directories
        .add("dc1.target.test", ObjectKind::User, "ann");
    let at = server.furnished().await;
    let psk = server.psk(at.customer, PskPolicy::FirstClaim).await;
    let began = Instant::now();
    let mut all = Vec::new();
    for (name, sid) in &sids {
        let mut agent = Agent::new(&psk, name, sid);
        agent.enrol(&server).await.expect("it enrols");
        agent.checkin(&server).await.expect("it checks in");
        all.push(agent);
    }
    println!(
        "{agents} agents enrolled and checked in once in {} ms",
        began.elapsed().as_millis()
    );

    // The clock stands still, so that the load itself is all that is measured.
    server.advance(TimeDelta::seconds(1));
    let server = Arc::new(server);
    let began = Instant::now();
    let mut hands = tokio::task::JoinSet::new();
    let share = all.len().div_ceil(16);
    while !all.is_empty() {
        let mut mine = all.split_off(all.len().saturating_sub(share));
        let server = Arc::clone(&server);
        hands.spawn(async move {
            let mut times = Vec::new();
            while began.elapsed().as_secs() < seconds {
                for agent in &mut mine {
                    let one = Instant::now();
                    agent.checkin(&server).await.expect("it checks in");
                    times.push(one.elapsed());
                }
            }
            times
        });
    }
    let mut times = Vec::new();
    while let Some(done) = hands.join_next().await {
        times.extend(done.expect("it ends"));
    }
    let spent = began.elapsed().as_secs_f64();
    times.sort_unstable();
    let p99 = times[times.len() * 99 / 100];
    println!(
        "{:.0} signed check-ins/s (agent's side included), p99 {:.1} ms, {} MB resident",
        f64::from(u32::try_from(times.len()).unwrap_or(u32::MAX)) / spent,
        p99.as_secs_f64() * 1e3,
        resident_mb()
    );
}

fn resident_mb() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let resident: u64 = pages
        .split(' ')
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    resident * 4096 / 1_000_000
}

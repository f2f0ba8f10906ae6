//! What is due besides orders: the guards after a boot, the fallback administrator after a run.

use crate::world::{World, start};
use chrono::TimeDelta;
use gw_agent::{OrderPhase, Verb};
use gw_model::{EventCode, FinalState, OrderId, RunId};
use gw_runbook::LeaveFrom;
use gw_wire::{
    keys::{KeyId, sha256},
    order::OrderKind,
};
use uuid::Uuid;

/// An order whose run leaves a directory; the scripted engine does not mind.
fn with_order(world: &World, n: u64, days: u16) {
    let mut server = world.shared.server.borrow_mut();
    let (mut header, mut body) = server.order(n, world.now());
    let mut runbook: gw_runbook::Runbook = serde_json::from_slice(&body.runbook).unwrap();
    runbook.device_state.leave = LeaveFrom::ActiveDirectory;
    runbook.device_state.way_back.forward_only = true;
    if let Some(account) = &mut runbook.startup.fallback_administrator {
        account.remove_after_days = days;
    }
    body.runbook = serde_json::to_vec(&runbook).unwrap().into();
    header.runbook.sha256 = KeyId(sha256(&body.runbook));
    header.force = true;
    server.orders.push((header, body, None));
}

fn asked(world: &World, verb: Verb) -> usize {
    let engine = world.shared.engine.borrow();
    engine.verbs.iter().filter(|(had, _)| *had == verb).count()
}

#[test]
fn after_each_boot_the_guards_are_looked_at_once_and_first() {
    let world = World::new();
    with_order(&world, 1, 5);
    world.shared.engine.borrow_mut().crashes = 60;
    let status = world.agent().tick().unwrap();
    assert_eq!(status.orders[0].phase, OrderPhase::Running);
    assert_eq!(asked(&world, Verb::Watchdog), 0, "nothing had begun");
    for (boot, looks) in [("boot-2", 1), ("boot-2", 0), ("boot-3", 1)] {
        world.shared.facts.borrow_mut().boot_id = boot.to_owned();
        let admitted = world.shared.server.borrow().log.len();
        world.shared.engine.borrow_mut().verbs.clear();
        let mut agent = world.agent_with(None);
        agent.tick().unwrap();
        agent.tick().unwrap();
        assert_eq!(asked(&world, Verb::Watchdog), looks, "{boot}");
        if looks > 0 {
            let first = world.shared.engine.borrow().verbs[0];
            assert_eq!(first, (Verb::Watchdog, admitted), "before any request");
        }
    }
}

#[test]
fn the_fallback_administrator_goes_when_its_days_are_over() {
    let world = World::new();
    with_order(&world, 1, 5);
    world.shared.engine.borrow_mut().retire_fails = 2;
    let mut agent = world.agent();
    let status = world.live(&mut agent, start() + TimeDelta::days(4));
    assert_eq!(status.orders[0].result, Some(FinalState::Migrated));
    assert_eq!(asked(&world, Verb::Retire), 0);
    // No server is needed for it, and a failure is made good.
    world.shared.offline.set(true);
    world.live(&mut agent, start() + TimeDelta::days(7));
    assert_eq!(asked(&world, Verb::Retire), 3);
    drop(agent);
    let mut agent = world.agent_with(None);
    world.shared.offline.set(false);
    world.live(&mut agent, world.now() + TimeDelta::days(7));
    assert_eq!(asked(&world, Verb::Retire), 3, "once");
    let events = world.shared.server.borrow().events();
    for event in [EventCode::FALLBACK_STAYS, EventCode::FALLBACK_RETIRED] {
        assert!(events.contains(&event), "{event:?}");
    }
}

#[test]
fn a_later_run_keeps_the_account_for_its_own_days() {
    let world = World::new();
    with_order(&world, 1, 1);
    let mut agent = world.agent();
    world.live(&mut agent, start() + TimeDelta::hours(20));
    with_order(&world, 2, 3);
    world.live(&mut agent, start() + TimeDelta::days(3));
    assert_eq!(
        asked(&world, Verb::Retire),
        0,
        "the second run's days count"
    );
    world.live(&mut agent, start() + TimeDelta::days(5));
    assert_eq!(asked(&world, Verb::Retire), 2);
}

#[test]
fn a_run_that_was_taken_back_has_nothing_left_to_switch_off() {
    let world = World::new();
    with_order(&world, 1, 1);
    let mut agent = world.agent();
    world.live(&mut agent, start() + TimeDelta::hours(2));
    {
        let mut server = world.shared.server.borrow_mut();
        let (mut header, body) = server.order(2, world.now());
        header.kind = OrderKind::Undo;
        header.order = OrderId(Uuid::from_u128(150));
        header.run = RunId(Uuid::from_u128(201));
        server.orders.push((header, body, None));
    }
    world.live(&mut agent, start() + TimeDelta::days(5));
    assert_eq!(asked(&world, Verb::Undo), 1);
    assert_eq!(asked(&world, Verb::Retire), 0);
}

//! Orders that are refused, each with its event and nothing else; and when good ones start.

use crate::{
    server::Mangle,
    world::{World, start},
};
use chrono::{DateTime, TimeDelta, Utc};
use gw_agent::{Due, OrderPhase, due, next_wakeup};
use gw_model::{DeviceId, EventCode, Moment, Window, Zone};
use gw_wire::{checkin::Verdict, keys::KeyId, order::OrderHeader};
use uuid::Uuid;

/// Hands out one order and says which events came of it. Nothing may have started.
fn refused(change: impl FnOnce(&mut OrderHeader), mangle: Option<Mangle>) -> Vec<EventCode> {
    let world = World::new();
    let mut agent = world.agent();
    {
        let mut server = world.shared.server.borrow_mut();
        let (mut header, body) = server.order(1, start());
        change(&mut header);
        server.orders.push((header, body, mangle));
    }
    let status = world.live(&mut agent, start() + TimeDelta::hours(2));
    assert_eq!((status.orders.len(), world.starts()), (0, 0));
    assert!(
        !world.folder.join("runs").exists(),
        "no run directory, no journal"
    );
    let events = world.shared.server.borrow().events();
    let others = [EventCode::AGENT_STARTED, EventCode::ENROLLED];
    events
        .into_iter()
        .filter(|code| !others.contains(code))
        .collect()
}

#[test]
fn tampered_orders_are_refused() {
    let mangles: [Mangle; 4] = [
        |envelope| envelope.header.0[30] ^= 1,
        |envelope| envelope.sealed.ciphertext.0[3] ^= 1,
        |envelope| envelope.signature.0[3] ^= 1,
        |envelope| envelope.keyid = KeyId([9; 32]),
    ];
    for mangle in mangles {
        assert_eq!(refused(|_| (), Some(mangle)), [EventCode::ORDER_TAMPERED]);
    }
    let runbook = |header: &mut OrderHeader| header.runbook.sha256 = KeyId([1; 32]);
    assert_eq!(refused(runbook, None), [EventCode::ORDER_TAMPERED]);
}

#[test]
fn foreign_orders_are_refused() {
    let device = |header: &mut OrderHeader| header.device = DeviceId(Uuid::from_u128(77));
    assert_eq!(refused(device, None), [EventCode::ORDER_FOREIGN]);
    let key = |header: &mut OrderHeader| header.agent_key = KeyId([7; 32]);
    assert_eq!(refused(key, None), [EventCode::ORDER_FOREIGN]);
    let customer = |header: &mut OrderHeader| header.customer = Uuid::from_u128(7).into();
    assert_eq!(refused(customer, None), [EventCode::ORDER_FOREIGN]);
}

#[test]
fn expired_orders_are_refused() {
    let expired = |header: &mut OrderHeader| header.start_by = start() - TimeDelta::seconds(1);
    assert_eq!(refused(expired, None), [EventCode::ORDER_EXPIRED]);
}

#[test]
fn replayed_and_finished_orders_are_refused() {
    let world = World::new();
    let mut agent = world.agent();
    {
        let mut server = world.shared.server.borrow_mut();
        let (header, body) = server.order(2, start());
        server.orders.push((header, body, None));
        server.resend_held = true;
    }
    world.live(&mut agent, start() + TimeDelta::minutes(50));
    assert_eq!(world.starts(), 1);
    let journal = world
        .files()
        .into_iter()
        .find(|(name, _)| name.ends_with("/journal"));

    // The same order again, sealed freshly: seen before.
    world.live(&mut agent, world.now() + TimeDelta::hours(2));
    assert!(
        world
            .shared
            .server
            .borrow()
            .events()
            .contains(&EventCode::ORDER_REPLAYED)
    );

    // A restored server that forgot its numbers: an older sequence, another id.
    {
        let mut server = world.shared.server.borrow_mut();
        server.reports.clear();
        let (header, body) = server.order(1, start());
        server.orders = vec![(header, body, None)];
    }
    world.live(&mut agent, world.now() + TimeDelta::hours(2));
    assert!(
        world
            .shared
            .server
            .borrow()
            .events()
            .contains(&EventCode::ORDER_REPLAYED)
    );

    // A new order for the runbook that finished here.
    {
        let mut server = world.shared.server.borrow_mut();
        server.reports.clear();
        let (header, body) = server.order(3, start());
        server.orders = vec![(header, body, None)];
    }
    world.live(&mut agent, world.now() + TimeDelta::hours(2));
    assert!(
        world
            .shared
            .server
            .borrow()
            .events()
            .contains(&EventCode::ALREADY_FINISHED)
    );
    assert_eq!(world.starts(), 1);
    let after = world
        .files()
        .into_iter()
        .find(|(name, _)| name.ends_with("/journal"));
    assert_eq!(journal, after, "nothing was journaled");

    // Forced, it runs.
    {
        let mut server = world.shared.server.borrow_mut();
        let (mut header, body) = server.order(4, start());
        header.force = true;
        server.orders = vec![(header, body, None)];
    }
    world.live(&mut agent, world.now() + TimeDelta::hours(2));
    assert_eq!(world.starts(), 2);
}

/// The window as the device's wall clock (UTC+1) reads it.
fn window(available: DateTime<Utc>, enforced: DateTime<Utc>, zone: Zone) -> Option<Window> {
    let offset = TimeDelta::hours(if zone == Zone::Local { 1 } else { 0 });
    let naive = |at: DateTime<Utc>| at.naive_utc() + offset;
    Some(Window::new(naive(available), Some(naive(enforced)), zone).unwrap())
}

#[test]
fn an_enforced_run_starts_within_15_minutes_although_the_poll_is_hourly() {
    for zone in [Zone::Local, Zone::Utc] {
        for server_away in [false, true] {
            let world = World::new();
            let mut agent = world.agent();
            let enforced = start() + TimeDelta::minutes(5 * 60 + 37);
            {
                let mut server = world.shared.server.borrow_mut();
                let (mut header, body) = server.order(1, start());
                header.window = window(start() + TimeDelta::hours(1), enforced, zone);
                server.orders.push((header, body, None));
            }
            world.live(&mut agent, start() + TimeDelta::hours(2));
            assert_eq!(world.starts(), 0, "available, but not enforced");
            let polls = world.shared.server.borrow().log.len();
            world.shared.offline.set(server_away);
            world.live(&mut agent, enforced + TimeDelta::minutes(20));
            let starts = world.shared.engine.borrow().starts.clone();
            assert_eq!(starts.len(), 1, "{zone:?}, server away: {server_away}");
            let late = starts[0].0 - enforced;
            assert!(
                (TimeDelta::zero()..TimeDelta::minutes(15)).contains(&late),
                "{late}"
            );
            let more = world.shared.server.borrow().log.len() - polls;
            assert!(more < 30, "the server is asked about once an hour: {more}");
        }
    }
}

#[test]
fn the_user_may_start_it_once_it_is_available() {
    let world = World::new();
    let mut agent = world.agent();
    {
        let mut server = world.shared.server.borrow_mut();
        let (mut header, body) = server.order(1, start());
        let available = start() + TimeDelta::hours(1);
        header.window = window(available, start() + TimeDelta::hours(9), Zone::Local);
        server.orders.push((header, body, None));
    }
    agent.tick().unwrap();
    gw_agent::ask(&world.state(), gw_agent::Asked::StartNow).unwrap();
    agent.tick().unwrap();
    assert_eq!(world.starts(), 0, "too early");
    world.live(&mut agent, start() + TimeDelta::minutes(75));
    assert_eq!(world.starts(), 1);
}

#[test]
fn the_server_has_the_last_word_before_a_start() {
    let world = World::new();
    let mut agent = world.agent();
    {
        let mut server = world.shared.server.borrow_mut();
        let (header, body) = server.order(1, start());
        server.orders.push((header, body, None));
        server.verdict = Verdict::Wait;
    }
    let status = world.live(&mut agent, start() + TimeDelta::hours(1));
    assert_eq!(
        (status.orders[0].phase, world.starts()),
        (OrderPhase::Waiting, 0)
    );
    world.shared.server.borrow_mut().verdict = Verdict::Withdrawn;
    let status = world.live(&mut agent, world.now() + TimeDelta::hours(1));
    assert_eq!(
        (status.orders[0].phase, world.starts()),
        (OrderPhase::Dropped, 0)
    );
    assert!(
        world
            .shared
            .server
            .borrow()
            .events()
            .contains(&EventCode::ORDER_WITHDRAWN)
    );
}

#[test]
fn wakeups_are_a_table() {
    let world = World::new();
    let (mut header, _) = world.shared.server.borrow().order(1, start());
    let now = Moment {
        utc: start(),
        offset: TimeDelta::hours(1),
    };
    assert_eq!(due(&header, now, false), Due::Now, "without a window");
    header.not_before = start() + TimeDelta::minutes(3);
    assert_eq!(due(&header, now, false), Due::At(header.not_before));
    let (hour, day) = (TimeDelta::hours(1), TimeDelta::days(1));
    header.window = window(start() - hour, start() + hour, Zone::Local);
    assert_eq!(due(&header, now, false), Due::At(start() + hour));
    assert_eq!(due(&header, now, true), Due::At(header.not_before));
    header.not_before = start();
    assert_eq!(due(&header, now, true), Due::Now);
    let open = Window::new(start().naive_utc(), None, Zone::Utc).unwrap();
    header.window = Some(open);
    assert_eq!(due(&header, now, false), Due::OnRequest);
    header.start_by = start() - TimeDelta::seconds(1);
    assert_eq!(due(&header, now, true), Due::Expired);

    let next = |orders: &[Due]| next_wakeup(now, orders, Some(start()), hour) - start();
    assert_eq!(next(&[]), hour);
    assert_eq!(next(&[Due::At(start() + day)]), TimeDelta::minutes(10));
    assert_eq!(next(&[Due::OnRequest]), TimeDelta::minutes(10));
    assert_eq!(
        next(&[Due::At(start() + TimeDelta::minutes(4))]),
        TimeDelta::minutes(4)
    );
    assert_eq!(next(&[Due::Now]), TimeDelta::zero());
    assert_eq!(next_wakeup(now, &[], None, hour), start(), "never polled");
    assert_eq!(
        next_wakeup(now, &[], Some(start() - day), hour),
        start(),
        "long asleep"
    );
}

//! Runs end to end, with the server there, away, and unhelpful.

use crate::world::{World, start};
use chrono::TimeDelta;
use gw_agent::{OrderPhase, Queue};
use gw_model::{EventCode, FinalState, ObjectKind};
use gw_wire::{
    codes,
    pack::Packed,
    report::{ProgressEntry, ReportBody},
    secret::SecretBytes,
    stage::{ControllerFacts, DirectoryFacts, MachineJoin, ReturnGrade, SidPair, StagePackage},
};
use uuid::Uuid;

fn with_order(world: &World) {
    let mut server = world.shared.server.borrow_mut();
    let (header, body) = server.order(1, start());
    server.orders.push((header, body, None));
}

/// Started, progress and result as the server has them: kinds, and the journal's record numbers.
fn told(world: &World) -> (Vec<&'static str>, Vec<u64>) {
    let server = world.shared.server.borrow();
    let (mut kinds, mut records) = (Vec::new(), Vec::new());
    for report in &server.reports {
        match &report.body {
            ReportBody::Started { .. } => kinds.push("started"),
            ReportBody::Progress { entries, .. } => {
                let entries: Vec<ProgressEntry> = read(entries);
                records.extend(entries.iter().map(|entry| entry.record));
            }
            ReportBody::Result(_) => kinds.push("result"),
            ReportBody::Event(_) | ReportBody::Escrow(_) => {}
        }
    }
    (kinds, records)
}

fn read(packed: &Packed) -> Vec<ProgressEntry> {
    serde_json::from_slice(&packed.unpack(1 << 20).unwrap()).unwrap()
}

#[test]
fn a_run_is_reported_while_it_goes_on() {
    let world = World::new();
    with_order(&world);
    let mut agent = world.agent();
    let status = agent.tick().unwrap();
    assert_eq!(status.orders[0].phase, OrderPhase::Finished);
    assert_eq!(status.orders[0].result, Some(FinalState::Migrated));
    let (kinds, records) = told(&world);
    assert_eq!(kinds, ["started", "result"]);
    assert_eq!(records, (0..7).collect::<Vec<_>>());
    let server = world.shared.server.borrow();
    assert!(server.events().contains(&EventCode::MIGRATED));
    // A restored server adopts the result: it proves who ordered it.
    let proof = server.reports.iter().find_map(|report| match &report.body {
        ReportBody::Result(result) => Some(result.order.clone()),
        _ => None,
    });
    let proof = proof.unwrap();
    proof
        .verify(gw_wire::seal::Purpose::Order, server.key.public())
        .unwrap();
}

#[test]
fn a_server_that_is_away_for_a_whole_run_gets_its_reports_once_and_in_order() {
    let world = World::new();
    let mut agent = world.agent();
    {
        let mut server = world.shared.server.borrow_mut();
        let (mut header, body) = server.order(1, start());
        header.not_before = start() + TimeDelta::minutes(30);
        server.orders.push((header, body, None));
    }
    agent.tick().unwrap();
    let before = world.shared.server.borrow().reports.len();
    world.shared.offline.set(true);
    let status = world.live(&mut agent, start() + TimeDelta::days(3));
    assert_eq!(
        (world.starts(), status.orders[0].phase),
        (1, OrderPhase::Finished)
    );
    assert!(status.queued_reports > 0);
    assert_eq!(world.shared.server.borrow().reports.len(), before);
    drop(agent);
    world.shared.offline.set(false);
    let mut agent = world.agent_with(None);
    let status = world.live(&mut agent, world.now() + TimeDelta::hours(2));
    assert_eq!(status.queued_reports, 0);
    let (kinds, records) = told(&world);
    assert_eq!(kinds, ["started", "result"]);
    assert_eq!(records, (0..7).collect::<Vec<_>>());
    let sequences: Vec<_> = world
        .shared
        .server
        .borrow()
        .reports
        .iter()
        .map(|r| r.sequence)
        .collect();
    assert!(sequences.windows(2).all(|pair| pair[0] < pair[1]));
}

#[test]
fn reports_are_kept_for_thirty_days_and_sent_again_on_request() {
    let world = World::new();
    let state = world.state();
    let mut queue = Queue::load(&state).unwrap();
    let body = || {
        ReportBody::Event(gw_wire::report::EventReport {
            code: EventCode::AGENT_STARTED,
            detail: String::new(),
            order: None,
            run: None,
            fields: std::collections::BTreeMap::new(),
        })
    };
    for day in 0..40 {
        let at = start() + TimeDelta::days(day);
        let number = queue.push(&state, body(), Uuid::now_v7(), at).unwrap();
        queue.acknowledge(&state, number, at).unwrap();
    }
    assert_eq!(queue.waiting(), 0);
    let mut queue = Queue::load(&state).unwrap();
    queue.resend_after(&state, 0).unwrap();
    let again = queue.next(&state, 100).unwrap();
    assert_eq!(again.len(), 31, "the last thirty days");
    assert_eq!(again.last().unwrap().sequence, 40);
    let next = queue.push(&state, body(), Uuid::now_v7(), start()).unwrap();
    assert_eq!(next, 41);
    std::fs::write(world.folder.join(format!("queue/{:020}.json", 40)), "{").unwrap();
    let again = queue.next(&state, 100).unwrap();
    let last: Vec<_> = again.iter().rev().take(2).map(|r| r.sequence).collect();
    assert_eq!(last, [41, 39], "a damaged report is put aside");
}

#[test]
fn the_stage_package_reaches_the_engine_and_nothing_else() {
    let world = World::new();
    with_order(&world);
    world.shared.engine.borrow_mut().wants_stage = true;
    world.shared.server.borrow_mut().stage = Ok(StagePackage {
        pairs: vec![SidPair {
            source: "S-1-5-21-1-2-3-1001".parse().unwrap(),
            target: "S-1-5-21-4-5-6-2001".parse().unwrap(),
            kind: ObjectKind::User,
            source_name: None,
            target_name: Some("TARGET\\anna".to_owned()),
        }],
        join: Some(MachineJoin {
            directory: DirectoryFacts {
                dns_name: "Target.Test".to_owned(),
                netbios_name: "target".to_owned(),
                forest: "target.test".to_owned(),
                sid: Some("S-1-5-21-4-5-6".parse().unwrap()),
                guid: None,
                controllers: vec![ControllerFacts {
                    host: "DC1.target.test".to_owned(),
                    addresses: vec!["192.0.2.1".to_owned()],
                    site: None,
                }],
            },
            computer_name: "PC-1".to_owned(),
            account: "PC-1$".to_owned(),
            account_sid: None,
            kvno: Some(2),
            secret: SecretBytes::new("pässword of the machine".as_bytes().to_vec()),
        }),
        return_grade: ReturnGrade::Auto,
        return_because: "tried".to_owned(),
    });
    let status = world.agent().tick().unwrap();
    assert_eq!(
        (status.orders[0].phase, world.starts()),
        (OrderPhase::Finished, 2)
    );
    let mut holders = Vec::new();
    for (name, bytes) in world.files() {
        let needle = "pässword of the machine".as_bytes();
        if bytes.windows(needle.len()).any(|window| window == needle) {
            holders.push(name);
        }
    }
    let run = status.orders[0].run;
    assert_eq!(holders, [format!("runs/{run}/secrets/target-machine")]);
    let stage = &world.files()[&format!("runs/{run}/stage.json")];
    let stage: gw_engine::rundir::StageFile =
        gw_engine::rundir::read_document("stage.json", stage).unwrap();
    assert_eq!(stage.pairs[0].target_sid.as_str(), "S-1-5-21-4-5-6-2001");
    let Some(gw_platform::JoinTarget::ActiveDirectory(target)) = stage.target else {
        panic!("no target")
    };
    assert_eq!(
        (target.dns_name.as_str(), target.netbios_name.as_str()),
        ("target.test", "TARGET")
    );
}

#[test]
fn a_refused_stage_takes_the_run_back() {
    let world = World::new();
    with_order(&world);
    world.shared.engine.borrow_mut().wants_stage = true;
    world.shared.server.borrow_mut().stage = Err(codes::STAGE_REFUSED);
    let status = world.agent().tick().unwrap();
    assert_eq!(status.orders[0].result, Some(FinalState::Restored));
    let backs: Vec<_> = world
        .shared
        .engine
        .borrow()
        .starts
        .iter()
        .map(|(_, back)| *back)
        .collect();
    assert_eq!(backs, [false, true]);
}

#[test]
fn a_crashing_engine_is_started_again_and_a_killed_agent_resumes() {
    let world = World::new();
    with_order(&world);
    world.shared.engine.borrow_mut().crashes = 25;
    let mut agent = world.agent();
    let status = agent.tick().unwrap();
    assert_eq!(
        (status.orders[0].phase, world.starts()),
        (OrderPhase::Running, 20)
    );
    drop(agent);
    let mut agent = world.agent_with(None);
    world.live(&mut agent, world.now() + TimeDelta::hours(1));
    let status = agent.tick().unwrap();
    assert_eq!(status.orders[0].result, Some(FinalState::Migrated));
    assert_eq!(world.starts(), 26);
}

//! The fallback administrator's password: sealed, sent, acknowledged, and only then does the device
//! change.

use crate::{
    whole::{InProcess, Scene},
    world::{Forge, Shared, escrow_key, start},
};
use chrono::TimeDelta;
use gw_agent::{Engine, EngineExit, OrderPhase, Verb};
use gw_engine::journal::{Event, tail};
use gw_model::{EventCode, FinalState, RunId};
use gw_platform::{JoinState, Machine, Secret};
use gw_wire::{
    envelope::EscrowKind,
    keys::{Algorithm, SigningKey},
};
use std::{cell::Cell, io, path::Path, rc::Rc};
use uuid::Uuid;

const NAME: &str = "GodwitFallback";

/// Calls back whenever the engine asks for the escrow, before the agent hears of it.
struct AtEscrow {
    inner: InProcess,
    starts: Rc<Cell<u32>>,
    then: Box<dyn FnMut(&Path)>,
}

impl Engine for AtEscrow {
    fn run(
        &mut self,
        dir: &Path,
        verb: Verb,
        meanwhile: &mut dyn FnMut(),
    ) -> io::Result<EngineExit> {
        self.starts.set(self.starts.get() + 1);
        let exit = self.inner.run(dir, verb, meanwhile)?;
        if exit == EngineExit::NeedsEscrow {
            (self.then)(dir);
        }
        Ok(exit)
    }
}

fn run() -> RunId {
    RunId(Uuid::from_u128(201))
}

/// An agent whose engine calls back at the escrow, and the number of engine starts.
fn agent(scene: &Scene, then: impl FnMut(&Path) + 'static) -> (gw_agent::Agent, Rc<Cell<u32>>) {
    let starts = Rc::new(Cell::new(0));
    let engine = AtEscrow {
        inner: InProcess(scene.pc.clone()),
        starts: starts.clone(),
        then: Box::new(then),
    };
    (scene.agent(Box::new(engine)), starts)
}

/// The account was made, and nothing else was touched.
fn nothing_else_happened(scene: &Scene) {
    let files = scene.world.files();
    assert!(!files.contains_key(&format!("runs/{}/escrow.json", run())));
    let journal = &files[&format!("runs/{}/journal", run())];
    let records = tail(journal, 0).unwrap().records;
    let begun = |record: &&gw_engine::journal::Record| matches!(record.event, Event::Intent { .. });
    assert_eq!(records.iter().filter(begun).count(), 1);
    let join = scene.pc.borrow_mut().join_state().unwrap();
    assert!(matches!(join, JoinState::ActiveDirectory(ad) if ad.dns_name == "source.test"));
}

fn password(scene: &Scene) -> Vec<u8> {
    let secret = format!("runs/{}/secrets/fallback-administrator", run());
    scene.world.files()[&secret].clone()
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

fn ended(scene: &Scene, agent: &mut gw_agent::Agent) -> FinalState {
    let until = scene.world.now() + TimeDelta::hours(3);
    let status = scene.world.live(agent, until);
    status.orders[0].result.expect("the run ended")
}

#[test]
fn with_the_server_away_the_run_waits_and_the_device_is_as_it_was() {
    let scene = Scene::new(true);
    let shared: Rc<Shared> = scene.world.shared.clone();
    let (mut agent, starts) = agent(&scene, move |_| shared.offline.set(true));
    let until = start() + TimeDelta::days(2);
    let status = scene.world.live(&mut agent, until);
    assert_eq!(status.orders[0].phase, OrderPhase::Running);
    nothing_else_happened(&scene);
    assert_eq!(starts.get(), 2, "the engine is not started for nothing");
    let password = password(&scene);
    assert!(password.len() >= 24);
    assert!(scene.world.shared.server.borrow().escrowed.is_empty());

    // The agent dies meanwhile, and the server comes back.
    drop(agent);
    scene.world.shared.offline.set(false);
    let (mut agent, _) = self::agent(&scene, |_| {});
    assert_eq!(ended(&scene, &mut agent), FinalState::Migrated);
    let server = scene.world.shared.server.borrow();
    assert_eq!(server.escrow_reports, 1, "what waited was not queued twice");
    let (header, secret) = &server.escrowed[&escrow_key(1)];
    assert_eq!(secret, &password);
    assert_eq!(
        (header.run, header.kind, header.label.as_str()),
        (Some(run()), EscrowKind::FallbackPassword, NAME)
    );
    assert!(server.events().contains(&EventCode::WAITING_FOR_ESCROW));
    let mut pc = scene.pc.borrow_mut();
    pc.prove_sign_in(NAME, &Secret::new(secret.clone()))
        .unwrap();
    // It lies nowhere any more, and no report or log line ever held it.
    for (name, bytes) in scene.world.files() {
        assert!(!contains(&bytes, &password), "it lies in {name}");
    }
    let told = serde_json::to_vec(&server.reports).unwrap();
    assert!(!contains(&told, &password));
}

#[test]
fn while_it_waits_the_password_lies_in_one_file_only() {
    let scene = Scene::new(true);
    let shared = scene.world.shared.clone();
    let (mut agent, _) = agent(&scene, move |_| shared.offline.set(true));
    scene.world.live(&mut agent, start() + TimeDelta::hours(1));
    let password = password(&scene);
    let holders: Vec<_> = scene
        .world
        .files()
        .into_iter()
        .filter(|(_, bytes)| contains(bytes, &password))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(
        holders,
        [format!("runs/{}/secrets/fallback-administrator", run())]
    );
}

#[test]
fn a_forged_acknowledgement_is_not_believed() {
    let stranger = || SigningKey::generate(Algorithm::Ed25519).unwrap();
    for forge in [Forge::Unsigned, Forge::Signed(stranger())] {
        let scene = Scene::new(true);
        let shared = scene.world.shared.clone();
        let mut forge = Some(forge);
        let (mut agent, starts) = agent(&scene, move |_| {
            *shared.forge.borrow_mut() = forge.take();
        });
        let until = start() + TimeDelta::hours(5);
        let status = scene.world.live(&mut agent, until);
        assert_eq!(status.orders[0].phase, OrderPhase::Running);
        nothing_else_happened(&scene);
        assert_eq!(starts.get(), 2);
        *scene.world.shared.forge.borrow_mut() = None;
        assert_eq!(ended(&scene, &mut agent), FinalState::Migrated);
        assert_eq!(scene.world.shared.server.borrow().escrowed.len(), 1);
    }
}

#[test]
fn a_server_that_does_not_vouch_is_asked_again() {
    let scene = Scene::new(true);
    scene.world.shared.server.borrow_mut().vouches = false;
    let (mut agent, _) = agent(&scene, |_| {});
    scene.world.live(&mut agent, start() + TimeDelta::hours(1));
    nothing_else_happened(&scene);
    {
        let mut server = scene.world.shared.server.borrow_mut();
        assert!((2..10).contains(&server.escrow_reports));
        assert_eq!(server.escrowed.len(), 1, "always the same report");
        assert!(server.events().contains(&EventCode::WAITING_FOR_ESCROW));
        server.vouches = true;
    }
    assert_eq!(ended(&scene, &mut agent), FinalState::Migrated);
}

#[test]
fn an_acknowledgement_that_was_lost_is_asked_for_again_and_counts_once() {
    /// The answer was heard, and the power failed before it was written down.
    struct Forgetful(InProcess, Rc<Cell<u32>>);
    impl Engine for Forgetful {
        fn run(
            &mut self,
            dir: &Path,
            verb: Verb,
            meanwhile: &mut dyn FnMut(),
        ) -> io::Result<EngineExit> {
            let escrow = dir.join("escrow.json");
            if escrow.exists() && self.1.get() < 3 {
                self.1.set(self.1.get() + 1);
                std::fs::remove_file(escrow)?;
            }
            self.0.run(dir, verb, meanwhile)
        }
    }
    let scene = Scene::new(true);
    let lost = Rc::new(Cell::new(0));
    let engine = Forgetful(InProcess(scene.pc.clone()), lost.clone());
    let mut agent = scene.agent(Box::new(engine));
    assert_eq!(ended(&scene, &mut agent), FinalState::Migrated);
    assert_eq!(lost.get(), 3);
    let server = scene.world.shared.server.borrow();
    assert_eq!((server.escrow_reports, server.escrowed.len()), (4, 1));
    let kept = server
        .reports
        .iter()
        .filter(|report| report.key == escrow_key(1))
        .count();
    assert_eq!(kept, 1);
}

#[test]
fn a_run_that_waits_is_taken_back_on_order() {
    let scene = Scene::new(true);
    scene.world.shared.server.borrow_mut().vouches = false;
    let (mut agent, _) = agent(&scene, |_| {});
    scene.world.live(&mut agent, start() + TimeDelta::hours(1));
    {
        let mut server = scene.world.shared.server.borrow_mut();
        let (mut header, body) = (server.orders[0].0.clone(), server.orders[0].1.clone());
        header.kind = gw_wire::order::OrderKind::Cancel;
        header.order = gw_model::OrderId(Uuid::from_u128(102));
        header.sequence = 2;
        server.orders.push((header, body, None));
    }
    let until = scene.world.now() + TimeDelta::hours(3);
    let status = scene.world.live(&mut agent, until);
    assert_eq!(status.orders[0].result, Some(FinalState::Restored));
    let server = scene.world.shared.server.borrow();
    let (_, secret) = &server.escrowed[&escrow_key(1)];
    let mut pc = scene.pc.borrow_mut();
    let answer = pc.prove_sign_in(NAME, &Secret::new(secret.clone()));
    assert!(answer.is_err(), "it is switched off");
}

#[test]
fn some_days_after_the_run_it_is_switched_off() {
    let scene = Scene::new(true);
    let (mut agent, _) = agent(&scene, |_| {});
    assert_eq!(ended(&scene, &mut agent), FinalState::Migrated);
    let secret = scene.world.shared.server.borrow().escrowed[&escrow_key(1)]
        .1
        .clone();
    let signs_in = || {
        let mut pc = scene.pc.borrow_mut();
        pc.prove_sign_in(NAME, &Secret::new(secret.clone())).is_ok()
    };
    scene.world.live(&mut agent, start() + TimeDelta::days(4));
    assert!(signs_in());
    scene.world.live(&mut agent, start() + TimeDelta::days(6));
    assert!(!signs_in());
    let server = scene.world.shared.server.borrow();
    assert!(server.events().contains(&EventCode::FALLBACK_RETIRED));
}

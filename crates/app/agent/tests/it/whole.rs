//! Agent, wire and the real engine together, on a PC in memory: an order comes in sealed, and the
//! device ends migrated, restored or returned.

use crate::world::{World, start};
use chrono::TimeDelta;
use gw_agent::{Agent, AgentStatus, Engine, EngineExit, OrderPhase, Verb};
use gw_engine::{Options, Request, rundir::DirStorage};
use gw_model::{EventCode, FinalState, ObjectKind, UserResult};
use gw_platform::{
    JoinTarget, Machine,
    fake::{FakePc, Fuse, sample},
};
use gw_runbook::{AdJoin, DomainJoin, LeaveFrom};
use gw_wire::{
    codes,
    keys::{KeyId, sha256},
    report::{ReportBody, RunReport},
    secret::SecretBytes,
    stage::{
        ControllerFacts, DirectoryFacts, MachineJoin, ReturnGrade, ReturnTicket, SidPair,
        StagePackage,
    },
};
use std::{cell::RefCell, io, path::Path, rc::Rc};

/// The real engine, in this process.
pub(crate) struct InProcess(pub(crate) Rc<RefCell<FakePc>>);

impl Engine for InProcess {
    fn run(
        &mut self,
        dir: &Path,
        verb: Verb,
        meanwhile: &mut dyn FnMut(),
    ) -> io::Result<EngineExit> {
        let request = match verb {
            Verb::Go => Request::Go,
            Verb::Undo => Request::Undo,
            Verb::Watchdog => Request::Watchdog,
            Verb::Retire => Request::Retire,
        };
        let mut storage = DirStorage::open(dir).map_err(io::Error::other)?;
        let mut options = Options::real();
        options.retry_after.clear();
        options.now = start;
        let mut pc = self.0.borrow_mut();
        let code = match gw_engine::run(&mut *pc, &mut storage, &options, request) {
            Ok(exit) => exit.code(),
            Err(error) => error.code(),
        };
        meanwhile();
        Ok(EngineExit::from_code(Some(code.into())))
    }
}

fn directory(target: &JoinTarget) -> DirectoryFacts {
    let ad = target.active_directory().unwrap();
    DirectoryFacts {
        dns_name: ad.dns_name.clone(),
        netbios_name: ad.netbios_name.clone(),
        forest: ad.forest_name.clone(),
        sid: Some(ad.domain_sid.as_str().parse().unwrap()),
        guid: None,
        controllers: vec![ControllerFacts {
            host: format!("dc1.{}", ad.dns_name),
            addresses: Vec::new(),
            site: None,
        }],
    }
}

fn join(target: &JoinTarget, secret: &str) -> MachineJoin {
    let ad = target.active_directory().unwrap();
    MachineJoin {
        directory: directory(target),
        computer_name: ad.account_name.trim_end_matches('$').to_owned(),
        account: ad.account_name.clone(),
        account_sid: ad
            .machine_sid
            .as_ref()
            .map(|sid| sid.as_str().parse().unwrap()),
        kvno: None,
        secret: SecretBytes::new(secret.as_bytes().to_vec()),
    }
}

pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) pc: Rc<RefCell<FakePc>>,
}

impl Scene {
    /// A device in the source, an order to move it, and a server that prepared both accounts.
    pub(crate) fn new(target_accepts: bool) -> Self {
        Self::named(target_accepts, None)
    }

    /// The same; the runbook gives the device this name.
    fn named(target_accepts: bool, name: Option<&str>) -> Self {
        let world = World::new();
        let mut made = sample(Fuse::default(), 2, 6);
        if let Some(name) = name {
            made.expected_as(name);
        }
        let (source, target) = (made.source.clone(), made.target.clone());
        for (place, secret) in [(&source, "fresh-source"), (&target, "fresh-target")] {
            let ad = place.active_directory().unwrap();
            let known = made.pc.network.entry(ad.dns_name.clone()).or_default();
            known.reachable = true;
            let secret = if target_accepts || place == &source {
                secret
            } else {
                "another"
            };
            known
                .passwords
                .insert(ad.account_name.clone(), secret.into());
        }
        {
            let mut server = world.shared.server.borrow_mut();
            let (mut header, mut body) = server.order(1, start());
            let mut runbook: gw_runbook::Runbook = serde_json::from_slice(&body.runbook).unwrap();
            runbook.device_state.leave = LeaveFrom::ActiveDirectory;
            runbook.device_state.join = DomainJoin::ActiveDirectory(AdJoin::default());
            runbook.device_state.rename = name.map(str::to_owned);
            body.runbook = serde_json::to_vec(&runbook).unwrap().into();
            header.runbook.sha256 = KeyId(sha256(&body.runbook));
            body.sources = vec![directory(&source)];
            body.target = Some(directory(&target));
            server.orders.push((header, body, None));
            server.stage = Ok(StagePackage {
                pairs: made
                    .users
                    .iter()
                    .map(|(name, source, target)| SidPair {
                        source: source.as_str().parse().unwrap(),
                        target: target.as_str().parse().unwrap(),
                        kind: ObjectKind::User,
                        source_name: None,
                        target_name: Some(format!("TARGET\\{name}")),
                    })
                    .collect(),
                join: Some(join(&target, "fresh-target")),
                return_grade: ReturnGrade::Auto,
                return_because: "tried".to_owned(),
            });
            server.ticket = Ok(ReturnTicket {
                join: join(&source, "fresh-source"),
            });
        }
        let pc = Rc::new(RefCell::new(made.pc));
        Self { world, pc }
    }

    /// An agent with this engine.
    pub(crate) fn agent(&self, engine: Box<dyn Engine>) -> Agent {
        let psk = self.world.shared.server.borrow().psk.clone();
        self.world.agent_of(Some(psk), engine)
    }

    fn play(&self) -> (AgentStatus, RunReport) {
        let mut agent = self.agent(Box::new(InProcess(self.pc.clone())));
        let status = self.world.live(&mut agent, start() + TimeDelta::hours(3));
        let server = self.world.shared.server.borrow();
        let result = server.reports.iter().find_map(|report| match &report.body {
            ReportBody::Result(result) => Some((**result).clone()),
            _ => None,
        });
        let result =
            result.unwrap_or_else(|| panic!("no result: {status:?} {:?}", server.events()));
        (status, result)
    }
}

#[test]
fn an_order_moves_the_device() {
    let scene = Scene::new(true);
    let (status, result) = scene.play();
    assert_eq!(status.orders[0].phase, OrderPhase::Finished);
    assert_eq!(
        (result.result, result.verified),
        (FinalState::Migrated, true),
        "{result:?}"
    );
    let migrated = |r: UserResult| result.users.iter().filter(|u| u.result == r).count();
    assert_eq!(
        (
            migrated(UserResult::Migrated),
            migrated(UserResult::Unmapped)
        ),
        (2, 1)
    );
    let server = scene.world.shared.server.borrow();
    for event in [
        EventCode::MIGRATED,
        EventCode::USER_MIGRATED,
        EventCode::USER_UNMAPPED,
    ] {
        assert!(server.events().contains(&event));
    }
    drop(server);
    // Both machine secrets are gone from the agent's folder once the run has ended.
    for (name, bytes) in scene.world.files() {
        for secret in ["fresh-target", "fresh-source"] {
            let found = bytes.windows(secret.len()).any(|w| w == secret.as_bytes());
            assert!(!found, "{secret} lies in {name}");
        }
    }
}

#[test]
fn an_order_renames_the_device_or_leaves_it_its_name() {
    for (accepts, end, name) in [
        (true, FinalState::Migrated, "PC-NEW"),
        (false, FinalState::Returned, "PC7"),
    ] {
        let scene = Scene::named(accepts, Some("PC-NEW"));
        let (_, result) = scene.play();
        assert_eq!(result.result, end, "{result:?}");
        let facts = scene.pc.borrow_mut().facts().unwrap();
        assert_eq!(facts.computer_name, name);
    }
}

#[test]
fn a_target_that_refuses_the_account_sends_the_device_home() {
    let scene = Scene::new(false);
    let before = scene.pc.borrow().snapshot();
    let (_, result) = scene.play();
    assert_eq!(result.result, FinalState::Returned, "{result:?}");
    assert!(
        scene
            .world
            .shared
            .server
            .borrow()
            .log
            .contains(&gw_wire::op::RETURN)
    );
    let after = scene.pc.borrow().snapshot();
    let files = |all: &std::collections::BTreeMap<String, Vec<u8>>| {
        let file = |(name, _): &(&String, &Vec<u8>)| name.starts_with("file/");
        all.iter()
            .filter(file)
            .map(|(n, v)| (n.clone(), v.clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(files(&before), files(&after));
}

#[test]
fn a_refused_stage_leaves_the_device_as_it_was() {
    let scene = Scene::new(true);
    scene.world.shared.server.borrow_mut().stage = Err(codes::STAGE_REFUSED);
    let before = scene.pc.borrow().snapshot();
    let (_, result) = scene.play();
    assert_eq!(result.result, FinalState::Restored, "{result:?}");
    assert_eq!(before, scene.pc.borrow().snapshot());
}

//! A device, a network, a clock and an engine that do what a test says.

use crate::server::Server;
use chrono::{DateTime, TimeDelta, Utc};
use gw_agent::*;
use gw_engine::{
    journal::{Event, Journal, Survey},
    rundir::{DirStorage, ResultFile},
};
use gw_model::{DeviceFacts, FinalState, OsFacts, RunId, RunKind, StepName, StepState};
use gw_wire::{
    httpsig::sign_answer,
    keys::{KeyId, SigningKey},
    report::ReportAnswer,
};
use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    rc::Rc,
    time::Duration,
};

/// 22 November 2026, 12:00 UTC: the server's time at the start.
pub(crate) fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_348_800, 0).unwrap()
}

/// What both sides share.
pub(crate) struct Shared {
    pub(crate) passed: Cell<Duration>,
    /// Device's clock minus the server's.
    pub(crate) device_clock_off: Cell<TimeDelta>,
    pub(crate) server: RefCell<Server>,
    pub(crate) offline: Cell<bool>,
    /// Flip a bit of this byte of the request's or answer's body or header.
    pub(crate) flip: Cell<Option<Flip>>,
    /// Answer with this instead of the server, unsigned.
    pub(crate) portal: Cell<Option<u16>>,
    /// Answer reports in the server's place: everything is taken and every secret held.
    pub(crate) forge: RefCell<Option<Forge>>,
    pub(crate) facts: RefCell<DeviceFacts>,
    pub(crate) engine: RefCell<Script>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Flip {
    RequestBody(usize),
    RequestHeader(usize, usize),
    AnswerBody(usize),
    AnswerHeader(usize, usize),
}

/// Who answers in the server's place.
pub(crate) enum Forge {
    /// Nobody that signs.
    Unsigned,
    /// Somebody with a key of their own.
    Signed(SigningKey),
}

/// What the engine does.
#[derive(Default)]
pub(crate) struct Script {
    /// Everything it was asked for, in order, with the requests that the server had admitted by then.
    pub(crate) verbs: Vec<(Verb, usize)>,
    /// What it answers to `retire` next, if not that it is done.
    pub(crate) retire_fails: u32,
    /// When each start happened (server's time), and whether it was told to go back.
    pub(crate) starts: Vec<(DateTime<Utc>, bool)>,
    /// Ask for the stage package first.
    pub(crate) wants_stage: bool,
    /// Die this often before anything else.
    pub(crate) crashes: u32,
}

pub(crate) struct World {
    pub(crate) shared: Rc<Shared>,
    pub(crate) folder: PathBuf,
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::beside(Rc::new(Shared {
            passed: Cell::new(Duration::ZERO),
            device_clock_off: Cell::new(TimeDelta::zero()),
            server: RefCell::new(Server::new(start())),
            offline: Cell::new(false),
            flip: Cell::new(None),
            portal: Cell::new(None),
            forge: RefCell::new(None),
            facts: RefCell::new(facts()),
            engine: RefCell::default(),
        }))
    }

    /// Another device on the same network.
    pub(crate) fn beside(shared: Rc<Shared>) -> Self {
        let name = format!("godwit-agent-test-{}", uuid::Uuid::now_v7().simple());
        Self {
            shared,
            folder: std::env::temp_dir().join(name),
        }
    }

    pub(crate) fn agent(&self) -> Agent {
        let psk = self.shared.server.borrow().psk.clone();
        self.agent_with(Some(psk))
    }

    pub(crate) fn agent_with(&self, psk: Option<gw_wire::psk::Psk>) -> Agent {
        self.agent_of(psk, Box::new(Scripted(self.shared.clone())))
    }

    pub(crate) fn agent_of(
        &self,
        psk: Option<gw_wire::psk::Psk>,
        engine: Box<dyn Engine>,
    ) -> Agent {
        let parts = Parts {
            state: self.state(),
            transport: Box::new(Net(self.shared.clone())),
            device: Box::new(Device(self.shared.clone())),
            engine,
            time: Box::new(Clock(self.shared.clone())),
        };
        let poll_every = TimeDelta::hours(1);
        Agent::open(parts, Config { psk, poll_every }).unwrap()
    }

    pub(crate) fn state(&self) -> StateFolder {
        StateFolder::open(&self.folder, Box::new(FileModes)).unwrap()
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.shared.now()
    }

    pub(crate) fn wait(&self, time: TimeDelta) {
        let passed = self.shared.passed.get() + time.to_std().unwrap();
        self.shared.passed.set(passed);
    }

    /// Ticks whenever the agent wants to, until `until`.
    pub(crate) fn live(&self, agent: &mut Agent, until: DateTime<Utc>) -> AgentStatus {
        loop {
            let status = agent.tick().unwrap();
            let wake = status.wake_at.max(self.now() + TimeDelta::seconds(1));
            if wake > until {
                self.wait(until - self.now());
                return status;
            }
            self.wait(wake - self.now());
        }
    }

    /// Every file of the agent's folder, by its path in it.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        fn walk(root: &Path, at: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
            for entry in std::fs::read_dir(at).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    walk(root, &path, found);
                } else {
                    let name = path.strip_prefix(root).unwrap().to_string_lossy();
                    found.insert(name.replace('\\', "/"), std::fs::read(&path).unwrap());
                }
            }
        }
        let mut found = BTreeMap::new();
        walk(&self.folder, &self.folder, &mut found);
        found
    }

    pub(crate) fn starts(&self) -> usize {
        self.shared.engine.borrow().starts.len()
    }
}

impl Shared {
    pub(crate) fn now(&self) -> DateTime<Utc> {
        start() + TimeDelta::from_std(self.passed.get()).unwrap()
    }
}

pub(crate) fn facts() -> DeviceFacts {
    DeviceFacts {
        computer_name: "PC-1".to_owned(),
        domain: Some("source.test".to_owned()),
        machine_sid: Some("S-1-5-21-1-2-3-1104".parse().unwrap()),
        entra_device_id: None,
        serial: "SN-1".to_owned(),
        smbios_uuid: Some("11111111-2222-3333-4444-555555555555".parse().unwrap()),
        disk_serial: Some("DISK-1".to_owned()),
        boot_id: "boot-1".to_owned(),
        utc_offset_minutes: 60,
        os: OsFacts {
            edition: "Windows 11 Pro".to_owned(),
            build: 22_631,
            is_server: false,
        },
        agent_version: "0.1.0".to_owned(),
    }
}

struct Clock(Rc<Shared>);

impl TimeSource for Clock {
    fn utc(&self) -> DateTime<Utc> {
        self.0.now() + self.0.device_clock_off.get()
    }
    fn monotonic(&self) -> Duration {
        self.0.passed.get()
    }
    fn sleep(&self, duration: Duration) {
        self.0.passed.set(self.0.passed.get() + duration);
    }
}

struct Device(Rc<Shared>);

impl DeviceView for Device {
    fn facts(&mut self) -> Result<DeviceFacts, FactsError> {
        Ok(self.0.facts.borrow().clone())
    }
    fn restart(&mut self) -> Result<Restart, FactsError> {
        Ok(Restart::Done)
    }
}

struct Net(Rc<Shared>);

impl Transport for Net {
    fn post(
        &mut self,
        op: &str,
        headers: &[(&'static str, String)],
        body: &[u8],
    ) -> Result<RawAnswer, NetworkError> {
        if self.0.offline.get() {
            return Err(NetworkError("no route".to_owned()));
        }
        if let Some(status) = self.0.portal.get() {
            return Ok(RawAnswer {
                status,
                headers: vec![("content-type".to_owned(), "text/html".to_owned())],
                body: b"<h1>Please sign in</h1>".to_vec(),
            });
        }
        if op == gw_wire::op::REPORT
            && let Some(forge) = &*self.0.forge.borrow()
        {
            return Ok(forged(forge, op, headers, body, self.0.now()));
        }
        let (mut body, mut headers) = (body.to_vec(), headers.to_vec());
        match self.0.flip.get() {
            Some(Flip::RequestBody(at)) => {
                let at = at % body.len();
                body[at] ^= 1;
            }
            Some(Flip::RequestHeader(index, at)) => flip_text(&mut headers[index % 5].1, at),
            _ => {}
        }
        let borrowed: Vec<_> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let now = self.0.now();
        let answer = self.0.server.borrow_mut().handle(op, &borrowed, &body, now);
        let (status, mut headers, mut body) = answer;
        match self.0.flip.get() {
            Some(Flip::AnswerBody(at)) => {
                let at = at % body.len();
                body[at] ^= 1;
            }
            Some(Flip::AnswerHeader(index, at)) if !headers.is_empty() => {
                let index = index % headers.len();
                flip_text(&mut headers[index].1, at);
            }
            _ => {}
        }
        Ok(RawAnswer {
            status,
            headers,
            body,
        })
    }

    fn prove(&mut self, _pins: &[KeyId]) -> Result<(), NetworkError> {
        Ok(())
    }
}

/// What an impostor between agent and server would like the agent to believe.
fn forged(
    forge: &Forge,
    op: &str,
    headers: &[(&'static str, String)],
    request: &[u8],
    now: DateTime<Utc>,
) -> RawAnswer {
    let body = serde_json::to_vec(&ReportAnswer {
        v: 1,
        accepted_through: u64::MAX,
        escrowed: vec![escrow_key(1)],
    })
    .unwrap();
    let mut signed = Vec::new();
    if let Forge::Signed(key) = forge {
        let borrowed: Vec<_> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let read = gw_wire::server::read("POST", op, &borrowed, request).unwrap();
        let bound = &read.signature.signature;
        let made = sign_answer(key, 200, &body, bound, now.timestamp()).unwrap();
        signed.extend(
            made.into_iter()
                .map(|(name, value)| (name.to_owned(), value)),
        );
    }
    RawAnswer {
        status: 200,
        headers: signed,
        body,
    }
}

/// Under which key the password of the run of order `n` is escrowed.
pub(crate) fn escrow_key(n: u64) -> uuid::Uuid {
    let run = RunId(uuid::Uuid::from_u128(200 + u128::from(n)));
    let hash = gw_wire::keys::sha256(format!("godwit report escrow {run} 0").as_bytes());
    uuid::Builder::from_custom_bytes(hash[..16].try_into().unwrap()).into_uuid()
}

fn flip_text(text: &mut String, at: usize) {
    let mut bytes = std::mem::take(text).into_bytes();
    let at = at % bytes.len();
    bytes[at] ^= 1;
    *text = String::from_utf8_lossy(&bytes).into_owned();
}

struct Scripted(Rc<Shared>);

impl Engine for Scripted {
    fn run(
        &mut self,
        dir: &Path,
        verb: Verb,
        meanwhile: &mut dyn FnMut(),
    ) -> io::Result<EngineExit> {
        let now = self.0.now();
        let admitted = self.0.server.borrow().log.len();
        self.0.engine.borrow_mut().verbs.push((verb, admitted));
        let go_back = match verb {
            Verb::Go => false,
            Verb::Undo => true,
            Verb::Watchdog => return Ok(EngineExit::Stopped),
            Verb::Retire => {
                let mut script = self.0.engine.borrow_mut();
                let fails = script.retire_fails > 0;
                script.retire_fails = script.retire_fails.saturating_sub(1);
                return Ok(if fails {
                    EngineExit::Crashed
                } else {
                    EngineExit::Final
                });
            }
        };
        let (wants_stage, crash) = {
            let mut script = self.0.engine.borrow_mut();
            script.starts.push((now, go_back));
            let crash = script.crashes > 0;
            script.crashes = script.crashes.saturating_sub(1);
            (script.wants_stage, crash)
        };
        if crash {
            return Ok(EngineExit::Crashed);
        }
        let mut storage = DirStorage::open(dir).unwrap();
        let mut journal = Journal::open(&mut storage).unwrap();
        let mut say = |event| {
            journal.append(&mut storage, now, event).unwrap();
        };
        if wants_stage && !go_back && !dir.join("stage.json").exists() {
            say(Event::NeedsStage(Box::new(survey())));
            return Ok(EngineExit::NeedsStage);
        }
        for step in [StepName::Preflight, StepName::Files, StepName::Verify] {
            for state in [StepState::Running, StepState::Done] {
                let detail = None;
                say(Event::Step {
                    step,
                    state,
                    detail,
                });
            }
            self.0
                .passed
                .set(self.0.passed.get() + Duration::from_secs(60));
            meanwhile();
        }
        let state = if go_back {
            FinalState::Restored
        } else {
            FinalState::Migrated
        };
        let because = "scripted".to_owned();
        say(Event::Final {
            state,
            because: because.clone(),
        });
        let name = dir.file_name().unwrap().to_str().unwrap();
        let run_id: RunId = name.parse().unwrap();
        let result = ResultFile {
            v: 1,
            run_id,
            kind: RunKind::Run,
            state,
            because,
            verified: true,
            began: now,
            ended: now,
            reboots: 0,
            attempts: 1,
            join: gw_platform::JoinState::Workgroup {
                name: "W".to_owned(),
            },
            proof: None,
            steps: Vec::new(),
            users: Vec::new(),
            unmapped_profiles: Vec::new(),
            counts: BTreeMap::new(),
            undone_objects: 0,
            findings: Vec::new(),
            notes: Vec::new(),
            error: None,
        };
        std::fs::write(
            dir.join("result.json"),
            serde_json::to_vec(&result).unwrap(),
        )?;
        Ok(EngineExit::Final)
    }
}

fn survey() -> Survey {
    serde_json::from_value(serde_json::json!({
        "facts": {
            "computer_name": "PC-1",
            "os": {"product": "Windows 11 Pro", "edition": "Professional", "build": 22631, "is_server": false},
            "serial": "SN-1", "smbios_uuid": null, "disk_serial": null, "boot_id": "boot-1",
            "power": {"on_mains": true, "battery_percent": null},
            "system_volume": {"root": "C:\\", "total_bytes": 1, "free_bytes": 1},
            "folders": {}, "locale": "en-GB", "pending": []
        },
        "join": {"kind": "workgroup", "name": "W"},
        "profiles": [], "groups": [], "hives": [],
        "sids": ["S-1-5-21-1-2-3-1001"],
        "seen": {"files": {}, "hives": {}, "profiles": [], "groups": {}, "unreadable": []}
    }))
    .unwrap()
}

//! The agent as a whole: one `tick` does everything that is due and says when to come again.

mod contact;
mod escrow;
mod reports;
mod upkeep;
mod work;

use crate::{
    call::{CallError, Line},
    clock::{ServerClock, TimeSource},
    facts::{DeviceView, FactsError},
    identity::{Enrolled, Hardware, Identity, IdentityError, park_incarnation},
    orders::{HeldOrder, Ledger, OrderPhase},
    queue::Queue,
    rundir::RunDirError,
    runs::{Engine, Starts},
    schedule::{Due, due, next_wakeup},
    state::{StateError, StateFolder},
    transport::Transport,
};
use chrono::{DateTime, TimeDelta, Utc};
use gw_model::{DeviceFacts, DeviceTrust, EventCode, Moment, OrderId, RunId};
use gw_wire::{keys::KeyError, psk::Psk};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

/// What an agent is made of.
pub struct Parts {
    /// Its folder.
    pub state: StateFolder,
    /// The way to the server.
    pub transport: Box<dyn Transport>,
    /// The device.
    pub device: Box<dyn DeviceView>,
    /// What changes the device.
    pub engine: Box<dyn Engine>,
    /// The clocks.
    pub time: Box<dyn TimeSource>,
}

/// How it behaves.
#[derive(Debug, Clone)]
pub struct Config {
    /// Admits it; forgotten once it is enrolled.
    pub psk: Option<Psk>,
    /// How often the server is asked, unless the server says otherwise.
    pub poll_every: TimeDelta,
}

/// Something went wrong that the agent cannot live with.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The state folder.
    #[error(transparent)]
    State(#[from] StateError),
    /// The identity.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The device.
    #[error(transparent)]
    Device(#[from] FactsError),
    /// A run directory.
    #[error(transparent)]
    RunDir(#[from] RunDirError),
    /// The engine cannot be started.
    #[error("the engine cannot be started; install the agent again")]
    Engine(#[source] std::io::Error),
}

/// What the agent is doing, for people and scripts; written to `status.json` after each tick.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentStatus {
    /// What enrolment gave, once it did.
    pub enrolled: Option<Enrolled>,
    /// How far the server trusts it, as far as known.
    pub trust: Option<DeviceTrust>,
    /// Why the last contact failed, if it did.
    pub trouble: Option<String>,
    /// The code of the server's last refusal, if it was one.
    pub refusal: Option<String>,
    /// When the server was last heard of.
    pub last_contact: Option<DateTime<Utc>>,
    /// Device's clock minus the server's, in milliseconds.
    pub clock_skew_ms: i64,
    /// Reports that wait.
    pub queued_reports: u64,
    /// Orders, oldest first.
    pub orders: Vec<OrderStatus>,
    /// When it looks again, by the server's clock.
    pub wake_at: DateTime<Utc>,
}

/// One order, for people and scripts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderStatus {
    /// The order.
    pub order: OrderId,
    /// Its run.
    pub run: RunId,
    /// The runbook's name.
    pub runbook: String,
    /// Where it stands.
    pub phase: OrderPhase,
    /// How its run ended.
    pub result: Option<gw_model::FinalState>,
    /// The window, if any.
    pub window: Option<gw_model::Window>,
}

/// The agent. One process, one folder, one thread.
pub struct Agent {
    state: StateFolder,
    transport: Box<dyn Transport>,
    device: Box<dyn DeviceView>,
    /// Taken out while it runs.
    engine: Option<Box<dyn Engine>>,
    time: Box<dyn TimeSource>,
    identity: Identity,
    ledger: Ledger,
    queue: Queue,
    clock: ServerClock,
    facts: DeviceFacts,
    trust: Option<DeviceTrust>,
    trouble: Option<CallTrouble>,
    last_contact: Option<DateTime<Utc>>,
    poll_every: TimeDelta,
    /// By the monotonic clock: when to speak to the server again.
    next_contact: Duration,
    failures: u32,
    /// By the monotonic clock: when to go on with a run that waits for something.
    next_work: Duration,
    starts: Starts,
    escrow: escrow::Escrow,
    /// The guards were looked at in this boot.
    looked_after_boot: bool,
    /// By the monotonic clock: when a fallback administrator that could not be switched off is
    /// tried again.
    next_retire: Duration,
    /// Events that were reported lately, so that an outage is one event and not a thousand.
    said: BTreeMap<(EventCode, String), Duration>,
}

/// The last failure to speak to the server.
struct CallTrouble {
    text: String,
    code: Option<String>,
}

impl Agent {
    /// Opens the agent's folder. If the hardware is another than the one that enrolled, the key is
    /// dropped and everything of the earlier incarnation is parked.
    ///
    /// # Errors
    /// The folder or the device cannot be read.
    pub fn open(parts: Parts, config: Config) -> Result<Self, AgentError> {
        let Parts {
            state,
            transport,
            mut device,
            engine,
            time,
        } = parts;
        let facts = device.facts()?;
        let mut identity = Identity::load(&state)?;
        let changed = identity
            .hardware
            .as_ref()
            .is_some_and(|enrolled| enrolled.differs(&Hardware::of(&facts)));
        if changed {
            park_incarnation(&state)?;
            identity = Identity::fresh()?;
            identity.save(&state)?;
        }
        if let (None, Some(psk)) = (identity.enrolled, config.psk)
            && identity.psk.as_ref() != Some(&psk)
        {
            // Another key may name another server: what was believed before does not count.
            let same_root = identity.root.is_some_and(|root| root.pin() == psk.pin);
            if !same_root {
                (identity.root, identity.key_set) = (None, None);
            }
            identity.psk = Some(psk);
            identity.save(&state)?;
        }
        let mut agent = Self {
            ledger: Ledger::load(&state)?,
            queue: Queue::load(&state)?,
            state,
            transport,
            device,
            engine: Some(engine),
            time,
            identity,
            clock: ServerClock::default(),
            facts,
            trust: None,
            trouble: None,
            last_contact: None,
            poll_every: config.poll_every,
            next_contact: Duration::ZERO,
            failures: 0,
            next_work: Duration::ZERO,
            starts: Starts::default(),
            escrow: escrow::Escrow::default(),
            looked_after_boot: false,
            next_retire: Duration::ZERO,
            said: BTreeMap::new(),
        };
        if let Some(keys) = agent.identity.keys() {
            // Pins of a key set that was believed; nothing is proven by this alone.
            let _ = agent.transport.prove(&keys.tls_pins);
        }
        if changed {
            agent.queue.restart(&agent.state)?;
            agent.event(EventCode::IDENTITY_CHANGED, "", None, None)?;
        }
        Ok(agent)
    }

    /// Does everything that is due: enrols, checks in, resumes, starts and reports. Returns what to
    /// show, and when to come again.
    ///
    /// # Errors
    /// The folder, the device or the engine; never the network.
    pub fn tick(&mut self) -> Result<AgentStatus, AgentError> {
        self.facts = self.device.facts()?;
        self.after_boot()?;
        let asked = self.take_requests()?;
        if asked || self.time.monotonic() >= self.next_contact {
            self.contact()?;
        }
        if self.identity.enrolled.is_some() && self.time.monotonic() >= self.next_work {
            self.work()?;
        }
        self.retire_due()?;
        let status = self.status()?;
        self.state.write_json(STATUS, &status)?;
        Ok(status)
    }

    /// Ticks until `stop` is set. A request of [`ask`] is heard within a second.
    ///
    /// # Errors
    /// As [`Self::tick`]; or another agent works in the folder.
    pub fn run(&mut self, stop: &AtomicBool) -> Result<(), AgentError> {
        let _lock = self.state.lock()?;
        self.after_boot()?;
        self.event(EventCode::AGENT_STARTED, "", None, None)?;
        while !stop.load(Ordering::Relaxed) {
            let status = self.tick()?;
            while !stop.load(Ordering::Relaxed)
                && self.now() < status.wake_at
                && !self.state.path().join(Asked::CheckNow.file()).exists()
                && !self.state.path().join(Asked::StartNow.file()).exists()
            {
                let left = (status.wake_at - self.now()).to_std().unwrap_or_default();
                self.time.sleep(left.min(Duration::from_secs(1)));
            }
        }
        Ok(())
    }

    /// Enrols, checks in, does what is due, sees every run that has begun to its end, and returns.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn run_once(&mut self) -> Result<AgentStatus, AgentError> {
        let _lock = self.state.lock()?;
        loop {
            let status = self.tick()?;
            let busy = status.orders.iter().any(|o| o.phase == OrderPhase::Running);
            if !busy {
                return Ok(status);
            }
            let left = (status.wake_at - self.now()).to_std().unwrap_or_default();
            self.time
                .sleep(left.clamp(Duration::from_millis(100), Duration::from_secs(60)));
        }
    }

    fn take_requests(&mut self) -> Result<bool, AgentError> {
        let mut asked = false;
        for request in [Asked::CheckNow, Asked::StartNow] {
            if self.state.read(request.file())?.is_none() {
                continue;
            }
            self.state.remove(request.file())?;
            asked = true;
            if request == Asked::StartNow {
                for mut order in HeldOrder::all(&self.state)? {
                    if order.phase == OrderPhase::Waiting {
                        order.wanted_now = true;
                        order.save(&self.state)?;
                    }
                }
            }
        }
        if asked {
            self.next_work = Duration::ZERO;
        }
        Ok(asked)
    }

    /// The server's time.
    fn now(&self) -> DateTime<Utc> {
        self.clock.now(&*self.time)
    }

    /// Now, as windows are read on this device.
    fn moment(&self) -> Moment {
        Moment {
            utc: self.now(),
            offset: TimeDelta::minutes(self.facts.utc_offset_minutes.into()),
        }
    }

    fn line(&mut self) -> Line<'_> {
        Line {
            identity: &mut self.identity,
            state: &self.state,
            transport: &mut *self.transport,
            clock: &mut self.clock,
            time: &*self.time,
        }
    }

    fn call<T: serde::de::DeserializeOwned>(
        &mut self,
        operation: &str,
        body: &impl Serialize,
    ) -> Result<T, CallError> {
        let answer = self.line().call(operation, body);
        if answer.is_ok() {
            self.last_contact = Some(self.now());
        }
        answer
    }

    fn status(&self) -> Result<AgentStatus, AgentError> {
        let (now, monotonic) = (self.moment(), self.time.monotonic());
        let wait = |until: Duration| {
            TimeDelta::from_std(until.saturating_sub(monotonic)).unwrap_or(TimeDelta::zero())
        };
        let (mut orders, mut dues) = (Vec::new(), Vec::new());
        for order in HeldOrder::all(&self.state)? {
            match order.phase {
                OrderPhase::Waiting => match due(&order.header, now, order.wanted_now) {
                    Due::Now | Due::Expired => dues.push(Due::At(now.utc + wait(self.next_work))),
                    later => dues.push(later),
                },
                OrderPhase::Running | OrderPhase::Held => {
                    dues.push(Due::At(now.utc + wait(self.next_work)));
                }
                OrderPhase::Finished | OrderPhase::Dropped => {}
            }
            orders.push(OrderStatus {
                order: order.header.order,
                run: order.header.run,
                runbook: order.header.runbook.name.clone(),
                phase: order.phase,
                result: order.result,
                window: order.header.window,
            });
        }
        let contact = now.utc + wait(self.next_contact);
        Ok(AgentStatus {
            enrolled: self.identity.enrolled,
            trust: self.trust,
            trouble: self.trouble.as_ref().map(|trouble| trouble.text.clone()),
            refusal: self
                .trouble
                .as_ref()
                .and_then(|trouble| trouble.code.clone()),
            last_contact: self.last_contact,
            clock_skew_ms: self.clock.skew_ms(&*self.time),
            queued_reports: self.queue.waiting(),
            wake_at: next_wakeup(now, &dues, Some(contact), TimeDelta::zero()),
            orders,
        })
    }
}

/// What people may ask of a running agent, by a file in its folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Check in now.
    CheckNow,
    /// Start what is available now, too.
    StartNow,
}

impl Asked {
    fn file(self) -> &'static str {
        match self {
            Self::CheckNow => "check-now",
            Self::StartNow => "start-now",
        }
    }
}

/// Asks the agent that works in this folder, or the next one.
///
/// # Errors
/// The folder.
pub fn ask(state: &StateFolder, request: Asked) -> Result<(), StateError> {
    state.write(request.file(), b"")
}

/// What the agent last wrote of itself.
///
/// # Errors
/// The folder.
pub fn read_status(state: &StateFolder) -> Result<Option<AgentStatus>, StateError> {
    state.read_json(STATUS)
}

/// The file that [`read_status`] reads.
pub(crate) const STATUS: &str = "status.json";

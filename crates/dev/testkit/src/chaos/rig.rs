//! A PC, its run directory and its agent: starts the engine again and again,
//! brings what it asks for, restarts the PC, and cuts the power.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, TimeZone, Utc};
use gw_engine::journal::{Event, Record, read_frames, tail};
use gw_engine::rundir::{
    ESCROW, EscrowFile, FALLBACK, ORDER, RETURN, Refusal, ReturnFile, STAGE, Ticket,
};
use gw_engine::{Cadence, Exit, Options, Request, run};
use gw_model::{FinalState, StepName, StepState};
use gw_platform::fake::{Fuse, SamplePc};
use gw_platform::{JoinTarget, Machine, SecretId};

use super::flow::{Flow, Name, stage};
use super::planted::Flaw;
use super::player::{Player, Sky, set_network};
use super::storage::LossyStorage;

/// Starts after which a run that has not ended is stranded.
const MOST_STARTS: u32 = 400;

/// How the agent answers when a return ticket is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Home {
    /// With a good ticket.
    Ticket,
    /// First with one whose password was changed since.
    StaleFirst,
    /// "Not yet", a few times.
    Later(u32),
    /// "Not yet", for ever: the budget decides.
    NotYet,
    /// "No."
    Never,
}

/// What a run is made of.
#[derive(Debug, Clone)]
pub(super) struct Setup {
    pub(super) flow: Flow,
    pub(super) name: Name,
    pub(super) users: u32,
    pub(super) files: u32,
    /// A running Windows, with restarts.
    pub(super) running: bool,
    pub(super) forward_only: bool,
    pub(super) budget_s: u64,
    pub(super) flaw: Option<Flaw>,
}

impl Setup {
    pub(super) fn plain(flow: Flow) -> Setup {
        Setup {
            flow,
            name: Name::Kept,
            users: 1,
            files: 3,
            running: true,
            forward_only: false,
            budget_s: 100_000,
            flaw: None,
        }
    }

    /// The same device under a new name.
    pub(super) fn named(flow: Flow, name: Name) -> Setup {
        Setup {
            name,
            ..Setup::plain(flow)
        }
    }
}

/// How a process ends from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// The power fails.
    Power,
    /// The process is killed; the device goes on.
    Kill,
}

/// The whole arrangement.
pub(super) struct Rig {
    pub(super) sample: SamplePc,
    pub(super) storage: LossyStorage,
    pub(super) sky: Sky,
    pub(super) setup: Setup,
    pub(super) start: BTreeMap<String, Vec<u8>>,
    pub(super) home: Home,
    /// Instructions from now on until the next cut, and what it is.
    pub(super) cuts: Vec<(u64, Cut)>,
    armed: Option<Cut>,
    pub(super) seed: u64,
    pub(super) undo_at: Option<u32>,
    pub(super) undo_afterwards: bool,
    pub(super) tickets: u32,
    pub(super) starts: u32,
    pub(super) stops: u32,
    pub(super) met_cuts: [u64; 2],
    options: Options,
    watch: Watch,
}

/// How far the journal was read to see whether guards should be up.
#[derive(Debug, Default)]
struct Watch {
    next: u64,
    up: bool,
    guards: Vec<u64>,
}

thread_local! {
    static CLOCK: Cell<i64> = const { Cell::new(0) };
}

/// A clock that moves 200 ms per look.
fn now() -> DateTime<Utc> {
    let ms = CLOCK.get();
    CLOCK.set(ms + 200);
    Utc.timestamp_millis_opt(1_790_000_000_000 + ms)
        .single()
        .unwrap_or_default()
}

pub(super) fn clock_jump(seconds: i64) {
    CLOCK.set(CLOCK.get() + seconds * 1000);
}

fn json<T: serde::Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_else(|error| unreachable!("documents are JSON: {error}"))
}

impl Rig {
    pub(super) fn new(setup: Setup) -> Rig {
        CLOCK.set(0);
        let fuse = Fuse::default();
        let size = (setup.users, setup.files);
        let sample = setup.flow.pc(fuse.clone(), size, setup.running, setup.name);
        let mut storage = LossyStorage::new(fuse, setup.flaw);
        let mut order = setup.flow.order(setup.budget_s);
        order.settings.forward_only = setup.forward_only;
        storage.documents.insert(ORDER.to_owned(), json(&order));
        storage.secrets = Flow::secrets();
        Rig {
            start: sample.pc.snapshot(),
            sky: Sky {
                flaw: setup.flaw,
                ..Sky::default()
            },
            sample,
            storage,
            setup,
            home: Home::Ticket,
            cuts: Vec::new(),
            armed: None,
            seed: 0,
            undo_at: None,
            undo_afterwards: false,
            tickets: 0,
            starts: 0,
            stops: 0,
            met_cuts: [0, 0],
            watch: Watch::default(),
            options: Options {
                now,
                cadence: Cadence::Objects(4),
                retry_after: vec![Duration::ZERO],
            },
        }
    }

    /// One process.
    fn process(&mut self, request: Request) -> Result<Exit, gw_engine::EngineError> {
        let mut player = Player {
            sample: &mut self.sample,
            sky: &mut self.sky,
            meter: self.storage.meter.clone(),
            put_off: Vec::new(),
            undo_later: Vec::new(),
        };
        run(&mut player, &mut self.storage, &self.options, request)
    }

    /// Arms the next cut.
    fn arm(&mut self) {
        if self.armed.is_none() && !self.cuts.is_empty() {
            let (after, cut) = self.cuts.remove(0);
            let at = self.storage.fuse.ticks() + after;
            self.storage.fuse.arm(at, self.seed.wrapping_add(after));
            self.armed = Some(cut);
        }
    }

    fn mend(&mut self) {
        let cut = self.armed.take().unwrap_or(Cut::Power);
        match cut {
            Cut::Power => {
                self.met_cuts[0] += 1;
                self.sample.pc.power_on();
                self.storage.power_on();
            }
            Cut::Kill => {
                self.met_cuts[1] += 1;
                self.storage.fuse.restore();
            }
        }
    }

    /// What the agent does at boot.
    fn booted(&mut self) {
        let _ = self.process(Request::Watchdog);
        if self.storage.fuse.is_off() {
            self.mend();
        }
    }

    /// Goes on until a final state.
    pub(super) fn play(&mut self, first: Request) -> Result<FinalState, String> {
        let mut request = first;
        let limit = self.starts + MOST_STARTS;
        let mut last = String::new();
        while self.starts < limit {
            self.arm();
            self.starts += 1;
            clock_jump(30);
            if self.undo_at == Some(self.starts) {
                request = Request::Undo;
            }
            // Somebody makes room on a full disk sooner or later.
            if self.starts.is_multiple_of(8) && self.storage.meter.room.get().is_some() {
                self.storage.meter.room.set(None);
            }
            match self.process(request) {
                Ok(exit) => {
                    let asked = std::mem::replace(&mut request, Request::Go);
                    match exit {
                        Exit::Final(FinalState::Migrated) if self.undo_afterwards => {
                            self.undo_afterwards = false;
                            request = Request::Undo;
                        }
                        Exit::Final(state) => return Ok(state),
                        Exit::NeedsStage => self.bring_stage(),
                        Exit::NeedsReturn => self.bring_return(),
                        Exit::NeedsEscrow => self.bring_escrow(),
                        Exit::Reboot => {
                            self.sample.pc.restart();
                            self.booted();
                        }
                        Exit::Stopped => {
                            self.stops += 1;
                            self.storage.meter.stop.set(false);
                            // An undo that was stopped before it began is asked for again.
                            request = asked;
                        }
                    }
                }
                Err(_) if self.storage.fuse.is_off() => {
                    let power = self.armed != Some(Cut::Kill);
                    self.mend();
                    self.check_guards()?;
                    if power {
                        self.booted();
                    }
                }
                Err(error) if error.code() == 1 => last = error.to_string(),
                Err(_) if request == Request::Undo => request = Request::Go,
                Err(error) => return Err(format!("stranded: refused, {error}")),
            }
            self.check_guards()?;
        }
        Err(format!(
            "stranded: no end after {MOST_STARTS} starts; {last}"
        ))
    }

    /// One process; what it asks for is brought.
    #[cfg(test)]
    pub(super) fn start_once(&mut self) -> Result<Exit, gw_engine::EngineError> {
        let exit = self.process(Request::Go)?;
        match exit {
            Exit::NeedsStage => self.bring_stage(),
            Exit::Reboot => self.sample.pc.restart(),
            Exit::Stopped => self.storage.meter.stop.set(false),
            _ => {}
        }
        Ok(exit)
    }

    #[cfg(test)]
    pub(super) fn wait(&self, seconds: i64) {
        clock_jump(seconds);
    }

    #[cfg(test)]
    pub(super) fn boot(&mut self) {
        self.sample.pc.restart();
        self.booted();
    }

    /// Whether the users are kept out, by the device.
    #[cfg(test)]
    pub(super) fn guards_up(&mut self) -> bool {
        self.sample.users.clone().into_iter().any(|(_, sid, _)| {
            let rights = self.sample.pc.account_rights(&sid).unwrap_or_default();
            rights.iter().any(|right| right.contains("Deny"))
        })
    }

    /// As [`Rig::play`], but gives back at the first cut.
    pub(super) fn play_to_cut(&mut self) -> Option<FinalState> {
        self.arm();
        loop {
            match self.process(Request::Go) {
                Ok(Exit::Final(state)) => return Some(state),
                Ok(Exit::NeedsStage) => self.bring_stage(),
                Ok(Exit::NeedsReturn) => self.bring_return(),
                Ok(Exit::NeedsEscrow) => self.bring_escrow(),
                Ok(Exit::Reboot) => self.sample.pc.restart(),
                Ok(Exit::Stopped) => self.storage.meter.stop.set(false),
                Err(_) => {
                    self.mend();
                    return None;
                }
            }
        }
    }

    pub(super) fn records(&self) -> Vec<Record> {
        read_frames(&self.storage.as_seen())
            .map(|frames| frames.records)
            .unwrap_or_default()
    }

    /// While guards are up by the journal, they are up on the device.
    fn check_guards(&mut self) -> Result<(), String> {
        let seen = self.storage.as_seen();
        let from = self.watch.next.min(seen.len() as u64);
        if from < self.watch.next {
            // A power cut took the end of the journal: read it again.
            self.watch = Watch::default();
        }
        let from = self.watch.next;
        let new = tail(&seen[from as usize..], from).map_err(|error| error.to_string())?;
        self.watch.next = new.next;
        let Watch { up, guards, .. } = &mut self.watch;
        for record in new.records {
            match record.event {
                Event::Intent {
                    seq,
                    step: StepName::GuardsUp,
                    ..
                } => guards.push(seq),
                Event::Step {
                    step: StepName::GuardsUp,
                    state,
                    ..
                } => *up = state == StepState::Done,
                Event::Step {
                    step: StepName::GuardsDown,
                    ..
                }
                | Event::GoingBack { .. }
                | Event::Final { .. } => *up = false,
                Event::Undone { seq, .. } if guards.contains(&seq) => *up = false,
                _ => {}
            }
        }
        if !self.watch.up {
            return Ok(());
        }
        // Whom the directory that the device is in would let in.
        let state = self
            .sample
            .pc
            .join_state()
            .unwrap_or_else(|error| unreachable!("a fake PC can be read: {error}"));
        for (_, source, target) in self.sample.users.clone() {
            let sid = match () {
                () if self.sample.source.holds(&state) => source,
                () if self.sample.target.holds(&state) => target,
                () => continue,
            };
            let rights = self.sample.pc.account_rights(&sid).unwrap_or_default();
            if rights.iter().filter(|right| right.contains("Deny")).count() < 2 {
                return Err(format!("{sid} can sign in in the middle of the run"));
            }
        }
        Ok(())
    }

    /// Everything that was made to go wrong is over.
    pub(super) fn calm(&mut self) {
        self.sky.coming.clear();
        self.cuts.clear();
        self.armed = None;
        self.storage.fuse.restore();
        self.sample.pc.faults.clear();
        self.storage.meter.room.set(None);
        self.storage.meter.stop_at.set(None);
        self.storage.meter.stop.set(false);
        set_network(&mut self.sample, None, true);
        if let Some(ad) = self.sample.target.active_directory()
            && let Some(directory) = self.sample.pc.network.get_mut(&ad.dns_name)
        {
            directory
                .passwords
                .insert(ad.account_name.clone(), b"target-0".to_vec());
        }
        self.undo_at = None;
    }

    fn bring_stage(&mut self) {
        let file = json(&stage(&self.sample, self.setup.name));
        self.storage.documents.insert(STAGE.to_owned(), file);
        self.storage
            .secrets
            .insert("target-machine".to_owned(), b"target-0".to_vec());
    }

    pub(super) fn bring_escrow(&mut self) {
        let escrow = EscrowFile {
            v: 1,
            acknowledged: vec![SecretId(FALLBACK.to_owned())],
        };
        self.storage
            .documents
            .insert(ESCROW.to_owned(), json(&escrow));
    }

    pub(super) fn bring_return(&mut self) {
        let refuse = |rig: &mut Rig, last: bool| {
            let file = ReturnFile {
                v: 1,
                ticket: None,
                refused: Some(Refusal {
                    because: "no controller answers".to_owned(),
                    r#final: last,
                }),
            };
            rig.storage.documents.insert(RETURN.to_owned(), json(&file));
        };
        let reachable = match &self.sample.source {
            JoinTarget::Entra(entra) => self.sample.pc.tenants[&entra.tenant_id].reachable,
            _ => self.sample.pc.network["source.test"].reachable,
        };
        let good = match self.home {
            _ if !reachable => return refuse(self, false),
            Home::Never => return refuse(self, true),
            Home::NotYet => return refuse(self, false),
            Home::Later(0) | Home::Ticket => true,
            Home::Later(left) => {
                self.home = Home::Later(left - 1);
                return refuse(self, false);
            }
            Home::StaleFirst => self.tickets > 0,
        };
        self.tickets += 1;
        let secret = format!("source-machine-{}", self.tickets);
        let password = format!("source-{}", self.tickets).into_bytes();
        if good {
            match &self.sample.source {
                JoinTarget::Entra(entra) => {
                    if let Some(tenant) = self.sample.pc.tenants.get_mut(&entra.tenant_id) {
                        tenant.tokens.insert(password.clone());
                    }
                }
                _ => {
                    if let Some(directory) = self.sample.pc.network.get_mut("source.test") {
                        directory
                            .passwords
                            .insert("PC7$".to_owned(), password.clone());
                    }
                }
            }
        }
        self.storage.secrets.insert(secret.clone(), password);
        let file = ReturnFile {
            v: 1,
            ticket: Some(Ticket {
                source: self.sample.source.clone(),
                secret: SecretId(secret),
            }),
            refused: None,
        };
        self.storage
            .documents
            .insert(RETURN.to_owned(), json(&file));
    }
}

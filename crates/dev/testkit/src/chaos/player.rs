//! The device of a run: the fake PC, seen through what goes wrong around it.
//! Counts what the engine met, lets the weather change between two calls, and
//! carries the planted mistakes that sit in a device.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use gw_platform::conformance::{MemoryInputs, MemoryStore, StopAfter};
use gw_platform::fake::{Fault, GroupCell, SamplePc};
use gw_platform::{
    Before, Change, Cx, EntraDevice, Facts, HiveInfo, HiveRef, HiveRootAccess, JoinProof,
    JoinState, JoinTarget, LocalGroup, Machine, MachineError, Outcome, Profile, Reach, Scope,
    Secret, SidText, SidsSeen, Undone,
};

use super::planted::Flaw;
use super::rig::clock_jump;
use super::storage::Meter;

/// Something that changes around the device.
#[derive(Debug, Clone)]
pub(super) enum Weather {
    /// No directory answers (or all do again).
    Network(bool),
    /// The target does not answer (or does again).
    Target(bool),
    /// The target no longer knows the account or the token.
    TargetRefuses,
    /// The device's clock moves by so many seconds.
    Clock(i64),
    /// An operation fails from now on.
    Fault(Fault),
    /// The state folder's disk fills up, or has room again.
    Disk(Option<u64>),
    /// The next change of which this is the beginning says it is done and is not.
    Silent(String),
}

/// What the engine met.
#[derive(Debug, Default, Clone)]
pub(super) struct Met {
    pub(super) denied: u64,
    pub(super) in_use: u64,
    pub(super) full: u64,
    pub(super) network: u64,
    pub(super) refused: u64,
    pub(super) silent: u64,
    pub(super) jumps: u64,
}

/// What outlives a process of the engine.
#[derive(Debug, Default)]
pub(super) struct Sky {
    /// By the number of journal records at which it happens.
    pub(super) coming: Vec<(u64, Weather)>,
    pub(super) met: Met,
    /// What the target itself last said to the device.
    pub(super) last_proof: Option<Result<(), MachineError>>,
    pub(super) silent: Option<String>,
    pub(super) flaw: Option<Flaw>,
    pub(super) executed: BTreeSet<String>,
}

/// One process's view of the device.
pub(super) struct Player<'a> {
    pub(super) sample: &'a mut SamplePc,
    pub(super) sky: &'a mut Sky,
    pub(super) meter: Rc<Meter>,
    /// Memory of the process, gone with it.
    pub(super) put_off: Vec<(Change, Before)>,
    pub(super) undo_later: Vec<(Change, Before)>,
}

pub(super) fn set_network(sample: &mut SamplePc, name: Option<&str>, up: bool) {
    let concerned = |key: &str| name.is_none_or(|name| key.starts_with(name));
    for (key, directory) in &mut sample.pc.network {
        if concerned(key) {
            directory.reachable = up;
        }
    }
    for (key, tenant) in &mut sample.pc.tenants {
        if concerned(key) {
            tenant.reachable = up;
        }
    }
}

impl Player<'_> {
    /// Lets everything happen whose time has come.
    fn look_up(&mut self) {
        let now = self.meter.appends.get();
        let coming = std::mem::take(&mut self.sky.coming);
        let (due, later) = coming.into_iter().partition(|(at, _)| *at <= now);
        self.sky.coming = later;
        let due: Vec<(u64, Weather)> = due;
        for (_, weather) in due {
            match weather {
                Weather::Network(up) => set_network(self.sample, None, up),
                Weather::Target(up) => set_network(self.sample, Some("target"), up),
                Weather::TargetRefuses => refuse(self.sample),
                Weather::Clock(seconds) => {
                    clock_jump(seconds);
                    self.sky.met.jumps += 1;
                }
                Weather::Fault(fault) => self.sample.pc.faults.push(fault),
                Weather::Disk(room) => self.meter.room.set(room),
                Weather::Silent(what) => self.sky.silent = Some(what),
            }
        }
    }

    fn seen<T>(&mut self, result: Result<T, MachineError>) -> Result<T, MachineError> {
        let met = &mut self.sky.met;
        match &result {
            Err(MachineError::AccessDenied { .. }) => met.denied += 1,
            Err(MachineError::InUse { .. }) => met.in_use += 1,
            Err(MachineError::DiskFull { .. }) => met.full += 1,
            Err(MachineError::Network { .. }) => met.network += 1,
            Err(MachineError::Refused { .. }) => met.refused += 1,
            _ => {}
        }
        result
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.sky.flaw == Some(flaw)
    }

    /// Says that a change is done.
    fn pretend(before: &Before) -> Outcome {
        Outcome {
            counts: before.counts.clone(),
            notes: Vec::new(),
            reboot: false,
        }
    }

    /// A member more for each repetition.
    fn add_again(&mut self) {
        for (key, bytes) in self.sample.pc.disk.list("group/") {
            if let Ok(mut cell) = serde_json::from_slice::<GroupCell>(&bytes)
                && let Some(first) = cell.members.first().cloned()
            {
                cell.members.push(first);
                self.sample
                    .pc
                    .disk
                    .seed(&key, serde_json::to_vec(&cell).ok());
            }
        }
    }

    /// What a careless verification would like to see.
    fn as_wished(&self, mut seen: SidsSeen) -> SidsSeen {
        let pairs: BTreeMap<&SidText, &SidText> = self
            .sample
            .users
            .iter()
            .map(|(_, source, target)| (source, target))
            .collect();
        let rename = |counts: &mut BTreeMap<SidText, gw_platform::SidCount>| {
            for (source, target) in &pairs {
                if let Some(count) = counts.remove(*source) {
                    counts.insert((*target).clone(), count);
                }
            }
        };
        rename(&mut seen.files);
        seen.hives.values_mut().for_each(rename);
        seen
    }
}

/// The target forgets the account, the token and every device.
pub(super) fn refuse(sample: &mut SamplePc) {
    if let Some(directory) = sample.pc.network.get_mut("target.test") {
        directory.passwords.clear();
    }
    if let Some(tenant) = sample.pc.tenants.get_mut("target-tenant") {
        tenant.tokens.clear();
        tenant.devices.clear();
    }
}

impl Machine for Player<'_> {
    fn facts(&mut self) -> Result<Facts, MachineError> {
        self.look_up();
        self.sample.pc.facts()
    }

    fn join_state(&mut self) -> Result<JoinState, MachineError> {
        self.look_up();
        self.sample.pc.join_state()
    }

    fn profiles(&mut self) -> Result<Vec<Profile>, MachineError> {
        self.look_up();
        self.sample.pc.profiles()
    }

    fn local_groups(&mut self) -> Result<Vec<LocalGroup>, MachineError> {
        self.sample.pc.local_groups()
    }

    fn hives(&mut self) -> Result<Vec<HiveInfo>, MachineError> {
        self.sample.pc.hives()
    }

    fn hive_root_access(&mut self, hive: &HiveRef) -> Result<HiveRootAccess, MachineError> {
        self.sample.pc.hive_root_access(hive)
    }

    fn account_rights(&mut self, sid: &SidText) -> Result<Vec<String>, MachineError> {
        self.sample.pc.account_rights(sid)
    }

    fn sids_seen(&mut self, scope: &Scope) -> Result<SidsSeen, MachineError> {
        self.look_up();
        let seen = self.sample.pc.sids_seen(scope)?;
        let late = self.sky.executed.contains("translate files");
        match self.has(Flaw::SkipVerify) && late {
            true => Ok(self.as_wished(seen)),
            false => Ok(seen),
        }
    }

    fn reach(&mut self, target: &JoinTarget) -> Result<Reach, MachineError> {
        self.look_up();
        let reach = self.sample.pc.reach(target)?;
        if matches!(reach, Reach::No { .. }) {
            self.sky.met.network += 1;
        }
        Ok(reach)
    }

    fn prove_join(&mut self, target: &JoinTarget) -> Result<JoinProof, MachineError> {
        self.look_up();
        let proof = self.sample.pc.prove_join(target);
        let proof = self.seen(proof);
        if *target == self.sample.target {
            self.sky.last_proof = Some(proof.clone().map(drop));
        }
        if self.has(Flaw::BelieveTheJoin) {
            return Ok(JoinProof {
                principal: "somebody".to_owned(),
                server: "nobody".to_owned(),
                method: "exit code 0".to_owned(),
            });
        }
        proof
    }

    fn restarts(&mut self) -> bool {
        self.sample.pc.restarts() && !self.has(Flaw::ForgetRestart)
    }

    fn registration(&mut self) -> Result<Option<EntraDevice>, MachineError> {
        self.sample.pc.registration()
    }

    fn enrolments(&mut self) -> Result<Vec<String>, MachineError> {
        self.sample.pc.enrolments()
    }

    fn prove_sign_in(&mut self, name: &str, password: &Secret) -> Result<(), MachineError> {
        self.look_up();
        let result = self.sample.pc.prove_sign_in(name, password);
        self.seen(result)
    }

    fn prepare(&mut self, change: &Change, cx: &mut Cx<'_>) -> Result<Before, MachineError> {
        self.look_up();
        let result = self.sample.pc.prepare(change, cx);
        self.seen(result)
    }

    fn execute(
        &mut self,
        change: &Change,
        before: &Before,
        cx: &mut Cx<'_>,
    ) -> Result<Outcome, MachineError> {
        self.look_up();
        let what = change.describe();
        if self
            .sky
            .silent
            .as_ref()
            .is_some_and(|s| what.starts_with(s))
        {
            self.sky.silent = None;
            self.sky.met.silent += 1;
            self.sky.executed.insert(what);
            return Ok(Self::pretend(before));
        }
        if self.has(Flaw::ForgetGuard)
            && matches!(change, Change::SetAccountRight { right, .. } if right.contains("Remote"))
        {
            return Ok(Self::pretend(before));
        }
        if self.has(Flaw::SwapSteps) {
            match change {
                Change::RekeyProfile { .. } => {
                    self.put_off.push((change.clone(), before.clone()));
                    return Ok(Self::pretend(before));
                }
                Change::TranslateLocalGroups { .. } => {
                    for (change, before) in std::mem::take(&mut self.put_off) {
                        self.sample.pc.execute(&change, &before, cx)?;
                    }
                }
                _ => {}
            }
        }
        let result = self.sample.pc.execute(change, before, cx);
        let again = !self.sky.executed.insert(what);
        if self.has(Flaw::RepeatBadly)
            && again
            && matches!(change, Change::TranslateLocalGroups { .. })
        {
            self.add_again();
        }
        self.seen(result)
    }

    fn revert(
        &mut self,
        change: &Change,
        before: &Before,
        cx: &mut Cx<'_>,
    ) -> Result<Undone, MachineError> {
        self.look_up();
        let dropped = match change {
            Change::TranslateHive { .. } => self.has(Flaw::DropUndo),
            Change::Rename { .. } => self.has(Flaw::ForgetName),
            Change::SetAccountRight { right, .. } => {
                self.has(Flaw::LeaveGuardUp) && right.contains("Remote")
            }
            _ => false,
        };
        if dropped {
            return Ok(Undone::default());
        }
        let late = matches!(
            change,
            Change::Join { .. } | Change::RekeyProfile { .. } | Change::ClearEnrolments { .. }
        );
        if self.has(Flaw::UndoForward) && late {
            self.undo_later.push((change.clone(), before.clone()));
            return Ok(Undone::default());
        }
        let result = self.sample.pc.revert(change, before, cx);
        self.seen(result)
    }

    fn finish(&mut self) -> Result<(), MachineError> {
        let mut store = MemoryStore::default();
        let mut progress = StopAfter::never();
        let inputs = MemoryInputs::new(
            self.sample
                .users
                .iter()
                .map(|(_, source, target)| (source.clone(), target.clone())),
            [],
        );
        let mut cx = Cx {
            store: &mut store,
            progress: &mut progress,
            inputs: &inputs,
        };
        for (change, before) in std::mem::take(&mut self.undo_later).into_iter().rev() {
            self.sample.pc.revert(&change, &before, &mut cx)?;
        }
        self.sample.pc.finish()
    }
}

//! Reads the device back, apart from everything the run remembers doing, and
//! compares: forward with what the map demands, back with the baseline.

use std::collections::{BTreeMap, BTreeSet};

use gw_model::{StepName, UserOutcome, UserResult};
use gw_platform::{
    Change, FileScope, HiveRef, MachineError, Mode, Pending, Scope, SidCount, SidMap, SidText,
    SidsSeen,
};
use gw_runbook::{Area, PermissionMode};
use gw_secdesc::Sid;

use super::forward::reading_failed;
use super::{Failure, Halt, Run};
use crate::access::{RunInputs, map_name};
use crate::compile::{areas_read, file_scope, user_hives};
use crate::journal::{Event, Side, Survey, UserPlan};
use crate::rundir::OrderFile;
use crate::state::Staged;

/// What the run changes, and therefore what is read back.
pub(super) fn scope(order: &OrderFile, survey: &Survey, users: &[UserPlan]) -> Scope {
    let settings = &order.settings;
    let on = settings.mode != PermissionMode::Leave;
    let mut hives: Vec<HiveRef> = user_hives(survey, users).map(|i| i.hive.clone()).collect();
    if settings.areas.registry {
        hives.extend([HiveRef::Software, HiveRef::System]);
    }
    Scope {
        files: file_scope(order, survey, users),
        hives: if on { hives } else { Vec::new() },
        profiles: true,
        groups: true,
        areas: areas_read(order, users.iter().map(|u| (&u.source_sid, &u.path))),
    }
}

impl Run<'_> {
    /// Reads everything back, proves the join, and records the outcome.
    pub(super) fn verify(&mut self) -> Result<(), Halt> {
        let (Some(staged), Some(survey)) = (self.state.staged.clone(), self.state.survey.clone())
        else {
            return Ok(());
        };
        let target = staged.plan.iter().find_map(|p| match &p.change.change {
            Change::Join { target, .. } => Some(target.clone()),
            _ => None,
        });
        let wrong = |error| reading_failed(StepName::Verify, error);
        let map = self.map(&staged).map_err(wrong)?;
        let scope = scope(&self.order, &survey, &staged.users);
        let seen = self.machine.sids_seen(&scope).map_err(wrong)?;
        let mode = match self.order.settings.mode {
            PermissionMode::Leave => None,
            PermissionMode::Add => Some(Mode::Add),
            PermissionMode::Replace => Some(Mode::Replace),
        };
        let mut problems = self.names(&survey, &staged).map_err(wrong)?;
        if let Some(mode) = mode {
            if mode == Mode::Replace {
                let areas = self.order.settings.areas;
                problems.extend(leftovers(&map, &seen, areas.local_groups));
            }
            problems.extend(missing(&map, mode, &staged.baseline, &seen, &self.order));
            problems.extend(self.registrations(&staged).map_err(wrong)?);
            problems.extend(self.hive_roots(&survey, &staged).map_err(wrong)?);
        }
        if !problems.is_empty() {
            problems.truncate(20);
            return Err(Halt::Failed(Failure {
                step: StepName::Verify,
                seq: None,
                error: format!(
                    "the device was read back and differs: {}",
                    problems.join("; ")
                ),
                remedy: "look at the named objects; the device goes back by itself".to_owned(),
            }));
        }
        let users = self.outcomes(&staged, &survey, &map).map_err(wrong)?;
        // Last, because it can stop being true while everything else is read.
        if let Some(target) = &target {
            self.prove(StepName::Verify, target, Side::Target)?;
        }
        let evidence = vec![
            format!("{} distinct SIDs read back", seen.distinct().len()),
            format!("{} pairs checked", map.len()),
        ];
        self.record(Event::Verified { users, evidence })
    }

    /// On the way back: what is not as it was, by the pairs of the run.
    pub(super) fn differences_from_baseline(&mut self) -> Result<Vec<String>, Halt> {
        let (Some(staged), Some(survey)) = (self.state.staged.clone(), self.state.survey.clone())
        else {
            return Ok(Vec::new());
        };
        if self.state.changes.is_empty() {
            return Ok(Vec::new());
        }
        let wrong = |error| reading_failed(StepName::WayBack, error);
        let map = self.map(&staged).map_err(wrong)?;
        let scope = scope(&self.order, &survey, &staged.users);
        let now = self.machine.sids_seen(&scope).map_err(wrong)?;
        let mut out = Vec::new();
        for sid in map.pairs().flat_map(|(a, b)| [a, b]) {
            for (place, was, is) in [
                (
                    "files",
                    of(&staged.baseline.files, sid),
                    of(&now.files, sid),
                ),
                (
                    "hives",
                    in_hives(&staged.baseline, sid),
                    in_hives(&now, sid),
                ),
            ] {
                if was != is {
                    out.push(format!("{sid} in {place}: {was:?} before, {is:?} now"));
                }
            }
            let groups = |seen: &SidsSeen| seen.groups.get(sid).copied().unwrap_or(0);
            let profiles = |seen: &SidsSeen| seen.profiles.contains(sid);
            for (area, counts) in &staged.baseline.areas {
                let now = now.areas.get(area).and_then(|now| now.get(sid));
                if counts.get(sid) != now {
                    out.push(format!("{sid} in {area}"));
                }
            }
            if groups(&staged.baseline) != groups(&now) {
                out.push(format!("{sid} in local groups"));
            }
            if profiles(&staged.baseline) != profiles(&now) {
                out.push(format!("the profile registration of {sid}"));
            }
        }
        out.truncate(20);
        let (was, is) = (
            &survey.facts.computer_name,
            self.computer_name().map_err(wrong)?,
        );
        if *was != is {
            out.push(format!("the computer is called {is} instead of {was}"));
        }
        Ok(out)
    }

    fn map(&self, staged: &Staged) -> Result<SidMap, MachineError> {
        use gw_platform::Inputs;
        let inputs = RunInputs {
            shared: self.shared,
        };
        inputs.map(&staged.map).map_err(|error| match error {
            MachineError::Missing { .. } => MachineError::Missing {
                object: map_name(&staged.map),
            },
            other => other,
        })
    }

    /// The device is called what the plan calls it, in this boot already.
    fn names(&mut self, survey: &Survey, staged: &Staged) -> Result<Vec<String>, MachineError> {
        let new = staged.plan.iter().find_map(|p| match &p.change.change {
            Change::Rename { to, .. } => Some(to),
            _ => None,
        });
        let wanted = new.unwrap_or(&survey.facts.computer_name);
        let facts = self.machine.facts()?;
        let mut out = Vec::new();
        if !facts.computer_name.eq_ignore_ascii_case(wanted) {
            out.push(format!(
                "the computer is called {} instead of {wanted}",
                facts.computer_name
            ));
        }
        out.extend(facts.pending.into_iter().filter_map(|one| match one {
            Pending::RenameOrJoin { because } if new.is_some() => Some(because),
            _ => None,
        }));
        Ok(out)
    }

    /// Each profile is registered for its target and no longer for its source.
    fn registrations(&mut self, staged: &Staged) -> Result<Vec<String>, MachineError> {
        let profiles = self.machine.profiles()?;
        Ok(staged
            .users
            .iter()
            .filter(|user| {
                !profiles
                    .iter()
                    .any(|p| p.sid == user.target_sid && p.path.same(&user.path))
                    || profiles.iter().any(|p| p.sid == user.source_sid)
            })
            .map(|user| format!("{} is not registered for {}", user.path, user.target_sid))
            .collect())
    }

    /// A hive whose root lacks one of three full controls gives the user a
    /// temporary profile.
    fn hive_roots(
        &mut self,
        survey: &Survey,
        staged: &Staged,
    ) -> Result<Vec<String>, MachineError> {
        let mut out = Vec::new();
        for info in user_hives(survey, &staged.users) {
            let owner = staged
                .users
                .iter()
                .find(|user| info.profile.as_ref().is_some_and(|p| p.same(&user.path)));
            let Some(owner) = owner.filter(|_| info.owner_needs_root) else {
                continue;
            };
            let access = self.machine.hive_root_access(&info.hive)?;
            let needs = [
                SidText::SYSTEM,
                SidText::ADMINISTRATORS,
                owner.target_sid.as_str(),
            ];
            for sid in needs {
                let has = |list: &[SidText]| list.iter().any(|one| one.as_str() == sid);
                if !has(&access.full_control) || has(&access.denied) {
                    out.push(format!(
                        "the root of {} does not give {sid} full control",
                        info.hive.label()
                    ));
                }
            }
        }
        Ok(out)
    }

    fn outcomes(
        &mut self,
        staged: &Staged,
        survey: &Survey,
        map: &SidMap,
    ) -> Result<Vec<UserOutcome>, MachineError> {
        let ignored = file_scope(&self.order, survey, &staged.users)
            .map(|scope| scope.ignored)
            .unwrap_or_default();
        let mut out = Vec::new();
        for user in &staged.users {
            let own = Scope {
                files: Some(FileScope {
                    roots: vec![user.path.clone()],
                    ignored: ignored.clone(),
                    count_under: Vec::new(),
                }),
                hives: user_hives(survey, std::slice::from_ref(user))
                    .map(|info| info.hive.clone())
                    .collect(),
                ..Scope::default()
            };
            let seen = self.machine.sids_seen(&own)?;
            let left: u64 = map
                .pairs()
                .map(|(source, _)| {
                    of(&seen.files, source).total() + in_hives(&seen, source).total()
                })
                .sum();
            let mut outcome = self.outcome(user, UserResult::Migrated);
            outcome.leftover_source_sids = left;
            out.push(outcome);
        }
        Ok(out)
    }

    /// The numbers of one user, from the plan of the changes made.
    pub(super) fn outcome(&self, user: &UserPlan, result: UserResult) -> UserOutcome {
        let mut outcome = UserOutcome {
            user: user.user.clone(),
            source_sid: sid(&user.source_sid),
            target_sid: Some(sid(&user.target_sid)),
            result,
            files_seen: 0,
            files_changed: 0,
            keys_changed: 0,
            leftover_source_sids: 0,
            detail: None,
        };
        for mark in self.state.changes.values() {
            match &mark.change {
                Change::TranslateFiles { .. } => {
                    if let Some(own) = mark.before.counts.by_folder.get(user.path.as_str()) {
                        outcome.files_seen += own.seen;
                        outcome.files_changed += own.changed;
                    }
                }
                Change::TranslateHive {
                    hive: HiveRef::User { file },
                    ..
                } if file.is_under(&user.path) => {
                    outcome.keys_changed += mark.before.counts.changed;
                }
                _ => {}
            }
        }
        outcome
    }
}

/// Mapped sources that are still named in scope.
fn leftovers(map: &SidMap, seen: &SidsSeen, groups: bool) -> Vec<String> {
    let mut out = Vec::new();
    for (source, _) in map.pairs() {
        let files = of(&seen.files, source).total();
        if files > 0 {
            out.push(format!("{source} is still in {files} places of files"));
        }
        for (hive, counts) in &seen.hives {
            if of(counts, source).total() > 0 {
                out.push(format!("{source} is still in {hive}"));
            }
        }
        for (area, counts) in &seen.areas {
            if counts.contains_key(source) {
                out.push(format!("{source} is still in {area}"));
            }
        }
        if groups && seen.groups.contains_key(source) {
            out.push(format!("{source} is still in a local group"));
        }
    }
    out
}

/// Targets that are not where their sources were.
fn missing(
    map: &SidMap,
    mode: Mode,
    was: &SidsSeen,
    is: &SidsSeen,
    order: &OrderFile,
) -> Vec<String> {
    let mut out = BTreeSet::new();
    // Adding changes lists, never an owner or a group.
    let expected = |before: SidCount| match mode {
        Mode::Replace => [before.owner, before.group, before.dacl, before.sacl],
        Mode::Add => [0, 0, before.dacl, before.sacl],
    };
    let lacks = |before: SidCount, now: SidCount| {
        let now = [now.owner, now.group, now.dacl, now.sacl];
        expected(before)
            .iter()
            .zip(now)
            .any(|(before, now)| *before > 0 && now == 0)
    };
    for (source, target) in map.pairs() {
        if lacks(of(&was.files, source), of(&is.files, target)) {
            out.insert(format!("{target} is missing in files"));
        }
        for (hive, counts) in &was.hives {
            let now = is.hives.get(hive).map(|now| of(now, target));
            if lacks(of(counts, source), now.unwrap_or_default()) {
                out.insert(format!("{target} is missing in {hive}"));
            }
        }
        for area in demanded(mode) {
            let names = |seen: &SidsSeen, sid| {
                let counts = seen.areas.get(area.label());
                counts.is_some_and(|counts| counts.contains_key(sid))
            };
            if names(was, source) && !names(is, target) {
                out.insert(format!("{target} is missing in {}", area.label()));
            }
        }
        if order.settings.areas.local_groups
            && was.groups.contains_key(source)
            && !is.groups.contains_key(target)
        {
            out.insert(format!("{target} is missing in local groups"));
        }
    }
    out.into_iter().collect()
}

/// Areas in which a target must be wherever its source was. In *add*, what has
/// one owner may stay; caches are gone either way.
fn demanded(mode: Mode) -> &'static [Area] {
    const LISTS: &[Area] = &[Area::Services, Area::Shares, Area::Com, Area::UserRights];
    const ALL: &[Area] = &[
        Area::Services,
        Area::Shares,
        Area::Com,
        Area::UserRights,
        Area::Printers,
        Area::Firewall,
        Area::ScheduledTasks,
        Area::InstallerData,
        Area::RecycleBins,
        Area::KeyStores,
    ];
    match mode {
        Mode::Replace => ALL,
        Mode::Add => LISTS,
    }
}

fn of(counts: &BTreeMap<SidText, SidCount>, sid: &SidText) -> SidCount {
    counts.get(sid).copied().unwrap_or_default()
}

fn in_hives(seen: &SidsSeen, sid: &SidText) -> SidCount {
    let mut sum = SidCount::default();
    for counts in seen.hives.values() {
        sum.add(&of(counts, sid));
    }
    sum
}

/// A `SidText` is canonical, so the codec always takes it.
pub(super) fn sid(text: &SidText) -> Sid {
    text.as_str()
        .parse()
        .unwrap_or_else(|_| unreachable!("{text} is canonical"))
}

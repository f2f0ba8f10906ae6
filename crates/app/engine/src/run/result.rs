//! The result of a run, from its journal.

use std::collections::BTreeMap;

use gw_model::{FinalState, RunKind, StepName, UserOutcome, UserResult};
use gw_platform::{Counts, HiveRef};
use gw_runbook::PermissionMode;

use super::verify::sid;
use super::{EngineError, Run};
use crate::journal::{Event, UserPlan};
use crate::rundir::{RESULT, ResultFile, StepReport, UnmappedProfile};

impl Run<'_> {
    /// Writes the result and, unless the device is held, destroys the secrets.
    /// May be repeated.
    pub(super) fn settle(&mut self) -> Result<(), EngineError> {
        let result = self.result()?;
        let io = |name: &str, what| {
            let name = name.to_owned();
            move |source| EngineError::Io { name, what, source }
        };
        let bytes = serde_json::to_vec_pretty(&result)
            .map_err(|error| EngineError::Failed(error.to_string()))?;
        let mut shared = self.shared.borrow_mut();
        // The journal is written; what was set aside for it makes room now.
        shared.storage.release();
        let old = shared.storage.read(RESULT).map_err(io(RESULT, "read"))?;
        if old.as_deref() != Some(&bytes) {
            shared
                .storage
                .write(RESULT, &bytes)
                .map_err(io(RESULT, "written"))?;
        }
        // A held run may still need them.
        if result.state != FinalState::Held {
            shared
                .storage
                .destroy_secrets()
                .map_err(io("secrets", "destroyed"))?;
        }
        Ok(())
    }

    fn result(&mut self) -> Result<ResultFile, EngineError> {
        let join = self.machine.join_state()?;
        let shared = self.shared.borrow();
        let records = shared.journal.records();
        let (Some(first), Some(last)) = (records.first(), records.last()) else {
            return Err(EngineError::Failed("the journal is empty".to_owned()));
        };
        let (state, because) = self
            .state
            .final_state
            .clone()
            .ok_or_else(|| EngineError::Failed("no final state is reached".to_owned()))?;
        // `Final` is the record that counts, whatever a later start added.
        let ended = records
            .iter()
            .rev()
            .find(|record| matches!(record.event, Event::Final { .. }))
            .map_or(last.at, |record| record.at);
        Ok(ResultFile {
            v: 1,
            run_id: self.order.run_id,
            kind: self.order.kind,
            state,
            because,
            verified: state == FinalState::Migrated && self.state.verified.is_some(),
            began: first.at,
            ended,
            reboots: self.state.reboots,
            attempts: self.state.attempts,
            join,
            proof: self.state.proof.as_ref().map(|(_, proof)| proof.clone()),
            steps: self.steps(),
            users: self.user_outcomes(state),
            unmapped_profiles: self.unmapped(),
            counts: self.counts(),
            undone_objects: self.state.undone_objects(),
            findings: self.state.findings.clone(),
            notes: self.notes(),
            error: self.state.first_error.clone(),
        })
    }

    fn steps(&self) -> Vec<StepReport> {
        self.state
            .steps
            .iter()
            .map(|(step, mark)| StepReport {
                step: *step,
                state: mark.state,
                duration_ms: u64::try_from(
                    mark.ended
                        .signed_duration_since(mark.began)
                        .num_milliseconds(),
                )
                .unwrap_or(0),
                detail: mark.detail.clone(),
            })
            .collect()
    }

    fn user_outcomes(&self, state: FinalState) -> Vec<UserOutcome> {
        let users: &[UserPlan] = match &self.state.staged {
            Some(staged) => &staged.users,
            None => &[],
        };
        let mut out: Vec<UserOutcome> = match (state, &self.state.verified) {
            (FinalState::Migrated, Some(verified)) => verified.clone(),
            _ => users
                .iter()
                .map(|user| {
                    let mut outcome = match self.order.kind {
                        RunKind::Rehearse => self.planned(user),
                        _ => self.outcome(user, UserResult::Restored),
                    };
                    if state == FinalState::Held {
                        outcome.result = UserResult::Failed;
                        outcome.detail = Some("the device is held".to_owned());
                    }
                    outcome
                })
                .collect(),
        };
        for profile in self.unmapped() {
            out.push(UserOutcome {
                user: profile
                    .path
                    .file_name()
                    .unwrap_or(profile.path.as_str())
                    .to_owned(),
                source_sid: sid(&profile.sid),
                target_sid: None,
                result: UserResult::Unmapped,
                files_seen: 0,
                files_changed: 0,
                keys_changed: 0,
                leftover_source_sids: 0,
                detail: None,
            });
        }
        out
    }

    /// A rehearsal's numbers of one user.
    fn planned(&self, user: &UserPlan) -> UserOutcome {
        let mut outcome = self.outcome(user, UserResult::Restored);
        let shared = self.shared.borrow();
        for record in shared.journal.records() {
            let Event::Planned { change, counts, .. } = &record.event else {
                continue;
            };
            match &change.change {
                gw_platform::Change::TranslateFiles { .. } => {
                    if let Some(own) = counts.by_folder.get(user.path.as_str()) {
                        outcome.files_seen += own.seen;
                        outcome.files_changed += own.changed;
                    }
                }
                gw_platform::Change::TranslateHive {
                    hive: HiveRef::User { file },
                    ..
                } if file.is_under(&user.path) => outcome.keys_changed += counts.changed,
                _ => {}
            }
        }
        outcome
    }

    fn unmapped(&self) -> Vec<UnmappedProfile> {
        let (Some(staged), Some(survey)) = (&self.state.staged, &self.state.survey) else {
            return Vec::new();
        };
        if self.order.settings.mode == PermissionMode::Leave {
            return Vec::new();
        }
        survey
            .profiles
            .iter()
            .filter(|profile| {
                !staged
                    .users
                    .iter()
                    .any(|user| user.source_sid == profile.sid)
            })
            .map(|profile| UnmappedProfile {
                sid: profile.sid.clone(),
                path: profile.path.clone(),
            })
            .collect()
    }

    fn counts(&self) -> BTreeMap<String, Counts> {
        let mut out: BTreeMap<String, Counts> = BTreeMap::new();
        let made = self
            .state
            .changes
            .values()
            .map(|mark| (mark.step, &mark.before.counts));
        let planned = self.state.planned.iter().map(|(step, c)| (*step, c));
        for (step, counts) in made.chain(planned) {
            add(out.entry(step_name(step)).or_default(), counts);
        }
        out
    }

    fn notes(&self) -> Vec<String> {
        let mut notes: Vec<String> = Vec::new();
        for mark in self.state.changes.values() {
            notes.extend(mark.before.notes.iter().cloned());
            if let Some(undone) = &mark.undone {
                notes.extend(undone.notes.iter().cloned());
            }
            if mark.undone_going_back
                && let gw_platform::UndoClass::Equivalent { differences } = &mark.before.undo
            {
                notes.extend(differences.iter().cloned());
            }
        }
        notes.truncate(200);
        notes
    }
}

fn step_name(step: StepName) -> String {
    match serde_json::to_value(step) {
        Ok(serde_json::Value::String(name)) => name,
        _ => format!("{step:?}"),
    }
}

fn add(sum: &mut Counts, more: &Counts) {
    sum.seen += more.seen;
    sum.changed += more.changed;
    sum.descriptors += more.descriptors;
    sum.descriptors_changed += more.descriptors_changed;
    sum.ignored += more.ignored;
    sum.fallbacks += more.fallbacks;
    sum.refused += more.refused;
    sum.text_sids += more.text_sids;
    sum.undo_bytes += more.undo_bytes;
    for (folder, counts) in &more.by_folder {
        let own = sum.by_folder.entry(folder.clone()).or_default();
        own.seen += counts.seen;
        own.changed += counts.changed;
    }
}

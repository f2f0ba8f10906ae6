//! The way forward: preflight, stage, then the plan, step by step.

use gw_model::{FinalState, StepName, StepState};
use gw_platform::{
    Change, ChangeDoc, JoinProof, JoinState, JoinTarget, MachineError, Reach, SecretId,
};
use sha2::{Digest, Sha256};

use super::{EngineError, Exit, Failure, Halt, Run, read};
use crate::access::{RunInputs, map_name, map_ref};
use crate::compile::{self, compile, survey_scope};
use crate::journal::{Change1, Event, Finding, Severity, Side, Survey};
use crate::preflight;
use crate::rundir::{ESCROW, EscrowFile, STAGE, StageFile, read_document};

impl Run<'_> {
    pub(super) fn forward(&mut self) -> Result<Exit, Halt> {
        if let Some(exit) = self.until_staged()? {
            return Ok(exit);
        }
        if let Some(exit) = self.secure_a_way_in()? {
            return Ok(exit);
        }
        for step in PLAN_STEPS {
            if self.state.is_done(step) {
                continue;
            }
            self.stop_if_asked()?;
            self.in_time(step)?;
            self.run_step(step)?;
        }
        self.clean_up()
    }

    /// Fails when the target was not reached and verified in time.
    fn in_time(&self, step: StepName) -> Result<(), Halt> {
        match self.state.verified.is_none() && self.is_late() {
            true => Err(Halt::Failed(Failure {
                step,
                seq: None,
                error: format!(
                    "the target was not reached within {} s",
                    self.order.settings.budget_s
                ),
                remedy: "see what took so long, or give the runbook a longer time budget"
                    .to_owned(),
            })),
            false => Ok(()),
        }
    }

    /// What was rewritten is not what was wanted, and nothing leads back: from
    /// its before-images it can be rewritten once more. A join stays, because
    /// it is proven by itself.
    pub(super) fn begin_rewriting_anew(&mut self) -> Result<(), Halt> {
        let steps = || {
            PLAN_STEPS
                .into_iter()
                .skip_while(|step| *step != StepName::Join)
                .skip(1)
                .take_while(|step| *step != StepName::Verify)
        };
        let made: Vec<u64> = self
            .state
            .changes
            .iter()
            .rev()
            .filter(|(_, mark)| steps().any(|step| step == mark.step))
            .filter(|(_, mark)| mark.undone.is_none())
            .map(|(seq, _)| *seq)
            .collect();
        for seq in made {
            self.undo_one(seq)?;
        }
        for step in steps() {
            if self.state.is_done(step) {
                self.step(step, StepState::Undone, None)?;
            }
        }
        Ok(())
    }

    /// The fallback administrator: made, proven, and its password in safe hands
    /// before anything else changes.
    fn secure_a_way_in(&mut self) -> Result<Option<Exit>, Halt> {
        let changes = self.changes_of(StepName::Stage);
        let Some(Change::MakeAdministrator { name, password }) =
            changes.last().map(|(_, change)| change.clone())
        else {
            return Ok(None);
        };
        if self.state.escrowed {
            return Ok(None);
        }
        for (seq, change) in &changes {
            self.apply(*seq, StepName::Stage, change)?;
        }
        self.way_in(&name, &password)
            .map_err(|error| reading_failed(StepName::Stage, error))?;
        let bytes = read(self.shared.borrow().storage, ESCROW)?;
        let Some(bytes) = bytes else {
            return Ok(Some(Exit::NeedsEscrow));
        };
        let file: EscrowFile = read_document(ESCROW, &bytes).map_err(EngineError::from)?;
        if !file.acknowledged.contains(&password) {
            return Ok(Some(Exit::NeedsEscrow));
        }
        self.record(Event::Escrowed {
            escrow_sha256: hex::encode(Sha256::digest(&bytes)),
        })?;
        Ok(None)
    }

    /// Signs the fallback administrator in.
    pub(super) fn way_in(&mut self, name: &str, password: &SecretId) -> Result<(), MachineError> {
        use gw_platform::Inputs;
        let inputs = RunInputs {
            shared: self.shared,
        };
        let secret = inputs.secret(password)?;
        self.machine.prove_sign_in(name, &secret)
    }

    /// Changes of one step of the plan, by number.
    fn changes_of(&self, step: StepName) -> Vec<(u64, Change)> {
        self.state
            .staged
            .iter()
            .flat_map(|staged| &staged.plan)
            .enumerate()
            .filter(|(_, planned)| planned.step == step)
            .map(|(seq, planned)| (seq as u64, planned.change.change.clone()))
            .collect()
    }

    /// Preflight and stage; `Some` when the agent must act first.
    pub(super) fn until_staged(&mut self) -> Result<Option<Exit>, Halt> {
        if !self.state.is_done(StepName::Preflight) {
            self.begin(StepName::Preflight)?;
            let survey = self.survey()?;
            let findings = preflight::device(&self.order, &survey);
            self.record(Event::NeedsStage(Box::new(survey)))?;
            self.report(findings, StepName::Preflight)?;
            self.step(StepName::Preflight, StepState::Done, None)?;
        }
        if self.state.staged.is_some() {
            return Ok(None);
        }
        let bytes = read(self.shared.borrow().storage, STAGE)?;
        let Some(bytes) = bytes else {
            return Ok(Some(Exit::NeedsStage));
        };
        self.begin(StepName::Stage)?;
        self.stage(&bytes)?;
        self.step(StepName::Stage, StepState::Done, None)?;
        Ok(None)
    }

    fn survey(&mut self) -> Result<Survey, Halt> {
        let machine = &mut *self.machine;
        let mut read = || -> Result<Survey, MachineError> {
            let (profiles, hives) = (machine.profiles()?, machine.hives()?);
            let seen = machine.sids_seen(&survey_scope(&self.order, &profiles, &hives))?;
            Ok(Survey {
                facts: machine.facts()?,
                join: machine.join_state()?,
                groups: machine.local_groups()?,
                sids: seen.distinct(),
                profiles,
                hives,
                seen,
                registration: machine.registration()?,
                enrolments: machine.enrolments()?,
                restarts: machine.restarts(),
            })
        };
        read().map_err(|error| reading_failed(StepName::Preflight, error))
    }

    fn stage(&mut self, bytes: &[u8]) -> Result<(), Halt> {
        let stage: StageFile = read_document(STAGE, bytes).map_err(EngineError::from)?;
        let Some(survey) = self.state.survey.clone() else {
            return Err(EngineError::Refused("the journal holds no survey".to_owned()).into());
        };
        let wrong = |error| reading_failed(StepName::Stage, error);
        self.shared
            .borrow_mut()
            .storage
            .reserve(RESERVE)
            .map_err(|error| wrong(MachineError::io("the space for the journal", &error)))?;
        let reach = match &stage.target {
            Some(target) => self.machine.reach(target).map_err(wrong)?,
            None => Reach::Unknown,
        };
        let profiles = self.machine.profiles().map_err(wrong)?;
        let findings = preflight::staged(&self.order, &survey, &stage, &profiles, &reach);
        self.report(findings, StepName::Stage)?;
        let map = stage.map().map_err(|error| {
            Halt::Failed(Failure {
                step: StepName::Stage,
                seq: None,
                error: error.to_string(),
                remedy: "correct the translation table".to_owned(),
            })
        })?;
        let reference = map_ref(&map);
        let name = map_name(&reference);
        self.shared
            .borrow_mut()
            .storage
            .write(&name, map.to_csv().as_bytes())
            .map_err(|source| EngineError::Io {
                name,
                what: "written",
                source,
            })?;
        let users = compile::users(&self.order, &survey, &stage);
        let scope = super::verify::scope(&self.order, &survey, &users);
        let baseline = self.machine.sids_seen(&scope).map_err(wrong)?;
        let plan = compile(&self.order, &survey, &stage, &reference)
            .into_iter()
            .flat_map(|step| {
                step.changes.into_iter().map(move |planned| Change1 {
                    step: step.name,
                    change: ChangeDoc::from(planned.change),
                    restart: planned.restart,
                })
            })
            .collect();
        self.record(Event::Staged {
            stage_sha256: hex::encode(Sha256::digest(bytes)),
            map: reference,
            return_grade: stage.return_grade,
            users,
            baseline,
            plan,
        })
    }

    fn report(&mut self, findings: Vec<Finding>, step: StepName) -> Result<(), Halt> {
        let blocking: Vec<&Finding> = findings
            .iter()
            .filter(|finding| finding.severity == Severity::Blocks)
            .collect();
        let error = blocking
            .iter()
            .map(|finding| finding.evidence.as_str())
            .collect::<Vec<_>>()
            .join("; ");
        let remedy = blocking
            .iter()
            .map(|finding| finding.remedy.as_str())
            .collect::<Vec<_>>()
            .join("; ");
        let blocked = !blocking.is_empty();
        for finding in findings {
            self.record(Event::Finding(finding))?;
        }
        match blocked {
            true => Err(Halt::Failed(Failure {
                step,
                seq: None,
                error,
                remedy,
            })),
            false => Ok(()),
        }
    }

    fn run_step(&mut self, step: StepName) -> Result<(), Halt> {
        let changes = self.changes_of(step);
        let reads_only = matches!(step, StepName::Verify | StepName::GuardsDown);
        if changes.is_empty() && !reads_only {
            return self.step(step, StepState::Skipped, None);
        }
        self.begin(step)?;
        for (seq, change) in &changes {
            self.in_time(step)?;
            self.apply(*seq, step, change)?;
        }
        match step {
            StepName::Leave | StepName::Join => {
                for (seq, change) in &changes {
                    self.check_membership(step, *seq, change)?;
                    self.check_name(step, *seq, change)?;
                }
            }
            StepName::Verify => self.verify()?,
            StepName::GuardsDown => {
                self.guards_down()?;
                self.hold_behind_guards()?;
            }
            _ => {}
        }
        self.step(step, StepState::Done, None)
    }

    /// Reads the membership back, and proves a join with the device's secret.
    fn check_membership(&mut self, step: StepName, seq: u64, change: &Change) -> Result<(), Halt> {
        let failed = |error: String, remedy: &str| {
            Halt::Failed(Failure {
                step,
                seq: Some(seq),
                error,
                remedy: remedy.to_owned(),
            })
        };
        let now = self
            .machine
            .join_state()
            .map_err(|error| reading_failed(step, error))?;
        match change {
            Change::Leave { .. } => match now {
                JoinState::Workgroup { .. } => Ok(()),
                other => Err(failed(
                    format!("the device still belongs to {}", other.describe()),
                    "leave the directory by hand and run again",
                )),
            },
            Change::Join { target, .. } => {
                if !target.holds(&now) {
                    // An exit code is no proof: packages fail silently. Another
                    // try has to begin anew.
                    self.undo_one(seq)?;
                    return Err(failed(
                        format!("after joining, the device belongs to {}", now.describe()),
                        "look at the join state of the device",
                    ));
                }
                self.prove(step, target, Side::Target)
            }
            _ => Ok(()),
        }
    }

    /// Reads the name back. A join that was made under the wrong one is taken
    /// back with it, so that another try begins anew.
    fn check_name(&mut self, step: StepName, seq: u64, change: &Change) -> Result<(), Halt> {
        let Change::Rename { to, .. } = change else {
            return Ok(());
        };
        let now = self
            .computer_name()
            .map_err(|error| reading_failed(step, error))?;
        if now.eq_ignore_ascii_case(to) {
            return Ok(());
        }
        let since: Vec<u64> = self
            .changes_of(step)
            .into_iter()
            .map(|(seq, _)| seq)
            .filter(|one| *one >= seq)
            .collect();
        for seq in since.into_iter().rev() {
            self.undo_one(seq)?;
        }
        Err(Halt::Failed(Failure {
            step,
            seq: Some(seq),
            error: format!("after renaming, the computer is called {now} instead of {to}"),
            remedy: "look at the names of the computer in the registry".to_owned(),
        }))
    }

    /// What the device is called.
    pub(super) fn computer_name(&mut self) -> Result<String, MachineError> {
        Ok(self.machine.facts()?.computer_name)
    }

    /// The device authenticates as itself.
    pub(super) fn prove(
        &mut self,
        step: StepName,
        target: &JoinTarget,
        side: Side,
    ) -> Result<(), Halt> {
        let mut pauses = self.options.retry_after.iter();
        loop {
            match self.machine.prove_join(target) {
                Ok(proof) => return self.record(Event::Proof { of: side, proof }),
                Err(error) if error.is_transient() => match pauses.next() {
                    Some(pause) => std::thread::sleep(*pause),
                    None => match self.proof_can_wait(target)? {
                        Some(proof) => return self.record(Event::Proof { of: side, proof }),
                        None => return Err(reading_failed(step, error)),
                    },
                },
                Err(error) => return Err(reading_failed(step, error)),
            }
        }
    }

    /// A device that joined offline has nobody to ask yet; that it says so
    /// itself is all there is, and the evidence says no more.
    fn proof_can_wait(&mut self, target: &JoinTarget) -> Result<Option<JoinProof>, Halt> {
        let JoinTarget::ActiveDirectoryOffline(ad) = target else {
            return Ok(None);
        };
        let now = self.machine.join_state().map_err(EngineError::from)?;
        Ok(target.holds(&now).then(|| JoinProof {
            principal: ad.account_name.clone(),
            server: "none".to_owned(),
            method: "the device's own state; no controller has been asked yet".to_owned(),
        }))
    }

    /// Guards come down by their before-images, last first.
    pub(super) fn guards_down(&mut self) -> Result<(), Halt> {
        for seq in self.state.guards() {
            self.undo_one(seq)?;
        }
        Ok(())
    }

    /// A device whose users are still locked out is not migrated; the next
    /// start tries to lift the guard again.
    fn hold_behind_guards(&mut self) -> Result<(), Halt> {
        let stuck: Vec<String> = self
            .state
            .changes
            .values()
            .filter(|mark| mark.step == StepName::GuardsUp && mark.given_up)
            .map(|mark| mark.change.describe())
            .collect();
        if stuck.is_empty() {
            return Ok(());
        }
        let because = format!("moved, but a guard is still up: {}", stuck.join("; "));
        let exit = self.final_state(FinalState::Held, because)?;
        Err(Halt::Exit(exit))
    }

    fn clean_up(&mut self) -> Result<Exit, Halt> {
        self.begin(StepName::CleanUp)?;
        self.machine
            .finish()
            .map_err(|error| Halt::Error(EngineError::Machine(error)))?;
        self.step(StepName::CleanUp, StepState::Done, None)?;
        self.final_state(FinalState::Migrated, "verified".to_owned())
    }
}

/// A view that cannot be read fails the step; a power cut ends the process.
pub(super) fn reading_failed(step: StepName, error: MachineError) -> Halt {
    match error {
        MachineError::PowerCut => Halt::Error(EngineError::Machine(error)),
        MachineError::Stopped => Halt::Exit(Exit::Stopped),
        error => Halt::Failed(Failure {
            step,
            seq: None,
            remedy: error.remedy().to_owned(),
            error: error.to_string(),
        }),
    }
}

/// Bytes set aside for the journal and the result: enough for the records of a
/// whole way back.
const RESERVE: u64 = 4 << 20;

/// Steps of the plan in order; clean-up ends the run and is not among them.
const PLAN_STEPS: [StepName; 10] = [
    StepName::GuardsUp,
    StepName::Leave,
    StepName::Join,
    StepName::Profiles,
    StepName::Files,
    StepName::UserHives,
    StepName::MachineHives,
    StepName::LocalGroups,
    StepName::Verify,
    StepName::GuardsDown,
];

//! What a journal adds up to. Pure: the same records give the same state, in
//! the process that wrote them and in any later one.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use gw_model::{FinalState, StepName, StepState, UserOutcome};
use gw_platform::{Before, Change, JoinProof, MapRef, Outcome, SidsSeen, Undone};

use crate::RETURN_SEQ;
use crate::journal::{Change1, Direction, Event, Finding, Record, Side, Survey, UserPlan};
use crate::rundir::ErrorReport;

/// State of one run.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) attempts: u32,
    pub(crate) reboots: u32,
    pub(crate) steps: BTreeMap<StepName, StepMark>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) survey: Option<Box<Survey>>,
    pub(crate) staged: Option<Staged>,
    pub(crate) changes: BTreeMap<u64, ChangeMark>,
    pub(crate) planned: Vec<(StepName, gw_platform::Counts)>,
    pub(crate) cursors: BTreeMap<(u64, Direction), u64>,
    pub(crate) proof: Option<(Side, JoinProof)>,
    pub(crate) verified: Option<Vec<UserOutcome>>,
    pub(crate) first_error: Option<ErrorReport>,
    pub(crate) failures_of: BTreeMap<u64, u32>,
    pub(crate) going_back: Option<GoingBack>,
    pub(crate) needs_return: bool,
    /// The boot the last process began in.
    pub(crate) boot: Option<String>,
    /// The boot that last wanted a restart.
    pub(crate) restart_wanted_in: Option<String>,
    /// The clock of the last record.
    pub(crate) clock: Option<DateTime<Utc>>,
    /// Milliseconds since the first change beyond the fallback administrator,
    /// by the records' own clock: time that runs backwards does not count, so a
    /// clock that is set back cannot stretch a budget.
    pub(crate) spent_ms: i64,
    /// The same since a return ticket was first needed.
    pub(crate) waited_ms: i64,
    /// The fallback administrator's password is in safe hands.
    pub(crate) escrowed: bool,
    /// Ticket last taken up and the change that uses it.
    pub(crate) returning: Option<(String, u64)>,
    /// The source accepted the device again.
    pub(crate) returned: bool,
    pub(crate) final_state: Option<(FinalState, String)>,
}

/// Where a step stands.
#[derive(Debug, Clone)]
pub(crate) struct StepMark {
    pub(crate) state: StepState,
    pub(crate) began: DateTime<Utc>,
    pub(crate) ended: DateTime<Utc>,
    pub(crate) detail: Option<String>,
}

/// The accepted stage package.
#[derive(Debug, Clone)]
pub(crate) struct Staged {
    pub(crate) map: MapRef,
    pub(crate) users: Vec<UserPlan>,
    pub(crate) baseline: SidsSeen,
    pub(crate) plan: Vec<Change1>,
}

/// Where a change stands.
#[derive(Debug, Clone)]
pub(crate) struct ChangeMark {
    pub(crate) step: StepName,
    pub(crate) change: Change,
    pub(crate) before: Before,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) undone: Option<Undone>,
    pub(crate) undone_going_back: bool,
    pub(crate) given_up: bool,
    /// Boot in which it was done.
    pub(crate) done_in: Option<String>,
    /// Boot in which it was undone.
    pub(crate) undone_in: Option<String>,
    /// Number of the record that says so.
    pub(crate) undone_at: Option<u64>,
}

/// The way back was taken.
#[derive(Debug, Clone)]
pub(crate) struct GoingBack {
    pub(crate) because: String,
}

impl State {
    /// Adds up all records.
    pub(crate) fn of(records: &[Record]) -> State {
        let mut state = State::default();
        for record in records {
            state.add(record);
        }
        state
    }

    /// Adds one record.
    pub(crate) fn add(&mut self, record: &Record) {
        let passed = self.passed(record.at);
        if self.budget_runs() {
            self.spent_ms = self.spent_ms.saturating_add(passed);
        }
        if self.needs_return {
            self.waited_ms = self.waited_ms.saturating_add(passed);
        }
        self.clock = Some(record.at);
        match &record.event {
            Event::Opened { .. } | Event::Stopped {} | Event::WayIn { .. } => {}
            Event::Started { attempt, boot_id } => {
                self.attempts = *attempt;
                self.boot = Some(boot_id.clone());
                // A held run that is taken up again has its whole time again.
                if self.final_state.take().is_some() {
                    self.spent_ms = 0;
                    self.waited_ms = 0;
                    self.needs_return = false;
                }
            }
            Event::Escrowed { .. } => self.escrowed = true,
            Event::Step {
                step,
                state,
                detail,
            } => self.step(*step, *state, detail.clone(), record.at),
            // A check that was interrupted is made again.
            Event::Finding(finding) if self.findings.contains(finding) => {}
            Event::Finding(finding) => self.findings.push(finding.clone()),
            Event::NeedsStage(survey) => self.survey = Some(survey.clone()),
            Event::Staged {
                map,
                users,
                baseline,
                plan,
                ..
            } => {
                self.staged = Some(Staged {
                    map: map.clone(),
                    users: users.clone(),
                    baseline: baseline.clone(),
                    plan: plan.clone(),
                });
            }
            Event::Intent {
                seq,
                step,
                change,
                before,
            } => {
                self.changes.insert(
                    *seq,
                    ChangeMark {
                        step: *step,
                        change: change.change.clone(),
                        before: before.clone(),
                        outcome: None,
                        undone: None,
                        undone_going_back: false,
                        given_up: false,
                        done_in: None,
                        undone_in: None,
                        undone_at: None,
                    },
                );
            }
            Event::Progress {
                seq,
                direction,
                cursor,
                ..
            } => {
                self.cursors.insert((*seq, *direction), *cursor);
            }
            Event::Done { seq, outcome } => {
                if let Some(mark) = self.changes.get_mut(seq) {
                    mark.outcome = Some(outcome.clone());
                    mark.done_in = self.boot.clone();
                    mark.undone = None;
                    mark.given_up = false;
                }
            }
            Event::Planned { step, counts, .. } => self.planned.push((*step, counts.clone())),
            Event::Proof { of, proof } => {
                self.returned |= *of == Side::Source;
                self.proof = Some((*of, proof.clone()));
            }
            Event::Verified { users, .. } => self.verified = Some(users.clone()),
            Event::Failed {
                step,
                seq,
                error,
                remedy,
            } => {
                if let Some(seq) = seq {
                    *self.failures_of.entry(*seq).or_default() += 1;
                }
                self.first_error.get_or_insert_with(|| ErrorReport {
                    step: *step,
                    message: error.clone(),
                    remedy: remedy.clone(),
                });
            }
            Event::GoingBack { because, .. } => {
                self.final_state = None;
                self.going_back.get_or_insert_with(|| GoingBack {
                    because: because.clone(),
                });
            }
            Event::Undone {
                seq,
                undone,
                given_up,
            } => {
                let back = self.going_back.is_some();
                if let Some(mark) = self.changes.get_mut(seq) {
                    mark.undone = Some(undone.clone());
                    mark.undone_going_back = back;
                    mark.given_up = *given_up;
                    mark.undone_in = self.boot.clone();
                    mark.undone_at = Some(record.n);
                }
            }
            Event::NeedsReturn { .. } => self.needs_return = true,
            Event::Returning { return_sha256, seq } => {
                self.returning = Some((return_sha256.clone(), *seq));
            }
            Event::RebootWanted { boot_id } => {
                if self.restart_wanted_in.as_ref() != Some(boot_id) {
                    self.reboots += 1;
                }
                self.restart_wanted_in = Some(boot_id.clone());
            }
            Event::Final { state, because } => {
                self.final_state = Some((*state, because.clone()));
            }
        }
    }

    fn step(
        &mut self,
        step: StepName,
        state: StepState,
        detail: Option<String>,
        at: DateTime<Utc>,
    ) {
        let mark = self.steps.entry(step).or_insert(StepMark {
            state,
            began: at,
            ended: at,
            detail: None,
        });
        mark.state = state;
        mark.ended = at;
        if detail.is_some() {
            mark.detail = detail;
        }
    }

    /// Milliseconds from the last record until `now`, never negative.
    pub(crate) fn passed(&self, now: DateTime<Utc>) -> i64 {
        self.clock
            .map_or(0, |then| now.signed_duration_since(then).num_milliseconds())
            .max(0)
    }

    /// Whether the time budget has begun: with the first change that somebody
    /// could notice. The fallback administrator waits for its escrow as long as
    /// the server is away, and the device is at work meanwhile.
    pub(crate) fn budget_runs(&self) -> bool {
        self.changes
            .values()
            .any(|mark| mark.step != StepName::Stage)
    }

    /// Fallback administrators that were made and are still there.
    pub(crate) fn administrators(&self) -> Vec<u64> {
        self.changes
            .iter()
            .filter(|(_, mark)| matches!(mark.change, Change::MakeAdministrator { .. }))
            .filter(|(_, mark)| mark.undone.is_none() || mark.given_up)
            .map(|(seq, _)| *seq)
            .collect()
    }

    /// Guards that may be up.
    pub(crate) fn guards(&self) -> Vec<u64> {
        self.changes
            .iter()
            .rev()
            .filter(|(_, mark)| mark.step == StepName::GuardsUp)
            .filter(|(_, mark)| mark.undone.is_none() || mark.given_up)
            .map(|(seq, _)| *seq)
            .collect()
    }

    /// Whether a step ended well (or was not part of the run).
    pub(crate) fn is_done(&self, step: StepName) -> bool {
        self.steps
            .get(&step)
            .is_some_and(|mark| matches!(mark.state, StepState::Done | StepState::Skipped))
    }

    /// The change that leaves the source, if the run has begun it.
    pub(crate) fn leave(&self) -> Option<&ChangeMark> {
        self.changes
            .iter()
            .take_while(|(seq, _)| **seq < RETURN_SEQ)
            .map(|(_, mark)| mark)
            .find(|mark| matches!(mark.change, Change::Leave { .. }))
    }

    /// Objects restored on the way back.
    pub(crate) fn undone_objects(&self) -> u64 {
        self.changes
            .values()
            .filter(|mark| mark.undone_going_back && !mark.given_up)
            .filter_map(|mark| mark.undone.as_ref())
            .map(|undone| undone.objects)
            .sum()
    }
}

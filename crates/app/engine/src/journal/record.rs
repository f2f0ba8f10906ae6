//! What a journal record can say. Fields are only ever added, with defaults:
//! a journal of an older version resumes.

use chrono::{DateTime, Utc};
use gw_model::{FinalState, RunId, RunKind, StepName, StepState, UserOutcome};
use gw_platform::{
    Before, ChangeDoc, Counts, EntraDevice, Facts, HiveInfo, JoinProof, JoinState, LocalGroup,
    MapRef, Outcome, Profile, SidText, SidsSeen, UndoClass, Undone, WinPath,
};
use serde::{Deserialize, Serialize};

use crate::rundir::ReturnGrade;

/// One record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Number from 0, without gaps; the idempotency key of a report.
    pub n: u64,
    /// The device's clock.
    pub at: DateTime<Utc>,
    /// Lower-case hex SHA-256 of the previous payload; empty for the first.
    pub prev: String,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// First record: binds the journal to its order.
    Opened {
        /// Version of the records.
        v: u16,
        /// The run.
        run_id: RunId,
        /// Run or rehearsal.
        kind: RunKind,
        /// SHA-256 of `order.json`.
        order_sha256: String,
    },
    /// A process took the run up.
    Started {
        /// From 1.
        attempt: u32,
        /// The boot it runs in.
        boot_id: String,
    },
    /// A step begins or ends.
    Step {
        /// Which.
        step: StepName,
        /// How it stands.
        state: StepState,
        /// For people.
        #[serde(default)]
        detail: Option<String>,
    },
    /// One preflight result.
    Finding(Finding),
    /// The device was read; the stage package is needed.
    NeedsStage(Box<Survey>),
    /// The stage package was accepted and the plan is fixed.
    Staged {
        /// SHA-256 of `stage.json`.
        stage_sha256: String,
        /// The pairs.
        map: MapRef,
        /// How the device can come back.
        return_grade: ReturnGrade,
        /// Users whose profiles change hands.
        users: Vec<UserPlan>,
        /// SIDs in the scope of the plan, right before the start: the baseline
        /// for verification, forward and back.
        baseline: SidsSeen,
        /// Every change in order; its index is its `seq`.
        plan: Vec<Change1>,
    },
    /// The before-image is safe; the change begins.
    Intent {
        /// Index in the plan, or at least [`crate::RETURN_SEQ`] for the way back.
        seq: u64,
        /// The step it belongs to.
        step: StepName,
        /// The change.
        change: ChangeDoc,
        /// Its before-image.
        before: Before,
    },
    /// Everything below `cursor` is on stable storage.
    Progress {
        /// The change.
        seq: u64,
        /// Making or undoing it.
        direction: Direction,
        /// Objects done.
        cursor: u64,
        /// Objects in all.
        total: u64,
    },
    /// The change is on stable storage.
    Done {
        /// The change.
        seq: u64,
        /// What it did.
        outcome: Outcome,
    },
    /// A rehearsal's change: what it would do.
    Planned {
        /// Index in the plan.
        seq: u64,
        /// The step it belongs to.
        step: StepName,
        /// The change.
        change: ChangeDoc,
        /// What it would cover.
        counts: Counts,
        /// How far it could be undone.
        undo: UndoClass,
    },
    /// The device authenticated as itself.
    Proof {
        /// To which side.
        of: Side,
        /// The evidence.
        proof: JoinProof,
    },
    /// Everything was read back and found right.
    Verified {
        /// What became of each profile.
        users: Vec<UserOutcome>,
        /// Evidence, for people.
        evidence: Vec<String>,
    },
    /// Something went wrong.
    Failed {
        /// In which step.
        step: StepName,
        /// With which change, if with one.
        #[serde(default)]
        seq: Option<u64>,
        /// What.
        error: String,
        /// What a person can do.
        remedy: String,
    },
    /// From here changes are undone, last first.
    GoingBack {
        /// Why.
        because: String,
        /// Somebody asked for it.
        #[serde(default)]
        requested: bool,
    },
    /// One change equals its before-image again.
    Undone {
        /// The change.
        seq: u64,
        /// What was restored.
        undone: Undone,
        /// It could not be restored; the notes say what is left.
        #[serde(default)]
        given_up: bool,
    },
    /// The device is in no directory and needs a return ticket.
    NeedsReturn {
        /// Why none was usable so far.
        because: String,
    },
    /// A return ticket was taken up.
    Returning {
        /// SHA-256 of `return.json`.
        return_sha256: String,
        /// The change that joins the source again.
        seq: u64,
    },
    /// The server holds the fallback administrator's password.
    Escrowed {
        /// SHA-256 of `escrow.json`.
        escrow_sha256: String,
    },
    /// Whether somebody can still get into a device that is in no directory.
    WayIn {
        /// The local administrator.
        account: String,
        /// Why it could not be proven; `None` when it was.
        #[serde(default)]
        problem: Option<String>,
    },
    /// The device must restart.
    RebootWanted {
        /// The boot that wanted it.
        boot_id: String,
    },
    /// Stopped at a checkpoint on request.
    Stopped {},
    /// A final state is reached.
    Final {
        /// Which.
        state: FinalState,
        /// Why.
        because: String,
    },
}

/// A planned change with its step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change1 {
    /// The step it belongs to.
    pub step: StepName,
    /// The change.
    pub change: ChangeDoc,
    /// The device restarts before the next one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub restart: bool,
}

/// Making or undoing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Making a change.
    Forward,
    /// Undoing it.
    Back,
}

/// Which directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Where the device came from.
    Source,
    /// Where it goes.
    Target,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Should be looked at.
    Warning,
    /// The run does not start.
    Blocks,
}

/// One preflight result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Stable name of the check.
    pub check: String,
    /// How bad.
    pub severity: Severity,
    /// What was found, on which object.
    pub evidence: String,
    /// Who can do what about it; empty when nothing needs doing.
    pub remedy: String,
}

/// A user whose profile changes hands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserPlan {
    /// Account name or folder, for people.
    pub user: String,
    /// Owner before.
    pub source_sid: SidText,
    /// Owner afterwards.
    pub target_sid: SidText,
    /// Profile folder.
    pub path: WinPath,
}

/// The device as it was before anything changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Survey {
    /// What it is.
    pub facts: Facts,
    /// Where it belongs.
    pub join: JoinState,
    /// Who lives on it.
    pub profiles: Vec<Profile>,
    /// Local groups.
    pub groups: Vec<LocalGroup>,
    /// Hives.
    pub hives: Vec<HiveInfo>,
    /// Distinct SIDs, sorted: what the stage request carries.
    pub sids: Vec<SidText>,
    /// The same with counts.
    pub seen: SidsSeen,
    /// Registration of a hybrid-joined device.
    #[serde(default)]
    pub registration: Option<EntraDevice>,
    /// Device-management enrolments.
    #[serde(default)]
    pub enrolments: Vec<String>,
    /// Restarts mean something on it.
    #[serde(default)]
    pub restarts: bool,
}

//! May this runbook start on this device now? A pure function; its table of cases stands in
//! `eligible/tests.rs` and names the rules it keeps.
//!
//! INVARIANT: the answer depends on nothing but its arguments. The server asks ahead of time to
//! decide whether an order may be handed out; the device judges the window again on its own clock.

use crate::Runbook;
use chrono::NaiveDateTime;
use gw_model::{
    Batch, DeviceId, DeviceTrust, DirectoryId, FinalState, LicenceRefusal, Moment, RunKind,
    RunState, RunbookId, Zone,
};
use serde::{Deserialize, Serialize};

/// What must be known of the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceCase {
    /// Which device.
    pub id: DeviceId,
    /// The directory that it is in now, if known.
    pub directory: Option<DirectoryId>,
    /// How far its live agent is trusted; none without an agent.
    pub trust: Option<DeviceTrust>,
    /// It runs a Windows Server edition.
    pub is_server: bool,
    /// Counts re-images: "runs once" counts per incarnation.
    pub incarnation: i64,
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The runbook.
    pub id: RunbookId,
    /// Its document.
    pub document: &'a Runbook,
    /// Run, rehearse or undo.
    pub kind: RunKind,
    /// An administrator asked for it again after it had ended on this device.
    pub again: bool,
}

/// An earlier run on the device, oldest first in a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PastRun {
    /// The runbook.
    pub runbook: RunbookId,
    /// The device's incarnation then.
    pub incarnation: i64,
    /// Run, rehearsal or undo.
    pub kind: RunKind,
    /// Where it stands.
    pub state: RunState,
    /// How it ended, if it has.
    pub result: Option<FinalState>,
}

/// The answer, with the reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "decision", content = "because", rename_all = "snake_case")]
pub enum Decision {
    /// Starts by itself, within 15 minutes if nobody is signed in.
    Run(RunBecause),
    /// The user may start it, and is asked to.
    Prompt(PromptBecause),
    /// Not now; nothing is wrong.
    Wait(WaitBecause),
    /// Not as things are; somebody must change something.
    Refuse(RefuseBecause),
}

impl Decision {
    /// May an order be handed to the device ahead of time? It carries the window along.
    #[must_use]
    pub fn may_be_ordered(&self) -> bool {
        matches!(
            self,
            Self::Run(_) | Self::Prompt(_) | Self::Wait(WaitBecause::NotYetAvailable { .. })
        )
    }

    /// The reason in words.
    #[must_use]
    pub fn because(&self) -> String {
        match self {
            Self::Run(because) => because.to_string(),
            Self::Prompt(because) => because.to_string(),
            Self::Wait(because) => because.to_string(),
            Self::Refuse(because) => because.to_string(),
        }
    }
}

/// Why it starts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum RunBecause {
    /// The date from which it is enforced has passed.
    #[error("enforced since {since}")]
    Enforced {
        /// In the batch's zone.
        since: NaiveDateTime,
        /// Whose clock counts.
        zone: Zone,
    },
    /// An administrator ordered it by hand.
    #[error("ordered by hand")]
    ByHand,
}

/// Why the user is asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum PromptBecause {
    /// The date from which it is available has passed.
    #[error("available since {since}{}", enforced.map(|at| format!(", enforced after {at}")).unwrap_or_default())]
    Available {
        /// In the batch's zone.
        since: NaiveDateTime,
        /// From when it starts by itself, if ever.
        enforced: Option<NaiveDateTime>,
        /// Whose clock counts.
        zone: Zone,
    },
}

/// What is waited for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum WaitBecause {
    /// The batch's first date lies ahead.
    #[error("available from {from}")]
    NotYetAvailable {
        /// In the batch's zone.
        from: NaiveDateTime,
        /// Whose clock counts.
        zone: Zone,
    },
    /// Another runbook must complete first on this device.
    #[error("waits for the prerequisite runbook {runbook} on this device")]
    Prerequisite {
        /// The first one that is missing.
        runbook: RunbookId,
    },
    /// One run per machine.
    #[error("another run is in progress on this device")]
    Busy,
    /// It is in progress or handed out.
    #[error("this runbook is in progress on this device")]
    InProgress,
    /// No agent yet.
    #[error(
        "no agent is enrolled on this device yet; deploy it, it gets its runbook on its first check"
    )]
    NoAgent,
    /// An administrator must approve.
    #[error("the agent waits for approval; approve the device")]
    NotApproved,
    /// Two agents claim the device.
    #[error("two agents claim this device; decide which of them is the device")]
    Conflict,
}

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum RefuseBecause {
    /// It completed on this device; a finished runbook does not run again.
    #[error(
        "this runbook completed on this device; it does not run again unless an administrator asks for it"
    )]
    Completed,
    /// The last attempt did not end in the target.
    #[error("the last run ended {}; read why, mend it, and order it again", result_word(*.result))]
    LastRunFailed {
        /// How it ended.
        result: FinalState,
    },
    /// The device is in no batch.
    #[error("the device is in no batch; add it to one")]
    NoBatch,
    /// Its batch does not hold this runbook.
    #[error("batch `{batch}` does not hold this runbook; attach it with its dates")]
    NotInBatch {
        /// The batch that the device is in.
        batch: String,
    },
    /// Windows Server, and the runbook does not allow it.
    #[error(
        "the device runs Windows Server and the runbook does not allow that; switch it on under General if it is meant"
    )]
    ServerOs,
    /// The batch's source is not one of the runbook's.
    #[error("the source of batch `{batch}` is not among the runbook's sources")]
    SourceNotInRunbook {
        /// The batch.
        batch: String,
    },
    /// Batch and runbook lead to different targets.
    #[error("batch `{batch}` and the runbook have different targets")]
    TargetDiffers {
        /// The batch.
        batch: String,
    },
    /// The runbook asks for something that is not carried out.
    #[error("the runbook asks for what this version does not do: {message}")]
    LeftOut {
        /// The first such thing.
        message: String,
    },
    /// The device is not in the directory that is left.
    #[error("the device is not in the source directory; it may have been moved already")]
    NotInSource,
    /// Its agent was revoked.
    #[error("the agent of this device was revoked; enrol it again")]
    Revoked,
    /// No licence covers it (A-151…A-153).
    #[error(transparent)]
    Licence {
        /// Why not.
        #[from]
        refusal: LicenceRefusal,
    },
}

fn result_word(result: FinalState) -> &'static str {
    match result {
        FinalState::Migrated => "migrated",
        FinalState::Restored => "restored: the device never left the source",
        FinalState::Returned => "returned: the device is in the source again",
        FinalState::Held => "held: the device is in no directory",
        FinalState::Rehearsed => "rehearsed",
    }
}

/// May this start now?
///
/// `batch` is the one batch that the device is in ([`gw_model::choose_batch`]); a rehearsal and an
/// undo need none, and no licence either. `licence` is the outcome of counting the device for the
/// batch's pair of directories; it is looked at last, so that a device which may not run anyway
/// does not use one.
#[must_use]
pub fn eligible(
    now: Moment,
    device: &DeviceCase,
    batch: Option<&Batch>,
    runbook: &Asked<'_>,
    history: &[PastRun],
    licence: &Result<(), LicenceRefusal>,
) -> Decision {
    let decided = match runbook.kind {
        RunKind::Run => judge_run(now, device, batch, runbook, history, licence),
        RunKind::Rehearse | RunKind::Undo => judge_by_hand(device, runbook, history),
    };
    decided.unwrap_or_else(|stop| stop)
}

fn judge_by_hand(
    device: &DeviceCase,
    runbook: &Asked<'_>,
    history: &[PastRun],
) -> Result<Decision, Decision> {
    let general = &runbook.document.general;
    let source = device
        .directory
        .is_some_and(|held| general.sources.contains(&held));
    if runbook.kind == RunKind::Rehearse && !source {
        return Err(Decision::Refuse(RefuseBecause::NotInSource));
    }
    if runbook.kind == RunKind::Rehearse {
        carried_out(runbook.document)?;
    }
    not_busy(runbook, history)?;
    trusted(device)?;
    Ok(Decision::Run(RunBecause::ByHand))
}

/// Nothing that the runbook asks for is passed over.
fn carried_out(document: &Runbook) -> Result<(), Decision> {
    match document.left_out().into_iter().find(|gap| gap.stops) {
        Some(gap) => Err(Decision::Refuse(RefuseBecause::LeftOut {
            message: gap.message,
        })),
        None => Ok(()),
    }
}

fn judge_run(
    now: Moment,
    device: &DeviceCase,
    batch: Option<&Batch>,
    runbook: &Asked<'_>,
    history: &[PastRun],
    licence: &Result<(), LicenceRefusal>,
) -> Result<Decision, Decision> {
    let refuse = |because| Err(Decision::Refuse(because));
    let general = &runbook.document.general;
    let batch = batch.ok_or(Decision::Refuse(RefuseBecause::NoBatch))?;
    let name = || batch.name.clone();
    let Some(attached) = batch
        .runbooks
        .iter()
        .find(|held| held.runbook == runbook.id)
    else {
        return refuse(RefuseBecause::NotInBatch { batch: name() });
    };
    if !general.sources.contains(&batch.source) {
        return refuse(RefuseBecause::SourceNotInRunbook { batch: name() });
    }
    if general.target != batch.target {
        return refuse(RefuseBecause::TargetDiffers { batch: name() });
    }
    carried_out(runbook.document)?;
    not_busy(runbook, history)?;
    let mine =
        |past: &&PastRun| past.incarnation == device.incarnation && past.kind == RunKind::Run;
    let completed = |id: RunbookId| {
        history
            .iter()
            .filter(mine)
            .any(|past| past.runbook == id && past.result == Some(FinalState::Migrated))
    };
    let last = history
        .iter()
        .filter(mine)
        .rev()
        .find(|past| past.runbook == runbook.id && past.result.is_some());
    if !runbook.again {
        if completed(runbook.id) {
            return refuse(RefuseBecause::Completed);
        }
        if let Some(result) = last.and_then(|past| past.result) {
            return refuse(RefuseBecause::LastRunFailed { result });
        }
    }
    if device.directory != Some(batch.source) {
        return refuse(RefuseBecause::NotInSource);
    }
    if device.is_server && !general.allow_server_os {
        return refuse(RefuseBecause::ServerOs);
    }
    if let Some(missing) = general.prerequisites.iter().find(|id| !completed(**id)) {
        return Err(Decision::Wait(WaitBecause::Prerequisite {
            runbook: *missing,
        }));
    }
    trusted(device)?;
    if let Err(refusal) = licence {
        return refuse(RefuseBecause::Licence {
            refusal: refusal.clone(),
        });
    }
    if runbook.again {
        return Ok(Decision::Run(RunBecause::ByHand));
    }
    let window = &attached.window;
    let (zone, since) = (window.zone(), window.available_from());
    Ok(match window.enforced_after() {
        Some(since) if window.is_enforced(now) => {
            Decision::Run(RunBecause::Enforced { since, zone })
        }
        enforced if window.is_available(now) => Decision::Prompt(PromptBecause::Available {
            since,
            enforced,
            zone,
        }),
        _ => Decision::Wait(WaitBecause::NotYetAvailable { from: since, zone }),
    })
}

/// One run per machine: nothing else may be in progress, and nothing is ordered twice. Orders of
/// several runbooks may wait on a device side by side, each with its own dates.
fn not_busy(runbook: &Asked<'_>, history: &[PastRun]) -> Result<(), Decision> {
    let same = |past: &PastRun| past.runbook == runbook.id && past.kind == runbook.kind;
    for past in history {
        match past.state {
            RunState::Ordered | RunState::Running if same(past) => {
                return Err(Decision::Wait(WaitBecause::InProgress));
            }
            RunState::Running => return Err(Decision::Wait(WaitBecause::Busy)),
            RunState::Ordered | RunState::Finished | RunState::Cancelled => {}
        }
    }
    Ok(())
}

/// Orders go to trusted agents only.
fn trusted(device: &DeviceCase) -> Result<(), Decision> {
    match device.trust {
        Some(DeviceTrust::Trusted) => Ok(()),
        None => Err(Decision::Wait(WaitBecause::NoAgent)),
        Some(DeviceTrust::Pending) => Err(Decision::Wait(WaitBecause::NotApproved)),
        Some(DeviceTrust::Conflict) => Err(Decision::Wait(WaitBecause::Conflict)),
        Some(DeviceTrust::Revoked) => Err(Decision::Refuse(RefuseBecause::Revoked)),
    }
}

#[cfg(test)]
mod tests;

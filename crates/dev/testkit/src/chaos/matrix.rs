//! Every boundary of every flow, cut once for each way on.
//!
//! A boundary lies before each instruction that can be interrupted: every
//! journal record before it is written and before it is flushed, every
//! before-image, every write and flush on the device. All journal boundaries
//! (intent before change, change before done, between steps) are among them.

use gw_engine::Request;
use gw_engine::journal::Event;
use gw_model::FinalState;

use super::flow::{Flow, Name, comparable};
use super::oracle::{Snapshot, called, difference};
use super::rig::{Cut, Rig, Setup};

/// What the matrix found for one flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowRow {
    /// Which.
    pub flow: Flow,
    /// Whether the device was renamed.
    pub name: Name,
    /// Changes of its plan.
    pub changes: u64,
    /// Steps that ran.
    pub steps: u64,
    /// Records in its journal.
    pub records: u64,
    /// Restarts.
    pub restarts: u64,
    /// Boundaries that were cut.
    pub boundaries: u64,
    /// Runs: each boundary resumed and undone.
    pub runs: u64,
    /// What differed from the oracle's snapshot, with the boundary.
    pub differences: Vec<String>,
}

/// Cuts `flow` at every `stride`-th boundary, then resumes or undoes.
///
/// # Errors
/// When the unbroken run does not migrate.
pub fn matrix(flow: Flow, name: Name, stride: usize) -> Result<FlowRow, String> {
    let mut whole = Rig::new(Setup::named(flow, name));
    let state = whole.play(Request::Go)?;
    if state != FinalState::Migrated {
        return Err(format!("{}: an unbroken run ends {state:?}", flow.name()));
    }
    let goal = comparable(&whole.sample.pc.snapshot(), false);
    let boundaries = whole.storage.fuse.ticks();
    let records = whole.records();
    let steps = records.iter().filter(|record| {
        matches!(
            record.event,
            Event::Step {
                state: gw_model::StepState::Done,
                ..
            }
        )
    });
    let restarts = records
        .iter()
        .filter(|record| matches!(record.event, Event::RebootWanted { .. }));
    let changes = records
        .iter()
        .filter(|record| matches!(record.event, Event::Intent { .. }));
    let mut row = FlowRow {
        flow,
        name,
        changes: changes.count() as u64,
        steps: steps.count() as u64,
        records: records.len() as u64,
        restarts: restarts.count() as u64,
        boundaries: 0,
        runs: 0,
        differences: Vec::new(),
    };
    for at in (0..boundaries).step_by(stride) {
        row.boundaries += 1;
        for undo in [false, true] {
            row.runs += 1;
            if let Err(different) = one(&whole.setup, at, undo, &goal) {
                let way = if undo { "undo" } else { "resume" };
                row.differences
                    .push(format!("cut at {at}, then {way}: {different}"));
            }
        }
    }
    Ok(row)
}

fn one(setup: &Setup, at: u64, undo: bool, goal: &Snapshot) -> Result<(), String> {
    let mut rig = Rig::new(setup.clone());
    rig.seed = at.wrapping_mul(31) + 7;
    let cut = if at % 3 == 2 { Cut::Kill } else { Cut::Power };
    rig.cuts = vec![(at, cut)];
    let ended = rig.play_to_cut();
    let request = if undo { Request::Undo } else { Request::Go };
    let nothing_yet = undo && rig.records().is_empty();
    let end = match ended {
        Some(_) if !undo => FinalState::Migrated,
        _ if nothing_yet => FinalState::Restored,
        _ => rig.play(request)?,
    };
    let now = rig.sample.pc.snapshot();
    let wanted: &[FinalState] = match undo {
        true => &[FinalState::Restored, FinalState::Returned],
        false => &[FinalState::Migrated],
    };
    if !wanted.contains(&end) {
        return Err(format!("ended {end:?}"));
    }
    let came_back = undo;
    let different = match undo {
        true => difference(
            &comparable(&now, came_back),
            &comparable(&rig.start, came_back),
        ),
        false => difference(&comparable(&now, false), goal),
    };
    different.map_or(Ok(()), Err)?;
    called(&mut rig, end)
}

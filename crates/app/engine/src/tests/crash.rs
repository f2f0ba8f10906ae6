//! The power fails at every instruction: every write, flush and sync of device,
//! journal and undo store, forward and back. The oracle is a snapshot of the
//! PC, kept apart from the journal.
//!
//! A suite that cannot find a planted mistake proves nothing, so each mistake
//! of [`Defect`] must turn it red.

use std::collections::BTreeMap;

use gw_model::FinalState;

use super::bench::{Home, Rig};
use crate::journal::{Event, read_frames};
use crate::run::{Defect, Request};
use crate::rundir::ResultFile;

/// What happens to the run besides the power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scenario {
    /// Nothing: it migrates.
    Forward,
    /// The target refuses the account.
    JoinRefused,
    /// The last rewrite fails for good.
    LateFailure,
    /// Somebody asks for undo after it has migrated.
    UndoAfterwards,
}

impl Scenario {
    const ALL: [Scenario; 4] = [
        Scenario::Forward,
        Scenario::JoinRefused,
        Scenario::LateFailure,
        Scenario::UndoAfterwards,
    ];

    fn rig(self) -> Rig {
        let mut rig = Rig::sized(2, 3, |_| {});
        match self {
            Scenario::Forward | Scenario::UndoAfterwards => {}
            Scenario::JoinRefused => {
                let directory = rig.sample.pc.network.get_mut("target.test").unwrap();
                directory.passwords.clear();
                rig.home = Home::StaleFirst;
            }
            Scenario::LateFailure => rig.sample.pc.faults.push(gw_platform::fake::Fault {
                phase: gw_platform::fake::Phase::Execute,
                object: "translate local groups".to_owned(),
                error: gw_platform::MachineError::AccessDenied {
                    object: "SAM".to_owned(),
                },
                times: 999,
            }),
        }
        rig
    }

    fn play(self, rig: &mut Rig) -> Result<FinalState, String> {
        let first = rig.play()?;
        match self {
            Scenario::UndoAfterwards if first == FinalState::Migrated => {
                rig.play_from(Request::Undo)
            }
            _ => Ok(first),
        }
    }
}

/// What must be the same with and without the cut.
type End = (FinalState, BTreeMap<String, Vec<u8>>, Vec<String>);

fn end(rig: &Rig, state: FinalState) -> Result<End, String> {
    let frames = read_frames(&rig.storage.journal_as_seen()).map_err(|error| error.to_string())?;
    let last = frames.records.iter().rev().find_map(|r| match &r.event {
        Event::Final { state, .. } => Some(*state),
        Event::Started { .. } => None,
        _ => None,
    });
    if last != Some(state) {
        return Err(format!("the journal ends in {last:?}"));
    }
    let result: ResultFile = rig.result();
    if !rig.storage.secrets.is_empty() {
        return Err("a secret is left".to_owned());
    }
    let facts = vec![
        format!("{:?}", result.state),
        format!("{:?}", result.users),
        format!("{:?}", result.counts),
        format!("{:?}", result.undone_objects),
        format!("{:?}", result.verified),
    ];
    Ok((state, rig.snapshot(), facts))
}

/// Cuts the power once at every instruction from `from` on (at every third when
/// a defect is planted); the message of the first difference.
fn matrix(scenario: Scenario, defect: Option<Defect>, from: u64) -> Result<u64, String> {
    let stride = if defect.is_some() { 3 } else { 1 };
    let mut whole = scenario.rig();
    let start = whole.snapshot();
    let state = scenario.play(&mut whole)?;
    let goal = end(&whole, state)?;
    match state {
        FinalState::Migrated => assert_ne!(goal.1, start),
        _ => assert_eq!(goal.1, start, "{scenario:?} without a cut"),
    }
    let instructions = whole.storage.fuse.ticks();
    for at in (from..instructions).step_by(stride) {
        let mut rig = scenario.rig();
        if let Some(defect) = defect {
            rig = rig.with_defect(defect);
        }
        rig.storage.fuse.arm(at, at.wrapping_mul(31) + 7);
        let state = scenario
            .play(&mut rig)
            .map_err(|error| format!("cut at {at}: {error}"))?;
        let got = end(&rig, state).map_err(|error| format!("cut at {at}: {error}"))?;
        if got.0 != goal.0 {
            return Err(format!("cut at {at}: {:?} instead of {:?}", got.0, goal.0));
        }
        for (key, value) in &goal.1 {
            if got.1.get(key) != Some(value) {
                return Err(format!("cut at {at}: {key} differs"));
            }
        }
        if got.1.len() != goal.1.len() {
            return Err(format!("cut at {at}: something was left behind"));
        }
        if got.2 != goal.2 {
            return Err(format!("cut at {at}: {:?} instead of {:?}", got.2, goal.2));
        }
    }
    Ok(instructions)
}

#[test]
fn power_cuts_forward() {
    let instructions = matrix(Scenario::Forward, None, 0).unwrap();
    assert!(instructions > 200, "{instructions} instructions");
}

#[test]
fn power_cuts_when_the_join_is_refused() {
    matrix(Scenario::JoinRefused, None, 0).unwrap();
}

#[test]
fn power_cuts_when_the_last_rewrite_fails() {
    matrix(Scenario::LateFailure, None, 0).unwrap();
}

#[test]
fn power_cuts_during_an_undo() {
    matrix(Scenario::UndoAfterwards, None, 0).unwrap();
}

#[test]
fn many_power_cuts_in_one_run() {
    for seed in 0..12u64 {
        let mut rig = Scenario::LateFailure.rig();
        let start = rig.snapshot();
        let mut next = 20 + seed * 5;
        rig.storage.fuse.arm(next, seed);
        let mut state = None;
        for _ in 0..40 {
            match rig.play_until_cut() {
                Some(done) => {
                    state = Some(done);
                    break;
                }
                None => {
                    next = rig.storage.fuse.ticks() + 15 + seed;
                    rig.storage.fuse.arm(next, seed * 7 + next);
                }
            }
        }
        assert_eq!(state, Some(Ok(FinalState::Returned)), "seed {seed}");
        assert_eq!(rig.snapshot(), start, "seed {seed}");
    }
}

/// Each planted mistake is found by at least one scenario, well after the start.
#[test]
fn planted_defects_are_found() {
    for defect in [
        Defect::DropUndo,
        Defect::SkipFlush,
        Defect::SwapRecords,
        Defect::KeepTornTail,
    ] {
        let found: Vec<String> = Scenario::ALL
            .into_iter()
            .filter_map(|scenario| matrix(scenario, Some(defect), 40).err())
            .collect();
        assert!(!found.is_empty(), "{defect:?} went unseen");
        println!("{defect:?}: {}", found.join(" | "));
    }
}

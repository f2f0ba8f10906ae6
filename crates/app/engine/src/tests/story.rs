//! Runs as they happen: forward, back, held, rehearsed.

use gw_model::{FinalState, RunKind, StepName, UserResult};
use gw_platform::fake::{Fault, Phase};
use gw_platform::{JoinState, Machine, MachineError, SidText};
use gw_runbook::{LeaveFrom, PermissionMode};

use super::bench::{Home, Rig};
use crate::journal::{Event, read_frames};
use crate::run::{Exit, Request};
use crate::rundir::{ORDER, ReturnGrade, STAGE};

pub(super) fn fault(phase: Phase, object: &str, error: MachineError, times: u32) -> Fault {
    Fault {
        phase,
        object: object.to_owned(),
        error,
        times,
    }
}

pub(super) fn denied() -> MachineError {
    MachineError::AccessDenied {
        object: "it".to_owned(),
    }
}

/// Whether anybody is kept from signing in.
pub(super) fn guarded(cells: &std::collections::BTreeMap<String, Vec<u8>>) -> bool {
    cells
        .iter()
        .filter(|(key, _)| key.starts_with("right/"))
        .any(|(_, held)| String::from_utf8_lossy(held).contains("SeDeny"))
}

#[test]
fn a_run_migrates_and_leaves_nothing_behind() {
    let mut rig = Rig::new(|_| {});
    let start = rig.snapshot();
    assert_eq!(rig.play(), Ok(FinalState::Migrated));
    let result = rig.result();
    assert!(result.verified);
    assert_eq!(result.undone_objects, 0);
    let users: Vec<_> = result
        .users
        .iter()
        .map(|u| {
            (
                u.result,
                u.files_seen,
                u.files_changed,
                u.leftover_source_sids,
            )
        })
        .collect();
    // Folder, six files and a key folder each; the PC has no unreadable and no ignored ones there.
    assert_eq!(
        users,
        [
            (UserResult::Migrated, 9, 9, 0),
            (UserResult::Migrated, 9, 9, 0),
            (UserResult::Unmapped, 0, 0, 0)
        ]
    );
    assert!(result.users[0].keys_changed > 80, "{:?}", result.users[0]);
    let source = rig.sample.users[0].1.to_string();
    let end = rig.snapshot();
    assert!(!guarded(&end), "a guard is still up");
    assert!(!end.contains_key(&format!("profile/{source}")));
    let values = String::from_utf8_lossy(&end["hive/SOFTWARE"]);
    assert!(!values.contains("legalnotice"), "the notice is still there");
    let stranger = |key: &&String| key.contains("stranger") || key.contains("-1999");
    for key in start.keys().filter(stranger) {
        assert_eq!(start[key], end[key], "{key} has no pair");
    }
    assert!(rig.storage.secrets.is_empty(), "secrets are destroyed");
    assert_eq!(
        rig.start(Request::Go).unwrap(),
        Exit::Final(FinalState::Migrated)
    );
}

#[test]
fn no_secret_enters_journal_or_documents() {
    let mut rig = Rig::new(|_| {});
    rig.sample
        .pc
        .network
        .get_mut("target.test")
        .unwrap()
        .passwords
        .clear();
    assert_eq!(rig.play(), Ok(FinalState::Returned));
    let mut all = rig.storage.journal.clone();
    rig.storage.documents.values().for_each(|d| all.extend(d));
    let text = String::from_utf8_lossy(&all);
    for secret in ["target-0", "source-0", "source-1"] {
        assert!(!text.contains(&format!("\"{secret}\"")), "{secret}");
        let bytes: Vec<String> = secret.bytes().map(|b| b.to_string()).collect();
        assert!(!text.contains(&bytes.join(",")), "{secret} as numbers");
    }
}

#[test]
fn a_refused_join_returns_to_the_start() {
    for (home, tickets) in [(Home::Ticket, 1), (Home::StaleFirst, 2)] {
        let mut rig = Rig::new(|_| {});
        rig.home = home;
        let start = rig.snapshot();
        rig.sample
            .pc
            .network
            .get_mut("target.test")
            .unwrap()
            .passwords
            .clear();
        assert_eq!(rig.play(), Ok(FinalState::Returned), "{home:?}");
        assert_eq!(rig.snapshot(), start, "{home:?}");
        assert_eq!(rig.tickets, tickets);
        let source = rig.sample.source.clone();
        assert!(rig.sample.pc.prove_join(&source).is_ok(), "usable again");
        let error = rig.result().error.unwrap();
        assert_eq!(error.step, StepName::Join);
        assert!(rig.storage.secrets.is_empty());
    }
}

#[test]
fn a_target_lost_after_the_last_rewrite_returns_everything() {
    let mut rig = Rig::new(|_| {});
    let start = rig.snapshot();
    // Joined and proven; then the target goes away before verification.
    rig.storage.stop_at_append.set(Some(1));
    loop {
        match rig.start(Request::Go).unwrap() {
            Exit::NeedsStage => rig.deliver_stage(),
            Exit::Stopped => {
                rig.storage.stop.set(false);
                let frames = read_frames(&rig.storage.journal).unwrap();
                let rewritten = frames.records.iter().any(|record| {
                    matches!(
                        &record.event,
                        Event::Step {
                            step: StepName::LocalGroups,
                            state: gw_model::StepState::Done,
                            ..
                        }
                    )
                });
                if rewritten {
                    break;
                }
                rig.storage.stop_at_append.set(Some(1));
            }
            other => panic!("{other:?}"),
        }
    }
    rig.storage.stop_at_append.set(None);
    rig.sample
        .pc
        .network
        .get_mut("target.test")
        .unwrap()
        .reachable = false;
    assert_ne!(rig.snapshot(), start);
    assert_eq!(rig.play(), Ok(FinalState::Returned));
    assert_eq!(rig.snapshot(), start);
    let result = rig.result();
    assert_eq!(result.error.unwrap().step, StepName::Verify);
    assert!(result.undone_objects > 20, "{}", result.undone_objects);
}

#[test]
fn a_failure_before_leaving_restores() {
    let failures = [
        fault(Phase::Execute, "give", denied(), 9),
        fault(Phase::Prepare, "leave", denied(), 9),
        fault(Phase::Execute, "leave", denied(), 9),
        fault(
            Phase::Prepare,
            "give",
            MachineError::DiskFull {
                object: "undo".to_owned(),
            },
            9,
        ),
    ];
    for failure in failures {
        let mut rig = Rig::new(|_| {});
        let start = rig.snapshot();
        let label = format!("{failure:?}");
        rig.sample.pc.faults.push(failure);
        assert_eq!(rig.play(), Ok(FinalState::Restored), "{label}");
        assert_eq!(rig.snapshot(), start, "{label}");
        assert_eq!(rig.tickets, 0, "{label}: no ticket is used in vain");
    }
}

#[test]
fn a_failure_after_leaving_returns() {
    let busy = || MachineError::InUse {
        object: "it".to_owned(),
    };
    let full = || MachineError::DiskFull {
        object: "it".to_owned(),
    };
    let failures = [
        fault(
            Phase::Execute,
            r"C:\Users\user1\Documents\4.txt",
            denied(),
            9,
        ),
        fault(Phase::Execute, r"C:\Users\user0\Documents\3.txt", busy(), 9),
        fault(Phase::Prepare, "translate files", full(), 9),
        fault(Phase::Execute, "translate hive SYSTEM", full(), 9),
        fault(Phase::Execute, "UsrClass", denied(), 9),
        fault(Phase::Execute, "hand profile", busy(), 9),
        fault(Phase::Execute, "translate local groups", denied(), 9),
    ];
    for failure in failures {
        let mut rig = Rig::new(|_| {});
        let start = rig.snapshot();
        let label = format!("{failure:?}");
        rig.sample.pc.faults.push(failure);
        assert_eq!(rig.play(), Ok(FinalState::Returned), "{label}");
        assert_eq!(rig.snapshot(), start, "{label}");
    }
}

#[test]
fn what_passes_by_itself_does_not_fail_a_run() {
    let mut rig = Rig::new(|_| {});
    rig.sample.pc.faults.push(fault(
        Phase::Execute,
        r"C:\Users\user1\Documents\2.txt",
        MachineError::InUse {
            object: "it".to_owned(),
        },
        1,
    ));
    assert_eq!(rig.play(), Ok(FinalState::Migrated));
}

#[test]
fn a_file_that_cannot_be_restored_is_named_and_the_device_still_gets_home() {
    let mut rig = Rig::new(|_| {});
    rig.sample
        .pc
        .network
        .get_mut("target.test")
        .unwrap()
        .passwords
        .clear();
    rig.sample
        .pc
        .faults
        .push(fault(Phase::Revert, "join", denied(), 1));
    assert_eq!(rig.play(), Ok(FinalState::Returned), "one failure passes");
    let mut rig = Rig::new(|_| {});
    rig.sample
        .pc
        .faults
        .push(fault(Phase::Execute, "SYSTEM", denied(), 9));
    rig.sample
        .pc
        .faults
        .push(fault(Phase::Revert, "user0", denied(), 999));
    assert_eq!(rig.play(), Ok(FinalState::Held));
    let result = rig.result();
    assert!(
        result.because.contains("could not undo"),
        "{}",
        result.because
    );
    let source = rig.sample.source.clone();
    assert!(
        rig.sample.pc.prove_join(&source).is_ok(),
        "home all the same"
    );
    assert!(!guarded(&rig.snapshot()));
}

#[test]
fn without_a_ticket_the_device_is_held_and_comes_home_later() {
    for home in [Home::Never, Home::NotYet] {
        let mut rig = Rig::new(|_| {});
        rig.home = home;
        let start = rig.snapshot();
        rig.sample
            .pc
            .network
            .get_mut("target.test")
            .unwrap()
            .passwords
            .clear();
        assert_eq!(rig.play(), Ok(FinalState::Held), "{home:?}");
        assert!(!guarded(&rig.snapshot()), "guards");
        assert!(matches!(
            rig.sample.pc.join_state().unwrap(),
            JoinState::Workgroup { .. }
        ));
        assert_eq!(
            rig.start(Request::Go).unwrap(),
            Exit::Final(FinalState::Held)
        );
        rig.home = Home::Ticket;
        rig.deliver_return_now();
        assert_eq!(rig.play(), Ok(FinalState::Returned), "{home:?}");
        assert_eq!(rig.snapshot(), start, "{home:?}");
    }
}

#[test]
fn a_ticket_that_was_brought_is_used_wherever_the_run_ends() {
    // Home already with an earlier ticket; never left.
    for (fails, stuck) in [("SYSTEM", "user0"), ("leave", "set registry value")] {
        let mut rig = Rig::new(|_| {});
        let start = rig.snapshot();
        for (phase, object, times) in [(Phase::Execute, fails, 9), (Phase::Revert, stuck, 999)] {
            let fault = fault(phase, object, denied(), times);
            rig.sample.pc.faults.push(fault);
        }
        assert_eq!(rig.play(), Ok(FinalState::Held), "{fails}");
        rig.sample.pc.faults.clear();
        rig.home = Home::Ticket;
        rig.deliver_return_now();
        assert_eq!(rig.play(), Ok(FinalState::Returned), "{fails}");
        assert_eq!(rig.snapshot(), start, "{fails}");
        let source = rig.sample.source.clone();
        let proof = rig.sample.pc.prove_join(&source);
        assert!(proof.is_ok(), "{fails}: {proof:?}");
    }
}

#[test]
fn forward_only_is_held_and_tried_again() {
    let mut rig = Rig::new(|order| order.settings.forward_only = true);
    rig.sample
        .pc
        .faults
        .push(fault(Phase::Execute, "translate hive SYSTEM", denied(), 1));
    assert_eq!(rig.play(), Ok(FinalState::Held));
    assert_eq!(rig.play(), Ok(FinalState::Migrated));
}

#[test]
fn undo_works_until_the_first_sign_in() {
    let mut rig = Rig::new(|_| {});
    let start = rig.snapshot();
    assert_eq!(rig.play(), Ok(FinalState::Migrated));
    let migrated = rig.snapshot();
    let key = format!("profile/{}", rig.sample.users[0].2);
    let used = String::from_utf8_lossy(&migrated[&key]).replace("1760000000", "1790000000");
    rig.sample.pc.disk.seed(&key, Some(used.into_bytes()));
    let refused = rig.start(Request::Undo).unwrap_err();
    assert_eq!(refused.code(), 2);
    assert!(refused.to_string().contains("signed in"), "{refused}");
    rig.sample.pc.disk.seed(&key, Some(migrated[&key].clone()));
    assert_eq!(rig.play_from(Request::Undo), Ok(FinalState::Returned));
    assert_eq!(rig.snapshot(), start);
    assert_eq!(
        rig.start(Request::Undo).unwrap_err().code(),
        2,
        "once is enough"
    );
}

#[test]
fn a_rehearsal_changes_nothing_and_counts_what_the_run_changes() {
    let mut rehearsal = Rig::new(|order| order.kind = RunKind::Rehearse);
    let start = rehearsal.snapshot();
    assert_eq!(rehearsal.play(), Ok(FinalState::Rehearsed));
    assert_eq!(rehearsal.snapshot(), start);
    let mut real = Rig::new(|_| {});
    assert_eq!(real.play(), Ok(FinalState::Migrated));
    let (planned, done) = (rehearsal.result(), real.result());
    assert_eq!(planned.counts, done.counts);
    assert!(done.counts["files"].changed > 10);
    for (a, b) in planned.users.iter().zip(&done.users) {
        assert_eq!(
            (&a.source_sid, a.files_seen, a.files_changed, a.keys_changed),
            (&b.source_sid, b.files_seen, b.files_changed, b.keys_changed)
        );
    }
}

#[test]
fn adding_keeps_the_source_beside_the_target() {
    let mut rig = Rig::new(|order| order.settings.mode = PermissionMode::Add);
    let start = rig.snapshot();
    assert_eq!(rig.play(), Ok(FinalState::Migrated));
    assert!(rig.result().users[0].leftover_source_sids > 0);
    assert_eq!(rig.play_from(Request::Undo), Ok(FinalState::Returned));
    assert_eq!(rig.snapshot(), start);
}

#[test]
fn a_repermissioning_without_a_move_needs_no_ticket() {
    let change = |order: &mut crate::rundir::OrderFile| {
        order.settings.leave = LeaveFrom::None;
        order.settings.join = crate::rundir::JoinKind::None;
    };
    let mut rig = Rig::new(change);
    let start = rig.snapshot();
    assert_eq!(rig.play(), Ok(FinalState::Migrated));
    assert_eq!(rig.play_from(Request::Undo), Ok(FinalState::Restored));
    assert_eq!(rig.snapshot(), start);
}

#[test]
fn a_target_that_is_a_source_is_refused_before_anything_changes() {
    let mut rig = Rig::new(|_| {});
    let start = rig.snapshot();
    assert_eq!(rig.start(Request::Go).unwrap(), Exit::NeedsStage);
    let mut stage = rig.stage_file();
    stage.pairs[0].target_sid = stage.pairs[1].source_sid.clone();
    rig.deliver_stage();
    rig.storage
        .documents
        .insert(STAGE.to_owned(), serde_json::to_vec(&stage).unwrap());
    assert_eq!(rig.play(), Ok(FinalState::Restored));
    assert_eq!(rig.snapshot(), start);
    let result = rig.result();
    assert!(
        result.because.contains("itself a source"),
        "{}",
        result.because
    );
    assert!(result.because.contains(stage.pairs[0].source_sid.as_str()));
}

#[test]
fn no_way_back_is_refused_unless_forward_only() {
    let mut rig = Rig::new(|_| {});
    assert_eq!(rig.start(Request::Go).unwrap(), Exit::NeedsStage);
    let mut stage = rig.stage_file();
    stage.return_grade = ReturnGrade::None;
    rig.deliver_stage();
    rig.storage
        .documents
        .insert(STAGE.to_owned(), serde_json::to_vec(&stage).unwrap());
    assert_eq!(rig.play(), Ok(FinalState::Restored));
    assert!(
        rig.result()
            .findings
            .iter()
            .any(|f| f.check == "return_ticket")
    );
}

#[test]
fn a_stop_is_a_checkpoint_and_the_end_is_the_same() {
    let mut whole = Rig::new(|_| {});
    assert_eq!(whole.play(), Ok(FinalState::Migrated));
    for after in 0..60 {
        let mut rig = Rig::new(|_| {});
        rig.storage.stop_at_append.set(Some(after));
        assert_eq!(rig.play(), Ok(FinalState::Migrated), "stop {after}");
        assert_eq!(rig.snapshot(), whole.snapshot(), "stop {after}");
        let stops = rig.exits.iter().filter(|e| **e == Exit::Stopped).count();
        // One that comes after the last change finds nothing left to stop.
        assert!(stops == 1 || after > 40, "stop {after}: {stops}");
    }
}

#[test]
fn a_restart_in_the_middle_goes_on() {
    let mut rig = Rig::new(|_| {});
    rig.sample.pc.wants_reboot = true;
    assert_eq!(rig.play(), Ok(FinalState::Migrated));
    assert!(rig.exits.contains(&Exit::Reboot));
    // After joining, and before the last look.
    assert_eq!(rig.result().reboots, 2);
}

#[test]
fn foreign_orders_and_runs_are_refused() {
    let mut rig = Rig::new(|_| {});
    assert_eq!(
        rig.start(Request::Undo).unwrap_err().code(),
        2,
        "nothing to undo"
    );
    assert_eq!(rig.start(Request::Go).unwrap(), Exit::NeedsStage);
    let order = String::from_utf8(rig.storage.documents[ORDER].clone()).unwrap();
    let other = order.replace("\"forward_only\":false", "\"forward_only\":true");
    assert_ne!(order, other);
    rig.storage
        .documents
        .insert(ORDER.to_owned(), other.into_bytes());
    let refused = rig.start(Request::Go).unwrap_err();
    assert_eq!(refused.code(), 2, "{refused}");
    rig.storage.documents.remove(ORDER);
    assert_eq!(rig.start(Request::Go).unwrap_err().code(), 2);
}

#[test]
fn nothing_is_changed_on_a_device_of_another_source() {
    let mut rig = Rig::new(|order| {
        order.sources[0].domain_sid = Some("S-1-5-21-9-9-9".parse::<SidText>().unwrap());
    });
    let start = rig.snapshot();
    assert_eq!(rig.play(), Ok(FinalState::Restored));
    assert_eq!(rig.snapshot(), start);
}

#[test]
fn a_guard_that_stays_up_is_not_called_migrated() {
    let mut rig = Rig::new(|_| {});
    rig.sample.pc.faults.push(fault(
        Phase::Revert,
        "SeDenyRemoteInteractiveLogonRight",
        denied(),
        3,
    ));
    assert_eq!(rig.play(), Ok(FinalState::Held));
    let because = rig.result().because;
    assert!(because.contains("guard is still up"), "{because}");
    assert_eq!(rig.play(), Ok(FinalState::Migrated));
    assert!(!guarded(&rig.snapshot()));
}

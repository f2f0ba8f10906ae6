//! A device that is renamed as part of its run.

use gw_model::FinalState;
use gw_platform::fake::Phase;
use gw_platform::{JoinState, Machine};
use gw_runbook::LeaveFrom;

use super::bench::Rig;
use super::story::{denied, fault, guarded};
use crate::run::Request;

#[test]
fn a_device_gets_a_new_name_and_joins_under_it() {
    for running in [false, true] {
        let mut rig = Rig::new(|_| {}).renamed("pc-New");
        rig.sample.pc.wants_reboot = running;
        let start = rig.snapshot();
        assert_eq!(rig.play(), Ok(FinalState::Migrated), "{running}");
        assert_eq!(rig.name(), ("PC-NEW".to_owned(), false), "{running}");
        let result = rig.result();
        // The join's restart is the name's as well.
        assert_eq!(result.reboots, if running { 2 } else { 0 });
        let proof = result.proof.unwrap();
        assert_eq!(proof.principal, "PC-NEW$@TARGET.TEST");
        assert_eq!(rig.play_from(Request::Undo), Ok(FinalState::Returned));
        assert_eq!(rig.name(), ("PC7".to_owned(), false), "{running}");
        assert_eq!(rig.snapshot(), start, "{running}");
        let source = rig.sample.source.clone();
        let proof = rig.sample.pc.prove_join(&source).unwrap();
        assert_eq!(proof.principal, "PC7$@SOURCE.TEST", "the old name");
    }
}

#[test]
fn a_failure_after_renaming_returns_under_the_old_name() {
    let failures = [
        fault(Phase::Execute, "rename", denied(), 9),
        fault(Phase::Execute, "name/next", denied(), 1),
        fault(Phase::Prepare, "join", denied(), 1),
        fault(Phase::Execute, "translate local groups", denied(), 9),
    ];
    for running in [false, true] {
        for failure in failures.clone() {
            let label = format!("{failure:?} {running}");
            let mut rig = Rig::new(|_| {}).renamed("PC-NEW");
            rig.sample.pc.wants_reboot = running;
            let start = rig.snapshot();
            rig.sample.pc.faults.push(failure);
            assert_eq!(rig.play(), Ok(FinalState::Returned), "{label}");
            assert_eq!(rig.name(), ("PC7".to_owned(), false), "{label}");
            assert_eq!(rig.snapshot(), start, "{label}");
        }
    }
}

#[test]
fn a_name_that_cannot_be_put_back_holds_the_device_until_it_can() {
    let mut rig = Rig::new(|_| {}).renamed("PC-NEW");
    let start = rig.snapshot();
    let failure = fault(Phase::Execute, "translate local groups", denied(), 1);
    rig.sample.pc.faults.push(failure);
    rig.sample
        .pc
        .faults
        .push(fault(Phase::Revert, "rename", denied(), 3));
    assert_eq!(rig.play(), Ok(FinalState::Held));
    assert_eq!(rig.tickets, 0, "no ticket is used in vain");
    let because = rig.result().because;
    assert!(because.contains("knows it as PC7"), "{because}");
    assert!(matches!(
        rig.sample.pc.join_state().unwrap(),
        JoinState::Workgroup { .. }
    ));
    assert!(!guarded(&rig.snapshot()));
    assert_eq!(rig.play(), Ok(FinalState::Returned));
    assert_eq!(rig.snapshot(), start);
}

#[test]
fn a_device_from_a_workgroup_restarts_before_it_has_its_name_back() {
    let mut rig = Rig::new(|order| order.settings.leave = LeaveFrom::None).renamed("PC-NEW");
    let workgroup = JoinState::Workgroup {
        name: "WORKGROUP".to_owned(),
    };
    let state = serde_json::to_vec(&workgroup).ok();
    rig.sample.pc.disk.seed("join/state", state);
    rig.sample.pc.disk.seed("join/secret", None);
    rig.sample.pc.wants_reboot = true;
    let start = rig.snapshot();
    assert_eq!(rig.play(), Ok(FinalState::Migrated));
    assert_eq!(rig.name(), ("PC-NEW".to_owned(), false));
    assert_eq!(rig.play_from(Request::Undo), Ok(FinalState::Restored));
    assert_eq!(rig.name(), ("PC7".to_owned(), false));
    assert_eq!(rig.snapshot(), start);
}

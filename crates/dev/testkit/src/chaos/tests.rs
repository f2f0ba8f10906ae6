//! What each flow does, as `docs/intended-behaviour` says it.

use gw_engine::journal::Event;
use gw_engine::{Exit, Request};
use gw_model::{FinalState, StepName};
use gw_platform::Machine;

use super::flow::{Flow, Name, comparable};
use super::oracle::{called, difference, goal, judge};
use super::player::{Weather, refuse, set_network};
use super::rig::{Home, Rig, Setup};

/// The changes of a plan up to the join, without the guards, each with the
/// restart that follows; and whether one follows the last change of all.
fn plan(flow: Flow, name: Name, running: bool) -> (Vec<String>, bool) {
    let mut rig = Rig::new(Setup {
        running,
        ..Setup::named(flow, name)
    });
    assert_eq!(rig.play(Request::Go), Ok(FinalState::Migrated));
    let plan = rig
        .records()
        .into_iter()
        .find_map(|record| match record.event {
            Event::Staged { plan, .. } => Some(plan),
            _ => None,
        })
        .unwrap();
    let last = plan.last().is_some_and(|planned| planned.restart);
    let lines = plan
        .into_iter()
        .filter(|planned| {
            matches!(
                planned.step,
                StepName::Stage | StepName::Leave | StepName::Join
            )
        })
        .map(|planned| {
            let restart = if planned.restart { ", restart" } else { "" };
            format!("{}{restart}", planned.change.change.describe())
        })
        .collect();
    (lines, last)
}

fn check_plan(flow: Flow, steps: &[&str]) {
    check_plan_named(flow, Name::Kept, steps);
}

fn check_plan_named(flow: Flow, name: Name, steps: &[&str]) {
    let mut wanted = vec!["make godwit-rescue an administrator"];
    wanted.extend(steps);
    assert_eq!(
        plan(flow, name, true),
        (wanted.iter().map(|s| (*s).to_owned()).collect(), true)
    );
    // On an image nothing restarts, and everything else is the same.
    let plain: Vec<String> = wanted.iter().map(|s| s.replace(", restart", "")).collect();
    assert_eq!(plan(flow, name, false), (plain, false));
}

#[test]
fn plan_of_ad_to_ad() {
    check_plan(
        Flow::AdToAd,
        &["leave AD source.test", "join AD target.test, restart"],
    );
}

#[test]
fn a_new_name_is_given_between_leaving_and_joining_without_another_restart() {
    let named = |flow, steps: &[&str]| check_plan_named(flow, Name::New, steps);
    named(
        Flow::AdToAd,
        &[
            "leave AD source.test",
            "rename PC7 to pc-New",
            "join AD target.test, restart",
        ],
    );
    named(
        Flow::AdToAdOffline,
        &[
            "leave AD source.test, restart",
            "rename PC7 to pc-New",
            "join AD target.test offline, restart",
        ],
    );
    named(
        Flow::EntraToEntra,
        &[
            "park 1 enrolments",
            "leave Entra source-tenant",
            "rename PC7 to pc-New",
            "join Entra target-tenant, restart",
        ],
    );
}

#[test]
fn every_flow_renames_and_returns_under_the_old_name() {
    for flow in Flow::ALL {
        let mut rig = Rig::new(Setup::named(flow, Name::New));
        let goal = goal(&rig.setup).unwrap();
        assert_eq!(rig.play(Request::Go), Ok(FinalState::Migrated), "{flow:?}");
        assert_eq!(called(&mut rig, FinalState::Migrated), Ok(()), "{flow:?}");
        assert_eq!(
            rig.play(Request::Undo),
            Ok(FinalState::Returned),
            "{flow:?}"
        );
        assert_eq!(
            judge(&mut rig, FinalState::Returned, &goal),
            Ok(()),
            "{flow:?}"
        );
    }
}

#[test]
fn a_rename_that_did_nothing_is_found_before_the_join_is_believed() {
    for forward_only in [false, true] {
        let mut rig = Rig::new(Setup {
            forward_only,
            ..Setup::named(Flow::AdToAd, Name::New)
        });
        let goal = goal(&rig.setup).unwrap();
        rig.sky
            .coming
            .push((0, Weather::Silent("rename".to_owned())));
        let mut end = rig.play(Request::Go).unwrap();
        let found = rig.records().into_iter().any(|record| {
            matches!(record.event, Event::Failed { error, .. }
                if error.contains("called PC7 instead of pc-New"))
        });
        assert!(found, "forward only: {forward_only}");
        let mut expected = FinalState::Returned;
        if forward_only {
            assert_eq!(end, FinalState::Held);
            end = rig.play(Request::Go).unwrap();
            expected = FinalState::Migrated;
        }
        assert_eq!(end, expected);
        assert_eq!(judge(&mut rig, end, &goal), Ok(()));
    }
}

#[test]
fn plan_of_ad_to_entra() {
    check_plan(
        Flow::AdToEntra,
        &[
            "leave AD source.test, restart",
            "join Entra target-tenant, restart",
        ],
    );
}

#[test]
fn plan_of_hybrid_to_entra() {
    check_plan(
        Flow::HybridToEntra,
        &[
            "switch off the task Automatic-Device-Join",
            r"set registry value SOFTWARE\Microsoft\Windows\CurrentVersion\CDJ\AAD\TenantId",
            "park 1 enrolments",
            "unregister from Entra source-tenant",
            "leave AD source.test, restart",
            "join Entra target-tenant, restart",
        ],
    );
}

#[test]
fn plan_of_entra_to_entra() {
    check_plan(
        Flow::EntraToEntra,
        &[
            "park 1 enrolments",
            "leave Entra source-tenant",
            "join Entra target-tenant, restart",
        ],
    );
}

#[test]
fn plan_of_entra_to_ad() {
    check_plan(
        Flow::EntraToAd,
        &[
            "park 1 enrolments",
            "leave Entra source-tenant",
            "join AD target.test, restart",
        ],
    );
}

#[test]
fn plan_of_ad_to_ad_offline() {
    check_plan(
        Flow::AdToAdOffline,
        &[
            "leave AD source.test, restart",
            "join AD target.test offline, restart",
        ],
    );
}

/// A run whose target refuses, and how it ends with this answer to the request
/// for a ticket.
fn refused(flow: Flow, home: Home) -> Rig {
    let mut rig = Rig::new(Setup {
        budget_s: 2_000,
        ..Setup::plain(flow)
    });
    rig.home = home;
    refuse(&mut rig.sample);
    rig
}

fn returns(flow: Flow) {
    for home in [Home::Ticket, Home::StaleFirst, Home::Later(2)] {
        let mut rig = refused(flow, home);
        assert_eq!(rig.play(Request::Go), Ok(FinalState::Returned), "{home:?}");
        let now = rig.sample.pc.snapshot();
        let different = difference(&comparable(&now, true), &comparable(&rig.start, true));
        assert_eq!(different, None, "{home:?}");
        let source = rig.sample.source.clone();
        assert!(rig.sample.pc.prove_join(&source).is_ok(), "{home:?}");
    }
}

#[test]
fn ad_to_ad_returns_to_the_same_account() {
    returns(Flow::AdToAd);
}

#[test]
fn ad_to_entra_returns_to_the_same_account() {
    returns(Flow::AdToEntra);
}

#[test]
fn hybrid_to_entra_returns_to_the_domain() {
    returns(Flow::HybridToEntra);
    let mut rig = refused(Flow::HybridToEntra, Home::Ticket);
    assert_eq!(rig.play(Request::Go), Ok(FinalState::Returned));
    let now = rig.sample.pc.snapshot();
    assert_eq!(now["task/Automatic-Device-Join"], b"true");
    assert_eq!(
        now["mdm/8d1f"], rig.start["mdm/8d1f"],
        "its enrolment is back"
    );
}

#[test]
fn entra_to_entra_returns_by_a_new_registration() {
    returns(Flow::EntraToEntra);
    let mut rig = refused(Flow::EntraToEntra, Home::Ticket);
    assert_eq!(rig.play(Request::Go), Ok(FinalState::Returned));
    let now = rig.sample.pc.snapshot();
    assert_ne!(
        now["join/state"], rig.start["join/state"],
        "another device id"
    );
    assert!(!now.contains_key("mdm/8d1f"), "one enrolment, the new one");
    assert!(now.contains_key("mdm/source-tenant"));
}

#[test]
fn entra_to_ad_returns_by_a_new_registration() {
    returns(Flow::EntraToAd);
}

#[test]
fn ad_to_ad_offline_returns_to_the_same_account() {
    // Without a controller nobody refuses; but a blob can be lost on the way.
    let mut rig = Rig::new(Setup::plain(Flow::AdToAdOffline));
    rig.sky.coming.push((0, Weather::Silent("join".to_owned())));
    assert_eq!(rig.play(Request::Go), Ok(FinalState::Returned));
    let now = rig.sample.pc.snapshot();
    let different = difference(&comparable(&now, true), &comparable(&rig.start, true));
    assert_eq!(different, None);
}

#[test]
fn an_offline_join_needs_no_controller_and_says_so() {
    let mut rig = Rig::new(Setup::plain(Flow::AdToAdOffline));
    set_network(&mut rig.sample, Some("target"), false);
    assert_eq!(rig.play(Request::Go), Ok(FinalState::Migrated));
    let said = rig.records().into_iter().any(|record| {
        matches!(record.event, Event::Proof { proof, .. } if proof.method.contains("no controller"))
    });
    assert!(said);
}

#[test]
fn without_a_ticket_every_flow_is_held_with_a_way_in_and_gets_home_later() {
    for flow in Flow::ALL {
        for home in [Home::Never, Home::NotYet] {
            let mut rig = refused(flow, home);
            if flow == Flow::AdToAdOffline {
                rig.sky.coming.push((0, Weather::Silent("join".to_owned())));
            }
            let goal = goal(&rig.setup).unwrap();
            assert_eq!(
                rig.play(Request::Go),
                Ok(FinalState::Held),
                "{flow:?} {home:?}"
            );
            let proven = rig
                .records()
                .into_iter()
                .any(|record| matches!(record.event, Event::WayIn { problem: None, .. }));
            assert!(proven, "{flow:?} {home:?}");
            assert_eq!(judge(&mut rig, FinalState::Held, &goal), Ok(()), "{flow:?}");
        }
    }
}

#[test]
fn nothing_else_happens_before_the_way_in_is_escrowed() {
    let mut rig = Rig::new(Setup::plain(Flow::AdToAd));
    let exits: Vec<Exit> = std::iter::from_fn(|| rig.start_once().ok())
        .take_while(|exit| *exit != Exit::NeedsEscrow)
        .collect();
    assert_eq!(exits, [Exit::NeedsStage]);
    for _ in 0..3 {
        assert_eq!(rig.start_once().unwrap(), Exit::NeedsEscrow);
    }
    let begun = rig
        .records()
        .into_iter()
        .filter(|record| matches!(record.event, Event::Intent { .. }))
        .count();
    assert_eq!(begun, 1, "the account and nothing else");
    assert_eq!(rig.play(Request::Go), Ok(FinalState::Migrated));
}

#[test]
fn guards_fall_at_boot_when_the_budget_is_spent_and_the_device_goes_back() {
    let mut rig = Rig::new(Setup {
        budget_s: 2_000,
        ..Setup::plain(Flow::AdToAd)
    });
    // Off for days, in the middle of the run.
    for wanted in [Exit::NeedsStage, Exit::NeedsEscrow] {
        assert_eq!(rig.start_once().unwrap(), wanted);
    }
    rig.bring_escrow();
    let meter = rig.storage.meter.clone();
    meter.stop_at.set(Some(meter.appends.get() + 20));
    assert_eq!(rig.start_once().unwrap(), Exit::Stopped);
    assert!(rig.guards_up());
    rig.wait(1_000);
    rig.boot();
    assert!(rig.guards_up(), "there is time left");
    rig.wait(10_000);
    rig.boot();
    assert!(!rig.guards_up(), "nobody is locked out");
    let end = rig.play(Request::Go).unwrap();
    assert!(matches!(end, FinalState::Restored | FinalState::Returned));
    let goal = goal(&rig.setup).unwrap();
    assert_eq!(judge(&mut rig, end, &goal), Ok(()));
}

#[test]
fn a_clock_that_is_set_back_does_not_stretch_the_budget() {
    let mut rig = refused(Flow::AdToAd, Home::NotYet);
    rig.sky.coming.push((60, Weather::Clock(-86_400 * 365)));
    assert_eq!(rig.play(Request::Go), Ok(FinalState::Held));
}

#[test]
fn a_full_disk_does_not_strand_a_run() {
    for at in (30..100).step_by(5) {
        let mut rig = Rig::new(Setup::plain(Flow::AdToAd));
        rig.sky.coming.push((at, Weather::Disk(Some(100))));
        let end = rig.play(Request::Go).unwrap();
        let goal = goal(&rig.setup).unwrap();
        assert_eq!(judge(&mut rig, end, &goal), Ok(()), "full at {at}");
    }
}

#[test]
fn forward_only_is_held_with_a_way_in_and_tried_again_from_before_images() {
    for lost in ["translate files", "hand profile", "join"] {
        let mut rig = Rig::new(Setup {
            forward_only: true,
            ..Setup::plain(Flow::AdToEntra)
        });
        rig.sky.coming.push((0, Weather::Silent(lost.to_owned())));
        assert_eq!(rig.play(Request::Go), Ok(FinalState::Held), "{lost}");
        assert_eq!(rig.tickets, 0);
        assert_eq!(rig.play(Request::Go), Ok(FinalState::Migrated), "{lost}");
        let goal = goal(&rig.setup).unwrap();
        assert_eq!(
            judge(&mut rig, FinalState::Migrated, &goal),
            Ok(()),
            "{lost}"
        );
    }
}

#[test]
fn undo_leads_home_after_every_flow_has_migrated() {
    for flow in Flow::ALL {
        let mut rig = Rig::new(Setup::plain(flow));
        let goal = goal(&rig.setup).unwrap();
        assert_eq!(rig.play(Request::Go), Ok(FinalState::Migrated));
        assert_eq!(
            rig.play(Request::Undo),
            Ok(FinalState::Returned),
            "{flow:?}"
        );
        assert_eq!(
            judge(&mut rig, FinalState::Returned, &goal),
            Ok(()),
            "{flow:?}"
        );
    }
}

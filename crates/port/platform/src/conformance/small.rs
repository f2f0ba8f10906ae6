//! Checks of views and of the changes that are one small write.

use super::tools::{Drive, StopAfter, View, must};
use super::{Known, Subject};
use crate::{Change, HiveRef, JoinState, MachineError, Mode, RegData, SecretId, SidText};

/// Views are sorted, repeatable, and the same in a new process.
pub fn views(subject: &mut dyn Subject) {
    let first = View::of(subject.machine());
    assert_eq!(
        View::of(subject.machine()),
        first,
        "views are not repeatable"
    );
    subject.reopen();
    assert_eq!(
        View::of(subject.machine()),
        first,
        "views changed on reopening"
    );
    assert!(first.profiles.is_sorted_by(|a, b| a.sid < b.sid));
    assert!(first.groups.is_sorted_by(|a, b| a.sid < b.sid));
    assert!(first.hives.is_sorted_by(|a, b| a.0.hive < b.0.hive));
    for (folder, source, _) in &subject.known().users {
        assert!(
            first
                .profiles
                .iter()
                .any(|p| p.sid == *source && p.path.same(folder)),
            "profile of {source} is missing"
        );
        assert!(first.seen.files.contains_key(source), "{source} in files");
    }
    let facts = must("facts", subject.machine().facts());
    assert!(facts.folders.contains_key("SystemRoot"), "SystemRoot");
}

/// A profile changes hands and comes back.
pub fn profiles(subject: &mut dyn Subject) {
    let known = subject.known();
    let mut drive = Drive::new(known.inputs());
    for (path, source, target) in known.users {
        let change = Change::RekeyProfile {
            source_sid: source.clone(),
            target_sid: target.clone(),
            path: path.clone(),
        };
        drive.there_and_back(subject.machine(), &change, |view, _| {
            let owner: Vec<_> = view
                .profiles
                .iter()
                .filter(|p| p.path.same(&path))
                .map(|p| p.sid.clone())
                .collect();
            assert_eq!(owner, std::slice::from_ref(&target), "owner of {path}");
        });
    }
}

/// Members of local groups are translated, in both modes.
pub fn local_groups(subject: &mut dyn Subject) {
    let known = subject.known();
    for mode in [Mode::Add, Mode::Replace] {
        let mut drive = Drive::new(known.inputs());
        let start = View::of(subject.machine());
        let change = Change::TranslateLocalGroups {
            map: drive.inputs.map_ref(),
            mode,
        };
        drive.there_and_back(subject.machine(), &change, |view, _| {
            let mut hits = 0;
            for (was, is) in start.groups.iter().zip(&view.groups) {
                assert_eq!(was.sid, is.sid);
                for (_, source, target) in &known.users {
                    if was.members.contains(source) {
                        hits += 1;
                        assert!(is.members.contains(target), "{target} in {}", is.name);
                        assert_eq!(is.members.contains(source), mode == Mode::Add);
                    }
                }
                let bystanders = |g: &crate::LocalGroup| {
                    let mut rest = g.members.clone();
                    rest.retain(|m| !known.users.iter().any(|u| u.1 == *m || u.2 == *m));
                    rest
                };
                assert_eq!(bystanders(was), bystanders(is), "members of {}", is.name);
            }
            assert!(hits > 0, "no group has a mapped member");
        });
    }
}

/// Guards go up and come down exactly.
pub fn guards(subject: &mut dyn Subject) {
    let known = subject.known();
    let mut drive = Drive::new(known.inputs());
    let sid = known.users[0].1.clone();
    let right = "SeDenyInteractiveLogonRight".to_owned();
    let before = must("rights", subject.machine().account_rights(&sid));
    let deny = Change::SetAccountRight {
        sid: sid.clone(),
        right: right.clone(),
        held: true,
    };
    drive.there_and_back(subject.machine(), &deny, |_, machine| {
        let now = must("rights", machine.account_rights(&sid));
        assert!(now.contains(&right), "{sid} holds {right}");
    });
    assert_eq!(
        must("rights", subject.machine().account_rights(&sid)),
        before
    );
    any_order(subject, &mut drive, &sid, &right);
    for data in [
        Some(RegData::Text("Wird umgezogen – ωait".to_owned())),
        Some(RegData::Dword(7)),
        None,
    ] {
        let notice = Change::SetRegistryValue {
            hive: HiveRef::Software,
            key: r"Microsoft\Windows\CurrentVersion\Policies\System".to_owned(),
            name: "legalnoticecaption".to_owned(),
            data,
        };
        drive.there_and_back(subject.machine(), &notice, |_, _| {});
    }
    let folder = Change::MakeFolder {
        path: known.new_folder,
    };
    let before = drive.prepare(subject.machine(), &folder);
    for _ in 0..2 {
        must(
            "make folder",
            drive.execute(subject.machine(), &folder, &before, &mut StopAfter::never()),
        );
    }
    must(
        "undo make folder",
        drive.revert(subject.machine(), &folder, &before, &mut StopAfter::never()),
    );
}

/// A guard that could not be lifted at first is lifted later: undoing it then
/// must not bring back what was undone meanwhile.
fn any_order(subject: &mut dyn Subject, drive: &mut Drive, sid: &SidText, right: &str) {
    let start = must("rights", subject.machine().account_rights(sid));
    let deny = |right: &str| Change::SetAccountRight {
        sid: sid.clone(),
        right: right.to_owned(),
        held: true,
    };
    let both = [deny(right), deny("SeDenyRemoteInteractiveLogonRight")];
    let befores: Vec<_> = both
        .iter()
        .map(|change| {
            let before = drive.prepare(subject.machine(), change);
            let mut progress = StopAfter::never();
            must(
                "set right",
                drive.execute(subject.machine(), change, &before, &mut progress),
            );
            before
        })
        .collect();
    for (change, before) in both.iter().zip(&befores) {
        let mut progress = StopAfter::never();
        must(
            "undo right",
            drive.revert(subject.machine(), change, before, &mut progress),
        );
    }
    assert_eq!(
        must("rights", subject.machine().account_rights(sid)),
        start,
        "rights undone first to last"
    );
}

/// Leaves, joins, proves, and goes back to a workgroup.
pub fn join_and_leave(subject: &mut dyn Subject) {
    let known: Known = subject.known();
    let mut drive = Drive::new(known.inputs());
    let from = must("join state", subject.machine().join_state());
    let wrong = Change::Leave {
        from: JoinState::Entra {
            tenant_id: "0".to_owned(),
            device_id: "0".to_owned(),
        },
    };
    let mut progress = StopAfter::never();
    let mut cx = crate::Cx {
        store: &mut drive.store,
        progress: &mut progress,
        inputs: &drive.inputs,
    };
    assert!(
        matches!(
            subject.machine().prepare(&wrong, &mut cx),
            Err(MachineError::Unexpected { .. })
        ),
        "leaving from where the device is not must be refused"
    );
    let leave = Change::Leave { from };
    let join = Change::Join {
        target: known.target.clone(),
        secret: SecretId("target-machine".to_owned()),
    };
    // Both are prepared first: a rehearsal does the same.
    let before_leave = drive.prepare(subject.machine(), &leave);
    let before_join = drive.prepare(subject.machine(), &join);
    for (change, before) in [(&leave, &before_leave), (&join, &before_join)] {
        for _ in 0..2 {
            must(
                "membership",
                drive.execute(subject.machine(), change, before, &mut StopAfter::never()),
            );
        }
        subject.reopen();
        let now = must("join state", subject.machine().join_state());
        match change {
            Change::Leave { .. } => {
                assert!(matches!(now, JoinState::Workgroup { .. }), "{now:?}");
            }
            _ => {
                let ad = known
                    .target
                    .active_directory()
                    .unwrap_or_else(|| panic!("the suite joins a domain"));
                assert!(now.is_domain(&ad.domain_sid), "{now:?}");
            }
        }
    }
    let proof = subject.machine().prove_join(&known.target);
    if known.online {
        must("proof", proof);
    } else {
        assert!(proof.is_err(), "nobody answers, yet the join is proven");
    }
    for (change, before) in [(&join, &before_join), (&leave, &before_leave)] {
        must(
            "undo membership",
            drive.revert(subject.machine(), change, before, &mut StopAfter::never()),
        );
    }
    let now = must("join state", subject.machine().join_state());
    assert!(matches!(now, JoinState::Workgroup { .. }), "{now:?}");
}

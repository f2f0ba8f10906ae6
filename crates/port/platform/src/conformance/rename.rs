//! The check of a new computer name: there and back, twice, interrupted, and as
//! the name a domain is joined under.

use super::Subject;
use super::tools::{Drive, StopAfter, View, must};
use crate::{Change, JoinState, JoinTarget, Machine, MachineError, SecretId};

const NEW: &str = "GW-Renamed-1";

/// A device in a workgroup gets a name, a join under it, and the old one back.
pub fn renames(subject: &mut dyn Subject) {
    let known = subject.known();
    let mut drive = Drive::new(known.inputs());
    let old = name(subject.machine());
    refusals(&mut drive, subject.machine(), &old);
    let change = Change::Rename {
        from: old.clone(),
        to: NEW.to_owned(),
    };
    // While a directory knows the device by its name, the name stays.
    let early = drive.prepare(subject.machine(), &change);
    if !matches!(membership(subject), JoinState::Workgroup { .. }) {
        let made = drive.execute(subject.machine(), &change, &early, &mut StopAfter::never());
        assert!(
            matches!(made, Err(MachineError::Unexpected { .. })),
            "renamed inside a directory: {made:?}"
        );
        assert_eq!(name(subject.machine()), old);
    }
    let leave = Change::Leave {
        from: membership(subject),
    };
    let left = drive.prepare(subject.machine(), &leave);
    must(
        "leave",
        drive.execute(subject.machine(), &leave, &left, &mut StopAfter::never()),
    );
    drive.there_and_back(subject.machine(), &change, |view, _| {
        assert_eq!(view.name, NEW.to_uppercase());
    });
    interrupted(subject, &mut drive, &change, &old);
    joined(subject, &mut drive, &change, &old);
}

fn name(machine: &mut dyn Machine) -> String {
    must("facts", machine.facts()).computer_name
}

fn membership(subject: &mut dyn Subject) -> JoinState {
    must("join state", subject.machine().join_state())
}

fn refusals(drive: &mut Drive, machine: &mut dyn Machine, old: &str) {
    let bad = ["", "1234567", "TWO WORDS", "-EDGE", "SIXTEEN-LETTERS1"];
    let other = Change::Rename {
        from: "SOMEBODY-ELSE".to_owned(),
        to: NEW.to_owned(),
    };
    let named = bad.map(|to| Change::Rename {
        from: old.to_owned(),
        to: to.to_owned(),
    });
    for change in named.into_iter().chain([other]) {
        let mut progress = StopAfter::never();
        let mut cx = crate::Cx {
            store: &mut drive.store,
            progress: &mut progress,
            inputs: &drive.inputs,
        };
        let prepared = machine.prepare(&change, &mut cx);
        assert!(
            matches!(prepared, Err(MachineError::Unexpected { .. })),
            "{} was not refused: {prepared:?}",
            change.describe()
        );
    }
}

/// A new process finds the change half-way: not begun, made, or taken back.
fn interrupted(subject: &mut dyn Subject, drive: &mut Drive, change: &Change, old: &str) {
    let start = View::of(subject.machine());
    let before = drive.prepare(subject.machine(), change);
    let mut never = StopAfter::never();
    must(
        "undo what was not begun",
        drive.revert(subject.machine(), change, &before, &mut never),
    );
    assert_eq!(View::of(subject.machine()), start, "nothing was begun");
    for _ in 0..2 {
        must(
            "rename",
            drive.execute(subject.machine(), change, &before, &mut never),
        );
        subject.reopen();
        assert_eq!(name(subject.machine()), NEW.to_uppercase());
    }
    for _ in 0..2 {
        must(
            "undo",
            drive.revert(subject.machine(), change, &before, &mut never),
        );
        subject.reopen();
        assert_eq!(name(subject.machine()), old);
    }
    assert_eq!(View::of(subject.machine()), start, "renamed and back");
}

/// A join after the rename is one of the new account; undone last first, the
/// device is what it was.
fn joined(subject: &mut dyn Subject, drive: &mut Drive, change: &Change, old: &str) {
    let mut target = subject.known().target;
    if let JoinTarget::ActiveDirectory(ad) = &mut target {
        ad.account_name = format!("{}$", NEW.to_uppercase());
    }
    let join = Change::Join {
        target,
        secret: SecretId("target-machine".to_owned()),
    };
    let start = View::of(subject.machine());
    let mut never = StopAfter::never();
    let renamed = drive.prepare(subject.machine(), change);
    must(
        "rename",
        drive.execute(subject.machine(), change, &renamed, &mut never),
    );
    let before = drive.prepare(subject.machine(), &join);
    must(
        "join",
        drive.execute(subject.machine(), &join, &before, &mut never),
    );
    subject.reopen();
    match membership(subject) {
        JoinState::ActiveDirectory(ad) => {
            assert_eq!(ad.account_name, format!("{}$", NEW.to_uppercase()));
        }
        other => panic!("joined, but in {}", other.describe()),
    }
    for (change, before) in [(&join, &before), (change, &renamed)] {
        must(
            "undo",
            drive.revert(subject.machine(), change, before, &mut never),
        );
    }
    assert_eq!(name(subject.machine()), old);
    assert_eq!(View::of(subject.machine()), start, "joined and back");
}

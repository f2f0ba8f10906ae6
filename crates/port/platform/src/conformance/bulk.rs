//! Checks of the changes that touch many objects.

use super::tools::{Drive, MemoryInputs, StopAfter, View, must};
use super::{Known, Subject};
use crate::{Change, FileScope, HiveState, Machine, MachineError, Mode, SidText};

fn file_change(known: &Known, inputs: &MemoryInputs, mode: Mode) -> Change {
    Change::TranslateFiles {
        scope: FileScope {
            roots: Vec::new(),
            ignored: known.ignored.clone(),
            count_under: known.users.iter().map(|u| u.0.clone()).collect(),
        },
        map: inputs.map_ref(),
        mode,
    }
}

fn hive_changes(machine: &mut dyn Machine, inputs: &MemoryInputs, mode: Mode) -> Vec<Change> {
    must("hives", machine.hives())
        .into_iter()
        .filter(|info| !matches!(info.state, HiveState::Refused { .. }))
        .map(|info| Change::TranslateHive {
            hive: info.hive,
            map: inputs.map_ref(),
            mode,
        })
        .collect()
}

/// Every file and every hive is translated and restored.
pub fn files_and_hives(subject: &mut dyn Subject, mode: Mode) {
    let known = subject.known();
    let mut drive = Drive::new(known.inputs());
    let start = View::of(subject.machine());
    let files = file_change(&known, &drive.inputs, mode);
    let before = drive.prepare(subject.machine(), &files);
    assert!(before.counts.changed > 0, "no file would change");
    assert!(before.counts.ignored > 0, "no file is ignored");
    for (folder, _, _) in &known.users {
        let own = before.counts.by_folder.get(folder.as_str());
        assert!(own.is_some_and(|c| c.changed > 0), "counts of {folder}");
    }
    drive.there_and_back(subject.machine(), &files, |view, _| {
        for (_, source, target) in &known.users {
            let was = start.seen.files.get(source).copied().unwrap_or_default();
            let is = view.seen.files.get(target).copied().unwrap_or_default();
            assert!(is.dacl > 0, "{target} is in no file");
            if mode == Mode::Add {
                assert_eq!(view.seen.files.get(source), Some(&was), "{source} stays");
                assert_eq!(is.owner, 0, "adding never changes an owner");
            }
        }
    });
    let mut changed = 0;
    for change in hive_changes(subject.machine(), &drive.inputs, mode) {
        let Change::TranslateHive { hive, .. } = &change else {
            continue;
        };
        let label = hive.label();
        drive.there_and_back(subject.machine(), &change, |view, _| {
            let now = &view.seen.hives[&label];
            for (_, source, target) in &known.users {
                if start.seen.hives[&label].contains_key(source) {
                    changed += 1;
                    assert!(now.contains_key(target), "{target} in {label}");
                    assert_eq!(now.contains_key(source), mode == Mode::Add, "{label}");
                }
            }
        });
    }
    assert!(changed > 0, "no hive names a mapped user");
}

/// Stopping at any checkpoint and going on, forward and back, equals not
/// stopping; an undo may begin in the middle.
pub fn interrupted_bulk(make: &mut dyn FnMut() -> Box<dyn Subject>, mode: Mode) {
    let mut whole = make();
    let known = whole.known();
    let mut drive = Drive::new(known.inputs());
    let change = file_change(&known, &drive.inputs, mode);
    let start = View::of(whole.machine());
    let before = drive.prepare(whole.machine(), &change);
    must(
        "execute",
        drive.execute(whole.machine(), &change, &before, &mut StopAfter::never()),
    );
    let goal = View::of(whole.machine());
    assert_ne!(goal, start);
    let every = (before.counts.changed / 6).max(1);
    for stop in 0..4 {
        for (from_cursor, undo_at_once) in [(true, false), (false, false), (false, true)] {
            let mut subject = make();
            let mut drive = Drive::new(known.inputs());
            let before = drive.prepare(subject.machine(), &change);
            let mut progress = StopAfter::at(stop, every);
            let stopped = drive.execute(subject.machine(), &change, &before, &mut progress);
            assert_eq!(
                stopped.err(),
                Some(MachineError::Stopped),
                "stop {stop} of a bulk change was not obeyed"
            );
            subject.reopen();
            let mut rest = StopAfter::never();
            if from_cursor {
                rest.cursor = progress.cursor;
            }
            if !undo_at_once {
                must(
                    "resume",
                    drive.execute(subject.machine(), &change, &before, &mut rest),
                );
                assert_eq!(View::of(subject.machine()), goal, "resumed after {stop}");
            }
            let mut back = StopAfter::at(stop, every);
            let half = drive.revert(subject.machine(), &change, &before, &mut back);
            if !undo_at_once {
                assert_eq!(half.err(), Some(MachineError::Stopped), "undo is stoppable");
            }
            subject.reopen();
            let mut rest = StopAfter::never();
            if from_cursor {
                rest.cursor = back.cursor;
            }
            must(
                "undo",
                drive.revert(subject.machine(), &change, &before, &mut rest),
            );
            assert_eq!(View::of(subject.machine()), start, "undone after {stop}");
        }
    }
}

/// Ignored areas and SIDs without a pair are untouched.
pub fn nothing_but_scope(subject: &mut dyn Subject) {
    let known = subject.known();
    let mut drive = Drive::new(known.inputs());
    let start = View::of(subject.machine());
    let change = file_change(&known, &drive.inputs, Mode::Replace);
    let before = drive.prepare(subject.machine(), &change);
    must(
        "execute",
        drive.execute(subject.machine(), &change, &before, &mut StopAfter::never()),
    );
    let end = View::of(subject.machine());
    let mapped = |sid: &SidText| known.users.iter().any(|u| u.1 == *sid || u.2 == *sid);
    for (sid, was) in &start.seen.files {
        if !mapped(sid) {
            assert_eq!(end.seen.files.get(sid), Some(was), "{sid} has no pair");
        }
    }
    let left: u64 = known
        .users
        .iter()
        .filter_map(|u| end.seen.files.get(&u.1))
        .map(|count| count.total())
        .sum();
    assert!(left > 0, "files in ignored areas keep their source SIDs");
    let Change::TranslateFiles { scope, .. } = &change else {
        return;
    };
    let inside = must(
        "sids in scope",
        subject.machine().sids_seen(&crate::Scope {
            files: Some(scope.clone()),
            ..crate::Scope::default()
        }),
    );
    for (_, source, _) in &known.users {
        assert!(
            !inside.files.contains_key(source),
            "{source} is left in scope"
        );
    }
}

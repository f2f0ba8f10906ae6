//! Checks of the areas outside descriptors of files and keys.

use std::collections::{BTreeMap, BTreeSet};

use gw_runbook::Area;

use super::tools::{Drive, MemoryInputs, StopAfter, View, must};
use super::{Known, Subject};
use crate::{AreaScope, Change, HandedProfile, Mode, SidText};

/// Lines that leave every place of every area alone.
const EVERYTHING: [&str; 5] = [
    r"HKLM\*\*",
    r"C:\Windows\System32\Tasks",
    r"C:\$Recycle.Bin",
    r"C:\Users",
    r"C:\ProgramData\Microsoft",
];

type Seen = BTreeMap<String, BTreeMap<SidText, u64>>;

fn change(
    known: &Known,
    inputs: &MemoryInputs,
    mode: Mode,
    areas: BTreeSet<Area>,
    ignored: &[&str],
) -> Change {
    Change::TranslateAreas {
        scope: AreaScope {
            areas,
            ignored: ignored.iter().map(|line| (*line).to_owned()).collect(),
            handed: handed(known),
            names: BTreeMap::new(),
        },
        map: inputs.map_ref(),
        mode,
    }
}

fn names(seen: &Seen, area: &str, sid: &SidText) -> bool {
    seen.get(area)
        .is_some_and(|counts| counts.contains_key(sid))
}

/// Every area is translated and restored; what is off or ignored stays, and so
/// do accounts without a pair.
pub fn areas(subject: &mut dyn Subject, mode: Mode) {
    let known = subject.known();
    let mut drive = Drive::new(known.inputs());
    let start = View::of(subject.machine());
    let all = BTreeSet::from(AreaScope::EXECUTED);
    let whole = change(&known, &drive.inputs, mode, all.clone(), &[]);
    let mut done = Seen::new();
    drive.there_and_back(subject.machine(), &whole, |view, _| {
        done.clone_from(&view.seen.areas);
    });
    let mut touched = BTreeSet::new();
    for (area, was) in &start.seen.areas {
        for (sid, count) in was {
            match known.users.iter().find(|user| user.1 == *sid) {
                Some(_) if mode == Mode::Replace => {
                    touched.insert(area.clone());
                    assert!(!names(&done, area, sid), "{sid} is left in {area}");
                }
                Some((_, _, target)) => {
                    // Either the list names both, or the only owner changed; caches go.
                    let cache = ["app_packages", "sign_in"].contains(&area.as_str());
                    assert!(cache || names(&done, area, target), "{target} in {area}");
                }
                None if known.users.iter().any(|user| user.2 == *sid) => {}
                None => {
                    let now = done.get(area).and_then(|now| now.get(sid));
                    assert_eq!(now, Some(count), "{sid} in {area} has no pair");
                }
            }
        }
    }
    assert!(
        mode == Mode::Add || touched.len() > 5,
        "only {touched:?} name a mapped user"
    );
    let nothing = change(&known, &drive.inputs, mode, all.clone(), &EVERYTHING);
    let before = drive.prepare(subject.machine(), &nothing);
    assert_eq!(before.counts.changed, 0, "{:?}", before.counts);
    must(
        "ignored areas",
        drive.execute(
            subject.machine(),
            &nothing,
            &before,
            &mut StopAfter::never(),
        ),
    );
    assert_eq!(View::of(subject.machine()), start, "everything is ignored");
    // The switches are the same in both modes, and reading is what takes time.
    let switches = if mode == Mode::Replace {
        AreaScope::EXECUTED.as_slice()
    } else {
        &[]
    };
    let scope = crate::Scope {
        areas: Some(AreaScope {
            areas: all.clone(),
            handed: handed(&known),
            ..AreaScope::default()
        }),
        ..crate::Scope::default()
    };
    let was = must("areas", subject.machine().sids_seen(&scope)).areas;
    for off in switches {
        let mut on = all.clone();
        on.remove(off);
        let rest = change(&known, &drive.inputs, mode, on, &[]);
        let before = drive.prepare(subject.machine(), &rest);
        must(
            "areas",
            drive.execute(subject.machine(), &rest, &before, &mut StopAfter::never()),
        );
        let now = must("areas", subject.machine().sids_seen(&scope)).areas;
        let label = off.label();
        assert_eq!(now.get(label), was.get(label), "{label} is off");
        must(
            "undo areas",
            drive.revert(subject.machine(), &rest, &before, &mut StopAfter::never()),
        );
    }
    assert_eq!(
        View::of(subject.machine()),
        start,
        "undone with each area off"
    );
}

fn handed(known: &Known) -> Vec<HandedProfile> {
    let one = |user: &(crate::WinPath, SidText, SidText)| HandedProfile {
        source_sid: user.1.clone(),
        path: user.0.clone(),
    };
    known.users.iter().map(one).collect()
}

//! Translating a hive: every key has what the rules give for the one before.

use crate::support::{AT, contents, descriptor, empty, sample, sid};
use gw_hive::{Hive, HiveError, NewKey};
use gw_secdesc::{Mode, SidMap, Translated, translate};

fn map(pairs: &[(&str, &str)]) -> SidMap {
    SidMap::new(pairs.iter().map(|(a, b)| (sid(a), sid(b)))).expect("the pairs go together")
}

fn users() -> SidMap {
    let pairs = (1000..1004).map(|rid| {
        (
            sid(&format!("S-1-5-21-1-2-3-{rid}")),
            sid(&format!("S-1-12-1-{rid}-2-3-4")),
        )
    });
    SidMap::new(pairs).expect("the pairs go together")
}

/// Remaps, reopens, and compares every key with a translation of its own descriptor.
fn remapped(hive: &Hive, map: &SidMap, mode: Mode) -> (Hive, gw_hive::RemapReport) {
    let mut after = hive.clone();
    let report = after
        .remap(map, mode)
        .expect("a sound hive can be translated");
    let after = Hive::open(after.into_bytes(), None, None).expect("it opens again");
    after.check().expect("it is sound");
    let (before, now) = (contents(hive), contents(&after));
    assert!(before.keys().eq(now.keys()));
    let mut changed = 0;
    for (path, (class, descriptor, values)) in &before {
        let want = match translate(descriptor, map, mode) {
            Ok(Translated::Changed { bytes, .. }) => bytes,
            _ => descriptor.clone(),
        };
        changed += u64::from(want != *descriptor);
        assert_eq!(now[path], (class.clone(), want, values.clone()), "{path}");
    }
    assert_eq!(report.keys_changed, changed);
    (after, report)
}

#[test]
fn replace_of_the_same_length_touches_descriptors_and_the_header_only() {
    let hive = sample(5);
    let (after, report) = remapped(&hive, &users(), Mode::Replace);
    assert_eq!((report.changed, report.moved, report.merged), (4, 0, 0));
    let (old, new) = (hive.to_bytes(), after.to_bytes());
    assert_eq!(old.len(), new.len());
    let differing = old[512..]
        .iter()
        .zip(&new[512..])
        .filter(|(a, b)| a != b)
        .count();
    // Each of four descriptors holds one 28-byte SID once.
    assert!(differing <= 4 * 28, "{differing} bytes differ");
}

#[test]
fn add_moves_grown_cells_and_mends_every_reference() {
    let (_, report) = remapped(&sample(5), &users(), Mode::Add);
    assert_eq!((report.changed, report.moved, report.merged), (4, 4, 0));
}

#[test]
fn descriptors_that_become_equal_are_merged() {
    let one = map(&[
        ("S-1-5-21-1-2-3-1000", "S-1-12-1-9-9-9-9"),
        ("S-1-5-21-1-2-3-1001", "S-1-12-1-9-9-9-9"),
        ("S-1-5-21-1-2-3-1002", "S-1-12-1-9-9-9-9"),
    ]);
    let (after, report) = remapped(&sample(5), &one, Mode::Replace);
    assert_eq!((report.changed, report.merged), (3, 2));
    let counts: Vec<u32> = after
        .descriptors()
        .expect("sound")
        .iter()
        .map(|d| d.1)
        .collect();
    assert_eq!(counts.len(), 3);
    assert!(counts.contains(&30), "three times ten keys: {counts:?}");
}

#[test]
fn a_translated_descriptor_joins_one_that_was_there() {
    let mut hive = sample(5);
    let target = descriptor(&["S-1-12-1-1000-2-3-4", "S-1-5-18"], 0xf003f);
    let mut edit = hive.edit(AT).expect("sound");
    let new = NewKey {
        class: None,
        descriptor: Some(&target),
    };
    edit.create_key_with("Has it already", new)
        .expect("a good name");
    let (after, report) = remapped(&hive, &users(), Mode::Replace);
    assert_eq!((report.changed, report.merged), (4, 1));
    assert_eq!(after.descriptors().expect("sound").len(), 5);
}

#[test]
fn sids_of_other_lengths_shrink_and_grow() {
    for target in ["S-1-5-21-7-8-9-10-11-12-13-14-15-16-17-18", "S-1-1-0"] {
        let pairs = map(&[
            ("S-1-5-21-1-2-3-1000", target),
            ("S-1-5-21-1-2-3-1001", target),
        ]);
        for mode in [Mode::Replace, Mode::Add] {
            remapped(&sample(3), &pairs, mode);
        }
    }
}

#[test]
fn a_hive_with_one_security_cell_can_move_it() {
    let mut hive = empty(5);
    let own = descriptor(&["S-1-5-21-1-2-3-1000"], 0xf003f);
    hive.edit(AT)
        .expect("sound")
        .set_descriptor("", &own)
        .expect("there");
    assert_eq!(hive.descriptors().expect("sound").len(), 1);
    remapped(&hive, &users(), Mode::Add);
}

#[test]
fn nothing_hit_returns_the_input() {
    let bytes = sample(5).into_bytes();
    for mode in [Mode::Replace, Mode::Add] {
        for pairs in [map(&[]), map(&[("S-1-5-21-9-9-9-9", "S-1-12-1-9-9-9-9")])] {
            let mut hive = Hive::open(bytes.clone(), None, None).expect("sound");
            let report = hive.remap(&pairs, mode).expect("sound");
            assert_eq!(report.changed, 0);
            assert_eq!(hive.into_bytes(), bytes);
        }
    }
}

#[test]
fn twice_is_once_and_there_and_back_is_the_start() {
    let hive = sample(5);
    for mode in [Mode::Replace, Mode::Add] {
        let (once, _) = remapped(&hive, &users(), mode);
        let (twice, report) = remapped(&once, &users(), mode);
        assert_eq!(report.changed, 0, "{mode:?}");
        assert_eq!(once.into_bytes(), twice.into_bytes());
    }
    let back =
        SidMap::new(users().pairs().map(|(a, b)| (b.clone(), a.clone()))).expect("injective");
    let (there, _) = remapped(&hive, &users(), Mode::Replace);
    let (again, _) = remapped(&there, &back, Mode::Replace);
    assert_eq!(contents(&hive), contents(&again));
}

#[test]
fn the_output_is_above_every_log_and_stamped_later() {
    let mut hive = sample(5);
    let before = hive.to_bytes();
    hive.remap(&users(), Mode::Replace).expect("sound");
    let after = hive.into_bytes();
    let number =
        |bytes: &[u8], at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("4"));
    let stamp = |bytes: &[u8]| u64::from_le_bytes(bytes[12..20].try_into().expect("8"));
    assert_eq!(number(&after, 4), number(&after, 8));
    assert!(stamp(&after) > AT.0);
    assert!(number(&before, 4) >= 1);
}

#[test]
fn an_unknown_minor_version_is_listed_but_not_changed() {
    let mut bytes = sample(5).into_bytes();
    bytes[24] = 9;
    reseal(&mut bytes);
    let mut hive = Hive::open(bytes, None, None).expect("the cells are understood");
    let listed = hive.sids().expect("its SIDs can be listed");
    assert!(listed.cells.contains_key(&sid("S-1-5-21-1-2-3-1002")));
    assert_eq!(
        hive.remap(&users(), Mode::Replace),
        Err(HiveError::ReadOnlyVersion(9))
    );
    assert!(hive.edit(AT).is_err());
}

#[test]
fn sids_are_counted_by_part_by_cell_and_by_key() {
    let hive = sample(5);
    let list = hive.sids().expect("sound");
    let user = &list.cells[&sid("S-1-5-21-1-2-3-1000")];
    assert_eq!((user.owner, user.group, user.dacl, user.sacl), (0, 0, 1, 0));
    assert_eq!(list.keys[&sid("S-1-5-21-1-2-3-1000")].dacl, 10);
    let system = &list.cells[&sid("S-1-5-18")];
    assert_eq!((system.owner, system.group, system.dacl), (5, 5, 5));
    let text = hive.text_sids().expect("sound");
    assert_eq!(text[&sid("S-1-5-21-1-2-3-1003")], 10);
}

fn reseal(bytes: &mut [u8]) {
    let sum = bytes[..508].chunks_exact(4).fold(0, |sum, word| {
        sum ^ u32::from_le_bytes(word.try_into().expect("4"))
    });
    bytes[508..512].copy_from_slice(&sum.to_le_bytes());
}

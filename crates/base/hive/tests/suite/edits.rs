//! Edits keep the hive sound and do what a plain model of keys and values does.

use crate::support::{AT, Contents, Dice, contents, descriptor, empty, sample};
use gw_hive::{Hive, HiveError, NewKey, RegValue, kind};
use std::collections::BTreeMap;

/// Opens what would be stored and demands that it is sound.
fn reopened(hive: &Hive) -> Hive {
    let again = Hive::open(hive.to_bytes(), None, None).expect("our own hive opens");
    again.check().expect("our own hive is sound");
    again
}

#[test]
fn values_of_every_size_come_back() {
    for minor in [3, 5] {
        let mut hive = empty(minor);
        for len in [
            0, 1, 3, 4, 5, 8, 4096, 16_344, 16_345, 32_688, 32_689, 100_000,
        ] {
            let value = RegValue::new(kind::BINARY, (0..len).map(|n| n as u8).collect::<Vec<_>>());
            let mut edit = hive.edit(AT).expect("sound");
            edit.create_key("Sizes").expect("a good name");
            edit.set_value("Sizes", &format!("{len}"), &value)
                .expect("it exists");
            // The same value again, after something shorter and something longer.
            edit.set_value("Sizes", "changing", &value)
                .expect("it exists");
            let again = reopened(&hive);
            let key = again.key("sizes").expect("sound").expect("made");
            for name in [format!("{len}"), "CHANGING".to_owned()] {
                let read = key.value(&name).expect("sound").expect("set");
                assert_eq!(
                    read.to_owned().expect("sound"),
                    value,
                    "{len} bytes, 1.{minor}"
                );
            }
        }
    }
}

#[test]
fn many_subkeys_are_split_sorted_and_found_again() {
    for minor in [3, 5] {
        let mut hive = empty(minor);
        let mut dice = Dice(7);
        let mut names: Vec<String> = (0..3000)
            .map(|n| format!("Schlüssel {n:04} ключ"))
            .collect();
        for at in (1..names.len()).rev() {
            names.swap(at, dice.below(at + 1));
        }
        let mut edit = hive.edit(AT).expect("sound");
        for name in &names {
            assert!(
                edit.create_key(&format!("Many\\{name}"))
                    .expect("a good name")
            );
            assert!(
                !edit
                    .create_key(&format!("MANY\\{}", name.to_uppercase()))
                    .expect("there")
            );
        }
        for name in names.iter().step_by(2) {
            assert!(edit.delete_key(&format!("Many\\{name}")).expect("sound"));
        }
        let again = reopened(&hive);
        let key = again.key("Many").expect("sound").expect("made");
        assert_eq!(key.subkey_count(), 1500);
        for (index, name) in names.iter().enumerate() {
            assert_eq!(key.subkey(name).expect("sound").is_some(), index % 2 == 1);
        }
    }
}

#[test]
fn renaming_moves_the_key_to_its_place_with_all_below_it() {
    let mut hive = sample(5);
    let before = contents(&hive);
    let mut edit = hive.edit(AT).expect("sound");
    let long = "S-1-12-1-4294967295-4294967294-4294967293-4294967292 ü 名";
    edit.rename_key("Level 2", long).expect("a good name");
    edit.rename_key("level 3", "LEVEL 3")
        .expect("only the case");
    assert!(matches!(
        edit.rename_key("Level 1", "level 0"),
        Err(HiveError::KeyExists(_))
    ));
    assert!(matches!(edit.rename_key("", "Other"), Err(HiveError::Root)));
    assert!(matches!(
        edit.rename_key("Level 1", "a\\b"),
        Err(HiveError::KeyName(_))
    ));
    assert!(matches!(
        edit.rename_key("Nowhere", "x"),
        Err(HiveError::NoSuchKey(_))
    ));
    let after = contents(&reopened(&hive));
    let moved: Contents = before
        .into_iter()
        .map(|(path, key)| {
            let path = path.replace("Level 2", long).replace("Level 3", "LEVEL 3");
            (path, key)
        })
        .collect();
    assert_eq!(after, moved);
}

#[test]
fn a_deleted_secret_leaves_no_byte() {
    let mut hive = empty(5);
    let secret = b"this is the machine password in clear";
    let mut edit = hive.edit(AT).expect("sound");
    for path in ["A", "B\\C"] {
        edit.create_key(path).expect("a good name");
        edit.set_value(path, "Secret", &RegValue::binary(secret.to_vec()))
            .expect("there");
    }
    edit.set_value("A", "Secret", &RegValue::binary(b"short".to_vec()))
        .expect("there");
    edit.delete_key("B").expect("sound");
    let bytes = reopened(&hive).into_bytes();
    assert!(!bytes.windows(12).any(|window| window == &secret[..12]));
}

#[test]
fn descriptors_are_shared_counted_and_dropped() {
    let mut hive = empty(5);
    let own = descriptor(&["S-1-5-21-1-2-3-1000"], 0x20019);
    let mut edit = hive.edit(AT).expect("sound");
    for number in 0..5 {
        let new = NewKey {
            class: None,
            descriptor: Some(&own),
        };
        edit.create_key_with(&format!("Key {number}"), new)
            .expect("a good name");
        edit.create_key(&format!("Key {number}\\Below"))
            .expect("a good name");
    }
    let counts = |hive: &Hive| -> Vec<u32> {
        hive.descriptors()
            .expect("sound")
            .iter()
            .map(|(_, keys)| *keys)
            .collect()
    };
    assert_eq!(counts(&hive), [1, 10], "subkeys share the parent's");
    let root = descriptor(&["S-1-5-18", "S-1-5-32-544"], 0xf003f);
    let mut edit = hive.edit(AT).expect("sound");
    edit.set_descriptor("Key 0", &root).expect("there");
    edit.delete_key("Key 1").expect("sound");
    assert_eq!(counts(&hive), [2, 7]);
    let mut edit = hive.edit(AT).expect("sound");
    for number in 0..5 {
        edit.delete_key(&format!("Key {number}")).expect("sound");
    }
    assert_eq!(
        counts(&reopened(&hive)),
        [1],
        "the last reference takes the cell with it"
    );
}

/// Thousands of random edits beside a model made of maps.
#[test]
fn random_edits_agree_with_a_plain_model() {
    for (seed, minor) in [(1, 3), (2, 5), (3, 6)] {
        let mut hive = empty(minor);
        let mut dice = Dice(seed);
        let mut model: BTreeMap<String, BTreeMap<String, RegValue>> = BTreeMap::new();
        model.insert(String::new(), BTreeMap::new());
        for step in 0..1500 {
            let paths: Vec<String> = model.keys().cloned().collect();
            let path = paths[dice.below(paths.len())].clone();
            let mut edit = hive.edit(AT).expect("sound");
            match dice.below(10) {
                0..=3 => {
                    let child = join(&path, &format!("N{}", dice.below(300)));
                    let made = edit.create_key(&child).expect("a good name");
                    assert_eq!(made, !model.contains_key(&child), "{child}");
                    model.entry(child).or_default();
                }
                4..=6 => {
                    let len = [0, 3, 4, 9, 300, 5000, 20_000][dice.below(7)];
                    let value = RegValue::new(dice.below(12) as u32, vec![step as u8; len]);
                    let name = format!("v{}", dice.below(8));
                    edit.set_value(&path, &name, &value).expect("it exists");
                    model.get_mut(&path).expect("picked").insert(name, value);
                }
                7 => {
                    let name = format!("V{}", dice.below(8));
                    let gone = edit.delete_value(&path, &name).expect("it exists");
                    let values = model.get_mut(&path).expect("picked");
                    assert_eq!(gone, values.remove(&name.to_lowercase()).is_some());
                }
                8 if !path.is_empty() => {
                    let name = format!("R{}", dice.below(300));
                    let parent = path.rsplit_once('\\').map_or("", |(above, _)| above);
                    let to = join(parent, &name);
                    let taken = to != path && model.contains_key(&to);
                    assert_eq!(edit.rename_key(&path, &name).is_err(), taken);
                    if !taken {
                        model = model
                            .into_iter()
                            .map(|(old, values)| (moved(&old, &path, &to), values))
                            .collect();
                    }
                }
                9 if !path.is_empty() && dice.below(3) == 0 => {
                    assert!(edit.delete_key(&path).expect("it exists"));
                    model.retain(|old, _| moved(old, &path, "") == *old);
                }
                _ => {}
            }
            if step % 250 == 0 {
                hive.check().expect("sound at every step");
            }
        }
        let again = contents(&reopened(&hive));
        let read: BTreeMap<String, BTreeMap<String, RegValue>> = again
            .into_iter()
            .map(|(path, (_, _, values))| (path, values))
            .collect();
        assert_eq!(read, model, "seed {seed}");
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}\\{name}")
    }
}

/// `path` after the key `from` became `to`, when it is that key or lies below it.
fn moved(path: &str, from: &str, to: &str) -> String {
    match path.strip_prefix(from) {
        Some(rest) if rest.is_empty() || rest.starts_with('\\') => format!("{to}{rest}"),
        _ => path.to_owned(),
    }
}

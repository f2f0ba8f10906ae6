//! Damaged input is refused or read, never a panic; planted faults are refused.

use crate::support::{AT, Dice, sample};
use gw_hive::{Hive, HiveError, exercise};
use gw_secdesc::{Mode, SidMap};

#[test]
fn random_damage_never_panics() {
    let good = sample(5).into_bytes();
    let mut dice = Dice(11);
    for _ in 0..3000 {
        let mut bytes = good.clone();
        for _ in 0..1 + dice.below(4) {
            let at = dice.below(bytes.len());
            bytes[at] = [0, 1, 0x7f, 0x80, 0xff, dice.below(256) as u8][dice.below(6)];
        }
        exercise(&bytes, None);
    }
}

#[test]
fn random_damage_to_the_fields_that_matter_never_panics() {
    let good = sample(3).into_bytes();
    let mut dice = Dice(12);
    let places: Vec<usize> = (4096..good.len() - 4).step_by(4).collect();
    for _ in 0..3000 {
        let mut bytes = good.clone();
        let at = places[dice.below(places.len())];
        let word = [
            0,
            u32::MAX,
            0x8000_0000,
            0x7fff_ffff,
            dice.below(1 << 16) as u32 & !7,
            8,
        ];
        bytes[at..at + 4].copy_from_slice(&word[dice.below(6)].to_le_bytes());
        exercise(&bytes, None);
    }
}

#[test]
fn any_truncation_is_refused_or_read() {
    let good = sample(5).into_bytes();
    for len in (0..good.len()).step_by(61) {
        let short = good[..len].to_vec();
        assert!(
            Hive::open(short, None, None).is_err(),
            "{len} bytes of {}",
            good.len()
        );
    }
}

#[test]
fn what_is_no_hive_is_named_so() {
    let open = |bytes: Vec<u8>| Hive::open(bytes, None, None).map(|_| ());
    assert_eq!(open(vec![0; 9000]), Err(HiveError::NotAHive));
    assert_eq!(open(b"regf".to_vec()), Err(HiveError::TooShort { have: 4 }));
    assert_eq!(open(vec![]), Err(HiveError::TooShort { have: 0 }));
    let mut pending = sample(5).into_bytes();
    pending[144] = 1;
    pending[508] ^= 1;
    assert_eq!(open(pending), Err(HiveError::PendingTransaction));
    let mut dirty = sample(5).into_bytes();
    dirty[4] ^= 3;
    dirty[508] ^= 3;
    assert!(matches!(open(dirty), Err(HiveError::Dirty { .. })));
}

/// Each fault is planted in a sound hive by changing one word found by its meaning.
#[test]
fn planted_faults_are_refused() {
    let good = sample(5).into_bytes();
    let word = |at: usize| u32::from_le_bytes(good[at..at + 4].try_into().expect("4"));
    let cells = |signature: &[u8]| -> Vec<usize> {
        let mut found = Vec::new();
        let mut at = 4096 + 32;
        while at < good.len() {
            if (at - 4096) % 4096 == 0 {
                at += 32;
            }
            let size = word(at) as i32;
            if size < 0 && good[at + 4..].starts_with(signature) {
                found.push(at + 4);
            }
            at += size.unsigned_abs() as usize;
        }
        found
    };
    let (keys, security, leaves) = (cells(b"nk"), cells(b"sk"), cells(b"lh"));
    let valued = |at: &usize| word(at + 36) > 0;
    let key = keys
        .iter()
        .copied()
        .find(valued)
        .expect("a key with values");
    let leaf = leaves
        .iter()
        .copied()
        .find(|at| good[at + 2] > 2)
        .expect("a list of several");
    for (name, at, value) in [
        ("parent", key + 16, word(key + 16) + 8),
        ("subkey count", keys[0] + 20, word(keys[0] + 20) + 1),
        ("security of a key", key + 44, word(key + 44) + 8),
        ("value list", key + 40, word(key + 40) + 8),
        ("value count", key + 36, 4000),
        (
            "references up",
            security[1] + 12,
            word(security[1] + 12) + 1,
        ),
        (
            "references down",
            security[1] + 12,
            word(security[1] + 12) - 1,
        ),
        ("forward link", security[1] + 4, word(security[1] + 4) + 8),
        ("backward link", security[1] + 8, word(security[0] + 8) + 8),
        ("descriptor size", security[1] + 16, 60_000),
        ("hash", leaf + 8, word(leaf + 8) ^ 1),
        ("order", leaf + 4, word(leaf + 12)),
        ("list of a list", keys[0] + 28, word(keys[0] + 28) + 8),
    ] {
        let mut bytes = good.clone();
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        let mut hive = Hive::open(bytes, None, None).expect("bins and cells are whole");
        assert!(hive.check().is_err(), "{name}");
        let map = SidMap::new([]).expect("empty");
        assert!(hive.remap(&map, Mode::Replace).is_err(), "{name}");
        assert!(hive.edit(AT).is_err(), "{name}");
    }
    for (name, at, value) in [
        ("bin signature", 4096, 0),
        ("bin offset", 4100, 8),
        ("bin size", 4104, 4095),
        ("cell size", key - 4, 12_u32.wrapping_neg()),
        ("cell over its bin", key - 4, 8192_u32.wrapping_neg()),
        ("free cell of size 0", key - 4, 0),
    ] {
        let mut bytes = good.clone();
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        assert!(Hive::open(bytes, None, None).is_err(), "{name}");
    }
}

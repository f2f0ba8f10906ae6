//! The rules of translation, one table or story each.

mod build;

use build::*;
use gw_secdesc::{Mode, SdError, SidMap, Translated, translate};

const A: &str = "S-1-5-21-10-20-30-1001";
const A2: &str = "S-1-5-21-10-20-30-1002";
const B: &str = "S-1-12-1-1-2-3-4";
const B2: &str = "S-1-12-1-5-6-7-8";
const LONG: &str = "S-1-5-21-1-2-3-4-5-6-7";
const SHORT: &str = "S-1-22-1";
const OTHER: &str = "S-1-5-21-99-99-99-500";

fn done(sd: &[u8], map: &SidMap, mode: Mode) -> Option<Vec<u8>> {
    match translate(sd, map, mode).expect("a descriptor") {
        Translated::Unchanged => None,
        Translated::Changed { bytes, fallback } => {
            assert!(!fallback);
            Some(bytes)
        }
    }
}

/// Checks both modes of a DACL against what is expected of it.
#[track_caller]
fn check(map: &SidMap, input: &[Vec<u8>], replaced: &[Vec<u8>], added: &[Vec<u8>]) {
    for (mode, expected) in [(Mode::Replace, replaced), (Mode::Add, added)] {
        let output = done(&dacl(input), map, mode).unwrap_or_else(|| dacl(input));
        assert_eq!(hex::encode(output), hex::encode(dacl(expected)), "{mode:?}");
    }
}

#[test]
fn every_type_is_rewritten_where_its_sid_is() {
    let to = map(&[(A, B)]);
    for ace_type in [0, 1, 2, 9, 10, 13] {
        for more in [vec![], b"own data".to_vec()] {
            let ace = |who| with(ace_type, 0x13, 0x1200a9, who, &more);
            check(&to, &[ace(A)], &[ace(B)], &[ace(A), ace(B)]);
            check(&to, &[ace(OTHER)], &[ace(OTHER)], &[ace(OTHER)]);
        }
    }
    for ace_type in [5, 6, 7, 11, 12, 15] {
        for guids in 0..4 {
            let ace = |who| object(ace_type, guids, who, &[]);
            check(&to, &[ace(A)], &[ace(B)], &[ace(A), ace(B)]);
        }
    }
}

#[test]
fn labels_policies_and_unknown_types_stay_byte_for_byte() {
    let to = map(&[(A, LONG)]);
    for ace_type in [3, 4, 8, 14, 16, 17, 19, 20, 22, 100, 255] {
        let ace = with(ace_type, 0, 1, A, &[1, 2, 3, 4]);
        let same = [ace];
        check(&to, &same, &same, &same);
        let torn = raw(ace_type, 0, &[9]);
        check(
            &to,
            &[torn.clone(), allow(A)],
            &[torn.clone(), allow(LONG)],
            &[torn, allow(A), allow(LONG)],
        );
    }
}

#[test]
fn literals_in_conditions_and_claims_follow_in_any_length() {
    for target in [B, LONG, SHORT] {
        let to = map(&[(A, target)]);
        for ace_type in [9, 10, 13] {
            let ace = |trustee, member| {
                let nested = token(
                    0x50,
                    &[literal(OTHER), token(0x50, &literal(member))].concat(),
                );
                let tokens = [
                    token(0xf9, b"t\0"),
                    token(0x10, b"x\0y\0"),
                    vec![0x80],
                    token(0x18, &[1, 2, 3]),
                    [vec![0x04], vec![7; 10]].concat(),
                    nested,
                    vec![0x89],
                    literal(member),
                    vec![0xa0],
                ];
                with(ace_type, 0, 1, trustee, &condition(&tokens))
            };
            let (before, after) = (ace(A, A), ace(target, target));
            check(
                &to,
                std::slice::from_ref(&before),
                std::slice::from_ref(&after),
                &[before.clone(), after.clone()],
            );
            let (before, after) = (ace(OTHER, A), ace(OTHER, target));
            check(
                &to,
                std::slice::from_ref(&before),
                std::slice::from_ref(&after),
                &[before.clone(), after.clone()],
            );
        }
        let filter = |member| with(21, 0, 1, A, &member_of(&[member]));
        check(
            &to,
            &[filter(A)],
            &[filter(target)],
            &[filter(A), filter(target)],
        );
        let claims = |who: &[&str]| with(18, 0, 0, "S-1-1-0", &claim(who));
        check(
            &to,
            &[claims(&[OTHER, A, OTHER, A])],
            &[claims(&[OTHER, target, OTHER, target])],
            &[
                claims(&[OTHER, A, OTHER, A]),
                claims(&[OTHER, target, OTHER, target]),
            ],
        );
    }
}

#[test]
fn claims_with_shared_values_and_the_name_behind_them() {
    let (short, long) = (sid(A), sid(LONG));
    let claim = |who: &gw_secdesc::Sid| {
        let len = who.encoded_len() as u32;
        let mut claim = Vec::new();
        claim.extend((28 + len).to_le_bytes());
        claim.extend([5, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 24, 0, 0, 0, 24, 0, 0, 0]);
        claim.extend(len.to_le_bytes());
        claim.extend(who.as_bytes());
        claim.extend(b"n\0\0\0");
        with(18, 0, 0, "S-1-1-0", &claim)
    };
    check(
        &map(&[(A, LONG)]),
        &[claim(&short)],
        &[claim(&long)],
        &[claim(&short), claim(&long)],
    );
}

#[test]
fn a_claim_of_another_type_is_not_read() {
    let mut body = claim(&[A]);
    body[4] = 0x10;
    body[16..20].copy_from_slice(&[0xff; 4]);
    let ace = with(18, 0, 0, "S-1-1-0", &body);
    let same = [ace];
    check(&map(&[(A, B)]), &same, &same, &same);
}

#[test]
fn duplicates_made_are_dropped_and_duplicates_found_are_kept() {
    let to = map(&[(A, B), (A2, B)]);
    let x = deny(OTHER);
    for (input, replaced) in [
        (
            vec![allow(A), x.clone(), allow(B)],
            vec![allow(B), x.clone()],
        ),
        (
            vec![allow(B), x.clone(), allow(A)],
            vec![allow(B), x.clone()],
        ),
        (vec![allow(A), allow(A2)], vec![allow(B)]),
        (vec![allow(A), allow(A)], vec![allow(B), allow(B)]),
        (vec![allow(A), allow(A), allow(B)], vec![allow(B), allow(B)]),
        (vec![allow(A), allow(B), allow(B)], vec![allow(B)]),
        (
            vec![allow(A), allow(A2), allow(A)],
            vec![allow(B), allow(B)],
        ),
        (
            vec![x.clone(), x.clone(), allow(A)],
            vec![x.clone(), x.clone(), allow(B)],
        ),
        (vec![deny(A), allow(A2)], vec![deny(B), allow(B)]),
        (vec![allow(A), deny(B), allow(B)], vec![allow(B), deny(B)]),
    ] {
        let output = done(&dacl(&input), &to, Mode::Replace).expect("a change");
        assert_eq!(hex::encode(output), hex::encode(dacl(&replaced)));
    }
}

#[test]
fn clones_stand_behind_their_original_once() {
    let to = map(&[(A, B), (A2, B)]);
    let x = deny(OTHER);
    for (input, added) in [
        (
            vec![allow(A), x.clone()],
            vec![allow(A), allow(B), x.clone()],
        ),
        (vec![allow(A), x.clone(), allow(B)], vec![]),
        (vec![allow(B), allow(A)], vec![]),
        (
            vec![allow(A), allow(A2)],
            vec![allow(A), allow(B), allow(A2)],
        ),
        (vec![allow(A), allow(A)], vec![allow(A), allow(B), allow(A)]),
        (vec![deny(A), allow(B)], vec![deny(A), deny(B), allow(B)]),
    ] {
        let output = done(&dacl(&input), &to, Mode::Add);
        let expected = (!added.is_empty()).then(|| hex::encode(dacl(&added)));
        assert_eq!(output.map(hex::encode), expected);
    }
}

#[test]
fn large_lists_go_by_the_same_rules() {
    let to = map(&[(A, B), (A2, B2)]);
    let numbered = |n: u32, who: &str| with(0, 0, n, who, &[]);
    let input: Vec<_> = (0..200)
        .flat_map(|n| [numbered(n, A), numbered(n, B), numbered(n / 2, A2)])
        .collect();
    let replaced: Vec<_> = (0..200)
        .flat_map(|n| [numbered(n, B), numbered(n / 2, B2)])
        .collect();
    let mut added = Vec::new();
    for n in 0..200 {
        added.extend([numbered(n, A), numbered(n, B), numbered(n / 2, A2)]);
        if n % 2 == 0 {
            added.push(numbered(n / 2, B2));
        }
    }
    check(&to, &input, &replaced, &added);
}

#[test]
fn owner_and_group_change_in_replace_only() {
    let input = |who: &str| {
        let who = sid(who).to_bytes();
        sd(&[(4, who.clone()), (8, who), (16, acl(&[]))])
    };
    for target in [B, LONG, SHORT] {
        let to = map(&[(A, target)]);
        assert_eq!(done(&input(A), &to, Mode::Add), None);
        assert_eq!(done(&input(A), &to, Mode::Replace), Some(input(target)));
    }
}

#[test]
fn order_gaps_and_unused_bytes_stay() {
    let make = |who: &str, clones: &[&str]| {
        let aces: Vec<_> = clones.iter().map(|who| allow(who)).collect();
        let mut sd = sd(&[
            (0, vec![0xee; 8]),
            (8, sid(who).to_bytes()),
            (16, acl_with(2, &aces, &[1, 2, 3, 4, 5])),
            (0, vec![0xdd; 3]),
            (4, sid(who).to_bytes()),
            (12, acl_with(2, &[], &[])),
            (0, vec![0xcc; 5]),
        ]);
        sd[1] = 0x77;
        sd[3] |= 0x40;
        sd
    };
    for target in [B, LONG, SHORT] {
        let to = map(&[(A, target)]);
        let replaced = done(&make(A, &[A]), &to, Mode::Replace);
        assert_eq!(replaced, Some(make(target, &[target])));
        let added = done(&make(A, &[A]), &to, Mode::Add);
        assert_eq!(added, Some(make(A, &[A, target])));
    }
}

#[test]
fn shared_parts_stay_shared_and_overlapping_ones_are_written_apart() {
    let share = |who: &str| {
        let mut sd = sd(&[(4, sid(who).to_bytes())]);
        sd.copy_within(4..8, 8);
        sd
    };
    let to = map(&[(A, LONG)]);
    assert_eq!(done(&share(A), &to, Mode::Replace), Some(share(LONG)));

    // The owner is the SID inside the DACL's entry, and bytes follow.
    let mut inside = dacl(&[allow(A)]);
    inside[4..8].copy_from_slice(&36_u32.to_le_bytes());
    inside.extend([9; 4]);
    for target in [B, LONG] {
        let apart = sd(&[(16, acl(&[allow(target)])), (4, sid(target).to_bytes())]);
        let to = map(&[(A, target)]);
        assert_eq!(done(&inside, &to, Mode::Replace), Some(apart));
        assert_eq!(done(&inside, &map(&[(OTHER, B)]), Mode::Replace), None);
    }
}

#[test]
fn null_and_empty_dacl_are_not_mixed_up() {
    let to = map(&[(A, LONG)]);
    let null = sd(&[(4, sid(A).to_bytes())]);
    let output = done(&null, &to, Mode::Replace).expect("a change");
    assert_eq!((output[2] & 4, &output[16..20]), (4, &[0; 4][..]));
    let empty = sd(&[(4, sid(A).to_bytes()), (16, acl(&[]))]);
    let output = done(&empty, &to, Mode::Replace).expect("a change");
    assert_eq!(output, sd(&[(4, sid(LONG).to_bytes()), (16, acl(&[]))]));
}

#[test]
fn add_that_does_not_fit_becomes_replace_and_says_so() {
    let full = |who: &str, count: u32| {
        let aces: Vec<_> = (0..count).map(|n| with(0, 0, n, who, &[])).collect();
        sd(&[(4, sid(who).to_bytes()), (16, acl(&aces))])
    };
    let to = map(&[(A, B)]);
    // 910 entries and 910 clones of 36 bytes are 65,528 bytes: the most that fits.
    let output = done(&full(A, 910), &to, Mode::Add).expect("a change");
    assert_eq!(output.len(), full(A, 910).len() + 910 * 36);
    assert_eq!(
        translate(&full(A, 911), &to, Mode::Add),
        Ok(Translated::Changed {
            bytes: full(B, 911),
            fallback: true
        })
    );
    // Unused bytes count, and a size between the limit and 16 bits does not fit.
    let aces: Vec<_> = (0..910).map(|n| with(0, 0, n, A, &[])).collect();
    let unused = sd(&[(16, acl_with(2, &aces, &[0; 5]))]);
    let outcome = translate(&unused, &to, Mode::Add);
    assert!(matches!(
        outcome,
        Ok(Translated::Changed { fallback: true, .. })
    ));
    let to = map(&[(A, LONG)]);
    for mode in [Mode::Add, Mode::Replace] {
        let error = translate(&full(A, 1800), &to, mode).expect_err("refused");
        let SdError::Acl { source, .. } = error else {
            panic!("{error:?}");
        };
        assert!(source.to_string().contains("at most 65532 fit"), "{source}");
    }
}

#[test]
fn what_cannot_be_understood_is_refused() {
    let to = map(&[(A, B)]);
    let good = sd(&[(4, sid(A).to_bytes()), (16, acl(&[allow(A)]))]);
    let spoil = |at: usize, bytes: &[u8]| {
        let mut bad = good.clone();
        bad[at..at + bytes.len()].copy_from_slice(bytes);
        bad
    };
    let in_dacl = |ace: Vec<u8>| dacl(&[allow(OTHER), ace]);
    let bad = [
        ("too few", good[..19].to_vec()),
        ("revision 2", spoil(0, &[2])),
        ("not self-relative", spoil(3, &[0])),
        ("begin at byte 4", spoil(4, &[4, 0, 0, 0])),
        ("begin at byte 4294967295", spoil(16, &[0xff; 4])),
        ("owner", spoil(20, &[3])),
        ("owner", spoil(21, &[200])),
        ("DACL", spoil(48, &[9])),
        (
            "44 bytes where 43 are left",
            good[..good.len() - 1].to_vec(),
        ),
        ("where 0 are left", spoil(52, &[2])),
        ("ACE 0 says it has 3 bytes", spoil(58, &[3])),
        ("ACE 0 says it has 500 bytes", spoil(58, &[0xf4, 1])),
        ("too short for its SID", in_dacl(raw(0, 0, &[1]))),
        ("too short for its SID", in_dacl(raw(5, 0, &[1; 8]))),
        (
            "needs 28 bytes but only 24",
            in_dacl(raw(0, 0, &allow(A)[4..32])),
        ),
        (
            "begins no known token",
            in_dacl(with(9, 0, 1, A, b"artx\x05\0\0\0")),
        ),
        (
            "runs past the end",
            in_dacl(with(9, 0, 1, A, b"artx\x50\xff\xff\xff\xff")),
        ),
        (
            "follows the padding",
            in_dacl(with(9, 0, 1, A, b"artx\0\0\0\x51")),
        ),
        (
            "SID literal",
            in_dacl(with(9, 0, 1, A, &condition(&[token(0x51, &[1, 0])]))),
        ),
        (
            "which do not fit",
            in_dacl(with(18, 0, 0, A, &claim(&[A])[..19])),
        ),
    ];
    for (message, bytes) in bad {
        for mode in [Mode::Add, Mode::Replace] {
            let error = translate(&bytes, &to, mode).expect_err(message);
            let mut text = error.to_string();
            let mut source = std::error::Error::source(&error);
            while let Some(error) = source {
                text = format!("{text}: {error}");
                source = error.source();
            }
            assert!(text.contains(message), "{message}: {text}");
        }
    }
}

#[test]
fn deep_nesting_is_refused_not_followed() {
    let mut nest = literal(A);
    for _ in 0..5000 {
        nest = token(0x50, &nest);
    }
    let deep = dacl(&[with(9, 0, 1, OTHER, &condition(&[nest]))]);
    assert!(translate(&deep, &map(&[(A, LONG)]), Mode::Replace).is_err());
}

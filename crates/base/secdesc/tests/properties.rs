//! What holds for every descriptor.

mod build;

use build::*;
use gw_secdesc::{Mode, SecurityDescriptor, SidMap, Translated, exercise, translate};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

const SOURCES: [&str; 4] = [
    "S-1-5-21-10-20-30-1001",
    "S-1-5-21-10-20-30-1002",
    "S-1-5-21-10-20-30-513",
    "S-1-22-1-7",
];
const TARGETS: [&str; 4] = [
    "S-1-12-1-1-2-3-4",
    "S-1-12-1-5-6-7-8",
    "S-1-5-21-7-7-7-7-7-7",
    "S-1-22-2",
];
const OTHERS: [&str; 3] = ["S-1-5-18", "S-1-5-32-544", "S-1-5-21-9-9-9-500"];

fn anyone() -> Vec<&'static str> {
    [&SOURCES[..], &TARGETS, &OTHERS].concat()
}

fn nobody_new() -> Vec<&'static str> {
    [&SOURCES[..], &OTHERS].concat()
}

fn ace(who: Vec<&'static str>) -> impl Strategy<Value = Vec<u8>> {
    let one = select(who.clone());
    let plain = (select(vec![0_u8, 1, 2, 17]), 0..3_u8, 1..4_u32, one.clone())
        .prop_map(|(kind, flags, mask, who)| with(kind, flags, mask, who, &[]));
    let objects = (select(vec![5_u8, 6, 11, 15]), 0..4_u32, one.clone())
        .prop_map(|(kind, guids, who)| object(kind, guids, who, &[]));
    let conditional = (
        select(vec![9_u8, 10, 13, 21]),
        one,
        vec(select(who.clone()), 0..4),
    )
        .prop_map(|(kind, who, members)| with(kind, 0, 1, who, &member_of(&members)));
    let claims = vec(select(who), 0..4).prop_map(|who| with(18, 0, 0, "S-1-1-0", &claim(&who)));
    let opaque = (22..=255_u8, vec(any::<u8>(), 0..9)).prop_map(|(kind, body)| raw(kind, 0, &body));
    prop_oneof![6 => plain, 2 => objects, 2 => conditional, 1 => claims, 1 => opaque]
}

fn descriptor(who: Vec<&'static str>) -> impl Strategy<Value = Vec<u8>> {
    let acl = |who: Vec<&'static str>| {
        let aces = prop_oneof![9 => vec(ace(who.clone()), 0..9), 1 => vec(ace(who), 60..90)];
        (aces, vec(any::<u8>(), 0..5)).prop_map(|(aces, trailing)| acl_with(4, &aces, &trailing))
    };
    let owner = select(who.clone()).prop_map(|who| sid(who).to_bytes());
    let parts = (owner.clone(), owner, acl(who.clone()), acl(who));
    let gaps = vec(vec(any::<u8>(), 0..5), 5);
    let order = Just(vec![4_usize, 8, 12, 16]).prop_shuffle();
    (parts, gaps, order, 0..5_usize).prop_map(|((owner, group, sacl, dacl), gaps, order, keep)| {
        let mut list = Vec::new();
        for (slot, gap) in order.into_iter().take(keep).zip(&gaps) {
            list.push((0, gap.clone()));
            let part = match slot {
                4 => &owner,
                8 => &group,
                12 => &sacl,
                _ => &dacl,
            };
            list.push((slot, part.clone()));
        }
        list.push((0, gaps[4].clone()));
        sd(&list)
    })
}

/// Sources to targets by index, so that two sources can share a target.
fn pairs() -> impl Strategy<Value = SidMap> {
    vec((select(SOURCES.to_vec()), select(TARGETS.to_vec())), 0..5).prop_map(|mut pairs| {
        pairs.sort();
        pairs.dedup_by_key(|pair| pair.0);
        map(&pairs)
    })
}

fn output(sd: &[u8], map: &SidMap, mode: Mode) -> Vec<u8> {
    match translate(sd, map, mode).expect("a descriptor") {
        Translated::Unchanged => sd.to_vec(),
        Translated::Changed { bytes, .. } => {
            assert_ne!(bytes, sd);
            bytes
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn twice_is_once(sd in descriptor(anyone()), map in pairs()) {
        for mode in [Mode::Add, Mode::Replace] {
            let once = output(&sd, &map, mode);
            prop_assert_eq!(translate(&once, &map, mode), Ok(Translated::Unchanged));
        }
    }

    #[test]
    fn no_source_is_left_where_it_counts(sd in descriptor(anyone()), map in pairs()) {
        let replaced = output(&sd, &map, Mode::Replace);
        let mut left = Vec::new();
        gw_secdesc::sids(&replaced, |_, sid| {
            if map.target(&sid).is_some() {
                left.push(sid);
            }
        }).expect("a descriptor");
        // Only the SID of an access filter or a label, which is no account.
        let labels = SecurityDescriptor::parse(&replaced).expect("a descriptor");
        let named = [&labels.sacl, &labels.dacl].into_iter().flatten()
            .flat_map(|acl| &acl.aces)
            .filter(|ace| matches!(ace.ace_type(), 17 | 21))
            .filter_map(gw_secdesc::Ace::sid)
            .filter(|sid| map.target(sid).is_some())
            .count();
        prop_assert_eq!(left.len(), named);
    }

    #[test]
    fn there_and_back(sd in descriptor(nobody_new()), shift in 0..4_usize) {
        let there: Vec<_> = (0..4).map(|n| (SOURCES[n], TARGETS[(n + shift) % 4])).collect();
        let back: Vec<_> = there.iter().map(|(a, b)| (*b, *a)).collect();
        let gone = output(&sd, &map(&there), Mode::Replace);
        prop_assert_eq!(output(&gone, &map(&back), Mode::Replace), sd);
    }

    #[test]
    fn codec_round_trip(sd in descriptor(anyone())) {
        let parsed = SecurityDescriptor::parse(&sd).expect("a descriptor");
        prop_assert_eq!(parsed.to_bytes().expect("fits"), sd);
    }

    #[test]
    fn add_keeps_every_entry_in_order(sd in descriptor(anyone()), map in pairs()) {
        let added = output(&sd, &map, Mode::Add);
        let (old, new) = (
            SecurityDescriptor::parse(&sd).expect("a descriptor"),
            SecurityDescriptor::parse(&added).expect("a descriptor"),
        );
        prop_assert_eq!((&old.owner, &old.group), (&new.owner, &new.group));
        for (old, new) in [(&old.dacl, &new.dacl), (&old.sacl, &new.sacl)] {
            let mut new = new.iter().flat_map(|acl| &acl.aces);
            let kept = old.iter().flat_map(|acl| &acl.aces).all(|ace| new.any(|n| n == ace));
            prop_assert!(kept);
        }
    }

    #[test]
    fn arbitrary_bytes_do_no_harm(data in vec(any::<u8>(), 0..200)) {
        exercise(&data);
    }

    #[test]
    fn damaged_descriptors_do_no_harm(
        choice in any::<u8>(),
        sd in descriptor(anyone()),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        let mut data = [vec![choice], sd].concat();
        for (at, byte) in damage {
            let at = at.index(data.len());
            data[at] = byte;
        }
        exercise(&data);
    }
}

//! The journal file: torn tails, damage, tampering, arbitrary bytes, old files.

use std::collections::BTreeSet;

use gw_model::{FinalState, RunId, RunKind, StepName, StepState};
use gw_platform::fake::Fuse;
use proptest::prelude::*;

use super::bench::{Rig, SimStorage, ticking};
use crate::journal::{BadJournal, Event, Journal, MAGIC, read_frames, tail};
use crate::rundir::ORDER;

fn sample(records: u32) -> Vec<u8> {
    let mut storage = SimStorage::new(Fuse::default());
    let mut journal = Journal::open(&mut storage).unwrap();
    journal
        .append(
            &mut storage,
            ticking(),
            Event::Opened {
                v: 1,
                run_id: RunId(uuid::Uuid::from_u128(1)),
                kind: RunKind::Run,
                order_sha256: "00".repeat(32),
            },
        )
        .unwrap();
    for n in 1..records {
        let event = Event::Step {
            step: StepName::Files,
            state: StepState::Running,
            detail: Some(format!("record {n}")),
        };
        journal.append(&mut storage, ticking(), event).unwrap();
    }
    storage.journal
}

#[test]
fn a_torn_tail_of_any_length_is_cut() {
    let whole = sample(4);
    let good = read_frames(&whole).unwrap();
    assert_eq!(good.records.len(), 4);
    let three = {
        let frames = (0..whole.len())
            .rev()
            .find(|cut| read_frames(&whole[..*cut]).is_ok_and(|f| f.good_bytes == *cut as u64));
        frames.unwrap()
    };
    for cut in three..whole.len() {
        let mut storage = SimStorage::new(Fuse::default());
        storage.journal = whole[..cut].to_vec();
        let mut journal = Journal::open(&mut storage).unwrap();
        assert_eq!(journal.records().len(), 3, "cut at {cut}");
        assert_eq!(storage.journal.len(), three, "the tail is gone");
        let event = Event::Stopped {};
        journal.append(&mut storage, ticking(), event).unwrap();
        assert_eq!(read_frames(&storage.journal).unwrap().records.len(), 4);
    }
    // A tail that was allocated but never written.
    for hole in [1, 7, 8, 9, 500] {
        let mut torn = whole.clone();
        torn.extend(std::iter::repeat_n(0, hole));
        assert_eq!(read_frames(&torn).unwrap().good_bytes, whole.len() as u64);
    }
    for start in 0..MAGIC.len() {
        let frames = read_frames(&whole[..start]).unwrap();
        assert_eq!(frames.good_bytes, 0, "{start} bytes of magic");
    }
}

#[test]
fn damage_before_the_tail_is_refused_not_cut() {
    let whole = sample(4);
    let last = (0..whole.len())
        .rev()
        .find(|cut| read_frames(&whole[..*cut]).is_ok_and(|f| f.good_bytes == *cut as u64))
        .unwrap();
    for at in (MAGIC.len()..last).step_by(3) {
        let mut bad = whole.clone();
        bad[at] ^= 0x41;
        assert!(
            matches!(read_frames(&bad), Err(BadJournal::Middle { .. })),
            "byte {at}"
        );
    }
    assert_eq!(
        read_frames(b"not a journal").unwrap_err(),
        BadJournal::Magic
    );
}

#[test]
fn records_cannot_be_taken_out_swapped_or_replaced() {
    let whole = sample(5);
    let mut ends = vec![MAGIC.len()];
    ends.extend(
        (MAGIC.len() + 1..=whole.len())
            .filter(|cut| read_frames(&whole[..*cut]).is_ok_and(|f| f.good_bytes == *cut as u64)),
    );
    assert_eq!(ends.len(), 6);
    let part = |n: usize| &whole[ends[n]..ends[n + 1]];
    let join = |order: &[usize]| {
        let mut bytes = MAGIC.to_vec();
        order.iter().for_each(|n| bytes.extend(part(*n)));
        bytes
    };
    assert!(read_frames(&join(&[0, 1, 2, 3, 4])).is_ok());
    for order in [
        &[0, 2, 1, 3, 4][..],
        &[0, 1, 3, 4],
        &[1, 2, 3],
        &[0, 1, 1, 2],
    ] {
        assert!(read_frames(&join(order)).is_err(), "{order:?}");
    }
    // Another record with the right number but another past.
    let mut foreign = MAGIC.to_vec();
    foreign.extend(part(0));
    let other = sample(3);
    let second = other.len() - (other.len() - ends[1]) / 2;
    foreign.extend(&other[second..]);
    assert!(
        read_frames(&foreign).is_ok_and(|f| f.records.len() == 1) || read_frames(&foreign).is_err()
    );
}

#[test]
fn a_tailing_reader_sees_each_record_once() {
    let whole = sample(6);
    let (mut offset, mut seen) = (0u64, Vec::new());
    for end in (0..=whole.len()).step_by(5).chain([whole.len()]) {
        let from = offset as usize;
        if end < from {
            continue;
        }
        let more = tail(&whole[from..end], offset).unwrap();
        seen.extend(more.records.iter().map(|record| record.n));
        offset = more.next;
    }
    assert_eq!(seen, [0, 1, 2, 3, 4, 5]);
}

/// A finished run written by the first version, byte for byte. It must be read
/// for ever: never change the files, only add newer ones.
const V1: (&[u8], &[u8]) = (
    include_bytes!("v1.journal"),
    include_bytes!("v1.order.json"),
);

#[test]
fn the_first_version_is_still_read() {
    let frames = read_frames(V1.0).unwrap();
    assert_eq!(frames.good_bytes, V1.0.len() as u64);
    let kinds: BTreeSet<String> = frames
        .records
        .iter()
        .map(|record| serde_json::to_value(record).unwrap()["event"].to_string())
        .collect();
    for kind in [
        "opened",
        "started",
        "step",
        "finding",
        "needs_stage",
        "staged",
        "intent",
        "progress",
        "done",
        "proof",
        "failed",
        "going_back",
        "needs_return",
        "returning",
        "undone",
        "final",
    ] {
        assert!(kinds.contains(&format!("{kind:?}")), "{kind} in {kinds:?}");
    }
}

#[test]
fn a_run_begun_by_the_first_version_goes_on() {
    let staged = {
        let frames = read_frames(V1.0).unwrap();
        let at = frames
            .records
            .iter()
            .position(|r| matches!(r.event, Event::Staged { .. }))
            .unwrap();
        (0..V1.0.len())
            .find(|cut| read_frames(&V1.0[..*cut]).is_ok_and(|f| f.records.len() == at + 1))
            .unwrap()
    };
    let mut rig = Rig::sized(1, 6, |_| {});
    rig.storage
        .documents
        .insert(ORDER.to_owned(), V1.1.to_vec());
    rig.deliver_stage();
    rig.storage.journal = V1.0[..staged].to_vec();
    let map = rig.stage_file().map().unwrap();
    let name = crate::access::map_name(&crate::access::map_ref(&map));
    rig.storage
        .documents
        .insert(name, map.to_csv().into_bytes());
    assert_eq!(rig.play(), Ok(FinalState::Migrated));
    let mut fresh = Rig::sized(1, 6, |_| {});
    assert_eq!(fresh.play(), Ok(FinalState::Migrated));
    assert_eq!(rig.snapshot(), fresh.snapshot());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read_frames(&bytes);
        let _ = tail(&bytes, 0);
        let _ = tail(&bytes, 9);
        let mut framed = MAGIC.to_vec();
        framed.extend(&bytes);
        let _ = read_frames(&framed);
    }

    #[test]
    fn no_flipped_byte_is_taken_for_truth(at in 0usize..2000, with in 1u8..=255) {
        let whole = sample(5);
        let at = at % whole.len();
        let mut bad = whole.clone();
        bad[at] ^= with;
        if let Ok(frames) = read_frames(&bad) {
            let good = read_frames(&whole).unwrap();
            prop_assert!(frames.records.len() < good.records.len());
            prop_assert_eq!(&frames.records[..], &good.records[..frames.records.len()]);
        }
    }
}

#[test]
#[ignore = "by hand, when a new version of the records needs files of its own"]
fn write_golden() {
    let mut rig = Rig::sized(1, 6, |_| {});
    rig.sample.pc.faults.push(gw_platform::fake::Fault {
        phase: gw_platform::fake::Phase::Execute,
        object: "translate local groups".to_owned(),
        error: gw_platform::MachineError::AccessDenied {
            object: "SAM".to_owned(),
        },
        times: 9,
    });
    assert_eq!(rig.play(), Ok(FinalState::Returned));
    let folder = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/tests"));
    for (name, bytes) in [
        ("v1.journal", &rig.storage.journal),
        ("v1.order.json", &rig.storage.documents[ORDER]),
    ] {
        let path = folder.join(name);
        // Never over a file that has been released.
        if std::fs::metadata(&path).map_or(0, |m| m.len()) == 0 {
            std::fs::write(&path, bytes).unwrap();
        }
    }
}

//! Logs made here by the specification, applied to a hive and damaged in every way.

use super::*;
use crate::base::checksum;
use crate::raw::put_u32;
use crate::{FileTime, Hive, NewHive, RegValue};

const AT: FileTime = FileTime(1000);

/// A hive before (dirty, at sequence `secondary`) and after a number of edits,
/// as the bytes of each state.
struct Story {
    states: Vec<Vec<u8>>,
}

fn story() -> Story {
    let mut hive = Hive::create(&NewHive {
        minor_version: 5,
        root_name: "ROOT",
        file_name: "TEST",
        descriptor: &[
            1, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        ],
        at: AT,
    })
    .expect("an empty hive");
    let mut states = vec![hive.data.clone()];
    for step in 0..4_u32 {
        let mut edit = hive.edit(AT).expect("sound");
        let path = format!("Key {step}");
        edit.create_key(&path).expect("a good name");
        let data = RegValue::binary(vec![step as u8; 3000]);
        edit.set_value(&path, "Data", &data).expect("there");
        states.push(hive.data.clone());
    }
    Story { states }
}

/// The first state, marked as being written: primary 11, secondary 10.
fn dirty(state: &[u8]) -> Vec<u8> {
    let mut bytes = state.to_vec();
    set_header(&mut bytes, 11, 10, TYPE_PRIMARY);
    bytes
}

fn set_header(bytes: &mut [u8], primary: u32, secondary: u32, kind: u32) {
    put_u32(bytes, 4, primary).expect("long enough");
    put_u32(bytes, 8, secondary).expect("long enough");
    put_u32(bytes, 28, kind).expect("long enough");
    let sum = checksum(bytes);
    put_u32(bytes, 508, sum).expect("long enough");
}

/// A log entry that leads from one state to the next.
fn entry(sequence: u32, from: &[u8], to: &[u8]) -> Vec<u8> {
    let pages: Vec<usize> = (BASE_BLOCK..to.len())
        .step_by(4096)
        .filter(|at| from.get(*at..*at + 4096) != Some(&to[*at..*at + 4096]))
        .collect();
    let mut body = Vec::new();
    for at in &pages {
        body.extend(((at - BASE_BLOCK) as u32).to_le_bytes());
        body.extend(4096_u32.to_le_bytes());
    }
    for at in &pages {
        body.extend(&to[*at..*at + 4096]);
    }
    let size = (ENTRY_HEADER + body.len()).next_multiple_of(PAGE);
    let mut bytes = b"HvLE".to_vec();
    let bins = (to.len() - BASE_BLOCK) as u32;
    for word in [size as u32, 0, sequence, bins, pages.len() as u32] {
        bytes.extend(word.to_le_bytes());
    }
    body.resize(size - ENTRY_HEADER, 0);
    bytes.extend(marvin32(&body).to_le_bytes());
    let second = marvin32(&bytes);
    bytes.extend(second.to_le_bytes());
    bytes.extend(body);
    bytes
}

fn new_log(first: u32, states: &[Vec<u8>]) -> Vec<u8> {
    let mut log = states[0][..SECTOR].to_vec();
    set_header(&mut log, first, first, TYPE_LOG_NEW);
    for (step, pair) in states.windows(2).enumerate() {
        log.extend(entry(first.wrapping_add(step as u32), &pair[0], &pair[1]));
    }
    log
}

fn old_log(from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut log = to[..SECTOR].to_vec();
    set_header(&mut log, 11, 11, TYPE_LOG_OLD);
    let mut bitmap = vec![0_u8; (to.len() - BASE_BLOCK) / PAGE / 8];
    let mut pages: Vec<u8> = Vec::new();
    for bit in 0..bitmap.len() * 8 {
        let at = BASE_BLOCK + bit * PAGE;
        if from.get(at..at + PAGE) != Some(&to[at..at + PAGE]) {
            bitmap[bit / 8] |= 1 << (bit % 8);
            pages.extend(&to[at..at + PAGE]);
        }
    }
    log.extend(b"DIRT");
    log.extend(bitmap);
    log.resize(log.len().next_multiple_of(PAGE), 0);
    log.extend(pages);
    log
}

/// The bins of a recovered hive, or why not.
fn recovered(
    hive: Vec<u8>,
    log1: Option<&[u8]>,
    log2: Option<&[u8]>,
) -> Result<(Recovery, Vec<u8>), HiveError> {
    let hive = Hive::open(hive, log1, log2)?;
    hive.check()?;
    let recovery = hive.recovery();
    let bytes = hive.into_bytes();
    let again = Hive::open(bytes.clone(), None, None)?;
    assert_eq!(again.recovery(), Recovery::Clean);
    Ok((recovery, bytes[BASE_BLOCK..].to_vec()))
}

fn bins(state: &[u8]) -> Vec<u8> {
    state[BASE_BLOCK..].to_vec()
}

#[test]
fn entries_apply_in_order_over_both_logs_whichever_is_first() {
    let story = story();
    let log1 = new_log(10, &story.states[..3]);
    let log2 = new_log(12, &story.states[2..]);
    for (one, two) in [(&log1, &log2), (&log2, &log1)] {
        let (how, bytes) =
            recovered(dirty(&story.states[0]), Some(one), Some(two)).expect("it recovers");
        assert!(matches!(
            how,
            Recovery::NewLogs {
                entries: 4,
                second_used: true,
                last_sequence: 13,
                ..
            }
        ));
        assert_eq!(bytes, bins(&story.states[4]));
    }
}

#[test]
fn recovery_stops_at_the_first_entry_that_does_not_hold() {
    let story = story();
    let whole = new_log(10, &story.states);
    let mut starts = Vec::new();
    let mut at = SECTOR;
    while at < whole.len() {
        starts.push(at);
        at += u32_at(&whole, at + 4).expect("an entry") as usize;
    }
    for (step, start) in starts.iter().enumerate().skip(1) {
        // Number, size, flags, bins size, count, both hashes, a reference, a page.
        for field in [0, 5, 8, 12, 17, 20, 24, 32, 40, 200] {
            let mut log = whole.clone();
            log[start + field] ^= 4;
            let (_, bytes) =
                recovered(dirty(&story.states[0]), Some(&log), None).expect("it recovers");
            assert_eq!(
                bytes,
                bins(&story.states[step])[..bytes.len()],
                "field {field}"
            );
        }
    }
    let mut log = whole.clone();
    log[starts[0] + 40] ^= 1;
    let refused = recovered(dirty(&story.states[0]), Some(&log), None);
    assert!(matches!(
        refused,
        Err(HiveError::Dirty {
            log: LogProblem::Entry,
            ..
        })
    ));
}

#[test]
fn a_second_log_that_does_not_follow_on_is_left_alone() {
    let story = story();
    let log1 = new_log(10, &story.states[..2]);
    let log2 = new_log(12, &story.states[2..]);
    let (how, bytes) =
        recovered(dirty(&story.states[0]), Some(&log1), Some(&log2)).expect("it recovers");
    assert!(matches!(
        how,
        Recovery::NewLogs {
            entries: 1,
            second_used: false,
            ..
        }
    ));
    assert_eq!(bytes, bins(&story.states[1]));
}

#[test]
fn logs_older_than_the_hive_are_stale() {
    let story = story();
    let log = new_log(9, &story.states);
    let refused = recovered(dirty(&story.states[0]), Some(&log), None);
    assert!(matches!(
        refused,
        Err(HiveError::Dirty {
            log: LogProblem::Stale,
            ..
        })
    ));
    // A stale first log does not stop the second.
    let log2 = new_log(10, &story.states);
    let (how, _) =
        recovered(dirty(&story.states[0]), Some(&log), Some(&log2)).expect("it recovers");
    assert!(matches!(
        how,
        Recovery::NewLogs {
            first: Log::Two,
            ..
        }
    ));
}

#[test]
fn sequence_numbers_wrap_around() {
    let story = story();
    let mut hive = story.states[0].clone();
    set_header(&mut hive, u32::MAX, u32::MAX - 1, TYPE_PRIMARY);
    let log1 = new_log(u32::MAX, &story.states[..3]);
    let log2 = new_log(1, &story.states[2..]);
    let (how, bytes) = recovered(hive, Some(&log2), Some(&log1)).expect("it recovers");
    assert!(matches!(
        how,
        Recovery::NewLogs {
            first: Log::Two,
            second_used: true,
            last_sequence: 2,
            ..
        }
    ));
    assert_eq!(bytes, bins(&story.states[4]));
}

#[test]
fn a_lost_base_block_is_taken_from_the_latest_log() {
    let story = story();
    for (at, value) in [(508, 0x55), (0, b'X'), (24, 1), (40, 9)] {
        let mut hive = story.states[2].clone();
        hive[at] = value;
        let log1 = new_log(10, &story.states[..3]);
        let log2 = new_log(12, &story.states[2..]);
        let (how, bytes) = recovered(hive, Some(&log1), Some(&log2)).expect("it recovers");
        assert!(matches!(
            how,
            Recovery::NewLogs {
                first: Log::Two,
                second_used: false,
                base_block_rebuilt: true,
                ..
            }
        ));
        assert_eq!(bytes, bins(&story.states[4]));
    }
}

#[test]
fn the_old_format_needs_an_equal_time_stamp() {
    let story = story();
    let log = old_log(&story.states[0], &story.states[4]);
    for (one, two) in [(Some(&log), None), (None, Some(&log))] {
        let (how, bytes) = recovered(
            dirty(&story.states[0]),
            one.map(Vec::as_slice),
            two.map(Vec::as_slice),
        )
        .expect("it recovers");
        assert!(matches!(
            how,
            Recovery::OldLog {
                base_block_rebuilt: false,
                ..
            }
        ));
        assert_eq!(bytes, bins(&story.states[4]));
    }
    let mut other = log.clone();
    other[12] ^= 1;
    set_header(&mut other, 11, 11, TYPE_LOG_OLD);
    let refused = recovered(dirty(&story.states[0]), Some(&other), None);
    assert!(matches!(
        refused,
        Err(HiveError::Dirty {
            log: LogProblem::Timestamp,
            ..
        })
    ));
    let refused = recovered(dirty(&story.states[0]), Some(&log[..log.len() - 512]), None);
    assert!(matches!(
        refused,
        Err(HiveError::Dirty {
            log: LogProblem::CutOff,
            ..
        })
    ));
    let mut torn = log;
    set_header(&mut torn, 12, 11, TYPE_LOG_OLD);
    let refused = recovered(dirty(&story.states[0]), Some(&torn), None);
    assert!(matches!(
        refused,
        Err(HiveError::Dirty {
            log: LogProblem::Invalid,
            ..
        })
    ));
}

#[test]
fn the_old_format_rebuilds_a_base_block_by_the_stamp_of_the_first_bin() {
    let story = story();
    let log = old_log(&story.states[0], &story.states[4]);
    let mut hive = story.states[0].clone();
    hive[508] ^= 0xff;
    let (how, bytes) = recovered(hive.clone(), Some(&log), None).expect("it recovers");
    assert!(matches!(
        how,
        Recovery::OldLog {
            base_block_rebuilt: true,
            ..
        }
    ));
    assert_eq!(bytes, bins(&story.states[4]));
    hive[BASE_BLOCK + 20] ^= 1;
    assert!(recovered(hive, Some(&log), None).is_err());
}

#[test]
fn a_pending_transaction_is_told_by_the_last_entry() {
    let story = story();
    let mut log = new_log(10, &story.states[..2]);
    let mut last = entry(11, &story.states[1], &story.states[2]);
    last[8] = 1;
    let hash = marvin32(&last[..32]);
    last[32..40].copy_from_slice(&hash.to_le_bytes());
    log.extend(last);
    let refused = recovered(dirty(&story.states[0]), Some(&log), None);
    assert_eq!(refused.err(), Some(HiveError::PendingTransaction));
}

#[test]
fn a_clean_hive_ignores_its_logs_but_writes_above_them() {
    let story = story();
    let log = new_log(700, &story.states);
    let hive = story.states[0].clone();
    let mut clean = hive.clone();
    set_header(&mut clean, 10, 10, TYPE_PRIMARY);
    let open = |log: Option<&[u8]>| Hive::open(clean.clone(), log, None).expect("clean");
    assert_eq!(open(Some(&log)).recovery(), Recovery::Clean);
    assert_eq!(open(Some(&log)).into_bytes(), clean, "untouched");
    let mut hive = open(Some(&log));
    hive.edit(AT)
        .expect("sound")
        .create_key("New")
        .expect("a good name");
    let bytes = hive.into_bytes();
    assert_eq!(
        u32_at(&bytes, 4),
        Some(704),
        "entries 700 to 703 are stepped over"
    );
    assert_eq!(u32_at(&bytes, 8), Some(704));
}

//! Registry hives and their logs: open, recover, read, edit, translate.
//!
//! Input: length of the hive (4 bytes, little-endian), the hive, its log (may be empty).

use crate::Target;
use gw_hive::{FileTime, Hive, RegValue};
use gw_secdesc::Sid;
use gw_testkit::hive_builder::{MachineSpec, UserSpec, machine_hives, ntuser};

pub(crate) const TARGET: Target = Target {
    name: "hive",
    seeds,
    repair,
    run,
};

fn split(data: &[u8]) -> (&[u8], &[u8]) {
    let Some((head, rest)) = data.split_first_chunk::<4>() else {
        return (data, &[]);
    };
    rest.split_at((u32::from_le_bytes(*head) as usize).min(rest.len()))
}

fn run(data: &[u8]) {
    let (hive, log) = split(data);
    gw_hive::exercise(hive, (!log.is_empty()).then_some(log));
}

/// Checksums of base blocks, hashes of log entries.
fn repair(data: &mut [u8]) {
    let Some((head, rest)) = data.split_first_chunk_mut::<4>() else {
        return;
    };
    let hive_len = (u32::from_le_bytes(*head) as usize).min(rest.len());
    let (hive, log) = rest.split_at_mut(hive_len);
    fix_checksum(hive);
    fix_checksum(log);
    let mut at = 512;
    while let Some(entry) = log.get_mut(at..).filter(|rest| rest.starts_with(b"HvLE")) {
        let size = entry.get(4..8).map_or(0, |four| {
            u32::from_le_bytes([four[0], four[1], four[2], four[3]]) as usize
        });
        if size < 512 || size > entry.len() {
            return;
        }
        seal_entry(&mut entry[..size]);
        at += size;
    }
}

pub(super) fn fix_checksum(sector: &mut [u8]) {
    let Some(sector) = sector.get_mut(..512) else {
        return;
    };
    let sum = sector[..508].chunks_exact(4).fold(0, |sum, four| {
        sum ^ u32::from_le_bytes([four[0], four[1], four[2], four[3]])
    });
    let sum = match sum {
        0 => 1,
        u32::MAX => u32::MAX - 1,
        sum => sum,
    };
    sector[508..].copy_from_slice(&sum.to_le_bytes());
}

fn seal_entry(entry: &mut [u8]) {
    let pages = marvin32(&entry[40..]);
    entry[24..32].copy_from_slice(&pages.to_le_bytes());
    let head = marvin32(&entry[..32]);
    entry[32..40].copy_from_slice(&head.to_le_bytes());
}

/// The hash of log entries, written again here: the fuzzer must not lean on what it tests.
fn marvin32(bytes: &[u8]) -> u64 {
    let (mut a, mut b) = (0x7a4e_55c5_u32, 0x82ef_4d88_u32);
    let mut padded = bytes.to_vec();
    padded.push(0x80);
    padded.resize(padded.len().next_multiple_of(4), 0);
    let words: Vec<u32> = padded
        .chunks_exact(4)
        .map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]))
        .collect();
    for word in words.into_iter().chain([0]) {
        a = a.wrapping_add(word);
        b ^= a;
        a = a.rotate_left(20).wrapping_add(b);
        b = b.rotate_left(9) ^ a;
        a = a.rotate_left(27).wrapping_add(b);
        b = b.rotate_left(19);
    }
    u64::from(b) << 32 | u64::from(a)
}

fn seeds() -> anyhow::Result<Vec<Vec<u8>>> {
    let domain: Sid = "S-1-5-21-1004336348-1177238915-682003330".parse()?;
    let who = domain.with_rid(1105).ok_or(anyhow::anyhow!("too long"))?;
    let mut user = UserSpec::new(who.clone(), "anna");
    (user.keys, user.descriptors) = (60, 6);
    let mut machine = MachineSpec::new("GW-1", "S-1-5-21-11-22-33".parse()?);
    machine.machine_secret = vec![7; 24];
    machine.members = vec![(544, who)];
    let built = machine_hives(&machine)?;
    let mut out: Vec<Vec<u8>> = [ntuser(&user)?, built.sam, built.security]
        .iter()
        .map(|hive| join(hive, &[]))
        .collect();
    let before = ntuser(&user)?;
    let after = edited(&before)?;
    out.push(join(&torn(&before), &old_log(&after)));
    out.push(join(&torn(&before), &new_log(&before, &after)));
    // A seed that is refused exercises nothing: say so.
    for seed in &out {
        let (hive, log) = split(seed);
        let opened = Hive::open(hive.to_vec(), (!log.is_empty()).then_some(log), None)?;
        opened.check()?;
    }
    Ok(out)
}

fn join(hive: &[u8], log: &[u8]) -> Vec<u8> {
    let mut out = [&(hive.len() as u32).to_le_bytes(), hive, log].concat();
    repair(&mut out);
    out
}

fn edited(before: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut hive = Hive::open(before.to_vec(), None, None)?;
    let mut edit = hive.edit(FileTime(77))?;
    edit.create_key("Software\\Changed")?;
    edit.set_value("Software\\Changed", "Since", &RegValue::string("the log"))?;
    Ok(hive.into_bytes())
}

/// A hive whose last write was not finished.
fn torn(before: &[u8]) -> Vec<u8> {
    let mut hive = before.to_vec();
    let first = u32::from_le_bytes([hive[4], hive[5], hive[6], hive[7]]).wrapping_add(1);
    hive[4..8].copy_from_slice(&first.to_le_bytes());
    // The old format goes by the time stamp; `old_log` has the same.
    hive[12..20].fill(9);
    hive
}

fn log_head(after: &[u8], kind: u32) -> Vec<u8> {
    let mut head = after[..512].to_vec();
    head[12..20].fill(9);
    head[28..32].copy_from_slice(&kind.to_le_bytes());
    head
}

/// All pages of the changed hive, in the format up to Windows 8.
fn old_log(after: &[u8]) -> Vec<u8> {
    let bins = &after[4096..];
    let mut log = log_head(after, 1);
    log.extend(b"DIRT");
    log.resize(log.len() + bins.len() / 512 / 8, 0xff);
    log.resize(log.len().next_multiple_of(512), 0);
    log.extend(bins);
    log
}

/// The same as one entry in the format since Windows 8.1.
fn new_log(before: &[u8], after: &[u8]) -> Vec<u8> {
    let mut log = log_head(after, 6);
    let sequence = u32::from_le_bytes([before[4], before[5], before[6], before[7]]).wrapping_add(1);
    log[4..8].copy_from_slice(&sequence.to_le_bytes());
    log[8..12].copy_from_slice(&sequence.to_le_bytes());
    let bins = &after[4096..];
    let mut entry = b"HvLE".to_vec();
    let size = (48 + bins.len()).next_multiple_of(512) as u32;
    for word in [size, 0, sequence, bins.len() as u32, 1] {
        entry.extend(word.to_le_bytes());
    }
    entry.extend([0; 16]);
    entry.extend(0_u32.to_le_bytes());
    entry.extend((bins.len() as u32).to_le_bytes());
    entry.extend(bins);
    entry.resize(size as usize, 0);
    log.extend(entry);
    log
}

//! Measures the translation of a large user hive and prints budget rows as JSON lines.
//!
//! The hive is built, or read from the path given as the argument. The built one has about the size
//! of the largest real user hive that we test with (6 MB) and twice its keys. Every domain SID in it
//! is mapped.
//!
//! Peer: a program that has the hive open in the same process, visits every key from the root on,
//! opens it by its path, and reads, translates and sets its descriptor without remembering anything.
//! What of that is reading and translating alone is printed beside it.

use gw_hive::{FileTime, Hive};
use gw_secdesc::{Mode, Sid, SidMap};
use gw_testkit::{
    hive_builder::{UserSpec, ntuser},
    hive_peer::{remap_key_by_key, translate_every_key},
};
use std::{hint::black_box, time::Instant};

const ROUNDS: usize = 9;

fn main() -> anyhow::Result<()> {
    let bytes = match std::env::args_os().nth(1) {
        Some(path) => std::fs::read(path)?,
        None => built()?,
    };
    let hive = Hive::open(bytes.clone(), None, None)?;
    let map = map(&hive)?;
    let mut report = None;
    let ours = best(&bytes, |bytes| {
        let mut hive = Hive::open(bytes, None, None)?;
        report = Some(hive.remap(&map, Mode::Replace)?);
        black_box(hive.into_bytes());
        Ok(())
    })?;
    let report = report.ok_or_else(|| anyhow::anyhow!("nothing was measured"))?;
    // The peer is slow enough to be measured once.
    let mut theirs_hive = Hive::open(bytes.clone(), None, None)?;
    let start = Instant::now();
    let changed = remap_key_by_key(&mut theirs_hive, &map, Mode::Replace, FileTime(1))?;
    black_box(theirs_hive.into_bytes());
    let theirs = start.elapsed().as_secs_f64() * 1e3;
    let reading = best(&bytes, |bytes| {
        let hive = Hive::open(bytes, None, None)?;
        black_box(translate_every_key(&hive, &map, Mode::Replace)?);
        Ok(())
    })?;
    anyhow::ensure!(
        changed == report.keys_changed,
        "the two do not change the same keys: {changed} and {}",
        report.keys_changed
    );
    eprintln!(
        "{} bytes, {} keys, {} changed, {} descriptors; ours {ours:.2} ms, visiting every key \
         {theirs:.1} ms, of which reading and translating {reading:.1} ms",
        bytes.len(),
        report.keys,
        report.keys_changed,
        report.descriptors
    );
    let ratio = theirs / ours;
    let because = match (ours <= 20.0, ratio >= 50.0) {
        (true, true) => "",
        (false, _) => "opening, checking and writing the hive take longer than 20 ms here",
        (true, false) => {
            "most of ours is checking the whole hive before it is touched, which the peer leaves out"
        }
    };
    println!(
        "{}",
        serde_json::json!({
            "name": "hive-remap", "value": round(ours), "unit": "ms",
            "goal": "<= 20 ms, >= 50 times faster", "peer": "every key, no cache",
            "ratio": round(ratio), "met": because.is_empty(), "because": because,
        })
    );
    Ok(())
}

fn built() -> anyhow::Result<Vec<u8>> {
    let domain: Sid = "S-1-5-21-1004336348-1177238915-682003330".parse()?;
    let rid = |rid| domain.with_rid(rid).ok_or(anyhow::anyhow!("too long"));
    let mut user = UserSpec::new(rid(1105)?, "anna");
    user.others = (0..20).map(|n| rid(2000 + n)).collect::<Result<_, _>>()?;
    user.descriptors = 130;
    user.keys = 15_000;
    Ok(ntuser(&user)?)
}

/// Every account of a domain to one of the cloud.
fn map(hive: &Hive) -> anyhow::Result<SidMap> {
    let sids = hive.sids()?;
    let mut pairs = Vec::new();
    for (index, sid) in (1_u32..).zip(sids.cells.keys()) {
        if sid.authority() == 5 && sid.sub_authorities().next() == Some(21) {
            pairs.push((sid.clone(), format!("S-1-12-1-{index}-2-3-4").parse()?));
        }
    }
    Ok(SidMap::new(pairs)?)
}

/// Milliseconds from the file's bytes on, the best of several rounds.
fn best(bytes: &[u8], mut work: impl FnMut(Vec<u8>) -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let copy = bytes.to_vec();
        let start = Instant::now();
        work(copy)?;
        best = best.min(start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(best)
}

fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

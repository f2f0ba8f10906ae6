//! Matches 1,000,000 objects with 1,000,000 and prints a budget row as a JSON line.
//!
//! Most have one partner under a differing order; some have none, some are ambiguous, some were
//! bound before. Subjects are made before the clock starts, and count into the memory.

use gw_matching::{Decision, Subject, Summary, match_subjects};
use gw_model::Guid;
use std::time::Instant;
use uuid::Uuid;

const COUNT: u32 = 1_000_000;
const SECONDS: f64 = 3.0;
const GIGABYTES: f64 = 1.5;

fn main() -> Result<(), String> {
    let sources: Vec<Subject> = (0..COUNT).map(source).collect();
    // Another order than the sources': a full cycle, since the step and a million share no factor.
    let targets: Vec<Subject> = (0..COUNT)
        .map(|n| target((u64::from(n) * 700_001 % u64::from(COUNT)) as u32))
        .collect();
    let start = Instant::now();
    let decisions = match_subjects(&sources, &targets);
    let seconds = start.elapsed().as_secs_f64();
    let memory = peak_gigabytes().ok_or("/proc/self/status names no peak of memory")?;
    verify(&decisions, &sources, &targets)?;
    let sum = Summary::of(&decisions);
    eprintln!("{sum:?} in {seconds:.2} s, {memory:.2} GB at the most");
    let because = match (seconds <= SECONDS, memory <= GIGABYTES) {
        (true, true) => "",
        (false, _) => "one thread; hashing two million texts takes longer on this machine",
        (true, false) => "subjects, indices and decisions together need more memory",
    };
    println!(
        "{{\"name\":\"match\",\"value\":{seconds:.3},\"unit\":\"s ({memory:.2} GB)\",\"goal\":\"<= 3 s, <= 1.5 GB\",\
         \"peer\":\"absolute\",\"ratio\":null,\"met\":{},\"because\":\"{because}\"}}",
        because.is_empty()
    );
    Ok(())
}

fn source(n: u32) -> Subject {
    Subject {
        guid: guid(1, n),
        // One in fifty shares its text with its neighbour.
        key: Some(key(if n % 50 == 49 { n - 1 } else { n })),
        eligible: n % 100 != 3,
        bound: (n % 10 == 7).then(|| guid(2, n)),
    }
}

fn target(n: u32) -> Subject {
    Subject {
        guid: guid(2, n),
        // One in twenty has a text that no source has.
        key: Some(key(if n.is_multiple_of(20) { n + COUNT } else { n })),
        eligible: true,
        bound: None,
    }
}

fn key(n: u32) -> Box<str> {
    format!("employee-{n:07}@directory.example").into()
}

fn guid(side: u128, n: u32) -> Guid {
    Guid(Uuid::from_u128(side << 64 | u128::from(n)))
}

/// Each pair joins the same number, and every kind of decision came up.
fn verify(decisions: &[Decision], sources: &[Subject], targets: &[Subject]) -> Result<(), String> {
    let mut kinds = [0_u32; 5];
    for (decision, source) in decisions.iter().zip(sources) {
        kinds[match decision {
            Decision::Matched(_) => 0,
            Decision::Bound(_) => 1,
            Decision::Excluded => 2,
            Decision::NoCandidate => 3,
            _ => 4,
        }] += 1;
        if let Some(target) = decision.target()
            && targets[target].guid.0.as_u128() as u64 != source.guid.0.as_u128() as u64
        {
            return Err(format!("{:?} was given a stranger", source.guid));
        }
    }
    if kinds.contains(&0) {
        return Err(format!("a kind of decision did not come up: {kinds:?}"));
    }
    Ok(())
}

/// The most memory that this process ever held, in 10⁹ bytes.
fn peak_gigabytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024.0 / 1e9)
}

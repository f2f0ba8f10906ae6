//! Watches the process that searches a target: what ends it, how long an input takes, how much
//! memory it holds.

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use std::{
    fs::{self, File},
    io::Read,
    os::unix::{fs::FileExt, process::ExitStatusExt},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

/// One input may take this long; more is a finding.
const PATIENCE: Duration = Duration::from_secs(20);
/// The process may hold this much, in bytes; more is a finding.
const MEMORY: u64 = 3 << 30;
/// How often it is looked at.
const GLANCE: Duration = Duration::from_millis(50);

/// What to search.
pub(crate) struct Plan {
    pub(crate) target: &'static str,
    pub(crate) seconds: u64,
    pub(crate) seed: u64,
}

/// What became of it.
pub(crate) struct Watched {
    pub(crate) executions: u64,
    pub(crate) seconds: f64,
    pub(crate) ended: Ended,
}

/// How it ended.
pub(crate) enum Ended {
    /// By itself.
    Clean { edges: usize, kept: usize },
    /// With a finding.
    Found { why: String, input: Vec<u8> },
}

/// Runs a search to its end.
///
/// # Errors
/// It could not be started, or did not end by a fault of the target.
pub(crate) fn watch(plan: &Plan) -> Result<Watched> {
    let note = std::env::temp_dir().join(format!(
        "godwit-fuzz-{}-{}",
        plan.target,
        std::process::id()
    ));
    let watched = watch_with(plan, &note);
    let _ = fs::remove_file(&note);
    watched
}

fn watch_with(plan: &Plan, note: &Path) -> Result<Watched> {
    let started = Instant::now();
    let mut child = Command::new(std::env::current_exe()?)
        .args([plan.target, "--seconds", &plan.seconds.to_string()])
        .args(["--seed", &plan.seed.to_string(), "--note"])
        .arg(note)
        .stdout(Stdio::piped())
        .spawn()
        .context("starting the search")?;
    let stopped = look_after(&mut child, note)?;
    let seconds = started.elapsed().as_secs_f64();
    let status = child.wait()?;
    let mut said = String::new();
    if let Some(mut out) = child.stdout.take() {
        out.read_to_string(&mut said)?;
    }
    let (executions, input) = read_note(note).unwrap_or_default();
    let ended = match stopped {
        Some(why) => Ended::Found { why, input },
        None => judge(plan.target, status, &said, input)?,
    };
    Ok(Watched {
        executions,
        seconds,
        ended,
    })
}

/// Waits for the end, and makes it if an input takes too long or too much; says why then.
fn look_after(child: &mut Child, note: &Path) -> Result<Option<String>> {
    let mut last = (0, Instant::now());
    loop {
        if child.try_wait()?.is_some() {
            return Ok(None);
        }
        let number = File::open(note).and_then(|file| number_at(&file, 0));
        let number = number.unwrap_or_default();
        if number != last.0 {
            last = (number, Instant::now());
        }
        // Before the first input the seeds are made.
        let why = if number != 0 && last.1.elapsed() > PATIENCE {
            Some("it takes too long")
        } else if resident(child.id()).is_some_and(|bytes| bytes > MEMORY) {
            Some("it takes too much memory")
        } else {
            None
        };
        if let Some(why) = why {
            child.kill()?;
            return Ok(Some(why.to_owned()));
        }
        std::thread::sleep(GLANCE);
    }
}

fn judge(target: &str, status: ExitStatus, said: &str, input: Vec<u8>) -> Result<Ended> {
    if let Some(signal) = status.signal() {
        let why = format!("it crashed with signal {signal}");
        return Ok(Ended::Found { why, input });
    }
    // A target may print; the last line is ours.
    let line = said.lines().last().unwrap_or_default();
    if let Some(why) = line.strip_prefix("panicked ") {
        let why = why.to_owned();
        return Ok(Ended::Found { why, input });
    }
    let mut words = line.split(' ').skip(1).map(str::parse::<usize>);
    match (words.next(), words.next()) {
        (Some(Ok(edges)), Some(Ok(kept))) if status.success() => Ok(Ended::Clean { edges, kept }),
        _ => anyhow::bail!("the search of {target} ended with {status}: {line}"),
    }
}

fn read_note(note: &Path) -> std::io::Result<(u64, Vec<u8>)> {
    let file = File::open(note)?;
    let length = usize::try_from(number_at(&file, 8)?).unwrap_or_default();
    let mut input = vec![0; length.min(64 << 20)];
    file.read_exact_at(&mut input, 16)?;
    Ok((number_at(&file, 0)?, input))
}

fn number_at(file: &File, at: u64) -> std::io::Result<u64> {
    let mut bytes = [0; 8];
    file.read_exact_at(&mut bytes, at)?;
    Ok(u64::from_le_bytes(bytes))
}

fn resident(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/statm")).ok()?;
    let pages: u64 = status.split(' ').nth(1)?.parse().ok()?;
    Some(pages * 4096)
}

/// A short name for an input, the same wherever it is found.
pub(crate) fn name_of(input: &[u8]) -> String {
    hex::encode(&Sha256::digest(input)[..8])
}

//! Runs targets for some seconds each, the same way for the same seed.
//!
//! `godwit-fuzz [TARGET…|all] [--seconds N] [--seed N]`, `godwit-fuzz TARGET --input FILE`.
//! Every target is searched in a process of its own, which is watched from this one, so that a
//! crash is a finding like a panic. A finding is written to `artifacts/TARGET-HASH` and ends the
//! program with 1.

mod search;
mod watch;

use anyhow::{Context, Result, bail};
use godwit_fuzz::{PLANTED, TARGETS, Target, find};
use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};
use watch::{Ended, Plan, watch};

/// The search for the planted fault may take so many seconds; it needs about one.
const PATIENCE: u64 = 120;

struct Arguments {
    targets: Vec<&'static Target>,
    seconds: u64,
    seed: u64,
    input: Option<PathBuf>,
    /// This is the process that searches: where it notes what it runs.
    note: Option<PathBuf>,
}

fn main() -> ExitCode {
    match arguments().and_then(|arguments| run(&arguments)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn arguments() -> Result<Arguments> {
    let mut out = Arguments {
        targets: Vec::new(),
        seconds: 60,
        seed: 1,
        input: None,
        note: None,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || {
            words
                .next()
                .with_context(|| format!("{word} needs a value"))
        };
        match word.as_str() {
            "--seconds" => out.seconds = value()?.parse().context("--seconds")?,
            "--seed" => out.seed = value()?.parse().context("--seed")?,
            "--input" => out.input = Some(value()?.into()),
            "--note" => out.note = Some(value()?.into()),
            "all" => out.targets.extend(TARGETS),
            name => out.targets.push(find(name).with_context(|| {
                let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
                format!(
                    "there is no target `{name}`; choose of all, {}",
                    names.join(", ")
                )
            })?),
        }
    }
    if out.targets.is_empty() {
        out.targets = TARGETS.iter().collect();
    }
    Ok(out)
}

fn run(arguments: &Arguments) -> Result<bool> {
    if let (Some(note), [target]) = (&arguments.note, arguments.targets.as_slice()) {
        return search::run(target, arguments.seconds, arguments.seed, note);
    }
    if let Some(path) = &arguments.input {
        let [target] = arguments.targets.as_slice() else {
            bail!("--input needs one target");
        };
        let data = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
        (target.run)(&data);
        println!("{}: nothing found in {}", target.name, path.display());
        return Ok(true);
    }
    if godwit_fuzz::coverage::edges() == 0 {
        bail!("this was built without edge counters; start it with `cargo xtask fuzz`");
    }
    if !planted(arguments.seed)? {
        return Ok(false);
    }
    println!(
        "{:<10} {:>11} {:>9} {:>7} {:>6}",
        "target", "executions", "per s", "edges", "kept"
    );
    let (mut executions, mut found) = (0, 0);
    for target in &arguments.targets {
        let plan = Plan {
            target: target.name,
            seconds: arguments.seconds,
            seed: arguments.seed,
        };
        let watched = watch(&plan)?;
        executions += watched.executions;
        let said = match &watched.ended {
            Ended::Clean { edges, kept } => format!("{edges:>7} {kept:>6}  clean"),
            Ended::Found { why, input } => {
                found += 1;
                format!(
                    "FOUND: {why}; {}",
                    again(target.name, &keep(target.name, input)?)
                )
            }
        };
        println!(
            "{:<10} {:>11} {:>9.0} {said}",
            target.name,
            watched.executions,
            watched.executions as f64 / watched.seconds.max(0.001),
        );
    }
    let targets = arguments.targets.len();
    match found {
        0 => println!("{targets} targets, {executions} executions: clean"),
        found => println!("{targets} targets, {executions} executions: {found} FOUND SOMETHING"),
    }
    Ok(found == 0)
}

/// Whether the search finds what is hidden for it: if not, its silence means nothing.
fn planted(seed: u64) -> Result<bool> {
    let plan = Plan {
        target: PLANTED.name,
        seconds: PATIENCE,
        seed,
    };
    let watched = watch(&plan)?;
    let (said, good) = match &watched.ended {
        Ended::Found { why, .. } if why.contains("index out of bounds") => ("found", true),
        _ => ("NOT FOUND", false),
    };
    println!(
        "planted out-of-bounds read {said} after {} executions in {:.1} s",
        watched.executions, watched.seconds
    );
    Ok(good)
}

fn keep(target: &str, input: &[u8]) -> Result<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("artifacts");
    fs::create_dir_all(&dir)?;
    let path = dir.join(format!("{target}-{}", watch::name_of(input)));
    fs::write(&path, input)?;
    Ok(path)
}

fn again(target: &str, path: &Path) -> String {
    format!(
        "again with: cargo xtask fuzz {target} --input {}",
        path.display()
    )
}

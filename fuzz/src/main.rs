//! Runs targets for some seconds each, on any stable compiler, the same way for the same seed.
//!
//! `godwit-fuzz [TARGET…] [--seconds N] [--seed N]`, `godwit-fuzz TARGET --input FILE`.
//! A finding is written to `artifacts/TARGET-HASH` and ends the program with 1.

use anyhow::{Context, Result, bail};
use godwit_fuzz::{TARGETS, Target, find, mutate};
use std::{
    collections::HashSet,
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    panic,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// One input may take this long; more is a finding.
const PATIENCE: Duration = Duration::from_secs(20);
/// The process may hold this much, in bytes; more is a finding.
const MEMORY: u64 = 3 << 30;
/// So many inputs are kept to be changed further.
const KEPT: usize = 4096;

struct Arguments {
    targets: Vec<&'static Target>,
    seconds: u64,
    seed: u64,
    input: Option<PathBuf>,
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
            name => out.targets.push(find(name).with_context(|| {
                let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
                format!(
                    "there is no target `{name}`; choose of {}",
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
    if let Some(path) = &arguments.input {
        let [target] = arguments.targets.as_slice() else {
            bail!("--input needs one target");
        };
        let data = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
        (target.run)(&data);
        println!("{}: nothing found in {}", target.name, path.display());
        return Ok(true);
    }
    let watched = Arc::new(Mutex::new(Watched::default()));
    watch(Arc::clone(&watched));
    let mut fine = true;
    for target in &arguments.targets {
        fine &= fuzz(target, arguments, &watched, &artifacts())?;
    }
    Ok(fine)
}

/// What is being run right now, for the watch.
#[derive(Default)]
struct Watched {
    target: &'static str,
    input: Vec<u8>,
    since: Option<Instant>,
}

fn fuzz(
    target: &'static Target,
    arguments: &Arguments,
    watched: &Mutex<Watched>,
    artifacts: &Path,
) -> Result<bool> {
    let mut kept = (target.seeds)().with_context(|| format!("the seeds of {}", target.name))?;
    let mut dice = mutate::Dice::new(arguments.seed);
    let mut answers = HashSet::new();
    let started = Instant::now();
    let mut inputs = 0_u64;
    let mut next = 0;
    // Inputs that only grow make everything slow.
    let longest = 2 * kept.iter().map(Vec::len).max().unwrap_or(0) + 256;
    while inputs < kept.len() as u64 || started.elapsed().as_secs() < arguments.seconds {
        // First the seeds as they are, then changed ones.
        let data = if next < kept.len() && inputs == next as u64 {
            next += 1;
            kept[next - 1].clone()
        } else {
            let mut data = kept[dice.below(kept.len())].clone();
            let other = &kept[dice.below(kept.len())];
            mutate::mutate(&mut data, other, &mut dice);
            data.truncate(longest);
            if dice.below(8) != 0 {
                (target.repair)(&mut data);
            }
            data
        };
        inputs += 1;
        let mut now = watched.lock().unwrap_or_else(PoisonError::into_inner);
        (now.target, now.since) = (target.name, Some(Instant::now()));
        now.input.clone_from(&data);
        drop(now);
        let outcome = panic::catch_unwind(|| (target.run)(&data));
        watched.lock().unwrap_or_else(PoisonError::into_inner).since = None;
        match outcome {
            Ok(answer) if answers.insert(answer) && kept.len() < KEPT => {
                // A first answer to a seed needs no second copy of it.
                if inputs > next as u64 {
                    kept.push(data);
                }
            }
            Ok(_) => {}
            Err(_) => {
                report(target.name, &data, "it panicked", artifacts)?;
                return Ok(false);
            }
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{:<8} {inputs:>9} inputs in {seconds:>5.1} s ({:>6.0}/s), {:>4} different answers, nothing found",
        target.name,
        inputs as f64 / seconds,
        answers.len()
    );
    Ok(true)
}

/// Ends the process when an input takes too long or too much memory.
fn watch(watched: Arc<Mutex<Watched>>) {
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_millis(250));
            let now = watched.lock().unwrap_or_else(PoisonError::into_inner);
            let slow = now.since.is_some_and(|since| since.elapsed() > PATIENCE);
            let large = resident().is_some_and(|bytes| bytes > MEMORY);
            if slow || large {
                let why = if slow {
                    "it takes too long"
                } else {
                    "it takes too much memory"
                };
                if let Err(error) = report(now.target, &now.input, why, &artifacts()) {
                    eprintln!("error: {error:#}");
                }
                std::process::exit(1);
            }
        }
    });
}

fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = status.split(' ').nth(1)?.parse().ok()?;
    Some(pages * 4096)
}

fn artifacts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("artifacts")
}

fn report(target: &str, data: &[u8], why: &str, dir: &Path) -> Result<()> {
    fs::create_dir_all(dir)?;
    let mut hasher = DefaultHasher::new();
    data.hash(&mut hasher);
    let path = dir.join(format!("{target}-{:016x}", hasher.finish()));
    fs::write(&path, data)?;
    println!(
        "{target}: FOUND: {why}; again with: cargo xtask fuzz {target} --input {}",
        path.display()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Far from the seed: two bytes must be right, and nothing but the answers leads there.
    const PLANTED: Target = Target {
        name: "planted",
        seeds: || Ok(vec![vec![0; 40]]),
        repair: |_| {},
        run: |data| match data {
            [_, _, 0xff, 0x7f, ..] => panic!("planted"),
            [_, _, 0xff, ..] => 1,
            _ => 0,
        },
    };

    #[test]
    fn a_planted_fault_is_found_and_its_input_kept() {
        let arguments = Arguments {
            targets: vec![&PLANTED],
            seconds: 60,
            seed: 1,
            input: None,
        };
        let dir = tempfile::tempdir().expect("a folder");
        let fine = fuzz(&PLANTED, &arguments, &Mutex::default(), dir.path());
        assert!(!fine.expect("it runs"), "the planted fault was not found");
        let kept: Vec<_> = fs::read_dir(dir.path()).expect("the folder").collect();
        let path = kept[0].as_ref().expect("a finding").path();
        let data = fs::read(path).expect("the finding");
        assert!(panic::catch_unwind(|| (PLANTED.run)(&data)).is_err());
    }
}

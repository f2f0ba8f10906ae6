//! `test`: everything, or one part. A part that cannot run fails; it is not skipped.

mod beside;
pub(crate) mod chaos;
mod postgres;

use crate::{
    lab,
    run::{cargo, command, example, python, root, run, run_within, target_dir},
    setup, windows,
    wine::{Wine, with_environment},
};
use anyhow::{Context, Result, bail};
use beside::Beside;
use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

/// In the order in which they run, cheap ones first.
const PARTS: &[&str] = &["unit", "suite", "pg", "web", "areas", "lab", "e2e"];

/// Run beside the others; the second one where real data is at hand, as it is in CI.
const BESIDE: &[&str] = &["windows", "fixtures"];

pub(crate) fn run_verb(part: Option<&str>) -> Result<()> {
    run_verb_with(part, &chaos::Arguments::default())
}

pub(crate) fn run_verb_with(part: Option<&str>, storm: &chaos::Arguments) -> Result<()> {
    let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    let mut table = Table::default();
    if let Some(part) = part {
        println!("== test {part}");
        table.play(part, || run_part(part, storm));
        return table.told();
    }
    let mut beside = BESIDE.to_vec();
    beside.retain(|part| in_ci || *part != "fixtures");
    // From the beginning: many tests wait for a disk or a clock, and this takes longest of all.
    let going = Beside::start(beside);
    for part in PARTS {
        println!("== test {part}");
        table.play(part, || run_part(part, storm));
    }
    for done in going.wait()? {
        println!(
            "== test {} (went on beside the others)\n{}",
            done.part,
            done.said()
        );
        table.add(done.part, done.minutes, done.result);
    }
    table.told()
}

/// Which parts ran, for how long, and which of them failed and why.
#[derive(Default)]
struct Table {
    rows: Vec<(String, f64, bool)>,
    failed: Vec<String>,
}

impl Table {
    fn play(&mut self, part: &str, work: impl FnOnce() -> Result<()>) {
        let started = Instant::now();
        let done = work();
        self.add(part, started.elapsed().as_secs_f64() / 60.0, done);
    }

    fn add(&mut self, part: &str, minutes: f64, done: Result<()>) {
        self.rows.push((part.to_owned(), minutes, done.is_ok()));
        if let Err(error) = done {
            eprintln!("error: {part}: {error:#}");
            self.failed.push(format!("{part}: {error:#}"));
        }
    }

    fn told(self) -> Result<()> {
        println!("\npart       minutes  result");
        for (part, minutes, ok) in &self.rows {
            println!(
                "{part:<10} {minutes:>7.1}  {}",
                if *ok { "passed" } else { "FAILED" }
            );
        }
        println!(
            "{} passed, {} failed",
            self.rows.len() - self.failed.len(),
            self.failed.len()
        );
        if self.failed.is_empty() {
            return Ok(());
        }
        bail!("failed: {}", self.failed.join("; "));
    }
}

fn run_part(part: &str, storm: &chaos::Arguments) -> Result<()> {
    match part {
        "unit" => run(&mut cargo(&[
            "test",
            "--workspace",
            "--locked",
            "--quiet",
            "--lib",
            "--bins",
        ])),
        "suite" => suite(),
        "pg" => postgres::run_parts(),
        "web" => web(),
        "areas" => areas(),
        "windows" => windows::run_verb(),
        "lab" => lab_part(),
        "e2e" => e2e(),
        "fixtures" => fixtures(),
        "engine-matrix" => chaos::engine_matrix(),
        "chaos" => chaos::chaos(storm),
        "kills" => offline("kills", Some(storm.seed)),
        "blockers" => offline("blockers", None),
        other => bail!(
            "there is no part `{other}`; choose one of {}, {}, engine-matrix, chaos, kills, blockers",
            PARTS.join(", "),
            BESIDE.join(", ")
        ),
    }
}

/// Integration tests and the checkers' own proof that they find what is planted.
fn suite() -> Result<()> {
    setup::ensure()?;
    run(&mut cargo(&[
        "test",
        "--workspace",
        "--locked",
        "--quiet",
        "--test",
        "*",
    ]))?;
    let checkers = root().join("crates/dev/lab/checker");
    let limit = Duration::from_secs(300);
    let check = |script: &str, arguments: &[&std::ffi::OsStr]| {
        println!("-- {script}");
        run_within(
            command(python()).arg(checkers.join(script)).args(arguments),
            limit,
        )
    };
    for script in [
        "secret_search.py",
        "wire_layers.py",
        "python_server.py",
        "secure_check.py",
    ] {
        check(script, &["--self-test".as_ref()])?;
    }
    let vectors = root().join("docs/protocol-vectors.json");
    check("python_agent.py", &["--vectors".as_ref(), vectors.as_ref()])?;
    // Hives that the builder makes must be what four other readers take for hives.
    let hives = built_hives()?;
    check("built_hives.py", &[hives.as_ref()])?;
    check(
        "hive_structure.py",
        &["--self-test".as_ref(), hives.join("SOFTWARE").as_ref()],
    )
}

/// A folder with one of each hive that the builder makes.
fn built_hives() -> Result<PathBuf> {
    let hives = target_dir().join("built-hives");
    run(example("hives")?.arg(&hives))?;
    Ok(hives)
}

/// Every area on every platform, in both modes, off and ignored, judged by an independent reader.
fn areas() -> Result<()> {
    setup::ensure()?;
    let checkers = root().join("crates/dev/lab/checker");
    println!("-- areas_check.py");
    run_within(
        command(python())
            .arg(checkers.join("areas_check.py"))
            .arg("--self-test")
            .arg(built_hives()?),
        Duration::from_secs(300),
    )?;
    run(example("areas")?
        .arg("--dir")
        .arg(lab::lab_dir().join("areas"))
        .arg("--python")
        .arg(python())
        .arg("--checkers")
        .arg(&checkers))
}

/// Runs on disk images without a server: `kills` kills them from outside at 200 random
/// milliseconds, `blockers` plants what must stop them.
fn offline(name: &str, seed: Option<u64>) -> Result<()> {
    setup::ensure()?;
    lab::build()?;
    let mut play = example(name)?;
    play.arg("--dir")
        .arg(lab::lab_dir().join(name))
        .arg("--bin-dir")
        .arg(target_dir().join("debug"))
        .arg("--python")
        .arg(python())
        .arg("--checkers")
        .arg(root().join("crates/dev/lab/checker"));
    if let Some(seed) = seed {
        play.arg("--seed").arg(seed.to_string());
    }
    run(&mut play)
}

/// The console: types, lints, unit tests, bundle.
fn web() -> Result<()> {
    setup::ensure()?;
    let web = root().join("web");
    for script in ["check", "test"] {
        run(command("npm")
            .args(["run", "--silent", script])
            .current_dir(&web))?;
    }
    build_console()
}

/// Builds the console's bundle if a source is newer than it.
pub(crate) fn build_console() -> Result<()> {
    let web = root().join("web");
    if !web.join("package.json").is_file() {
        return Ok(());
    }
    let built = web
        .join("dist/index.html")
        .metadata()
        .and_then(|meta| meta.modified())
        .ok();
    let newest = newest(&web);
    if built.is_some_and(|built| built >= newest) {
        return Ok(());
    }
    run(command("npm")
        .args(["run", "--silent", "build"])
        .current_dir(&web))
    .context("building the console")
}

fn newest(web: &std::path::Path) -> std::time::SystemTime {
    let mut newest = std::time::UNIX_EPOCH;
    let mut stack: Vec<PathBuf> = vec![
        web.join("src"),
        web.join("index.html"),
        web.join("package.json"),
        web.join("vite.config.ts"),
    ];
    while let Some(path) = stack.pop() {
        if let Ok(entries) = std::fs::read_dir(&path) {
            stack.extend(entries.flatten().map(|entry| entry.path()));
        }
        if let Ok(modified) = path.metadata().and_then(|meta| meta.modified()) {
            newest = newest.max(modified);
        }
    }
    newest
}

/// The default scenario, the proxy, the protocol among strangers, and each way to break a run.
fn lab_part() -> Result<()> {
    let mut failed = Vec::new();
    for (scenario, broken_by) in LAB {
        let name = format!("{scenario} {}", broken_by.unwrap_or("plain"));
        println!("-- {name}");
        let arguments = arguments(scenario, *broken_by);
        if let Err(error) = lab::run_verb(&arguments) {
            eprintln!("error: {name}: {error:#}");
            failed.push(format!("{name} ({})", faults(&arguments)));
        }
    }
    if failed.is_empty() {
        Ok(())
    } else {
        bail!("{}", failed.join(", "))
    }
}

/// What the lab wrote of a scenario that failed; the first faults are enough to know where to look.
fn faults(arguments: &lab::Arguments) -> String {
    let told = arguments
        .json
        .as_ref()
        .and_then(|path| std::fs::read(path).ok())
        .and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok())
        .unwrap_or_default();
    let faults: Vec<&str> = told["faults"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default()
        .iter()
        .filter_map(serde_json::Value::as_str)
        .collect();
    if faults.is_empty() {
        return "it left no verdict".into();
    }
    faults.join("; ").chars().take(600).collect()
}

const LAB: &[(&str, Option<&str>)] = &[
    ("ad-ad", None),
    ("proxy", None),
    ("protocol", None),
    ("ad-ad", Some("join")),
    ("ad-ad", Some("verify")),
    ("ad-ad", Some("power")),
];

fn arguments(scenario: &str, scenario_break: Option<&str>) -> lab::Arguments {
    lab::Arguments {
        scenario: scenario.to_owned(),
        devices: 1,
        files: 20_000,
        scenario_break: scenario_break.map(str::to_owned),
        json: Some(target_dir().join(format!(
            "lab-{scenario}-{}.json",
            scenario_break.unwrap_or("plain")
        ))),
        ..lab::Arguments::default()
    }
}

/// The console in Chromium, from the first sign-in to a verified run of a lab device.
fn e2e() -> Result<()> {
    let arguments = arguments("console", None);
    lab::run_verb(&arguments).with_context(|| faults(&arguments))
}

/// Real data that is not part of the project.
fn fixtures() -> Result<()> {
    let dir = std::env::var_os("GODWIT_FIXTURES")
        .map_or_else(|| root().join("../shared/fixtures"), PathBuf::from);
    if !dir.is_dir() {
        if std::env::var("CI").is_ok_and(|value| value == "true") {
            bail!("{} is missing; set GODWIT_FIXTURES", dir.display());
        }
        println!(
            "no fixtures at {}: 0 cases were checked; set GODWIT_FIXTURES",
            dir.display()
        );
        return Ok(());
    }
    setup::ensure()?;
    lab::build()?;
    windows::build()?;
    let native = target_dir().join("debug/godwit-agent");
    let limit = Duration::from_secs(20 * 60);
    for script in FIXTURES {
        println!("-- {script}, native");
        run_within(checker(script, &dir).arg("--agent").arg(&native), limit)?;
    }
    let _wine = Wine::start(&windows::agent())?;
    for script in FIXTURES {
        println!("-- {script}, cross-built under Wine, against the native one");
        run_within(
            with_environment(&mut checker(script, &dir))
                .arg("--wine")
                .arg("--agent")
                .arg(windows::agent())
                .arg("--same-as")
                .arg(&native),
            limit,
        )?;
    }
    Ok(())
}

const FIXTURES: &[&str] = &["fixtures_sd.py", "fixtures_hive.py"];

fn checker(script: &str, fixtures: &std::path::Path) -> std::process::Command {
    let mut python = command(python());
    python
        .arg(root().join("crates/dev/lab/checker").join(script))
        .arg("--fixtures")
        .arg(fixtures);
    python
}

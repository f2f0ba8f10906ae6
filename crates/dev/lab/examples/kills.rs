//! SIGKILL from outside, at random milliseconds of a run on a disk image: of the engine alone, or of
//! the engine with its ntfs-3g. Then the run goes on, or goes back. Whatever was hit, the volume in
//! the end must equal that of a run which nobody disturbed, or the one from before;
//! `image_check.py`, which shares no code with the product, compares them.
//!
//! The run re-permissions everything and changes no membership, so it needs no directory.

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use gw_lab::image::{ImageSpec, Language, build_device};
use gw_testkit::chaos::Dice;
use serde_json::{Value, json};
use std::{
    fs,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use uuid::Uuid;

#[derive(Parser)]
struct Arguments {
    /// Folder for images
    #[arg(long)]
    dir: PathBuf,
    /// Folder of the agent's program
    #[arg(long)]
    bin_dir: PathBuf,
    /// The checkers' Python
    #[arg(long)]
    python: PathBuf,
    /// Folder of the checkers
    #[arg(long)]
    checkers: PathBuf,
    /// How many processes are killed
    #[arg(long, default_value_t = 200)]
    kills: u64,
    /// Seed of the milliseconds
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Files on the device
    #[arg(long, default_value_t = 500)]
    files: u32,
}

/// A run needs so many processes at most; more means that it does not get on.
const STARTS: u32 = 40;
const PATIENCE: Duration = Duration::from_secs(300);
/// Most processes that are killed of one run.
const OF_ONE_RUN: u64 = 5;

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let spec = ImageSpec::sample(arguments.files, Language::En);
    let _ = fs::remove_dir_all(&arguments.dir);
    let base = arguments.dir.join("base");
    build_device(&spec, &base, &arguments.dir.join("cache"))?;
    let documents = documents(&spec);

    let whole = Device::new(&arguments, &base, "whole", &documents)?;
    let began = Instant::now();
    ensure!(whole.play("engine")? == "migrated", "an unbroken run fails");
    let length = began.elapsed();
    println!("an unbroken run: {} ms", length.as_millis());
    ensure!(
        differs(&arguments, &base, &whole.dir)?.is_some(),
        "an unbroken run changes nothing: nothing would be shown"
    );

    let mut dice = Dice::new(arguments.seed);
    let (mut kills, mut missed, mut runs) = (Hits::default(), 0, [0_u64; 2]);
    let mut wrong = Vec::new();
    while kills.all() < arguments.kills {
        let number = runs[0] + runs[1];
        let back = number % 3 == 2;
        let device = Device::new(&arguments, &base, &format!("run-{number}"), &documents)?;
        let wanted = 1 + dice.below(OF_ONE_RUN);
        let mut told = Vec::new();
        for _ in 0..wanted.min(arguments.kills - kills.all()) {
            let after = Duration::from_millis(dice.below(length.as_millis() as u64));
            let all = dice.percent(50);
            match device.kill("engine", after, all)? {
                true => kills.count(all),
                false => missed += 1,
            }
            told.push(format!(
                "{} ms{}",
                after.as_millis(),
                if all { " (all)" } else { "" }
            ));
        }
        let (verb, end, goal) = match back {
            true => ("undo", "restored", &base),
            false => ("engine", "migrated", &whole.dir),
        };
        runs[usize::from(back)] += 1;
        let ended = device.play(verb)?;
        let difference = match ended == end {
            true => differs(&arguments, goal, &device.dir)?,
            false => Some(format!("it ended {ended}")),
        };
        if let Some(difference) = difference {
            wrong.push(format!(
                "run {number} ({verb}) after {}: {difference}",
                told.join(", ")
            ));
        } else {
            fs::remove_dir_all(&device.dir)?;
        }
    }
    for one in &wrong {
        println!("WRONG {one}");
    }
    println!(
        "{} processes killed ({} the engine alone, {} with ntfs-3g; {missed} had ended), \
         {} runs went on, {} went back: {} different",
        kills.all(),
        kills.alone,
        kills.together,
        runs[0],
        runs[1],
        wrong.len()
    );
    if wrong.is_empty() {
        return Ok(());
    }
    bail!(
        "{} of {} runs are different",
        wrong.len(),
        runs[0] + runs[1]
    )
}

#[derive(Default)]
struct Hits {
    alone: u64,
    together: u64,
}

impl Hits {
    fn all(&self) -> u64 {
        self.alone + self.together
    }

    fn count(&mut self, all: bool) {
        match all {
            true => self.together += 1,
            false => self.alone += 1,
        }
    }
}

/// `order.json` and `stage.json`, as docs/run-directory.md has them.
fn documents(spec: &ImageSpec) -> (Value, Value) {
    let run = format!(
        "run_{}",
        Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001).simple()
    );
    let id = |kind: &str| format!("{kind}_{}", run.trim_start_matches("run_"));
    let order = json!({
        "v": 1,
        "run_id": run,
        "order_id": id("ord"),
        "kind": "run",
        "runbook": { "id": id("rbk"), "version": 1, "name": "Kills" },
        "settings": {
            "mode": "replace",
            "outside": [
                "printers", "services", "scheduled_tasks", "user_rights", "shares", "com", "firewall",
                "installer_data", "app_packages", "sign_in", "recycle_bins", "key_stores",
            ],
            "legal_notice": { "caption": "At work", "text": "This device is being moved." },
            "min_free_bytes": 0,
            "max_starts": 20,
        },
    });
    let mapped = spec.profiles.iter().filter(|user| user.mapped);
    let pair = |(n, user): (usize, &gw_lab::image::ProfileUser)| {
        json!({
            "source_sid": user.sid.to_string(),
            "target_sid": format!("S-1-5-21-11-22-33-{}", 5000 + n),
            "target_name": format!("TARGET\\user{n}"),
        })
    };
    let stage = json!({
        "v": 1,
        "pairs": mapped.enumerate().map(pair).collect::<Vec<_>>(),
        "return_grade": "auto",
    });
    (order, stage)
}

struct Device {
    dir: PathBuf,
    run: PathBuf,
    agent: PathBuf,
    stage: Value,
}

impl Device {
    /// A copy of the base with an order.
    fn new(
        arguments: &Arguments,
        base: &Path,
        name: &str,
        (order, stage): &(Value, Value),
    ) -> Result<Self> {
        let dir = arguments.dir.join(name);
        fs::create_dir_all(&dir)?;
        for file in ["disk.img", "device.json"] {
            let copied = Command::new("cp")
                .args(["--sparse=always", "--reflink=auto"])
                .arg(base.join(file))
                .arg(dir.join(file))
                .status()?;
            ensure!(copied.success(), "copying {file}");
        }
        let run = dir
            .join("agent/runs")
            .join(order["run_id"].as_str().unwrap_or("run"));
        fs::create_dir_all(&run)?;
        fs::write(run.join("order.json"), serde_json::to_vec(order)?)?;
        Ok(Self {
            dir,
            run,
            agent: arguments.bin_dir.join("godwit-agent"),
            stage: stage.clone(),
        })
    }

    fn start(&self, verb: &str) -> Result<Child> {
        Command::new(&self.agent)
            .arg(verb)
            .arg("--run")
            .arg(&self.run)
            .arg("--device")
            .arg(format!("image:{}", self.dir.display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(
                fs::File::options()
                    .create(true)
                    .append(true)
                    .open(self.dir.join("said"))?,
            )
            // With its ntfs-3g in a group of its own, so that both can be hit at once.
            .process_group(0)
            .spawn()
            .context("starting the engine")
    }

    /// Starts a process and kills it after a while; `false` if it had ended by itself.
    fn kill(&self, verb: &str, after: Duration, all: bool) -> Result<bool> {
        let mut child = self.start(verb)?;
        let began = Instant::now();
        while began.elapsed() < after {
            if let Some(status) = child.try_wait()? {
                self.answer(status.code())?;
                return Ok(false);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let who = match all {
            true => format!("-{}", child.id()),
            false => child.id().to_string(),
        };
        let killed = Command::new("kill").args(["-KILL", "--", &who]).status()?;
        let status = child.wait()?;
        if status.code().is_some() {
            // It ended in the very moment.
            self.answer(status.code())?;
            return Ok(false);
        }
        Ok(killed.success())
    }

    /// Gives the engine what it asked for.
    fn answer(&self, code: Option<i32>) -> Result<()> {
        if code == Some(10) {
            fs::write(
                self.run.join("stage.json"),
                serde_json::to_vec(&self.stage)?,
            )?;
        }
        Ok(())
    }

    /// To the end; how it ended.
    fn play(&self, verb: &str) -> Result<String> {
        for start in 0..STARTS {
            // Asked once, it goes back by itself.
            let mut child = self.start(if start == 0 { verb } else { "engine" })?;
            let began = Instant::now();
            let status = loop {
                if let Some(status) = child.try_wait()? {
                    break status;
                }
                if began.elapsed() > PATIENCE {
                    let _ = child.kill();
                    bail!("{}: the engine does not end", self.dir.display());
                }
                std::thread::sleep(Duration::from_millis(5));
            };
            match status.code() {
                Some(0) => {
                    let result: Value =
                        serde_json::from_slice(&fs::read(self.run.join("result.json"))?)?;
                    return Ok(result["state"]
                        .as_str()
                        .unwrap_or("without a state")
                        .to_owned());
                }
                Some(2) => {
                    let said = fs::read_to_string(self.dir.join("said"))?;
                    return Ok(format!(
                        "refused: {}",
                        said.lines().last().unwrap_or_default()
                    ));
                }
                code => self.answer(code)?,
            }
        }
        Ok(format!("nowhere after {STARTS} starts"))
    }
}

/// What the checker finds between two volumes.
fn differs(arguments: &Arguments, left: &Path, right: &Path) -> Result<Option<String>> {
    let output = Command::new(&arguments.python)
        .arg(arguments.checkers.join("image_check.py"))
        .args(["equal", "--parked-logs"])
        .arg(left.join("disk.img"))
        .arg(right.join("disk.img"))
        .output()
        .context("starting the checker")?;
    match output.status.code() {
        Some(0) => Ok(None),
        Some(1) => {
            let told = String::from_utf8_lossy(&output.stdout).into_owned();
            Ok(Some(told.lines().take(8).collect::<Vec<_>>().join(" | ")))
        }
        _ => bail!(
            "the checker failed: {}",
            String::from_utf8_lossy(&output.stderr)
        ),
    }
}

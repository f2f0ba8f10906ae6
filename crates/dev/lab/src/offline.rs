//! A device whose engine is driven by hand: no server, no directory, only the agent's program and a
//! run directory written by the words of `docs/run-directory.md`. Nothing of the product's code is
//! used, so that what is said here of a run was read from outside.

use crate::image::{ImageSpec, ProfileUser, build_device};
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use std::{
    fs,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};
use uuid::Uuid;

/// A run needs so many processes at most; more means that it does not get on.
const STARTS: u32 = 40;
const PATIENCE: Duration = Duration::from_secs(300);
const POLL: Duration = Duration::from_millis(2);
/// Before the first record of a journal.
const JOURNAL_HEAD: usize = 8;

/// Where the programs are, and where to work.
#[derive(clap::Args)]
pub struct Tools {
    /// Folder for images
    #[arg(long)]
    pub dir: PathBuf,
    /// Folder of the agent's program
    #[arg(long)]
    pub bin_dir: PathBuf,
    /// The checkers' Python
    #[arg(long)]
    pub python: PathBuf,
    /// Folder of the checkers
    #[arg(long)]
    pub checkers: PathBuf,
}

impl Tools {
    /// A device that others are copied from, in an otherwise empty folder.
    ///
    /// # Errors
    /// It cannot be built.
    pub fn base(&self, spec: &ImageSpec) -> Result<PathBuf> {
        let _ = fs::remove_dir_all(&self.dir);
        let base = self.dir.join("base");
        build_device(spec, &base, &self.dir.join("cache"))?;
        Ok(base)
    }
}

/// What the engine is told.
#[derive(Clone)]
pub struct Documents {
    /// `order.json`.
    pub order: Value,
    /// `stage.json`.
    pub stage: Value,
}

impl Documents {
    /// Re-permissions everything for every mapped user, and changes no membership.
    #[must_use]
    pub fn of(spec: &ImageSpec) -> Self {
        let id = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001);
        let named = |prefix: &str| format!("{prefix}_{}", id.simple());
        let order = json!({
            "v": 1,
            "run_id": named("run"),
            "order_id": named("ord"),
            "kind": "run",
            "runbook": { "id": named("rbk"), "version": 1, "name": "By hand" },
            "settings": {
                "mode": "replace",
                "outside": [
                    "printers", "services", "scheduled_tasks", "user_rights", "shares", "com",
                    "firewall", "installer_data", "app_packages", "sign_in", "recycle_bins",
                    "key_stores",
                ],
                "legal_notice": { "caption": "At work", "text": "This device is being moved." },
                "min_free_bytes": 0,
                "max_starts": 20,
            },
        });
        let pair = |(n, user): (usize, &ProfileUser)| {
            json!({
                "source_sid": user.sid.to_string(),
                "target_sid": format!("S-1-5-21-11-22-33-{}", 5000 + n),
                "target_name": format!("TARGET\\user{n}"),
            })
        };
        let mapped = spec.profiles.iter().filter(|user| user.mapped);
        let stage = json!({
            "v": 1,
            "pairs": mapped.enumerate().map(pair).collect::<Vec<_>>(),
            "return_grade": "auto",
        });
        Self { order, stage }
    }
}

/// A copy of a device with an order.
pub struct Device {
    /// `disk.img`, `device.json`, `agent`.
    pub dir: PathBuf,
    run: PathBuf,
    agent: PathBuf,
    stage: Value,
}

impl Device {
    /// Copies `base` to `dir`, which must not be there.
    ///
    /// # Errors
    /// It cannot be copied.
    pub fn new(tools: &Tools, base: &Path, dir: PathBuf, documents: &Documents) -> Result<Self> {
        fs::create_dir_all(&dir)?;
        for file in ["disk.img", "device.json"] {
            copy(&base.join(file), &dir.join(file))?;
        }
        let id = documents.order["run_id"].as_str();
        let run = dir
            .join("agent/runs")
            .join(id.context("an order without a run")?);
        fs::create_dir_all(run.join("secrets"))?;
        fs::write(
            run.join("order.json"),
            serde_json::to_vec(&documents.order)?,
        )?;
        Ok(Self {
            dir,
            run,
            agent: tools.bin_dir.join("godwit-agent"),
            stage: documents.stage.clone(),
        })
    }

    /// Its volume.
    #[must_use]
    pub fn disk(&self) -> PathBuf {
        self.dir.join("disk.img")
    }

    /// Writes a secret of the run.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn secret(&self, name: &str, text: &str) -> Result<()> {
        Ok(fs::write(self.run.join("secrets").join(name), text)?)
    }

    fn start(&self, verb: &str) -> Result<Child> {
        let said = fs::File::options()
            .create(true)
            .append(true)
            .open(self.dir.join("said"))?;
        Command::new(&self.agent)
            .arg(verb)
            .arg("--run")
            .arg(&self.run)
            .arg("--device")
            .arg(format!("image:{}", self.dir.display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(said)
            // With its ntfs-3g in a group of its own, so that both can be hit at once.
            .process_group(0)
            .spawn()
            .context("starting the engine")
    }

    /// Starts a process and kills it after a while, alone or with its ntfs-3g; `false` if it had
    /// ended by itself.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn kill(&self, verb: &str, after: Duration, all: bool) -> Result<bool> {
        let mut child = self.start(verb)?;
        if let Some(status) = wait(&mut child, after)? {
            self.answer(status)?;
            return Ok(false);
        }
        let who = match all {
            true => format!("-{}", child.id()),
            false => child.id().to_string(),
        };
        let killed = Command::new("kill").args(["-KILL", "--", &who]).status()?;
        let status = child.wait()?;
        // It may have ended in the very moment.
        self.answer(status)?;
        Ok(killed.success() && status.code().is_none())
    }

    /// Gives the engine what it asked for.
    fn answer(&self, status: ExitStatus) -> Result<()> {
        if status.code() == Some(10) {
            fs::write(
                self.run.join("stage.json"),
                serde_json::to_vec(&self.stage)?,
            )?;
        }
        Ok(())
    }

    /// To the end; the final state, or what kept it from one.
    ///
    /// # Errors
    /// A process cannot be started or does not end.
    pub fn play(&self, verb: &str) -> Result<String> {
        for start in 0..STARTS {
            // Asked once, it goes back by itself.
            let mut child = self.start(if start == 0 { verb } else { "engine" })?;
            let Some(status) = wait(&mut child, PATIENCE)? else {
                let _ = child.kill();
                bail!("{}: the engine does not end", self.dir.display());
            };
            match status.code() {
                Some(0) => {
                    let result = fs::read(self.run.join("result.json"))?;
                    let result: Value = serde_json::from_slice(&result)?;
                    let state = result["state"].as_str();
                    return Ok(state.unwrap_or("without a state").to_owned());
                }
                Some(2) => {
                    let said = fs::read_to_string(self.dir.join("said"))?;
                    let last = said.lines().last().unwrap_or_default();
                    return Ok(format!("refused: {last}"));
                }
                _ => self.answer(status)?,
            }
        }
        Ok(format!("nowhere after {STARTS} starts"))
    }

    /// The records of the journal.
    ///
    /// # Errors
    /// There is none, or a record is no JSON.
    pub fn journal(&self) -> Result<Vec<Value>> {
        let bytes = fs::read(self.run.join("journal"))?;
        let mut rest = bytes.get(JOURNAL_HEAD..).unwrap_or_default();
        let mut records = Vec::new();
        while let Some((head, after)) = rest.split_first_chunk::<8>() {
            let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
            let (record, next) = after.split_at_checked(length).context("a short record")?;
            records.push(serde_json::from_slice(record)?);
            rest = next;
        }
        Ok(records)
    }
}

/// Waits for the end of a process, but not longer.
fn wait(child: &mut Child, patience: Duration) -> Result<Option<ExitStatus>> {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if began.elapsed() >= patience {
            return Ok(None);
        }
        std::thread::sleep(POLL);
    }
}

/// A sparse copy.
///
/// # Errors
/// `cp` fails.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    let copied = Command::new("cp")
        .args(["--sparse=always", "--reflink=auto"])
        .args([from, to])
        .status()?;
    ensure!(copied.success(), "copying {}", from.display());
    Ok(())
}

/// What `image_check.py`, which shares no code with the product, finds between two volumes.
///
/// # Errors
/// It cannot be started, or fails itself.
pub fn differs(tools: &Tools, left: &Path, right: &Path) -> Result<Option<String>> {
    let output = Command::new(&tools.python)
        .arg(tools.checkers.join("image_check.py"))
        .args(["equal", "--parked-logs"])
        .args([left, right])
        .output()
        .context("starting the checker")?;
    match output.status.code() {
        Some(0) => Ok(None),
        Some(1) => {
            let told = String::from_utf8_lossy(&output.stdout).into_owned();
            Ok(Some(told.lines().take(12).collect::<Vec<_>>().join(" | ")))
        }
        _ => bail!(
            "the checker failed: {}",
            String::from_utf8_lossy(&output.stderr)
        ),
    }
}

//! Breaking a migration on purpose: power, a target that refuses, a target that is gone.

use super::{
    Device, Options, Project, Stage, devices, say,
    verdict::{DeviceResult, Verdict, own_result},
    verify,
};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// How often the power fails: at the first record, at the last, and at ten others.
const CUTS: usize = 12;
/// Chosen besides: records may come so close together that one cut takes two of them.
const SPARE: usize = 2;

/// Everything needed to play one device on a fresh stage.
struct Play {
    stage: Stage,
    device: Device,
}

impl Play {
    fn new(options: &Options, name: &str) -> Result<Self> {
        let mut stage = Stage::build(options, name)?;
        let mut devices = devices::build(options, &stage.forests, &stage.dir, 1)?;
        let device = devices.pop().context("a device")?;
        stage.project.release(std::slice::from_ref(&device))?;
        Ok(Self { stage, device })
    }

    fn start(&self, options: &Options) -> Result<devices::Agent> {
        let server = &self.stage.server;
        self.device.start_agent(
            &options.bin("godwit-agent"),
            &server.agent_url(),
            &server.certificate(),
            &self.stage.project.psk,
        )
    }

    fn finish(&mut self) -> Result<DeviceResult> {
        let mut result = self
            .stage
            .project
            .wait_for_run(&self.device, devices::PATIENCE)?;
        if let Ok(own) = own_result(&self.device) {
            result.undone_objects = own["undone_objects"].as_u64().unwrap_or_default();
        }
        Ok(result)
    }
}

/// SIGKILL at the first, the last and ten random records, at least three of them while files are
/// being rewritten; the end must equal the unbroken run.
pub(super) fn power(options: &Options) -> Result<Verdict> {
    say("first an unbroken run, to compare with");
    let unbroken = {
        let mut play = Play::new(options, "power-unbroken")?;
        let agent = play.start(options)?;
        let mut result = play.finish()?;
        agent.stop()?;
        result.demand("migrated");
        verify::migrated(options, &play.stage, &play.device, &mut result)?;
        if !result.faults.is_empty() {
            bail!(
                "the unbroken run is wrong already: {}",
                result.faults.join("; ")
            );
        }
        play
    };
    let records = journal(&unbroken.device)?;
    let cuts = choose(&records, options.seed)?;
    say(&format!(
        "{} records; the power fails at {} of them",
        records.len(),
        cuts.len()
    ));
    let unbroken_device = unbroken.device.clone();
    drop(unbroken);

    let mut play = Play::new(options, "power")?;
    let mut killed = Vec::new();
    let mut inside = 0;
    let mut agent = play.start(options)?;
    let mut watch = Watch::default();
    let mut left = cuts;
    while !left.is_empty() {
        let Some(hit) = watch.next(&play.device, &mut left)? else {
            break;
        };
        agent.pull_the_plug();
        say(&format!("power cut {} at {hit}", killed.len() + 1));
        inside += u32::from(hit.event == "progress");
        let ended = hit.event == "final";
        killed.push(hit);
        agent = play.start(options)?;
        if ended {
            break;
        }
    }
    let mut result = play.finish()?;
    agent.stop()?;
    result.demand("migrated");
    verify::migrated(options, &play.stage, &play.device, &mut result)?;
    verify::equal(options, &unbroken_device, &play.device, &mut result)?;
    if result.faults.is_empty() {
        result.proofs.push("the end equals the unbroken run".into());
    }
    if killed.len() < CUTS {
        result.faults.push(format!(
            "the power failed {} times instead of {CUTS}",
            killed.len()
        ));
    }
    if inside < 3 {
        result.faults.push(format!(
            "the power failed only {inside} times while files were rewritten"
        ));
    }
    let runs = play.stage.project.runs_of(&play.device)?;
    if runs != 1 {
        result.faults.push(format!(
            "the server has {runs} runs of this device instead of one"
        ));
    }
    let mut verdict = Verdict::new(options, &play.stage, vec![result]);
    verdict.note(format!(
        "the power failed {} times, {inside} of them while files were rewritten: {}",
        killed.len(),
        killed
            .iter()
            .map(Label::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    ));
    verdict.settle();
    Ok(verdict)
}

/// The target refuses the account that the device joins with.
pub(super) fn join(options: &Options) -> Result<Verdict> {
    let mut play = Play::new(options, "join")?;
    let before = verify::password_last_set(&play.stage.forests, "source", &play.device)?;
    let agent = play.start(options)?;
    wait_for(&play.device, |label| label.event == "staged")?;
    let paused = Paused::new(&play.device);
    play.stage
        .forests
        .sam("target")
        .modify(&format!(
            "dn: CN={},OU=Migrated,DC=target,DC=test\nchangetype: modify\nreplace: userAccountControl\nuserAccountControl: 4098\n",
            play.device.name
        ))
        .context("disabling the account in the target")?;
    drop(paused);
    let mut result = play.finish()?;
    agent.stop()?;
    result.demand("restored");
    result.demand("returned");
    verify::restored(options, &play.device, &mut result)?;
    verify::authenticates(options, &play.stage, &play.device, "source", &mut result)?;
    if result.result == "returned" {
        new_password(&play, before, &mut result)?;
    }
    let mut verdict = Verdict::new(options, &play.stage, vec![result]);
    verdict.settle();
    Ok(verdict)
}

/// The target's controller is gone after the last rewrite.
pub(super) fn verify(options: &Options) -> Result<Verdict> {
    let mut play = Play::new(options, "verify")?;
    let before = verify::password_last_set(&play.stage.forests, "source", &play.device)?;
    let agent = play.start(options)?;
    wait_for(&play.device, |label| {
        label.event == "step" && label.what == "verify running"
    })?;
    let paused = Paused::new(&play.device);
    play.stage.forests.stop_dc("target")?;
    drop(paused);
    let mut result = play.finish()?;
    agent.stop()?;
    result.demand("returned");
    verify::restored(options, &play.device, &mut result)?;
    verify::authenticates(options, &play.stage, &play.device, "source", &mut result)?;
    new_password(&play, before, &mut result)?;
    if result.undone_objects > 10_000 {
        result
            .proofs
            .push(format!("{} objects were undone", result.undone_objects));
    } else {
        result.faults.push(format!(
            "only {} objects were undone",
            result.undone_objects
        ));
    }
    let mut verdict = Verdict::new(options, &play.stage, vec![result]);
    verdict.settle();
    Ok(verdict)
}

fn new_password(play: &Play, before: u64, result: &mut DeviceResult) -> Result<()> {
    let after = verify::password_last_set(&play.stage.forests, "source", &play.device)?;
    if after > before {
        result
            .proofs
            .push("the source's account has a newly set password".into());
    } else {
        result
            .faults
            .push("pwdLastSet of the source's account did not advance".into());
    }
    Ok(())
}

/// What tells one record of a journal from the others, in this run and in a repeated one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Label {
    event: String,
    what: String,
    /// How many records with the same event and object came before.
    nth: usize,
}

impl std::fmt::Display for Label {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} #{}", self.event, self.what, self.nth)
    }
}

/// Where the power fails next.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Cut {
    /// At this record.
    At(Label),
    /// At a checkpoint of this change. How many a run writes depends on how fast it is.
    Inside(String),
    /// At whatever comes: its own record was written together with one that was hit.
    Next,
}

impl Cut {
    fn wants(&self, label: &Label) -> bool {
        match self {
            Self::At(wanted) => wanted == label,
            Self::Inside(change) => label.event == "progress" && label.what == *change,
            Self::Next => !["started", "opened", "progress", "final"].contains(&&*label.event),
        }
    }
}

/// The first record, the last, three inside the rewriting of files, and random others.
fn choose(records: &[Label], seed: u64) -> Result<Vec<Cut>> {
    let mut rng = Rng::new(seed);
    let first = records.first().context("the journal is empty")?.clone();
    let last = records.last().context("the journal is empty")?.clone();
    let checkpoints: Vec<&Label> = records
        .iter()
        .filter(|label| label.event == "progress")
        .collect();
    if checkpoints.len() < 3 {
        bail!(
            "only {} checkpoints while files were rewritten; use more files",
            checkpoints.len()
        );
    }
    let mut chosen = vec![Cut::At(first), Cut::At(last)];
    for _ in 0..3 {
        let change = checkpoints[rng.below(checkpoints.len())].what.clone();
        chosen.push(Cut::Inside(change));
    }
    // A repeated run has other numbers of starts and of later checkpoints; everything else recurs.
    let mut others: Vec<Cut> = records
        .iter()
        .filter(|label| {
            !["progress", "started", "opened", "final"].contains(&label.event.as_str())
                && label.nth == 0
        })
        .map(|label| Cut::At(label.clone()))
        .collect();
    while chosen.len() < CUTS + SPARE && !others.is_empty() {
        let cut = others.remove(rng.below(others.len()));
        if !chosen.contains(&cut) {
            chosen.push(cut);
        }
    }
    Ok(chosen)
}

/// Follows a journal from one power cut to the next.
#[derive(Debug, Default)]
struct Watch {
    seen: BTreeSet<Label>,
}

impl Watch {
    /// Waits for a new record that one of the cuts wants, and takes that cut off the list; `None`
    /// if the run ended first.
    fn next(&mut self, device: &Device, left: &mut Vec<Cut>) -> Result<Option<Label>> {
        let seen = &mut self.seen;
        follow(device, |records| {
            let new: Vec<Label> = records
                .into_iter()
                .filter(|label| seen.insert(label.clone()))
                .collect();
            match take(&new, left) {
                Some(hit) => Some(Some(hit)),
                None => new
                    .iter()
                    .any(|label| label.event == "final")
                    .then_some(None),
            }
        })
    }
}

/// The first of these new records that a cut wants, or the last record of the run. Other cuts whose
/// record came with it have missed it and take what comes next.
fn take(new: &[Label], left: &mut Vec<Cut>) -> Option<Label> {
    let wanted = |label: &&Label| left.iter().any(|cut| cut.wants(label));
    let hit = new
        .iter()
        .filter(wanted)
        .find(|label| label.event == "final")
        .or_else(|| new.iter().find(wanted))?
        .clone();
    if let Some(at) = left.iter().position(|cut| cut.wants(&hit)) {
        left.remove(at);
    }
    for cut in left.iter_mut() {
        if matches!(cut, Cut::At(label) if new.contains(label)) {
            *cut = Cut::Next;
        }
    }
    Some(hit)
}

/// SplitMix64: the same seed gives the same choice.
struct Rng(u64);

impl Rng {
    fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        usize::try_from(z % limit.max(1) as u64).unwrap_or(0)
    }
}

/// The records of the newest run on a device.
fn journal(device: &Device) -> Result<Vec<Label>> {
    let run = device.runs().pop().context("the device has no run")?;
    Ok(read(&run.join("journal")))
}

fn read(path: &Path) -> Vec<Label> {
    let bytes = fs::read(path).unwrap_or_default();
    let mut labels: Vec<Label> = Vec::new();
    let mut at = 8;
    // Length, checksum, payload; the page about the run directory is the contract.
    while let Some(length) = bytes
        .get(at..at + 4)
        .and_then(|four| Some(u32::from_le_bytes(four.try_into().ok()?)))
    {
        let Some(payload) = bytes.get(at + 8..at + 8 + length as usize) else {
            break;
        };
        at += 8 + length as usize;
        let Ok(value) = serde_json::from_slice::<Value>(payload) else {
            break;
        };
        let text = |field: &str| match &value[field] {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        let event = text("event");
        let what = match event.as_str() {
            "step" => format!("{} {}", text("step"), text("state")),
            "intent" | "done" | "undone" | "progress" => text("seq"),
            "finding" => text("check"),
            _ => String::new(),
        };
        let nth = labels
            .iter()
            .filter(|label| label.event == event && label.what == what)
            .count();
        labels.push(Label { event, what, nth });
    }
    labels
}

/// Waits for a record for which `wanted` holds.
fn wait_for(device: &Device, wanted: impl Fn(&Label) -> bool) -> Result<()> {
    follow(device, |records| records.iter().any(&wanted).then_some(()))
}

/// Looks at the newest run's journal whenever it has grown, until there is an answer.
fn follow<T>(device: &Device, mut look: impl FnMut(Vec<Label>) -> Option<T>) -> Result<T> {
    let since = Instant::now();
    let mut length = 0;
    loop {
        if let Some(journal) = device.runs().pop().map(|run| run.join("journal")) {
            let now = fs::metadata(&journal).map_or(0, |meta| meta.len());
            if now != length {
                length = now;
                if let Some(answer) = look(read(&journal)) {
                    return Ok(answer);
                }
            }
        }
        if since.elapsed() > devices::PATIENCE {
            bail!(
                "{} did not get to the awaited record; its agent says: {}",
                device.name,
                super::server::tail(&device.log())
            );
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The engine stands still while the world around it changes.
struct Paused(Vec<String>);

impl Paused {
    fn new(device: &Device) -> Self {
        let pids = engines(device);
        signal("-STOP", &pids);
        Self(pids)
    }
}

impl Drop for Paused {
    fn drop(&mut self) {
        signal("-CONT", &self.0);
    }
}

fn engines(device: &Device) -> Vec<String> {
    let wanted = device.dir.to_string_lossy().into_owned();
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    processes
        .flatten()
        .filter_map(|process| process.file_name().into_string().ok())
        .filter(|pid| pid.bytes().all(|b| b.is_ascii_digit()))
        .filter(|pid| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let words: Vec<&[u8]> = line.split(|b| *b == 0).collect();
            words.contains(&&b"engine"[..]) && String::from_utf8_lossy(&line).contains(&wanted)
        })
        .collect()
}

fn signal(name: &str, pids: &[String]) {
    if !pids.is_empty() {
        let _ = Command::new("kill")
            .arg(name)
            .args(pids)
            .stderr(Stdio::null())
            .status();
    }
}

impl Project {
    /// How many runs the server knows of a device.
    fn runs_of(&mut self, device: &Device) -> Result<usize> {
        let runs = self.runs(device)?;
        Ok(runs.as_array().map_or(0, Vec::len))
    }
}

//! The protocol among strangers: a second implementation, impostors, rivals, hostile orders, and a
//! server that is away.
//!
//! Every case stands alone: one that fails does not keep the others from being played.

mod admission;
mod hostile;
mod offline;

use super::{Options, Stage, devices, say, server, verdict::Verdict};
use crate::net;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// Files on a device here; what counts is what is said, not how much there is to do.
const FILES: u32 = 2_000;

/// What was proven, in the order in which it was played.
#[derive(Default)]
struct Cases(Vec<(String, Result<String>)>);

impl Cases {
    fn play(&mut self, what: &str, case: impl FnOnce() -> Result<String>) {
        say(what);
        self.0.push((what.to_owned(), case()));
    }
}

/// Plays every case.
pub(super) fn play(options: &Options) -> Result<Verdict> {
    let options = &Options {
        files: options.files.min(FILES),
        ..options.clone()
    };
    let mut stage = Stage::build(options, "protocol")?;
    let devices = devices::build(options, &stage.forests, &stage.dir, 2)?;
    let [mover, claimed] = devices.as_slice() else {
        bail!("two devices were asked for");
    };
    let late = admission::late_device(options, &stage, mover)?;
    let mut cases = Cases::default();

    cases.play("an impostor with the right key and another root", || {
        admission::impostor(options, &stage, &late)
    });
    cases.play("another real server", || {
        admission::another_server(options, &stage, &late)
    });
    // Refused now; it tries again after a minute, while the other cases are played.
    let waiting = admission::refused_as_unknown(options, &mut stage, &late);
    let waiting = match waiting {
        Ok((agent, said)) => {
            cases.play("a computer that is not imported", || Ok(said));
            Some(agent)
        }
        Err(error) => {
            cases.play("a computer that is not imported", || Err(error));
            None
        }
    };
    cases.play("the second implementation, approved", || {
        admission::second_implementation(options, &mut stage, claimed)
    });
    cases.play("a second machine that claims the computer", || {
        admission::rival(options, &mut stage, claimed)
    });
    hostile::play(options, &stage, mover, &mut cases)?;
    if let Some(agent) = waiting {
        cases.play("the same agent after the import", || {
            admission::enrols_by_itself(&mut stage, &late, agent)
        });
    }
    let mut results = Vec::new();
    cases.play("the server away for a whole run", || {
        let (result, said) = offline::play(options, &mut stage, mover)?;
        results.push(result);
        Ok(said)
    });

    let mut verdict = Verdict::new(options, &stage, results);
    for (what, outcome) in cases.0 {
        match outcome {
            Ok(said) => verdict.note(format!("{what}: {said}")),
            Err(error) => verdict.fault(format!("{what}: {error:#}")),
        }
    }
    verdict.settle();
    Ok(verdict)
}

/// The server written in Python, which means ill.
struct Hostile {
    child: Child,
    dir: PathBuf,
}

impl Hostile {
    const PORT: u16 = 9444;

    /// Starts it; with another server's pre-shared key it plays that server's impostor.
    fn start(options: &Options, dir: &Path, impostor: Option<&str>) -> Result<Self> {
        fs::create_dir_all(dir)?;
        super::wire::certificate(dir)?;
        let log = fs::File::create(dir.join("server.log"))?;
        let mut command = net::net_only(net::HQ, &options.python.display().to_string());
        command
            .arg(options.checkers.join("python_server.py"))
            .arg("--dir")
            .arg(dir)
            .args(["--listen", &format!("{}:{}", net::HQ.address, Self::PORT)])
            .arg("--cert")
            .arg(dir.join("edge.pem"))
            .arg("--key")
            .arg(dir.join("edge.key"));
        if let Some(psk) = impostor {
            let file = dir.join("impostor");
            fs::write(&file, psk)?;
            command.arg("--impostor").arg(file);
        }
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("starting the hostile server")?;
        let hostile = Self {
            child,
            dir: dir.to_owned(),
        };
        wait(Duration::from_secs(60), "the hostile server", || {
            Ok(dir.join("ready").is_file().then_some(()))
        })
        .with_context(|| server::tail(&dir.join("server.log")))?;
        Ok(hostile)
    }

    fn url(&self) -> String {
        format!("https://{}:{}/Agent", net::HQ.address, Self::PORT)
    }

    fn certificate(&self) -> PathBuf {
        self.dir.join("edge.pem")
    }

    /// Lines of one of its files.
    fn lines(&self, name: &str) -> Vec<Value> {
        fs::read_to_string(self.dir.join(name))
            .unwrap_or_default()
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        server::end(&mut self.child);
    }
}

/// Asks again and again until there is an answer.
fn wait<T>(
    patience: Duration,
    what: &str,
    mut ask: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let since = Instant::now();
    loop {
        if let Some(found) = ask()? {
            return Ok(found);
        }
        if since.elapsed() > patience {
            bail!("{what}: not within {} s", patience.as_secs());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What the agent of a device wrote of itself last.
fn status(device: &super::Device) -> Value {
    fs::read(device.state().join("status.json"))
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default()
}

/// Codes of the events that wait on a device.
fn queued_events(device: &super::Device) -> Vec<u64> {
    let Ok(entries) = fs::read_dir(device.state().join("queue")) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| fs::read(entry.path()).ok())
        .filter_map(|bytes| serde_json::from_slice::<Value>(&bytes).ok())
        .filter_map(|report| report["body"]["code"].as_u64())
        .collect()
}

/// No order was taken, no run was begun, and the volume is as it was.
fn untouched(options: &Options, device: &super::Device) -> Result<()> {
    if !device.runs().is_empty() || device.state().join("runs").exists() {
        bail!("a run was begun");
    }
    if device.state().join("orders").exists() {
        bail!("an order was taken");
    }
    let (fine, said) = devices::checker(options, "image_check.py")
        .arg("equal")
        .arg(&device.before)
        .arg(device.disk())
        .said()?;
    if !fine {
        bail!(
            "the volume was changed: {}",
            super::verify::first_lines(&said, 6)
        );
    }
    Ok(())
}

/// Fails with these words unless it is so.
fn demand(holds: bool, words: impl FnOnce() -> String) -> Result<()> {
    if holds { Ok(()) } else { bail!("{}", words()) }
}

/// The agent written in Python; its exit code and what it printed.
fn python_agent(
    options: &Options,
    stage: &Stage,
    device: &super::Device,
    psk: &str,
    wait_for_order: bool,
) -> Result<(Option<i32>, Value)> {
    let claim = device.dir.join("claim.json");
    fs::write(&claim, serde_json::to_vec_pretty(&claim_of(device)?)?)?;
    let mut command: Command = net::net_only(net::HQ, "timeout");
    command
        .arg("180")
        .arg(&options.python)
        .arg(options.checkers.join("python_agent.py"))
        .args(["--url", &stage.server.agent_url(), "--psk", psk])
        .arg("--ca")
        .arg(stage.server.certificate())
        .arg("--state")
        .arg(stage.dir.join("python-agent"))
        .arg("--claim")
        .arg(&claim);
    if wait_for_order {
        command.args(["--wait-for-order", "--wait", "90"]);
    }
    let output = command.output().context("starting the Python agent")?;
    let said = serde_json::from_slice(&output.stdout).with_context(|| {
        format!(
            "the Python agent: {}",
            String::from_utf8_lossy(&output.stderr)
        )
    })?;
    Ok((output.status.code(), said))
}

/// What an agent on this device says of it.
fn claim_of(device: &super::Device) -> Result<Value> {
    let hardware: Value = serde_json::from_slice(&fs::read(device.dir.join("device.json"))?)?;
    Ok(serde_json::json!({
        "computer_name": device.name,
        "domain": device.spec.source.dns_name,
        "machine_sid": device.spec.machine.sid.to_string(),
        "entra_device_id": null,
        "serial": hardware["serial"],
        "smbios_uuid": hardware["smbios_uuid"],
        "disk_serial": hardware["disk_serial"],
        "boot_id": "a boot of the second implementation",
        "utc_offset_minutes": 0,
        "os": { "edition": "Windows 11 Pro", "build": 22631, "is_server": false },
        "agent_version": "0.0.0-python",
    }))
}

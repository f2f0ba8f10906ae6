//! What came of it, as a table and as JSON.

use super::{Device, Options, Stage};
use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::Value;
use std::{fs, time::Duration};

/// The result of a scenario; the shape is a contract of `lab --json`.
#[derive(Debug, Serialize)]
pub(crate) struct Verdict {
    pub(crate) scenario: String,
    pub(crate) ok: bool,
    pub(crate) server: ServerResult,
    pub(crate) directories: Vec<String>,
    pub(crate) devices: Vec<DeviceResult>,
    /// Further things that were proven, in words.
    pub(crate) proofs: Vec<String>,
    /// What is wrong.
    pub(crate) faults: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct ServerResult {
    pub(crate) url: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct DeviceResult {
    pub(crate) name: String,
    pub(crate) result: String,
    pub(crate) reboots: u64,
    pub(crate) duration_ms: u64,
    pub(crate) profiles: Vec<ProfileResult>,
    pub(crate) undone_objects: u64,
    #[serde(skip)]
    pub(crate) because: String,
    #[serde(skip)]
    demanded: Vec<String>,
    #[serde(skip)]
    pub(crate) faults: Vec<String>,
    #[serde(skip)]
    pub(crate) proofs: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct ProfileResult {
    pub(crate) user: String,
    pub(crate) source_sid: String,
    pub(crate) target_sid: Option<String>,
    pub(crate) files_seen: u64,
    pub(crate) files_changed: u64,
    pub(crate) keys_changed: u64,
    pub(crate) leftover_source_sids: u64,
}

impl DeviceResult {
    /// From the API's answer about a run.
    pub(crate) fn from_run(name: &str, run: &Value) -> Result<Self> {
        let summary = &run["summary"];
        let moment = |field: &str| -> Option<chrono::DateTime<chrono::Utc>> {
            summary[field].as_str()?.parse().ok()
        };
        let duration = moment("finished_at")
            .zip(moment("started_at").or_else(|| moment("ordered_at")))
            .map(|(end, start)| end - start);
        let profiles = run["users"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        Ok(Self {
            name: name.to_owned(),
            result: summary["result"]
                .as_str()
                .context("the run has no result")?
                .to_owned(),
            reboots: summary["reboots"].as_u64().unwrap_or_default(),
            duration_ms: duration
                .and_then(|d| u64::try_from(d.num_milliseconds()).ok())
                .unwrap_or_default(),
            profiles: profiles.iter().map(profile).collect(),
            undone_objects: 0,
            because: summary["reason"].as_str().unwrap_or_default().to_owned(),
            demanded: Vec::new(),
            faults: Vec::new(),
            proofs: Vec::new(),
        })
    }

    /// From the device's own result, for scenarios where nobody asks the API.
    pub(crate) fn read(device: &Device) -> Result<Self> {
        let result = own_result(device)?;
        Ok(Self {
            name: device.name.clone(),
            result: result["state"].as_str().unwrap_or("none").to_owned(),
            reboots: result["reboots"].as_u64().unwrap_or_default(),
            duration_ms: 0,
            profiles: result["users"]
                .as_array()
                .map(Vec::as_slice)
                .unwrap_or_default()
                .iter()
                .map(profile)
                .collect(),
            undone_objects: result["undone_objects"].as_u64().unwrap_or_default(),
            because: result["because"].as_str().unwrap_or_default().to_owned(),
            demanded: Vec::new(),
            faults: Vec::new(),
            proofs: Vec::new(),
        })
    }

    /// The scenario demands this end (or one of several, by further calls).
    pub(crate) fn demand(&mut self, result: &str) {
        self.demanded.push(result.to_owned());
    }

    fn settle(&mut self) {
        if !self.demanded.is_empty() && !self.demanded.contains(&self.result) {
            self.faults.push(format!(
                "ended {} ({}), not {}",
                self.result,
                self.because,
                self.demanded.join(" or ")
            ));
        }
    }
}

/// `result.json` of the newest run on a device.
pub(crate) fn own_result(device: &Device) -> Result<Value> {
    let run = device
        .runs()
        .pop()
        .with_context(|| format!("{} has no run", device.name))?;
    let text = fs::read_to_string(run.join("result.json"))
        .with_context(|| format!("{} wrote no result", device.name))?;
    Ok(serde_json::from_str(&text)?)
}

fn profile(user: &Value) -> ProfileResult {
    let text = |field: &str| user[field].as_str().unwrap_or_default().to_owned();
    let number = |field: &str| user[field].as_u64().unwrap_or_default();
    ProfileResult {
        user: text("user"),
        source_sid: text("source_sid"),
        target_sid: user["target_sid"].as_str().map(str::to_owned),
        files_seen: number("files_seen"),
        files_changed: number("files_changed"),
        keys_changed: number("keys_changed"),
        leftover_source_sids: number("leftover_source_sids"),
    }
}

impl Verdict {
    pub(crate) fn new(options: &Options, stage: &Stage, mut devices: Vec<DeviceResult>) -> Self {
        devices.sort_by(|a, b| a.name.cmp(&b.name));
        let scenario = match &options.scenario_break {
            Some(broken) => format!("{} broken by {broken}", options.scenario),
            None => options.scenario.clone(),
        };
        Self {
            scenario,
            ok: false,
            server: ServerResult {
                url: stage.server.url(),
            },
            directories: ["source", "target"]
                .iter()
                .filter_map(|side| {
                    stage
                        .forests
                        .domain(side)
                        .ok()
                        .map(|domain| domain.dns_name.clone())
                })
                .collect(),
            devices,
            proofs: Vec::new(),
            faults: Vec::new(),
        }
    }

    pub(crate) fn note(&mut self, proof: String) {
        self.proofs.push(proof);
    }

    pub(crate) fn fault(&mut self, fault: String) {
        self.faults.push(fault);
    }

    /// Collects what the devices say and decides.
    pub(crate) fn settle(&mut self) {
        for device in &mut self.devices {
            device.settle();
            self.faults.extend(
                device
                    .faults
                    .drain(..)
                    .map(|fault| format!("{}: {fault}", device.name)),
            );
            self.proofs.extend(
                device
                    .proofs
                    .drain(..)
                    .map(|proof| format!("{}: {proof}", device.name)),
            );
        }
        self.ok = self.faults.is_empty() && !self.devices.is_empty();
    }

    pub(crate) fn print(&self, took: Duration) {
        println!(
            "\n{:<12} {:<10} {:>9} {:>9} {:>8}",
            "device", "result", "seconds", "reboots", "undone"
        );
        for device in &self.devices {
            println!(
                "{:<12} {:<10} {:>9.1} {:>9} {:>8}",
                device.name,
                device.result,
                device.duration_ms as f64 / 1000.0,
                device.reboots,
                device.undone_objects
            );
            for profile in &device.profiles {
                println!(
                    "  {:<28} {:>7} files, {:>7} changed, {:>5} keys, {} left over",
                    profile.user,
                    profile.files_seen,
                    profile.files_changed,
                    profile.keys_changed,
                    profile.leftover_source_sids
                );
            }
        }
        for proof in &self.proofs {
            println!("proven: {proof}");
        }
        for fault in &self.faults {
            println!("WRONG: {fault}");
        }
        let verdict = if self.ok {
            "as demanded"
        } else {
            "NOT as demanded"
        };
        println!("{}: {verdict}, {:.0} s", self.scenario, took.as_secs_f64());
    }
}

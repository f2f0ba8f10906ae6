//! The server goes away as soon as a run needs nothing more of it (the stage package is there, and
//! the fallback administrator's password is held) and comes back when all is over.

use super::{demand, status, wait};
use crate::scenario::{
    Device, Options, Stage,
    verdict::{DeviceResult, own_result},
};
use anyhow::{Context, Result};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    process::Command,
    time::{Duration, Instant},
};

pub(super) fn play(
    options: &Options,
    stage: &mut Stage,
    device: &Device,
) -> Result<(DeviceResult, String)> {
    stage.project.release(std::slice::from_ref(device))?;
    let agent = device.start_agent(
        &options.bin("godwit-agent"),
        &stage.server.agent_url(),
        &stage.server.certificate(),
        &stage.project.psk,
    )?;
    wait(Duration::from_secs(300), "the escrow", || {
        Ok(device
            .runs()
            .iter()
            .any(|run| run.join("escrow.json").is_file())
            .then_some(()))
    })?;
    agent.freeze(true);
    let already = device
        .runs()
        .iter()
        .any(|run| run.join("result.json").is_file());
    stage.server.stop();
    agent.freeze(false);
    demand(!already, || {
        "the run was over before the server went".into()
    })?;
    wait(Duration::from_secs(600), "the end of the run", || {
        Ok((status(device)["orders"][0]["phase"] == "finished").then_some(()))
    })?;
    let own = own_result(device)?;
    demand(own["state"] == "migrated", || {
        format!("offline it ended {}: {}", own["state"], own["because"])
    })?;
    let queued = status(device)["queued_reports"]
        .as_u64()
        .unwrap_or_default();
    demand(queued > 0, || "no report waits".into())?;

    stage.server.restart()?;
    let since = Instant::now();
    let id = stage.project.device_id(&device.name)?;
    let path = format!("/runs?device_id={id}");
    let summary = wait(Duration::from_secs(600), "the reports", || {
        let run = stage.project.get(&path)?["items"][0].clone();
        let told = status(device)["queued_reports"] == 0;
        Ok((told && run["state"] == "finished").then_some(run))
    })?;
    let arrived = since.elapsed().as_secs();
    let lines = log(stage, &id)?;
    // Asked again, the agent tells nothing twice.
    let asked = Command::new(options.bin("godwit-agent"))
        .args(["check-runbooks", "--device"])
        .arg(format!("image:{}", device.dir.display()))
        .status()?;
    demand(asked.success(), || "the agent cannot be asked".into())?;
    let heard = status(device)["last_contact"].clone();
    wait(Duration::from_secs(180), "another check-in", || {
        Ok((status(device)["last_contact"] != heard).then_some(()))
    })?;
    agent.stop()?;
    demand(log(stage, &id)? == lines, || "lines came again".into())?;

    let runs = stage.project.get(&path)?;
    demand(runs["items"].as_array().map(Vec::len) == Some(1), || {
        format!("not exactly one run: {runs}")
    })?;
    for (code, what) in [(1001, "enrolled"), (2000, "started"), (2010, "migrated")] {
        let count = lines.iter().filter(|(_, (of, _))| *of == code).count();
        demand(count == 1, || format!("\"{what}\" is told {count} times"))?;
    }
    let run_id = summary["id"].as_str().context("the run has no id")?;
    let run = stage.project.get(&format!("/runs/{run_id}"))?;
    let users = run["users"].as_array().map_or(0, Vec::len);
    let own_users = own["users"].as_array().map_or(0, Vec::len);
    demand(users == own_users && users > 0, || {
        format!("{users} users were reported, {own_users} are in the device's result")
    })?;
    let steps = run["steps"].as_array().map_or(0, Vec::len);
    demand(steps > 0, || "no step was reported".into())?;
    let mut result = DeviceResult::from_run(&device.name, &run)?;
    result.demand("migrated");
    let said = format!(
        "it migrated offline; {queued} reports waited and came {arrived} s after the server was back: one run, {steps} steps, {users} users, {} log lines, none twice",
        lines.len()
    );
    fs::write(
        device.dir.join("offline.json"),
        serde_json::to_vec_pretty(&run)?,
    )?;
    Ok((result, said))
}

/// Lines of the device's log by their number: code and words.
fn log(stage: &mut Stage, device: &str) -> Result<BTreeMap<i64, (u64, String)>> {
    let page = stage
        .project
        .get(&format!("/agent-logs?device_id={device}&limit=500"))?;
    let lines = page["items"].as_array().cloned().unwrap_or_default();
    Ok(lines
        .iter()
        .filter_map(|line: &Value| {
            Some((
                line["seq"].as_i64()?,
                (line["code"].as_u64()?, line["text"].as_str()?.to_owned()),
            ))
        })
        .collect())
}

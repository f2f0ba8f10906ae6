//! Who is believed, admitted, refused, and asked about.

use super::{Hostile, demand, python_agent, queued_events, status, untouched, wait};
use crate::{
    image::{ImageSpec, MachineAccount},
    scenario::{Device, Options, Server, Stage, devices::Agent},
};
use anyhow::{Context, Result, bail};
use serde_json::json;
use std::time::Duration;

const LATE: &str = "GWLAB-LATE";

/// A computer that joined the source after the server had imported it.
pub(super) fn late_device(options: &Options, stage: &Stage, like: &Device) -> Result<Device> {
    let computers = &stage.forests.domain("source")?.computers;
    let ou = &computers.first().context("a computer in the source")?.ou;
    stage.forests.sam("source").add(&format!(
        "dn: CN={LATE},{ou}\nobjectClass: computer\nsAMAccountName: {LATE}$\nuserAccountControl: 4096\n\n"
    ))?;
    let facts = stage.forests.facts("source")?;
    let account = facts
        .accounts
        .get(&format!("{LATE}$"))
        .context("the computer was not added")?;
    let spec = ImageSpec {
        computer_name: LATE.into(),
        machine: MachineAccount {
            sid: account.sid.parse()?,
            ..like.spec.machine.clone()
        },
        ..like.spec.clone()
    };
    Device::of(options, &stage.dir, spec)
}

/// Knows the whole pre-shared key, but not the root's private key.
pub(super) fn impostor(options: &Options, stage: &Stage, device: &Device) -> Result<String> {
    let dir = stage.dir.join("impostor");
    let impostor = Hostile::start(options, &dir, Some(&stage.project.psk))?;
    let once = device.once(
        &options.bin("godwit-agent"),
        &impostor.url(),
        &impostor.certificate(),
        &stage.project.psk,
    )?;
    let log = impostor.lines("log.jsonl");
    let trouble = once.status["trouble"].as_str().unwrap_or_default();
    demand(
        once.code == Some(4) && once.status["enrolled"].is_null(),
        || format!("exit {:?}: {}", once.code, once.said),
    )?;
    let events = queued_events(device);
    demand(events.contains(&1011), || {
        format!("no event 1011 among {events:?}: {trouble}")
    })?;
    demand(
        !log.is_empty() && log.iter().all(|line| line["op"] == "/v1/hello"),
        || format!("the agent said more than hello: {log:?}"),
    )?;
    untouched(options, device)?;
    Ok(format!(
        "event 1011, exit 4, nothing but hello was said and nothing written ({trouble})"
    ))
}

/// Another installation of the product: right program, other customer.
pub(super) fn another_server(options: &Options, stage: &Stage, device: &Device) -> Result<String> {
    let other = Server::start_at(&options.bin("godwit"), &stage.dir.join("other"), 8543)?;
    let once = device.once(
        &options.bin("godwit-agent"),
        &other.agent_url(),
        &other.certificate(),
        &stage.project.psk,
    )?;
    demand(
        once.code == Some(4) && once.status["enrolled"].is_null(),
        || format!("exit {:?}: {}", once.code, once.said),
    )?;
    untouched(options, device)?;
    Ok(format!(
        "exit 4, nothing written ({})",
        once.status["trouble"].as_str().unwrap_or_default()
    ))
}

/// Starts the agent of a computer that the server has not imported.
pub(super) fn refused_as_unknown(
    options: &Options,
    stage: &mut Stage,
    device: &Device,
) -> Result<(Agent, String)> {
    let agent = device.start_agent(
        &options.bin("godwit-agent"),
        &stage.server.agent_url(),
        &stage.server.certificate(),
        &stage.project.psk,
    )?;
    wait(Duration::from_secs(120), "the refusal", || {
        Ok((status(device)["refusal"] == "computer-unknown").then_some(()))
    })?;
    let events = queued_events(device);
    demand(events.contains(&1002), || {
        format!("no event 1002 among {events:?}")
    })?;
    let counted = wait(Duration::from_secs(60), "the audit row", || {
        let counted = stage.project.refusals("computer-unknown")?;
        Ok((counted > 0).then_some(counted))
    })?;
    Ok((
        agent,
        format!("403 computer-unknown, event 1002, counted {counted} in the audit trail"),
    ))
}

/// Imports the computer and waits for what its agent does by itself.
pub(super) fn enrols_by_itself(stage: &mut Stage, device: &Device, agent: Agent) -> Result<String> {
    demand(status(device)["enrolled"].is_null(), || {
        "it enrolled before the import".into()
    })?;
    stage.project.import_source()?;
    let since = std::time::Instant::now();
    wait(Duration::from_secs(300), "the enrolment", || {
        Ok((status(device)["trust"] == "trusted").then_some(()))
    })?;
    agent.stop()?;
    Ok(format!(
        "enrolled by itself {} s after the import",
        since.elapsed().as_secs()
    ))
}

/// The agent written from the document alone: enrols, is approved, checks in, verifies an order.
pub(super) fn second_implementation(
    options: &Options,
    stage: &mut Stage,
    device: &Device,
) -> Result<String> {
    let made = stage.project.post(
        "/psks",
        &json!({ "name": "Second implementation", "policy": "approve" }),
    )?;
    let psk = made["text"].as_str().context("no key in the answer")?;
    let (code, said) = python_agent(options, stage, device, psk, false)?;
    demand(code == Some(3) && said["trust"] == "pending", || {
        format!("exit {code:?} instead of 3, pending: {said}")
    })?;
    let id = stage.project.device_id(&device.name)?;
    trust_is(stage, &id, "pending")?;
    stage.project.release(std::slice::from_ref(device))?;
    let (code, said) = python_agent(options, stage, device, psk, false)?;
    demand(
        code == Some(3) && said["orders"].as_array().is_some_and(Vec::is_empty),
        || format!("an order went to an agent that waits: {said}"),
    )?;
    let approved = stage
        .project
        .post("/devices/approve", &json!({ "device_ids": [id] }))?;
    demand(approved["approved"] == 1, || {
        format!("not approved: {approved}")
    })?;
    trust_is(stage, &id, "trusted")?;
    let (code, said) = python_agent(options, stage, device, psk, true)?;
    let order = &said["orders"][0];
    demand(code == Some(0) && order["kind"] == "run", || {
        format!("exit {code:?}, no order was verified: {said}")
    })?;
    Ok(format!(
        "pending without orders, approved by the API, verified and opened order {} for \"{}\"",
        order["sequence"],
        order["runbook"]["name"].as_str().unwrap_or_default()
    ))
}

/// The real agent on a machine that another agent holds already.
pub(super) fn rival(options: &Options, stage: &mut Stage, device: &Device) -> Result<String> {
    let once = device.once(
        &options.bin("godwit-agent"),
        &stage.server.agent_url(),
        &stage.server.certificate(),
        &stage.project.psk,
    )?;
    demand(
        once.code == Some(4) && once.status["trust"] == "conflict",
        || format!("exit {:?}, {}: {}", once.code, once.status, once.said),
    )?;
    untouched(options, device)?;
    let id = stage.project.device_id(&device.name)?;
    trust_is(stage, &id, "conflict")?;
    let agents = stage.project.get(&format!("/devices/{id}"))?["agents"].clone();
    let holder = |n: usize| (&agents[n]["trust"], &agents[n]["holds_device"]);
    demand(
        holder(0) == (&json!("trusted"), &json!(true))
            && holder(1) == (&json!("conflict"), &json!(false)),
        || format!("the agents of the device are {agents}"),
    )?;
    // The one that holds the device keeps what it has.
    let (code, said) = python_agent(options, stage, device, &stage.project.psk, false)?;
    demand(code == Some(0) && said["trust"] == "trusted", || {
        format!("the first agent lost its place: exit {code:?}, {said}")
    })?;
    Ok("conflict in the API, no order, nothing written; the first agent stays trusted".into())
}

fn trust_is(stage: &mut Stage, id: &str, wanted: &str) -> Result<()> {
    let device = stage.project.get(&format!("/devices/{id}"))?;
    if device["summary"]["trust"] != wanted {
        bail!(
            "the API shows {} instead of {wanted}",
            device["summary"]["trust"]
        );
    }
    Ok(())
}

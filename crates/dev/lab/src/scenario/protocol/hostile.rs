//! Orders that must not be obeyed, from a server that holds good keys and means ill.

use super::{Cases, Hostile, demand, untouched};
use crate::{
    image::{ImageSpec, MachineAccount},
    scenario::{Device, Options, Stage, devices::Once},
};
use anyhow::{Context, Result};
use serde_json::Value;
use std::fs;

/// Case of `python_server.py`, what it is, event. Nothing has run on the device before.
const REFUSED: [(&str, &str, u64); 7] = [
    ("tampered-header", "an order with a changed header", 1021),
    ("tampered-body", "an order with a changed body", 1021),
    (
        "signed-by-a-stranger",
        "an order that a stranger signed",
        1021,
    ),
    (
        "another-runbook",
        "an order with another runbook inside",
        1021,
    ),
    ("foreign-device", "an order for another device", 1023),
    ("foreign-key", "an order for another agent's key", 1023),
    ("expired", "an expired order", 1022),
];
/// The same, after a run has finished.
const AGAIN: [(&str, &str, u64); 3] = [
    ("replayed", "a finished order, sealed and sent again", 1024),
    ("older-number", "a new order with an older number", 1024),
    (
        "finished-again",
        "a new order for a runbook that finished",
        1025,
    ),
];

pub(super) fn play(
    options: &Options,
    stage: &Stage,
    like: &Device,
    cases: &mut Cases,
) -> Result<()> {
    let domain = &like.spec.source.sid;
    let spec = ImageSpec {
        computer_name: "GWLAB-HOSTILE".into(),
        machine: MachineAccount {
            sid: domain.with_rid(999_999).context("a SID below the domain")?,
            ..like.spec.machine.clone()
        },
        ..like.spec.clone()
    };
    let device = Device::of(options, &stage.dir, spec)?;
    let server = Hostile::start(options, &stage.dir.join("hostile"), None)?;
    let psk = fs::read_to_string(server.dir.join("psk"))?;
    let enemy = Enemy {
        options,
        device: &device,
        server: &server,
        psk,
    };
    for (case, what, event) in REFUSED {
        cases.play(what, || enemy.refused(case, event));
    }
    cases.play("the device after all these", || {
        untouched(options, &device)?;
        Ok("no order kept, no journal, every file, descriptor and key as before".into())
    });
    cases.play("a good order of the same server", || enemy.obeyed());
    let journal = enemy.journal();
    for (case, what, event) in AGAIN {
        cases.play(what, || {
            let said = enemy.refused(case, event)?;
            demand(enemy.journal() == journal, || {
                "something was journaled".into()
            })?;
            Ok(format!("{said}, nothing journaled"))
        });
    }
    Ok(())
}

struct Enemy<'a> {
    options: &'a Options,
    device: &'a Device,
    server: &'a Hostile,
    psk: String,
}

impl Enemy<'_> {
    /// Plays one case; what the agent came to and what it reported of it.
    fn hand_out(&self, case: &str) -> Result<(Once, Vec<Value>)> {
        let before = self.server.lines("reports.jsonl").len();
        fs::write(self.server.dir.join("case"), case)?;
        let once = self.device.once(
            &self.options.bin("godwit-agent"),
            &self.server.url(),
            &self.server.certificate(),
            &self.psk,
        )?;
        demand(once.code == Some(0), || {
            format!("exit {:?}: {}{}", once.code, once.status, once.said)
        })?;
        let reports = self.server.lines("reports.jsonl").split_off(before);
        Ok((once, reports))
    }

    fn refused(&self, case: &str, event: u64) -> Result<String> {
        let (_, reports) = self.hand_out(case)?;
        let events = events(&reports);
        // 1020 an order was received, 2000 a run started.
        demand(
            events.contains(&event) && !events.contains(&1020) && !events.contains(&2000),
            || format!("event {event} was wanted, reported were {events:?}"),
        )?;
        Ok(format!("refused with event {event}"))
    }

    fn obeyed(&self) -> Result<String> {
        let (once, reports) = self.hand_out("good")?;
        let result = reports.iter().find(|report| report["type"] == "result");
        demand(
            result.is_some_and(|result| result["result"] == "migrated"),
            || {
                let end = self
                    .device
                    .runs()
                    .pop()
                    .and_then(|run| fs::read_to_string(run.join("result.json")).ok());
                format!(
                    "it did not run to its end: {} {} {}",
                    once.status,
                    once.said,
                    end.unwrap_or_default()
                )
            },
        )?;
        Ok("accepted and run to its end, so the refusals are not for want of a good one".into())
    }

    /// Journals of all runs.
    fn journal(&self) -> Vec<(std::path::PathBuf, Vec<u8>)> {
        self.device
            .runs()
            .into_iter()
            .map(|run| {
                let path = run.join("journal");
                let bytes = fs::read(&path).unwrap_or_default();
                (path, bytes)
            })
            .collect()
    }
}

fn events(reports: &[Value]) -> Vec<u64> {
    reports
        .iter()
        .filter(|report| report["type"] == "event")
        .filter_map(|report| report["code"].as_u64())
        .collect()
}

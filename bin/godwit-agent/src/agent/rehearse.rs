//! `rehearse`: what a runbook would re-permission on this device, said by the engine itself, without
//! a server and without changing anything. Leaving and joining are not rehearsed here: what they
//! need is known to the server only.

use super::Device;
use crate::offline::{Failure, Outcome, map};
use anyhow::{Context as _, anyhow};
use clap::Args;
use gw_agent::{Engine as _, EngineExit, Verb};
use gw_engine::rundir::{
    JoinKind, ORDER, OrderFile, Pair, RESULT, ReturnGrade, RunbookRef, STAGE, Settings, StageFile,
};
use gw_model::{OrderId, RunId, RunKind, RunbookId};
use gw_runbook::{Area, LeaveFrom};
use std::path::PathBuf;
use uuid::Uuid;

/// Say what a runbook would do on this device; change nothing
#[derive(Debug, Args)]
pub(crate) struct Rehearse {
    #[command(flatten)]
    device: Device,
    /// The runbook document (JSON)
    #[arg(long, value_name = "FILE")]
    runbook: PathBuf,
    /// CSV with the header `source_sid,target_sid`
    #[arg(long, value_name = "MAP")]
    map: PathBuf,
}

/// Prints the result of the rehearsal as JSON.
pub(crate) fn rehearse(command: &Rehearse) -> Outcome {
    let text = std::fs::read_to_string(&command.runbook)
        .with_context(|| format!("{} cannot be read", command.runbook.display()))?;
    let runbook = gw_runbook::read(&text).map_err(|error| Failure::Refused(error.into()))?;
    let map = map::read(&command.map).map_err(Failure::Refused)?;
    let areas = &runbook.permission_updates.areas;
    let run = RunId(Uuid::now_v7());
    let order = OrderFile {
        v: 1,
        run_id: run,
        order_id: OrderId(Uuid::now_v7()),
        kind: RunKind::Rehearse,
        runbook: RunbookRef {
            id: RunbookId(Uuid::now_v7()),
            version: 1,
            name: runbook.general.name.clone(),
        },
        sources: Vec::new(),
        target: None,
        settings: Settings {
            leave: LeaveFrom::None,
            join: JoinKind::None,
            allow_server: runbook.general.allow_server_os,
            mode: runbook.permission_updates.mode,
            areas: gw_engine::rundir::Areas {
                profiles: areas.contains(&Area::Profiles),
                files: areas.contains(&Area::FileSystem),
                registry: areas.contains(&Area::Registry),
                local_groups: areas.contains(&Area::LocalGroups),
            },
            ignored: runbook.permission_updates.ignored.clone(),
            ..Settings::default()
        },
    };
    let stage = StageFile {
        v: 1,
        pairs: map
            .pairs()
            .map(|(source, target)| {
                Ok(Pair {
                    source_sid: source.to_string().parse()?,
                    target_sid: target.to_string().parse()?,
                    source_name: None,
                    target_name: None,
                })
            })
            .collect::<Result<_, gw_platform::BadSid>>()?,
        target: None,
        secret: None,
        computer_name: None,
        return_grade: ReturnGrade::None,
        return_because: "a rehearsal on the device leaves nothing".to_owned(),
    };
    let state = command.device.state()?;
    let _lock = state.lock()?;
    let folder = state
        .folder("runs")
        .and_then(|_| state.folder(&format!("runs/{run}")))?;
    state.write_json(&format!("runs/{run}/{ORDER}"), &order)?;
    let mut engine = command.device.engine()?;
    for _ in 0..order.settings.max_starts {
        match engine.run(&folder, Verb::Go, &mut || ())? {
            EngineExit::Final => {
                let result = std::fs::read_to_string(folder.join(RESULT))?;
                println!("{result}");
                return Ok(());
            }
            EngineExit::NeedsStage => {
                // Only the pairs that the device has seen belong there.
                let seen = gw_agent::seen(&folder)?;
                let mut stage = stage.clone();
                stage.pairs.retain(|pair| seen.contains(&pair.source_sid));
                state.write_json(&format!("runs/{run}/{STAGE}"), &stage)?;
            }
            EngineExit::Refused => {
                return Err(Failure::Refused(anyhow!(
                    "the engine refused the rehearsal"
                )));
            }
            EngineExit::NeedsReturn
            | EngineExit::NeedsEscrow
            | EngineExit::Restart
            | EngineExit::Stopped
            | EngineExit::Crashed => {}
        }
    }
    Err(Failure::Failed(anyhow!(
        "the engine ends again and again without a result"
    )))
}

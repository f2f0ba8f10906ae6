//! The agent itself: `run`, `status`, `check-runbooks`, `migrate-now`, `prepare-image`, `rehearse`.

mod rehearse;

pub(crate) use rehearse::{Rehearse, rehearse};

use crate::{
    engine,
    offline::{Failure, Outcome},
};
use anyhow::{Context as _, anyhow};
use chrono::TimeDelta;
use clap::Args;
use gw_agent::{
    Agent, AgentStatus, Asked, ChildEngine, Config, FileModes, FromMachine, HttpTransport, Parts,
    Roots, StateFolder, SystemTime,
};
use gw_model::DeviceTrust;
use gw_platform::MachineError;
use gw_wire::psk::Psk;
use serde::{Deserialize, Serialize};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::atomic::AtomicBool,
};

/// Which device, and where the agent keeps its state
#[derive(Debug, Args)]
pub(crate) struct Device {
    /// The device: image:DIR
    #[arg(long, value_name = "DEVICE")]
    device: String,
}

impl Device {
    /// The folder of an image device.
    fn folder(&self) -> Result<&Path, anyhow::Error> {
        let folder = self.device.strip_prefix("image:").map(Path::new);
        folder.ok_or_else(|| anyhow!("{:?} is not a device; give image:DIR", self.device))
    }

    fn state(&self) -> Result<StateFolder, anyhow::Error> {
        let path = self.folder()?.join("agent");
        Ok(StateFolder::open(&path, Box::new(FileModes))?)
    }

    /// A child engine for it: this program again.
    fn engine(&self) -> Result<ChildEngine, anyhow::Error> {
        Ok(ChildEngine {
            program: std::env::current_exe().context("the agent does not find its own program")?,
            device: self.device.clone().into(),
        })
    }

    fn view(&self) -> FromMachine {
        let device = self.device.clone();
        FromMachine {
            open: Box::new(move || {
                engine::open(&device).map_err(|(_, error)| MachineError::Io {
                    object: device.clone(),
                    why: format!("{error:#}"),
                })
            }),
            // An image has no clock of its own: its wall clock is read as UTC.
            utc_offset_minutes: Some(0),
        }
    }
}

/// Enrol, check in, run what is ordered, report
#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    device: Device,
    /// The server's address, ending in /Agent; remembered
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// The pre-shared key; needed until the agent is enrolled
    #[arg(long, value_name = "PSK", env = "GODWIT_PSK", hide_env_values = true)]
    psk: Option<Psk>,
    /// Believe the certificates in this PEM file instead of the system's; remembered
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Check in once, see what has begun to its end, print the status and stop
    #[arg(long)]
    once: bool,
}

/// What `run` remembers of its arguments.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Server {
    url: String,
    ca: Option<PathBuf>,
}

/// Exit codes of `run --once`: 0 trusted and in contact; 3 not enrolled or not trusted yet; 4 the
/// server was not reached, not believed, or refused; 1 anything else.
pub(crate) fn run(command: &Run) -> ExitCode {
    log();
    match work(command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("godwit-agent: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn work(command: &Run) -> Result<ExitCode, anyhow::Error> {
    let state = command.device.state()?;
    let server = server(command, &state)?;
    let roots = server.ca.map_or(Roots::System, Roots::File);
    let parts = Parts {
        state,
        transport: Box::new(HttpTransport::new(&server.url, &roots)?),
        device: Box::new(command.device.view()),
        engine: Box::new(command.device.engine()?),
        time: Box::new(SystemTime::default()),
    };
    let config = Config {
        psk: command.psk.clone(),
        poll_every: TimeDelta::hours(1),
    };
    let mut agent = Agent::open(parts, config)?;
    if !command.once {
        agent.run(&AtomicBool::new(false))?;
        return Ok(ExitCode::SUCCESS);
    }
    let status = agent.run_once()?;
    println!("{}", serde_json::to_string_pretty(&status)?);
    Ok(ExitCode::from(code(&status)))
}

fn code(status: &AgentStatus) -> u8 {
    let waits = status.refusal.as_deref() == Some(gw_wire::codes::COMPUTER_UNKNOWN.code);
    match status.trust {
        _ if waits => 3,
        _ if status.trouble.is_some() => 4,
        Some(DeviceTrust::Trusted) => 0,
        Some(DeviceTrust::Pending) | None => 3,
        Some(DeviceTrust::Conflict | DeviceTrust::Revoked) => 4,
    }
}

fn server(command: &Run, state: &StateFolder) -> Result<Server, anyhow::Error> {
    let mut server: Server = state.read_json(SERVER)?.unwrap_or_default();
    if let Some(url) = &command.server {
        server.url.clone_from(url);
    }
    if let Some(ca) = &command.ca {
        let found = std::fs::canonicalize(ca);
        server.ca = Some(found.with_context(|| format!("{} cannot be read", ca.display()))?);
    }
    if server.url.is_empty() {
        return Err(anyhow!("no server is known; give its address by --server"));
    }
    state.write_json(SERVER, &server)?;
    Ok(server)
}

const SERVER: &str = "server.json";

/// Show what the agent is doing
#[derive(Debug, Args)]
pub(crate) struct Status {
    #[command(flatten)]
    device: Device,
    /// As JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn status(command: &Status) -> Outcome {
    let Some(status) = gw_agent::read_status(&command.device.state()?)? else {
        return Err(Failure::Failed(anyhow!(
            "no agent has run on this device yet"
        )));
    };
    if command.json {
        println!("{}", serde_json::to_string_pretty(&status)?);
        return Ok(());
    }
    let trust = status
        .trust
        .map_or("unknown".to_owned(), |trust| format!("{trust:?}"));
    match &status.enrolled {
        Some(enrolled) => println!(
            "enrolled    {} on {}, {trust}",
            enrolled.agent, enrolled.device
        ),
        None => println!("enrolled    no"),
    }
    let last = status
        .last_contact
        .map_or("never".to_owned(), |at| at.to_string());
    println!("last heard  {last}");
    println!("reports     {} wait", status.queued_reports);
    if let Some(trouble) = &status.trouble {
        println!("trouble     {trouble}");
    }
    for order in &status.orders {
        let result = order
            .result
            .map_or(String::new(), |result| format!(", {result:?}"));
        println!(
            "{}  {} ({:?}{result})",
            order.run, order.runbook, order.phase
        );
    }
    Ok(())
}

/// Ask the agent of this device to check in now
pub(crate) fn check_runbooks(device: &Device) -> Outcome {
    Ok(gw_agent::ask(&device.state()?, Asked::CheckNow)?)
}

/// Ask the agent of this device to start now what is available
pub(crate) fn migrate_now(device: &Device) -> Outcome {
    Ok(gw_agent::ask(&device.state()?, Asked::StartNow)?)
}

/// Clear the agent's identity before an image is taken
pub(crate) fn prepare_image(device: &Device) -> Outcome {
    Ok(gw_agent::prepare_image(&device.state()?)?)
}

/// Logs to standard error; `GODWIT_LOG` says how much.
fn log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("GODWIT_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .try_init();
}

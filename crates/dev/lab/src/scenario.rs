//! Scenarios: server, directories and devices together, from nothing to a verdict.
//!
//! The lab is a client like any other: it talks to the server through the admin API, starts the
//! real programs, and lets checkers that share no code with the product judge the result.

mod api;
mod breaks;
mod devices;
mod project;
mod protocol;
mod server;
mod verdict;
mod verify;
mod wire;

pub use api::Api;
pub use devices::Device;
pub use project::{Project, Secrets};
pub use server::Server;
pub(crate) use server::end;

use crate::forest::Forests;
use anyhow::{Context, Result, bail};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};
use verdict::{DeviceResult, Verdict};

/// What is played, and where things are.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// ad-ad, proxy, protocol or console
    pub scenario: String,
    /// How many devices
    #[arg(long, default_value_t = 1)]
    pub devices: u32,
    /// Files on each device
    #[arg(long, default_value_t = 20_000)]
    pub files: u32,
    /// Folder with godwit and godwit-agent
    #[arg(long)]
    pub bin_dir: PathBuf,
    /// Folder of the lab's work files
    #[arg(long)]
    pub dir: PathBuf,
    /// Python with the checkers' packages
    #[arg(long)]
    pub python: PathBuf,
    /// Folder of the checkers
    #[arg(long)]
    pub checkers: PathBuf,
    /// Leave everything up and print address and sign-in
    #[arg(long)]
    pub keep: bool,
    /// Write the verdict as JSON
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// Break it on purpose: power, join or verify
    #[arg(long)]
    pub scenario_break: Option<String>,
    /// Seed of everything random
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

impl Options {
    fn bin(&self, name: &str) -> PathBuf {
        self.bin_dir.join(name)
    }

    /// The script that walks through the console.
    fn walk(&self) -> PathBuf {
        self.checkers.join("../../../../web/e2e/console.mjs")
    }

    /// A fresh folder of this run.
    fn fresh(&self, name: &str) -> Result<PathBuf> {
        let dir = self.dir.join("run").join(name);
        devices::unmount_below(&dir);
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).with_context(|| format!("making {}", dir.display()))?;
        Ok(dir)
    }
}

/// Plays a scenario; fails unless every device ends as it demands.
///
/// # Errors
/// What went wrong, or how the outcome differs from what the scenario demands.
pub fn play(options: &Options) -> Result<()> {
    let started = Instant::now();
    // An older verdict would be taken for this one's if the lab is killed.
    if let Some(path) = &options.json {
        let _ = fs::remove_file(path);
    }
    let verdict = match judge(options) {
        Ok(verdict) => verdict,
        Err(error) => {
            let told = serde_json::json!({
                "scenario": &options.scenario,
                "ok": false,
                "devices": [],
                "faults": [format!("{error:#}")],
            });
            write(options, &told)?;
            return Err(error);
        }
    };
    verdict.print(started.elapsed());
    write(options, &verdict)?;
    if !verdict.ok {
        bail!("not every device ended as the scenario demands");
    }
    Ok(())
}

fn judge(options: &Options) -> Result<Verdict> {
    match (options.scenario.as_str(), options.scenario_break.as_deref()) {
        ("ad-ad" | "proxy", None) => plain(options),
        ("ad-ad", Some("power")) => breaks::power(options),
        ("ad-ad", Some("join")) => breaks::join(options),
        ("ad-ad", Some("verify")) => breaks::verify(options),
        ("protocol", None) => protocol::play(options),
        ("console", None) => console(options),
        (scenario, Some(name)) => bail!(
            "the scenario {scenario} cannot be broken by `{name}`; choose power, join or verify"
        ),
        (scenario, None) => {
            bail!("there is no scenario `{scenario}`; choose ad-ad, proxy, protocol or console")
        }
    }
}

fn write(options: &Options, told: &impl serde::Serialize) -> Result<()> {
    let Some(path) = &options.json else {
        return Ok(());
    };
    fs::write(path, serde_json::to_string_pretty(told)?)
        .with_context(|| format!("writing {}", path.display()))
}

/// Everything that a scenario starts: forests, server, a configured project.
pub(crate) struct Stage {
    pub(crate) forests: Forests,
    pub(crate) server: Server,
    pub(crate) project: Project,
    pub(crate) dir: PathBuf,
}

impl Stage {
    /// Forests up, server up, project configured, devices imported.
    pub(crate) fn build(options: &Options, name: &str) -> Result<Self> {
        say("starting two forests");
        let mut forests = Forests::up(&options.dir)?;
        if options.keep {
            forests.keep();
        }
        let dir = options.fresh(name)?;
        say("starting the server");
        let server = Server::start(&options.bin("godwit"), &dir.join("server"))?;
        say("configuring the project through the API");
        let project = Project::configure(&server, &forests, &options.bin("godwit"))?;
        Ok(Self {
            forests,
            server,
            project,
            dir,
        })
    }
}

fn plain(options: &Options) -> Result<Verdict> {
    let mut stage = Stage::build(options, &options.scenario)?;
    let devices = devices::build(options, &stage.forests, &stage.dir, options.devices)?;
    let proxy = match options.scenario.as_str() {
        "proxy" => Some(wire::Proxy::start(&stage.dir.join("proxy"), &stage.server)?),
        _ => None,
    };
    let url = proxy
        .as_ref()
        .map_or_else(|| stage.server.agent_url(), wire::Proxy::agent_url);
    let ca = proxy
        .as_ref()
        .map_or_else(|| stage.server.certificate(), wire::Proxy::certificate);
    stage.project.release(&devices)?;
    say(&format!("migrating {} device(s)", devices.len()));
    let agents: Vec<devices::Agent> = devices
        .iter()
        .map(|device| {
            device.start_agent(&options.bin("godwit-agent"), &url, &ca, &stage.project.psk)
        })
        .collect::<Result<_>>()?;
    let mut results = Vec::new();
    for device in &devices {
        results.push(stage.project.wait_for_run(device, devices::PATIENCE)?);
    }
    for agent in agents {
        agent.stop()?;
    }
    let mut verdict = Verdict::new(options, &stage, results);
    for (device, result) in devices.iter().zip(&mut verdict.devices) {
        result.demand("migrated");
        verify::migrated(options, &stage, device, result)?;
    }
    if let Some(proxy) = &proxy {
        proxy.verify(options, &mut stage, &devices, &mut verdict)?;
    }
    verify::no_secret(options, &stage, &devices, proxy.as_ref(), &mut verdict)?;
    verdict.settle();
    if options.keep {
        stage.keep();
    }
    Ok(verdict)
}

/// The console in Chromium, by the UI only, from the first sign-in to a verified run.
fn console(options: &Options) -> Result<Verdict> {
    say("starting two forests");
    let forests = Forests::up(&options.dir)?;
    let dir = options.fresh("console")?;
    say("starting the server");
    let server = Server::start(&options.bin("godwit"), &dir.join("server"))?;
    let devices = devices::build(options, &forests, &dir, 1)?;
    let device = devices.first().context("a device")?;
    let (facts, secrets) = project::console_facts(&forests, &options.bin("godwit"), device)?;
    let shots = dir.join("shots");
    let mut browser = server::Browser::start(&options.walk(), &server, &dir, &facts, &shots)?;
    let psk = browser.psk(devices::PATIENCE)?;
    let agent = device.start_agent(
        &options.bin("godwit-agent"),
        &server.agent_url(),
        &server.certificate(),
        &psk,
    )?;
    browser.finish(devices::PATIENCE)?;
    agent.stop()?;
    let project = Project::observed(&server, secrets, psk);
    let stage = Stage {
        forests,
        server,
        project,
        dir,
    };
    let mut result = DeviceResult::read(device)?;
    result.demand("migrated");
    verify::migrated(options, &stage, device, &mut result)?;
    let mut verdict = Verdict::new(options, &stage, vec![result]);
    verdict.note(format!("screenshots are in {}", shots.display()));
    verdict.settle();
    Ok(verdict)
}

impl Stage {
    fn keep(&mut self) {
        self.server.keep();
        println!(
            "\nThe console is at {}\n  name     {}\n  password {}\nStop everything with `gw-lab down --dir {}`.",
            self.server.url(),
            project::ADMINISTRATOR,
            self.project.secrets.administrator,
            self.dir
                .ancestors()
                .nth(2)
                .unwrap_or(Path::new("."))
                .display(),
        );
    }
}

/// Stops what an earlier scenario left running: programs by their command line, forests, network.
pub fn down(dir: &Path) {
    for program in ["godwit serve", "godwit-agent run"] {
        let _ = std::process::Command::new("pkill")
            .args(["-f", program])
            .status();
    }
    devices::unmount_below(dir);
    if let Ok(forests) = Forests::attach(dir) {
        forests.down();
    }
}

/// Long work shows progress.
pub(crate) fn say(text: &str) {
    eprintln!("lab: {text}");
}

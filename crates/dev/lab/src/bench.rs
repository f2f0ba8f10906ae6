//! Budgets that need a running server or directory, as JSON lines of one row each.
//!
//! Everything is measured in one run on one machine, the load beside what it loads; a row that
//! is not met says why. How much other programs took is printed, since they share the processors.

mod checkins;
mod process;

use crate::{
    forest::{ForestPlan, Forests, plan::ComputerPlan, time_import},
    image::{ImageSpec, Language, MachineAccount, build_device},
    net,
    scenario::{Api, Device, Server},
};
use anyhow::{Context, Result, bail};
use process::{Usage, find, resident_mb};
use serde::Serialize;
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

/// Where things are, and how much of it.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Folder with godwit and godwit-agent
    #[arg(long)]
    bin_dir: PathBuf,
    /// Folder of the lab's work files
    #[arg(long)]
    dir: PathBuf,
    /// Python with the checkers' packages (not used yet; every part of the lab is given it)
    #[arg(long)]
    python: PathBuf,
    /// Folder of the checkers (as --python)
    #[arg(long)]
    checkers: PathBuf,
    /// People in the directory
    #[arg(long, default_value_t = 5000)]
    users: u32,
    /// Simulated agents
    #[arg(long, default_value_t = 1000)]
    agents: u32,
    /// How long they check in
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Only rows whose name contains this
    #[arg(long)]
    only: Option<String>,
}

/// One budget, as `cargo xtask bench` prints it.
#[derive(Serialize)]
struct Row {
    name: &'static str,
    value: f64,
    unit: String,
    goal: &'static str,
    peer: &'static str,
    ratio: Option<f64>,
    met: bool,
    because: String,
}

impl Row {
    fn absolute(name: &'static str, value: f64, unit: &str, goal: &'static str) -> Self {
        Self {
            name,
            value: (value * 100.0).round() / 100.0,
            unit: unit.to_owned(),
            goal,
            peer: "absolute",
            ratio: None,
            met: false,
            because: String::new(),
        }
    }

    fn print(mut self, met: bool, because: impl FnOnce() -> String) -> Result<()> {
        self.met = met;
        if !met {
            self.because = because();
        }
        println!("{}", serde_json::to_string(&self)?);
        Ok(())
    }
}

/// Measures and prints.
///
/// # Errors
/// If something cannot be measured at all. A budget that is not met is no error here.
pub fn run(options: &Options) -> Result<()> {
    let wanted = |name: &str| {
        options
            .only
            .as_deref()
            .is_none_or(|only| name.contains(only) || only.contains(name))
    };
    let forests = Forests::up_with(&options.dir.join("bench"), plan(options), &["source"])?;
    let work = options.dir.join("run/bench");
    let _ = fs::remove_dir_all(&work);
    fs::create_dir_all(&work)?;
    let data = work.join("server");
    if wanted("ad-import") {
        import_read(&forests)?;
    }
    let mut server = Server::start(&options.bin_dir.join("godwit"), &data)?;
    let setup = server.setup_address().map(str::to_owned);
    if wanted("server") {
        server_idle(&server)?;
        server.stop();
        server_start(options, &data)?;
        // A set-up address is good for one run of the server: take the one of the next.
        server = Server::start(&options.bin_dir.join("godwit"), &data)?;
    }
    let setup = server.setup_address().map(str::to_owned).or(setup);
    if ["ad-import", "check-ins", "agent"]
        .iter()
        .any(|name| wanted(name))
    {
        let mut project = Project::make(&server, &forests, setup.as_deref())?;
        if wanted("ad-import") {
            import_stored(&mut project, &forests)?;
        }
        if wanted("agent") {
            agent_idle(options, &work, &server, &project, &forests)?;
        }
        if wanted("check-ins") {
            check_ins(options, &server, &project, &forests)?;
        }
    }
    server.stop();
    forests.down();
    Ok(())
}

/// People for the import, computers for the agents.
fn plan(options: &Options) -> ForestPlan {
    let mut plan = ForestPlan::bench(options.users);
    let ou = format!("OU=Workstations,{}", plan.source.dn);
    plan.source
        .computers
        .extend((0..options.agents).map(|n| ComputerPlan {
            name: computer(n),
            ou: ou.clone(),
            operating_system: "Windows 11 Pro".into(),
            password: None,
            enabled: true,
        }));
    plan
}

fn computer(n: u32) -> String {
    format!("BENCH-{n:05}")
}

fn import_read(forests: &Forests) -> Result<()> {
    let timing = time_import(forests)?;
    let mut row = Row::absolute(
        "ad-import-read",
        timing.ours_ms,
        &format!("ms ({} objects)", timing.objects),
        "<= 1.25 times",
    );
    row.peer = "ldapsearch";
    row.ratio = Some(timing.ratio);
    row.print(timing.ratio <= 1.25, || {
        format!("ldapsearch takes {:.0} ms", timing.ldapsearch_ms)
    })
}

/// The server's own full import, from the start of the job to its end, beside `ldapsearch`: into a
/// customer that has nothing yet, and again when nothing has changed, as on every later night.
fn import_stored(project: &mut Project, forests: &Forests) -> Result<()> {
    let (mut first, mut again) = (Vec::new(), Vec::new());
    for round in 0..3 {
        let directory = project.fresh_directory(forests, &format!("Import {round}"))?;
        first.push(project.import(&directory)?);
        again.push(project.import(&directory)?);
    }
    // In the same minute, with the same objects.
    let timing = time_import(forests)?;
    for (name, rounds) in [("ad-import", first), ("ad-import-again", again)] {
        let best = rounds.iter().copied().fold(f64::INFINITY, f64::min);
        let ratio = best / timing.ldapsearch_ms;
        let mut row = Row::absolute(
            name,
            best,
            &format!("ms ({} objects, stored)", timing.objects),
            "<= 1.25 times",
        );
        row.peer = "ldapsearch";
        row.ratio = Some(ratio);
        row.print(ratio <= 1.25, || {
            format!(
                "ldapsearch takes {:.0} ms and our reader alone {:.0} ms; the rest is storing \
                 row by row",
                timing.ldapsearch_ms, timing.ours_ms
            )
        })?;
    }
    Ok(())
}

fn server_idle(server: &Server) -> Result<()> {
    std::thread::sleep(Duration::from_secs(5));
    let mb = resident_mb(server_pid(server)?)?;
    Row::absolute("server-idle", mb, "MB", "<= 80 MB").print(mb <= 80.0, || {
        "memory that the first start used for hashing and migrating is not given back".into()
    })
}

/// From starting the process, on data that is there, to the first answer over TLS.
fn server_start(options: &Options, data: &Path) -> Result<()> {
    let program = options.bin_dir.join("godwit");
    let address = net::HQ.address;
    let certificate = data.join("tls/self-signed.pem");
    let mut best = f64::INFINITY;
    for _ in 0..3 {
        let start = Instant::now();
        let mut child = net::command(net::HQ, &program.display().to_string())?
            .arg("serve")
            .arg("--data")
            .arg(data)
            .args(["--listen", &format!("{address}:{START_PORT}")])
            .args(["--name", address])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        let answered = loop {
            let api = Api::new(&format!("https://{address}:{START_PORT}"), &certificate);
            if api.and_then(|api| api.get("/health")).is_ok() {
                break true;
            }
            if start.elapsed() > Duration::from_secs(30) || child.try_wait()?.is_some() {
                break false;
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let seconds = start.elapsed().as_secs_f64();
        crate::scenario::end(&mut child);
        if !answered {
            bail!("the server does not answer within 30 s");
        }
        best = best.min(seconds);
    }
    Row::absolute("server-start", best, "s", "<= 1 s").print(best <= 1.0, || {
        "opening the database, reading the keys and the certificate take longer here".into()
    })
}

const START_PORT: u16 = 8444;

/// A real agent on a real image that has enrolled and waits for its next check-in.
fn agent_idle(
    options: &Options,
    work: &Path,
    server: &Server,
    project: &Project,
    forests: &Forests,
) -> Result<()> {
    let facts = forests.facts("source")?;
    let name = forests
        .plan()
        .matches
        .devices
        .first()
        .context("the plan has no device")?;
    let account = facts
        .accounts
        .get(&format!("{name}$"))
        .with_context(|| format!("the directory has no {name}"))?;
    let mut spec = ImageSpec::sample(1000, Language::En);
    spec.computer_name.clone_from(name);
    spec.machine = MachineAccount {
        sid: account.sid.parse()?,
        password: "not used: the device only enrols".into(),
    };
    let dir = work.join(name);
    fs::create_dir_all(&dir)?;
    build_device(&spec, &dir, &options.dir)?;
    let device = Device {
        name: name.clone(),
        before: dir.join("before.snap"),
        dir: dir.clone(),
        spec,
    };
    let agent = device.start_agent(
        &options.bin_dir.join("godwit-agent"),
        &server.agent_url(),
        &server.certificate(),
        &project.psk,
    )?;
    std::thread::sleep(Duration::from_secs(8));
    let measured = find("godwit-agent", &dir.display().to_string()).and_then(resident_mb);
    agent.stop()?;
    let log = fs::read_to_string(device.log()).unwrap_or_default();
    let mb = measured.with_context(|| format!("the agent has ended: {log}"))?;
    Row::absolute("agent-idle", mb, "MB", "<= 20 MB").print(mb <= 20.0, || {
        "the TLS library's tables and the check-in's buffers stay in memory".into()
    })
}

fn check_ins(
    options: &Options,
    server: &Server,
    project: &Project,
    forests: &Forests,
) -> Result<()> {
    let facts = forests.facts("source")?;
    let machines: Vec<(String, String)> = (0..options.agents)
        .map(|n| {
            let name = computer(n);
            let account = facts
                .accounts
                .get(&format!("{name}$"))
                .with_context(|| format!("the directory has no {name}"))?;
            Ok((name, account.sid.clone()))
        })
        .collect::<Result<_>>()?;
    let pid = server_pid(server)?;
    let load = checkins::Load::enrol(server, &project.psk, &machines)?;
    let before = Usage::now(pid)?;
    let result = load.run(Duration::from_secs(options.seconds))?;
    let used = Usage::now(pid)?.since(&before);
    eprintln!(
        "check-ins: {} in {:.1} s, p50 {:.1} ms, p99 {:.1} ms, {} refused; {used}; server {:.0} MB",
        result.done,
        result.seconds,
        result.p50_ms,
        result.p99_ms,
        result.failed,
        resident_mb(pid)?
    );
    if result.failed > 0 {
        bail!(
            "{} check-ins failed: {}",
            result.failed,
            result.first_failure
        );
    }
    let rate = result.done as f64 / result.seconds;
    let unit = format!("/s (p99 {:.0} ms)", result.p99_ms);
    Row::absolute("check-ins", rate, &unit, ">= 1500/s, p99 <= 100 ms")
        .print(rate >= 1500.0 && result.p99_ms <= 100.0, || {
            format!("of the processors: {used}")
        })
}

fn server_pid(server: &Server) -> Result<u32> {
    find("godwit", &server.data().display().to_string())
}

/// A customer with one directory, set up through the API.
struct Project {
    api: Api,
    base: String,
    psk: String,
}

impl Project {
    fn make(server: &Server, forests: &Forests, setup: Option<&str>) -> Result<Self> {
        let token = setup
            .and_then(|address| address.split_once('#'))
            .map(|(_, token)| token)
            .context("the server printed no set-up address")?;
        let mut api = Api::new(&server.url(), &server.certificate())?;
        api.post(
            "/setup",
            &json!({ "token": token, "name": "bench", "password": "correct horse battery staple", "customer_name": "Bench" }),
        )?;
        let customers = api.get("/customers")?;
        let base = format!("/customers/{}", text(&customers["items"][0], "id")?);
        if api.get(&format!("{base}/agent-certificate")).is_err() {
            api.post(&format!("{base}/agent-certificate"), &json!({}))?;
        }
        let psk = api.post(
            &format!("{base}/psks"),
            &json!({ "name": "Bench", "policy": "first_claim" }),
        )?;
        let psk = ["key", "psk", "text", "secret"]
            .iter()
            .find_map(|field| psk[*field].as_str())
            .context("the answer holds no key")?
            .to_owned();
        let mut project = Self { api, base, psk };
        let directory = project.directory(&project.base.clone(), forests)?;
        project.import(&directory)?;
        Ok(project)
    }

    /// A directory of a new customer, never imported: its path below `/api/v1`.
    fn fresh_directory(&mut self, forests: &Forests, customer: &str) -> Result<String> {
        let made = self.api.post("/customers", &json!({ "name": customer }))?;
        let base = format!("/customers/{}", id(&made)?);
        self.directory(&base, forests)
    }

    fn directory(&mut self, base: &str, forests: &Forests) -> Result<String> {
        let settings = crate::forest::bench_settings(forests)?;
        let made = self.api.post(
            &format!("{base}/directories"),
            &json!({
                "name": "source",
                "connection": {
                    "kind": "active_directory",
                    "host": settings.host,
                    "port": settings.port,
                    "transport": "ldaps",
                    "trust": { "kind": "ca", "pem": fs::read_to_string(forests.ca_file())? },
                    "account": settings.bind.account,
                    "extra_attributes": ["employeeID"],
                },
                "password": settings.bind.password.expose(),
            }),
        )?;
        Ok(format!("{base}/directories/{}", id(&made)?))
    }

    /// Imports once; milliseconds that the job took.
    fn import(&mut self, directory: &str) -> Result<f64> {
        let started = Instant::now();
        let job = self.api.post(&format!("{directory}/import"), &json!({}))?;
        let (base, _) = directory
            .split_once("/directories/")
            .context("a directory")?;
        let path = format!("{base}/jobs/{}", text(&job, "id")?);
        loop {
            let job = self.api.get(&path)?;
            match job["state"].as_str() {
                Some("succeeded" | "done" | "finished") => {
                    let at = |field: &str| -> Result<chrono::DateTime<chrono::Utc>> {
                        Ok(text(&job, field)?.parse()?)
                    };
                    let took = at("finished_at")? - at("started_at")?;
                    return Ok(took.num_microseconds().unwrap_or_default() as f64 / 1e3);
                }
                Some("failed" | "cancelled") => bail!("the import failed: {job}"),
                _ if started.elapsed() > Duration::from_secs(120) => {
                    bail!("the import does not end: {job}")
                }
                _ => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }
}

fn id(value: &Value) -> Result<String> {
    text(value, "id").or_else(|_| text(&value["summary"], "id"))
}

fn text(value: &Value, field: &str) -> Result<String> {
    value[field]
        .as_str()
        .map(str::to_owned)
        .with_context(|| format!("no {field} in {value}"))
}

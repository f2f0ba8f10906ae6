//! Devices of a scenario: an image each, and the real agent on it.

use super::{Options, say, server};
use crate::{
    forest::Forests,
    image::{DomainFacts, ImageSpec, Language, MachineAccount, ProfileUser, build_device},
    net,
};
use anyhow::{Context, Result, bail};
use gw_secdesc::Sid;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

/// How long a device may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// People with a profile on each device, besides the one who is not mapped.
const PROFILES: usize = 5;

/// A device: its folder, and what was true before the run.
#[derive(Debug, Clone)]
pub struct Device {
    /// NetBIOS name.
    pub name: String,
    /// Its folder.
    pub dir: PathBuf,
    /// Snapshot of the volume before the run.
    pub before: PathBuf,
    /// What it was made from.
    pub spec: ImageSpec,
}

/// Builds `count` devices; every second one speaks German.
pub(crate) fn build(
    options: &Options,
    forests: &Forests,
    dir: &Path,
    count: u32,
) -> Result<Vec<Device>> {
    let names = &forests.plan().matches.devices;
    let wanted = usize::try_from(count)?;
    if wanted > names.len() {
        bail!(
            "the lab has {} devices, {wanted} were asked for",
            names.len()
        );
    }
    names
        .iter()
        .take(wanted)
        .enumerate()
        .map(|(n, name)| {
            say(&format!("laying out {name} ({} files)", options.files));
            let device = Device::build(options, forests, dir, n, name)?;
            device.snapshot(options)?;
            Ok(device)
        })
        .collect()
}

impl Device {
    fn build(
        options: &Options,
        forests: &Forests,
        dir: &Path,
        n: usize,
        name: &str,
    ) -> Result<Self> {
        let spec = spec(options, forests, n, name)?;
        let dir = dir.join(name);
        fs::create_dir_all(&dir)?;
        build_device(&spec, &dir, &options.dir)?;
        Ok(Self {
            name: name.to_owned(),
            before: dir.join("before.snap"),
            dir,
            spec,
        })
    }

    /// A device made from a specification of one's own.
    pub(crate) fn of(options: &Options, dir: &Path, spec: ImageSpec) -> Result<Self> {
        let dir = dir.join(&spec.computer_name);
        fs::create_dir_all(&dir)?;
        build_device(&spec, &dir, &options.dir)?;
        let device = Self {
            name: spec.computer_name.clone(),
            before: dir.join("before.snap"),
            dir,
            spec,
        };
        device.snapshot(options)?;
        Ok(device)
    }

    fn snapshot(&self, options: &Options) -> Result<()> {
        checker(options, "image_check.py")
            .arg("snapshot")
            .arg(self.disk())
            .arg("-o")
            .arg(&self.before)
            .run("taking a snapshot")
    }

    /// The volume.
    #[must_use]
    pub fn disk(&self) -> PathBuf {
        self.dir.join("disk.img")
    }

    /// The agent's state folder.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.dir.join("agent")
    }

    /// What the agent said.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.dir.join("agent.log")
    }

    /// Starts the agent as its service would run.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start_agent(&self, program: &Path, url: &str, ca: &Path, psk: &str) -> Result<Agent> {
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log())?;
        let child = net::net_only(net::HQ, &program.display().to_string())
            .arg("run")
            .arg("--device")
            .arg(format!("image:{}", self.dir.display()))
            .args(["--server", url])
            .arg("--ca")
            .arg(ca)
            // Not an argument: a process list is not the place for a key.
            .env("GODWIT_PSK", psk)
            .env("RUST_LOG", "info")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        Ok(Agent {
            child,
            dir: self.dir.clone(),
        })
    }

    /// Lets the agent check in once, and see what has begun to its end.
    ///
    /// # Errors
    /// If it cannot be started.
    pub(crate) fn once(&self, program: &Path, url: &str, ca: &Path, psk: &str) -> Result<Once> {
        let output = net::net_only(net::HQ, "timeout")
            .arg("300")
            .arg(program)
            .args(["run", "--once", "--device"])
            .arg(format!("image:{}", self.dir.display()))
            .args(["--server", url])
            .arg("--ca")
            .arg(ca)
            .env("GODWIT_PSK", psk)
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("starting {}", program.display()))?;
        unmount_below(&self.dir);
        Ok(Once {
            code: output.status.code(),
            status: serde_json::from_slice(&output.stdout).unwrap_or_default(),
            said: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Run directories of this device, oldest first.
    #[must_use]
    pub fn runs(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.state().join("runs")) else {
            return Vec::new();
        };
        let mut runs: Vec<PathBuf> = entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.join("order.json").is_file())
            .collect();
        runs.sort();
        runs
    }
}

/// What an agent that was started once came to.
#[derive(Debug)]
pub(crate) struct Once {
    /// 0 trusted, 3 waits, 4 not reached, not believed or refused.
    pub(crate) code: Option<i32>,
    /// Its status.
    pub(crate) status: serde_json::Value,
    /// Its log.
    pub(crate) said: String,
}

/// A running agent.
#[derive(Debug)]
pub struct Agent {
    child: Child,
    dir: PathBuf,
}

impl Agent {
    /// Stops it the polite way.
    ///
    /// # Errors
    /// If the volume is still mounted afterwards.
    pub fn stop(mut self) -> Result<()> {
        server::end(&mut self.child);
        unmount_below(&self.dir);
        Ok(())
    }

    /// Pulls the plug: agent, engine and ntfs-3g get SIGKILL at once.
    pub fn pull_the_plug(mut self) {
        let victims = processes_of(&self.dir);
        let mut kill = Command::new("kill");
        kill.arg("-KILL").arg(self.child.id().to_string());
        kill.args(victims.iter().map(ToString::to_string));
        let _ = kill.stderr(Stdio::null()).status();
        let _ = self.child.wait();
        // A dead process is gone only when its mount is.
        for _ in 0..200 {
            if processes_of(&self.dir).is_empty() {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        unmount_below(&self.dir);
    }

    /// Stops everything that works on the device where it is, or lets it go on.
    pub(crate) fn freeze(&self, frozen: bool) {
        let mut kill = Command::new("kill");
        kill.arg(if frozen { "-STOP" } else { "-CONT" });
        kill.arg(self.child.id().to_string());
        kill.args(processes_of(&self.dir).iter().map(ToString::to_string));
        let _ = kill.stderr(Stdio::null()).status();
    }

    /// Has it ended?
    pub fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)) | Err(_))
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        server::end(&mut self.child);
        unmount_below(&self.dir);
    }
}

/// Processes that work on a device: their command line names its folder.
fn processes_of(dir: &Path) -> BTreeSet<u32> {
    let wanted = dir.to_string_lossy().into_owned();
    let own = std::process::id();
    let Ok(processes) = fs::read_dir("/proc") else {
        return BTreeSet::new();
    };
    processes
        .flatten()
        .filter_map(|process| process.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| *pid != own)
        .filter(|pid| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let text = String::from_utf8_lossy(&line).replace('\0', " ");
            text.contains(&wanted) && (text.contains("godwit-agent") || text.contains("ntfs-3g"))
        })
        .collect()
}

/// Unmounts whatever an ended process left below a folder.
pub(crate) fn unmount_below(dir: &Path) {
    let Ok(table) = fs::read_to_string("/proc/self/mounts") else {
        return;
    };
    let wanted = dir.to_string_lossy().into_owned();
    for line in table.lines() {
        if let Some(point) = line.split(' ').nth(1)
            && point.starts_with(&wanted)
        {
            let _ = Command::new("umount")
                .arg("-l")
                .arg(point)
                .stderr(Stdio::null())
                .status();
        }
    }
}

fn spec(options: &Options, forests: &Forests, n: usize, name: &str) -> Result<ImageSpec> {
    let facts = forests.facts("source")?;
    let matches = &forests.plan().matches;
    let account = |name: &str| -> Result<(Sid, uuid::Uuid)> {
        let found = facts
            .accounts
            .get(name)
            .with_context(|| format!("the source has no {name}"))?;
        Ok((
            found.sid.parse().with_context(|| found.sid.clone())?,
            found.guid.parse()?,
        ))
    };
    let user = |name: &String, mapped: bool| -> Result<ProfileUser> {
        let (sid, guid) = account(name)?;
        Ok(ProfileUser {
            name: name.clone(),
            sid,
            folder: name.clone(),
            guid: Some(guid),
            mapped,
        })
    };
    let mut profiles: Vec<ProfileUser> = matches
        .profiles
        .iter()
        .take(PROFILES)
        .map(|name| user(name, true))
        .collect::<Result<_>>()?;
    profiles.push(user(&matches.unmapped_profile, false)?);
    let groups: Vec<Sid> = matches
        .groups
        .iter()
        .take(12)
        .map(|name| Ok(account(name)?.0))
        .collect::<Result<_>>()?;
    let has_profile: BTreeSet<&String> = matches.profiles.iter().collect();
    let colleagues: Vec<Sid> = matches
        .users
        .iter()
        .map(|(source, _)| source)
        .filter(|source| !has_profile.contains(source))
        .take(8)
        .map(|name| Ok(account(name)?.0))
        .collect::<Result<_>>()?;
    let target = forests.facts("target")?;
    let already_added = matches
        .users
        .iter()
        .filter(|(source, _)| *source == matches.profiles[0])
        .map(|(source, target_name)| {
            let to = target
                .accounts
                .get(target_name)
                .with_context(|| format!("the target has no {target_name}"))?;
            Ok((account(source)?.0, to.sid.parse()?))
        })
        .collect::<Result<_>>()?;
    let computer = format!("{name}$");
    let domain = forests.domain("source")?;
    let planned = domain
        .computers
        .iter()
        .find(|computer| computer.name == name)
        .and_then(|computer| computer.password.clone())
        .with_context(|| format!("no machine password is known for {name}"))?;
    let domain_guid = domain_guid(forests, "source")?;
    Ok(ImageSpec {
        files: options.files,
        seed: options.seed,
        language: if n % 2 == 1 {
            Language::De
        } else {
            Language::En
        },
        computer_name: name.to_owned(),
        source: DomainFacts {
            dns_name: facts.dns_name.clone(),
            netbios_name: facts.netbios_name.clone(),
            sid: facts.domain_sid.parse()?,
            guid: domain_guid,
        },
        machine: MachineAccount {
            sid: account(&computer)?.0,
            password: planned,
        },
        profiles,
        groups,
        colleagues,
        already_added,
        // Sparse: what counts is the free space that a run wants to see.
        size_mib: 4096,
        ..ImageSpec::sample(options.files, Language::En)
    })
}

/// objectGUID of a domain.
pub(crate) fn domain_guid(forests: &Forests, side: &str) -> Result<uuid::Uuid> {
    let found = forests
        .sam(side)
        .search("(objectClass=domainDNS)", &["objectGUID"])?;
    let text = found
        .iter()
        .find_map(|entry| {
            entry
                .get("objectGUID")
                .and_then(|values| values.first().cloned())
        })
        .context("the domain has no objectGUID")?;
    Ok(text.parse()?)
}

/// A checker's command line.
pub(crate) struct Checker(Command);

pub(crate) fn checker(options: &Options, script: &str) -> Checker {
    let mut command = Command::new(&options.python);
    command.arg(options.checkers.join(script));
    Checker(command)
}

impl Checker {
    pub(crate) fn arg(mut self, argument: impl AsRef<std::ffi::OsStr>) -> Self {
        self.0.arg(argument);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.0.env(name, value);
        self
    }

    /// Runs it; its words are the error.
    pub(crate) fn run(mut self, what: &str) -> Result<()> {
        let output = self
            .0
            .output()
            .with_context(|| format!("starting the checker for {what}"))?;
        if output.status.success() {
            return Ok(());
        }
        bail!(
            "{what}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    }

    /// Runs it and gives what it printed, and whether it was content.
    pub(crate) fn said(mut self) -> Result<(bool, String)> {
        let output = self.0.output().context("starting a checker")?;
        let text = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok((output.status.success(), text))
    }
}

//! One domain controller as a process in its namespace.

use super::{
    plan::DomainPlan,
    run::{Limited, try_run, wait_until},
};
use crate::net::{self, Namespace};
use anyhow::{Context, Result, bail};
use std::{
    fs,
    net::{SocketAddr, TcpStream},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

/// How long a controller may take to answer: a loaded machine with two cores is slow.
const START: Duration = Duration::from_secs(90);
/// How long it may take to go before it is killed.
const STOP: Duration = Duration::from_secs(10);

/// A controller, running or not.
#[derive(Debug)]
pub(super) struct Controller {
    folder: PathBuf,
    namespace: Namespace,
    child: Option<Child>,
}

impl Controller {
    pub(super) fn new(folder: &Path, namespace: Namespace) -> Self {
        Self {
            folder: folder.to_owned(),
            namespace,
            child: None,
        }
    }

    fn pid_file(&self) -> PathBuf {
        self.folder.join("dc.pid")
    }

    fn config(&self) -> PathBuf {
        self.folder.join("etc/smb.conf")
    }

    /// Writes `smb.conf` for where the folder is now; the provisioned one knows only its birthplace.
    pub(super) fn configure(
        &self,
        domain: &DomainPlan,
        certificate: &Path,
        key: &Path,
        ca: &Path,
    ) -> Result<()> {
        let at = self.folder.display();
        for folder in ["etc", "run", "ncalrpc", "cache"] {
            fs::create_dir_all(self.folder.join(folder))?;
        }
        let text = format!(
            "[global]\n\
             netbios name = DC1\nrealm = {realm}\nworkgroup = {netbios}\n\
             server role = active directory domain controller\n\
             server services = ldap, cldap, kdc, dns\n\
             private dir = {at}/private\nstate directory = {at}/state\ncache directory = {at}/cache\n\
             lock directory = {at}\npid directory = {at}/run\nncalrpc dir = {at}/ncalrpc\nbinddns dir = {at}/bind-dns\n\
             log file = {at}/samba.log\nmax log size = 10000\nlogging = file\n\
             interfaces = {address}/24 lo\nbind interfaces only = yes\ndns forwarder =\n\
             tls enabled = yes\ntls certfile = {certificate}\ntls keyfile = {key}\ntls cafile = {ca}\n\
             [sysvol]\npath = {at}/state/sysvol\nread only = no\n\
             [netlogon]\npath = {at}/state/sysvol/{dns}/scripts\nread only = no\n",
            realm = domain.realm(),
            netbios = domain.netbios_name,
            dns = domain.dns_name,
            address = self.namespace.address,
            certificate = certificate.display(),
            key = key.display(),
            ca = ca.display(),
        );
        Ok(fs::write(self.config(), text)?)
    }

    /// Starts it and waits until LDAPS, LDAP and Kerberos answer.
    pub(super) fn start(&mut self) -> Result<()> {
        if self.is_running() {
            return Ok(());
        }
        let log = fs::File::create(self.folder.join("console.log"))?;
        let mut command = net::net_only(self.namespace, "samba");
        command
            .args(["-F", "--no-process-group", "-M", "single", "-s"])
            .arg(self.config())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0);
        let child = command.spawn().context("starting samba")?;
        let started = start_time(child.id()).unwrap_or_default();
        fs::write(self.pid_file(), format!("{} {started}", child.id()))?;
        self.child = Some(child);
        let answers = |port: u16| {
            let address: Option<SocketAddr> =
                format!("{}:{port}", self.namespace.address).parse().ok();
            address
                .is_some_and(|a| TcpStream::connect_timeout(&a, Duration::from_millis(500)).is_ok())
        };
        let mut died = false;
        let ready = wait_until(START, || {
            died = running_pid(&self.pid_file()).is_none();
            died || [636, 389, 88].into_iter().all(answers)
        });
        if died || !ready {
            let words = fs::read_to_string(self.folder.join("console.log")).unwrap_or_default();
            let log = fs::read_to_string(self.folder.join("samba.log")).unwrap_or_default();
            let tail = |text: &str| {
                text.lines()
                    .rev()
                    .take(15)
                    .collect::<Vec<_>>()
                    .into_iter()
                    .rev()
                    .collect::<Vec<_>>()
                    .join("\n")
            };
            self.stop();
            bail!(
                "the domain controller in {} {}:\n{}\n{}",
                self.namespace.name,
                if died {
                    "ended at once"
                } else {
                    "does not answer on 636, 389 and 88"
                },
                tail(&words),
                tail(&log)
            );
        }
        Ok(())
    }

    /// Stops it, also one that an earlier run left behind. Does not mind if there is none.
    pub(super) fn stop(&mut self) {
        if let Some(pid) = running_pid(&self.pid_file()) {
            signal("-TERM", pid);
            let gone = wait_until(STOP, || {
                if let Some(child) = &mut self.child {
                    // Collects our own child; a stranger's is gone from /proc by itself.
                    let _ = child.try_wait();
                }
                running_pid(&self.pid_file()).is_none()
            });
            if !gone {
                signal("-KILL", pid);
            }
        }
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = fs::remove_file(self.pid_file());
    }

    pub(super) fn is_running(&self) -> bool {
        running_pid(&self.pid_file()).is_some()
    }
}

/// Signals the controller's whole process group.
fn signal(which: &str, pid: u32) {
    let mut command = Command::new("kill");
    command.args([which, "--", &format!("-{pid}")]);
    let _ = try_run(Limited {
        command,
        seconds: 5,
        input: None,
    });
}

/// The pid of the file, if that process is our controller. Pids are used again and Samba rewrites
/// its command line, so the file holds the process's start time, too.
fn running_pid(pid_file: &Path) -> Option<u32> {
    let text = fs::read_to_string(pid_file).ok()?;
    let (pid, started) = text.trim().split_once(' ')?;
    let pid: u32 = pid.parse().ok()?;
    (start_time(pid)? == started).then_some(pid)
}

/// Field 22 of `/proc/PID/stat`, ticks since boot. `None` if the process is gone or a zombie.
fn start_time(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is a name in parentheses that may hold anything.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?;
    let started = fields.nth(18)?;
    (state != "Z" && state != "X").then(|| started.to_owned())
}

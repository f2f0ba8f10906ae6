//! What a process uses, from `/proc`.

use anyhow::{Context, Result};
use std::{fmt, fs, time::Instant};

/// The process of this name whose command line holds `text`.
///
/// # Errors
/// If there is none.
pub(super) fn find(name: &str, text: &str) -> Result<u32> {
    for entry in fs::read_dir("/proc")?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|pid| pid.parse().ok()) else {
            continue;
        };
        let comm = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        if comm.trim() == name && String::from_utf8_lossy(&line).contains(text) {
            return Ok(pid);
        }
    }
    anyhow::bail!("no {name} runs for {text}")
}

/// Resident memory in 10⁶ bytes.
pub(super) fn resident_mb(pid: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))
        .with_context(|| format!("process {pid} has ended"))?;
    let kib: f64 = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.trim().strip_suffix("kB"))
        .and_then(|number| number.trim().parse().ok())
        .context("no VmRSS")?;
    Ok(kib * 1024.0 / 1e6)
}

/// Processor time so far, in ticks of a hundredth of a second.
pub(super) struct Usage {
    at: Instant,
    server: u64,
    own: u64,
    all: u64,
    idle: u64,
}

impl Usage {
    pub(super) fn now(server: u32) -> Result<Self> {
        let total = fs::read_to_string("/proc/stat")?;
        let fields: Vec<u64> = total
            .lines()
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .skip(1)
            .take(8)
            .map(|number| number.parse().unwrap_or(0))
            .collect();
        let idle = fields.iter().skip(3).take(2).sum();
        Ok(Self {
            at: Instant::now(),
            server: ticks(&server.to_string())?,
            own: ticks("self")?,
            all: fields.iter().sum(),
            idle,
        })
    }

    pub(super) fn since(&self, before: &Self) -> Shares {
        let whole = (self.all - before.all).max(1) as f64;
        let share = |ticks: u64| ticks as f64 * 100.0 / whole;
        let (server, own) = (
            share(self.server - before.server),
            share(self.own - before.own),
        );
        let idle = share(self.idle - before.idle);
        Shares {
            server,
            own,
            others: (100.0 - idle - server - own).max(0.0),
            seconds: (self.at - before.at).as_secs_f64(),
        }
    }
}

/// Who used the processors, in percent of all of them.
pub(super) struct Shares {
    server: f64,
    own: f64,
    others: f64,
    seconds: f64,
}

impl fmt::Display for Shares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the server had {:.0} %, the load {:.0} %, kernel and other programs {:.0} % over {:.0} s",
            self.server, self.own, self.others, self.seconds
        )
    }
}

/// User and system time of a process. The name may hold spaces, so count from its bracket.
fn ticks(pid: &str) -> Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))
        .with_context(|| format!("process {pid} has ended"))?;
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    Ok([11, 12]
        .iter()
        .filter_map(|index| fields.get(*index)?.parse::<u64>().ok())
        .sum())
}

//! Parts that need nothing but processors, going on beside others that wait for servers, disks and
//! clocks half of their time. They yield to everything else; what they print is kept until it is
//! their turn to be read.

use crate::run::{command, target_dir};
use anyhow::{Context, Result, anyhow, bail};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    thread::JoinHandle,
    time::Instant,
};

/// What one of them came to.
pub(crate) struct Done {
    pub(crate) part: &'static str,
    pub(crate) minutes: f64,
    pub(crate) result: Result<()>,
    log: PathBuf,
}

impl Done {
    /// Everything it printed.
    pub(crate) fn said(&self) -> String {
        fs::read(&self.log)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }
}

/// Parts on their way, one after the other.
pub(crate) struct Beside(JoinHandle<Vec<Done>>);

impl Beside {
    pub(crate) fn start(parts: Vec<&'static str>) -> Self {
        Self(std::thread::spawn(move || {
            parts.into_iter().map(play).collect()
        }))
    }

    /// Waits for all of them.
    pub(crate) fn wait(self) -> Result<Vec<Done>> {
        self.0
            .join()
            .map_err(|_| anyhow!("the parts beside the others ended without a result"))
    }
}

fn play(part: &'static str) -> Done {
    let log = target_dir().join(format!("test-{part}.log"));
    let started = Instant::now();
    let result = play_into(part, &log);
    Done {
        part,
        minutes: started.elapsed().as_secs_f64() / 60.0,
        result,
        log,
    }
}

fn play_into(part: &str, log: &Path) -> Result<()> {
    let out = fs::File::create(log).with_context(|| format!("writing {}", log.display()))?;
    let status = command("nice")
        .args(["-n", "19"])
        .arg(own_program())
        .args(["test", part])
        .stdin(Stdio::null())
        .stdout(out.try_clone()?)
        .stderr(out)
        .status()
        .with_context(|| format!("starting the part {part}"))?;
    if !status.success() {
        bail!("it ended with {status}; its last words are above");
    }
    Ok(())
}

/// This very program, under a name that holds when a build of the whole workspace has since put
/// another file where it lay: Linux opens what the link stands for, even if it was deleted
/// (`proc_pid_exe(5)`).
fn own_program() -> PathBuf {
    PathBuf::from(format!("/proc/{}/exe", std::process::id()))
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    /// The same link of a program whose file is gone still starts it.
    #[test]
    fn a_deleted_program_still_starts_itself() {
        let copy = std::env::temp_dir().join(format!("godwit-beside-{}", std::process::id()));
        // By another process: one that this process had open for writing could not be started
        // while a neighbouring test starts something.
        let made = Command::new("cp").arg("/bin/sleep").arg(&copy).status();
        assert!(made.expect("cp starts").success());
        let mut first = Command::new(&copy).arg("60").spawn().expect("it starts");
        std::fs::remove_file(&copy).expect("its file goes");
        let again = Command::new(format!("/proc/{}/exe", first.id()))
            .arg("0")
            .stderr(Stdio::null())
            .status();
        first.kill().expect("it ends");
        first.wait().expect("it ended");
        assert!(again.expect("the link is a program").success());
    }
}

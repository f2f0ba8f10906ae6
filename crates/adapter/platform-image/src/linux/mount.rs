//! The volume, mounted with ntfs-3g for as long as the value lives.

use gw_platform::MachineError;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

const PATIENCE: Duration = Duration::from_secs(60);
/// An ntfs-3g that still runs so long after its mount went is held by something else.
const HINT: Duration = Duration::from_secs(2);

/// A mounted volume. ntfs-3g stays our child, so that closing can wait until it has written
/// everything: `umount` of a FUSE file system returns earlier.
#[derive(Debug)]
pub(super) struct Volume {
    image: PathBuf,
    point: PathBuf,
    daemon: Option<Child>,
}

impl Volume {
    /// Mounts `image` at `point`; what an ended process left mounted there is cleared away first.
    pub(super) fn open(image: &Path, point: &Path) -> Result<Self, MachineError> {
        clear_stale(point);
        end_orphans(image);
        fs::create_dir_all(point).map_err(|e| MachineError::io(point.display().to_string(), &e))?;
        let point = point
            .canonicalize()
            .map_err(|e| MachineError::io(point.display().to_string(), &e))?;
        let mut volume = Self {
            image: image.to_path_buf(),
            point,
            daemon: None,
        };
        volume.mount()?;
        Ok(volume)
    }

    fn mount(&mut self) -> Result<(), MachineError> {
        let shown = self.image.display().to_string();
        let daemon = Command::new("ntfs-3g")
            .args([
                "-o",
                "permissions,streams_interface=windows,noatime,no_detach",
            ])
            .arg(&self.image)
            .arg(&self.point)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| MachineError::io("ntfs-3g (is the package installed?)", &e))?;
        self.daemon = Some(daemon);
        let since = Instant::now();
        while !is_mounted(&self.point) {
            let ended = self
                .daemon
                .as_mut()
                .and_then(|child| child.try_wait().ok().flatten());
            if let Some(status) = ended {
                self.daemon = None;
                return Err(MachineError::Damaged {
                    object: shown,
                    why: format!("ntfs-3g does not mount it ({status})"),
                });
            }
            if since.elapsed() > PATIENCE {
                return Err(MachineError::InUse { object: shown });
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Does something with the image while it is not mounted, and mounts it again.
    ///
    /// # Errors
    /// Those of `work`; or, if it cannot be mounted any more, the one after which nothing goes on
    /// in this process: below an empty mount point everything would look undone.
    pub(super) fn away<T>(
        &mut self,
        work: impl FnOnce(&Path) -> Result<T, MachineError>,
    ) -> Result<T, MachineError> {
        self.release();
        let done = work(&self.image);
        if let Err(error) = self.mount() {
            tracing::error!(%error, "The volume cannot be mounted again; the process has to end");
            return Err(MachineError::PowerCut);
        }
        done
    }

    /// Where the root of the volume is.
    pub(super) fn root(&self) -> &Path {
        &self.point
    }

    /// Everything written so far is on stable storage when this returns.
    ///
    /// ntfs-3g hands every write on at once, so flushing the image file is enough.
    pub(super) fn sync(&self) -> Result<(), MachineError> {
        fs::File::open(&self.image)
            .and_then(|file| file.sync_data())
            .map_err(|e| MachineError::io(self.image.display().to_string(), &e))
    }

    fn release(&mut self) {
        let Some(mut daemon) = self.daemon.take() else {
            return;
        };
        let unmounted = Command::new("umount").arg(&self.point).status();
        if !unmounted.is_ok_and(|status| status.success()) {
            tracing::warn!(mount = %self.point.display(), "The volume is busy, unmounting it lazily");
            let _ = Command::new("umount").arg("-l").arg(&self.point).status();
        }
        let since = Instant::now();
        let mut asked = false;
        while since.elapsed() < PATIENCE {
            if matches!(daemon.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            // A mount namespace that was made meanwhile keeps a copy of the mount, and ntfs-3g
            // with it. Asked to, it writes everything and ends.
            if !asked && since.elapsed() > HINT {
                asked = true;
                if let Some(pid) = i32::try_from(daemon.id())
                    .ok()
                    .and_then(rustix::process::Pid::from_raw)
                {
                    let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
                }
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        tracing::warn!(mount = %self.point.display(), "ntfs-3g still runs after the volume was unmounted");
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        self.release();
    }
}

/// Ends whatever serves `image` at `point` or without a mount anybody can reach.
pub(super) fn end(image: &Path, point: &Path) {
    clear_stale(point);
    end_orphans(image);
}

/// Whether an ntfs-3g that is running has the image open; `image` is canonical.
pub(super) fn serves(image: &Path) -> bool {
    daemons()
        .iter()
        .any(|(_, words)| words.iter().any(|word| same_file(word, image)))
}

/// A killed process leaves its mount, and a killed ntfs-3g leaves one that answers nothing.
fn clear_stale(point: &Path) {
    for _ in 0..4 {
        let absolute = std::path::absolute(point).unwrap_or_else(|_| point.to_path_buf());
        if !is_mounted(&absolute) {
            return;
        }
        let _ = Command::new("umount")
            .arg(&absolute)
            .stderr(Stdio::null())
            .status()
            .ok()
            .filter(std::process::ExitStatus::success)
            .or_else(|| {
                Command::new("umount")
                    .arg("-l")
                    .arg(&absolute)
                    .status()
                    .ok()
            });
    }
}

/// An ntfs-3g without a master, perhaps in a mount namespace that nobody can reach any more, still
/// has the image open. Two of them on one image would destroy it.
fn end_orphans(image: &Path) {
    let since = Instant::now();
    let wanted = image.canonicalize().unwrap_or_else(|_| image.to_path_buf());
    let mut told = false;
    loop {
        let orphans: Vec<rustix::process::Pid> = daemons()
            .into_iter()
            .filter(|(_, words)| words.iter().any(|word| same_file(word, &wanted)))
            .map(|(pid, _)| pid)
            .collect();
        if orphans.is_empty() || since.elapsed() > PATIENCE {
            return;
        }
        // It ends by itself a moment after its mount went; if not, it is told to.
        if !told && since.elapsed() > Duration::from_millis(500) {
            told = true;
            for pid in orphans {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
            }
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn same_file(word: &str, wanted: &Path) -> bool {
    word.starts_with('/')
        && Path::new(word)
            .canonicalize()
            .is_ok_and(|path| path == wanted)
}

/// Running ntfs-3g processes with their arguments.
fn daemons() -> Vec<(rustix::process::Pid, Vec<String>)> {
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    processes
        .flatten()
        .filter_map(|process| {
            let pid = rustix::process::Pid::from_raw(process.file_name().to_str()?.parse().ok()?)?;
            let line = fs::read(process.path().join("cmdline")).ok()?;
            let words: Vec<String> = line
                .split(|byte| *byte == 0)
                .map(|word| String::from_utf8_lossy(word).into_owned())
                .collect();
            words
                .first()
                .is_some_and(|program| program.ends_with("ntfs-3g"))
                .then_some((pid, words))
        })
        .collect()
}

fn is_mounted(point: &Path) -> bool {
    let wanted = point.to_string_lossy().replace(' ', "\\040");
    fs::read_to_string("/proc/self/mounts").is_ok_and(|table| {
        table
            .lines()
            .any(|line| line.split(' ').nth(1) == Some(&wanted))
    })
}

//! A volume mounted with ntfs-3g for as long as the value lives.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

const PATIENCE: Duration = Duration::from_secs(60);

/// A mounted volume. ntfs-3g stays our child, so that unmounting can wait until it has
/// written everything: `umount` of a FUSE file system returns earlier.
#[derive(Debug)]
pub struct Mounted {
    point: PathBuf,
    daemon: Option<Child>,
}

impl Mounted {
    /// Mounts `image` at `point` (made if missing) with descriptors and streams visible.
    ///
    /// # Errors
    /// When ntfs-3g cannot be started or refuses the volume.
    pub fn open(image: &Path, point: &Path) -> Result<Self> {
        std::fs::create_dir_all(point).with_context(|| format!("making {}", point.display()))?;
        let daemon = Command::new("ntfs-3g")
            .args([
                "-o",
                "permissions,streams_interface=windows,noatime,no_detach",
            ])
            .arg(image)
            .arg(point)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("starting ntfs-3g; is the package ntfs-3g installed?")?;
        let mut mounted = Self {
            point: std::path::absolute(point)?,
            daemon: Some(daemon),
        };
        let since = Instant::now();
        while !is_mounted(&mounted.point)? {
            if let Some(status) = mounted
                .daemon
                .as_mut()
                .map(Child::try_wait)
                .transpose()?
                .flatten()
            {
                mounted.daemon = None;
                bail!("ntfs-3g refused {} ({status})", image.display());
            }
            if since.elapsed() > PATIENCE {
                bail!(
                    "ntfs-3g did not mount {} in {} s",
                    image.display(),
                    PATIENCE.as_secs()
                );
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(mounted)
    }

    /// Where the volume's root is.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.point
    }

    /// Unmounts and waits until everything is in the image.
    ///
    /// # Errors
    /// When something still uses the mount or ntfs-3g ends badly.
    pub fn close(mut self) -> Result<()> {
        self.release()
    }

    fn release(&mut self) -> Result<()> {
        let Some(mut daemon) = self.daemon.take() else {
            return Ok(());
        };
        let status = Command::new("umount")
            .arg(&self.point)
            .status()
            .context("starting umount")?;
        if !status.success() {
            let lazily = Command::new("umount").arg("-l").arg(&self.point).status();
            bail!(
                "unmounting {} failed ({status}); lazily: {lazily:?}",
                self.point.display()
            );
        }
        let since = Instant::now();
        loop {
            if let Some(status) = daemon.try_wait()? {
                if status.success() {
                    return Ok(());
                }
                bail!(
                    "ntfs-3g ended with {status} when {} was unmounted",
                    self.point.display()
                );
            }
            if since.elapsed() > PATIENCE {
                bail!(
                    "ntfs-3g still runs {} s after {} was unmounted",
                    PATIENCE.as_secs(),
                    self.point.display()
                );
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if let Err(error) = self.release() {
            eprintln!("gw-lab: {error:#}");
        }
    }
}

fn is_mounted(point: &Path) -> Result<bool> {
    let table =
        std::fs::read_to_string("/proc/self/mounts").context("reading /proc/self/mounts")?;
    let wanted = point.to_string_lossy().replace(' ', "\\040");
    Ok(table
        .lines()
        .any(|line| line.split(' ').nth(1) == Some(&wanted)))
}

//! A whole NTFS volume: boot sector, file records, directories, the descriptor store.
//!
//! Seeds are made with `mkfs.ntfs`, small, so that most changes hit something that is read. It puts
//! the time and a random serial number in, so that no two runs search quite the same.

use crate::{Target, leave_alone};
use anyhow::{Context, ensure};
use std::process::{Command, Stdio};

pub(crate) const TARGET: Target = Target {
    name: "ntfs",
    seeds,
    repair: leave_alone,
    run,
};

fn run(data: &[u8]) {
    gw_ntfs::exercise(data);
}

fn seeds() -> anyhow::Result<Vec<Vec<u8>>> {
    let dir = std::env::temp_dir().join(format!("godwit-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let mut out = Vec::new();
    for cluster in [512, 4096] {
        let path = dir.join(format!("volume-{cluster}"));
        std::fs::File::create(&path)?.set_len(2 << 20)?;
        let done = Command::new("mkfs.ntfs")
            .args(["-F", "-Q", "-q", "-c", &cluster.to_string()])
            .arg(&path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .context("mkfs.ntfs, from the package ntfs-3g")?;
        ensure!(done.success(), "mkfs.ntfs ended with {done}");
        out.push(std::fs::read(&path)?);
    }
    let _ = std::fs::remove_dir_all(&dir);
    Ok(out)
}

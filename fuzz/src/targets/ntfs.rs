//! A whole NTFS volume: boot sector, file records, directories, the descriptor store.
//!
//! Seeds are made with `mkfs.ntfs`, small, so that most changes hit something that is read.

use crate::{Target, answer, leave_alone};
use anyhow::{Context, ensure};
use gw_ntfs::Volume;
use std::process::{Command, Stdio};

pub(crate) const TARGET: Target = Target {
    name: "ntfs",
    seeds,
    repair: leave_alone,
    run,
};

fn run(data: &[u8]) -> u64 {
    gw_ntfs::exercise(data);
    match Volume::open(data) {
        Ok(volume) => answer(&format!(
            "{:?} {:?} {:?}",
            volume.refusals(),
            volume.log_state().err(),
            volume.census().map(|census| census.sids().0.len() / 4)
        )),
        Err(error) => answer(&error.to_string()),
    }
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

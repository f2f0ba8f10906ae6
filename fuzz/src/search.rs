//! The process that searches one target. It notes each input before it runs it, where the process
//! that watches finds it after a crash, and says at its end how it went.
//!
//! The note: number of the input, its length (each 8 bytes, little-endian), the input.

use anyhow::{Context, Result};
use godwit_fuzz::{
    Target,
    hunt::{Budget, counted, hunt},
};
use std::{
    fs::File,
    os::unix::{fs::FileExt, process::parent_id},
    panic,
    path::Path,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// The last words of a panic.
static LAST: Mutex<String> = Mutex::new(String::new());

pub(crate) fn run(target: &Target, seconds: u64, seed: u64, note: &Path) -> Result<bool> {
    panic::set_hook(Box::new(|info| {
        let said = info.to_string().replace('\n', " ");
        *LAST.lock().unwrap_or_else(PoisonError::into_inner) = said;
    }));
    let file = File::create(note).with_context(|| format!("writing {}", note.display()))?;
    let budget = Budget {
        time: Duration::from_secs(seconds),
        executions: u64::MAX,
    };
    let watcher = parent_id();
    let mut line = Vec::new();
    let done = hunt(target, budget, seed, &mut counted, &mut |number, data| {
        line.clear();
        line.extend(number.to_le_bytes());
        line.extend((data.len() as u64).to_le_bytes());
        line.extend(data);
        file.write_all_at(&line, 0)?;
        // Nobody would stop it any more.
        anyhow::ensure!(
            !number.is_multiple_of(1024) || parent_id() == watcher,
            "nobody watches"
        );
        Ok(())
    })
    .with_context(|| target.name)?;
    if done.panicked {
        let last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
        println!("panicked {last}");
    } else {
        println!("clean {} {}", done.edges, done.kept);
    }
    Ok(!done.panicked)
}

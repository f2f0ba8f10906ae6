//! Fuzz targets: everything of Godwit that reads bytes somebody else wrote.
//!
//! Each target is one function over bytes, with seeds that are built here, so that a run needs no
//! files. Two drivers share them: `cargo fuzz` (the thin files in `fuzz_targets`), and a plain
//! deterministic one for any stable compiler (`cargo xtask fuzz`, `src/main.rs`).
//!
//! What must stay true: a target returns, whatever the bytes are. A panic, an endless loop or
//! unbounded memory is a finding; what the target answers is only a hint to the driver which
//! inputs are worth keeping.

pub mod mutate;
mod targets;

use std::hash::{DefaultHasher, Hash, Hasher};

/// One target.
pub struct Target {
    /// Its name on the command line.
    pub name: &'static str,
    /// Inputs to begin with.
    pub seeds: fn() -> anyhow::Result<Vec<Vec<u8>>>,
    /// Puts checksums right after a change, so that what lies behind them is reached.
    pub repair: fn(&mut [u8]),
    /// Does the work. Inputs with an answer not seen before are kept and changed further.
    pub run: fn(&[u8]) -> u64,
}

/// All targets.
pub const TARGETS: &[Target] = &[
    targets::secdesc::TARGET,
    targets::hive::TARGET,
    targets::ntfs::TARGET,
    targets::wire::TARGET,
    targets::runbook::TARGET,
    targets::journal::TARGET,
    targets::map::TARGET,
];

/// The target of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// Runs a target over one input.
///
/// # Panics
/// When there is no such target, or the target has found something.
pub fn run(name: &str, data: &[u8]) -> u64 {
    let target = find(name).expect("a target of this name");
    (target.run)(data)
}

/// What became of an input, as a number: its text without digits and quotations, which only say
/// where and what, and are nearly always new.
pub(crate) fn answer(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    let mut quoted = false;
    text.chars()
        .filter(|letter| {
            quoted ^= matches!(letter, '"' | '`');
            !quoted && !letter.is_ascii_digit()
        })
        .take(48)
        .for_each(|letter| letter.hash(&mut hasher));
    hasher.finish()
}

/// For targets without checksums.
pub(crate) fn leave_alone(_: &mut [u8]) {}

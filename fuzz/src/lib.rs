//! Fuzz targets: everything of Godwit that reads bytes somebody else wrote.
//!
//! Each target is one function over bytes, with seeds that are built here, so that a run needs no
//! files. `cargo xtask fuzz` builds the driver (`src/main.rs`) with edge counters and lets what an
//! input reaches decide whether it is kept; that needs nothing but a stable compiler. The same
//! targets run under `cargo fuzz` (`fuzz_targets/any.rs`).
//!
//! What must stay true: a target returns, whatever the bytes are. A panic, a crash, an endless loop
//! or unbounded memory is a finding. A target reads no clock and draws no random numbers on which
//! its way depends, or the same seed would not find the same twice.
//!
//! Which parser of the product is exercised by which target stands in `parsers.toml`; `cargo xtask
//! check fuzz` refuses a public parser that is not in it.

pub mod coverage;
pub mod hunt;
pub mod mutate;
mod targets;

/// One target.
pub struct Target {
    /// Its name on the command line.
    pub name: &'static str,
    /// Inputs to begin with.
    pub seeds: fn() -> anyhow::Result<Vec<Vec<u8>>>,
    /// Puts checksums right after a change, so that what lies behind them is reached.
    pub repair: fn(&mut [u8]),
    /// Does the work.
    pub run: fn(&[u8]),
}

/// All targets.
pub const TARGETS: &[Target] = &[
    targets::sid::TARGET,
    targets::acl::TARGET,
    targets::secdesc::TARGET,
    targets::sddl::TARGET,
    targets::hive::TARGET,
    targets::lsa::TARGET,
    targets::areas::TARGET,
    targets::task::TARGET,
    targets::ntfs::TARGET,
    targets::redo::TARGET,
    targets::paths::TARGET,
    targets::wire::TARGET,
    targets::handshake::TARGET,
    targets::sealed::TARGET,
    targets::keys::TARGET,
    targets::runbook::TARGET,
    targets::naming::TARGET,
    targets::journal::TARGET,
    targets::rundir::TARGET,
    targets::map::TARGET,
    targets::directory::TARGET,
    targets::matching::TARGET,
    targets::adminapi::TARGET,
    targets::services::TARGET,
];

/// Holds a fault that only edge counters lead to: whoever does not find it finds nothing.
pub const PLANTED: &Target = &targets::planted::TARGET;

/// The target of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Target> {
    TARGETS
        .iter()
        .chain([PLANTED])
        .find(|target| target.name == name)
}

/// Runs a target over one input.
///
/// # Panics
/// When there is no such target, or the target has found something.
pub fn run(name: &str, data: &[u8]) {
    let target = find(name).expect("a target of this name");
    (target.run)(data);
}

/// For targets without checksums.
pub(crate) fn leave_alone(_: &mut [u8]) {}

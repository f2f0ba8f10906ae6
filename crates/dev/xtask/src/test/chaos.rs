//! `engine-matrix` and `chaos`: the proof of the engine's transaction. The work is done by
//! `gw-testkit`, in memory; a release build, because ten thousand runs are many.

use crate::run::{cargo, run};
use anyhow::Result;

#[derive(clap::Args, Clone)]
pub(crate) struct Arguments {
    /// `chaos`: how many runs in random weather
    #[arg(long, default_value_t = 10_000)]
    pub(crate) runs: u64,
    /// `chaos`, `kills`: seed of the first one
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

impl Default for Arguments {
    fn default() -> Self {
        Self {
            runs: 10_000,
            seed: 1,
        }
    }
}

/// Runs in which each planted mistake must be caught.
const PLANTED_RUNS: u64 = 1_000;

fn example(arguments: &[&str]) -> Result<()> {
    run(cargo(&[
        "run",
        "--release",
        "--quiet",
        "--locked",
        "-p",
        "gw-testkit",
        "--example",
        "chaos",
        "--",
    ])
    .args(arguments))
}

/// Every flow, cut at every boundary, resumed and undone.
pub(super) fn engine_matrix() -> Result<()> {
    example(&["matrix"])
}

/// Random weather; and proof that the suite finds what is planted.
pub(super) fn chaos(arguments: &Arguments) -> Result<()> {
    let seed = arguments.seed.to_string();
    example(&["storm", &arguments.runs.to_string(), &seed])?;
    example(&["planted", &PLANTED_RUNS.to_string(), &seed])
}

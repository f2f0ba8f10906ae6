//! The search itself: change an input, run it, keep it if it reached something new.
//!
//! The same seed gives the same inputs in the same order; only how far it gets depends on the time.

use crate::{
    Target, coverage,
    coverage::Reached,
    mutate::{self, Dice},
};
use std::{
    panic::{self, AssertUnwindSafe},
    time::{Duration, Instant},
};

/// So many inputs are kept to be changed further.
const KEPT: usize = 4096;

/// How long to search: at least every seed once.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// Not longer than this.
    pub time: Duration,
    /// Not more inputs than this.
    pub executions: u64,
}

/// How a search went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hunted {
    /// Inputs that were run.
    pub executions: u64,
    /// Different edges that were reached.
    pub edges: usize,
    /// Inputs that were kept, seeds included.
    pub kept: usize,
    /// The last input made the target panic.
    pub panicked: bool,
}

/// Runs an input and says which counters it left behind, and whether the target returned.
pub type Run<'a> = dyn FnMut(&Target, &[u8], &mut Vec<u8>) -> bool + 'a;

/// Runs an input with the counters of the compiler.
pub fn counted(target: &Target, data: &[u8], counters: &mut Vec<u8>) -> bool {
    coverage::reset();
    let fine = panic::catch_unwind(AssertUnwindSafe(|| (target.run)(data))).is_ok();
    coverage::copy(counters);
    fine
}

/// Searches. `before` is told every input before it is run, with its number from 1.
///
/// # Errors
/// The seeds cannot be made, or `before` failed.
pub fn hunt(
    target: &Target,
    budget: Budget,
    seed: u64,
    run: &mut Run<'_>,
    before: &mut dyn FnMut(u64, &[u8]) -> anyhow::Result<()>,
) -> anyhow::Result<Hunted> {
    let mut kept = (target.seeds)()?;
    anyhow::ensure!(!kept.is_empty(), "{} has no seeds", target.name);
    let seeds = kept.len() as u64;
    // Inputs that only grow make everything slow.
    let longest = 2 * kept.iter().map(Vec::len).max().unwrap_or(0) + 256;
    let mut dice = Dice::new(seed);
    let mut counters = Vec::new();
    run(&NOTHING, &[], &mut counters);
    let mut reached = Reached::without(&counters);
    let started = Instant::now();
    let mut executions = 0;
    let mut panicked = false;
    while executions < seeds || (executions < budget.executions && started.elapsed() < budget.time)
    {
        // First the seeds as they are, then changed ones.
        let data = match kept.get(executions as usize) {
            Some(seed) if executions < seeds => seed.clone(),
            _ => changed(&kept, target, longest, &mut dice),
        };
        executions += 1;
        before(executions, &data)?;
        panicked = !run(target, &data, &mut counters);
        if panicked {
            break;
        }
        if reached.add(&counters) && executions > seeds && kept.len() < KEPT {
            kept.push(data);
        }
    }
    Ok(Hunted {
        executions,
        edges: reached.edges(),
        kept: kept.len(),
        panicked,
    })
}

/// What the driver does on its way to a target, and nothing else.
const NOTHING: Target = Target {
    name: "nothing",
    seeds: || Ok(Vec::new()),
    repair: |_| {},
    run: |_| {},
};

fn changed(kept: &[Vec<u8>], target: &Target, longest: usize, dice: &mut Dice) -> Vec<u8> {
    // What was found last has been changed least.
    let from = match dice.below(2) {
        0 => kept.len() - 1 - dice.below(kept.len().div_ceil(4)),
        _ => dice.below(kept.len()),
    };
    let mut data = kept[from].clone();
    let other = &kept[dice.below(kept.len())];
    mutate::mutate(&mut data, other, dice);
    data.truncate(longest);
    if dice.below(8) != 0 {
        (target.repair)(&mut data);
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PLANTED;

    const BUDGET: Budget = Budget {
        time: Duration::from_secs(300),
        executions: 2_000_000,
    };

    /// Stands in for the compiler: a counter for each condition of the planted fault that holds.
    fn led(target: &Target, data: &[u8], counters: &mut Vec<u8>) -> bool {
        let depth = crate::targets::planted::depth(data);
        *counters = (0..8).map(|at| u8::from(at < depth)).collect();
        panic::catch_unwind(|| (target.run)(data)).is_ok()
    }

    #[test]
    fn a_planted_fault_is_found_and_found_again_by_the_same_seed() {
        let mut found = Vec::new();
        let mut last = Vec::new();
        for _ in 0..2 {
            let done = hunt(PLANTED, BUDGET, 1, &mut led, &mut |_, data| {
                last = data.to_vec();
                Ok(())
            });
            found.push((done.expect("it runs"), last.clone()));
        }
        assert!(found[0].0.panicked, "the planted fault was not found");
        assert_eq!(found[0], found[1]);
        assert!(panic::catch_unwind(|| (PLANTED.run)(&found[0].1)).is_err());
    }

    #[test]
    fn without_guidance_it_is_not_found() {
        let mut blind = |target: &Target, data: &[u8], _: &mut Vec<u8>| {
            panic::catch_unwind(|| (target.run)(data)).is_ok()
        };
        let few = Budget {
            executions: 200_000,
            ..BUDGET
        };
        let done = hunt(PLANTED, few, 1, &mut blind, &mut |_, _| Ok(())).expect("it runs");
        assert!(!done.panicked, "the planted fault needs no guidance");
    }
}

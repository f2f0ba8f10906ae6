//! A planted fault: a read out of bounds behind four conditions, each of which must be met by
//! chance before the next can be. Only there to prove that the search is led; see `src/hunt.rs`.

use crate::{Target, leave_alone};
use std::hint::black_box;

pub(crate) const TARGET: Target = Target {
    name: "planted",
    seeds: || Ok(vec![vec![0; 24]]),
    repair: leave_alone,
    run,
};

const MAGIC: [u8; 3] = [b'G', 0xd1, 0x7e];
const TABLE: [u8; 64] = [1; 64];

fn run(data: &[u8]) {
    // Hidden from the compiler, so that each condition stays a branch of its own.
    let byte = |at: usize| black_box(data.get(at).copied().unwrap_or_default());
    if byte(0) == MAGIC[0] && byte(1) == MAGIC[1] && byte(2) == MAGIC[2] {
        let index = usize::from(byte(3));
        // The fault: the bound is twice the length of the table.
        if index < 128 {
            black_box(TABLE[index]);
        }
    }
}

/// How many of the conditions hold.
#[cfg(test)]
pub(crate) fn depth(data: &[u8]) -> usize {
    let same = MAGIC.iter().zip(data).take_while(|(a, b)| a == b);
    same.count()
}

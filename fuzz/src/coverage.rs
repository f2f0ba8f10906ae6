//! Which edges of the program ran: the counters that the compiler puts on every edge.
//!
//! `cargo xtask fuzz` compiles the driver and everything under it with LLVM's `sancov-module` pass
//! and inline 8-bit counters: one byte for each edge between basic blocks, in one section of the
//! program, which the program's own start-up code hands over here. Built without the pass there
//! are no counters, and nothing leads the changes.
//!
//! # Why there is `unsafe` here
//! The rule against it protects devices and servers, and this crate ships nowhere. The counters
//! exist as two addresses only, so this module, and no other, reads through them.
//!
//! INVARIANT: the two addresses are the bounds of one static section of this process, which is
//! writable, is never freed and consists of bytes, every value of which is good. One thread runs
//! when the counters are read (the driver watches from another process).
#![allow(unsafe_code)]

use std::{
    ptr,
    sync::atomic::{AtomicPtr, AtomicUsize, Ordering},
};

static BEGIN: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());
static LENGTH: AtomicUsize = AtomicUsize::new(0);

/// Called by the start-up code of each part of the program, always with the bounds of the whole
/// section. libFuzzer brings its own.
#[cfg(not(feature = "libfuzzer"))]
#[unsafe(no_mangle)]
extern "C" fn __sanitizer_cov_8bit_counters_init(begin: *mut u8, end: *mut u8) {
    BEGIN.store(begin, Ordering::Relaxed);
    LENGTH.store(end.addr().saturating_sub(begin.addr()), Ordering::Relaxed);
}

/// Number of counters; 0 in a program that was built without them.
#[must_use]
pub fn edges() -> usize {
    LENGTH.load(Ordering::Relaxed)
}

/// Sets all counters to 0.
pub fn reset() {
    let begin = BEGIN.load(Ordering::Relaxed);
    if !begin.is_null() {
        // SAFETY: the bounds of a static, writable section; see the module's invariant.
        unsafe { ptr::write_bytes(begin, 0, edges()) };
    }
}

/// Copies all counters to `into`. The copy is made in one go, because the code that looks at it
/// is counted, too.
pub fn copy(into: &mut Vec<u8>) {
    into.resize(edges(), 0);
    let begin = BEGIN.load(Ordering::Relaxed);
    if !begin.is_null() {
        // SAFETY: as in `reset`; `into` is as long as the section and is not part of it.
        unsafe { ptr::copy_nonoverlapping(begin, into.as_mut_ptr(), into.len()) };
    }
}

const STRETCH: usize = 256;
const ZERO: [u8; STRETCH] = [0; STRETCH];

/// What was reached so far, edge by edge.
#[derive(Debug, Default)]
pub struct Reached {
    /// A bit for each rough number of times.
    seen: Vec<u8>,
    edges: usize,
}

impl Reached {
    /// Nothing, and never anything of what `noise` counted: the driver's own steps.
    #[must_use]
    pub fn without(noise: &[u8]) -> Self {
        let seen = noise
            .iter()
            .map(|count| if *count == 0 { 0 } else { u8::MAX });
        Self {
            seen: seen.collect(),
            edges: 0,
        }
    }

    /// Number of different edges.
    #[must_use]
    pub fn edges(&self) -> usize {
        self.edges
    }

    /// Adds what one input reached. True if an edge is new, or ran a new rough number of times.
    pub fn add(&mut self, counters: &[u8]) -> bool {
        self.seen.resize(counters.len().max(self.seen.len()), 0);
        let mut new = false;
        // Most counters are 0, and this code is counted, too: whole stretches are compared at once,
        // by a function that is not.
        for (seen, counts) in self.seen.chunks_mut(STRETCH).zip(counters.chunks(STRETCH)) {
            if counts == &ZERO[..counts.len()] {
                continue;
            }
            for (seen, count) in seen.iter_mut().zip(counts) {
                let bit = rough(*count);
                if bit & !*seen != 0 {
                    self.edges += usize::from(*seen == 0);
                    *seen |= bit;
                    new = true;
                }
            }
        }
        new
    }
}

/// 1, 2, 3, 4 to 7, 8 to 15, 16 to 31, 32 to 127, and more, as one bit each.
fn rough(count: u8) -> u8 {
    match count {
        0 => 0,
        1..=3 => 1 << (count - 1),
        4..=7 => 1 << 3,
        8..=15 => 1 << 4,
        16..=31 => 1 << 5,
        32..=127 => 1 << 6,
        128.. => 1 << 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_edges_and_new_numbers_of_times_count_and_noise_does_not() {
        let mut reached = Reached::without(&[9, 0, 0]);
        assert!(!reached.add(&[1, 0, 0]));
        assert!(reached.add(&[1, 0, 1]));
        assert!(!reached.add(&[7, 0, 1]));
        assert!(reached.add(&[7, 0, 5]));
        assert!(!reached.add(&[7, 0, 6]));
        assert_eq!(reached.edges(), 1);
        assert!(reached.add(&[0, 200, 0]));
        assert_eq!(reached.edges(), 2);
    }
}

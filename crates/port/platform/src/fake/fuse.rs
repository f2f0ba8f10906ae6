//! Counts everything that could be interrupted, and interrupts it on demand.

use std::cell::Cell;
use std::rc::Rc;

/// The power is off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PowerFailed;

/// A shared counter of interruptible instructions.
#[derive(Clone, Default)]
pub struct Fuse(Rc<State>);

#[derive(Default)]
struct State {
    ticks: Cell<u64>,
    cut_at: Cell<Option<u64>>,
    off: Cell<bool>,
    seed: Cell<u64>,
}

impl Fuse {
    /// One interruptible instruction is about to happen.
    ///
    /// # Errors
    /// When the power is off, or goes off now.
    pub fn tick(&self) -> Result<(), PowerFailed> {
        let state = &*self.0;
        if state.off.get() {
            return Err(PowerFailed);
        }
        let now = state.ticks.get();
        state.ticks.set(now + 1);
        if state.cut_at.get() == Some(now) {
            state.off.set(true);
            return Err(PowerFailed);
        }
        Ok(())
    }

    /// Cuts the power at instruction `at` (counted from 0 over the whole life
    /// of the fuse); `seed` decides which unsynced writes survive.
    pub fn arm(&self, at: u64, seed: u64) {
        self.0.cut_at.set(Some(at));
        self.0.seed.set(seed);
    }

    /// Instructions so far.
    pub fn ticks(&self) -> u64 {
        self.0.ticks.get()
    }

    /// Whether the power is off.
    pub fn is_off(&self) -> bool {
        self.0.off.get()
    }

    /// Power is back; nothing is armed.
    pub fn restore(&self) {
        self.0.off.set(false);
        self.0.cut_at.set(None);
    }

    /// A number below `bound` that depends only on the seed and `salt`.
    pub fn choose(&self, salt: u64, bound: u64) -> u64 {
        let mut x = self
            .0
            .seed
            .get()
            .wrapping_add(salt.wrapping_mul(0x9E37_79B9_7F4A_7C15))
            .wrapping_add(0x9E37_79B9_7F4A_7C15);
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (x ^ (x >> 31)) % bound.max(1)
    }
}

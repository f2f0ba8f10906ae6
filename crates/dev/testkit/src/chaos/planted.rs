//! Mistakes planted on purpose. They sit in the run directory or the device of
//! the test, never in the engine, and each must be caught.

use std::collections::BTreeMap;

use super::storm::one;

/// A mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flaw {
    /// Hives are reported as restored and are not.
    DropUndo,
    /// Journal records are not flushed.
    SkipFlush,
    /// Profiles change hands after everything else, whatever the journal says.
    SwapSteps,
    /// One deny right is not set.
    ForgetGuard,
    /// One deny right is not taken back.
    LeaveGuardUp,
    /// Some before-images are never written.
    LoseBeforeImage,
    /// What a power cut left of a record stays in the journal.
    AcceptTornRecord,
    /// A change that is repeated adds to what it did.
    RepeatBadly,
    /// The device is read back as one would like it to be.
    SkipVerify,
    /// A join is believed without asking the directory.
    BelieveTheJoin,
    /// What was done first is undone first.
    UndoForward,
    /// Restarts are left out.
    ForgetRestart,
    /// The result is not written.
    ForgetReport,
    /// Secrets stay on the device.
    KeepSecrets,
    /// The old name is reported as put back and is not.
    ForgetName,
}

impl Flaw {
    /// All of them.
    pub const ALL: [Flaw; 15] = [
        Flaw::DropUndo,
        Flaw::SkipFlush,
        Flaw::SwapSteps,
        Flaw::ForgetGuard,
        Flaw::LeaveGuardUp,
        Flaw::LoseBeforeImage,
        Flaw::AcceptTornRecord,
        Flaw::RepeatBadly,
        Flaw::SkipVerify,
        Flaw::BelieveTheJoin,
        Flaw::UndoForward,
        Flaw::ForgetRestart,
        Flaw::ForgetReport,
        Flaw::KeepSecrets,
        Flaw::ForgetName,
    ];
}

/// How a planted mistake was found.
#[derive(Debug, Clone)]
pub struct Caught {
    /// Which.
    pub flaw: Flaw,
    /// The first seed that found it and what it found; `None` when none did.
    pub by: Option<(u64, String)>,
}

/// Looks for each mistake with at most `seeds` runs from `first` on.
pub fn planted(first: u64, seeds: u64) -> Vec<Caught> {
    let mut goals = BTreeMap::new();
    Flaw::ALL
        .into_iter()
        .map(|flaw| Caught {
            flaw,
            by: (first..first + seeds).find_map(|seed| {
                let found = one(seed, Some(flaw), &mut goals).err()?;
                Some((seed - first + 1, found))
            }),
        })
        .collect()
}

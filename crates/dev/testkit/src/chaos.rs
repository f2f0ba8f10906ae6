//! The engine in bad weather: whole runs on the fake PC, in memory, with power
//! cuts, lost writes, full disks, missing networks and stubborn directories.
//!
//! What must stay true: the oracle never asks the journal what happened to the
//! device; it compares snapshots that were taken apart from it. And a proof
//! that cannot find a mistake proves nothing, so [`planted`] plants some.

mod dice;
mod flow;
mod matrix;
mod oracle;
mod planted;
mod player;
mod rig;
mod storage;
mod storm;

#[cfg(test)]
mod tests;

pub use dice::Dice;
pub use flow::{Flow, Name};
pub use matrix::{FlowRow, matrix};
pub use planted::{Caught, Flaw, planted};
pub use storm::{Kind, Tally, storm, storms};

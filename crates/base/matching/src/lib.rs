//! Joins source and target objects into pairs and explains each decision.
//!
//! INVARIANT: pure and deterministic: the same subjects give the same decisions in the same order,
//! whatever the order of the targets.
//! INVARIANT: a source gets at most one target and a target at most one source. What is not clear
//! is left unmatched and explained, never guessed: a wrong pair hands one person's files to another.

mod decide;
mod profile;

pub use decide::{Decision, Subject, Summary, match_subjects};
pub use profile::{AttributeRule, SyncProfile, key_of};

//! The engine: takes one device through one run, and back if it must.
//!
//! Synchronous and single-threaded. Everything it does goes through the
//! journal ([`journal`]); everything it is told comes from the run directory
//! ([`rundir`], `docs/run-directory.md`). It may be killed at any instruction
//! and started again: the journal's records, not memory, say where it is.
//!
//! What must stay true:
//! - a change begins only after its before-image and its intent are durable;
//! - undo restores before-images, last change first, and skips nothing silently;
//! - a run ends migrated, restored, returned or held, and the last record says
//!   which; it never ends anywhere else;
//! - a rehearsal makes the same plan and changes nothing.

mod access;
mod compile;
mod deliver;
pub mod journal;
mod preflight;
mod run;
pub mod rundir;
mod state;

#[cfg(test)]
mod tests;

pub use access::Cadence;
pub use compile::{Planned, Step, compile, file_scope, survey_scope, user_hives, users};
pub use deliver::{DeliverError, fallback_days, order_file, return_file, stage_file};
pub use preflight::{device as preflight_device, staged as preflight_staged};
pub use run::{EngineError, Exit, Options, Request, run};

#[cfg(test)]
pub(crate) use run::Defect;

/// Changes that join the source again have numbers from here on; those of the
/// plan are below.
pub const RETURN_SEQ: u64 = 1_000_000;

//! Reads an unmounted NTFS volume: file records, names, security ids and the
//! descriptor store, straight from the blocks; and plans how its descriptors become others.
//!
//! Why it exists: a million files share a few hundred descriptors, and only the
//! volume itself says which file uses which. A walk through a mounted file system
//! opens every file; this reads `$MFT` once from end to end.
//!
//! What must stay true:
//! - Pure: blocks come through [`BlockRead`]; no I/O, clock or platform here.
//! - Any bytes may be hostile. Every function answers with a value or an error, ends,
//!   and needs memory in proportion to the number of directories and distinct
//!   descriptors, never to the size of `$MFT`.
//! - Nothing is repaired and nothing is guessed: what does not fit is named.
//! - Nothing is written either: a plan ends in [`BlockWrite`]s, each bound to what stood there
//!   before, which somebody else carries out. Nothing is ever allocated on the volume.
//!
//! The on-disk format is the one libfsntfs documents,
//! settled where sources differ by volumes made with ntfs-3g.

#![warn(missing_docs)]

mod attribute;
mod block;
mod boot;
mod bytes;
mod census;
mod edit;
mod error;
mod exercise;
mod guard;
mod index;
mod log;
mod moves;
mod name;
mod patch;
mod paths;
mod plan;
mod record;
mod refusal;
mod runs;
mod scan;
mod scope;
mod secure;
mod standing;
mod stream;
mod sweep;
mod upcase;
mod volume;
mod write;

pub use block::{BlockRead, ReadError};
pub use boot::Boot;
pub use census::{Census, DistinctDescriptor, SidUse};
pub use error::NtfsError;
pub use exercise::exercise;
pub use log::LogState;
pub use moves::IdMoves;
pub use name::{FileName, FileReference, Namespace};
pub use paths::{FilePath, PathError, PathTable};
pub use plan::{Fate, Handle, Plan, PlannedDescriptor, PlannedInline, UnreadableInline};
pub use refusal::Refusal;
pub use scan::{FileEntry, Records, Security};
pub use scope::{GlobError, Scope};
pub use secure::{SdsEntry, SecureFault, SecureStore, descriptor_hash};
pub use upcase::UpCase;
pub use volume::Volume;
pub use write::{BlockHash, BlockWrite, Foreign, Found, Guard, block_hash};

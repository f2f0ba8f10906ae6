//! Reads an unmounted NTFS volume: file records, names, security ids and the
//! descriptor store, straight from the blocks.
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
//!
//! The on-disk format is the one libfsntfs documents,
//! settled where sources differ by volumes made with ntfs-3g.

#![warn(missing_docs)]

mod attribute;
mod block;
mod boot;
mod bytes;
mod census;
mod error;
mod exercise;
mod index;
mod log;
mod name;
mod paths;
mod record;
mod refusal;
mod runs;
mod scan;
mod secure;
mod stream;
mod upcase;
mod volume;

pub use block::{BlockRead, ReadError};
pub use boot::Boot;
pub use census::{Census, DistinctDescriptor, SidUse};
pub use error::NtfsError;
pub use exercise::exercise;
pub use log::LogState;
pub use name::{FileName, FileReference, Namespace};
pub use paths::{FilePath, PathError, PathTable};
pub use refusal::Refusal;
pub use scan::{FileEntry, Records, Security};
pub use secure::{SdsEntry, SecureFault, SecureStore, descriptor_hash};
pub use upcase::UpCase;
pub use volume::Volume;

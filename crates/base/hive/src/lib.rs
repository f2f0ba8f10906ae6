//! Offline registry hives: read, recover from logs, list and translate SIDs, edit.
//!
//! Pure: bytes in, bytes out; no file, clock or random number is touched. The
//! format is the published regf specification; recovery does what Windows does
//! when it loads a dirty hive, and refuses what Windows would have to guess.
//!
//! ```
//! use gw_hive::{FileTime, Hive, NewHive, RegValue};
//! # fn main() -> Result<(), gw_hive::HiveError> {
//! # let descriptor = [1, 0, 0, 128, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
//! let at = FileTime::from_unix_seconds(1_700_000_000);
//! let mut hive = Hive::create(&NewHive {
//!     minor_version: 5,
//!     root_name: "ROOT",
//!     file_name: "SOFTWARE",
//!     descriptor: &descriptor,
//!     at,
//! })?;
//! let mut edit = hive.edit(at)?;
//! edit.create_key(r"Microsoft\Windows NT")?;
//! edit.set_value(r"Microsoft\Windows NT", "Build", &RegValue::dword(22631))?;
//! let bytes = hive.into_bytes();
//! let again = Hive::open(bytes, None, None)?;
//! let key = again.key(r"microsoft\windows nt")?.expect("it was just made");
//! assert_eq!(key.value("build")?.expect("so was this").to_owned()?.as_u32(), Some(22631));
//! # Ok(()) }
//! ```

#![warn(missing_docs)]

mod alloc;
pub mod areas;
mod base;
mod check;
mod create;
mod edit;
mod edit_value;
mod error;
mod exercise;
mod hive;
mod index;
mod key;
mod list;
mod log;
pub mod lsa;
mod marvin;
mod raw;
mod remap;
pub mod rights;
pub mod sam;
mod security;
mod sids;
mod time;
pub mod upcase;
mod value;

pub use base::BASE_BLOCK;
pub use create::NewHive;
pub use edit::{Editor, NewKey};
pub use error::{HiveError, LogProblem};
pub use exercise::exercise;
pub use hive::Hive;
pub use key::Key;
pub use log::{Log, Recovery};
pub use remap::{RemapReport, Unreadable};
pub use sids::{SidCounts, SidList};
pub use time::FileTime;
pub use value::{RegValue, Value, kind};

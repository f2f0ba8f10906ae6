//! The platform seam: what the engine may see of a device, and the one way to
//! change it.
//!
//! What must stay true:
//! - views are read-only; the only mutation is a [`Change`] executed through
//!   [`Machine::prepare`], [`Machine::execute`] and [`Machine::revert`];
//! - `prepare` saves every before-image and changes nothing; `execute` may be
//!   repeated after a crash at any instruction; `revert` restores before-images
//!   and never applies an inverse map;
//! - nothing is deleted: what must go is renamed into a park;
//! - no secret is part of a change, a before-image or an error.

pub mod areas;
mod change;
#[cfg(any(test, feature = "fake"))]
pub mod conformance;
mod crc;
mod facts;
#[cfg(any(test, feature = "fake"))]
pub mod fake;
mod ignored;
mod join;
mod machine;
mod map;
mod name;
mod seen;
mod sid;
mod what_if;
mod winpath;

pub use areas::{AreaScope, HandedProfile};
pub use change::{
    BadChange, Before, BlobRef, CHANGE_VERSION, Change, ChangeDoc, Counts, FolderCounts, Outcome,
    RegData, UndoClass, Undone,
};
pub use crc::Crc32;
pub use facts::{
    AdMembership, EntraDevice, Facts, HiveInfo, HiveRef, HiveRootAccess, HiveState, JoinState,
    LocalGroup, OsFacts, Pending, Power, Profile, ProfileHealth, VolumeFacts,
};
pub use ignored::Ignored;
pub use join::{AdTarget, Controller, EntraTarget, JoinProof, JoinTarget, Reach, Secret, SecretId};
pub use machine::{BeforeStore, BlobWriter, Cx, Inputs, Machine, MachineError, Progress};
pub use map::{BadMap, MapRef, Mode, SidMap};
pub use name::{may_make_rename, may_rename};
pub use seen::{FileScope, Scope, SidCount, SidsSeen};
pub use sid::{BadSid, SidText};
pub use what_if::WhatIf;
pub use winpath::{BadPath, WinPath};

//! One suite for every implementation of [`crate::Machine`].
//!
//! An implementation gives a [`Subject`] that can be built afresh; each check
//! builds its own. A check panics with a sentence when a rule is broken, so a
//! test is one call of [`run_all`] (or one call per check).

mod account;
mod areas;
mod bulk;
mod rename;
mod small;
mod tools;

pub use account::administrators;
pub use areas::areas;
pub use bulk::{files_and_hives, interrupted_bulk, nothing_but_scope};
pub use rename::renames;
pub use small::{guards, join_and_leave, local_groups, profiles, views};
pub use tools::{MemoryInputs, MemoryStore, StopAfter, View};

use crate::{JoinTarget, Machine, SecretId, SidText, WinPath};

/// A device under test and what is known about it.
pub trait Subject {
    /// The device.
    fn machine(&mut self) -> &mut dyn Machine;

    /// Closes it and opens it again, as a new process would.
    fn reopen(&mut self);

    /// What is known.
    fn known(&self) -> Known;
}

/// What the suite may rely on.
#[derive(Debug, Clone)]
pub struct Known {
    /// At least two users with profile, source and target; the sources are in
    /// descriptors of files, hives and at least one local group.
    pub users: Vec<(WinPath, SidText, SidText)>,
    /// A pattern of ignored areas that covers at least one file naming a source.
    pub ignored: Vec<String>,
    /// A domain to join.
    pub target: JoinTarget,
    /// Its machine secret.
    pub secret: Vec<u8>,
    /// Whether `target` answers, so that a join can be proven.
    pub online: bool,
    /// A folder whose parent exists, for a new folder.
    pub new_folder: WinPath,
}

impl Known {
    /// All pairs.
    pub fn inputs(&self) -> MemoryInputs {
        MemoryInputs::new(
            self.users.iter().map(|u| (u.1.clone(), u.2.clone())),
            [(SecretId("target-machine".to_owned()), self.secret.clone())],
        )
    }
}

/// Every check but [`areas`], each on a fresh subject.
pub fn run_all(make: &mut dyn FnMut() -> Box<dyn Subject>) {
    views(&mut *make());
    profiles(&mut *make());
    local_groups(&mut *make());
    guards(&mut *make());
    join_and_leave(&mut *make());
    administrators(&mut *make());
    renames(&mut *make());
    for mode in [crate::Mode::Replace, crate::Mode::Add] {
        files_and_hives(&mut *make(), mode);
        interrupted_bulk(make, mode);
    }
    nothing_but_scope(&mut *make());
}

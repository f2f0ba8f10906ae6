//! Places of the machine hives that hold accounts outside key descriptors.
//!
//! One table says where (`places`), one pass reads or changes it. Pure: the
//! caller brings the hive and, for scheduled tasks, the task files. What must
//! stay true:
//! - what is read ([`sids`]) and what is changed ([`translate`]) are the same
//!   places, found by the same walk;
//! - a place that cannot be understood is left alone and said, never guessed;
//! - a list (a descriptor, SDDL) follows the mode of the run; a thing that has
//!   one owner (a key named after a user, a task's principal) changes hands in
//!   *replace*, and in *add* only with a profile that does ([`Rules::handed`]).

mod apply;
mod find;
mod firewall;
mod places;
pub mod sddl_text;
pub mod subtree;
pub mod tasks;

use gw_secdesc::{Mode, Sid, SidMap};
use std::collections::{BTreeMap, BTreeSet};

pub use apply::{sids, translate};

/// A scope that can be switched on and off on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Area {
    /// Descriptors of services; accounts are reported.
    Services,
    /// Descriptors of shares.
    Shares,
    /// Descriptors of printers, and connections kept per user.
    Printers,
    /// COM and DCOM permissions.
    Com,
    /// Accounts in firewall rules.
    Firewall,
    /// The cache of scheduled tasks (the files are in [`tasks`]).
    ScheduledTasks,
    /// Installer data kept per user.
    Installer,
    /// Registrations of packaged applications, and the identity cache.
    AppPackages,
    /// Who signed in last, and leftovers of policies kept per user.
    SignIn,
}

impl Area {
    /// All areas.
    pub const ALL: [Self; 9] = [
        Self::Services,
        Self::Shares,
        Self::Printers,
        Self::Com,
        Self::Firewall,
        Self::ScheduledTasks,
        Self::Installer,
        Self::AppPackages,
        Self::SignIn,
    ];
}

/// Which of the machine's hives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MachineHive {
    /// `SYSTEM`.
    System,
    /// `SOFTWARE`.
    Software,
}

/// What a pass does.
pub struct Rules<'a> {
    /// Areas that are on.
    pub areas: &'a BTreeSet<Area>,
    /// Source account → target account.
    pub map: &'a SidMap,
    /// What happens to lists.
    pub mode: Mode,
    /// Sources whose profile changes hands in this run.
    pub handed: &'a BTreeSet<Sid>,
    /// `DOMAIN\name` of targets, as far as known.
    pub names: &'a BTreeMap<Sid, String>,
    /// Whether a place (`key` or `key\value` below the hive's root) is left alone.
    pub ignored: &'a dyn Fn(&str) -> bool,
}

impl Rules<'_> {
    /// Who takes over what belongs to `source` alone.
    #[must_use]
    pub fn heir(&self, source: &Sid) -> Option<&Sid> {
        let target = self.map.target(source)?;
        (self.mode == Mode::Replace || self.handed.contains(source)).then_some(target)
    }
}

/// Numbers of one area.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Places looked at.
    pub seen: u64,
    /// Places that changed.
    pub changed: u64,
    /// Places left alone because they are ignored.
    pub ignored: u64,
    /// Places left alone because they could not be understood.
    pub refused: u64,
    /// Lists where *add* did not fit and *replace* was done.
    pub fallbacks: u64,
    /// Places that name a mapped source and have one owner, who stays.
    pub kept: u64,
    /// Accounts by name (of services, COM applications, tasks): said, never changed.
    pub accounts: u64,
}

impl Tally {
    /// Adds another one number by number.
    pub fn add(&mut self, other: &Self) {
        self.seen += other.seen;
        self.changed += other.changed;
        self.ignored += other.ignored;
        self.refused += other.refused;
        self.fallbacks += other.fallbacks;
        self.kept += other.kept;
        self.accounts += other.accounts;
    }
}

/// What a pass found and did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Numbers of each area that has any.
    pub areas: BTreeMap<Area, Tally>,
    /// Remarks for people.
    pub notes: Vec<String>,
}

impl Report {
    /// The numbers of one area.
    pub fn of(&mut self, area: Area) -> &mut Tally {
        self.areas.entry(area).or_default()
    }

    /// Adds what another pass found.
    pub fn add(&mut self, other: Self) {
        for (area, tally) in &other.areas {
            self.of(*area).add(tally);
        }
        self.notes.extend(other.notes);
    }
}

/// What a reading found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reading {
    /// Area → account → number of places that name it.
    pub sids: BTreeMap<Area, BTreeMap<Sid, u64>>,
    /// Places that could not be understood, for people.
    pub unreadable: Vec<String>,
}

impl Reading {
    pub(crate) fn count(&mut self, area: Area, sids: impl IntoIterator<Item = Sid>) {
        let counts = self.sids.entry(area).or_default();
        let once: BTreeSet<Sid> = sids.into_iter().collect();
        for sid in once {
            *counts.entry(sid).or_default() += 1;
        }
    }

    /// Adds what another reading found.
    pub fn add(&mut self, other: Self) {
        for (area, counts) in other.sids {
            let mine = self.sids.entry(area).or_default();
            for (sid, count) in counts {
                *mine.entry(sid).or_default() += count;
            }
        }
        self.unreadable.extend(other.unreadable);
    }
}

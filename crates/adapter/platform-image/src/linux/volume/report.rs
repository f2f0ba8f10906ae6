//! What a translation of a volume does, or would do, descriptor by descriptor.

use super::stage::Stored;
use gw_ntfs::{Fate, Plan};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The answer of a prediction, and of the work itself: the same shape and the same numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeReport {
    /// Nothing was written.
    pub dry_run: bool,
    /// An earlier process had begun the work.
    pub resumed: bool,
    /// Serial number of the volume, as 16 hexadecimal digits.
    pub volume_serial: String,
    /// Files in scope.
    pub files: u64,
    /// Folders in scope.
    pub directories: u64,
    /// Files and folders with all names in an excluded area.
    pub excluded: u64,
    /// Files with some names in an excluded area; they are not touched.
    pub linked_across: u64,
    /// Paths of the first of them.
    pub linked_across_paths: Vec<String>,
    /// Records without a folder; they are not touched.
    pub unplaced: u64,
    /// Files and folders in scope that have no descriptor.
    pub unsecured: u64,
    /// Descriptors of `$Secure` in use.
    pub descriptors: u64,
    /// Files and folders that get another descriptor.
    pub files_changed: u64,
    /// Descriptors whose bytes are exchanged where they are.
    pub patched: u64,
    /// Descriptors whose users in scope get the id of another that is there already.
    pub reused: u64,
    /// Descriptors whose users in scope get the id of one that is new on the volume.
    pub added: u64,
    /// Files and folders with a descriptor of their own that changes.
    pub inline: u64,
    /// `Add` did not fit somewhere and `Replace` was done there instead.
    pub fallback: bool,
    /// One line for each descriptor that changes.
    pub changes: Vec<Change>,
    /// Descriptors that are none; their users are left alone.
    pub unreadable: Vec<LeftAlone>,
    /// Descriptors that ntfs-3g does not take; their users are left alone.
    pub failed: Vec<LeftAlone>,
}

/// How a descriptor changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// Its bytes are exchanged where they are.
    Patch,
    /// The files get the id of a descriptor that is there already.
    Existing,
    /// The files get the id of a descriptor that is new on the volume.
    New,
    /// It lies in a file record and moves into the store.
    Inline,
}

/// One descriptor that changes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Change {
    /// Its id in `$Secure`; `None` for one in a file record.
    pub id: Option<u32>,
    /// How it changes.
    pub how: How,
    /// Files and folders that change with it.
    pub files: u64,
    /// Files and folders that keep it, since they are not in scope.
    pub elsewhere: u64,
    /// `Add` did not fit and `Replace` is done instead.
    pub fallback: bool,
    /// Its bytes now, in hexadecimal.
    pub before: String,
    /// Its bytes then, in hexadecimal.
    pub after: String,
}

/// A descriptor whose users are left alone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LeftAlone {
    /// Its id in `$Secure`; `None` for one in a file record.
    pub id: Option<u32>,
    /// File record of one user, where known.
    pub record: Option<u64>,
    /// How many files and folders are left alone.
    pub files: u64,
    /// Why.
    pub why: String,
}

impl VolumeReport {
    pub(super) fn of(plan: &Plan, serial: u64, paths: Vec<String>) -> Self {
        let mut report = Self {
            volume_serial: format!("{serial:016x}"),
            files: plan.files,
            directories: plan.directories,
            excluded: plan.excluded,
            linked_across: plan.linked_across,
            linked_across_paths: paths,
            unplaced: plan.unplaced,
            unsecured: plan.unsecured,
            descriptors: plan.descriptors.len() as u64,
            files_changed: plan.changed_records(),
            inline: plan.inline.len() as u64,
            ..Self::default()
        };
        for one in &plan.descriptors {
            let how = match &one.fate {
                Fate::Patch => How::Patch,
                Fate::Existing(_) => How::Existing,
                Fate::New(_) => How::New,
                Fate::Unreadable(error) => {
                    report.unreadable.push(LeftAlone {
                        id: Some(one.id),
                        record: None,
                        files: one.in_scope,
                        why: error.to_string(),
                    });
                    continue;
                }
                Fate::Unchanged | Fate::OutOfScope => continue,
            };
            *(match how {
                How::Patch => &mut report.patched,
                How::Existing => &mut report.reused,
                _ => &mut report.added,
            }) += 1;
            report.fallback |= one.fallback;
            report.changes.push(Change {
                id: Some(one.id),
                how,
                files: one.in_scope,
                elsewhere: one.elsewhere,
                fallback: one.fallback,
                before: hex::encode(&one.before),
                after: hex::encode(one.after.as_deref().unwrap_or_default()),
            });
        }
        for one in &plan.inline {
            report.fallback |= one.fallback;
            report.changes.push(Change {
                id: None,
                how: How::Inline,
                files: 1,
                elsewhere: 0,
                fallback: one.fallback,
                before: hex::encode(&one.before),
                after: hex::encode(&one.after),
            });
        }
        for one in &plan.unreadable_inline {
            report.unreadable.push(LeftAlone {
                id: None,
                record: Some(one.record),
                files: 1,
                why: one.error.to_string(),
            });
        }
        report
    }

    /// Takes out what could not be stored.
    pub(super) fn without(&mut self, plan: &Plan, stored: &Stored) {
        if stored.failed.is_empty() {
            return;
        }
        let failed: BTreeSet<Option<u32>> = stored.failed.iter().map(|one| one.id).collect();
        self.failed.clone_from(&stored.failed);
        // A failed inline descriptor has no id; it is told by its bytes.
        let inline: BTreeSet<String> = plan
            .inline
            .iter()
            .filter(|one| {
                stored
                    .failed
                    .iter()
                    .any(|left| left.id.is_none() && left.record == Some(one.file.record))
            })
            .map(|one| hex::encode(&one.before))
            .collect();
        self.changes.retain(|change| match change.id {
            Some(_) => !failed.contains(&change.id),
            None => !inline.contains(&change.before),
        });
        let count = |how: How| self.changes.iter().filter(|one| one.how == how).count() as u64;
        (self.patched, self.reused) = (count(How::Patch), count(How::Existing));
        (self.added, self.inline) = (count(How::New), count(How::Inline));
        self.files_changed = self.changes.iter().map(|change| change.files).sum();
    }
}

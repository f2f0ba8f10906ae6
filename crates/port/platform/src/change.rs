//! The one vocabulary of mutation: every change of a device is a [`Change`].
//!
//! What must stay true: a change is data (it can be written down, read by a
//! later version and repeated), it names its inputs by reference (maps,
//! secrets), and what it did can be told from its before-image alone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::areas::AreaScope;
use crate::facts::{EntraDevice, HiveRef, JoinState};
use crate::join::{JoinTarget, SecretId};
use crate::map::{MapRef, Mode};
use crate::seen::FileScope;
use crate::sid::SidText;
use crate::winpath::WinPath;

/// Version this code writes. Older versions are read for ever.
pub const CHANGE_VERSION: u16 = 3;

/// One mutation of a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Change {
    /// Leave the directory `from` for a workgroup. Local only: no directory is
    /// contacted and no source object is disabled. The old machine secret is
    /// neither read nor kept. The state changes first and the secret goes last,
    /// so a device that still reports `from` still holds its secret.
    Leave {
        /// Where the device is now; anything else is refused.
        from: JoinState,
    },
    /// Join `target` with the machine secret `secret`. The secret is written
    /// first and the state last, so a device that reports `target` can prove it.
    /// `prepare` does not read the secret (a rehearsal has none).
    Join {
        /// Where to.
        target: JoinTarget,
        /// The machine password: UTF-8 text, no line end.
        secret: SecretId,
    },
    /// Give the computer another name while it is in a workgroup; no directory
    /// is told. The name that counts is written last, so a device that reports
    /// `to` goes by it everywhere. On a running Windows the name holds after the
    /// next restart, and a join before that is made under it. Undoing puts the
    /// old name back in every place it was in.
    Rename {
        /// Its name now; a device of another name is refused.
        from: String,
        /// Its name afterwards: at most 15 letters, digits and hyphens.
        to: String,
    },
    /// Make `path` the profile of `target_sid`. A registration of the target
    /// that exists already is parked (renamed), never deleted.
    RekeyProfile {
        /// Owner now.
        source_sid: SidText,
        /// Owner afterwards.
        target_sid: SidText,
        /// The profile folder; it keeps its name.
        path: WinPath,
    },
    /// Translate the descriptors of files and folders.
    TranslateFiles {
        /// Which.
        scope: FileScope,
        /// Pairs.
        map: MapRef,
        /// Add or replace.
        mode: Mode,
    },
    /// Translate the security cells of one hive (and, in SOFTWARE and SYSTEM,
    /// the listed values that hold descriptors or SIDs).
    TranslateHive {
        /// Which.
        hive: HiveRef,
        /// Pairs.
        map: MapRef,
        /// Add or replace.
        mode: Mode,
    },
    /// Translate members of local groups.
    TranslateLocalGroups {
        /// Pairs.
        map: MapRef,
        /// Add or replace.
        mode: Mode,
    },
    /// Translate what names accounts outside descriptors of files and keys:
    /// services, shares, tasks, rights and the other areas of the scope.
    TranslateAreas {
        /// Which.
        scope: AreaScope,
        /// Pairs.
        map: MapRef,
        /// Add or replace.
        mode: Mode,
    },
    /// Set or remove one registry value of a machine hive (guards). Undoing
    /// restores this value and nothing else: guards may come down in any order.
    SetRegistryValue {
        /// SOFTWARE or SYSTEM.
        hive: HiveRef,
        /// Key below the hive's root, backslash separated; made if missing.
        key: String,
        /// Value name.
        name: String,
        /// New data; `None` removes the value.
        data: Option<RegData>,
    },
    /// Grant or take away one account right (guards: deny logon). Undoing
    /// restores this right and nothing else: guards may come down in any order.
    SetAccountRight {
        /// Whose.
        sid: SidText,
        /// Name of the right, for example `SeDenyInteractiveLogonRight`.
        right: String,
        /// Held afterwards or not.
        held: bool,
    },
    /// Remove the Entra registration of a hybrid-joined device. Comes before
    /// leaving the domain, which would orphan it (windows.md 6.3).
    Unregister {
        /// The registration; anything else is refused.
        from: EntraDevice,
    },
    /// Park the named device-management enrolments with their keys and tasks.
    /// Undoing renames them back, unless the device has enrolled anew since:
    /// two enrolments would block each other.
    ClearEnrolments {
        /// Ids, sorted.
        ids: Vec<String>,
    },
    /// Switch a scheduled task on or off.
    SetTask {
        /// Its path below the task library.
        task: String,
        /// Enabled afterwards or not.
        enabled: bool,
    },
    /// Make a local administrator, or give one that is there the password and
    /// the membership. Undoing switches a new one off and takes it out of the
    /// group; the account itself stays, because nothing is deleted.
    MakeAdministrator {
        /// Account name.
        name: String,
        /// Its password: UTF-8 text, no line end.
        password: SecretId,
    },
    /// Make a folder that only SYSTEM and Administrators may open.
    MakeFolder {
        /// Which; parents must exist.
        path: WinPath,
    },
    /// Rename a file or folder into the park; nothing is ever deleted.
    Park {
        /// What.
        path: WinPath,
        /// Name in the park, unique within the run.
        name: String,
    },
}

impl Change {
    /// One line for people and logs; holds no secret.
    pub fn describe(&self) -> String {
        match self {
            Change::Leave { from } => format!("leave {}", from.describe()),
            Change::Join { target, .. } => format!("join {}", target.describe()),
            Change::Rename { from, to } => format!("rename {from} to {to}"),
            Change::RekeyProfile {
                source_sid,
                target_sid,
                path,
            } => format!("hand profile {path} from {source_sid} to {target_sid}"),
            Change::TranslateFiles { .. } => "translate files".to_owned(),
            Change::TranslateHive { hive, .. } => format!("translate hive {}", hive.label()),
            Change::TranslateLocalGroups { .. } => "translate local groups".to_owned(),
            Change::TranslateAreas { scope, .. } => {
                let names: Vec<&str> = scope.areas.iter().map(|area| area.label()).collect();
                format!("translate {}", names.join(", "))
            }
            Change::SetRegistryValue {
                hive, key, name, ..
            } => format!("set registry value {}\\{key}\\{name}", hive.label()),
            Change::SetAccountRight { sid, right, held } => {
                let verb = if *held { "give" } else { "take" };
                format!("{verb} {sid} the right {right}")
            }
            Change::Unregister { from } => format!("unregister from Entra {}", from.tenant_id),
            Change::ClearEnrolments { ids } => format!("park {} enrolments", ids.len()),
            Change::SetTask { task, enabled } => {
                let verb = if *enabled { "on" } else { "off" };
                format!("switch {verb} the task {task}")
            }
            Change::MakeAdministrator { name, .. } => format!("make {name} an administrator"),
            Change::MakeFolder { path } => format!("make folder {path}"),
            Change::Park { path, .. } => format!("park {path}"),
        }
    }

    /// The first version of the vocabulary that knows this change. It is written
    /// with it, so that an older agent refuses only what it really cannot do.
    pub fn since(&self) -> u16 {
        match self {
            Change::Rename { .. } => 3,
            Change::TranslateAreas { .. }
            | Change::Unregister { .. }
            | Change::ClearEnrolments { .. }
            | Change::SetTask { .. }
            | Change::MakeAdministrator { .. }
            | Change::Join {
                target: JoinTarget::ActiveDirectoryOffline(_) | JoinTarget::Entra(_),
                ..
            } => 2,
            _ => 1,
        }
    }

    /// How far the change can be undone, as far as the change alone tells.
    pub fn undo_class(&self) -> UndoClass {
        match self {
            Change::Leave { from } => {
                UndoClass::Equivalent {
                    differences: vec![match from {
                    JoinState::Entra { .. } => "coming back is a new registration: device id, \
                        enrolment and Windows Hello are new"
                        .to_owned(),
                    _ => "coming back is a new join of the same account with a new machine password"
                        .to_owned(),
                }],
                }
            }
            Change::Join { .. } => UndoClass::Equivalent {
                differences: vec![
                    "the device ends in a workgroup; the account stays in the target".to_owned(),
                ],
            },
            Change::Unregister { .. } => UndoClass::Equivalent {
                differences: vec![
                    "Windows registers the device again later, under another device id".to_owned(),
                ],
            },
            Change::ClearEnrolments { .. } => UndoClass::Equivalent {
                differences: vec!["an enrolment is not put back beside a newer one".to_owned()],
            },
            Change::MakeAdministrator { .. } => UndoClass::Equivalent {
                differences: vec!["the local account stays, switched off".to_owned()],
            },
            _ => UndoClass::Exact,
        }
    }
}

/// Registry data of the types guards need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum RegData {
    /// `REG_SZ`.
    Text(String),
    /// `REG_DWORD`.
    Dword(u32),
}

/// How exactly a change can be undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "class", rename_all = "snake_case")]
pub enum UndoClass {
    /// Byte for byte, timestamps aside.
    Exact,
    /// The same in effect.
    Equivalent {
        /// What differs, for people.
        differences: Vec<String>,
    },
    /// Cannot be undone.
    None {
        /// Why, for people.
        reason: String,
    },
}

/// What a change covers. Numbers come from the plan made by `prepare`, so they
/// are the same however often `execute` was interrupted, and a rehearsal gives
/// the numbers of the real run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Objects looked at: files, keys, groups, values.
    pub seen: u64,
    /// Objects that change.
    pub changed: u64,
    /// Distinct descriptors looked at.
    pub descriptors: u64,
    /// Distinct descriptors that change.
    pub descriptors_changed: u64,
    /// Objects left alone because they, or one of their names, are ignored.
    pub ignored: u64,
    /// Objects where *add* would not fit and *replace* was done.
    pub fallbacks: u64,
    /// Objects left alone because their descriptor could not be understood.
    pub refused: u64,
    /// SIDs found in names, values and text: counted, not changed.
    pub text_sids: u64,
    /// Bytes the before-image takes.
    pub undo_bytes: u64,
    /// `seen` and `changed` for each folder of [`FileScope::count_under`], by
    /// the folder's text as given.
    pub by_folder: BTreeMap<String, FolderCounts>,
    /// The same for each area of [`AreaScope::areas`], by its label.
    #[serde(default)]
    pub by_area: BTreeMap<String, FolderCounts>,
}

/// Numbers of one folder and everything below it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FolderCounts {
    /// Objects looked at.
    pub seen: u64,
    /// Objects that change.
    pub changed: u64,
}

/// Everything needed to undo a change, made before the change.
///
/// Small images are inside `data`; bulk ones are blobs of the undo store. The
/// engine does not look into `data`: it belongs to the platform that wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    /// Version of `data`, chosen by the platform.
    pub v: u16,
    /// How exactly it can be undone on this device.
    pub undo: UndoClass,
    /// What the change will cover.
    pub counts: Counts,
    /// Remarks for the report (fallbacks, refused objects), at most 100.
    pub notes: Vec<String>,
    /// Blobs of the undo store that belong to it.
    pub blobs: Vec<BlobRef>,
    /// The platform's own image.
    pub data: serde_json::Value,
}

/// A blob of the undo store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobRef {
    /// Name inside the change's part of the store.
    pub name: String,
    /// Length in bytes.
    pub bytes: u64,
    /// CRC-32 (IEEE) of the content.
    pub crc32: u32,
}

/// What an executed change reports.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// What it covered.
    pub counts: Counts,
    /// Remarks for the report.
    pub notes: Vec<String>,
    /// The device must restart before the next change.
    pub reboot: bool,
}

/// What a reverted change reports.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undone {
    /// Objects the change may have touched and that now equal their
    /// before-image.
    pub objects: u64,
    /// Remarks for the report.
    pub notes: Vec<String>,
}

/// A change with its version, as it is written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "serde_json::Value")]
pub struct ChangeDoc {
    /// Version of the vocabulary.
    pub v: u16,
    /// The change.
    pub change: Change,
}

impl From<Change> for ChangeDoc {
    fn from(change: Change) -> ChangeDoc {
        ChangeDoc {
            v: change.since(),
            change,
        }
    }
}

/// Why a written change cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadChange {
    /// A newer program wrote it.
    #[error(
        "the change has version {found}, this program reads up to {CHANGE_VERSION}; install the newer agent and start again"
    )]
    Newer {
        /// Its version.
        found: u64,
    },
    /// It is damaged.
    #[error("the change cannot be read: {0}")]
    Damaged(String),
}

impl TryFrom<serde_json::Value> for ChangeDoc {
    type Error = BadChange;

    fn try_from(value: serde_json::Value) -> Result<ChangeDoc, BadChange> {
        let damaged = |why: &str| BadChange::Damaged(why.to_owned());
        let v = value
            .get("v")
            .and_then(serde_json::Value::as_u64)
            .ok_or_else(|| damaged("no version"))?;
        if v == 0 || v > u64::from(CHANGE_VERSION) {
            return Err(BadChange::Newer { found: v });
        }
        let change = value.get("change").ok_or_else(|| damaged("no change"))?;
        let change: Change = serde_json::from_value(change.clone())
            .map_err(|error| BadChange::Damaged(error.to_string()))?;
        Ok(ChangeDoc::from(change))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_written_with_the_version_that_first_knew_it() {
        let rename = Change::Rename {
            from: "PC7".to_owned(),
            to: "PC-NEW".to_owned(),
        };
        let park = Change::Park {
            path: r"C:\x".parse().unwrap(),
            name: "x".to_owned(),
        };
        for (change, v) in [(rename, 3), (park, 1)] {
            let mut written = serde_json::to_value(ChangeDoc::from(change.clone())).unwrap();
            assert_eq!(written["v"], v);
            let read = ChangeDoc::try_from(written.clone()).unwrap();
            assert_eq!(read.change, change);
            written["v"] = (CHANGE_VERSION + 1).into();
            let newer = ChangeDoc::try_from(written).unwrap_err();
            assert_eq!(newer, BadChange::Newer { found: 4 });
        }
        let old = serde_json::json!({ "v": 2, "change":
            { "kind": "set_task", "task": "Automatic-Device-Join", "enabled": false } });
        assert!(ChangeDoc::try_from(old).is_ok());
    }
}

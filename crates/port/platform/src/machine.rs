//! The machine: small blocking views, and one way to mutate.

use std::io::{Read, Write};

use crate::change::{Before, BlobRef, Change, Outcome, Undone};
use crate::facts::{
    EntraDevice, Facts, HiveInfo, HiveRef, HiveRootAccess, JoinState, LocalGroup, Profile,
};
use crate::join::{JoinProof, JoinTarget, Reach, Secret, SecretId};
use crate::map::{MapRef, SidMap};
use crate::seen::{Scope, SidsSeen};

/// A Windows device: an in-memory one, a disk image, or the live machine.
///
/// Views change nothing (they take `&mut self` so that an implementation may
/// mount, cache and close). The device changes only inside `execute` and
/// `revert`, which only the engine's journal calls.
pub trait Machine {
    /// What the device is.
    ///
    /// # Errors
    /// When the device cannot be read.
    fn facts(&mut self) -> Result<Facts, MachineError>;

    /// Which directory it belongs to, by its own storage.
    ///
    /// # Errors
    /// When the device cannot be read.
    fn join_state(&mut self) -> Result<JoinState, MachineError>;

    /// Registered profiles with `S-1-5-21-…` or `S-1-12-1-…` owners (service
    /// profiles are left out), sorted by SID.
    ///
    /// # Errors
    /// When the device cannot be read.
    fn profiles(&mut self) -> Result<Vec<Profile>, MachineError>;

    /// Local groups with their members, sorted by SID.
    ///
    /// # Errors
    /// When the device cannot be read.
    fn local_groups(&mut self) -> Result<Vec<LocalGroup>, MachineError>;

    /// SOFTWARE, SYSTEM and every registry file below each profile, sorted.
    ///
    /// # Errors
    /// When the device cannot be read.
    fn hives(&mut self) -> Result<Vec<HiveInfo>, MachineError>;

    /// Who has full control of a hive's root key.
    ///
    /// # Errors
    /// When the hive is missing or cannot be read.
    fn hive_root_access(&mut self, hive: &HiveRef) -> Result<HiveRootAccess, MachineError>;

    /// Account rights held by `sid`, sorted.
    ///
    /// # Errors
    /// When the device cannot be read.
    fn account_rights(&mut self, sid: &crate::SidText) -> Result<Vec<String>, MachineError>;

    /// Distinct SIDs in `scope`. Reads from the device, never from a cache made
    /// before the last change.
    ///
    /// # Errors
    /// When the device cannot be read.
    fn sids_seen(&mut self, scope: &Scope) -> Result<SidsSeen, MachineError>;

    /// Whether `target` answers right now.
    ///
    /// # Errors
    /// When the device cannot be read.
    fn reach(&mut self, target: &JoinTarget) -> Result<Reach, MachineError>;

    /// Authenticates to `target` as the device itself, with the machine secret
    /// read back from the device's own storage (never from a run directory).
    ///
    /// # Errors
    /// [`MachineError::Network`] when nobody answers, [`MachineError::Refused`]
    /// when the directory does not accept the device.
    fn prove_join(&mut self, target: &JoinTarget) -> Result<JoinProof, MachineError>;

    /// Whether a restart means something: true for a running Windows, false for
    /// a disk image, where everything is complete at once.
    fn restarts(&mut self) -> bool {
        false
    }

    /// The Entra registration of a device that is in a domain as well (hybrid).
    ///
    /// # Errors
    /// When the device cannot be read.
    fn registration(&mut self) -> Result<Option<EntraDevice>, MachineError> {
        Ok(None)
    }

    /// Ids of device-management enrolments, sorted.
    ///
    /// # Errors
    /// When the device cannot be read.
    fn enrolments(&mut self) -> Result<Vec<String>, MachineError> {
        Ok(Vec::new())
    }

    /// Signs the local account `name` in with `password` and out again.
    ///
    /// # Errors
    /// [`MachineError::Refused`] when the device does not let it in.
    fn prove_sign_in(&mut self, name: &str, password: &Secret) -> Result<(), MachineError> {
        let _ = password;
        Err(MachineError::Unsupported {
            what: format!("prove the sign-in of {name}"),
        })
    }

    /// Reads and saves every before-image of `change` and plans it. Changes
    /// nothing, may be repeated, and does not depend on earlier changes of the
    /// same run having been executed (a rehearsal prepares all of them). Long
    /// ones call `due`/`checkpoint(0, 0)`: while preparing, a checkpoint records
    /// nothing and only answers a stop request.
    ///
    /// # Errors
    /// When the change cannot be made on this device as it is.
    fn prepare(&mut self, change: &Change, cx: &mut Cx<'_>) -> Result<Before, MachineError>;

    /// Makes the change. May be repeated from the start, or from the last
    /// cursor, after a crash at any instruction; repeating a finished change
    /// changes nothing. When it returns, everything is on stable storage.
    ///
    /// # Errors
    /// When it fails part-way: the before-image still describes everything it
    /// may have touched. [`MachineError::Stopped`] after a stop request.
    fn execute(
        &mut self,
        change: &Change,
        before: &Before,
        cx: &mut Cx<'_>,
    ) -> Result<Outcome, MachineError>;

    /// Restores the before-image of a change that was executed fully, partly
    /// or not at all; later changes were reverted already. Same rules for
    /// crashes as `execute`. Never applies the inverse map, never deletes:
    /// what the change created is parked, what it parked is renamed back.
    ///
    /// `Leave` has nothing to restore (coming back is a new join); `Join` is
    /// reverted by returning to a workgroup.
    ///
    /// # Errors
    /// As for `execute`.
    fn revert(
        &mut self,
        change: &Change,
        before: &Before,
        cx: &mut Cx<'_>,
    ) -> Result<Undone, MachineError>;

    /// The run is over and will not be undone any more: forget what only the
    /// way back needed (loaded caches, mounts). Parked originals stay.
    ///
    /// # Errors
    /// When the device cannot be brought to rest.
    fn finish(&mut self) -> Result<(), MachineError>;
}

/// What a change may use besides the device.
pub struct Cx<'a> {
    /// Where bulk before-images live; one store per change.
    pub store: &'a mut dyn BeforeStore,
    /// Cursor and stop request.
    pub progress: &'a mut dyn Progress,
    /// Maps and secrets by reference.
    pub inputs: &'a dyn Inputs,
}

/// The part of the undo store that belongs to one change.
pub trait BeforeStore {
    /// Starts a blob; an unsealed or older blob of that name is replaced.
    /// `name` is 1–64 characters of `a-z 0-9 . _ -`.
    ///
    /// # Errors
    /// When the store cannot be written.
    fn create(&mut self, name: &str) -> Result<Box<dyn BlobWriter + '_>, MachineError>;

    /// Opens a sealed blob from `offset` on. Length and checksum were verified
    /// when the store was opened for this process.
    ///
    /// # Errors
    /// When it is missing or differs from `blob`.
    fn open(&self, blob: &BlobRef, offset: u64) -> Result<Box<dyn Read + '_>, MachineError>;
}

/// A blob being written.
pub trait BlobWriter: Write {
    /// Makes the blob durable and gives its reference.
    ///
    /// # Errors
    /// When it cannot be made durable.
    fn seal(self: Box<Self>) -> Result<BlobRef, MachineError>;
}

/// How far a bulk change has come.
pub trait Progress {
    /// Last cursor recorded for this change in this direction; 0 at the start.
    /// Everything below it is on stable storage already.
    fn cursor(&self) -> u64;

    /// Whether a checkpoint is due (or a stop was asked for). Cheap: call it
    /// per object. When true, sync what was written, then call `checkpoint`.
    fn due(&mut self) -> bool;

    /// Records that everything below `cursor` is on stable storage.
    ///
    /// # Errors
    /// [`MachineError::Stopped`] when a stop was asked for: return it at once.
    fn checkpoint(&mut self, cursor: u64, total: u64) -> Result<(), MachineError>;
}

/// What changes name by reference.
pub trait Inputs {
    /// The pairs behind `map`.
    ///
    /// # Errors
    /// When they are missing or differ from the reference.
    fn map(&self, map: &MapRef) -> Result<SidMap, MachineError>;

    /// The secret `id`.
    ///
    /// # Errors
    /// When it is missing (for example destroyed at the end of the run).
    fn secret(&self, id: &SecretId) -> Result<Secret, MachineError>;
}

/// Why a device could not be read or changed. Every message names the object
/// and the cause; [`MachineError::remedy`] says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MachineError {
    /// The operating system refused.
    #[error("access to {object} was denied")]
    AccessDenied {
        /// What.
        object: String,
    },
    /// Somebody else holds it open.
    #[error("{object} is in use")]
    InUse {
        /// What.
        object: String,
    },
    /// The volume or the state folder is full.
    #[error("there is no space left while writing {object}")]
    DiskFull {
        /// What was being written.
        object: String,
    },
    /// A directory or server could not be reached.
    #[error("{target} cannot be reached: {why}")]
    Network {
        /// Who.
        target: String,
        /// How it failed.
        why: String,
    },
    /// A directory answered no.
    #[error("{target} refused the device: {why}")]
    Refused {
        /// Who.
        target: String,
        /// Its answer.
        why: String,
    },
    /// The device is not in the state the change needs.
    #[error("{object} is not as expected: {why}")]
    Unexpected {
        /// What.
        object: String,
        /// What was found and what was expected.
        why: String,
    },
    /// A structure on the device or in the store is damaged.
    #[error("{object} is damaged: {why}")]
    Damaged {
        /// What.
        object: String,
        /// How.
        why: String,
    },
    /// It is not there.
    #[error("{object} is missing")]
    Missing {
        /// What.
        object: String,
    },
    /// This platform cannot do it.
    #[error("this device cannot {what}")]
    Unsupported {
        /// What.
        what: String,
    },
    /// Anything else the operating system reported.
    #[error("{object}: {why}")]
    Io {
        /// What.
        object: String,
        /// The system's words.
        why: String,
    },
    /// A stop was asked for; the last checkpoint holds.
    #[error("stopped at a checkpoint on request")]
    Stopped,
    /// The process ends here as if the power had failed (simulation only).
    #[error("the power failed")]
    PowerCut,
}

impl MachineError {
    /// An I/O error about `object`, sorted into the matching variant.
    pub fn io(object: impl Into<String>, error: &std::io::Error) -> MachineError {
        let object = object.into();
        match error.kind() {
            std::io::ErrorKind::PermissionDenied => MachineError::AccessDenied { object },
            std::io::ErrorKind::NotFound => MachineError::Missing { object },
            std::io::ErrorKind::StorageFull => MachineError::DiskFull { object },
            std::io::ErrorKind::ResourceBusy => MachineError::InUse { object },
            _ => MachineError::Io {
                object,
                why: error.to_string(),
            },
        }
    }

    /// Whether trying again later may help without anybody doing anything.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            MachineError::InUse { .. } | MachineError::Network { .. }
        )
    }

    /// What a person can do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            MachineError::AccessDenied { .. } => {
                "check that endpoint protection excludes the agent, then run again"
            }
            MachineError::InUse { .. } => "sign users out or restart the device, then run again",
            MachineError::DiskFull { .. } => "free space on the system volume, then run again",
            MachineError::Network { .. } => "check name resolution, routes and firewalls",
            MachineError::Refused { .. } => "check the computer account and its password",
            MachineError::Unexpected { .. } => "compare the device with the runbook's source",
            MachineError::Damaged { .. } => "check the volume and restore the named object",
            MachineError::Missing { .. } => "restore the named object or take it out of scope",
            MachineError::Unsupported { .. } => "choose a runbook this kind of device supports",
            MachineError::Io { .. } => "check the disk and the event log of the device",
            MachineError::Stopped | MachineError::PowerCut => "start the run again",
        }
    }
}

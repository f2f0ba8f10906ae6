//! A matched pair: what the device needs to re-permission, and why it was matched.

use crate::{CustomerId, DirectoryId, Guid, ObjectId, ObjectKind, ProfileId, TranslationId};
use gw_secdesc::Sid;
use serde::{Deserialize, Serialize};

/// How a pair came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TranslationSource {
    /// Found by a sync profile.
    Matched,
    /// Entered by an administrator.
    Manual,
}

/// One pair of the Translation Table. INVARIANT: bound by GUID on both sides once made, so that
/// later changes of names do not undo it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Translation {
    /// Our id.
    pub id: TranslationId,
    /// The customer it belongs to.
    pub customer: CustomerId,
    /// The profile that made it.
    pub profile: Option<ProfileId>,
    /// Users, groups or computers.
    pub kind: ObjectKind,
    /// The source directory and object.
    pub source_directory: DirectoryId,
    /// Our id of the source object.
    pub source: ObjectId,
    /// The source directory's id of it.
    pub source_guid: Guid,
    /// The SID that is replaced.
    pub source_sid: Sid,
    /// Earlier SIDs of the source: further keys to the same target.
    pub source_sid_history: Vec<Sid>,
    /// The target directory and object.
    pub target_directory: DirectoryId,
    /// Our id of the target object.
    pub target: ObjectId,
    /// The target directory's id of it.
    pub target_guid: Guid,
    /// The SID that replaces it.
    pub target_sid: Sid,
    /// Matched or entered by hand.
    pub origin: TranslationSource,
}

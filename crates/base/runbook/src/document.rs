//! The document as a whole, its general part, and reading older versions.

use crate::{
    AppReconfiguration, Completion, DeviceState, PermissionUpdates, Startup, UserExperience,
};
use gw_model::{DirectoryId, RunbookId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The version that this build writes. Older ones are read and brought up to date.
pub const DOCUMENT_VERSION: u32 = 1;

/// A runbook: general properties and six tabs (A-100…A-134).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runbook {
    /// [`DOCUMENT_VERSION`] of the build that wrote it.
    pub version: u32,
    /// Name, sources, target and conditions.
    pub general: General,
    /// What happens before and around the change.
    #[serde(default)]
    pub startup: Startup,
    /// What people see.
    #[serde(default)]
    pub user_experience: UserExperience,
    /// Which directory is left and which is joined.
    #[serde(default)]
    pub device_state: DeviceState,
    /// Which descriptors and memberships are rewritten.
    #[serde(default)]
    pub permission_updates: PermissionUpdates,
    /// Which applications forget the old identity.
    #[serde(default)]
    pub app_reconfiguration: AppReconfiguration,
    /// What happens after success.
    #[serde(default)]
    pub completion: Completion,
    /// Fields of a newer minor writer that this build does not know; kept, never acted upon.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extensions: BTreeMap<String, serde_json::Value>,
}

/// General properties (A-100…A-102).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct General {
    /// Display name.
    pub name: String,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// One or more directories that devices come from.
    pub sources: BTreeSet<DirectoryId>,
    /// Exactly one directory that they go to.
    pub target: DirectoryId,
    /// Off: Windows Server refuses the runbook.
    #[serde(default)]
    pub allow_server_os: bool,
    /// Runbooks that must have completed on the same device.
    #[serde(default)]
    pub prerequisites: BTreeSet<RunbookId>,
}

impl Runbook {
    /// A runbook with every default.
    #[must_use]
    pub fn new(name: &str, sources: BTreeSet<DirectoryId>, target: DirectoryId) -> Self {
        Self {
            version: DOCUMENT_VERSION,
            general: General {
                name: name.to_owned(),
                description: String::new(),
                sources,
                target,
                allow_server_os: false,
                prerequisites: BTreeSet::new(),
            },
            startup: Startup::default(),
            user_experience: UserExperience::default(),
            device_state: DeviceState::default(),
            permission_updates: PermissionUpdates::default(),
            app_reconfiguration: AppReconfiguration::default(),
            completion: Completion::default(),
            extensions: BTreeMap::new(),
        }
    }
}

/// A stored or imported document cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Not JSON, or a field has the wrong shape; the message names field and place.
    #[error("the runbook document cannot be read: {0}")]
    Shape(#[from] serde_json::Error),
    /// Written by a newer server.
    #[error(
        "the runbook document has version {found}, this build reads up to {DOCUMENT_VERSION}; update the server"
    )]
    Newer {
        /// The version found.
        found: u32,
    },
}

/// Reads a document of this or an older version.
///
/// # Errors
/// The document is newer than this build, or malformed.
pub fn read(json: &str) -> Result<Runbook, ReadError> {
    #[derive(Deserialize)]
    struct Head {
        version: u32,
    }
    let head: Head = serde_json::from_str(json)?;
    if head.version > DOCUMENT_VERSION {
        return Err(ReadError::Newer {
            found: head.version,
        });
    }
    Ok(serde_json::from_str(json)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn sample() -> Runbook {
        let directory = |n| DirectoryId(Uuid::from_u128(n));
        Runbook::new("Head office", [directory(1)].into(), directory(2))
    }

    #[test]
    fn round_trips_and_fills_in_defaults() {
        let json = serde_json::to_string(&sample()).unwrap();
        assert_eq!(read(&json).unwrap(), sample());
        let mut short: serde_json::Value = serde_json::from_str(&json).unwrap();
        for tab in [
            "startup",
            "completion",
            "permission_updates",
            "app_reconfiguration",
        ] {
            short.as_object_mut().unwrap().remove(tab);
        }
        assert_eq!(read(&short.to_string()).unwrap(), sample());
    }

    #[test]
    fn newer_and_misspelt_documents_are_refused_in_words() {
        let mut json = serde_json::to_value(sample()).unwrap();
        json["version"] = 99.into();
        assert!(
            read(&json.to_string())
                .unwrap_err()
                .to_string()
                .contains("update the server")
        );
        json["version"] = 1.into();
        json["startup"]["prevent_logon"] = true.into();
        assert!(
            read(&json.to_string())
                .unwrap_err()
                .to_string()
                .contains("prevent_logon")
        );
    }
}

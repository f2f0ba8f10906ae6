//! Directory connections and imported objects.

use chrono::{DateTime, Utc};
use gw_model::{CustomerId, DirectoryId, DirectoryKind, DirectoryObject};
use serde::Serialize;

/// A connection to a directory. Its secrets are sealed beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DirectoryRecord {
    /// Our id.
    pub id: DirectoryId,
    /// The customer.
    pub customer: CustomerId,
    /// A name for people, unique within the customer.
    pub name: String,
    /// What is behind it.
    pub kind: DirectoryKind,
    /// The name that licences are issued for: the domain's DNS name.
    pub domain: String,
    /// How to connect, as JSON; the shape belongs to the use case.
    pub settings: String,
    /// The secret of the connection, sealed.
    #[serde(skip)]
    pub sealed_secret: Option<Vec<u8>>,
    /// The generation of objects that readers see; 0 before the first import.
    pub generation: i64,
    /// When the last import ended.
    pub imported_at: Option<DateTime<Utc>>,
    /// Rises with every change; used as the ETag.
    pub revision: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// How many objects the current generation holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct ObjectCounts {
    /// Users.
    pub users: i64,
    /// Groups.
    pub groups: i64,
    /// Computers.
    pub computers: i64,
}

/// An imported object with the hash that tells whether a re-import changed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredObject {
    /// The object.
    pub object: DirectoryObject,
    /// First 8 bytes of a hash over everything the import read.
    pub fingerprint: i64,
}

//! Reading a directory page by page.

use crate::{ConnectionReport, ConnectionSettings, DirectoryError, DomainFacts};
use gw_model::{DirectoryId, DirectoryObject, Guid, ObjectId, ObjectKind};
use gw_secdesc::Sid;
use std::{collections::BTreeMap, future::Future, pin::Pin};

/// A future that can cross threads and trait objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Everything that only reads.
pub trait DirectoryReader: Send + Sync {
    /// Runs the six checks. Never fails itself: the report says what did.
    fn test_connection<'a>(
        &'a self,
        settings: &'a ConnectionSettings,
    ) -> BoxFuture<'a, ConnectionReport>;

    /// Signs in and tells who the domain is.
    fn facts<'a>(
        &'a self,
        settings: &'a ConnectionSettings,
    ) -> BoxFuture<'a, Result<DomainFacts, DirectoryError>>;

    /// Hands every object of the asked kinds to the sink, page by page, kind by kind, in the order
    /// the kinds are asked. The next page is already being fetched while the sink works on one.
    ///
    /// Stops at the first error; pages already handed over stay handed over, so a sink keeps them
    /// under a generation number until [`ImportSummary`] is there.
    fn import<'a>(
        &'a self,
        settings: &'a ConnectionSettings,
        request: &'a ImportRequest,
        sink: &'a mut dyn ImportSink,
    ) -> BoxFuture<'a, Result<ImportSummary, DirectoryError>>;

    /// The distinguished names of all direct members of a group, however many.
    fn members<'a>(
        &'a self,
        settings: &'a ConnectionSettings,
        group: Guid,
    ) -> BoxFuture<'a, Result<Vec<String>, DirectoryError>>;
}

/// What to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportRequest {
    /// The kinds, each at most once.
    pub kinds: Vec<ObjectKind>,
}

impl ImportRequest {
    /// Users, groups and computers.
    #[must_use]
    pub fn everything() -> Self {
        Self {
            kinds: vec![ObjectKind::User, ObjectKind::Group, ObjectKind::Computer],
        }
    }
}

/// One object as the directory has it; [`ImportedObject::into_object`] gives it our ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedObject {
    /// User, group or computer.
    pub kind: ObjectKind,
    /// objectGUID.
    pub guid: Guid,
    /// objectSid.
    pub sid: Option<Sid>,
    /// sIDHistory, sorted.
    pub sid_history: Vec<Sid>,
    /// sAMAccountName; computers keep their `$`.
    pub account_name: String,
    /// displayName, or `name` if there is none.
    pub display_name: Option<String>,
    /// userPrincipalName.
    pub upn: Option<String>,
    /// mail.
    pub mail: Option<String>,
    /// distinguishedName.
    pub dn: String,
    /// False if userAccountControl has the disabled bit.
    pub enabled: bool,
    /// dNSHostName.
    pub dns_host_name: Option<String>,
    /// operatingSystem.
    pub operating_system: Option<String>,
    /// uSNChanged on the controller that was asked.
    pub usn_changed: Option<u64>,
    /// Further attributes, by the name that was asked for. Values that are not text (or attributes
    /// known to be binary) are lower-case hex.
    pub attributes: BTreeMap<String, Vec<String>>,
}

impl ImportedObject {
    /// The object with our ids.
    #[must_use]
    pub fn into_object(self, id: ObjectId, directory: DirectoryId) -> DirectoryObject {
        DirectoryObject {
            id,
            directory,
            kind: self.kind,
            guid: self.guid,
            sid: self.sid,
            sid_history: self.sid_history,
            account_name: self.account_name,
            display_name: self.display_name,
            upn: self.upn,
            mail: self.mail,
            dn: self.dn,
            enabled: self.enabled,
            dns_host_name: self.dns_host_name,
            operating_system: self.operating_system,
            attributes: self.attributes,
        }
    }
}

/// One page of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportPage {
    /// The kind of every object in it.
    pub kind: ObjectKind,
    /// Counts pages of this kind from 0.
    pub number: u32,
    /// At most the page size.
    pub objects: Vec<ImportedObject>,
}

/// Takes pages as they come.
pub trait ImportSink: Send {
    /// Takes one page. While this future runs no further page is handed over (back-pressure).
    fn page(&mut self, page: ImportPage) -> BoxFuture<'_, Result<(), SinkStopped>>;
}

/// The sink does not want more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct SinkStopped {
    /// Why, for people.
    pub reason: String,
}

/// What an import saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportSummary {
    /// The domain it was read from; its `highest_usn` was read before the first page.
    pub facts: DomainFacts,
    /// Objects handed over, per kind.
    pub counts: BTreeMap<ObjectKind, u64>,
    /// Objects the directory sent without what an object must have (objectGUID, sAMAccountName):
    /// their distinguished names, at most 100.
    pub unusable: Vec<String>,
}

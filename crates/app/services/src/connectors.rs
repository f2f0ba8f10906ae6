//! How directories are reached; tests put their own in.

use gw_directory::{ComputerAccounts, DirectoryReader};
use gw_directory_ad::AdDirectory;
use gw_model::DirectoryKind;

/// Knows an implementation for each kind of directory that this server can reach.
pub trait Connectors: Send + Sync + 'static {
    /// For reading.
    fn reader(&self, kind: DirectoryKind) -> Option<&dyn DirectoryReader>;
    /// For computer accounts.
    fn accounts(&self, kind: DirectoryKind) -> Option<&dyn ComputerAccounts>;
}

/// Active Directory over LDAP.
#[derive(Debug, Clone, Copy, Default)]
pub struct AdConnectors(AdDirectory);

impl Connectors for AdConnectors {
    fn reader(&self, kind: DirectoryKind) -> Option<&dyn DirectoryReader> {
        (kind == DirectoryKind::ActiveDirectory).then_some(&self.0)
    }
    fn accounts(&self, kind: DirectoryKind) -> Option<&dyn ComputerAccounts> {
        (kind == DirectoryKind::ActiveDirectory).then_some(&self.0)
    }
}

//! Where a device is to be joined, and what proves that it is.

use serde::{Deserialize, Serialize};

use crate::facts::JoinState;
use crate::sid::SidText;

/// A directory a device can be joined to, with everything it needs to know.
/// Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum JoinTarget {
    /// An Active Directory domain; the account exists and its password is set.
    ActiveDirectory(AdTarget),
    /// The same without a controller at hand: the secret is a provisioning blob,
    /// and the join is complete after a restart (windows.md 3.4).
    ActiveDirectoryOffline(AdTarget),
    /// An Entra tenant; the secret is a bulk enrolment token, and the join is
    /// complete after a restart (windows.md 3.7).
    Entra(EntraTarget),
}

impl JoinTarget {
    /// One line for people.
    pub fn describe(&self) -> String {
        match self {
            JoinTarget::ActiveDirectory(ad) => format!("AD {}", ad.dns_name),
            JoinTarget::ActiveDirectoryOffline(ad) => format!("AD {} offline", ad.dns_name),
            JoinTarget::Entra(entra) => format!("Entra {}", entra.tenant_id),
        }
    }

    /// The domain, for both ways of joining one.
    pub fn active_directory(&self) -> Option<&AdTarget> {
        match self {
            JoinTarget::ActiveDirectory(ad) | JoinTarget::ActiveDirectoryOffline(ad) => Some(ad),
            JoinTarget::Entra(_) => None,
        }
    }

    /// Whether a device in state `join` belongs to it.
    pub fn holds(&self, join: &JoinState) -> bool {
        match (self, join) {
            (JoinTarget::Entra(entra), JoinState::Entra { tenant_id, .. }) => {
                entra.tenant_id == *tenant_id
            }
            (JoinTarget::Entra(_), _) => false,
            (JoinTarget::ActiveDirectory(ad) | JoinTarget::ActiveDirectoryOffline(ad), join) => {
                join.is_domain(&ad.domain_sid)
            }
        }
    }
}

/// An Entra tenant as seen by a device that joins it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntraTarget {
    /// Tenant id, lower case.
    pub tenant_id: String,
    /// Its verified domain, for people.
    pub domain: String,
}

/// An Active Directory domain as seen by a device that joins it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdTarget {
    /// DNS name of the domain, lower case.
    pub dns_name: String,
    /// NetBIOS name of the domain, upper case.
    pub netbios_name: String,
    /// DNS name of the forest root, lower case.
    pub forest_name: String,
    /// SID of the domain.
    pub domain_sid: SidText,
    /// GUID of the domain, lower case with hyphens, if known.
    pub domain_guid: Option<String>,
    /// Account name with the trailing `$`.
    pub account_name: String,
    /// SID of the account, if known.
    pub machine_sid: Option<SidText>,
    /// Domain controllers to try, in order; the first is the one that made or
    /// reset the account, so nothing waits for replication.
    pub controllers: Vec<Controller>,
    /// Key version number of the machine password, if known.
    pub kvno: Option<u32>,
}

/// A domain controller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Controller {
    /// DNS name, lower case.
    pub host: String,
    /// Addresses as text; empty means resolve the name.
    pub addresses: Vec<String>,
    /// Site name, if known.
    pub site: Option<String>,
}

/// Evidence that the device authenticated to a directory as itself, with the
/// secret it reads back from its own storage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinProof {
    /// The principal that was accepted, for example `PC7$@TARGET.TEST`.
    pub principal: String,
    /// Who accepted it.
    pub server: String,
    /// How, for people: `Kerberos AS exchange`.
    pub method: String,
}

/// Whether a directory can be reached right now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Reach {
    /// A controller answered.
    Yes {
        /// Which one.
        server: String,
    },
    /// None answered.
    No {
        /// What was tried and how it failed, for people.
        because: String,
    },
    /// This platform cannot tell.
    Unknown,
}

/// Name of a secret kept beside the journal (`secrets/<id>`); the secret itself
/// never enters a change, a before-image or a log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SecretId(pub String);

/// Secret bytes: cannot be printed, copied into a document or compared.
pub struct Secret(zeroize::Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes over.
    pub fn new(bytes: Vec<u8>) -> Secret {
        Secret(zeroize::Zeroizing::new(bytes))
    }

    /// The bytes, for the one place that stores or uses them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

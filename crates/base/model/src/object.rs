//! Imported objects: users, groups and computers of one directory.

use crate::{DirectoryId, ObjectId};
use gw_secdesc::Sid;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, str::FromStr};

/// The kind of directory behind a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DirectoryKind {
    /// Active Directory over LDAP.
    ActiveDirectory,
    /// An Entra tenant over Microsoft Graph.
    Entra,
    /// A CSV "virtual directory".
    Virtual,
}

/// The kind of an imported object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectKind {
    /// A person or service account.
    User,
    /// A security group.
    Group,
    /// A computer.
    Computer,
}

/// A directory's own 16-byte identifier (AD objectGUID, Entra object id), in text byte order.
///
/// AD hands the bytes out in Windows' mixed-endian memory order; [`Guid::from_windows_bytes`]
/// converts (MS-DTYP 2.3.4).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Guid(pub uuid::Uuid);

impl Guid {
    /// From the 16 bytes as Windows and LDAP carry them.
    #[must_use]
    pub fn from_windows_bytes(bytes: [u8; 16]) -> Self {
        Self(uuid::Uuid::from_bytes_le(bytes))
    }

    /// The 16 bytes as Windows and LDAP carry them.
    #[must_use]
    pub fn to_windows_bytes(self) -> [u8; 16] {
        self.0.to_bytes_le()
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.hyphenated())
    }
}
impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl FromStr for Guid {
    type Err = uuid::Error;
    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        uuid::Uuid::parse_str(text).map(Self)
    }
}
impl Serialize for Guid {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for Guid {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// One imported object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryObject {
    /// Our id; stable over re-imports of the same `guid`.
    pub id: ObjectId,
    /// The directory it came from.
    pub directory: DirectoryId,
    /// User, group or computer.
    pub kind: ObjectKind,
    /// The directory's own id. INVARIANT: unique within a directory.
    pub guid: Guid,
    /// The security identifier, if the object has one.
    pub sid: Option<Sid>,
    /// Earlier identifiers (AD sIDHistory; an Entra user's on-premises SID).
    #[serde(default)]
    pub sid_history: Vec<Sid>,
    /// sAMAccountName (computers keep their trailing `$`), or the Entra mail nickname.
    pub account_name: String,
    /// What people call it.
    pub display_name: Option<String>,
    /// userPrincipalName.
    pub upn: Option<String>,
    /// Primary mail address.
    pub mail: Option<String>,
    /// Distinguished name, or the Entra container.
    pub dn: String,
    /// False if the account is disabled.
    pub enabled: bool,
    /// Computers: DNS host name.
    pub dns_host_name: Option<String>,
    /// Computers: operating system as the directory tells it.
    pub operating_system: Option<String>,
    /// Further attributes asked for by configuration, by LDAP name in the case it was asked for.
    #[serde(default)]
    pub attributes: BTreeMap<String, Vec<String>>,
}

impl DirectoryObject {
    /// The values of an attribute by its LDAP name, case-insensitively, whether it has a field of
    /// its own or came by configuration. Missing attributes give no values.
    #[must_use]
    pub fn values(&self, attribute: &str) -> Vec<&str> {
        fn one(value: &Option<String>) -> Vec<&str> {
            value.as_deref().into_iter().collect()
        }
        match attribute.to_ascii_lowercase().as_str() {
            "samaccountname" | "mailnickname" if !self.has(attribute) => vec![&self.account_name],
            "displayname" => one(&self.display_name),
            "userprincipalname" => one(&self.upn),
            "mail" => one(&self.mail),
            "dnshostname" => one(&self.dns_host_name),
            "operatingsystem" => one(&self.operating_system),
            "distinguishedname" => vec![&self.dn],
            _ => self
                .attributes
                .iter()
                .filter(|(name, _)| name.eq_ignore_ascii_case(attribute))
                .flat_map(|(_, values)| values.iter().map(String::as_str))
                .collect(),
        }
    }

    fn has(&self, attribute: &str) -> bool {
        self.attributes
            .keys()
            .any(|name| name.eq_ignore_ascii_case(attribute))
    }
}

/// The form in which names are compared and searched: trimmed, Unicode lower case.
///
/// AD compares most strings without regard to case; this is the same on both databases and on the
/// device, which a database's own collation is not.
#[must_use]
pub fn fold(text: &str) -> String {
    text.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_byte_order_round_trips() {
        let guid: Guid = "4210d86f-ce97-4aff-97f7-bd3789727903".parse().unwrap();
        assert_eq!(guid.to_windows_bytes()[..4], [0x6f, 0xd8, 0x10, 0x42]);
        assert_eq!(Guid::from_windows_bytes(guid.to_windows_bytes()), guid);
    }
}

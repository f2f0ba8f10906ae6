//! Connections to directories.

use chrono::{DateTime, Utc};
use gw_model::DirectoryId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Secret;
use crate::jobs::Job;

/// A connection to one directory, without its password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Directory {
    /// Its id.
    #[schema(value_type = String)]
    pub id: DirectoryId,
    /// Its name, unique within the customer.
    pub name: String,
    /// How it is reached.
    pub connection: Connection,
    /// DNS name of the domain; licences are checked against it. Empty until it was tested or imported.
    pub domain: String,
    /// Whether a password is stored.
    pub password_set: bool,
    /// What the last complete import left here.
    pub counts: DirectoryCounts,
    /// When the last complete import ended; absent before the first.
    pub imported_at: Option<DateTime<Utc>>,
    /// The last import, however it ended.
    pub last_import: Option<Job>,
    /// Number of this version, the value of the `ETag`.
    pub version: i64,
}

/// How many objects of a directory are imported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DirectoryCounts {
    /// Users.
    pub users: u64,
    /// Groups.
    pub groups: u64,
    /// Computers.
    pub computers: u64,
}

/// How a directory is reached, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Connection {
    /// Active Directory over LDAP.
    ActiveDirectory(AdConnection),
}

/// How an AD forest is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AdConnection {
    /// DNS name of a domain controller.
    pub host: String,
    /// Connect to this IP address instead of what `host` resolves to; the
    /// certificate is still checked against `host`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub address: Option<std::net::IpAddr>,
    /// TCP port: 636 for LDAPS, 389 for StartTLS.
    pub port: u16,
    /// How the connection is protected. A clear connection is not offered.
    pub transport: LdapTransport,
    /// Which certificates are believed.
    pub trust: CertificateTrust,
    /// Who signs in: `user@domain`, a distinguished name, or `DOMAIN\user`.
    pub account: String,
    /// Where to read from; empty means the whole domain.
    #[serde(default)]
    pub base_dn: String,
    /// Attributes to import besides those every import reads.
    #[serde(default)]
    pub extra_attributes: Vec<String>,
}

/// How an LDAP connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LdapTransport {
    /// TLS from the first byte.
    Ldaps,
    /// TLS after the StartTLS operation.
    StartTls,
}

/// Which server certificates are believed. There is no way to believe any.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum CertificateTrust {
    /// The authorities the operating system trusts.
    System,
    /// Only this authority.
    Ca {
        /// One or more certificates in PEM.
        pem: String,
    },
    /// Only this very certificate or key.
    Pin {
        /// SHA-256 of the certificate or of its public key, 64 hexadecimal
        /// digits; colons and spaces are ignored.
        sha256: String,
    },
}

/// Makes or changes a directory.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DirectoryInput {
    /// 1 to 100 characters.
    pub name: String,
    /// How it is reached.
    pub connection: Connection,
    /// Password of `account`. Absent in a change: the stored one stays.
    /// Changing the host, the port, the trust or the account asks for it again.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "password")]
    pub password: Option<Secret>,
}

/// What a test of a connection found. The answer is 200 whether or not the
/// directory could be reached; `ok` tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConnectionTest {
    /// True when every check passed.
    pub ok: bool,
    /// The six checks in the order in which they can fail.
    pub checks: Vec<ConnectionCheck>,
    /// DNS name of the domain, once it could be read.
    pub domain: Option<String>,
}

/// One check of a connection test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConnectionCheck {
    /// Which check.
    pub name: ConnectionCheckName,
    /// How it ended.
    pub outcome: CheckOutcome,
    /// Stable code of the failure, `snake_case`; absent unless it failed.
    pub code: Option<String>,
    /// What was seen or, after a failure, what is wrong and what to do about it.
    pub message: String,
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckOutcome {
    /// Passed.
    Ok,
    /// Failed.
    Failed,
    /// Not reached, because an earlier one failed.
    NotRun,
}

/// What a connection test tries, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionCheckName {
    /// The host name has an address.
    Name,
    /// The port answers.
    Port,
    /// TLS is agreed and the certificate is believed.
    Tls,
    /// The name and password are accepted.
    Credentials,
    /// The base DN exists.
    BaseDn,
    /// The account may read what an import needs.
    Rights,
}

/// What to do with the password in a test.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TestQuery {
    /// The directory whose stored password is used when the body has none.
    /// Refused when host, port, account or trust differ from what is stored.
    #[param(value_type = Option<String>)]
    pub directory_id: Option<DirectoryId>,
}

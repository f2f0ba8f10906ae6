//! Connections to directories.

use chrono::{DateTime, Utc};
use gw_model::{DirectoryId, JobId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Secret;

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
    /// The directory's own name: the DNS name of the AD domain. Known after the
    /// first successful test or import; licences are checked against it.
    pub domain: Option<String>,
    /// SID of the AD domain, once known.
    pub domain_sid: Option<String>,
    /// What the last import found; absent before the first.
    pub last_import: Option<ImportSummary>,
    /// Number of this version, the value of the `ETag`.
    pub version: i64,
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
    /// TCP port: 636 for LDAPS, 389 for StartTLS.
    pub port: u16,
    /// How the connection is protected. A clear connection is not offered.
    pub security: LdapSecurity,
    /// Which certificates are believed.
    pub trust: CertificateTrust,
    /// Who signs in: a user principal name, or a distinguished name.
    pub bind_name: String,
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
pub enum LdapSecurity {
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
    CustomCa {
        /// One or more certificates in PEM.
        pem: String,
    },
    /// Only this very certificate.
    Pin {
        /// SHA-256 of the certificate (DER), 64 hexadecimal digits.
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
    /// Password of `bind_name`. Absent in a change: the stored one stays.
    /// Changing the host, the port or `bind_name` asks for it again.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "password")]
    pub password: Option<Secret>,
}

/// What an import found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportSummary {
    /// The job that did it.
    #[schema(value_type = String)]
    pub job_id: JobId,
    /// When it ended.
    pub finished_at: DateTime<Utc>,
    /// Whether everything was read and stored.
    pub ok: bool,
    /// Users in the directory now.
    pub users: u64,
    /// Groups in the directory now.
    pub groups: u64,
    /// Computers in the directory now.
    pub computers: u64,
}

/// What a test of a connection found. The answer is 200 whether or not the
/// directory could be reached; `ok` tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConnectionTest {
    /// True when every stage passed.
    pub ok: bool,
    /// The stages in the order they were tried; it ends at the first that failed.
    pub stages: Vec<TestStage>,
    /// The directory's own name, once it could be read.
    pub domain: Option<String>,
    /// SHA-256 of the certificate the server showed, 64 hexadecimal digits, to
    /// compare and to pin; absent when no certificate was seen.
    pub certificate_sha256: Option<String>,
}

/// One stage of a connection test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TestStage {
    /// Which stage.
    pub stage: TestStageKind,
    /// Whether it passed.
    pub ok: bool,
    /// Stable code of the failure, `snake_case`; absent when it passed.
    pub code: Option<String>,
    /// What was seen and, after a failure, what to do about it.
    pub message: String,
}

/// What a connection test tries, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TestStageKind {
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

//! Who a domain is, as one of its controllers tells it.

use gw_model::Guid;
use gw_secdesc::Sid;
use serde::{Deserialize, Serialize};

/// The facts a device and a translation need about a domain, read from the rootDSE, the domain
/// object and the configuration partition (windows.md 5.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainFacts {
    /// DNS name, lower case: `source.test`.
    pub dns_name: String,
    /// NetBIOS name: `SOURCE`.
    pub netbios_name: String,
    /// The Kerberos realm: the DNS name in upper case.
    pub realm: String,
    /// The domain's distinguished name (`defaultNamingContext`).
    pub dn: String,
    /// The domain's SID.
    pub sid: Sid,
    /// The domain object's GUID.
    pub guid: Guid,
    /// DNS name of the forest's root domain.
    pub forest: String,
    /// DNS name of the controller that answered.
    pub dc_host: String,
    /// objectGUID of that controller's NTDS Settings object, where it may be read.
    pub dc_guid: Option<Guid>,
    /// The site of that controller.
    pub site: Option<String>,
    /// The controller's clock, seconds since 1970, when it answered.
    pub server_time_unix: i64,
    /// `highestCommittedUSN` when it answered; the anchor of a later incremental read.
    pub highest_usn: Option<u64>,
    /// How many computers any user may create (`ms-DS-MachineAccountQuota`).
    pub machine_account_quota: Option<u32>,
}

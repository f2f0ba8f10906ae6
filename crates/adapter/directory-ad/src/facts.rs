//! Who the domain is: rootDSE, the domain object, the cross reference (windows.md 5.3).

use crate::{
    escape::{dns_name, filter, rdn_values},
    session::{Search, Session},
    time,
};
use gw_directory::{DirectoryError, DomainFacts};
use gw_model::Guid;
use gw_secdesc::Sid;
use ldap3::Scope;

/// Reads the facts.
pub(crate) async fn read(session: &Session) -> Result<DomainFacts, DirectoryError> {
    let root = session
        .read(
            "",
            &[
                "defaultNamingContext",
                "rootDomainNamingContext",
                "configurationNamingContext",
                "dnsHostName",
                "dsServiceName",
                "currentTime",
                "highestCommittedUSN",
            ],
        )
        .await?
        .ok_or_else(|| session.malformed("it has no rootDSE"))?;
    let text = |name: &str| {
        root.text(name).map(str::to_owned).ok_or_else(|| {
            session.malformed(&format!(
                "its rootDSE has no {name}; is it Active Directory?"
            ))
        })
    };
    let dn = text("defaultNamingContext")?;
    let configuration = text("configurationNamingContext")?;
    let dc_host = text("dnsHostName")?;
    let server_time_unix = time::generalized(&text("currentTime")?)
        .ok_or_else(|| session.malformed("its clock cannot be read"))?;
    let service = root.text("dsServiceName").map(str::to_owned);

    let domain = session
        .read(
            &dn,
            &["objectSid", "objectGUID", "ms-DS-MachineAccountQuota"],
        )
        .await?
        .ok_or_else(|| DirectoryError::NoRights {
            account: session.account.clone(),
            what: format!("read the domain object `{dn}`"),
        })?;
    let unreadable = |what: &str| DirectoryError::NoRights {
        account: session.account.clone(),
        what: format!("read {what} of the domain object `{dn}`"),
    };
    let sid = domain
        .bytes("objectSid")
        .and_then(|bytes| Sid::from_bytes(bytes).ok())
        .ok_or_else(|| unreadable("objectSid"))?;
    let guid = domain
        .bytes("objectGUID")
        .and_then(guid)
        .ok_or_else(|| unreadable("objectGUID"))?;

    let dns = dns_name(&dn);
    Ok(DomainFacts {
        netbios_name: netbios(session, &configuration, &dn).await?,
        realm: dns.to_uppercase(),
        dns_name: dns,
        sid,
        guid,
        forest: root
            .text("rootDomainNamingContext")
            .map_or_else(|| dns_name(&dn), dns_name),
        dc_guid: match &service {
            Some(service) => session
                .read(service, &["objectGUID"])
                .await?
                .and_then(|entry| entry.bytes("objectGUID").and_then(self::guid)),
            None => None,
        },
        // CN=NTDS Settings,CN=<server>,CN=Servers,CN=<site>,CN=Sites,…
        site: service.and_then(|service| rdn_values(&service).into_iter().nth(3)),
        dc_host: dc_host.to_lowercase(),
        server_time_unix,
        highest_usn: root.number("highestCommittedUSN"),
        machine_account_quota: domain.number("ms-DS-MachineAccountQuota"),
        dn,
    })
}

/// The NetBIOS name stands in the cross reference of the partition.
async fn netbios(
    session: &Session,
    configuration: &str,
    dn: &str,
) -> Result<String, DirectoryError> {
    let search = Search {
        base: &format!("CN=Partitions,{configuration}"),
        scope: Scope::OneLevel,
        filter: &format!("(&(objectClass=crossRef)(nCName={}))", filter(dn)),
        attributes: &["nETBIOSName"],
    };
    let found = session.sample(&search, 2).await?;
    found
        .iter()
        .find_map(|entry| entry.text("nETBIOSName"))
        .map(str::to_owned)
        .ok_or_else(|| DirectoryError::NoRights {
            account: session.account.clone(),
            what: "read the domain's NetBIOS name in the configuration partition".into(),
        })
}

/// An objectGUID value.
pub(crate) fn guid(bytes: &[u8]) -> Option<Guid> {
    bytes.try_into().ok().map(Guid::from_windows_bytes)
}

//! Reading users, groups and computers in pages.

use crate::{
    connect,
    entry::Entry,
    facts,
    session::{Search, Session},
};
use gw_directory::{
    ConnectionSettings, DirectoryError, DomainFacts, ImportPage, ImportRequest, ImportSink,
    ImportSummary, ImportedObject,
};
use gw_model::ObjectKind;
use gw_secdesc::Sid;
use ldap3::Scope;
use std::collections::BTreeMap;

/// Reads everything asked for and hands it to the sink.
pub(crate) async fn run(
    settings: &ConnectionSettings,
    request: &ImportRequest,
    sink: &mut dyn ImportSink,
) -> Result<ImportSummary, DirectoryError> {
    let session = connect::open(settings).await?;
    let facts = facts::read(&session).await?;
    let mut summary = ImportSummary {
        facts,
        counts: BTreeMap::new(),
        unusable: Vec::new(),
    };
    for kind in &request.kinds {
        import_kind(&session, settings, *kind, sink, &mut summary).await?;
    }
    session.close().await;
    Ok(summary)
}

async fn import_kind(
    session: &Session,
    settings: &ConnectionSettings,
    kind: ObjectKind,
    sink: &mut dyn ImportSink,
    summary: &mut ImportSummary,
) -> Result<(), DirectoryError> {
    let base = base_dn(settings, &summary.facts).to_owned();
    let attributes = attributes(kind, &settings.extra_attributes);
    let search = Search {
        base: &base,
        scope: Scope::Subtree,
        filter: filter_of(kind),
        attributes: &attributes,
    };
    let domain_dn = summary.facts.dn.clone();
    let mut fetched = fetch(session, &search, settings, kind, Vec::new()).await;
    let mut number = 0;
    loop {
        let page = fetched.map_err(|error| with_hint(error, &domain_dn))?;
        *summary.counts.entry(kind).or_default() += page.objects.len() as u64;
        let room = 100_usize.saturating_sub(summary.unusable.len());
        summary
            .unusable
            .extend(page.unusable.into_iter().take(room));
        let give = sink.page(ImportPage {
            kind,
            number,
            objects: page.objects,
        });
        if page.cookie.is_empty() {
            return Ok(give.await?);
        }
        let (given, next) =
            tokio::join!(give, fetch(session, &search, settings, kind, page.cookie));
        given?;
        fetched = next;
        number += 1;
    }
}

struct Fetched {
    objects: Vec<ImportedObject>,
    unusable: Vec<String>,
    cookie: Vec<u8>,
}

async fn fetch(
    session: &Session,
    search: &Search<'_>,
    settings: &ConnectionSettings,
    kind: ObjectKind,
    cookie: Vec<u8>,
) -> Result<Fetched, DirectoryError> {
    let mut objects = Vec::new();
    let mut unusable = Vec::new();
    let cookie = session
        .page(search, settings.page_size, cookie, |entry| {
            match object(kind, &entry, &settings.extra_attributes) {
                Some(object) => objects.push(object),
                None => unusable.push(entry.dn),
            }
        })
        .await?;
    Ok(Fetched {
        objects,
        unusable,
        cookie,
    })
}

/// Where searches start.
pub(crate) fn base_dn<'a>(settings: &'a ConnectionSettings, facts: &'a DomainFacts) -> &'a str {
    settings
        .base_dn
        .as_deref()
        .map(str::trim)
        .filter(|dn| !dn.is_empty())
        .unwrap_or(&facts.dn)
}

/// Adds the domain's root to "no such object".
pub(crate) fn with_hint(error: DirectoryError, domain: &str) -> DirectoryError {
    match error {
        DirectoryError::NoSuchObject { dn, matched, .. } => DirectoryError::NoSuchObject {
            dn,
            matched,
            domain_dn: Some(domain.into()),
        },
        other => other,
    }
}

/// Indexed on every domain controller (`objectCategory`); contacts and managed service accounts
/// are none of the three kinds.
pub(crate) fn filter_of(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::User => "(&(objectCategory=person)(objectClass=user))",
        ObjectKind::Group => "(objectCategory=group)",
        ObjectKind::Computer => "(objectCategory=computer)",
    }
}

/// What is asked for: the fields of [`ImportedObject`] that the kind has, and the configured
/// attributes.
pub(crate) fn attributes(kind: ObjectKind, extra: &[String]) -> Vec<&str> {
    let mut names = vec![
        "objectGUID",
        "objectSid",
        "sIDHistory",
        "sAMAccountName",
        "displayName",
        "mail",
        "uSNChanged",
    ];
    match kind {
        ObjectKind::User => names.extend(["userPrincipalName", "userAccountControl"]),
        ObjectKind::Group => {}
        ObjectKind::Computer => {
            names.extend(["userAccountControl", "dNSHostName", "operatingSystem"]);
        }
    }
    for name in extra {
        if !names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            names.push(name);
        }
    }
    names
}

/// An entry as our object; `None` if it lacks its GUID or account name.
pub(crate) fn object(kind: ObjectKind, entry: &Entry, extra: &[String]) -> Option<ImportedObject> {
    let text = |name: &str| {
        entry
            .text(name)
            .map(|value| value.replace('\0', ""))
            .filter(|v| !v.is_empty())
    };
    let mut sid_history: Vec<_> = entry
        .values("sIDHistory")
        .iter()
        .filter_map(|bytes| Sid::from_bytes(bytes).ok())
        .collect();
    sid_history.sort();
    let disabled = entry
        .number::<i64>("userAccountControl")
        .is_some_and(|control| control & 0x2 != 0);
    Some(ImportedObject {
        kind,
        guid: entry.bytes("objectGUID").and_then(facts::guid)?,
        sid: entry
            .bytes("objectSid")
            .and_then(|bytes| Sid::from_bytes(bytes).ok()),
        sid_history,
        account_name: text("sAMAccountName")?,
        display_name: text("displayName"),
        upn: text("userPrincipalName"),
        mail: text("mail"),
        dn: entry.dn.replace('\0', ""),
        enabled: !disabled,
        dns_host_name: text("dNSHostName"),
        operating_system: text("operatingSystem"),
        usn_changed: entry.number("uSNChanged"),
        attributes: extra
            .iter()
            .map(|name| (name.clone(), attribute_values(name, entry.values(name))))
            .filter(|(_, values)| !values.is_empty())
            .collect(),
    })
}

/// The values of a configured attribute, in the server's order (which carries meaning in some).
fn attribute_values(name: &str, values: &[Vec<u8>]) -> Vec<String> {
    let binary = BINARY.iter().any(|known| known.eq_ignore_ascii_case(name));
    values
        .iter()
        .map(|value| match std::str::from_utf8(value) {
            Ok(text) if !binary && !text.contains('\0') => text.to_owned(),
            _ => hex::encode(value),
        })
        .collect()
}

/// Octet-string attributes of AD's schema that could be valid UTF-8 by accident: the same value
/// must always have the same form, or two sides would not match.
const BINARY: &[&str] = &[
    "objectGUID",
    "objectSid",
    "sIDHistory",
    "mS-DS-ConsistencyGuid",
    "ms-DS-ConsistencyChildCount",
    "msExchMailboxGuid",
    "msExchArchiveGUID",
    "mS-DS-CreatorSID",
    "userCertificate",
    "thumbnailPhoto",
    "jpegPhoto",
    "logonHours",
    "netbootGUID",
    "msDS-KeyCredentialLink",
    "securityIdentifier",
    "nTSecurityDescriptor",
    "tokenGroups",
    "schemaIDGUID",
    "parentGUID",
    "invocationId",
];

#[cfg(test)]
mod tests {
    use super::*;
    use ldap3::asn1::{PL, StructureTag, TagClass};

    fn entry(attributes: &[(&str, &[&[u8]])]) -> Entry {
        let leaf = |bytes: &[u8]| StructureTag {
            class: TagClass::Universal,
            id: 4,
            payload: PL::P(bytes.to_vec()),
        };
        let list = |id, tags| StructureTag {
            class: TagClass::Universal,
            id,
            payload: PL::C(tags),
        };
        let attributes = attributes
            .iter()
            .map(|(name, values)| {
                list(
                    16,
                    vec![
                        leaf(name.as_bytes()),
                        list(17, values.iter().map(|v| leaf(v)).collect()),
                    ],
                )
            })
            .collect();
        Entry::from_tag(list(
            4,
            vec![leaf("CN=Zoë\\, A,DC=x".as_bytes()), list(16, attributes)],
        ))
        .unwrap()
    }

    const SID: &[u8] = &[1, 2, 0, 0, 0, 0, 0, 5, 0x20, 0, 0, 0, 0x20, 2, 0, 0];

    #[test]
    fn a_user_is_mapped_field_by_field() {
        let entry = entry(&[
            ("objectGUID", &[&[7; 16]]),
            ("objectSid", &[SID]),
            ("sIDHistory", &[b"broken", SID]),
            ("sAMAccountName", &[b"zoe"]),
            ("userAccountControl", &[b"514"]),
            ("mail", &[b"zoe@a.test"]),
            ("employeeID", &[b"E1"]),
            ("mS-DS-ConsistencyGuid", &[b"0123456789abcdef"]),
            ("proxyAddresses", &[b"SMTP:z", b"\xff\xfe"]),
        ]);
        let extra = [
            "employeeid",
            "ms-ds-consistencyguid",
            "proxyAddresses",
            "absent",
        ]
        .map(String::from);
        let object = object(ObjectKind::User, &entry, &extra).unwrap();
        assert_eq!(
            object.sid.as_ref().map(ToString::to_string),
            Some("S-1-5-32-544".into())
        );
        assert_eq!(object.sid_history.len(), 1);
        assert!(!object.enabled);
        assert_eq!(object.dn, "CN=Zoë\\, A,DC=x");
        assert_eq!(object.attributes["employeeid"], ["E1"]);
        assert_eq!(
            object.attributes["ms-ds-consistencyguid"],
            [hex::encode("0123456789abcdef")]
        );
        assert_eq!(object.attributes["proxyAddresses"], ["SMTP:z", "fffe"]);
        assert!(!object.attributes.contains_key("absent"));
    }

    #[test]
    fn an_object_without_guid_or_name_is_unusable() {
        assert_eq!(
            object(
                ObjectKind::User,
                &entry(&[("sAMAccountName", &[b"a"])]),
                &[]
            ),
            None
        );
        assert_eq!(
            object(
                ObjectKind::User,
                &entry(&[("objectGUID", &[&[1; 16]])]),
                &[]
            ),
            None
        );
        let short = entry(&[("objectGUID", &[&[1; 15]]), ("sAMAccountName", &[b"a"])]);
        assert_eq!(object(ObjectKind::User, &short, &[]), None);
    }

    #[test]
    fn attributes_are_asked_for_once() {
        let extra = ["MAIL".to_owned(), "employeeID".to_owned()];
        let names = attributes(ObjectKind::User, &extra);
        assert_eq!(
            names
                .iter()
                .filter(|name| name.eq_ignore_ascii_case("mail"))
                .count(),
            1
        );
        assert!(names.contains(&"employeeID"));
    }
}

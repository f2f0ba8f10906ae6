//! A sync profile: which objects are matched, and on what.

use gw_model::{DirectoryObject, ObjectKind, fold};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use unicode_normalization::UnicodeNormalization;

/// Pair objects whose attributes are equal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttributeRule {
    /// LDAP name of the attribute of the source object.
    pub source_attribute: String,
    /// LDAP name of the attribute of the target object.
    pub target_attribute: String,
}

impl AttributeRule {
    /// The same attribute on both sides.
    #[must_use]
    pub fn same(attribute: &str) -> Self {
        Self {
            source_attribute: attribute.into(),
            target_attribute: attribute.into(),
        }
    }
}

/// How source objects are matched to target objects. *Match only* never writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyncProfile {
    /// What to match, and on which attribute; a kind that is not listed is not matched.
    pub rules: BTreeMap<ObjectKind, AttributeRule>,
    /// Pair the domains' own groups (Domain Users, Domain Admins, …) by relative identifier.
    #[serde(default = "yes")]
    pub well_known_groups: bool,
    /// Match disabled accounts too.
    #[serde(default)]
    pub include_disabled: bool,
}

fn yes() -> bool {
    true
}

impl Default for SyncProfile {
    fn default() -> Self {
        Self {
            rules: [
                (ObjectKind::User, AttributeRule::same("sAMAccountName")),
                (ObjectKind::Group, AttributeRule::same("sAMAccountName")),
            ]
            .into(),
            well_known_groups: true,
            include_disabled: false,
        }
    }
}

/// The text on which an object is matched: the attribute's value in comparison form (trimmed,
/// Unicode NFKC, lower case), or for a domain's own group its relative identifier.
///
/// `None` if the attribute is missing or empty. Of several values the smallest counts, so that
/// the order in which a directory hands them out does not matter.
#[must_use]
pub fn key_of(
    object: &DirectoryObject,
    attribute: &str,
    well_known_groups: bool,
) -> Option<String> {
    if well_known_groups
        && object.kind == ObjectKind::Group
        && let Some(rid) = object.sid.as_ref().and_then(well_known_rid)
    {
        return Some(format!("\u{1}rid {rid}"));
    }
    object
        .values(attribute)
        .into_iter()
        .map(|value| fold(&value.nfkc().collect::<String>()))
        .filter(|value| !value.is_empty())
        .min()
}

/// RIDs below 1000 are the same in every domain (MS-DTYP 2.4.2.4); builtin aliases are not mapped.
fn well_known_rid(sid: &gw_secdesc::Sid) -> Option<u32> {
    let text = sid.to_string();
    let rid = text
        .strip_prefix("S-1-5-21-")?
        .split('-')
        .nth(3)?
        .parse()
        .ok()?;
    (rid < 1000).then_some(rid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gw_model::{DirectoryId, Guid, ObjectId};
    use uuid::Uuid;

    fn object(kind: ObjectKind, sid: &str, mail: Option<&str>) -> DirectoryObject {
        DirectoryObject {
            id: ObjectId(Uuid::nil()),
            directory: DirectoryId(Uuid::nil()),
            kind,
            guid: Guid(Uuid::nil()),
            sid: sid.parse().ok(),
            sid_history: vec![],
            account_name: "Ann".into(),
            display_name: None,
            upn: None,
            mail: mail.map(str::to_owned),
            dn: String::new(),
            enabled: true,
            dns_host_name: None,
            operating_system: None,
            attributes: BTreeMap::new(),
        }
    }

    #[test]
    fn keys_are_folded_and_well_known_groups_go_by_rid() {
        let user = object(
            ObjectKind::User,
            "S-1-5-21-1-2-3-1105",
            Some(" ＡNN@Old.Test "),
        );
        assert_eq!(key_of(&user, "mail", true).as_deref(), Some("ann@old.test"));
        assert_eq!(key_of(&user, "employeeID", true), None);
        let group = object(ObjectKind::Group, "S-1-5-21-1-2-3-513", None);
        assert_eq!(
            key_of(&group, "sAMAccountName", true).as_deref(),
            Some("\u{1}rid 513")
        );
        assert_eq!(
            key_of(&group, "sAMAccountName", false).as_deref(),
            Some("ann")
        );
        let builtin = object(ObjectKind::Group, "S-1-5-32-544", None);
        assert_eq!(
            key_of(&builtin, "sAMAccountName", true).as_deref(),
            Some("ann")
        );
    }
}

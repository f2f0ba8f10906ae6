//! The signed-in account as the directory sees it: its SID and the SIDs of its groups.

use crate::{
    escape::filter,
    session::{Search, Session},
};
use gw_directory::{DirectoryError, DomainFacts};
use gw_secdesc::Sid;
use ldap3::Scope;
use std::collections::BTreeSet;

/// What an access check compares entries with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// The account itself.
    pub(crate) sid: Sid,
    /// The account, its groups (`tokenGroups`) and what every sign-in over the network carries.
    pub(crate) sids: BTreeSet<Sid>,
}

/// Finds the signed-in account and its groups. `None` if it may not see itself.
pub(crate) async fn read(
    session: &Session,
    facts: &DomainFacts,
) -> Result<Option<Token>, DirectoryError> {
    let Some((dn, sid)) = find_self(session, facts).await? else {
        return Ok(None);
    };
    let Some(entry) = session.read(&dn, &["tokenGroups"]).await? else {
        return Ok(None);
    };
    let mut sids: BTreeSet<_> = entry
        .values("tokenGroups")
        .iter()
        .filter_map(|bytes| Sid::from_bytes(bytes).ok())
        .collect();
    if sids.is_empty() {
        // Every account has at least its primary group: nothing means it could not be read.
        return Ok(None);
    }
    sids.insert(sid.clone());
    sids.extend(EVERY_SIGN_IN.iter().filter_map(|text| text.parse().ok()));
    Ok(Some(Token { sid, sids }))
}

async fn find_self(
    session: &Session,
    facts: &DomainFacts,
) -> Result<Option<(String, Sid)>, DirectoryError> {
    let account = session.account.clone();
    for name in Name::of(&account, &facts.dns_name) {
        let found = match &name {
            Name::Dn(dn) => session.read(dn, &["objectSid"]).await?,
            Name::Filter(text) => {
                let search = Search {
                    base: &facts.dn,
                    scope: Scope::Subtree,
                    filter: text,
                    attributes: &["objectSid"],
                };
                session.sample(&search, 2).await?.into_iter().next()
            }
        };
        let sid = found
            .as_ref()
            .and_then(|entry| entry.bytes("objectSid"))
            .and_then(|bytes| Sid::from_bytes(bytes).ok());
        if let (Some(entry), Some(sid)) = (found, sid) {
            return Ok(Some((entry.dn, sid)));
        }
    }
    Ok(None)
}

/// How an account name can be looked up, in the order to try.
#[derive(Debug, PartialEq, Eq)]
enum Name {
    Dn(String),
    Filter(String),
}

impl Name {
    fn of(account: &str, domain: &str) -> Vec<Self> {
        let by = |attribute: &str, value: &str| {
            Self::Filter(format!(
                "(&(objectClass=user)({attribute}={}))",
                filter(value)
            ))
        };
        if let Some((_, name)) = account.split_once('\\') {
            return vec![by("sAMAccountName", name)];
        }
        if let Some((name, suffix)) = account.rsplit_once('@') {
            let mut names = vec![by("userPrincipalName", account)];
            if suffix.eq_ignore_ascii_case(domain) {
                // Every account also has the implicit name sAMAccountName@domain.
                names.push(by("sAMAccountName", name));
            }
            return names;
        }
        if account.contains('=') {
            return vec![Self::Dn(account.to_owned())];
        }
        vec![by("sAMAccountName", account)]
    }
}

/// Everyone, Network, Authenticated Users, This Organization (MS-DTYP 2.4.2.4).
const EVERY_SIGN_IN: &[&str] = &["S-1-1-0", "S-1-5-2", "S-1-5-11", "S-1-5-15"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_an_account_is_looked_up_safely() {
        let by = |text: &str| Name::Filter(format!("(&(objectClass=user)({text}))"));
        assert_eq!(Name::of("A\\b*", "a.test"), [by("sAMAccountName=b\\2a")]);
        assert_eq!(
            Name::of("b@A.test", "a.test"),
            [by("userPrincipalName=b@A.test"), by("sAMAccountName=b")]
        );
        assert_eq!(
            Name::of("b@mail.test", "a.test"),
            [by("userPrincipalName=b@mail.test")]
        );
        assert_eq!(Name::of("CN=b,DC=a", "a"), [Name::Dn("CN=b,DC=a".into())]);
    }
}

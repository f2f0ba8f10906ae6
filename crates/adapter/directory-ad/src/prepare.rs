//! Creating or taking over the computer account a device will join with
//! (windows.md 5.3; A-119…A-121, D-12).

use crate::{
    accounts::{self, Secrets, changed, fresh_password, is_password_rule},
    escape::{self, guid_dn},
    facts, password,
    result::{win32_code, words},
    session::{Search, Session},
    token,
};
use gw_directory::{
    AccountError, AccountFacts, AccountOrigin, DirectoryError, DomainFacts, Force, PrepareRequest,
    PreparedAccount, ResetVerdict, ReuseBasis, ReusePolicy,
};
use gw_model::Guid;
use ldap3::{LdapResult, Scope};

/// Creates or reuses.
pub(crate) async fn run(
    session: &Session,
    request: &PrepareRequest,
) -> Result<PreparedAccount, AccountError> {
    let facts = facts::read(session).await?;
    let container = container(session, &facts, request.ou.as_deref()).await?;
    match accounts::find(session, &facts.dn, &request.name).await? {
        None => create(session, &facts, &container, request).await,
        Some(existing) => take_over(session, &facts, existing, request).await,
    }
}

/// The OU of the runbook, checked, or the domain's default container for computers.
async fn container(
    session: &Session,
    facts: &DomainFacts,
    ou: Option<&str>,
) -> Result<String, AccountError> {
    let wanted = ou.map(str::trim).filter(|ou| !ou.is_empty());
    let dn = match wanted {
        Some(ou) => ou.to_owned(),
        None => escape::well_known_dn(COMPUTERS_CONTAINER, &facts.dn),
    };
    let outside = wanted.is_some_and(|ou| {
        let (ou, root) = (ou.to_lowercase(), facts.dn.to_lowercase());
        ou != root && !ou.ends_with(&format!(",{root}"))
    });
    if outside {
        return Err(DirectoryError::Elsewhere {
            dn,
            referrals: Vec::new(),
        }
        .into());
    }
    match session.read(&dn, &["objectClass"]).await {
        Ok(Some(entry)) => Ok(entry.dn),
        Ok(None) => Err(AccountError::OuMissing {
            ou: wanted.map_or_else(
                || format!("default computers container of {}", facts.dn),
                str::to_owned,
            ),
        }),
        Err(error) => Err(error.into()),
    }
}

/// GUID_COMPUTERS_CONTAINER_W (MS-ADTS 6.1.1.4.4).
const COMPUTERS_CONTAINER: &str = "AA312825768811D1ADED00C04FD8D5CD";

async fn create(
    session: &Session,
    facts: &DomainFacts,
    container: &str,
    request: &PrepareRequest,
) -> Result<PreparedAccount, AccountError> {
    let name = request.name.as_str();
    let dn = format!("CN={},{container}", escape::dn(name));
    let password = fresh_password()?;
    let text = |value: String| vec![value.into_bytes()];
    let attributes = vec![
        ("objectClass", text("computer".into())),
        ("sAMAccountName", text(request.name.account_name())),
        (
            "userAccountControl",
            text(AccountFacts::UAC_WORKSTATION.to_string()),
        ),
        ("dNSHostName", text(host_name(name, facts))),
        ("servicePrincipalName", service_names(name, facts)),
        ("unicodePwd", vec![password::unicode_pwd(&password)]),
    ];
    let result = session.add(&dn, attributes).await?;
    if result.rc != 0 {
        return Err(refused_add(session, facts, &dn, container, &result).await?);
    }
    let created = accounts::find(session, &facts.dn, &request.name)
        .await?
        .ok_or_else(|| AccountError::NotFound {
            account: request.name.account_name(),
        })?;
    finish(
        session,
        facts,
        created,
        password,
        AccountOrigin::Created,
        Vec::new(),
    )
    .await
}

/// Why an object was not created: the codes of AD and of Samba (numbers: Win32 error codes).
async fn refused_add(
    session: &Session,
    facts: &DomainFacts,
    dn: &str,
    container: &str,
    result: &LdapResult,
) -> Result<AccountError, DirectoryError> {
    if result.rc == 68 {
        let because = occupant(session, dn).await?;
        return Ok(AccountError::Occupied {
            dn: dn.into(),
            because,
        });
    }
    let account = session.account.as_str();
    Ok(add_refusal(
        account,
        facts.machine_account_quota,
        dn,
        container,
        result,
    ))
}

fn add_refusal(
    account: &str,
    limit: Option<u32>,
    dn: &str,
    container: &str,
    result: &LdapResult,
) -> AccountError {
    let account = account.to_owned();
    let text = words(&result.text);
    match (result.rc, win32_code(&result.text)) {
        // ERROR_DS_MACHINE_ACCOUNT_QUOTA_EXCEEDED
        (_, Some(0x216d)) => AccountError::QuotaExceeded { account, limit },
        // ERROR_DS_SPN_VALUE_NOT_UNIQUE_IN_FOREST
        (19, Some(0x21c7)) => AccountError::Occupied {
            dn: dn.into(),
            because: "another account of the forest has one of its service principal names".into(),
        },
        (50, _) => AccountError::NoRightToCreate {
            account,
            ou: container.into(),
        },
        (32, _) => AccountError::OuMissing {
            ou: container.into(),
        },
        _ if is_password_rule(result) => AccountError::PasswordRefused {
            dn: dn.into(),
            text,
        },
        (code, _) => DirectoryError::Refused {
            what: format!("create `{dn}`"),
            code,
            text,
        }
        .into(),
    }
}

/// What holds the DN, in words.
async fn occupant(session: &Session, dn: &str) -> Result<String, DirectoryError> {
    let entry = session.read(dn, &["objectClass", "sAMAccountName"]).await?;
    Ok(match entry {
        Some(entry) => {
            let class = entry.values("objectClass").last().map_or_else(
                || "object".into(),
                |class| String::from_utf8_lossy(class).into_owned(),
            );
            match entry.text("sAMAccountName") {
                Some(name) => format!("a {class} with account name {name} is there already"),
                None => format!("a {class} is there already"),
            }
        }
        None => "something this account may not see is there already".into(),
    })
}

async fn take_over(
    session: &Session,
    facts: &DomainFacts,
    existing: AccountFacts,
    request: &PrepareRequest,
) -> Result<PreparedAccount, AccountError> {
    let basis = may_reuse(session, facts, &existing, request).await?;
    let password = fresh_password()?;
    let mut change = vec![("unicodePwd", vec![password::unicode_pwd(&password)])];
    let control = existing.user_account_control
        & !(AccountFacts::UAC_DISABLED | AccountFacts::UAC_NO_PASSWORD);
    if control != existing.user_account_control {
        change.push(("userAccountControl", vec![control.to_string().into_bytes()]));
    }
    let dn = guid_dn(existing.guid);
    changed(session, &existing.dn, &session.replace(&dn, change).await?)?;
    let notes = name_it(session, facts, &existing, request).await?;
    finish(
        session,
        facts,
        existing,
        password,
        AccountOrigin::Reset(basis),
        notes,
    )
    .await
}

/// The rules, in the order in which they matter to people.
async fn may_reuse(
    session: &Session,
    facts: &DomainFacts,
    existing: &AccountFacts,
    request: &PrepareRequest,
) -> Result<ReuseBasis, AccountError> {
    let dn = existing.dn.clone();
    if let Some(what) = existing.not_for_reuse() {
        return Err(AccountError::Untouchable { dn, what });
    }
    if request.resume == Some(existing.guid) {
        return Ok(ReuseBasis::SameRun);
    }
    if request.reuse == ReusePolicy::Never {
        return Err(AccountError::Exists {
            account: existing.account_name.clone(),
            dn,
        });
    }
    in_use(existing, request, facts.server_time_unix)?;
    let token = token::read(session, facts).await?;
    let is_me = |sid: &Option<gw_secdesc::Sid>| {
        token
            .as_ref()
            .is_some_and(|token| Some(&token.sid) == sid.as_ref())
    };
    if is_me(&existing.creator) {
        return Ok(ReuseBasis::Creator);
    }
    if is_me(&existing.owner) {
        return Ok(ReuseBasis::Owner);
    }
    match accounts::reset_verdict(session, facts, existing.guid).await? {
        ResetVerdict::Granted { .. } => Ok(ReuseBasis::Rights),
        ResetVerdict::Denied { .. } | ResetVerdict::NotGranted | ResetVerdict::Unknown { .. } => {
            Err(AccountError::NotOurs {
                account: session.account.clone(),
                dn,
                owner: existing
                    .owner
                    .as_ref()
                    .map_or("an unknown owner".into(), ToString::to_string),
            })
        }
    }
}

/// A living computer with another system keeps its account.
fn in_use(existing: &AccountFacts, request: &PrepareRequest, now: i64) -> Result<(), AccountError> {
    let (Some(ours), Some(theirs), Some(seen)) = (
        &request.os,
        &existing.operating_system,
        existing.last_logon_unix,
    ) else {
        return Ok(());
    };
    let days = (now - seen).div_euclid(86_400).max(0);
    let same = gw_model::fold(&ours.name) == gw_model::fold(theirs);
    let recent = days < i64::from(request.recent_days);
    if same || !recent || !existing.enabled() || request.force == Force::TakeInUse {
        return Ok(());
    }
    Err(AccountError::InUse {
        dn: existing.dn.clone(),
        their_os: theirs.clone(),
        our_os: ours.name.clone(),
        days,
    })
}

/// Host and service names of a reused account. Not being allowed to write them is no reason to
/// fail: the device writes them itself when it signs in (validated writes).
async fn name_it(
    session: &Session,
    facts: &DomainFacts,
    existing: &AccountFacts,
    request: &PrepareRequest,
) -> Result<Vec<String>, DirectoryError> {
    let name = request.name.as_str();
    let dn = guid_dn(existing.guid);
    let search = Search {
        base: &dn,
        scope: Scope::Base,
        filter: "(objectClass=*)",
        attributes: &["dNSHostName", "servicePrincipalName"],
    };
    let entry = session
        .sample(&search, 1)
        .await?
        .into_iter()
        .next()
        .unwrap_or_default();
    let mut notes = Vec::new();
    let host = host_name(name, facts);
    if !entry
        .text("dNSHostName")
        .is_some_and(|old| old.eq_ignore_ascii_case(&host))
    {
        let change = vec![("dNSHostName", vec![host.clone().into_bytes()])];
        let result = session.replace(&dn, change).await?;
        if result.rc != 0 {
            notes.push(format!(
                "dNSHostName was not set to {host}: {}",
                words(&result.text)
            ));
        }
    }
    let mut names = entry.values("servicePrincipalName").to_vec();
    let before = names.len();
    for wanted in service_names(name, facts) {
        if !names.iter().any(|old| old.eq_ignore_ascii_case(&wanted)) {
            names.push(wanted);
        }
    }
    if names.len() != before {
        let result = session
            .replace(&dn, vec![("servicePrincipalName", names)])
            .await?;
        if result.rc != 0 {
            notes.push(format!(
                "service principal names were not added: {}",
                words(&result.text)
            ));
        }
    }
    Ok(notes)
}

async fn finish(
    session: &Session,
    facts: &DomainFacts,
    account: AccountFacts,
    password: gw_directory::Secret,
    origin: AccountOrigin,
    notes: Vec<String>,
) -> Result<PreparedAccount, AccountError> {
    let guid: Guid = account.guid;
    let after = Secrets::read(session, guid).await?;
    Ok(PreparedAccount {
        dn: account.dn,
        guid,
        sid: account.sid,
        account_name: account.account_name,
        password,
        key_version: after.key_version,
        pwd_last_set_unix: after.pwd_last_set_unix,
        dc_host: facts.dc_host.clone(),
        origin,
        notes,
    })
}

fn host_name(name: &str, facts: &DomainFacts) -> String {
    format!("{}.{}", name.to_lowercase(), facts.dns_name)
}

/// The four a join registers (windows.md 5.3).
fn service_names(name: &str, facts: &DomainFacts) -> Vec<Vec<u8>> {
    let host = host_name(name, facts);
    [
        format!("HOST/{name}"),
        format!("HOST/{host}"),
        format!("RestrictedKrbHost/{name}"),
        format!("RestrictedKrbHost/{host}"),
    ]
    .map(String::into_bytes)
    .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use gw_directory::{ComputerName, OsClaim};

    fn existing(os: &str, days_ago: i64, control: u32) -> AccountFacts {
        AccountFacts {
            dn: "CN=PC,DC=x".into(),
            guid: Guid::from_windows_bytes([1; 16]),
            sid: "S-1-5-21-1-2-3-1104".parse().unwrap(),
            account_name: "PC$".into(),
            user_account_control: control,
            owner: None,
            creator: None,
            operating_system: Some(os.into()),
            last_logon_unix: Some(NOW - days_ago * 86_400),
            pwd_last_set_unix: None,
            protected: false,
        }
    }
    fn request(force: Force) -> PrepareRequest {
        PrepareRequest {
            name: ComputerName::new("PC").unwrap(),
            ou: None,
            reuse: ReusePolicy::IfAllowed,
            resume: None,
            os: Some(OsClaim {
                name: "Windows 11 Pro".into(),
                version: None,
            }),
            recent_days: 30,
            force,
        }
    }
    const NOW: i64 = 1_800_000_000;
    const ENABLED: u32 = AccountFacts::UAC_WORKSTATION;

    #[test]
    fn only_a_living_stranger_is_in_use() {
        let check = |account, force| in_use(&account, &request(force), NOW).is_err();
        assert!(check(
            existing("Windows Server 2022", 2, ENABLED),
            Force::No
        ));
        assert!(!check(
            existing("Windows Server 2022", 2, ENABLED),
            Force::TakeInUse
        ));
        assert!(!check(
            existing("Windows Server 2022", 45, ENABLED),
            Force::No
        ));
        assert!(!check(existing("windows 11 pro", 2, ENABLED), Force::No));
        assert!(!check(
            existing("Windows Server 2022", 2, ENABLED | 2),
            Force::No
        ));
    }

    #[test]
    fn refusals_of_a_new_account_are_told_apart() {
        let code = |rc, text: &str| {
            let result = LdapResult {
                rc,
                matched: String::new(),
                text: text.into(),
                refs: vec![],
                ctrls: vec![],
            };
            add_refusal("join@x", Some(10), "CN=PC,DC=x", "DC=x", &result).code()
        };
        assert_eq!(
            code(
                53,
                "0000216D: SvcErr: DSID-031A1202, problem 5003 (WILL_NOT_PERFORM), data 0\0"
            ),
            "quota_exceeded"
        );
        assert_eq!(
            code(
                50,
                "00002098: SecErr: DSID-03150F94, problem 4003 (INSUFF_ACCESS_RIGHTS)"
            ),
            "no_right_to_create"
        );
        assert_eq!(
            code(53, "0000052D: SvcErr: DSID-031A124C, problem 5003"),
            "password_refused"
        );
        assert_eq!(
            code(
                19,
                "0000052D: Constraint violation - check_password_restrictions"
            ),
            "password_refused"
        );
        assert_eq!(
            code(19, "000021C7: AtrErr: DSID-03200E13, #1"),
            "name_occupied"
        );
        assert_eq!(code(32, "0000208D: NameErr"), "ou_missing");
        assert_eq!(code(53, "00000057: something else"), "refused");
    }

    #[test]
    fn domain_controllers_trusts_and_delegates_are_never_reused() {
        for control in [
            0x82000,
            0x1000 | 0x400_0000,
            0x820,
            0x1000 | 0x8_0000,
            0x1000 | 0x100_0000,
            0x200,
        ] {
            assert!(
                existing("x", 0, control).not_for_reuse().is_some(),
                "{control:#x}"
            );
        }
        assert!(existing("x", 0, 0x1000).not_for_reuse().is_none());
        assert!(existing("x", 0, 0x1000 | 0x8_0000).untouchable().is_none());
        assert!(
            AccountFacts {
                protected: true,
                ..existing("x", 0, 0x1000)
            }
            .untouchable()
            .is_some()
        );
    }
}

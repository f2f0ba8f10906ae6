//! Existing computer accounts: find, read, reset, enable.

use crate::{
    entry::Entry,
    escape::{filter, guid_dn},
    facts, password,
    result::win32_code,
    rights,
    session::{Search, Session, owner_and_dacl},
    time, token,
};
use gw_directory::{
    AccountError, AccountFacts, ComputerName, DirectoryError, Enabled, ResetAccount, ResetProof,
    ResetVerdict,
};
use gw_model::Guid;
use gw_secdesc::{SecurityDescriptor, Sid};
use ldap3::{LdapResult, Scope};

/// The computer with this name anywhere in the domain: sAMAccountName is unique in it.
pub(crate) async fn by_name(
    session: &Session,
    name: &ComputerName,
) -> Result<Option<AccountFacts>, AccountError> {
    let facts = facts::read(session).await?;
    Ok(find(session, &facts.dn, name).await?)
}

/// As [`by_name`], for callers that know the domain already.
pub(crate) async fn find(
    session: &Session,
    domain_dn: &str,
    name: &ComputerName,
) -> Result<Option<AccountFacts>, DirectoryError> {
    let search = Search {
        base: domain_dn,
        scope: Scope::Subtree,
        filter: &format!("(sAMAccountName={})", filter(&name.account_name())),
        attributes: &["objectGUID"],
    };
    let found = session.sample(&search, 2).await?;
    match found
        .first()
        .and_then(|entry| entry.bytes("objectGUID"))
        .and_then(facts::guid)
    {
        Some(guid) => read(session, guid).await,
        None => Ok(None),
    }
}

/// The computer with this GUID, wherever it was moved and however it was renamed.
pub(crate) async fn read(
    session: &Session,
    guid: Guid,
) -> Result<Option<AccountFacts>, DirectoryError> {
    let entry = session
        .read_with(&guid_dn(guid), ATTRIBUTES, vec![owner_and_dacl()])
        .await?;
    entry
        .map(|entry| {
            account(&entry)
                .ok_or_else(|| session.malformed("a computer account lacks its GUID, SID or flags"))
        })
        .transpose()
}

const ATTRIBUTES: &[&str] = &[
    "objectGUID",
    "objectSid",
    "sAMAccountName",
    "userAccountControl",
    "nTSecurityDescriptor",
    "mS-DS-CreatorSID",
    "operatingSystem",
    "lastLogonTimestamp",
    "pwdLastSet",
    "adminCount",
];

pub(crate) fn account(entry: &Entry) -> Option<AccountFacts> {
    let sid = |name: &str| {
        entry
            .bytes(name)
            .and_then(|bytes| Sid::from_bytes(bytes).ok())
    };
    // The number is a signed 32-bit integer in LDAP.
    let control: i64 = entry.number("userAccountControl")?;
    Some(AccountFacts {
        dn: entry.dn.clone(),
        guid: entry.bytes("objectGUID").and_then(facts::guid)?,
        sid: sid("objectSid")?,
        account_name: entry.text("sAMAccountName")?.to_owned(),
        user_account_control: u32::try_from(control & 0xffff_ffff).ok()?,
        owner: entry
            .bytes("nTSecurityDescriptor")
            .and_then(|bytes| SecurityDescriptor::parse(bytes).ok())
            .and_then(|descriptor| descriptor.owner),
        creator: sid("mS-DS-CreatorSID"),
        operating_system: entry.text("operatingSystem").map(str::to_owned),
        last_logon_unix: entry.text("lastLogonTimestamp").and_then(time::filetime),
        pwd_last_set_unix: entry.text("pwdLastSet").and_then(time::filetime),
        protected: entry.text("adminCount") == Some("1"),
    })
}

/// The account, or the error that it is not there.
async fn must_read(session: &Session, guid: Guid) -> Result<AccountFacts, AccountError> {
    read(session, guid)
        .await?
        .ok_or_else(|| AccountError::NotFound {
            account: guid.to_string(),
        })
}

/// A fresh random password for the account.
pub(crate) async fn reset(session: &Session, guid: Guid) -> Result<ResetAccount, AccountError> {
    let facts = facts::read(session).await?;
    let account = must_read(session, guid).await?;
    if let Some(what) = account.untouchable() {
        return Err(AccountError::Untouchable {
            dn: account.dn,
            what,
        });
    }
    let password = fresh_password()?;
    let change = vec![("unicodePwd", vec![password::unicode_pwd(&password)])];
    let result = session.replace(&guid_dn(guid), change).await?;
    changed(session, &account.dn, &result)?;
    let after = Secrets::read(session, guid).await?;
    Ok(ResetAccount {
        dn: account.dn,
        sid: account.sid,
        account_name: account.account_name,
        password,
        key_version: after.key_version,
        pwd_last_set_unix: after.pwd_last_set_unix,
        dc_host: facts.dc_host,
    })
}

/// Whether a reset would be allowed, from reads alone.
pub(crate) async fn may_reset(session: &Session, guid: Guid) -> Result<ResetProof, AccountError> {
    let facts = facts::read(session).await?;
    let account = must_read(session, guid).await?;
    if let Some(what) = account.untouchable() {
        return Err(AccountError::Untouchable {
            dn: account.dn,
            what,
        });
    }
    let verdict = if account.enabled() {
        reset_verdict(session, &facts, guid).await?
    } else {
        ResetVerdict::Unknown {
            because: "the account is disabled, so it could not sign in after a reset".into(),
        }
    };
    Ok(ResetProof {
        dn: account.dn,
        sid: account.sid,
        verdict,
        dc_host: facts.dc_host,
        read_at_unix: facts.server_time_unix,
        pwd_last_set_unix: account.pwd_last_set_unix,
    })
}

/// The access list's word on *Reset Password* for the signed-in account.
pub(crate) async fn reset_verdict(
    session: &Session,
    facts: &gw_directory::DomainFacts,
    guid: Guid,
) -> Result<ResetVerdict, DirectoryError> {
    let unknown = |because: &str| ResetVerdict::Unknown {
        because: because.into(),
    };
    let Some(token) = token::read(session, facts).await? else {
        return Ok(unknown(
            "the signed-in account cannot read its own group memberships",
        ));
    };
    let entry = session
        .read_with(
            &guid_dn(guid),
            &["nTSecurityDescriptor"],
            vec![owner_and_dacl()],
        )
        .await?;
    Ok(
        match entry
            .as_ref()
            .and_then(|entry| entry.bytes("nTSecurityDescriptor"))
        {
            Some(descriptor) => rights::evaluate(descriptor, &token, rights::RESET_PASSWORD),
            None => unknown("the signed-in account may not read the object's access list"),
        },
    )
}

/// Enables or disables.
pub(crate) async fn set_enabled(
    session: &Session,
    guid: Guid,
    enabled: Enabled,
) -> Result<(), AccountError> {
    let account = must_read(session, guid).await?;
    if let Some(what) = account.untouchable() {
        return Err(AccountError::Untouchable {
            dn: account.dn,
            what,
        });
    }
    let before = account.user_account_control;
    let after = match enabled {
        Enabled::Yes => before & !AccountFacts::UAC_DISABLED,
        Enabled::No => before | AccountFacts::UAC_DISABLED,
    };
    if before == after {
        return Ok(());
    }
    let change = vec![("userAccountControl", vec![after.to_string().into_bytes()])];
    let result = session.replace(&guid_dn(guid), change).await?;
    Ok(session.accept("enable or disable the account", &account.dn, result)?)
}

/// What a password change moves.
pub(crate) struct Secrets {
    /// msDS-KeyVersionNumber.
    pub(crate) key_version: Option<u32>,
    /// pwdLastSet.
    pub(crate) pwd_last_set_unix: Option<i64>,
}

impl Secrets {
    pub(crate) async fn read(session: &Session, guid: Guid) -> Result<Self, DirectoryError> {
        let entry = session
            .read(&guid_dn(guid), &["msDS-KeyVersionNumber", "pwdLastSet"])
            .await?
            .unwrap_or_default();
        Ok(Self {
            key_version: entry.number("msDS-KeyVersionNumber"),
            pwd_last_set_unix: entry.text("pwdLastSet").and_then(time::filetime),
        })
    }
}

/// A random machine password.
pub(crate) fn fresh_password() -> Result<gw_directory::Secret, DirectoryError> {
    password::random().ok_or_else(|| DirectoryError::Setting {
        setting: "randomness",
        cause: "this server's operating system gives no random numbers".into(),
    })
}

/// The result of a password change in our words.
pub(crate) fn changed(
    session: &Session,
    dn: &str,
    result: &LdapResult,
) -> Result<(), AccountError> {
    match result.rc {
        0 => Ok(()),
        50 => Err(AccountError::NoRightToReset {
            account: session.account.clone(),
            dn: dn.into(),
        }),
        _ if is_password_rule(result) => Err(AccountError::PasswordRefused {
            dn: dn.into(),
            text: crate::result::words(&result.text),
        }),
        _ => Ok(session.accept("set the password", dn, result.clone())?),
    }
}

/// ERROR_PASSWORD_RESTRICTION, with either LDAP code AD and Samba use for it.
pub(crate) fn is_password_rule(result: &LdapResult) -> bool {
    matches!(result.rc, 19 | 53) && win32_code(&result.text) == Some(0x52d)
}

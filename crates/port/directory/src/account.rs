//! Computer accounts: prepare one for a join, reset one for the way back, prove that one may be
//! reset without doing it.
//!
//! The device never holds a credential that can do this: the server does it and hands the device
//! only its own machine password (`docs/protocol.md`, "Sealing"). Rules: windows.md 5.3,
//! A-119 (OU), A-120 (reuse), A-121 (join credential), D-12 (who may reuse what).

use crate::{
    BoxFuture, ComputerName, ComputerNameError, ConnectionSettings, DirectoryError, Problem, Secret,
};
use gw_model::Guid;
use gw_secdesc::Sid;

/// Operations on computer accounts, signed in with the runbook's join credential (target) or the
/// return credential (source). The settings' `base_dn` is not used: accounts are looked up in the
/// whole domain, because a name is unique there.
pub trait ComputerAccounts: Send + Sync {
    /// Creates or reuses the account and gives it a fresh random password.
    ///
    /// Nothing is changed if it is refused. A second call with [`PrepareRequest::resume`] set to
    /// the account of the first resets it again, whatever the reuse policy says.
    fn prepare_account<'a>(
        &'a self,
        settings: &'a ConnectionSettings,
        request: &'a PrepareRequest,
    ) -> BoxFuture<'a, Result<PreparedAccount, AccountError>>;

    /// Gives the account a fresh random password: the return ticket's machine secret.
    fn reset_password<'a>(
        &'a self,
        settings: &'a ConnectionSettings,
        account: Guid,
    ) -> BoxFuture<'a, Result<ResetAccount, AccountError>>;

    /// Tells from reads alone whether [`ComputerAccounts::reset_password`] would be allowed.
    /// See [`ResetProof`] for what that proves.
    fn may_reset<'a>(
        &'a self,
        settings: &'a ConnectionSettings,
        account: Guid,
    ) -> BoxFuture<'a, Result<ResetProof, AccountError>>;

    /// Enables or disables the account; does nothing if it is so already.
    fn set_enabled<'a>(
        &'a self,
        settings: &'a ConnectionSettings,
        account: Guid,
        enabled: Enabled,
    ) -> BoxFuture<'a, Result<(), AccountError>>;

    /// What the directory knows about a computer of that name.
    fn find_account<'a>(
        &'a self,
        settings: &'a ConnectionSettings,
        name: &'a ComputerName,
    ) -> BoxFuture<'a, Result<Option<AccountFacts>, AccountError>>;
}

/// What to prepare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrepareRequest {
    /// The device's name in the target.
    pub name: ComputerName,
    /// Where to create it; `None` or empty is the domain's default container for computers
    /// (well-known GUID AA312825768811D1ADED00C04FD8D5CD).
    pub ou: Option<String>,
    /// What to do if the name is taken.
    pub reuse: ReusePolicy,
    /// The account an earlier, interrupted call for the same run prepared.
    pub resume: Option<Guid>,
    /// The device's own system, to tell a stranger with the same name.
    pub os: Option<OsClaim>,
    /// An account that logged on within so many days counts as in use.
    pub recent_days: u32,
    /// Take an account that is in use by another system all the same.
    pub force: Force,
}

/// Whether an existing account may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReusePolicy {
    /// The name must be free.
    Never,
    /// Use it if the joining account created or owns it, or its rights on it suffice (D-12).
    IfAllowed,
}

/// An administrator's explicit word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Force {
    /// The rules hold.
    No,
    /// The in-use rule is waived; domain controllers, trusts and privileged accounts are not.
    TakeInUse,
}

/// Two states of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enabled {
    /// May sign in.
    Yes,
    /// May not.
    No,
}

/// What a device says of its own system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OsClaim {
    /// As AD writes it: `Windows 11 Pro`.
    pub name: String,
    /// As AD writes it: `10.0 (22631)`.
    pub version: Option<String>,
}

/// An existing computer account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountFacts {
    /// Distinguished name.
    pub dn: String,
    /// objectGUID.
    pub guid: Guid,
    /// objectSid.
    pub sid: Sid,
    /// sAMAccountName with its `$`.
    pub account_name: String,
    /// userAccountControl.
    pub user_account_control: u32,
    /// Owner of the object, if it may be read.
    pub owner: Option<Sid>,
    /// mS-DS-CreatorSID: who created it by quota.
    pub creator: Option<Sid>,
    /// operatingSystem.
    pub operating_system: Option<String>,
    /// lastLogonTimestamp, seconds since 1970 (replicated, so up to 14 days late).
    pub last_logon_unix: Option<i64>,
    /// pwdLastSet, seconds since 1970.
    pub pwd_last_set_unix: Option<i64>,
    /// adminCount is 1: protected by AdminSDHolder.
    pub protected: bool,
}

impl AccountFacts {
    /// ADS_UF_ACCOUNTDISABLE.
    pub const UAC_DISABLED: u32 = 0x2;
    /// ADS_UF_PASSWD_NOTREQD.
    pub const UAC_NO_PASSWORD: u32 = 0x20;
    /// ADS_UF_INTERDOMAIN_TRUST_ACCOUNT.
    pub const UAC_TRUST: u32 = 0x800;
    /// ADS_UF_WORKSTATION_TRUST_ACCOUNT.
    pub const UAC_WORKSTATION: u32 = 0x1000;
    /// ADS_UF_SERVER_TRUST_ACCOUNT: a domain controller.
    pub const UAC_DC: u32 = 0x2000;
    /// ADS_UF_TRUSTED_FOR_DELEGATION.
    pub const UAC_DELEGATION: u32 = 0x8_0000;
    /// ADS_UF_TRUSTED_TO_AUTHENTICATE_FOR_DELEGATION.
    pub const UAC_PROTOCOL_TRANSITION: u32 = 0x100_0000;
    /// ADS_UF_PARTIAL_SECRETS_ACCOUNT: a read-only domain controller.
    pub const UAC_RODC: u32 = 0x400_0000;

    /// Not disabled.
    #[must_use]
    pub fn enabled(&self) -> bool {
        self.user_account_control & Self::UAC_DISABLED == 0
    }

    /// Why this account's password is never reset, if it is one of those.
    #[must_use]
    pub fn untouchable(&self) -> Option<&'static str> {
        let uac = self.user_account_control;
        if uac & (Self::UAC_DC | Self::UAC_RODC) != 0 {
            Some("a domain controller")
        } else if uac & Self::UAC_TRUST != 0 {
            Some("a trust with another domain")
        } else if self.protected {
            Some("a protected privileged account")
        } else if uac & Self::UAC_WORKSTATION == 0 {
            Some("not a workstation or server account")
        } else {
            None
        }
    }

    /// Why another device never takes this account over, if it is one of those: what
    /// [`AccountFacts::untouchable`] says, and accounts that may act for users, because whoever
    /// holds their password may impersonate anybody.
    #[must_use]
    pub fn not_for_reuse(&self) -> Option<&'static str> {
        let uac = self.user_account_control;
        self.untouchable().or_else(|| {
            (uac & (Self::UAC_DELEGATION | Self::UAC_PROTOCOL_TRANSITION) != 0)
                .then_some("trusted to act for other users (delegation)")
        })
    }
}

/// The account a device will join with.
#[derive(Debug, Clone)]
pub struct PreparedAccount {
    /// Distinguished name.
    pub dn: String,
    /// objectGUID: bind to this, names change.
    pub guid: Guid,
    /// objectSid.
    pub sid: Sid,
    /// sAMAccountName with its `$`.
    pub account_name: String,
    /// The new machine password: 120 printable ASCII characters.
    pub password: Secret,
    /// msDS-KeyVersionNumber after the change, where it may be read.
    pub key_version: Option<u32>,
    /// pwdLastSet after the change, seconds since 1970.
    pub pwd_last_set_unix: Option<i64>,
    /// The domain controller that knows the password already; others learn it by replication.
    pub dc_host: String,
    /// New, or taken over, and why that was allowed.
    pub origin: AccountOrigin,
    /// For the log: what was left as it was and why.
    pub notes: Vec<String>,
}

/// Where a prepared account came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountOrigin {
    /// It did not exist.
    Created,
    /// It existed and got a new password.
    Reset(ReuseBasis),
}

/// What allowed the reuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReuseBasis {
    /// This run prepared it before.
    SameRun,
    /// The joining account created it (mS-DS-CreatorSID).
    Creator,
    /// The joining account owns it.
    Owner,
    /// The access list grants the joining account the password reset.
    Rights,
}

/// An account with a new password.
#[derive(Debug, Clone)]
pub struct ResetAccount {
    /// Distinguished name.
    pub dn: String,
    /// objectSid.
    pub sid: Sid,
    /// sAMAccountName with its `$`.
    pub account_name: String,
    /// 120 printable ASCII characters.
    pub password: Secret,
    /// msDS-KeyVersionNumber after the change.
    pub key_version: Option<u32>,
    /// pwdLastSet after the change, seconds since 1970.
    pub pwd_last_set_unix: Option<i64>,
    /// The domain controller that knows it already.
    pub dc_host: String,
}

/// What reading alone says about a later password reset.
///
/// It **proves**: when it was read, on the controller named here, the object's access list granted
/// (or did not grant) this account's token the extended right *Reset Password*
/// (00299570-246d-11d0-a768-00aa006e0529), the account is enabled and not one that is never
/// touched. It does **not** prove: that nobody changes the list or the groups later, that the
/// controller will be reachable, that another controller has the same list yet, nor the outcome of
/// conditional entries (an entry this reader cannot evaluate counts against the right).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResetProof {
    /// Distinguished name of the account.
    pub dn: String,
    /// Its SID.
    pub sid: Sid,
    /// Allowed or not, and by what.
    pub verdict: ResetVerdict,
    /// The domain controller that was read.
    pub dc_host: String,
    /// Its clock, seconds since 1970.
    pub read_at_unix: i64,
    /// pwdLastSet at that time; a reset moves it.
    pub pwd_last_set_unix: Option<i64>,
}

/// The verdict of a [`ResetProof`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResetVerdict {
    /// Granted to this SID of the token (the account itself or one of its groups).
    Granted {
        /// Whom the entry names.
        to: Sid,
    },
    /// Refused by a deny entry for this SID.
    Denied {
        /// Whom the entry names.
        to: Sid,
    },
    /// No entry grants it.
    NotGranted,
    /// The access list could not be read.
    Unknown {
        /// Why.
        because: String,
    },
}

impl ResetProof {
    /// True if the return ticket may be graded *auto*.
    #[must_use]
    pub fn is_granted(&self) -> bool {
        matches!(self.verdict, ResetVerdict::Granted { .. })
    }
}

/// An account was not prepared, reset or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// The directory could not be asked.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The name breaks a rule.
    #[error(transparent)]
    Name(#[from] ComputerNameError),
    /// The name is taken and reuse is off.
    #[error(
        "computer account `{account}` exists already at `{dn}` and the runbook does not allow its reuse"
    )]
    Exists {
        /// sAMAccountName.
        account: String,
        /// Where it is.
        dn: String,
    },
    /// Another object has the place or the name.
    #[error("`{dn}` cannot be created: {because}")]
    Occupied {
        /// The DN wanted.
        dn: String,
        /// What is there.
        because: String,
    },
    /// The OU is not there.
    #[error("organisational unit `{ou}` does not exist")]
    OuMissing {
        /// The OU.
        ou: String,
    },
    /// The account may not create computers there.
    #[error("{account} may not create computers in `{ou}`")]
    NoRightToCreate {
        /// The joining account.
        account: String,
        /// The OU or container.
        ou: String,
    },
    /// The account created as many computers as anybody may.
    #[error("{account} has created as many computers as the domain allows{}", limit.map(|n| format!(" ({n})")).unwrap_or_default())]
    QuotaExceeded {
        /// The joining account.
        account: String,
        /// ms-DS-MachineAccountQuota, if known.
        limit: Option<u32>,
    },
    /// The account may not reset that password.
    #[error("{account} may not reset the password of `{dn}`")]
    NoRightToReset {
        /// The signed-in account.
        account: String,
        /// The computer.
        dn: String,
    },
    /// Reuse allowed by the runbook, but neither created, owned nor controlled by the account.
    #[error(
        "computer account `{dn}` belongs to {owner} and {account} has no right to take it over"
    )]
    NotOurs {
        /// The joining account.
        account: String,
        /// The computer.
        dn: String,
        /// The owner's SID, or "an unknown owner".
        owner: String,
    },
    /// Never touched.
    #[error("`{dn}` is {what}; it is never touched")]
    Untouchable {
        /// The account.
        dn: String,
        /// What it is.
        what: &'static str,
    },
    /// A living computer of another kind has the name.
    #[error(
        "computer account `{dn}` is in use: {their_os} logged on {days} days ago, this device runs {our_os}"
    )]
    InUse {
        /// The account.
        dn: String,
        /// The system in the directory.
        their_os: String,
        /// The device's system.
        our_os: String,
        /// Days since the last logon the directory knows.
        days: i64,
    },
    /// No such account.
    #[error("there is no computer account {account} in this domain")]
    NotFound {
        /// Name or GUID.
        account: String,
    },
    /// The domain's rules refuse the password.
    #[error("the domain refuses a 120-character random password for `{dn}`: {text}")]
    PasswordRefused {
        /// The account.
        dn: String,
        /// The server's words.
        text: String,
    },
}

impl AccountError {
    /// Stable, for scripts.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Directory(error) => error.code(),
            Self::Name(_) => "computer_name",
            Self::Exists { .. } => "account_exists",
            Self::Occupied { .. } => "name_occupied",
            Self::OuMissing { .. } => "ou_missing",
            Self::NoRightToCreate { .. } => "no_right_to_create",
            Self::QuotaExceeded { .. } => "quota_exceeded",
            Self::NoRightToReset { .. } => "no_right_to_reset",
            Self::NotOurs { .. } => "account_not_ours",
            Self::Untouchable { .. } => "account_untouchable",
            Self::InUse { .. } => "account_in_use",
            Self::NotFound { .. } => "account_not_found",
            Self::PasswordRefused { .. } => "password_refused",
        }
    }

    /// Who can do what about it.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::Directory(error) => error.remedy(),
            Self::Name(_) => "choose another name in the runbook's rename rule".into(),
            Self::Exists { .. } => "allow reuse in the runbook, delete the old account, or rename the device".into(),
            Self::Occupied { .. } => "choose another OU or rename the device".into(),
            Self::OuMissing { .. } => "correct the OU in the runbook, or leave it empty for the domain's default container".into(),
            Self::NoRightToCreate { .. } => "delegate \"create computer objects\" on the OU to the join account".into(),
            Self::QuotaExceeded { .. } => "delegate \"create computer objects\" on an OU to the join account; the quota does not count then".into(),
            Self::NoRightToReset { .. } => "delegate \"reset password\" on computer objects to the account".into(),
            Self::NotOurs { .. } => "pre-stage the account with the same account that joins, delegate \"reset password\" on it, or delete it".into(),
            Self::Untouchable { .. } => "rename the device".into(),
            Self::InUse { .. } => "make sure the other computer is gone, then force it in the batch, or rename the device".into(),
            Self::NotFound { .. } => "import the directory again; the account may have been deleted".into(),
            Self::PasswordRefused { .. } => "look at the password policy and password filters of the domain controllers".into(),
        }
    }

    /// Code, cause and remedy together.
    #[must_use]
    pub fn problem(&self) -> Problem {
        Problem {
            code: self.code(),
            cause: self.to_string(),
            remedy: self.remedy(),
        }
    }
}

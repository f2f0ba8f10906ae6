//! Why a directory could not be read, in words that name the cause and the next step.

use crate::{SinkStopped, TrustError};
use serde::Serialize;
use std::time::Duration;

/// A failure as a person sees it: stable code, cause, next step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Stable, for scripts: `name_not_found`, `account_locked`, …
    pub code: &'static str,
    /// What happened, to which object.
    pub cause: String,
    /// Who can do what about it.
    pub remedy: String,
}

/// Why the certificate is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateProblem {
    /// No trusted authority signed it.
    #[error("it was not issued by a trusted certificate authority")]
    UnknownIssuer,
    /// It names other hosts.
    #[error("it is valid for {} only", names.join(", "))]
    NameMismatch {
        /// The names in the certificate.
        names: Vec<String>,
    },
    /// Too late.
    #[error("it has expired")]
    Expired,
    /// Too early.
    #[error("it is not valid yet")]
    NotYetValid,
    /// Revoked.
    #[error("it has been revoked")]
    Revoked,
    /// Another key than the pinned one.
    #[error("its SHA-256 is {certificate} (key: {key}), which is not the pin")]
    PinMismatch {
        /// SHA-256 of the certificate, hex.
        certificate: String,
        /// SHA-256 of its SubjectPublicKeyInfo, hex.
        key: String,
    },
    /// Anything else.
    #[error("{cause}")]
    Other {
        /// The TLS library's words.
        cause: String,
    },
}

/// What AD says about a refused sign-in: LDAP code 49 with `data <hex>` (MS-ADTS, Win32 numbers).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BindProblem {
    /// 525.
    #[error("there is no such account")]
    NoSuchAccount,
    /// 52e.
    #[error("the account or its password is wrong")]
    WrongPassword,
    /// 530.
    #[error("the account may not sign in at this time of day")]
    LogonHours,
    /// 531.
    #[error("the account may not sign in from this computer")]
    Workstation,
    /// 532.
    #[error("the account's password has expired")]
    PasswordExpired,
    /// 533.
    #[error("the account is disabled")]
    Disabled,
    /// 701.
    #[error("the account has expired")]
    AccountExpired,
    /// 773.
    #[error("the account must change its password first")]
    MustChangePassword,
    /// 775.
    #[error("the account is locked out")]
    LockedOut,
    /// Any other.
    #[error("the directory refused the account (code {0:#x})")]
    Other(u32),
}

impl BindProblem {
    /// From the number behind `data` in the diagnostic text.
    #[must_use]
    pub fn from_data(code: u32) -> Self {
        match code {
            0x525 => Self::NoSuchAccount,
            0x52e => Self::WrongPassword,
            0x530 => Self::LogonHours,
            0x531 => Self::Workstation,
            0x532 => Self::PasswordExpired,
            0x533 => Self::Disabled,
            0x701 => Self::AccountExpired,
            0x773 => Self::MustChangePassword,
            0x775 => Self::LockedOut,
            other => Self::Other(other),
        }
    }

    fn code(self) -> &'static str {
        match self {
            Self::NoSuchAccount => "account_not_found",
            Self::WrongPassword => "wrong_credentials",
            Self::LogonHours => "logon_hours",
            Self::Workstation => "logon_workstation",
            Self::PasswordExpired => "password_expired",
            Self::Disabled => "account_disabled",
            Self::AccountExpired => "account_expired",
            Self::MustChangePassword => "password_must_change",
            Self::LockedOut => "account_locked",
            Self::Other(_) => "sign_in_refused",
        }
    }

    fn remedy(self) -> &'static str {
        match self {
            Self::NoSuchAccount | Self::WrongPassword => {
                "check the account (user@domain, DOMAIN\\user or a full DN) and enter its password again"
            }
            Self::LogonHours => "ask the domain's administrator to lift the account's logon hours",
            Self::Workstation => {
                "ask the domain's administrator to lift the account's \"log on to\" list"
            }
            Self::PasswordExpired => "set a new password for the account and enter it here",
            Self::Disabled => "ask the domain's administrator to enable the account",
            Self::AccountExpired => "ask the domain's administrator to extend the account",
            Self::MustChangePassword => {
                "clear \"user must change password at next logon\", or set a new password"
            }
            Self::LockedOut => {
                "wait until the lockout ends or unlock the account; look for old copies of its password"
            }
            Self::Other(_) => {
                "look the code up among the Win32 error codes, or ask the domain's administrator"
            }
        }
    }
}

/// A directory operation failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    /// DNS knows no such name.
    #[error("host name `{host}` cannot be resolved: {cause}")]
    NameNotFound {
        /// The name.
        host: String,
        /// The resolver's words.
        cause: String,
    },
    /// The host answered that nothing listens.
    #[error("nothing listens on {host} port {port}: the connection was refused")]
    PortRefused {
        /// Host and address.
        host: String,
        /// Port.
        port: u16,
    },
    /// The network does not lead there.
    #[error("{host} port {port} cannot be reached: {cause}")]
    Unreachable {
        /// Host and address.
        host: String,
        /// Port.
        port: u16,
        /// The system's words.
        cause: String,
    },
    /// A step took too long.
    #[error("{what} took longer than {after:?}")]
    TimedOut {
        /// The step and its object.
        what: String,
        /// The limit.
        after: Duration,
    },
    /// The port does not speak TLS.
    #[error("{host} port {port} does not start TLS: {cause}")]
    NotTls {
        /// Host.
        host: String,
        /// Port.
        port: u16,
        /// What came instead.
        cause: String,
    },
    /// The server will not do StartTLS.
    #[error("{host} port {port} refuses StartTLS: {cause}")]
    StartTlsRefused {
        /// Host.
        host: String,
        /// Port.
        port: u16,
        /// The server's words.
        cause: String,
    },
    /// The certificate is not believed.
    #[error("the certificate of {host} is not accepted: {problem}")]
    Certificate {
        /// Host.
        host: String,
        /// Why.
        problem: CertificateProblem,
    },
    /// TLS failed otherwise.
    #[error("TLS with {host} failed: {cause}")]
    Tls {
        /// Host.
        host: String,
        /// The TLS library's words.
        cause: String,
    },
    /// The trust settings cannot be used.
    #[error("the certificate trust settings cannot be used: {0}")]
    Trust(#[from] TrustError),
    /// A setting makes no sense.
    #[error("setting `{setting}` cannot be used: {cause}")]
    Setting {
        /// Its name.
        setting: &'static str,
        /// Why.
        cause: String,
    },
    /// The sign-in was refused.
    #[error("{account} cannot sign in to {host}: {problem}")]
    SignIn {
        /// Host.
        host: String,
        /// The account as configured.
        account: String,
        /// Why.
        problem: BindProblem,
    },
    /// LDAP code 8 or 13.
    #[error("{host} asks for stronger authentication: {text}")]
    StrongAuthRequired {
        /// Host.
        host: String,
        /// The server's words.
        text: String,
    },
    /// The object a search starts at is not there.
    #[error("`{dn}` does not exist in this directory")]
    NoSuchObject {
        /// The DN asked for.
        dn: String,
        /// The part of it that exists, if the server tells.
        matched: Option<String>,
        /// The domain's own root, as a hint.
        domain_dn: Option<String>,
    },
    /// The DN belongs to another server.
    #[error("`{dn}` is not held by this domain controller")]
    Elsewhere {
        /// The DN asked for.
        dn: String,
        /// Where the server points to.
        referrals: Vec<String>,
    },
    /// LDAP code 34.
    #[error("`{dn}` is not a distinguished name")]
    BadDn {
        /// The text.
        dn: String,
    },
    /// The account may not do this.
    #[error("{account} may not {what}")]
    NoRights {
        /// The account as configured.
        account: String,
        /// What it tried.
        what: String,
    },
    /// The server is busy, unavailable or over its limits.
    #[error("the directory cannot {what} now: {text}")]
    Busy {
        /// What was asked.
        what: String,
        /// The server's words.
        text: String,
    },
    /// Any other LDAP result.
    #[error("the directory refused to {what}: LDAP code {code}, {text}")]
    Refused {
        /// What was asked.
        what: String,
        /// LDAP result code (RFC 4511 A.1).
        code: u32,
        /// The server's words.
        text: String,
    },
    /// The connection broke.
    #[error("the connection to {host} broke while {what}: {cause}")]
    ConnectionLost {
        /// Host.
        host: String,
        /// What was going on.
        what: String,
        /// The system's words.
        cause: String,
    },
    /// The answer is not LDAP, or lacks what it must have.
    #[error("the answer of {host} makes no sense: {what}")]
    Malformed {
        /// Host.
        host: String,
        /// What is wrong with it.
        what: String,
    },
    /// The receiver of the import gave up.
    #[error("the import was stopped: {0}")]
    Stopped(#[from] SinkStopped),
}

impl DirectoryError {
    /// Stable, for scripts.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NameNotFound { .. } => "name_not_found",
            Self::PortRefused { .. } => "port_refused",
            Self::Unreachable { .. } => "host_unreachable",
            Self::TimedOut { .. } => "timed_out",
            Self::NotTls { .. } => "not_tls",
            Self::StartTlsRefused { .. } => "starttls_refused",
            Self::Certificate { problem, .. } => match problem {
                CertificateProblem::UnknownIssuer => "certificate_unknown_issuer",
                CertificateProblem::NameMismatch { .. } => "certificate_name_mismatch",
                CertificateProblem::Expired => "certificate_expired",
                CertificateProblem::NotYetValid => "certificate_not_yet_valid",
                CertificateProblem::Revoked => "certificate_revoked",
                CertificateProblem::PinMismatch { .. } => "certificate_pin_mismatch",
                CertificateProblem::Other { .. } => "certificate_refused",
            },
            Self::Tls { .. } => "tls_failed",
            Self::Trust(_) => "trust_settings",
            Self::Setting { .. } => "setting",
            Self::SignIn { problem, .. } => problem.code(),
            Self::StrongAuthRequired { .. } => "strong_auth_required",
            Self::NoSuchObject { .. } => "no_such_object",
            Self::Elsewhere { .. } => "held_elsewhere",
            Self::BadDn { .. } => "bad_dn",
            Self::NoRights { .. } => "no_rights",
            Self::Busy { .. } => "directory_busy",
            Self::Refused { .. } => "refused",
            Self::ConnectionLost { .. } => "connection_lost",
            Self::Malformed { .. } => "malformed_answer",
            Self::Stopped(_) => "stopped",
        }
    }

    /// True if the same call may succeed later without anybody changing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::PortRefused { .. }
                | Self::Unreachable { .. }
                | Self::TimedOut { .. }
                | Self::Busy { .. }
                | Self::ConnectionLost { .. }
        )
    }

    /// Who can do what about it.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::NameNotFound { .. } => {
                "check the spelling; this server's DNS must know the domain (a conditional forwarder helps), or enter an address to connect to".into()
            }
            Self::PortRefused { port, .. } => format!(
                "check the port (LDAPS 636, StartTLS 389, this is {port}) and that the host is a domain controller that is running"
            ),
            Self::Unreachable { .. } => "check routing and firewalls between this server and the domain controller".into(),
            Self::TimedOut { .. } => {
                "check firewalls that drop packets silently and the domain controller's load, then try again".into()
            }
            Self::NotTls { .. } | Self::StartTlsRefused { .. } => {
                "use LDAPS on 636 or StartTLS on 389; the domain controller needs a server certificate for either (AD: install one in its Personal store)".into()
            }
            Self::Certificate { problem, .. } => certificate_remedy(problem).into(),
            Self::Tls { .. } => "check that the domain controller offers TLS 1.2 or newer with a certificate of at least RSA 2048 or ECDSA P-256".into(),
            Self::Trust(_) => "paste the PEM text of the issuing certificate authority, or the 64 hex digits of the certificate's SHA-256".into(),
            Self::Setting { .. } => "correct the setting of the directory connection".into(),
            Self::SignIn { problem, .. } => problem.remedy().into(),
            Self::StrongAuthRequired { .. } => "use LDAPS or StartTLS; if it is in use already, look at the domain controller's LDAP signing and channel binding policy".into(),
            Self::NoSuchObject { matched, domain_dn, .. } => {
                let near = match (matched, domain_dn) {
                    (Some(dn), _) if !dn.is_empty() => format!("; the nearest existing part is `{dn}`"),
                    (_, Some(dn)) => format!("; the domain's root is `{dn}`"),
                    _ => String::new(),
                };
                format!("correct the DN, or leave it empty for the whole domain{near}")
            }
            Self::Elsewhere { referrals, .. } => format!(
                "connect to a domain controller of that domain{}",
                referrals.first().map(|url| format!(" ({url})")).unwrap_or_default()
            ),
            Self::BadDn { .. } => "write it as in OU=Workstations,DC=example,DC=com, with commas inside names escaped as \\,".into(),
            Self::NoRights { .. } => "ask the domain's administrator to grant the right to this account, or use another account".into(),
            Self::Busy { .. } | Self::ConnectionLost { .. } => "try again; if it stays, look at the domain controller's load and event log".into(),
            Self::Refused { .. } => "look the LDAP code up with the domain's administrator".into(),
            Self::Malformed { .. } => "check that the host is a domain controller and that nothing in between alters the traffic".into(),
            Self::Stopped(_) => "start the import again".into(),
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

fn certificate_remedy(problem: &CertificateProblem) -> &'static str {
    match problem {
        CertificateProblem::UnknownIssuer => {
            "add the domain's certificate authority as custom CA of this connection, or pin the certificate after comparing it on the domain controller"
        }
        CertificateProblem::NameMismatch { .. } => {
            "connect by a name that is in the certificate, or issue a certificate with this name in its subject alternative names"
        }
        CertificateProblem::Expired => "renew the domain controller's certificate",
        CertificateProblem::NotYetValid => {
            "check the clocks of this server and the domain controller"
        }
        CertificateProblem::Revoked => "issue a new certificate to the domain controller",
        CertificateProblem::PinMismatch { .. } => {
            "if the certificate was renewed, compare it on the domain controller and enter the new pin; otherwise somebody else answers"
        }
        CertificateProblem::Other { .. } => {
            "issue the domain controller a server certificate with RSA 2048 or ECDSA P-256 and SHA-256"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn active_directory_sub_codes_have_their_own_words() {
        let codes = [
            0x525, 0x52e, 0x530, 0x531, 0x532, 0x533, 0x701, 0x773, 0x775, 0x999,
        ];
        let mut words: Vec<_> = codes
            .iter()
            .map(|code| BindProblem::from_data(*code).to_string())
            .collect();
        words.sort();
        words.dedup();
        assert_eq!(words.len(), codes.len());
    }

    #[test]
    fn a_wrong_base_dn_hints_at_the_right_one() {
        let error = DirectoryError::NoSuchObject {
            dn: "OU=X,DC=a,DC=test".into(),
            matched: None,
            domain_dn: Some("DC=b,DC=test".into()),
        };
        assert!(error.problem().remedy.contains("DC=b,DC=test"));
    }
}

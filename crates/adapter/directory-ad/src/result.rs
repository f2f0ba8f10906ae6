//! LDAP result codes and AD's diagnostic texts as typed errors.

use gw_directory::{BindProblem, DirectoryError};
use ldap3::LdapResult;

/// AD puts the Win32 error in front of its diagnostic text, eight hex digits and a colon
/// (MS-ADTS 3.1.1.3.1.9): `0000216D: SvcErr: …`.
pub(crate) fn win32_code(text: &str) -> Option<u32> {
    let digits = text.trim_start().get(..8)?;
    if text.trim_start().as_bytes().get(8) != Some(&b':') {
        return None;
    }
    u32::from_str_radix(digits, 16).ok()
}

/// The number behind `data` of a refused sign-in: `… AcceptSecurityContext error, data 52e, v1db1`.
pub(crate) fn bind_data(text: &str) -> Option<u32> {
    let (_, rest) = text.split_once("data ")?;
    let digits: String = rest.chars().take_while(char::is_ascii_hexdigit).collect();
    u32::from_str_radix(&digits, 16).ok()
}

/// The server's words without AD's trailing NUL and Samba's source positions, at most 300
/// characters.
pub(crate) fn words(text: &str) -> String {
    let text = text.split(" at ../").next().unwrap_or_default();
    let clean: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(300)
        .collect();
    let clean = clean.trim().to_owned();
    if clean.is_empty() {
        "no reason given".into()
    } else {
        clean
    }
}

/// Where and as whom something was asked; lends its names to the errors.
pub(crate) struct Asked<'a> {
    /// Host as configured.
    pub(crate) host: &'a str,
    /// Account as configured.
    pub(crate) account: &'a str,
    /// What was asked, as in "cannot … now".
    pub(crate) what: &'a str,
    /// The object it was about.
    pub(crate) dn: &'a str,
}

/// The error for a result that is not success.
pub(crate) fn refused(asked: &Asked<'_>, result: &LdapResult) -> DirectoryError {
    let text = words(&result.text);
    let host = asked.host.to_owned();
    let account = asked.account.to_owned();
    let what = asked.what.to_owned();
    let dn = asked.dn.to_owned();
    match result.rc {
        8 | 13 => DirectoryError::StrongAuthRequired { host, text },
        10 => DirectoryError::Elsewhere {
            dn,
            referrals: result.refs.clone(),
        },
        32 => DirectoryError::NoSuchObject {
            dn,
            matched: (!result.matched.is_empty()).then(|| result.matched.clone()),
            domain_dn: None,
        },
        34 => DirectoryError::BadDn { dn },
        49 => DirectoryError::SignIn {
            host,
            account,
            problem: bind_data(&result.text).map_or(BindProblem::Other(49), BindProblem::from_data),
        },
        50 => DirectoryError::NoRights {
            account,
            what: format!("{what} (`{dn}`)"),
        },
        3 | 11 | 51 | 52 => DirectoryError::Busy { what, text },
        code => DirectoryError::Refused { what, code, text },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(rc: u32, text: &str) -> LdapResult {
        LdapResult {
            rc,
            matched: String::new(),
            text: text.into(),
            refs: vec![],
            ctrls: vec![],
        }
    }
    const ASKED: Asked<'static> = Asked {
        host: "dc1",
        account: "u@d",
        what: "read",
        dn: "DC=x",
    };

    #[test]
    fn sign_in_sub_codes_are_found_in_ad_and_samba_texts() {
        let ad = "80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data 775, v2580\0";
        let samba = "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data 52e, v1db1";
        assert_eq!(bind_data(ad), Some(0x775));
        assert_eq!(refused(&ASKED, &result(49, ad)).code(), "account_locked");
        assert_eq!(
            refused(&ASKED, &result(49, samba)).code(),
            "wrong_credentials"
        );
        assert_eq!(refused(&ASKED, &result(49, "")).code(), "sign_in_refused");
    }

    #[test]
    fn every_code_that_has_a_meaning_gets_its_own_error() {
        let codes: Vec<_> = [8, 10, 32, 34, 50, 51, 53]
            .map(|rc| refused(&ASKED, &result(rc, "why")).code())
            .to_vec();
        assert_eq!(
            codes,
            [
                "strong_auth_required",
                "held_elsewhere",
                "no_such_object",
                "bad_dn",
                "no_rights",
                "directory_busy",
                "refused"
            ]
        );
    }

    #[test]
    fn win32_codes_are_read_only_where_ad_puts_them() {
        assert_eq!(
            win32_code("0000216D: SvcErr: DSID-03152A1B, problem 5003"),
            Some(0x216d)
        );
        assert_eq!(win32_code("0000052D"), None);
        assert_eq!(win32_code("samdb: 0000052D: x"), None);
        assert_eq!(win32_code("éééé:"), None);
    }

    #[test]
    fn words_lose_controls_and_source_positions() {
        assert_eq!(words("No such Base DN\0"), "No such Base DN");
        assert_eq!(
            words("acl_read: Error for base. at ../../source4/x.c:967"),
            "acl_read: Error for base."
        );
        assert_eq!(words("\0"), "no reason given");
    }
}

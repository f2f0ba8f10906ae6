//! One entrance for what a domain controller may answer, for fuzzers: must return, never panic.

use crate::{
    accounts,
    entry::Entry,
    escape, facts, import,
    result::{Asked, bind_data, refused, win32_code, words},
    rights::{RESET_PASSWORD, evaluate},
    session::cookie_of,
    starttls, time, tls,
    token::Token,
};
use gw_model::ObjectKind;
use gw_secdesc::Sid;
use ldap3::{LdapResult, asn1::parse_tag};

/// Reads bytes as everything that this crate takes from a server, and its text as everything
/// that stands in an answer as text.
///
/// # Panics
/// When text gets out of the filter or the name that it is escaped for.
pub fn exercise(data: &[u8]) {
    let _ = (starttls::result_code(data), cookie_of(data));
    if let Ok((_, tag)) = parse_tag(data)
        && let Some(entry) = Entry::from_tag(tag)
    {
        read(&entry);
    }
    let text = String::from_utf8_lossy(data);
    let _ = (win32_code(&text), bind_data(&text), words(&text));
    let _ = (time::generalized(&text), time::filetime(&text));
    let _ = (escape::dns_name(&text), tls::authorities(&text));
    let filter = escape::filter(&text);
    assert!(!filter.contains(['(', ')', '*', '\0']), "{filter}");
    let name = format!("CN={},DC=x", escape::dn(&text));
    assert_eq!(escape::rdn_values(&name), [&*text, "x"], "{name}");
}

fn read(entry: &Entry) {
    let extra = ["employeeID".to_owned(), "jpegPhoto".to_owned()];
    for kind in [ObjectKind::User, ObjectKind::Group, ObjectKind::Computer] {
        let _ = import::object(kind, entry, &extra);
    }
    let _ = (accounts::account(entry), entry.ranged("member"));
    let _ = entry.bytes("objectGUID").and_then(facts::guid);
    let _ = escape::rdn_values(&entry.dn);
    if let Some(text) = entry.text("currentTime") {
        let _ = time::generalized(text);
    }
    let sid = entry.bytes("objectSid").map(Sid::from_bytes);
    if let (Some(Ok(sid)), Some(list)) = (sid, entry.bytes("nTSecurityDescriptor")) {
        let sids = [sid.clone()].into();
        let _ = evaluate(list, &Token { sid, sids }, RESET_PASSWORD);
    }
    let asked = Asked {
        host: "dc1",
        account: "reader",
        what: "read",
        dn: &entry.dn,
    };
    let result = LdapResult {
        rc: entry.number("userAccountControl").unwrap_or(49),
        matched: String::new(),
        text: entry.dn.clone(),
        refs: Vec::new(),
        ctrls: Vec::new(),
    };
    let _ = refused(&asked, &result).to_string();
}

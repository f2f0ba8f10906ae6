//! What a domain controller answers: entries and their attributes, results, clocks, names.
//!
//! Input: bytes in BER, as they come out of TLS.

use crate::{Target, leave_alone};

pub(crate) const TARGET: Target = Target {
    name: "directory",
    seeds,
    repair: leave_alone,
    run,
};

fn run(data: &[u8]) {
    gw_directory_ad::exercise(data);
}

/// One BER element.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len() as u16;
    let head = match length {
        0..0x80 => vec![tag, length as u8],
        _ => vec![tag, 0x82, (length >> 8) as u8, length as u8],
    };
    [&head[..], content].concat()
}

fn entry(attributes: &[(&str, &[&[u8]])]) -> Vec<u8> {
    let attributes: Vec<u8> = attributes
        .iter()
        .flat_map(|(name, values)| {
            let values: Vec<u8> = values.iter().flat_map(|value| element(4, value)).collect();
            element(
                0x30,
                &[element(4, name.as_bytes()), element(0x31, &values)].concat(),
            )
        })
        .collect();
    let name = element(4, b"CN=Anna \\2C M,OU=a,DC=source,DC=test");
    element(0x64, &[name, element(0x30, &attributes)].concat())
}

fn seeds() -> anyhow::Result<Vec<Vec<u8>>> {
    let sid: gw_secdesc::Sid = "S-1-5-21-397955417-626881126-188441444-1105".parse()?;
    let list = gw_secdesc::Acl::new(vec![gw_secdesc::Ace::new(0, 0, 0x100, &sid)]);
    let descriptor = gw_secdesc::SecurityDescriptor::new(sid.clone(), sid.clone(), list);
    let user = entry(&[
        ("objectGUID", &[&[7; 16]]),
        ("objectSid", &[sid.as_bytes()]),
        ("sIDHistory", &[sid.as_bytes(), &[1, 2]]),
        ("sAMAccountName", &[b"anna"]),
        ("userPrincipalName", &[b"anna@source.test"]),
        ("userAccountControl", &[b"512"]),
        ("uSNChanged", &[b"12345"]),
        ("employeeID", &[b"7", b"\xff"]),
    ]);
    let computer = entry(&[
        ("objectGUID", &[&[8; 16]]),
        ("objectSid", &[sid.as_bytes()]),
        ("sAMAccountName", &[b"PC-1$"]),
        ("userAccountControl", &[b"-2147479552"]),
        ("nTSecurityDescriptor", &[&descriptor.to_bytes()?]),
        ("lastLogonTimestamp", &[b"133000000000000000"]),
        ("pwdLastSet", &[b"9223372036854775807"]),
        ("currentTime", &[b"20261122150741.0Z"]),
        ("member;range=0-1499", &[b"CN=a,DC=x"]),
    ]);
    let refusal = b"80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data 775, v2580\0";
    let cookie = element(0x30, &[element(2, &[0]), element(4, b"cookie")].concat());
    let result = [element(0x0a, &[49]), element(4, b""), element(4, refusal)].concat();
    let started = [element(2, &[1]), element(0x78, &element(0x0a, &[0]))].concat();
    Ok(vec![
        user,
        computer,
        refusal.to_vec(),
        cookie,
        element(0x65, &result),
        started,
    ])
}

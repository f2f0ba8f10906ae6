//! Puts encoded descriptors together byte by byte, without the crate's writer.

#![allow(dead_code, reason = "each test binary uses its own share")]

use gw_secdesc::{Sid, SidMap};

pub(crate) fn sid(text: &str) -> Sid {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

pub(crate) fn map(pairs: &[(&str, &str)]) -> SidMap {
    SidMap::new(pairs.iter().map(|(a, b)| (sid(a), sid(b)))).expect("a map")
}

/// An ACE from its type, flags and everything behind the header.
pub(crate) fn raw(ace_type: u8, flags: u8, body: &[u8]) -> Vec<u8> {
    let mut ace = vec![ace_type, flags];
    ace.extend(((body.len() + 4) as u16).to_le_bytes());
    ace.extend(body);
    ace
}

/// Mask and SID, and what follows.
pub(crate) fn with(ace_type: u8, flags: u8, mask: u32, who: &str, more: &[u8]) -> Vec<u8> {
    let mut body = mask.to_le_bytes().to_vec();
    body.extend(sid(who).as_bytes());
    body.extend(more);
    raw(ace_type, flags, &body)
}

pub(crate) fn allow(who: &str) -> Vec<u8> {
    with(0, 0, 0x1f01ff, who, &[])
}

pub(crate) fn deny(who: &str) -> Vec<u8> {
    with(1, 0, 0x1f01ff, who, &[])
}

pub(crate) fn object(ace_type: u8, guids: u32, who: &str, more: &[u8]) -> Vec<u8> {
    let mut body = 0x100_u32.to_le_bytes().to_vec();
    body.extend(guids.to_le_bytes());
    for bit in 0..2 {
        if guids & (1 << bit) != 0 {
            body.extend([0x11 * (bit as u8 + 1); 16]);
        }
    }
    body.extend(sid(who).as_bytes());
    body.extend(more);
    raw(ace_type, 0, &body)
}

/// `artx`, the tokens, and zeros up to a multiple of 4.
pub(crate) fn condition(tokens: &[Vec<u8>]) -> Vec<u8> {
    let mut data = b"artx".to_vec();
    data.extend(tokens.concat());
    data.resize(data.len().next_multiple_of(4), 0);
    data
}

/// A token with a length field.
pub(crate) fn token(code: u8, payload: &[u8]) -> Vec<u8> {
    let mut token = vec![code];
    token.extend((payload.len() as u32).to_le_bytes());
    token.extend(payload);
    token
}

pub(crate) fn literal(who: &str) -> Vec<u8> {
    token(0x51, sid(who).as_bytes())
}

/// `Member_of{SID(…)…}`
pub(crate) fn member_of(who: &[&str]) -> Vec<u8> {
    let list: Vec<u8> = who.iter().flat_map(|who| literal(who)).collect();
    condition(&[token(0x50, &list), vec![0x89]])
}

/// A claim with SIDs as values, the name in front of them.
pub(crate) fn claim(who: &[&str]) -> Vec<u8> {
    let table_end = 16 + 4 * who.len();
    let mut head = (table_end as u32).to_le_bytes().to_vec();
    head.extend([5, 0, 0, 0]);
    head.extend(0_u32.to_le_bytes());
    head.extend((who.len() as u32).to_le_bytes());
    let mut body = b"a\0b\0\0\0\0\0".to_vec();
    for who in who {
        head.extend(((table_end + body.len()) as u32).to_le_bytes());
        let who = sid(who);
        body.extend((who.encoded_len() as u32).to_le_bytes());
        body.extend(who.as_bytes());
    }
    [head, body].concat()
}

pub(crate) fn acl(aces: &[Vec<u8>]) -> Vec<u8> {
    acl_with(4, aces, &[])
}

pub(crate) fn acl_with(revision: u8, aces: &[Vec<u8>], trailing: &[u8]) -> Vec<u8> {
    let body = aces.concat();
    let mut acl = vec![revision, 0];
    acl.extend(((8 + body.len() + trailing.len()) as u16).to_le_bytes());
    acl.extend((aces.len() as u16).to_le_bytes());
    acl.extend([0, 0]);
    acl.extend(body);
    acl.extend(trailing);
    acl
}

/// A descriptor from `(slot, part)` in the order in which they are to lie;
/// slots are 4 owner, 8 group, 12 SACL, 16 DACL, and 0 for a gap.
pub(crate) fn sd(parts: &[(usize, Vec<u8>)]) -> Vec<u8> {
    let mut sd = vec![0; 20];
    sd[..4].copy_from_slice(&[1, 0, 0x14, 0x84]);
    for (slot, part) in parts {
        if *slot != 0 {
            let offset = (sd.len() as u32).to_le_bytes();
            sd[*slot..*slot + 4].copy_from_slice(&offset);
        }
        sd.extend(part);
    }
    sd
}

pub(crate) fn dacl(aces: &[Vec<u8>]) -> Vec<u8> {
    sd(&[(16, acl(aces))])
}

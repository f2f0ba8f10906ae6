//! Composes self-relative security descriptors byte by byte.
//!
//! Written apart from the product's codec on purpose: what the product reads
//! is made by someone else. Layout from windows.md 1.2 ([MS-DTYP] 2.4.6).

use gw_secdesc::Sid;

/// Object inherit, container inherit, no propagate, inherit only, inherited.
pub(super) const OI: u8 = 0x01;
pub(super) const CI: u8 = 0x02;
pub(super) const NP: u8 = 0x04;
pub(super) const IO: u8 = 0x08;
pub(super) const ID: u8 = 0x10;
/// Audit success and failure.
pub(super) const AUDIT: u8 = 0xC0;

pub(super) const FULL: u32 = 0x001F_01FF;
pub(super) const MODIFY: u32 = 0x0013_01BF;
pub(super) const READ_EXECUTE: u32 = 0x0012_00A9;
pub(super) const READ: u32 = 0x0012_0089;

/// Control bits.
pub(super) const DACL_PRESENT: u16 = 0x0004;
pub(super) const SACL_PRESENT: u16 = 0x0010;
pub(super) const DACL_AUTO: u16 = 0x0400;
pub(super) const SACL_AUTO: u16 = 0x0800;
pub(super) const DACL_PROTECTED: u16 = 0x1000;
pub(super) const RM_VALID: u16 = 0x4000;
const SELF_RELATIVE: u16 = 0x8000;

/// A literal SID of this file's callers.
pub(super) fn sid(text: &str) -> Sid {
    text.parse().expect("a literal SID")
}

/// One ACE with a plain body (types 0–2, 9, 10, 13, 17–20): mask, SID, `tail`.
pub(super) fn ace(kind: u8, flags: u8, mask: u32, sid: &Sid, tail: &[u8]) -> Vec<u8> {
    let mut body = mask.to_le_bytes().to_vec();
    body.extend_from_slice(sid.as_bytes());
    body.extend_from_slice(tail);
    framed(kind, flags, body)
}

/// One object ACE (types 5–7, 11, 12, 15): `guids` says which GUIDs are present (bits 1 and 2).
pub(super) fn object_ace(
    kind: u8,
    flags: u8,
    mask: u32,
    guids: u32,
    sid: &Sid,
    tail: &[u8],
) -> Vec<u8> {
    let mut body = mask.to_le_bytes().to_vec();
    body.extend_from_slice(&guids.to_le_bytes());
    for bit in [1, 2] {
        if guids & bit != 0 {
            body.extend((0..16u32).map(|i| (i * 7 + bit * 31) as u8));
        }
    }
    body.extend_from_slice(sid.as_bytes());
    body.extend_from_slice(tail);
    framed(kind, flags, body)
}

/// An ACE whose body nobody knows; padded to a multiple of 4.
pub(super) fn framed(kind: u8, flags: u8, mut body: Vec<u8>) -> Vec<u8> {
    while !body.len().is_multiple_of(4) {
        body.push(0);
    }
    let mut out = vec![kind, flags];
    out.extend_from_slice(&((body.len() + 4) as u16).to_le_bytes());
    out.append(&mut body);
    out
}

pub(super) fn allow(flags: u8, mask: u32, sid: &Sid) -> Vec<u8> {
    ace(0, flags, mask, sid, &[])
}

pub(super) fn deny(flags: u8, mask: u32, sid: &Sid) -> Vec<u8> {
    ace(1, flags, mask, sid, &[])
}

pub(super) fn audit(flags: u8, mask: u32, sid: &Sid) -> Vec<u8> {
    ace(2, flags | AUDIT, mask, sid, &[])
}

/// The condition `Member_of{SID…}` in the "artx" form, zero-padded.
pub(super) fn member_of(sids: &[&Sid]) -> Vec<u8> {
    let mut literals = Vec::new();
    for sid in sids {
        literals.push(0x51);
        literals.extend_from_slice(&(sid.as_bytes().len() as u32).to_le_bytes());
        literals.extend_from_slice(sid.as_bytes());
    }
    let mut out = b"artx".to_vec();
    out.push(0x50);
    out.extend_from_slice(&(literals.len() as u32).to_le_bytes());
    out.append(&mut literals);
    out.push(0x89);
    while !out.len().is_multiple_of(4) {
        out.push(0);
    }
    out
}

/// A claim (`CLAIM_SECURITY_ATTRIBUTE_RELATIVE_V1`) of value type 5 named `Owner` that holds SIDs.
pub(super) fn sid_claim(sids: &[&Sid]) -> Vec<u8> {
    let name: Vec<u8> = "Owner\0"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let values_at = 16 + 4 * sids.len();
    let mut blobs = Vec::new();
    let mut offsets = Vec::new();
    let name_at = values_at as u32;
    let mut at = values_at + name.len().next_multiple_of(4);
    for sid in sids {
        offsets.push(at as u32);
        blobs.extend_from_slice(&(sid.as_bytes().len() as u32).to_le_bytes());
        blobs.extend_from_slice(sid.as_bytes());
        at += 4 + sid.as_bytes().len();
    }
    let mut out = name_at.to_le_bytes().to_vec();
    out.extend_from_slice(&5u16.to_le_bytes());
    out.extend_from_slice(&0u16.to_le_bytes());
    out.extend_from_slice(&0u32.to_le_bytes());
    out.extend_from_slice(&(sids.len() as u32).to_le_bytes());
    for offset in offsets {
        out.extend_from_slice(&offset.to_le_bytes());
    }
    out.extend_from_slice(&name);
    while out.len() < values_at + name.len().next_multiple_of(4) {
        out.push(0);
    }
    out.append(&mut blobs);
    out
}

/// An ACL: revision 4 when it holds an object ACE, `slack` unused bytes at its end.
fn acl(aces: &[Vec<u8>], slack: usize) -> Vec<u8> {
    let object = aces
        .iter()
        .any(|ace| matches!(ace.first(), Some(5..=7 | 11 | 12 | 15)));
    let size = 8 + aces.iter().map(Vec::len).sum::<usize>() + slack;
    let mut out = vec![if object { 4 } else { 2 }, 0];
    out.extend_from_slice(&(size as u16).to_le_bytes());
    out.extend_from_slice(&(aces.len() as u16).to_le_bytes());
    out.extend_from_slice(&[0, 0]);
    for ace in aces {
        out.extend_from_slice(ace);
    }
    out.resize(size, 0);
    out
}

/// Order in which the parts lie in the descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// SACL, DACL, owner, group: what Windows stores.
    Windows,
    /// Owner, group, SACL, DACL: what ntfs-3g makes.
    OwnersFirst,
    /// As `OwnersFirst`, owner and group being one and the same bytes.
    SharedOwner,
}

/// A descriptor in the making.
#[derive(Debug, Clone)]
pub(super) struct Sd {
    owner: Sid,
    group: Sid,
    control: u16,
    dacl: Option<Vec<Vec<u8>>>,
    sacl: Option<Vec<Vec<u8>>>,
    slack: usize,
    order: Order,
}

impl Sd {
    /// Owner, group and no list at all.
    pub(super) fn new(owner: &Sid, group: &Sid) -> Self {
        Self {
            owner: owner.clone(),
            group: group.clone(),
            control: SELF_RELATIVE,
            dacl: None,
            sacl: None,
            slack: 0,
            order: Order::Windows,
        }
    }

    pub(super) fn dacl(mut self, aces: Vec<Vec<u8>>) -> Self {
        self.control |= DACL_PRESENT;
        self.dacl = Some(aces);
        self
    }

    pub(super) fn sacl(mut self, aces: Vec<Vec<u8>>) -> Self {
        self.control |= SACL_PRESENT;
        self.sacl = Some(aces);
        self
    }

    pub(super) fn control(mut self, bits: u16) -> Self {
        self.control |= bits;
        self
    }

    pub(super) fn slack(mut self, bytes: usize) -> Self {
        self.slack = bytes;
        self
    }

    pub(super) fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// The bytes.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let dacl = self.dacl.as_ref().map(|aces| acl(aces, self.slack));
        let sacl = self.sacl.as_ref().map(|aces| acl(aces, 0));
        let mut body = Vec::new();
        let mut put = |part: Option<&[u8]>| -> u32 {
            part.map_or(0, |part| {
                let at = 20 + body.len();
                body.extend_from_slice(part);
                at as u32
            })
        };
        let (owner, group, sacl_at, dacl_at) = match self.order {
            Order::Windows => {
                let s = put(sacl.as_deref());
                let d = put(dacl.as_deref());
                let o = put(Some(self.owner.as_bytes()));
                (o, put(Some(self.group.as_bytes())), s, d)
            }
            Order::OwnersFirst => {
                let o = put(Some(self.owner.as_bytes()));
                let g = put(Some(self.group.as_bytes()));
                let s = put(sacl.as_deref());
                (o, g, s, put(dacl.as_deref()))
            }
            Order::SharedOwner => {
                let o = put(Some(self.owner.as_bytes()));
                let s = put(sacl.as_deref());
                (o, o, s, put(dacl.as_deref()))
            }
        };
        let rm = if self.control & RM_VALID != 0 {
            0x21
        } else {
            0
        };
        let mut out = vec![1, rm];
        out.extend_from_slice(&self.control.to_le_bytes());
        for offset in [owner, group, sacl_at, dacl_at] {
            out.extend_from_slice(&offset.to_le_bytes());
        }
        out.append(&mut body);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_lie_where_the_offsets_say() {
        let system = sid("S-1-5-18");
        let users = sid("S-1-5-32-545");
        let bytes = Sd::new(&system, &users)
            .dacl(vec![allow(OI | CI, FULL, &system)])
            .sacl(vec![audit(0, FULL, &users)])
            .bytes();
        let at = |i: usize| u32::from_le_bytes(bytes[i..i + 4].try_into().unwrap()) as usize;
        assert_eq!(u16::from_le_bytes([bytes[2], bytes[3]]), 0x8014);
        assert_eq!(&bytes[at(4)..at(4) + 12], system.as_bytes());
        assert_eq!(&bytes[at(8)..], users.as_bytes());
        assert_eq!(bytes[at(12) + 8], 2, "the audit ACE is in the SACL");
        assert_eq!(bytes[at(16) + 8], 0, "the allow ACE is in the DACL");
    }

    #[test]
    fn condition_and_claim_are_whole_words() {
        let user = sid("S-1-5-21-1-2-3-1105");
        assert_eq!(member_of(&[&user, &user]).len() % 4, 0);
        let claim = sid_claim(&[&user]);
        let at = u32::from_le_bytes(claim[16..20].try_into().unwrap()) as usize;
        assert_eq!(&claim[at + 4..at + 4 + 28], user.as_bytes());
    }
}

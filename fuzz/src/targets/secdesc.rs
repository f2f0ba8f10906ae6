//! Security descriptors: read, listed, translated, written.

use crate::{Target, leave_alone};
use gw_secdesc::{Ace, Acl, SecurityDescriptor, Sid};

pub(crate) const TARGET: Target = Target {
    name: "secdesc",
    seeds,
    repair: leave_alone,
    run,
};

fn run(data: &[u8]) {
    gw_secdesc::exercise(data);
}

fn seeds() -> anyhow::Result<Vec<Vec<u8>>> {
    let user: Sid = "S-1-5-21-397955417-626881126-188441444-1105".parse()?;
    let system: Sid = "S-1-5-18".parse()?;
    let users: Sid = "S-1-5-32-545".parse()?;
    let entry = |kind: u8, sid: &Sid| Ace::new(kind, 3, 0x0012_00a9, sid);
    let mut plain = SecurityDescriptor::new(
        user.clone(),
        user.clone(),
        Acl::new(vec![entry(0, &system), entry(0, &user), entry(1, &users)]),
    );
    let mut out = vec![plain.to_bytes()?];
    plain.control |= gw_secdesc::control::SACL_PRESENT;
    plain.sacl = Some(Acl::new(vec![Ace::new(2, 0x40, 2, &users)]));
    out.push(plain.to_bytes()?);
    // Object, callback and resource entries, as bytes: flags, GUIDs, a condition, a claim.
    for (kind, before, after) in [
        (5_u8, [&[3, 0, 0, 0][..], &[7; 32]].concat(), vec![]),
        (9, vec![], condition(&user)),
        (18, vec![], claim()),
    ] {
        let sid = user.to_bytes();
        let size = 8 + before.len() + sid.len() + after.len();
        let padded = size.next_multiple_of(4);
        let mut bytes = vec![kind, 0, padded as u8, (padded >> 8) as u8, 1, 0, 0, 0];
        bytes.extend([before, sid, after].concat());
        bytes.resize(padded, 0);
        let list = Acl::new(vec![Ace::from_bytes(&bytes)?]);
        let mut one = SecurityDescriptor::new(user.clone(), system.clone(), list.clone());
        if kind == 18 {
            one.control |= gw_secdesc::control::SACL_PRESENT;
            one.sacl = Some(list);
        }
        out.push(one.to_bytes()?);
    }
    Ok(out
        .into_iter()
        .flat_map(|sd| [0_u8, 0x41, 0xf3].map(|choice| [&[choice][..], &sd].concat()))
        .collect())
}

/// `Member_of {SID(user)} && @User.Title == "PM"` in its binary form (MS-DTYP 2.4.4.17.4).
fn condition(user: &Sid) -> Vec<u8> {
    let sid = user.to_bytes();
    let literal = [&[0x51][..], &(sid.len() as u32).to_le_bytes(), &sid].concat();
    let list = [&[0x50][..], &(literal.len() as u32).to_le_bytes(), &literal].concat();
    let text = |code: u8, text: &str| {
        let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        [&[code][..], &(units.len() as u32).to_le_bytes(), &units].concat()
    };
    [
        b"artx".to_vec(),
        list,
        vec![0x89],
        text(0xf9, "Title"),
        text(0x10, "PM"),
        vec![0x80, 0xa0],
    ]
    .concat()
}

/// A claim with one SID value, relative form (MS-DTYP 2.4.10.1).
fn claim() -> Vec<u8> {
    let name: Vec<u8> = "Project\0"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let sid = [1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0];
    let value_at = 20 + name.len() as u32;
    let mut out = Vec::new();
    out.extend(20_u32.to_le_bytes());
    out.extend([5, 0, 0, 0]);
    out.extend(0_u32.to_le_bytes());
    out.extend(1_u32.to_le_bytes());
    out.extend(value_at.to_le_bytes());
    out.extend(name);
    out.extend((sid.len() as u32).to_le_bytes());
    out.extend(sid);
    out
}

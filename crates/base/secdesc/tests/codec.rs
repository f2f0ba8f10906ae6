//! Taking apart, putting together, listing and printing.

mod build;

use build::*;
use gw_secdesc::{
    Ace, AceError, AceKind, Acl, Part, SecurityDescriptor, SidRole, control, sddl, sids,
};

const A: &str = "S-1-5-21-10-20-30-1001";
const SYSTEM: &str = "S-1-5-18";

#[test]
fn what_is_put_together_is_what_is_written_by_hand() {
    let aces = vec![
        Ace::new(1, 0, 0x1f01ff, &sid(A)),
        Ace::new(0, 0x13, 0x1f01ff, &sid(SYSTEM)),
    ];
    let made = SecurityDescriptor::new(sid(A), sid(SYSTEM), Acl::new(aces));
    let mut by_hand = sd(&[
        (
            16,
            acl_with(2, &[deny(A), with(0, 0x13, 0x1f01ff, SYSTEM, &[])], &[]),
        ),
        (4, sid(A).to_bytes()),
        (8, sid(SYSTEM).to_bytes()),
    ]);
    by_hand[2..4].copy_from_slice(&0x8004_u16.to_le_bytes());
    let bytes = made.to_bytes().expect("fits");
    assert_eq!(hex::encode(&bytes), hex::encode(by_hand));
    let back = SecurityDescriptor::parse(&bytes).expect("a descriptor");
    assert_eq!(back.to_bytes().expect("fits"), bytes);
    assert_eq!((back.owner, back.dacl), (made.owner, made.dacl));
}

#[test]
fn an_object_entry_makes_revision_4() {
    let object = Ace::from_bytes(&object(5, 3, A, &[])).expect("an ACE");
    assert_eq!(object.kind(), AceKind::Object);
    assert_eq!(object.object_guids(), [Some([0x11; 16]), Some([0x22; 16])]);
    assert_eq!((object.sid(), object.mask()), (Some(sid(A)), Some(0x100)));
    assert_eq!(Acl::new(vec![object]).revision, 4);
    let only_second = Ace::from_bytes(&build::object(6, 2, A, b"more")).expect("an ACE");
    assert_eq!(only_second.object_guids(), [None, Some([0x22; 16])]);
    assert_eq!(only_second.application_data(), b"more");
}

#[test]
fn an_ace_is_as_long_as_it_says() {
    let mut bytes = allow(A);
    bytes.push(0);
    assert_eq!(
        Ace::from_bytes(&bytes),
        Err(AceError::Size { size: 36, have: 37 })
    );
    assert_eq!(
        Ace::from_bytes(&[0, 0]),
        Err(AceError::Size { size: 0, have: 2 })
    );
}

#[test]
fn a_part_that_is_taken_out_leaves_the_rest_in_place() {
    let bytes = sd(&[
        (8, sid(A).to_bytes()),
        (0, vec![7; 4]),
        (12, acl(&[allow(A)])),
        (16, acl(&[deny(A)])),
    ]);
    let mut parsed = SecurityDescriptor::parse(&bytes).expect("a descriptor");
    assert_eq!(parsed.to_bytes().as_deref(), Ok(&bytes[..]));
    parsed.sacl = None;
    parsed.owner = Some(sid(SYSTEM));
    let expected = sd(&[
        (8, sid(A).to_bytes()),
        (0, vec![7; 4]),
        (16, acl(&[deny(A)])),
        (4, sid(SYSTEM).to_bytes()),
    ]);
    assert_eq!(parsed.to_bytes(), Ok(expected));
}

#[test]
fn shared_owner_and_group_part_when_they_differ() {
    let mut bytes = sd(&[(4, sid(A).to_bytes())]);
    bytes.copy_within(4..8, 8);
    let mut parsed = SecurityDescriptor::parse(&bytes).expect("a descriptor");
    assert_eq!(parsed.to_bytes(), Ok(bytes));
    parsed.group = Some(sid(SYSTEM));
    let apart = sd(&[(4, sid(A).to_bytes()), (8, sid(SYSTEM).to_bytes())]);
    assert_eq!(parsed.to_bytes(), Ok(apart));
}

#[test]
fn everyone_named_is_listed_with_the_place() {
    let who = |n: u32| format!("S-1-5-21-10-20-30-{n}");
    let bytes = sd(&[
        (
            16,
            acl(&[
                allow(&who(3)),
                with(9, 0, 1, &who(4), &member_of(&[&who(5), &who(6)])),
                with(21, 0, 1, "S-1-1-0", &member_of(&[&who(5)])),
                with(200, 0, 1, &who(9), &[]),
            ]),
        ),
        (4, sid(&who(1)).to_bytes()),
        (8, sid(&who(2)).to_bytes()),
        (
            12,
            acl(&[
                with(2, 0x40, 1, &who(7), &[]),
                with(17, 0, 1, "S-1-16-8192", &[]),
                with(18, 0, 0, "S-1-1-0", &claim(&[&who(8), &who(8)])),
            ]),
        ),
    ]);
    let mut found = Vec::new();
    sids(&bytes, |role, sid| found.push((role, sid.to_string()))).expect("a descriptor");
    let dacl_literal = SidRole::Literal(Part::Dacl);
    let sacl_literal = SidRole::Literal(Part::Sacl);
    let everyone = "S-1-1-0".to_owned();
    assert_eq!(
        found,
        [
            (SidRole::Owner, who(1)),
            (SidRole::Group, who(2)),
            (SidRole::Sacl, who(7)),
            (SidRole::Sacl, "S-1-16-8192".to_owned()),
            (SidRole::Sacl, everyone.clone()),
            (sacl_literal, who(8)),
            (sacl_literal, who(8)),
            (SidRole::Dacl, who(3)),
            (SidRole::Dacl, who(4)),
            (dacl_literal, who(5)),
            (dacl_literal, who(6)),
            (SidRole::Dacl, everyone),
            (dacl_literal, who(5)),
        ]
    );
    assert_eq!(sacl_literal.part(), Part::Sacl);
}

#[test]
fn prints_for_people() {
    let text = |aces: &[Vec<u8>]| {
        sddl(&SecurityDescriptor::parse(&dacl(aces)).expect("a descriptor"))
            .trim_start_matches("D:AI")
            .trim_end_matches("S:NO_ACCESS_CONTROL")
            .to_owned()
    };
    let compare = [
        token(0xf9, b"t\0i\0"),
        token(0x10, b"x\0\x1b\0\"\0\0\xd8"),
        vec![0x80],
        [vec![0x04], 7_i64.to_le_bytes().to_vec(), vec![3, 2]].concat(),
        token(0xf8, b"n\0"),
        vec![0x82],
        vec![0xa0],
        vec![0xa2],
    ];
    for (ace, expected) in [
        (allow(SYSTEM), "(A;;FA;;;SY)"),
        (
            with(1, 0x1b, 0x1200a9, A, &[]),
            "(D;OICIIOID;0x1200a9;;;S-1-5-21-10-20-30-1001)",
        ),
        (
            with(0, 0, 0x3, A, &[]),
            "(A;;CCDC;;;S-1-5-21-10-20-30-1001)",
        ),
        (with(17, 0, 5, "S-1-16-12288", &[]), "(ML;;NWNX;;;HI)"),
        (
            object(5, 1, SYSTEM, &[]),
            "(OA;;CR;11111111-1111-1111-1111-111111111111;;SY)",
        ),
        (
            with(9, 0, 1, "S-1-1-0", &member_of(&["S-1-5-32-544", A])),
            "(XA;;CC;;;WD;(Member_of {SID(BA), SID(S-1-5-21-10-20-30-1001)}))",
        ),
        (
            with(9, 0, 1, "S-1-1-0", &condition(&compare)),
            "(XA;;CC;;;WD;(!((@User.ti == \"x%001b%0022%d800\") && (7 < n))))",
        ),
        (with(9, 0, 1, "S-1-1-0", b"own!"), "(XA;;CC;;;WD;6f776e21)"),
        (
            with(18, 0, 0, "S-1-1-0", &claim(&[SYSTEM, A])),
            "(RA;;;;;WD;(\"ab\",TD,0x0,SY,S-1-5-21-10-20-30-1001))",
        ),
        (raw(3, 0x10, &[0xab]), "(0x03;ID;ab)"),
    ] {
        assert_eq!(text(&[ace]), expected);
    }
    let mut whole = SecurityDescriptor::new(sid(A), sid("S-1-5-32-545"), Acl::new(vec![]));
    whole.control |= control::DACL_PROTECTED;
    assert_eq!(sddl(&whole), "O:S-1-5-21-10-20-30-1001G:BUD:P");
    whole.dacl = None;
    assert_eq!(
        sddl(&whole),
        "O:S-1-5-21-10-20-30-1001G:BUD:PNO_ACCESS_CONTROL"
    );
}

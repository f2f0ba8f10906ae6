//! Does an access list grant an extended right to a token? Evaluated from reads alone
//! (MS-ADTS 5.1.3.3.4), so that a way back can be proven without being used.

use crate::token::Token;
use gw_directory::ResetVerdict;
use gw_secdesc::{SecurityDescriptor, Sid, ace_flags, ace_types};

/// *Reset Password*, User-Force-Change-Password: 00299570-246d-11d0-a768-00aa006e0529, in Windows
/// memory order.
pub(crate) const RESET_PASSWORD: [u8; 16] = [
    0x70, 0x95, 0x29, 0x00, 0x6d, 0x24, 0xd0, 0x11, 0xa7, 0x68, 0x00, 0xaa, 0x00, 0x6e, 0x05, 0x29,
];

/// ADS_RIGHT_DS_CONTROL_ACCESS.
const CONTROL_ACCESS: u32 = 0x100;
/// GENERIC_ALL, which stands for every right if it was stored unmapped.
const GENERIC_ALL: u32 = 0x1000_0000;

/// The first entry, in order, that speaks about the right and a SID of the token decides.
///
/// Entries with a condition are not evaluated: one that would grant does not, one that would deny
/// does. An entry that only inherits is not for this object.
pub(crate) fn evaluate(descriptor: &[u8], token: &Token, right: [u8; 16]) -> ResetVerdict {
    let descriptor = match SecurityDescriptor::parse(descriptor) {
        Ok(descriptor) => descriptor,
        Err(error) => {
            return ResetVerdict::Unknown {
                because: format!("its access list cannot be read: {error}"),
            };
        }
    };
    let Some(list) = &descriptor.dacl else {
        // No list at all: everybody may do everything (MS-DTYP 2.4.5).
        return ResetVerdict::Granted {
            to: token.sid.clone(),
        };
    };
    for ace in &list.aces {
        if ace.flags() & ace_flags::INHERIT_ONLY != 0 {
            continue;
        }
        let (Some(mask), Some(to)) = (ace.mask(), ace.sid()) else {
            continue;
        };
        let speaks = mask & (CONTROL_ACCESS | GENERIC_ALL) != 0
            && ace.object_guids()[0].is_none_or(|object| object == right);
        if !speaks || !applies(&to, token, descriptor.owner.as_ref()) {
            continue;
        }
        match ace.ace_type() {
            ace_types::ALLOW | ace_types::OBJECT_ALLOW => return ResetVerdict::Granted { to },
            ace_types::DENY
            | ace_types::OBJECT_DENY
            | ace_types::CALLBACK_DENY
            | ace_types::CALLBACK_OBJECT_DENY => return ResetVerdict::Denied { to },
            _ => {}
        }
    }
    ResetVerdict::NotGranted
}

/// The token has the SID, or the SID is OWNER RIGHTS (S-1-3-4) and the token has the owner.
fn applies(sid: &Sid, token: &Token, owner: Option<&Sid>) -> bool {
    token.sids.contains(sid)
        || (sid.to_string() == "S-1-3-4" && owner.is_some_and(|owner| token.sids.contains(owner)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use gw_secdesc::{Ace, Acl};

    const ME: &str = "S-1-5-21-1-2-3-1104";
    const GROUP: &str = "S-1-5-21-1-2-3-1200";
    const OTHER: &str = "S-1-5-21-1-2-3-9999";

    fn sid(text: &str) -> Sid {
        text.parse().unwrap()
    }
    fn token() -> Token {
        Token {
            sid: sid(ME),
            sids: [sid(ME), sid(GROUP)].into(),
        }
    }
    fn object_ace(kind: u8, flags: u8, mask: u32, object: Option<[u8; 16]>, to: &str) -> Ace {
        let to = sid(to);
        let mut bytes = vec![kind, flags, 0, 0];
        bytes.extend(mask.to_le_bytes());
        bytes.extend(u32::from(object.is_some()).to_le_bytes());
        bytes.extend(
            object
                .unwrap_or_default()
                .iter()
                .take(if object.is_some() { 16 } else { 0 }),
        );
        bytes.extend(to.as_bytes());
        bytes[2] = u8::try_from(bytes.len()).unwrap();
        Ace::from_bytes(&bytes).unwrap()
    }
    fn verdict(aces: Vec<Ace>) -> ResetVerdict {
        let descriptor = SecurityDescriptor::new(sid(OTHER), sid(OTHER), Acl::new(aces));
        evaluate(&descriptor.to_bytes().unwrap(), &token(), RESET_PASSWORD)
    }
    fn granted(to: &str) -> ResetVerdict {
        ResetVerdict::Granted { to: sid(to) }
    }

    #[test]
    fn the_right_itself_all_rights_and_full_control_grant() {
        assert_eq!(
            verdict(vec![object_ace(5, 0, 0x100, Some(RESET_PASSWORD), GROUP)]),
            granted(GROUP)
        );
        assert_eq!(
            verdict(vec![object_ace(5, 0, 0x100, None, ME)]),
            granted(ME)
        );
        assert_eq!(
            verdict(vec![Ace::new(0, 0, 0xf01ff, &sid(ME))]),
            granted(ME)
        );
        assert_eq!(
            verdict(vec![Ace::new(0, 0, 0x1000_0000, &sid(ME))]),
            granted(ME)
        );
    }

    #[test]
    fn other_rights_other_people_and_inherit_only_entries_do_not() {
        let change_password = [
            0x53, 0x1a, 0x72, 0xab, 0x2f, 0x1e, 0xd0, 0x11, 0x98, 0x19, 0, 0xaa, 0, 0x40, 0x52,
            0x9b,
        ];
        for ace in [
            object_ace(5, 0, 0x100, Some(change_password), ME),
            object_ace(5, 0, 0x100, Some(RESET_PASSWORD), OTHER),
            object_ace(5, 0x0a, 0x100, Some(RESET_PASSWORD), ME),
            object_ace(5, 0, 0x30, Some(RESET_PASSWORD), ME),
            Ace::new(0, 0, 0x20094, &sid(ME)),
        ] {
            assert_eq!(verdict(vec![ace]), ResetVerdict::NotGranted);
        }
        assert_eq!(verdict(vec![]), ResetVerdict::NotGranted);
    }

    #[test]
    fn the_first_entry_that_speaks_decides() {
        let deny = object_ace(6, 0, 0x100, Some(RESET_PASSWORD), GROUP);
        let allow = Ace::new(0, 0, 0xf01ff, &sid(ME));
        assert_eq!(
            verdict(vec![deny.clone(), allow.clone()]),
            ResetVerdict::Denied { to: sid(GROUP) }
        );
        assert_eq!(verdict(vec![allow, deny]), granted(ME));
    }

    #[test]
    fn garbage_is_unknown_not_granted() {
        for bytes in [&[][..], &[1, 0, 4, 0x80], &[0xff; 40]] {
            assert!(matches!(
                evaluate(bytes, &token(), RESET_PASSWORD),
                ResetVerdict::Unknown { .. }
            ));
        }
    }
}

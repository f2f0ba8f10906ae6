//! Prints a descriptor in the security descriptor definition language.
//!
//! For people: rights and well-known accounts are printed by their letters where
//! there are letters, everything else as numbers, and ACE types that the
//! language has no word for as their bytes. Domain-relative letters (`DA`) are
//! never used, because which domain is meant is the very point.

use crate::ace::{Ace, AceKind};
use crate::acl::Acl;
use crate::descriptor::{SecurityDescriptor, control};
use crate::sid::Sid;
use std::fmt::Write;

mod data;

/// The descriptor as one line of text.
#[must_use]
pub fn sddl(sd: &SecurityDescriptor) -> String {
    let mut text = String::new();
    if let Some(owner) = &sd.owner {
        text.push_str("O:");
        text.push_str(&account(owner));
    }
    if let Some(group) = &sd.group {
        text.push_str("G:");
        text.push_str(&account(group));
    }
    let flag = |bit: u16, word: &'static str| if sd.control & bit == 0 { "" } else { word };
    if sd.control & control::DACL_PRESENT != 0 || sd.dacl.is_some() {
        text.push_str("D:");
        text.push_str(flag(control::DACL_PROTECTED, "P"));
        text.push_str(flag(control::DACL_AUTO_INHERIT_REQUIRED, "AR"));
        text.push_str(flag(control::DACL_AUTO_INHERITED, "AI"));
        entries(sd.dacl.as_ref(), &mut text);
    }
    if sd.control & control::SACL_PRESENT != 0 || sd.sacl.is_some() {
        text.push_str("S:");
        text.push_str(flag(control::SACL_PROTECTED, "P"));
        text.push_str(flag(control::SACL_AUTO_INHERIT_REQUIRED, "AR"));
        text.push_str(flag(control::SACL_AUTO_INHERITED, "AI"));
        entries(sd.sacl.as_ref(), &mut text);
    }
    text
}

fn entries(acl: Option<&Acl>, text: &mut String) {
    match acl {
        Some(acl) => acl.aces.iter().for_each(|entry| text.push_str(&ace(entry))),
        None => text.push_str("NO_ACCESS_CONTROL"),
    }
}

/// One entry in its brackets.
pub(crate) fn ace(ace: &Ace) -> String {
    let (Some(word), Some(sid), Some(mask)) = (type_word(ace.ace_type()), ace.sid(), ace.mask())
    else {
        return format!(
            "({:#04x};{};{})",
            ace.ace_type(),
            flag_words(ace.flags()),
            hex(&ace.as_bytes()[4..])
        );
    };
    let [object, inherited] = ace.object_guids().map(|guid| guid.map(guid_text));
    let mut text = format!(
        "({word};{};{};{};{};{}",
        flag_words(ace.flags()),
        rights(ace.ace_type(), mask),
        object.unwrap_or_default(),
        inherited.unwrap_or_default(),
        account(&sid)
    );
    let more = match ace.kind() {
        AceKind::Callback | AceKind::CallbackObject | AceKind::AccessFilter => {
            data::condition(ace.application_data())
        }
        AceKind::ResourceAttribute => data::claim(ace.application_data()),
        _ => None,
    };
    if let Some(more) = more {
        text.push(';');
        text.push_str(&more);
    }
    text.push(')');
    text
}

fn type_word(ace_type: u8) -> Option<&'static str> {
    Some(match ace_type {
        0 => "A",
        1 => "D",
        2 => "AU",
        5 => "OA",
        6 => "OD",
        7 => "OU",
        9 => "XA",
        10 => "XD",
        11 => "ZA",
        12 => "ZD",
        13 => "XU",
        15 => "ZU",
        17 => "ML",
        18 => "RA",
        19 => "SP",
        20 => "TL",
        21 => "FL",
        _ => return None,
    })
}

fn flag_words(flags: u8) -> String {
    let words = ["OI", "CI", "NP", "IO", "ID", "", "SA", "FA"];
    (0..8)
        .filter(|bit| flags & (1 << bit) != 0)
        .map(|bit| words[bit])
        .collect()
}

fn rights(ace_type: u8, mask: u32) -> String {
    const WHOLE: [(u32, &str); 11] = [
        (0x1000_0000, "GA"),
        (0x8000_0000, "GR"),
        (0x4000_0000, "GW"),
        (0x2000_0000, "GX"),
        (0x001f_01ff, "FA"),
        (0x0012_0089, "FR"),
        (0x0012_0116, "FW"),
        (0x0012_00a0, "FX"),
        (0x000f_003f, "KA"),
        (0x0002_0019, "KR"),
        (0x0002_0006, "KW"),
    ];
    const LABEL: [(u32, &str); 3] = [(1, "NW"), (2, "NR"), (4, "NX")];
    const SINGLE: [(u32, &str); 13] = [
        (0x1, "CC"),
        (0x2, "DC"),
        (0x4, "LC"),
        (0x8, "SW"),
        (0x10, "RP"),
        (0x20, "WP"),
        (0x40, "DT"),
        (0x80, "LO"),
        (0x100, "CR"),
        (0x1_0000, "SD"),
        (0x2_0000, "RC"),
        (0x4_0000, "WD"),
        (0x8_0000, "WO"),
    ];
    let spell = |words: &[(u32, &str)]| {
        let known = words.iter().fold(0, |all, (bit, _)| all | bit);
        (mask & !known == 0).then(|| {
            words
                .iter()
                .filter(|(bit, _)| mask & bit != 0)
                .map(|(_, word)| *word)
                .collect::<String>()
        })
    };
    if ace_type == 17 {
        return spell(&LABEL).unwrap_or_else(|| format!("{mask:#x}"));
    }
    match WHOLE.iter().find(|(whole, _)| *whole == mask) {
        Some((_, word)) => (*word).to_owned(),
        None => spell(&SINGLE).unwrap_or_else(|| format!("{mask:#x}")),
    }
}

/// The letters of a well-known account, or the SID.
fn account(sid: &Sid) -> String {
    const KNOWN: [(&str, &str); 46] = [
        ("S-1-1-0", "WD"),
        ("S-1-3-0", "CO"),
        ("S-1-3-1", "CG"),
        ("S-1-3-4", "OW"),
        ("S-1-5-2", "NU"),
        ("S-1-5-4", "IU"),
        ("S-1-5-6", "SU"),
        ("S-1-5-7", "AN"),
        ("S-1-5-9", "ED"),
        ("S-1-5-10", "PS"),
        ("S-1-5-11", "AU"),
        ("S-1-5-12", "RC"),
        ("S-1-5-18", "SY"),
        ("S-1-5-19", "LS"),
        ("S-1-5-20", "NS"),
        ("S-1-5-33", "WR"),
        ("S-1-5-32-544", "BA"),
        ("S-1-5-32-545", "BU"),
        ("S-1-5-32-546", "BG"),
        ("S-1-5-32-547", "PU"),
        ("S-1-5-32-548", "AO"),
        ("S-1-5-32-549", "SO"),
        ("S-1-5-32-550", "PO"),
        ("S-1-5-32-551", "BO"),
        ("S-1-5-32-552", "RE"),
        ("S-1-5-32-554", "RU"),
        ("S-1-5-32-555", "RD"),
        ("S-1-5-32-556", "NO"),
        ("S-1-5-32-558", "MU"),
        ("S-1-5-32-559", "LU"),
        ("S-1-5-32-568", "IS"),
        ("S-1-5-32-569", "CY"),
        ("S-1-5-32-573", "ER"),
        ("S-1-5-32-575", "RA"),
        ("S-1-5-32-576", "ES"),
        ("S-1-5-32-577", "MS"),
        ("S-1-5-32-578", "HA"),
        ("S-1-5-32-579", "AA"),
        ("S-1-5-32-580", "RM"),
        ("S-1-5-84-0-0-0-0-0", "UD"),
        ("S-1-15-2-1", "AC"),
        ("S-1-16-4096", "LW"),
        ("S-1-16-8192", "ME"),
        ("S-1-16-8448", "MP"),
        ("S-1-16-12288", "HI"),
        ("S-1-16-16384", "SI"),
    ];
    let text = sid.to_string();
    match KNOWN.iter().find(|(known, _)| *known == text) {
        Some((_, letters)) => (*letters).to_owned(),
        None => text,
    }
}

fn guid_text(guid: [u8; 16]) -> String {
    let order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
    let mut text = String::with_capacity(36);
    for (position, index) in order.into_iter().enumerate() {
        if matches!(position, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        let _ = write!(text, "{:02x}", guid[index]);
    }
    text
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

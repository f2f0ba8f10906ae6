//! Security descriptors of the fake PC: real bytes, rewritten by the real code.

use std::collections::{BTreeMap, BTreeSet};

use gw_secdesc::{Mode as SdMode, Sid, SidRole, Translated, sids, translate};

use crate::facts::HiveRootAccess;
use crate::machine::MachineError;
use crate::map::{Mode, SidMap};
use crate::seen::SidCount;
use crate::sid::SidText;

/// One ACE of [`descriptor`].
#[derive(Debug, Clone)]
pub struct AceSpec {
    /// Deny instead of allow.
    pub deny: bool,
    /// Header flags (0x08 inherit only, 0x10 inherited, …).
    pub flags: u8,
    /// Access mask.
    pub mask: u32,
    /// Trustee.
    pub sid: SidText,
}

/// A self-relative descriptor with owner, group and DACL.
pub fn descriptor(owner: &SidText, group: &SidText, dacl: &[AceSpec]) -> Vec<u8> {
    let mut acl = Vec::new();
    for ace in dacl {
        let sid = binary(&ace.sid);
        acl.push(u8::from(ace.deny));
        acl.push(ace.flags);
        acl.extend(((8 + sid.len()) as u16).to_le_bytes());
        acl.extend(ace.mask.to_le_bytes());
        acl.extend(&sid);
    }
    let (owner, group) = (binary(owner), binary(group));
    let acl_len = 8 + acl.len();
    let mut out = vec![1, 0];
    out.extend(0x8004u16.to_le_bytes());
    let owner_at = 20 + acl_len as u32;
    out.extend(owner_at.to_le_bytes());
    out.extend((owner_at + owner.len() as u32).to_le_bytes());
    out.extend(0u32.to_le_bytes());
    out.extend(20u32.to_le_bytes());
    out.extend([2, 0]);
    out.extend((acl_len as u16).to_le_bytes());
    out.extend((dacl.len() as u16).to_le_bytes());
    out.extend([0, 0]);
    out.extend(acl);
    out.extend(owner);
    out.extend(group);
    out
}

/// What the descriptor becomes; `None` when nothing changes. The flag says that
/// *add* did not fit.
pub(super) fn translated(
    bytes: &[u8],
    map: &gw_secdesc::SidMap,
    mode: Mode,
) -> Result<Option<(Vec<u8>, bool)>, MachineError> {
    let mode = match mode {
        Mode::Add => SdMode::Add,
        Mode::Replace => SdMode::Replace,
    };
    match translate(bytes, map, mode) {
        Ok(Translated::Unchanged) => Ok(None),
        Ok(Translated::Changed {
            bytes, fallback, ..
        }) => Ok(Some((bytes, fallback))),
        Err(error) => Err(damaged(&error.to_string())),
    }
}

/// The map in the form the translator takes.
pub(super) fn sid_map(map: &SidMap) -> Result<gw_secdesc::SidMap, MachineError> {
    gw_secdesc::SidMap::new(map.pairs().map(|(a, b)| (sid(a), sid(b))))
        .map_err(|error| damaged(&error.to_string()))
}

/// Who is named where, once per list.
pub(super) fn count(bytes: &[u8]) -> Result<BTreeMap<SidText, SidCount>, MachineError> {
    let mut places: BTreeSet<(SidText, u8)> = BTreeSet::new();
    sids(bytes, |role, sid| {
        let place = match role {
            SidRole::Owner => 0,
            SidRole::Group => 1,
            SidRole::Sacl => 3,
            _ => 2,
        };
        if let Ok(text) = sid.to_string().parse() {
            places.insert((text, place));
        }
    })
    .map_err(|error| damaged(&error.to_string()))?;
    let mut out: BTreeMap<SidText, SidCount> = BTreeMap::new();
    for (sid, place) in places {
        let count = out.entry(sid).or_default();
        match place {
            0 => count.owner += 1,
            1 => count.group += 1,
            2 => count.dacl += 1,
            _ => count.sacl += 1,
        }
    }
    Ok(out)
}

/// Who has full control of the key that carries this descriptor.
pub(super) fn root_access(bytes: &[u8]) -> Result<HiveRootAccess, MachineError> {
    const KEY_ALL_ACCESS: u32 = 0x000F_003F;
    const GENERIC_ALL: u32 = 0x1000_0000;
    const INHERIT_ONLY: u8 = 0x08;
    let mut full = BTreeSet::new();
    let mut denied = BTreeSet::new();
    let cut = || damaged("the descriptor is cut short");
    let dacl = bytes.get(20..).ok_or_else(cut)?;
    let count = u16::from_le_bytes([*dacl.get(4).ok_or_else(cut)?, *dacl.get(5).ok_or_else(cut)?]);
    let mut at = 8;
    for _ in 0..count {
        let head = dacl.get(at..at + 8).ok_or_else(cut)?;
        let size = usize::from(u16::from_le_bytes([head[2], head[3]]));
        let mask = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
        let sid = Sid::from_bytes(dacl.get(at + 8..at + size).ok_or_else(cut)?)
            .map_err(|error| damaged(&error.to_string()))?;
        let text: SidText = sid
            .to_string()
            .parse()
            .map_err(|error: crate::BadSid| damaged(&error.to_string()))?;
        if head[1] & INHERIT_ONLY == 0 {
            if head[0] == 1 {
                denied.insert(text);
            } else if mask & KEY_ALL_ACCESS == KEY_ALL_ACCESS || mask & GENERIC_ALL != 0 {
                full.insert(text);
            }
        }
        at += size.max(8);
    }
    Ok(HiveRootAccess {
        full_control: full.into_iter().collect(),
        denied: denied.into_iter().collect(),
    })
}

fn sid(text: &SidText) -> Sid {
    // A `SidText` is canonical, so the codec always takes it.
    text.as_str()
        .parse()
        .unwrap_or_else(|_| unreachable!("{text} is canonical"))
}

pub(super) fn binary(text: &SidText) -> Vec<u8> {
    sid(text).to_bytes()
}

fn damaged(why: &str) -> MachineError {
    MachineError::Damaged {
        object: "security descriptor".to_owned(),
        why: why.to_owned(),
    }
}

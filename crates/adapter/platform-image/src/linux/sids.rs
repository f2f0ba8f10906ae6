//! Between the seam's text SIDs and the binary ones of descriptors, and counting them.

use gw_platform::{MachineError, SidCount, SidText};
use gw_secdesc::Sid;
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn map(pairs: &gw_platform::SidMap) -> Result<gw_secdesc::SidMap, MachineError> {
    let parsed: Result<Vec<(Sid, Sid)>, MachineError> = pairs
        .pairs()
        .map(|(source, target)| Ok((sid(source)?, sid(target)?)))
        .collect();
    gw_secdesc::SidMap::new(parsed?).map_err(|error| MachineError::Unexpected {
        object: "the translation table of this run".into(),
        why: error.to_string(),
    })
}

pub(super) fn mode(mode: gw_platform::Mode) -> gw_secdesc::Mode {
    match mode {
        gw_platform::Mode::Add => gw_secdesc::Mode::Add,
        gw_platform::Mode::Replace => gw_secdesc::Mode::Replace,
    }
}

pub(super) fn sid(text: &SidText) -> Result<Sid, MachineError> {
    text.as_str()
        .parse()
        .map_err(|error: gw_secdesc::SidTextError| MachineError::Unexpected {
            object: text.to_string(),
            why: error.to_string(),
        })
}

pub(super) fn text(sid: &Sid) -> Result<SidText, MachineError> {
    sid.to_string()
        .parse()
        .map_err(|error: gw_platform::BadSid| MachineError::Unexpected {
            object: sid.to_string(),
            why: error.to_string(),
        })
}

/// Who is named in a descriptor, and where; a SID counts once per place.
pub(super) fn of(descriptor: &[u8]) -> Result<BTreeMap<Sid, SidCount>, String> {
    let mut named: BTreeSet<(Sid, u8)> = BTreeSet::new();
    gw_secdesc::sids(descriptor, |role, sid| {
        let place = match role.part() {
            gw_secdesc::Part::Owner => 0,
            gw_secdesc::Part::Group => 1,
            gw_secdesc::Part::Dacl => 2,
            gw_secdesc::Part::Sacl => 3,
        };
        named.insert((sid, place));
    })
    .map_err(|error| error.to_string())?;
    let mut counts: BTreeMap<Sid, SidCount> = BTreeMap::new();
    for (sid, place) in named {
        let count = counts.entry(sid).or_default();
        match place {
            0 => count.owner += 1,
            1 => count.group += 1,
            2 => count.dacl += 1,
            _ => count.sacl += 1,
        }
    }
    Ok(counts)
}

/// `count`, `times` over.
pub(super) fn times(count: &SidCount, times: u64) -> SidCount {
    SidCount {
        owner: count.owner * times,
        group: count.group * times,
        dacl: count.dacl * times,
        sacl: count.sacl * times,
    }
}

//! Local groups and their members, in SAM.

use super::{hivefile, registry, sids};
use gw_hive::{FileTime, Hive, sam};
use gw_platform::{Counts, LocalGroup, MachineError};
use gw_secdesc::Sid;
use std::path::Path;

/// Local groups, sorted by SID.
pub(super) fn read(root: &Path) -> Result<Vec<LocalGroup>, MachineError> {
    let hive = hivefile::open(root, &registry::config("SAM")?)?;
    let own = sam::machine_sid(&hive).map_err(|error| damaged(&error))?;
    let mut groups = Vec::new();
    for alias in sam::aliases(&hive).map_err(|error| damaged(&error))? {
        let mut members = alias
            .members
            .iter()
            .map(sids::text)
            .collect::<Result<Vec<_>, _>>()?;
        members.sort();
        let sid = match alias.domain {
            sam::Domain::Builtin => format!("S-1-5-32-{}", alias.rid).parse(),
            sam::Domain::Account => format!("{own}-{}", alias.rid).parse(),
        };
        let sid = sid.map_err(|error: gw_platform::BadSid| damaged(&error))?;
        groups.push(LocalGroup {
            sid,
            name: alias.name,
            members,
        });
    }
    groups.sort_by(|a, b| a.sid.cmp(&b.sid));
    Ok(groups)
}

/// Carries memberships over: *replace* puts the target in the source's place, *add* beside it.
pub(super) fn translate(
    hive: &mut Hive,
    at: FileTime,
    pairs: &gw_secdesc::SidMap,
    mode: gw_secdesc::Mode,
) -> Result<(Counts, Vec<String>), MachineError> {
    let mut counts = Counts::default();
    for alias in sam::aliases(hive).map_err(|error| damaged(&error))? {
        counts.seen += 1;
        let members = carried(&alias.members, pairs, mode);
        if members != alias.members {
            counts.changed += 1;
            let mut edit = hive.edit(at).map_err(|error| damaged(&error))?;
            sam::set_members(&mut edit, alias.domain, alias.rid, &members)
                .map_err(|error| damaged(&error))?;
        }
    }
    Ok((counts, Vec::new()))
}

fn carried(members: &[Sid], pairs: &gw_secdesc::SidMap, mode: gw_secdesc::Mode) -> Vec<Sid> {
    let mut out: Vec<Sid> = Vec::new();
    let mut put = |sid: &Sid| {
        if !out.contains(sid) {
            out.push(sid.clone());
        }
    };
    for member in members {
        match (pairs.target(member), mode) {
            (None, _) => put(member),
            (Some(target), gw_secdesc::Mode::Replace) => put(target),
            (Some(target), gw_secdesc::Mode::Add) => {
                put(member);
                put(target);
            }
        }
    }
    out
}

fn damaged(error: &dyn std::fmt::Display) -> MachineError {
    MachineError::Damaged {
        object: "the local accounts (SAM)".into(),
        why: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gw_secdesc::{Mode, SidMap};

    #[test]
    fn a_member_is_carried_once() {
        let sid = |n: u32| -> Sid { format!("S-1-5-21-1-2-3-{n}").parse().unwrap() };
        let pairs = SidMap::new([(sid(1), sid(9))]).unwrap();
        assert_eq!(
            carried(&[sid(1), sid(2)], &pairs, Mode::Replace),
            [sid(9), sid(2)]
        );
        assert_eq!(carried(&[sid(9), sid(1)], &pairs, Mode::Replace), [sid(9)]);
        assert_eq!(
            carried(&[sid(1), sid(2)], &pairs, Mode::Add),
            [sid(1), sid(9), sid(2)]
        );
    }
}

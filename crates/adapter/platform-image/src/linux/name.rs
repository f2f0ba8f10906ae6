//! The computer's name, in every place that an image keeps it: SYSTEM (the name that counts, the
//! host name), SECURITY (what LSA calls the domain of the local accounts), SOFTWARE (the domain
//! that the sign-in screen of a workgroup offers, which is the computer itself). SAM names no
//! computer and stays.
//!
//! What must stay true: only values that are there are changed, in every control set, because
//! Windows makes the missing ones itself when it starts (`ActiveComputerName` is volatile); and
//! SYSTEM is written last and taken back first, so a device that reports the new name has it
//! everywhere.

use super::{
    hivefile::{self, Place},
    membership::{self, WINLOGON},
    registry::{self, Named},
};
use gw_hive::{FileTime, HiveError, RegValue};
use gw_platform::{Before, MachineError, may_make_rename};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// A value that holds the name, as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Spot {
    hive: String,
    key: String,
    name: String,
    kind: u32,
    bytes: Vec<u8>,
}

/// In the order of writing.
const HIVES: [&str; 3] = ["SECURITY", "SOFTWARE", "SYSTEM"];

/// Finds every value that holds the name, and what the sign-in screen offers, because taking back
/// a join writes that.
pub(super) fn find(root: &Path) -> Result<Vec<Spot>, MachineError> {
    let mut found = Vec::new();
    let mut add = |hive: &Named, file: &str, key: String, name: &str| {
        let value = hive.value(&key, name)?;
        found.extend(value.map(|value| Spot {
            hive: file.to_owned(),
            key,
            name: name.to_owned(),
            kind: value.kind,
            bytes: value.bytes,
        }));
        Ok::<(), MachineError>(())
    };
    let security = Named::open(root, registry::config("SECURITY")?)?;
    add(&security, "SECURITY", "Policy\\PolAcDmN".into(), "")?;
    let software = Named::open(root, registry::config("SOFTWARE")?)?;
    add(&software, "SOFTWARE", WINLOGON.into(), OFFERED)?;
    let system = Named::open(root, registry::config("SYSTEM")?)?;
    for set in system.subkeys("")? {
        if !set.to_ascii_uppercase().starts_with("CONTROLSET") {
            continue;
        }
        for (key, name) in NAMES {
            add(&system, "SYSTEM", format!("{set}\\{key}"), name)?;
        }
    }
    Ok(found)
}

const OFFERED: &str = "DefaultDomainName";
const HOST: [&str; 2] = ["Hostname", "NV Hostname"];

/// Below each control set of SYSTEM.
const NAMES: [(&str, &str); 4] = [
    ("Control\\ComputerName\\ComputerName", "ComputerName"),
    ("Control\\ComputerName\\ActiveComputerName", "ComputerName"),
    ("Services\\Tcpip\\Parameters", HOST[0]),
    ("Services\\Tcpip\\Parameters", HOST[1]),
];

/// From the before-image of a rename.
pub(super) fn saved(before: &Before) -> Result<Vec<Spot>, MachineError> {
    serde_json::from_value(before.data["value"].clone()).map_err(|error| MachineError::Damaged {
        object: "the before-image of the computer's name".into(),
        why: error.to_string(),
    })
}

/// Writes the new name wherever the old one was.
pub(super) fn rename(
    place: &Place<'_>,
    at: FileTime,
    (from, to): (&str, &str),
    spots: &[Spot],
) -> Result<(), MachineError> {
    let system = Named::open(place.root, registry::config("SYSTEM")?)?;
    let now = membership::computer_name(&system)?;
    may_make_rename(&now, from, to, &membership::read(place.root)?)?;
    for hive in HIVES {
        write(place, at, hive, spots, |spot| spot.named(from, to))?;
    }
    Ok(())
}

/// Puts the old values back.
pub(super) fn restore(place: &Place<'_>, at: FileTime, spots: &[Spot]) -> Result<(), MachineError> {
    for hive in HIVES.into_iter().rev() {
        write(place, at, hive, spots, Spot::old)?;
    }
    Ok(())
}

impl Spot {
    fn old(&self) -> RegValue {
        RegValue::new(self.kind, self.bytes.clone())
    }

    /// The value with another name: NetBIOS names are upper case, host names as they are given.
    /// The sign-in screen goes on to offer a domain.
    fn named(&self, from: &str, to: &str) -> RegValue {
        let (old, upper) = (self.old(), to.to_uppercase());
        let domain = || {
            old.as_string()
                .is_none_or(|offered| !offered.eq_ignore_ascii_case(from))
        };
        match self.hive.as_str() {
            "SECURITY" => RegValue::new(self.kind, membership::lsa_string(&upper)),
            "SOFTWARE" if domain() => old,
            _ if HOST.contains(&self.name.as_str()) => RegValue::string(to),
            _ => RegValue::string(&upper),
        }
    }
}

fn write(
    place: &Place<'_>,
    at: FileTime,
    hive: &str,
    spots: &[Spot],
    wanted: impl Fn(&Spot) -> RegValue,
) -> Result<(), MachineError> {
    let path = registry::config(hive)?;
    let now = Named::open(place.root, path.clone())?;
    let mut other = Vec::new();
    for spot in spots.iter().filter(|spot| spot.hive == hive) {
        let value = wanted(spot);
        if now.value(&spot.key, &spot.name)?.as_ref() != Some(&value) {
            other.push((spot, value));
        }
    }
    if other.is_empty() {
        return Ok(());
    }
    hivefile::rewrite(place, &path, at, &|hive, at| {
        let mut change = || -> Result<(), HiveError> {
            let mut edit = hive.edit(at)?;
            for (spot, value) in &other {
                edit.set_value(&spot.key, &spot.name, value)?;
            }
            Ok(())
        };
        change().map_err(|error| hivefile::refused(&path, &error))
    })
}

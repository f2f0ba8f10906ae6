//! Where the device belongs, where Windows keeps it: SECURITY (LSA policy and the machine secret),
//! SYSTEM (DNS domain), SOFTWARE (the domain that the sign-in screen offers).
//!
//! Leaving and joining write exactly the same places, so that coming back by a new join leaves
//! nothing of the target behind. The old secret is replaced or removed, never read.

use super::{hivefile::Place, registry, registry::Named, sids};
use gw_hive::{Editor, FileTime, Hive, HiveError, RegValue, kind, lsa};
use gw_platform::{AdMembership, AdTarget, JoinState, MachineError, Secret};
use gw_secdesc::Sid;
use sha2::{Digest, Sha256};
use std::path::Path;

const POLICY: &str = "Policy";
const MACHINE_SECRET: &str = "$MACHINE.ACC";
const WORKGROUP: &str = "WORKGROUP";
pub(super) const WINLOGON: &str = "Microsoft\\Windows NT\\CurrentVersion\\Winlogon";

/// Reads where the device belongs.
pub(super) fn read(root: &Path) -> Result<JoinState, MachineError> {
    let security = Named::open(root, registry::config("SECURITY")?)?;
    let system = Named::open(root, registry::config("SYSTEM")?)?;
    let name = lsa_text(&policy(&security, "PolPrDmN")?).unwrap_or_else(|| WORKGROUP.into());
    let domain_sid = match policy(&security, "PolPrDmS")? {
        bytes if bytes.is_empty() => return Ok(JoinState::Workgroup { name }),
        bytes => Sid::from_bytes(&bytes).map_err(|error| MachineError::Damaged {
            object: format!("{}\\Policy\\PolPrDmS", security.path),
            why: error.to_string(),
        })?,
    };
    let dns_name = match lsa_text(&policy(&security, "PolDnDDN")?) {
        Some(name) => name,
        None => {
            let tcpip = tcpip(&system)?;
            system.text(&tcpip, "Domain")?.unwrap_or_default()
        }
    };
    let computer = computer_name(&system)?;
    Ok(JoinState::ActiveDirectory(AdMembership {
        dns_name: dns_name.to_lowercase(),
        netbios_name: name.to_uppercase(),
        domain_sid: sids::text(&domain_sid)?,
        machine_sid: machine_sid(&security)?,
        account_name: format!("{computer}$"),
    }))
}

/// The computer's NetBIOS name.
pub(super) fn computer_name(system: &Named) -> Result<String, MachineError> {
    let key = format!(
        "{}\\Control\\ComputerName\\ComputerName",
        registry::control_set(system)?
    );
    system
        .text(&key, "ComputerName")?
        .map(|name| name.to_uppercase())
        .ok_or_else(|| MachineError::Missing {
            object: format!("{}\\{key}\\ComputerName", system.path),
        })
}

/// The machine's password as the device itself reads it, or `None` in a workgroup.
pub(super) fn secret(root: &Path) -> Result<Option<Secret>, MachineError> {
    let security = Named::open(root, registry::config("SECURITY")?)?;
    let system = Named::open(root, registry::config("SYSTEM")?)?;
    let boot_key = lsa::boot_key(&system.hive).map_err(|error| lsa_error(&system, &error))?;
    let found = lsa::read_secret(&security.hive, &boot_key, MACHINE_SECRET)
        .map_err(|error| lsa_error(&security, &error))?;
    Ok(found.map(|secret| Secret::new(secret.current.clone())))
}

/// Writes a workgroup where the domain was.
pub(super) fn leave(place: &Place<'_>, at: FileTime) -> Result<(), MachineError> {
    let system = Named::open(place.root, registry::config("SYSTEM")?)?;
    let (tcpip, computer) = (tcpip(&system)?, computer_name(&system)?);
    let values = Values {
        netbios: WORKGROUP.into(),
        dns: String::new(),
        forest: String::new(),
        domain_sid: Vec::new(),
        domain_guid: [0; 16],
        machine: None,
        offered: computer,
    };
    super::hivefile::rewrite(place, &registry::config("SECURITY")?, at, &|hive, at| {
        lsa::delete_secret(hive, MACHINE_SECRET, at).map_err(|error| damaged(&error))?;
        edit(hive, at, |edit| values.write_policy(edit))
    })?;
    values.write_elsewhere(place, at, &tcpip)
}

/// Writes the domain and the machine's own secret.
pub(super) fn join(
    place: &Place<'_>,
    at: FileTime,
    target: &AdTarget,
    secret: &Secret,
) -> Result<(), MachineError> {
    let system = Named::open(place.root, registry::config("SYSTEM")?)?;
    let boot_key = lsa::boot_key(&system.hive).map_err(|error| lsa_error(&system, &error))?;
    let password = std::str::from_utf8(secret.expose()).map_err(|_| MachineError::Unexpected {
        object: format!("the machine secret for {}", target.account_name),
        why: "it is not text".into(),
    })?;
    let wide: Vec<u8> = password.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let machine = match &target.machine_sid {
        Some(sid) => Some(sids::sid(sid)?),
        None => None,
    };
    let domain_guid = target
        .domain_guid
        .as_deref()
        .and_then(|text| uuid::Uuid::parse_str(text).ok());
    let values = Values {
        netbios: target.netbios_name.clone(),
        dns: target.dns_name.clone(),
        forest: target.forest_name.clone(),
        domain_sid: sids::sid(&target.domain_sid)?.as_bytes().to_vec(),
        domain_guid: domain_guid
            .map(|guid| guid.to_bytes_le())
            .unwrap_or_default(),
        machine,
        offered: target.netbios_name.clone(),
    };
    super::hivefile::rewrite(place, &registry::config("SECURITY")?, at, &|hive, at| {
        // A repeated join gives the same bytes: the salt follows from what is written and when.
        let salt: [u8; 32] = Sha256::new()
            .chain_update(at.0.to_le_bytes())
            .chain_update(target.account_name.as_bytes())
            .chain_update(target.dns_name.as_bytes())
            .chain_update(&wide)
            .finalize()
            .into();
        // Without this the secret of an earlier membership would live on as the old value.
        lsa::delete_secret(hive, MACHINE_SECRET, at).map_err(|error| damaged(&error))?;
        lsa::write_secret(hive, &boot_key, MACHINE_SECRET, &wide, salt, at)
            .map_err(|error| damaged(&error))?;
        edit(hive, at, |edit| values.write_policy(edit))
    })?;
    values.write_elsewhere(place, at, &tcpip(&system)?)
}

/// What a membership consists of.
struct Values {
    netbios: String,
    dns: String,
    forest: String,
    domain_sid: Vec<u8>,
    domain_guid: [u8; 16],
    machine: Option<Sid>,
    /// The domain that the sign-in screen offers.
    offered: String,
}

impl Values {
    fn write_policy(&self, edit: &mut Editor<'_>) -> Result<(), HiveError> {
        let none = |bytes: Vec<u8>| RegValue::new(kind::NONE, bytes);
        let (account_domain, rid) = match &self.machine {
            Some(sid) => (
                sid.domain()
                    .map(|domain| domain.as_bytes().to_vec())
                    .unwrap_or_default(),
                sid.rid().unwrap_or_default().to_le_bytes().to_vec(),
            ),
            None => (Vec::new(), Vec::new()),
        };
        let all = [
            ("PolPrDmN", lsa_string(&self.netbios)),
            ("PolPrDmS", self.domain_sid.clone()),
            ("PolDnDDN", lsa_string(&self.dns)),
            ("PolDnTrN", lsa_string(&self.forest)),
            ("PolDnDmG", self.domain_guid.to_vec()),
            ("PolMachineAccountS", account_domain),
            ("PolMachineAccountR", rid),
        ];
        for (name, bytes) in all {
            let key = format!("{POLICY}\\{name}");
            edit.create_key(&key)?;
            edit.set_value(&key, "", &none(bytes))?;
        }
        Ok(())
    }

    fn write_elsewhere(
        &self,
        place: &Place<'_>,
        at: FileTime,
        tcpip: &str,
    ) -> Result<(), MachineError> {
        super::hivefile::rewrite(place, &registry::config("SYSTEM")?, at, &|hive, at| {
            edit(hive, at, |edit| {
                edit.create_key(tcpip)?;
                edit.set_value(tcpip, "Domain", &RegValue::string(&self.dns))?;
                edit.set_value(tcpip, "NV Domain", &RegValue::string(&self.dns))
            })
        })?;
        super::hivefile::rewrite(place, &registry::config("SOFTWARE")?, at, &|hive, at| {
            edit(hive, at, |edit| {
                edit.create_key(WINLOGON)?;
                edit.set_value(
                    WINLOGON,
                    "DefaultDomainName",
                    &RegValue::string(&self.offered),
                )
            })
        })
    }
}

fn edit(
    hive: &mut Hive,
    at: FileTime,
    change: impl FnOnce(&mut Editor<'_>) -> Result<(), HiveError>,
) -> Result<(), MachineError> {
    let mut editor = hive.edit(at).map_err(|error| damaged(&error))?;
    change(&mut editor).map_err(|error| damaged(&error))
}

fn damaged(error: &dyn std::fmt::Display) -> MachineError {
    MachineError::Damaged {
        object: "a machine hive".into(),
        why: error.to_string(),
    }
}

fn tcpip(system: &Named) -> Result<String, MachineError> {
    Ok(format!(
        "{}\\Services\\Tcpip\\Parameters",
        registry::control_set(system)?
    ))
}

fn policy(security: &Named, name: &str) -> Result<Vec<u8>, MachineError> {
    Ok(security
        .bytes(&format!("{POLICY}\\{name}"), "")?
        .unwrap_or_default())
}

fn machine_sid(security: &Named) -> Result<Option<gw_platform::SidText>, MachineError> {
    let (domain, rid) = (
        policy(security, "PolMachineAccountS")?,
        policy(security, "PolMachineAccountR")?,
    );
    let Ok(rid) = <[u8; 4]>::try_from(rid.as_slice()) else {
        return Ok(None);
    };
    let whole = Sid::from_bytes(&domain)
        .ok()
        .and_then(|domain| domain.with_rid(u32::from_le_bytes(rid)));
    whole.as_ref().map(sids::text).transpose()
}

/// A string as LSA policy values hold it: length and room in bytes, offset of the text from the
/// header (8), then UTF-16 with a terminator that only the room counts; nothing at all for an
/// empty one.
pub(super) fn lsa_string(text: &str) -> Vec<u8> {
    if text.is_empty() {
        return Vec::new();
    }
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let length = u16::try_from(wide.len()).unwrap_or(u16::MAX);
    let mut out = Vec::with_capacity(8 + wide.len());
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&length.saturating_add(2).to_le_bytes());
    out.extend_from_slice(&8u32.to_le_bytes());
    out.extend_from_slice(&wide);
    out.extend_from_slice(&[0, 0]);
    out
}

fn lsa_text(bytes: &[u8]) -> Option<String> {
    let length = usize::from(u16::from_le_bytes(bytes.get(..2)?.try_into().ok()?));
    let offset = usize::try_from(u32::from_le_bytes(bytes.get(4..8)?.try_into().ok()?)).ok()?;
    let wide: Vec<u16> = bytes
        .get(offset..offset.checked_add(length)?)?
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
        .collect();
    Some(String::from_utf16_lossy(&wide)).filter(|text| !text.is_empty())
}

fn lsa_error(hive: &Named, error: &lsa::LsaError) -> MachineError {
    MachineError::Damaged {
        object: hive.path.to_string(),
        why: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policy_strings_round_trip() {
        for text in ["SOURCE", "źródło.test"] {
            assert_eq!(lsa_text(&lsa_string(text)).as_deref(), Some(text));
        }
        assert!(lsa_string("").is_empty());
        assert_eq!(lsa_text(&[4, 0, 4, 0, 200, 0, 0, 0]), None);
    }
}

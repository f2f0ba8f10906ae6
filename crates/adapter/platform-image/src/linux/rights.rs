//! Logon rights of an account, in SECURITY's policy database (`Policy\Accounts\<SID>\ActSysAc`,
//! MS-LSAD 2.2.1.2 for the bits).

use super::{registry, registry::Named, sids};
use gw_hive::{FileTime, Hive, HiveError, RegValue, kind};
use gw_platform::{MachineError, SidText};
use std::path::Path;

const RIGHTS: [(&str, u32); 10] = [
    ("SeBatchLogonRight", 0x4),
    ("SeDenyBatchLogonRight", 0x100),
    ("SeDenyInteractiveLogonRight", 0x40),
    ("SeDenyNetworkLogonRight", 0x80),
    ("SeDenyRemoteInteractiveLogonRight", 0x800),
    ("SeDenyServiceLogonRight", 0x200),
    ("SeInteractiveLogonRight", 0x1),
    ("SeNetworkLogonRight", 0x2),
    ("SeRemoteInteractiveLogonRight", 0x400),
    ("SeServiceLogonRight", 0x10),
];

/// The logon rights that an account holds by name, sorted.
pub(super) fn read(root: &Path, sid: &SidText) -> Result<Vec<String>, MachineError> {
    let security = Named::open(root, registry::config("SECURITY")?)?;
    let bytes = security
        .bytes(&format!("Policy\\Accounts\\{sid}\\ActSysAc"), "")?
        .unwrap_or_default();
    let held = bits(&bytes);
    Ok(RIGHTS
        .iter()
        .filter(|(_, bit)| held & bit != 0)
        .map(|(name, _)| (*name).to_owned())
        .collect())
}

fn bits(bytes: &[u8]) -> u32 {
    bytes
        .first_chunk()
        .map_or(0, |four| u32::from_le_bytes(*four))
}

/// Gives or takes one right. An account that holds nothing afterwards is removed again, so that
/// giving and taking leaves the database as it was.
pub(super) fn set(
    hive: &mut Hive,
    at: FileTime,
    sid: &SidText,
    right: &str,
    held: bool,
) -> Result<(), MachineError> {
    let Some((_, bit)) = RIGHTS.iter().find(|(name, _)| *name == right) else {
        return Err(MachineError::Unsupported {
            what: format!("grant {right} on an image"),
        });
    };
    let binary = sids::sid(sid)?;
    let account = format!("Policy\\Accounts\\{sid}");
    let result = (|| -> Result<(), HiveError> {
        let read = |hive: &Hive, name: &str| -> Result<Option<Vec<u8>>, HiveError> {
            let Some(key) = hive.key(&format!("{account}\\{name}"))? else {
                return Ok(None);
            };
            key.value("")?
                .map(|value| Ok(value.data()?.into_owned()))
                .transpose()
        };
        let before = read(hive, "ActSysAc")?.map_or(0, |bytes| bits(&bytes));
        let privileges = read(hive, "Privilgs")?.is_some_and(|bytes| bits(&bytes) > 0);
        let after = if held { before | bit } else { before & !bit };
        let exists = hive.key(&account)?.is_some();
        let mut edit = hive.edit(at)?;
        if after == 0 && !privileges {
            if exists {
                edit.delete_key(&account)?;
            }
            return Ok(());
        }
        if !exists {
            gw_hive::rights::make_account(&mut edit, &binary)?;
        }
        edit.create_key(&format!("{account}\\ActSysAc"))?;
        edit.set_value(
            &format!("{account}\\ActSysAc"),
            "",
            &RegValue::new(kind::NONE, after.to_le_bytes()),
        )
    })();
    match result {
        Ok(()) => Ok(()),
        Err(error) => Err(super::hivefile::refused(
            &registry::config("SECURITY")?,
            &error,
        )),
    }
}

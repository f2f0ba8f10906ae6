//! SECURITY: what the machine knows of its directory, its secrets, and rights.

use super::descriptors::{Descriptors, known};
use super::{AccountRights, BuildError, Dice, MachineSpec, Tree};
use gw_hive::lsa::{BootKey, LsaKeys, write_secret};
use gw_hive::{RegValue, kind};

pub(super) fn build(spec: &MachineSpec) -> Result<Vec<u8>, BuildError> {
    let descriptors = Descriptors::new(None, &[], spec.seed ^ 0x5ec);
    let guard = descriptors.root()?;
    let mut dice = Dice::new(spec.seed ^ 0x5ec);
    let mut tree = Tree::new("SECURITY", 5, &guard, spec.at)?;
    tree.key("RXACT")?;
    policy(&mut tree, spec)?;
    for rights in usual_rights().iter().chain(&spec.rights) {
        account(&mut tree, rights, &guard)?;
    }
    for number in 1..=10 {
        let empty = RegValue::binary(vec![0; 96]);
        tree.set("Cache", &format!("NL${number}"), &empty)?;
    }
    tree.set(
        "Cache",
        "NL$Control",
        &RegValue::binary(vec![4, 0, 1, 0, 10, 0, 0, 0]),
    )?;
    secrets(&mut tree, spec, &guard, &mut dice)?;
    Ok(tree.finish()?)
}

fn policy(tree: &mut Tree, spec: &MachineSpec) -> Result<(), BuildError> {
    // Revision 1.12: secrets under AES keys.
    plain(tree, "PolRevision", &[0x0c, 0, 1, 0])?;
    plain(tree, "PolAcDmN", &counted_string(&spec.name.to_uppercase()))?;
    plain(tree, "PolAcDmS", spec.sid.as_bytes())?;
    let workgroup = counted_string("WORKGROUP");
    let Some(domain) = &spec.domain else {
        plain(tree, "PolPrDmN", &workgroup)?;
        plain(tree, "PolPrDmS", &[])?;
        plain(tree, "PolDnDDN", &counted_string(""))?;
        plain(tree, "PolDnTrN", &counted_string(""))?;
        return plain(tree, "PolDnDmG", &[0; 16]);
    };
    plain(tree, "PolPrDmN", &counted_string(&domain.netbios))?;
    plain(tree, "PolPrDmS", domain.sid.as_bytes())?;
    plain(tree, "PolDnDDN", &counted_string(&domain.dns))?;
    plain(tree, "PolDnTrN", &counted_string(&domain.forest))?;
    plain(tree, "PolDnDmG", &domain.guid)?;
    plain(tree, "PolMachineAccountS", domain.sid.as_bytes())?;
    plain(
        tree,
        "PolMachineAccountR",
        &domain.machine_rid.to_le_bytes(),
    )
}

fn secrets(
    tree: &mut Tree,
    spec: &MachineSpec,
    guard: &[u8],
    dice: &mut Dice,
) -> Result<(), BuildError> {
    let boot = BootKey(spec.boot_key);
    let id = dice.bytes();
    let list = LsaKeys::seal_new(&boot, id, spec.lsa_key, dice.bytes());
    plain(tree, "PolEKList", &list)?;
    let mut dpapi = 1_u32.to_le_bytes().to_vec();
    dpapi.extend(dice.bytes::<40>());
    let cache_key: [u8; 64] = dice.bytes();
    let mut all = vec![("DPAPI_SYSTEM", dpapi), ("NL$KM", cache_key.to_vec())];
    if spec.domain.is_some() {
        all.push(("$MACHINE.ACC", spec.machine_secret.clone()));
    }
    for (name, data) in all {
        plain(tree, &format!("Secrets\\{name}\\SecDesc"), guard)?;
        write_secret(&mut tree.hive, &boot, name, &data, dice.bytes(), spec.at)?;
    }
    Ok(())
}

/// Logon rights and privileges that a new machine has.
fn usual_rights() -> [AccountRights; 3] {
    let rights = |sid, logon, privileges: &[u64]| AccountRights {
        sid,
        logon,
        privileges: privileges.to_vec(),
    };
    [
        rights(known(5, &[32, 544]), 0x403, &[5, 8, 9, 17, 18, 20]),
        rights(known(5, &[32, 545]), 0x3, &[19, 23, 25, 33]),
        rights(known(5, &[80, 0]), 0x10, &[]),
    ]
}

fn account(tree: &mut Tree, rights: &AccountRights, guard: &[u8]) -> Result<(), BuildError> {
    let below = format!("Accounts\\{}", rights.sid);
    plain(tree, &format!("{below}\\Sid"), rights.sid.as_bytes())?;
    plain(tree, &format!("{below}\\SecDesc"), guard)?;
    if rights.logon != 0 {
        plain(
            tree,
            &format!("{below}\\ActSysAc"),
            &rights.logon.to_le_bytes(),
        )?;
    }
    if !rights.privileges.is_empty() {
        let mut set = (rights.privileges.len() as u32).to_le_bytes().to_vec();
        set.extend([0; 4]);
        for privilege in &rights.privileges {
            set.extend(privilege.to_le_bytes());
            set.extend(0_u32.to_le_bytes());
        }
        plain(tree, &format!("{below}\\Privilgs"), &set)?;
    }
    Ok(())
}

/// The default value of a key below `Policy`, of type none, as LSA writes all of them.
fn plain(tree: &mut Tree, below: &str, bytes: &[u8]) -> Result<(), BuildError> {
    let value = RegValue::new(kind::NONE, bytes);
    tree.set(&format!("Policy\\{below}"), "", &value)?;
    Ok(())
}

/// A counted string: length, room (both in bytes, 16 bits), a word, then UTF-16LE text.
fn counted_string(text: &str) -> Vec<u8> {
    let text: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut out = (text.len() as u16).to_le_bytes().to_vec();
    out.extend((text.len() as u16 + 2).to_le_bytes());
    out.extend(8_u32.to_le_bytes());
    out.extend(text);
    out.extend([0, 0]);
    out
}

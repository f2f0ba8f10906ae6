//! SAM: local accounts and groups.

use super::descriptors::{Descriptors, known};
use super::text::{BUILTIN_GROUPS, administrator, guest};
use super::{BuildError, Dice, MachineSpec, Tree};
use aes::Aes128;
use aes::cipher::{BlockCipherEncrypt, KeyInit};
use gw_hive::RegValue;
use gw_hive::sam::{Domain, add_member};

const DOMAINS: &str = "SAM\\Domains";
const USER_PARTS: usize = 17;

pub(super) fn build(spec: &MachineSpec) -> Result<Vec<u8>, BuildError> {
    let descriptors = Descriptors::new(None, &[], spec.seed ^ 0x5a11);
    let guard = descriptors.root()?;
    let mut tree = Tree::new("SAM", 5, &guard, spec.at)?;
    tree.set(
        "SAM",
        "C",
        &RegValue::binary(parts(&[&guard, &[]], Some(7))),
    )?;
    tree.key("SAM\\RXACT")?;
    account_domain(&mut tree, spec, &guard)?;
    builtin_domain(&mut tree, spec, &guard)?;
    users(&mut tree, spec, &guard)?;
    let administrator = spec.sid.with_rid(500).map(|sid| (544, sid));
    let mut members: Vec<_> = administrator.into_iter().collect();
    members.push((545, known(5, &[4])));
    members.push((545, known(5, &[11])));
    if let Some(guest) = spec.sid.with_rid(501) {
        members.push((546, guest));
    }
    if let Some(domain) = &spec.domain {
        let of = |rid| domain.sid.with_rid(rid);
        members.extend(of(512).map(|sid| (544, sid)));
        members.extend(of(513).map(|sid| (545, sid)));
    }
    members.extend(spec.members.iter().cloned());
    let mut edit = tree.edit()?;
    for (rid, member) in &members {
        add_member(&mut edit, Domain::Builtin, *rid, member)?;
    }
    Ok(tree.finish()?)
}

fn account_domain(tree: &mut Tree, spec: &MachineSpec, guard: &[u8]) -> Result<(), BuildError> {
    let path = format!("{DOMAINS}\\Account");
    tree.set(&path, "F", &RegValue::binary(domain_f(spec)))?;
    let mut v = parts(&[guard, &[]], Some(4));
    v.extend(spec.sid.as_bytes());
    tree.set(&path, "V", &RegValue::binary(v))?;
    let group = format!("{path}\\Groups");
    let c = parts(
        &[guard, &utf16("None"), &utf16("Ordinary users"), &[]],
        Some(513),
    );
    tree.set(&format!("{group}\\00000201"), "C", &RegValue::binary(c))?;
    counted(tree, &format!("{group}\\Names\\None"), 513)?;
    counted(tree, &group, 1)?;
    for part in ["Aliases\\Members", "Aliases\\Names"] {
        tree.key(&format!("{path}\\{part}"))?;
    }
    counted(tree, &format!("{path}\\Aliases"), 0)
}

fn builtin_domain(tree: &mut Tree, spec: &MachineSpec, guard: &[u8]) -> Result<(), BuildError> {
    let path = format!("{DOMAINS}\\Builtin");
    tree.set(&path, "F", &RegValue::binary(domain_f(spec)))?;
    let mut v = parts(&[guard, &[]], Some(4));
    v.extend(known(5, &[32]).as_bytes());
    tree.set(&path, "V", &RegValue::binary(v))?;
    for part in ["Groups\\Names", "Users\\Names", "Aliases\\Members"] {
        tree.key(&format!("{path}\\{part}"))?;
    }
    for group in &BUILTIN_GROUPS {
        let name = group.name(spec.language);
        let comment = utf16(&format!("{name} (built in)"));
        let c = parts(&[guard, &utf16(name), &comment, &[]], Some(group.rid));
        let key = format!("{path}\\Aliases\\{:08X}", group.rid);
        tree.set(&key, "C", &RegValue::binary(c))?;
        counted(tree, &format!("{path}\\Aliases\\Names\\{name}"), group.rid)?;
    }
    counted(
        tree,
        &format!("{path}\\Aliases"),
        BUILTIN_GROUPS.len() as u32,
    )
}

fn users(tree: &mut Tree, spec: &MachineSpec, guard: &[u8]) -> Result<(), BuildError> {
    let path = format!("{DOMAINS}\\Account\\Users");
    let mut users = vec![
        (500, administrator(spec.language).to_owned(), String::new()),
        (501, guest(spec.language).to_owned(), String::new()),
    ];
    for user in &spec.local_users {
        users.push((user.rid, user.name.clone(), user.full_name.clone()));
    }
    for (rid, name, full_name) in &users {
        let key = format!("{path}\\{rid:08X}");
        tree.set(&key, "F", &RegValue::binary(user_f(spec, *rid)))?;
        let (name_part, full) = (utf16(name), utf16(full_name));
        // An AES hash record without a hash: the account has no password.
        let mut no_hash = vec![1, 0, 2, 0];
        no_hash.extend([0; 20]);
        let empty: &[u8] = &[];
        let mut all = [empty; USER_PARTS];
        all[0] = guard;
        all[1] = &name_part;
        all[2] = &full;
        all[13] = &no_hash;
        all[14] = &no_hash;
        all[15] = &no_hash;
        all[16] = &no_hash;
        tree.set(&key, "V", &RegValue::binary(parts(&all, None)))?;
        counted(tree, &format!("{path}\\Names\\{name}"), *rid)?;
    }
    counted(tree, &path, users.len() as u32)
}

/// A key whose default value has no data and a number as its type.
fn counted(tree: &mut Tree, path: &str, number: u32) -> Result<(), BuildError> {
    tree.set(path, "", &RegValue::new(number, Vec::new()))?;
    Ok(())
}

/// A value of parts: `first` (a RID), then offset, length and an extra word for
/// each part, then the parts on multiples of four.
fn parts(all: &[&[u8]], first: Option<u32>) -> Vec<u8> {
    let mut head: Vec<u8> = first.map_or(Vec::new(), |rid| rid.to_le_bytes().to_vec());
    let mut body: Vec<u8> = Vec::new();
    for (index, part) in all.iter().enumerate() {
        body.resize(body.len().next_multiple_of(4), 0);
        let extra = u32::from(index == 0);
        for word in [body.len() as u32, part.len() as u32, extra] {
            head.extend(word.to_le_bytes());
        }
        body.extend_from_slice(part);
    }
    body.resize(body.len().next_multiple_of(4), 0);
    head.extend(body);
    head
}

/// Fixed facts of a domain, with the key that guards its hashes sealed under the boot key.
fn domain_f(spec: &MachineSpec) -> Vec<u8> {
    let mut f = Vec::new();
    f.extend(3_u32.to_le_bytes());
    f.extend(0_u32.to_le_bytes());
    let forever = i64::MIN as u64;
    for time in [
        spec.at.0,
        1,
        36_288_000_000_000_u64.wrapping_neg(),
        0,
        forever,
        0,
        0,
        1,
    ] {
        f.extend(time.to_le_bytes());
    }
    f.extend(1100_u32.to_le_bytes());
    f.extend(0_u32.to_le_bytes());
    f.extend([0; 8]);
    f.extend(1_u32.to_le_bytes());
    f.extend(3_u16.to_le_bytes());
    f.extend(1_u16.to_le_bytes());
    f.extend([0; 8]);
    let mut dice = Dice::new(spec.seed ^ 0xf00d);
    let (salt, key): ([u8; 16], [u8; 16]) = (dice.bytes(), dice.bytes());
    let sealed = seal_key(&spec.boot_key, &salt, &key);
    for word in [2_u32, 0x70, 0, sealed.len() as u32] {
        f.extend(word.to_le_bytes());
    }
    f.extend(salt);
    f.extend(sealed);
    f.resize(0x68 + 0x70, 0);
    f
}

/// AES-128-CBC of the key and a block of padding.
fn seal_key(boot_key: &[u8; 16], salt: &[u8; 16], key: &[u8; 16]) -> Vec<u8> {
    let cipher = Aes128::new(boot_key.into());
    let mut chain = *salt;
    let mut sealed = Vec::new();
    for plain in [*key, [16; 16]] {
        let mut block: [u8; 16] = std::array::from_fn(|at| plain[at] ^ chain[at]);
        cipher.encrypt_block((&mut block).into());
        sealed.extend(block);
        chain = block;
    }
    sealed
}

fn user_f(spec: &MachineSpec, rid: u32) -> Vec<u8> {
    let mut f = vec![2, 0, 1, 0, 0, 0, 0, 0];
    for time in [0, 0, spec.at.0, i64::MAX as u64, 0] {
        f.extend(time.to_le_bytes());
    }
    f.extend(rid.to_le_bytes());
    f.extend(513_u32.to_le_bytes());
    // Normal account; the two built-in ones are disabled.
    let bits: u16 = if rid < 1000 { 0x0211 } else { 0x0210 };
    f.extend(bits.to_le_bytes());
    f.resize(80, 0);
    f
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

//! The secrets of the Local Security Authority, in the AES scheme of Windows Vista and later.
//!
//! The boot key is scattered over four class names in SYSTEM. It opens
//! `Policy\PolEKList` of SECURITY, which holds the LSA keys, and those open
//! the secrets below `Policy\Secrets`. Each record is
//! `version u32 | key id 16 | algorithm u32 | flags u32 | salt 32 | AES-256-ECB`,
//! keyed by SHA-256 over the key and 1,000 times the salt; the plain text is
//! `length u32 | 12 bytes | data`, padded to 16.
//!
//! What must stay true: the machine secret is written by the same rules that
//! read it, random bytes come from the caller, and no secret is ever shown by
//! `Debug` or in an error.

use crate::edit::Editor;
use crate::error::HiveError;
use crate::hive::Hive;
use crate::raw::u32_at;
use crate::time::FileTime;
use crate::value::{RegValue, kind};
use aes::Aes256;
use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use sha2::{Digest, Sha256};
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Bytes of random salt in front of each encrypted secret.
pub const SALT: usize = 32;
const HEADER: usize = 28;
const BLOCK: usize = 16;
const ALGORITHM_AES: u32 = 3;
/// Where each byte of the boot key comes from in the four class names put together.
const SCATTER: [usize; 16] = [8, 5, 4, 2, 11, 9, 13, 3, 0, 6, 1, 12, 14, 10, 15, 7];
const PIECES: [&str; 4] = ["JD", "Skew1", "GBG", "Data"];

/// Why a secret cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LsaError {
    /// The hive itself is at fault.
    #[error(transparent)]
    Hive(#[from] HiveError),
    /// A key or value that every machine has is missing.
    #[error("{0} is missing: this is not the hive of a Windows machine, or it is damaged")]
    Missing(&'static str),
    /// A class name of the boot key is not eight hexadecimal digits.
    #[error("the class name of Control\\Lsa\\{0} is not 8 hexadecimal digits")]
    BootKey(&'static str),
    /// The record is no AES record, or decrypts to nonsense.
    #[error(
        "{0} does not decrypt: SYSTEM and SECURITY are of different machines, or the scheme is older than Windows Vista"
    )]
    Sealed(String),
}

/// The machine's boot key.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct BootKey(pub [u8; 16]);

impl fmt::Debug for BootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BootKey(…)")
    }
}

impl BootKey {
    /// The four class names of `Control\Lsa\{JD,Skew1,GBG,Data}` that make this key.
    #[must_use]
    pub fn class_names(&self) -> [(&'static str, String); 4] {
        let mut scattered = [0; 16];
        for (byte, place) in self.0.iter().zip(SCATTER) {
            scattered[place] = *byte;
        }
        let mut pieces = scattered.chunks_exact(4);
        PIECES.map(|name| {
            let piece = pieces.next().unwrap_or_default();
            (name, piece.iter().map(|b| format!("{b:02x}")).collect())
        })
    }
}

/// The control set the machine boots from, such as `ControlSet001`.
///
/// # Errors
/// When `Select\Current` is missing.
pub fn current_control_set(system: &Hive) -> Result<String, LsaError> {
    let missing = LsaError::Missing("SYSTEM\\Select\\Current");
    let number = match system.key("Select")? {
        Some(select) => match select.value("Current")? {
            Some(value) => value.to_owned()?.as_u32(),
            None => None,
        },
        None => None,
    };
    number
        .map(|number| format!("ControlSet{number:03}"))
        .ok_or(missing)
}

/// Puts the boot key together from the SYSTEM hive.
///
/// # Errors
/// When a piece is missing or not hexadecimal.
pub fn boot_key(system: &Hive) -> Result<BootKey, LsaError> {
    let set = current_control_set(system)?;
    let mut pieces = [0; 16];
    for (slot, name) in pieces.chunks_exact_mut(4).zip(PIECES) {
        let class = match system.key(&format!("{set}\\Control\\Lsa\\{name}"))? {
            Some(key) => key.class_name()?,
            None => None,
        };
        let class = class.ok_or(LsaError::Missing("SYSTEM\\…\\Control\\Lsa (boot key)"))?;
        let digits = class.get(..8).ok_or(LsaError::BootKey(name))?;
        let number = u32::from_str_radix(digits, 16).map_err(|_| LsaError::BootKey(name))?;
        slot.copy_from_slice(&number.to_be_bytes());
    }
    let key = BootKey(SCATTER.map(|place| pieces[place]));
    pieces.zeroize();
    Ok(key)
}

/// The LSA keys of a machine.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct LsaKeys {
    current: [u8; 16],
    keys: Vec<([u8; 16], [u8; 32])>,
}

impl fmt::Debug for LsaKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LsaKeys({} keys)", self.keys.len())
    }
}

impl LsaKeys {
    /// Opens `Policy\PolEKList` of the SECURITY hive with the boot key.
    ///
    /// # Errors
    /// When the list is missing or does not decrypt.
    pub fn open(security: &Hive, boot: &BootKey) -> Result<Self, LsaError> {
        let record = default_value(security, "Policy\\PolEKList")?
            .ok_or(LsaError::Missing("SECURITY\\Policy\\PolEKList"))?;
        let list = open_record(&boot.0, &record.bytes).ok_or_else(|| sealed("PolEKList"))?;
        Self::parse(&list).ok_or_else(|| sealed("PolEKList"))
    }

    /// `unknown u32 | current id 16 | unknown u32 | count u32`, then per key
    /// `id 16 | type u32 | length u32 | key`.
    fn parse(list: &[u8]) -> Option<Self> {
        let current = list.get(4..20)?.try_into().ok()?;
        let count = u32_at(list, 24)?;
        let mut keys = Vec::new();
        let mut at = HEADER;
        for _ in 0..count {
            let id: [u8; 16] = list.get(at..at + 16)?.try_into().ok()?;
            let len = u32_at(list, at + 20)? as usize;
            let key = list.get(at + 24..)?.get(..len)?;
            if let Ok(key) = key.try_into() {
                keys.push((id, key));
            }
            at += 24 + len;
        }
        (!keys.is_empty()).then_some(Self { current, keys })
    }

    /// The key list with one key, as `Policy\PolEKList` keeps it sealed under the boot key.
    #[must_use]
    pub fn seal_new(boot: &BootKey, id: [u8; 16], key: [u8; 32], salt: [u8; SALT]) -> Vec<u8> {
        let mut list = Zeroizing::new(Vec::with_capacity(84));
        list.extend(1_u32.to_le_bytes());
        list.extend(id);
        list.extend(0_u32.to_le_bytes());
        list.extend(1_u32.to_le_bytes());
        list.extend(id);
        list.extend(ALGORITHM_AES.to_le_bytes());
        list.extend(32_u32.to_le_bytes());
        list.extend(key);
        seal_record(&boot.0, id, &list, salt)
    }

    fn by_id(&self, id: &[u8]) -> Option<&[u8; 32]> {
        self.keys
            .iter()
            .find(|(own, _)| own == id)
            .map(|(_, key)| key)
    }

    fn open_record(&self, record: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        // Old records may name a key by an id that is gone; the only key is then meant.
        let key = self
            .by_id(record.get(4..20)?)
            .or_else(|| self.keys.first().map(|(_, key)| key))?;
        open_record(key, record)
    }
}

/// A secret as it stands in the hive.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Secret {
    /// What counts now (`CurrVal`).
    pub current: Vec<u8>,
    /// What counted before (`OldVal`).
    pub old: Option<Vec<u8>>,
    /// When `current` was set.
    #[zeroize(skip)]
    pub updated: FileTime,
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} bytes)", self.current.len())
    }
}

/// Reads the secret `name`, such as `$MACHINE.ACC`, from the SECURITY hive.
///
/// # Errors
/// When the keys or the secret do not decrypt.
pub fn read_secret(
    security: &Hive,
    boot: &BootKey,
    name: &str,
) -> Result<Option<Secret>, LsaError> {
    let keys = LsaKeys::open(security, boot)?;
    let path = format!("Policy\\Secrets\\{name}");
    let open = |part: &str| -> Result<Option<Vec<u8>>, LsaError> {
        match default_value(security, &format!("{path}\\{part}"))? {
            Some(record) if !record.bytes.is_empty() => keys
                .open_record(&record.bytes)
                .map(|plain| Some(plain.to_vec()))
                .ok_or_else(|| sealed(name)),
            _ => Ok(None),
        }
    };
    let Some(current) = open("CurrVal")? else {
        return Ok(None);
    };
    let updated = default_value(security, &format!("{path}\\CupdTime"))?
        .and_then(|value| crate::raw::u64_at(&value.bytes, 0));
    Ok(Some(Secret {
        current,
        old: open("OldVal")?,
        updated: FileTime(updated.unwrap_or(0)),
    }))
}

/// Writes the secret `name`; what was current becomes the old value.
///
/// `salt` must be fresh random bytes.
///
/// # Errors
/// When the keys do not decrypt or the hive cannot be edited.
pub fn write_secret(
    security: &mut Hive,
    boot: &BootKey,
    name: &str,
    data: &[u8],
    salt: [u8; SALT],
    at: FileTime,
) -> Result<(), LsaError> {
    let keys = LsaKeys::open(security, boot)?;
    let key = keys
        .by_id(&keys.current)
        .or_else(|| keys.keys.first().map(|(_, key)| key))
        .ok_or(LsaError::Missing("a key in SECURITY\\Policy\\PolEKList"))?;
    let record = seal_record(key, keys.current, data, salt);
    let path = format!("Policy\\Secrets\\{name}");
    let old = default_value(security, &format!("{path}\\CurrVal"))?;
    let old_time = default_value(security, &format!("{path}\\CupdTime"))?;
    let guard = match default_value(security, &format!("{path}\\SecDesc"))? {
        Some(own) => Some(own),
        None => sibling_guard(security)?,
    };
    let mut edit = security.edit(at)?;
    let none = |bytes: &[u8]| RegValue::new(kind::NONE, bytes);
    put(&mut edit, &path, "CurrVal", &none(&record))?;
    let now = none(&at.0.to_le_bytes());
    put(&mut edit, &path, "CupdTime", &now)?;
    put(
        &mut edit,
        &path,
        "OldVal",
        &old.unwrap_or_else(|| none(&[])),
    )?;
    put(&mut edit, &path, "OupdTime", &old_time.unwrap_or(now))?;
    if let Some(guard) = guard {
        put(&mut edit, &path, "SecDesc", &guard)?;
    }
    Ok(())
}

/// Deletes the secret `name`. Answers whether there was one.
///
/// # Errors
/// When the hive cannot be edited.
pub fn delete_secret(security: &mut Hive, name: &str, at: FileTime) -> Result<bool, LsaError> {
    Ok(security
        .edit(at)?
        .delete_key(&format!("Policy\\Secrets\\{name}"))?)
}

fn put(edit: &mut Editor<'_>, path: &str, part: &str, value: &RegValue) -> Result<(), HiveError> {
    let path = format!("{path}\\{part}");
    edit.create_key(&path)?;
    edit.set_value(&path, "", value)
}

/// The descriptor another secret is guarded by, for one that is made anew.
fn sibling_guard(security: &Hive) -> Result<Option<RegValue>, HiveError> {
    let Some(secrets) = security.key("Policy\\Secrets")? else {
        return Ok(None);
    };
    for secret in secrets.subkeys()? {
        if let Some(guard) = default_value(security, &format!("{}\\SecDesc", secret.path()))? {
            return Ok(Some(guard));
        }
    }
    Ok(None)
}

fn default_value(hive: &Hive, path: &str) -> Result<Option<RegValue>, HiveError> {
    match hive.key(path)? {
        Some(key) => key.value("")?.map(|value| value.to_owned()).transpose(),
        None => Ok(None),
    }
}

fn sealed(name: &str) -> LsaError {
    LsaError::Sealed(name.to_owned())
}

// ---- records ----

fn cipher(key: &[u8], salt: &[u8]) -> Aes256 {
    let mut hash = Sha256::new();
    hash.update(key);
    for _ in 0..1000 {
        hash.update(salt);
    }
    let key: Zeroizing<[u8; 32]> = Zeroizing::new(hash.finalize().into());
    Aes256::new(&(*key).into())
}

fn open_record(key: &[u8], record: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let salt = record.get(HEADER..HEADER + SALT)?;
    let body = record.get(HEADER + SALT..)?;
    if u32_at(record, 20)? != ALGORITHM_AES || body.is_empty() || !body.len().is_multiple_of(BLOCK)
    {
        return None;
    }
    let cipher = cipher(key, salt);
    let mut plain = Zeroizing::new(Vec::with_capacity(body.len()));
    for block in body.chunks_exact(BLOCK) {
        let mut block: [u8; BLOCK] = block.try_into().ok()?;
        cipher.decrypt_block((&mut block).into());
        plain.extend(block);
    }
    let len = u32_at(&plain, 0)? as usize;
    // A wrong key gives a length out of the blue: it must fill the blocks there are.
    if len.checked_add(BLOCK)?.next_multiple_of(BLOCK) != plain.len() {
        return None;
    }
    Some(Zeroizing::new(plain.get(BLOCK..BLOCK + len)?.to_vec()))
}

fn seal_record(key: &[u8], id: [u8; 16], data: &[u8], salt: [u8; SALT]) -> Vec<u8> {
    let mut plain = Zeroizing::new(Vec::with_capacity(BLOCK * 2 + data.len()));
    plain.extend((data.len() as u32).to_le_bytes());
    plain.extend([0; 12]);
    plain.extend(data);
    let whole = plain.len().next_multiple_of(BLOCK);
    plain.resize(whole, 0);
    let mut record = Vec::with_capacity(HEADER + SALT + whole);
    record.extend(1_u32.to_le_bytes());
    record.extend(id);
    record.extend(ALGORITHM_AES.to_le_bytes());
    record.extend(0_u32.to_le_bytes());
    record.extend(salt);
    let cipher = cipher(key, &salt);
    for block in plain.chunks_exact(BLOCK) {
        let mut sealed = [0; BLOCK];
        sealed.copy_from_slice(block);
        cipher.encrypt_block((&mut sealed).into());
        record.extend(sealed);
    }
    record
}

//! What the fake PC keeps in its cells.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::change::RegData;
use crate::facts::ProfileHealth;
use crate::machine::MachineError;
use crate::sid::SidText;
use crate::winpath::WinPath;

/// `file/<id>`: one file or folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileCell {
    /// All its names (hard links).
    pub names: Vec<WinPath>,
    /// Its descriptor.
    #[serde(with = "hex_text")]
    pub sd: Vec<u8>,
}

/// `profile/<sid>`: a registered profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileCell {
    /// Folder.
    pub path: WinPath,
    /// Loaded.
    pub loaded: bool,
    /// Seconds since 1970 of the last use.
    pub last_use: i64,
    /// State bits.
    pub state: u32,
    /// Health.
    pub health: ProfileHealth,
}

/// `group/<sid>`: a local group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupCell {
    /// Name.
    pub name: String,
    /// Members in their order.
    pub members: Vec<SidText>,
}

/// `hive/<label>`: a registry hive; the first security cell is the root's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HiveCell {
    /// Folder of the profile it belongs to.
    pub profile: Option<WinPath>,
    /// `NTUSER.DAT` or `UsrClass.dat`.
    pub owner_needs_root: bool,
    /// Security cells.
    pub sks: Vec<SecurityCell>,
    /// Values by `key\name`.
    pub values: BTreeMap<String, RegData>,
    /// Why it must not be touched.
    pub refused: Option<String>,
}

/// A security cell of a hive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityCell {
    /// Descriptor.
    #[serde(with = "hex_text")]
    pub sd: Vec<u8>,
    /// Keys that use it.
    pub keys: u64,
}

pub(crate) fn read<T: DeserializeOwned>(key: &str, bytes: &[u8]) -> Result<T, MachineError> {
    serde_json::from_slice(bytes).map_err(|error| MachineError::Damaged {
        object: key.to_owned(),
        why: error.to_string(),
    })
}

pub(crate) fn write<T: Serialize>(key: &str, value: &T) -> Result<Vec<u8>, MachineError> {
    serde_json::to_vec(value).map_err(|error| MachineError::Damaged {
        object: key.to_owned(),
        why: error.to_string(),
    })
}

/// Bytes as hex text: a test reads a thousand cells per run.
pub(crate) mod hex_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = String::with_capacity(bytes.len() * 2);
        for byte in bytes {
            text.push(char::from(DIGITS[usize::from(byte >> 4)]));
            text.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
        to.serialize_str(&text)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(from)?;
        text.as_bytes()
            .chunks(2)
            .map(|pair| {
                let digits = std::str::from_utf8(pair).map_err(D::Error::custom)?;
                u8::from_str_radix(digits, 16).map_err(D::Error::custom)
            })
            .collect()
    }
}

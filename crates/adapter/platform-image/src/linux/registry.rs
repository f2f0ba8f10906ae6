//! Small reads and edits of machine hives, in the seam's words.

use super::{hivefile, tree};
use gw_hive::{Hive, RegValue};
use gw_platform::{HiveRef, MachineError, RegData, WinPath};
use std::path::Path;

/// Where the machine hives are.
pub(super) fn config(name: &str) -> Result<WinPath, MachineError> {
    tree::parse(&format!("C:\\Windows\\System32\\config\\{name}"))
}

/// The file of a hive.
pub(super) fn file_of(hive: &HiveRef) -> Result<WinPath, MachineError> {
    match hive {
        HiveRef::Software => config("SOFTWARE"),
        HiveRef::System => config("SYSTEM"),
        HiveRef::User { file } => Ok(file.clone()),
    }
}

/// A hive with the path that errors name.
pub(super) struct Named {
    pub(super) hive: Hive,
    pub(super) path: WinPath,
}

impl Named {
    pub(super) fn open(root: &Path, path: WinPath) -> Result<Self, MachineError> {
        Ok(Self {
            hive: hivefile::open(root, &path)?,
            path,
        })
    }

    /// A value; `None` if the key or the value is missing.
    pub(super) fn value(&self, key: &str, name: &str) -> Result<Option<RegValue>, MachineError> {
        let read = || -> Result<Option<RegValue>, gw_hive::HiveError> {
            let Some(key) = self.hive.key(key)? else {
                return Ok(None);
            };
            let Some(value) = key.value(name)? else {
                return Ok(None);
            };
            Ok(Some(value.to_owned()?))
        };
        read().map_err(|error| hivefile::refused(&self.path, &error))
    }

    pub(super) fn text(&self, key: &str, name: &str) -> Result<Option<String>, MachineError> {
        Ok(self
            .value(key, name)?
            .and_then(|value| value.as_string())
            .filter(|text| !text.is_empty()))
    }

    pub(super) fn number(&self, key: &str, name: &str) -> Result<Option<u32>, MachineError> {
        Ok(self.value(key, name)?.and_then(|value| value.as_u32()))
    }

    pub(super) fn bytes(&self, key: &str, name: &str) -> Result<Option<Vec<u8>>, MachineError> {
        Ok(self.value(key, name)?.map(|value| value.bytes))
    }

    /// Names of the keys below `key`, in the hive's order; none if it is missing.
    pub(super) fn subkeys(&self, key: &str) -> Result<Vec<String>, MachineError> {
        let read = || -> Result<Vec<String>, gw_hive::HiveError> {
            let Some(key) = self.hive.key(key)? else {
                return Ok(Vec::new());
            };
            Ok(key.subkeys()?.iter().map(gw_hive::Key::name).collect())
        };
        read().map_err(|error| hivefile::refused(&self.path, &error))
    }
}

/// The control set that Windows starts with, such as `ControlSet001`.
pub(super) fn control_set(system: &Named) -> Result<String, MachineError> {
    let current = system.number("Select", "Current")?.unwrap_or(1);
    Ok(format!("ControlSet{current:03}"))
}

/// Registry data as the hive stores it.
pub(super) fn data(data: &RegData) -> RegValue {
    match data {
        RegData::Text(text) => RegValue::string(text),
        RegData::Dword(number) => RegValue::dword(*number),
    }
}

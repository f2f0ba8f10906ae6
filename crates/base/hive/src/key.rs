//! Reading keys: names, classes, security, subkeys and values.

use crate::error::HiveError;
use crate::hive::{Hive, NIL};
use crate::raw::{u16_at, u32_at, u64_at, units};
use crate::time::FileTime;
use crate::upcase::compare;
use crate::value::Value;
use std::cmp::Ordering;
use std::fmt;

pub(crate) mod nk {
    //! Offsets of the fields of a key node.
    pub(crate) const FLAGS: usize = 2;
    pub(crate) const LAST_WRITTEN: usize = 4;
    pub(crate) const PARENT: usize = 16;
    pub(crate) const SUBKEY_COUNT: usize = 20;
    pub(crate) const SUBKEY_LIST: usize = 28;
    pub(crate) const VOLATILE_LIST: usize = 32;
    pub(crate) const VALUE_COUNT: usize = 36;
    pub(crate) const VALUE_LIST: usize = 40;
    pub(crate) const SECURITY: usize = 44;
    pub(crate) const CLASS: usize = 48;
    /// 16 bits; the 16 above hold flags of their own.
    pub(crate) const MAX_SUBKEY_NAME: usize = 52;
    pub(crate) const MAX_CLASS: usize = 56;
    pub(crate) const MAX_VALUE_NAME: usize = 60;
    pub(crate) const MAX_VALUE_DATA: usize = 64;
    pub(crate) const NAME_LEN: usize = 72;
    pub(crate) const CLASS_LEN: usize = 74;
    pub(crate) const NAME: usize = 76;

    pub(crate) const FLAG_ROOT: u16 = 0x0004;
    pub(crate) const FLAG_NO_DELETE: u16 = 0x0008;
    pub(crate) const FLAG_COMPRESSED: u16 = 0x0020;
    pub(crate) const FLAG_PREDEFINED: u16 = 0x0040;
}

/// A key of a hive.
#[derive(Clone, Copy)]
pub struct Key<'h> {
    hive: &'h Hive,
    offset: u32,
    // INVARIANT: at least NAME bytes and the whole name.
    cell: &'h [u8],
}

impl fmt::Debug for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:?} at {:#x})", self.name(), self.offset)
    }
}

impl<'h> Key<'h> {
    pub(crate) fn at(hive: &'h Hive, offset: u32) -> Result<Self, HiveError> {
        let cell = hive.cell(offset)?;
        let damaged = |what| HiveError::Key {
            offset,
            path: String::new(),
            what,
        };
        if !cell.starts_with(b"nk") {
            return Err(damaged("it is no key node"));
        }
        let name_len = u16_at(cell, nk::NAME_LEN).map(usize::from);
        match name_len {
            Some(len) if cell.len() >= nk::NAME + len => Ok(Self { hive, offset, cell }),
            _ => Err(damaged("it ends before its name does")),
        }
    }

    pub(crate) fn offset(&self) -> u32 {
        self.offset
    }

    pub(crate) fn field(&self, at: usize) -> u32 {
        // Every field lies before the name, which the constructor has measured.
        u32_at(self.cell, at).unwrap_or(NIL)
    }

    fn flags(&self) -> u16 {
        u16_at(self.cell, nk::FLAGS).unwrap_or(0)
    }

    pub(crate) fn is_compressed(&self) -> bool {
        self.flags() & nk::FLAG_COMPRESSED != 0
    }

    pub(crate) fn has_flag(&self, flag: u16) -> bool {
        self.flags() & flag != 0
    }

    pub(crate) fn name_bytes(&self) -> &'h [u8] {
        let len = u16_at(self.cell, nk::NAME_LEN).map_or(0, usize::from);
        &self.cell[nk::NAME..nk::NAME + len]
    }

    /// UTF-16 units of the name.
    #[must_use]
    pub fn name_units(&self) -> Vec<u16> {
        name_units(self.name_bytes(), self.is_compressed())
    }

    /// The name; units that are no characters become U+FFFD.
    #[must_use]
    pub fn name(&self) -> String {
        String::from_utf16_lossy(&self.name_units())
    }

    pub(crate) fn compare_name(&self, name: &[u16]) -> Ordering {
        let bytes = self.name_bytes();
        if self.is_compressed() {
            compare(bytes.iter().map(|b| u16::from(*b)), name.iter().copied())
        } else {
            compare(units(bytes), name.iter().copied())
        }
    }

    /// Path from the root (without the root's name) as far as parents can be followed.
    #[must_use]
    pub fn path(&self) -> String {
        let mut names = Vec::new();
        let mut key = *self;
        // Windows allows 512 levels; a damaged hive may go in circles.
        while key.offset != self.hive.root_offset() && names.len() < 512 {
            names.push(key.name());
            match Key::at(self.hive, key.field(nk::PARENT)) {
                Ok(parent) => key = parent,
                Err(_) => break,
            }
        }
        names.reverse();
        names.join("\\")
    }

    pub(crate) fn damaged(&self, what: &'static str) -> HiveError {
        HiveError::Key {
            offset: self.offset,
            path: self.path(),
            what,
        }
    }

    /// When the key was last written.
    #[must_use]
    pub fn last_written(&self) -> FileTime {
        FileTime(u64_at(self.cell, nk::LAST_WRITTEN).unwrap_or(0))
    }

    /// The class name, if the key has one.
    ///
    /// # Errors
    /// When the class cell is damaged.
    pub fn class_name(&self) -> Result<Option<String>, HiveError> {
        Ok(self
            .class_bytes()?
            .map(|bytes| String::from_utf16_lossy(&units(bytes).collect::<Vec<_>>())))
    }

    pub(crate) fn class_bytes(&self) -> Result<Option<&'h [u8]>, HiveError> {
        let len = u16_at(self.cell, nk::CLASS_LEN).map_or(0, usize::from);
        let at = self.field(nk::CLASS);
        if len == 0 || at == NIL {
            return Ok(None);
        }
        match self.hive.cell(at)?.get(..len) {
            Some(bytes) => Ok(Some(bytes)),
            None => Err(self.damaged("its class name is cut off")),
        }
    }

    /// The self-relative security descriptor in the key's security cell.
    ///
    /// # Errors
    /// When the security cell is damaged.
    pub fn descriptor(&self) -> Result<&'h [u8], HiveError> {
        self.hive.security_descriptor(self.field(nk::SECURITY))
    }

    /// How many subkeys the key says it has.
    #[must_use]
    pub fn subkey_count(&self) -> u32 {
        self.field(nk::SUBKEY_COUNT)
    }

    /// The subkeys in stored order, which is the order of their upper-case names.
    ///
    /// # Errors
    /// When a list or a subkey is damaged.
    pub fn subkeys(&self) -> Result<Vec<Key<'h>>, HiveError> {
        self.hive
            .subkey_offsets(self)?
            .into_iter()
            .map(|offset| Key::at(self.hive, offset))
            .collect()
    }

    /// The subkey of that name, whatever its case.
    ///
    /// # Errors
    /// When a list or a subkey is damaged.
    pub fn subkey(&self, name: &str) -> Result<Option<Key<'h>>, HiveError> {
        let name: Vec<u16> = name.encode_utf16().collect();
        self.hive.find_subkey(self, &name)
    }

    /// The values in stored order.
    ///
    /// # Errors
    /// When the list or a value is damaged.
    pub fn values(&self) -> Result<Vec<Value<'h>>, HiveError> {
        self.value_offsets()?
            .map(|offset| Value::at(self.hive, offset))
            .collect()
    }

    /// The value of that name, whatever its case; the empty name is the default value.
    ///
    /// # Errors
    /// When the list or a value is damaged.
    pub fn value(&self, name: &str) -> Result<Option<Value<'h>>, HiveError> {
        for offset in self.value_offsets()? {
            let value = Value::at(self.hive, offset)?;
            if value.is_named(name) {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    pub(crate) fn value_count(&self) -> u32 {
        // A predefined handle keeps something else in this field.
        if self.has_flag(nk::FLAG_PREDEFINED) {
            0
        } else {
            self.field(nk::VALUE_COUNT)
        }
    }

    pub(crate) fn value_offsets(
        &self,
    ) -> Result<impl ExactSizeIterator<Item = u32> + Clone + 'h, HiveError> {
        let count = self.value_count() as usize;
        let list = if count == 0 {
            &[]
        } else {
            let list = self.hive.cell(self.field(nk::VALUE_LIST))?;
            match count.checked_mul(4).and_then(|len| list.get(..len)) {
                Some(list) => list,
                None => return Err(self.damaged("its list of values is cut off")),
            }
        };
        Ok(list
            .chunks_exact(4)
            .map(|quad| u32::from_le_bytes([quad[0], quad[1], quad[2], quad[3]])))
    }
}

/// UTF-16 units of a stored name: one byte a unit when compressed, else two.
pub(crate) fn name_units(bytes: &[u8], compressed: bool) -> Vec<u16> {
    if compressed {
        bytes.iter().map(|byte| u16::from(*byte)).collect()
    } else {
        units(bytes).collect()
    }
}

/// A name as it is stored: one byte a unit when every unit fits, and whether it did.
pub(crate) fn stored_name(name: &[u16]) -> (Vec<u8>, bool) {
    match name
        .iter()
        .map(|unit| u8::try_from(*unit).ok())
        .collect::<Option<Vec<u8>>>()
    {
        Some(bytes) => (bytes, true),
        None => (
            name.iter().flat_map(|unit| unit.to_le_bytes()).collect(),
            false,
        ),
    }
}

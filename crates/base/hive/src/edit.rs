//! Changing keys and values.
//!
//! Every edit leaves a hive that [`Hive::check`] accepts: lists sorted and
//! hashed, counts and maxima right, security cells counted, freed cells zeroed.

use crate::error::HiveError;
use crate::hive::{Hive, NIL};
use crate::key::{Key, nk, stored_name};
use crate::raw::{put, put_u16, put_u32, put_u64, utf16};
use crate::time::FileTime;
use crate::upcase::compare;
use std::cmp::Ordering;

/// Edits a hive; made by [`Hive::edit`].
pub struct Editor<'h> {
    pub(crate) hive: &'h mut Hive,
    pub(crate) at: FileTime,
}

/// What a new key gets beside its name.
#[derive(Debug, Clone, Copy, Default)]
pub struct NewKey<'a> {
    /// Class name, if any.
    pub class: Option<&'a str>,
    /// Descriptor; `None` shares the parent's.
    pub descriptor: Option<&'a [u8]>,
}

impl Hive {
    /// Begins editing. `at` becomes the last-written time of every key touched.
    ///
    /// The hive is checked from end to end the first time.
    ///
    /// # Errors
    /// When the hive cannot be edited in this version or is damaged.
    pub fn edit(&mut self, at: FileTime) -> Result<Editor<'_>, HiveError> {
        if !self.checked {
            self.check()?;
            self.checked = true;
        }
        Ok(Editor { hive: self, at })
    }
}

impl Editor<'_> {
    /// The hive as it is now.
    #[must_use]
    pub fn hive(&self) -> &Hive {
        self.hive
    }

    /// Makes the key at `path` and what is missing above it; does nothing when
    /// it exists. Answers whether it was made.
    ///
    /// # Errors
    /// When a name cannot be a key name.
    pub fn create_key(&mut self, path: &str) -> Result<bool, HiveError> {
        self.create_key_with(path, NewKey::default())
    }

    /// As [`Editor::create_key`]; `new` applies to the last key only, and only when it is made.
    ///
    /// # Errors
    /// When a name cannot be a key name.
    pub fn create_key_with(&mut self, path: &str, new: NewKey<'_>) -> Result<bool, HiveError> {
        let mut parent = self.hive.root()?.offset();
        let names: Vec<&str> = path.split('\\').filter(|name| !name.is_empty()).collect();
        let mut made = false;
        for (index, name) in names.iter().enumerate() {
            let units = key_name(name)?;
            let found = Key::at(self.hive, parent)?;
            if let Some(key) = self.hive.find_subkey(&found, &units)? {
                parent = key.offset();
                continue;
            }
            let with = if index + 1 == names.len() {
                new
            } else {
                NewKey::default()
            };
            parent = self.new_subkey(parent, &units, with)?;
            made = true;
        }
        Ok(made)
    }

    fn new_subkey(&mut self, parent: u32, name: &[u16], new: NewKey<'_>) -> Result<u32, HiveError> {
        let security = match new.descriptor {
            Some(descriptor) => self.hive.share_security(descriptor)?,
            None => {
                let shared = Key::at(self.hive, parent)?.field(nk::SECURITY);
                self.hive.retain_security(shared)?;
                shared
            }
        };
        let child = self.hive.new_node(name, parent, security, self.at)?;
        if let Some(class) = new.class.filter(|class| !class.is_empty()) {
            self.give_class(child, class)?;
            let len = class.encode_utf16().count() * 2;
            self.hive.raise_u32(parent, nk::MAX_CLASS, len as u32)?;
        }
        self.hive.insert_subkey(parent, child, name)?;
        self.stamp(parent)?;
        Ok(child)
    }

    fn give_class(&mut self, key: u32, class: &str) -> Result<(), HiveError> {
        let bytes = utf16(class);
        let len = u16::try_from(bytes.len()).map_err(|_| HiveError::KeyName(class.to_owned()))?;
        let cell = self.hive.allocate(bytes.len())?;
        let _ = put(self.hive.cell_mut(cell)?, 0, &bytes);
        let node = self.hive.cell_mut(key)?;
        let _ = put_u32(node, nk::CLASS, cell);
        let _ = put_u16(node, nk::CLASS_LEN, len);
        Ok(())
    }

    /// Deletes the key at `path` with everything below it. Answers whether there was one.
    ///
    /// # Errors
    /// When `path` is the root.
    pub fn delete_key(&mut self, path: &str) -> Result<bool, HiveError> {
        let Some(key) = self.hive.key(path)? else {
            return Ok(false);
        };
        let (offset, parent, name) = (key.offset(), key.field(nk::PARENT), key.name_units());
        if offset == self.hive.root_offset() {
            return Err(HiveError::Root);
        }
        self.hive.remove_subkey(parent, &name)?;
        let mut stack = vec![offset];
        while let Some(offset) = stack.pop() {
            let key = Key::at(self.hive, offset)?;
            stack.extend(self.hive.subkey_offsets(&key)?);
            self.free_node(offset)?;
        }
        self.stamp(parent)?;
        Ok(true)
    }

    /// Frees one key node and what it owns, except its subkeys.
    fn free_node(&mut self, offset: u32) -> Result<(), HiveError> {
        let key = Key::at(self.hive, offset)?;
        let security = key.field(nk::SECURITY);
        let class = key.class_bytes()?.map(|_| key.field(nk::CLASS));
        let list = key.field(nk::SUBKEY_LIST);
        let mut cells: Vec<u32> = class.into_iter().collect();
        if key.subkey_count() > 0 && list != NIL {
            let leaves = self.hive.leaves(list)?;
            if leaves.first() != Some(&list) {
                cells.push(list);
            }
            cells.extend(leaves);
        }
        let values: Vec<u32> = key.value_offsets()?.collect();
        if !values.is_empty() {
            cells.push(key.field(nk::VALUE_LIST));
        }
        for value in values {
            self.free_value(value)?;
        }
        for cell in cells {
            self.hive.free_cell(cell)?;
        }
        self.hive.free_cell(offset)?;
        self.hive.release_security(security)
    }

    /// Gives the key at `path` another name (a name, not a path) in the same place.
    ///
    /// # Errors
    /// When there is no such key, another one has the name, or it cannot be a name.
    pub fn rename_key(&mut self, path: &str, name: &str) -> Result<(), HiveError> {
        let units = key_name(name)?;
        let key = self
            .hive
            .key(path)?
            .ok_or_else(|| HiveError::NoSuchKey(path.to_owned()))?;
        let (offset, parent, old) = (key.offset(), key.field(nk::PARENT), key.name_units());
        if offset == self.hive.root_offset() {
            return Err(HiveError::Root);
        }
        if old == units {
            return Ok(());
        }
        let only_case = compare(old.iter().copied(), units.iter().copied()) == Ordering::Equal;
        let above = Key::at(self.hive, parent)?;
        if !only_case && let Some(other) = self.hive.find_subkey(&above, &units)? {
            return Err(HiveError::KeyExists(other.path()));
        }
        self.hive.remove_subkey(parent, &old)?;
        let offset = self.rename_node(offset, &units)?;
        self.hive.insert_subkey(parent, offset, &units)?;
        self.stamp(parent)?;
        self.stamp(offset)
    }

    /// Writes the name into the node, moving it when the name does not fit.
    fn rename_node(&mut self, offset: u32, name: &[u16]) -> Result<u32, HiveError> {
        let (stored, compressed) = stored_name(name);
        let need = nk::NAME + stored.len();
        let old = self.hive.cell(offset)?;
        let mut place = offset;
        if old.len() < need {
            let fixed = old[..nk::NAME].to_vec();
            place = self.hive.allocate(need)?;
            let _ = put(self.hive.cell_mut(place)?, 0, &fixed);
            let key = Key::at(self.hive, offset)?;
            for subkey in self.hive.subkey_offsets(&key)? {
                self.hive.set_field(subkey, nk::PARENT, place)?;
            }
            self.hive.free_cell(offset)?;
        }
        let cell = self.hive.cell_mut(place)?;
        cell[nk::NAME..].fill(0);
        let flags = crate::raw::u16_at(cell, nk::FLAGS).unwrap_or(0) & !nk::FLAG_COMPRESSED;
        let flags = flags | if compressed { nk::FLAG_COMPRESSED } else { 0 };
        let _ = put_u16(cell, nk::FLAGS, flags);
        let _ = put_u16(cell, nk::NAME_LEN, stored.len() as u16);
        let _ = put(cell, nk::NAME, &stored);
        Ok(place)
    }

    /// Gives the key at `path` another descriptor (this key only).
    ///
    /// # Errors
    /// When there is no such key.
    pub fn set_descriptor(&mut self, path: &str, descriptor: &[u8]) -> Result<(), HiveError> {
        let key = self.need(path)?;
        let old = Key::at(self.hive, key)?.field(nk::SECURITY);
        if self.hive.security_descriptor(old)? == descriptor {
            return Ok(());
        }
        let new = self.hive.share_security(descriptor)?;
        self.hive.set_key_security(key, new)?;
        self.hive.release_security(old)?;
        self.stamp(key)
    }

    pub(crate) fn need(&self, path: &str) -> Result<u32, HiveError> {
        self.hive
            .key(path)?
            .map(|key| key.offset())
            .ok_or_else(|| HiveError::NoSuchKey(path.to_owned()))
    }

    pub(crate) fn stamp(&mut self, key: u32) -> Result<(), HiveError> {
        let _ = put_u64(self.hive.cell_mut(key)?, nk::LAST_WRITTEN, self.at.0);
        Ok(())
    }
}

impl Hive {
    /// A key node that is in no list yet.
    pub(crate) fn new_node(
        &mut self,
        name: &[u16],
        parent: u32,
        security: u32,
        at: FileTime,
    ) -> Result<u32, HiveError> {
        let (stored, compressed) = stored_name(name);
        let offset = self.allocate(nk::NAME + stored.len())?;
        let cell = self.cell_mut(offset)?;
        let flags = if compressed { nk::FLAG_COMPRESSED } else { 0 };
        cell[..2].copy_from_slice(b"nk");
        let _ = put_u16(cell, nk::FLAGS, flags);
        let _ = put_u64(cell, nk::LAST_WRITTEN, at.0);
        for at in [
            nk::SUBKEY_LIST,
            nk::VOLATILE_LIST,
            nk::VALUE_LIST,
            nk::CLASS,
        ] {
            let _ = put_u32(cell, at, NIL);
        }
        let _ = put_u32(cell, nk::PARENT, parent);
        let _ = put_u32(cell, nk::SECURITY, security);
        let _ = put_u16(cell, nk::NAME_LEN, stored.len() as u16);
        let _ = put(cell, nk::NAME, &stored);
        Ok(offset)
    }
}

fn key_name(name: &str) -> Result<Vec<u16>, HiveError> {
    let units: Vec<u16> = name.encode_utf16().collect();
    if units.is_empty() || units.len() > 255 || name.contains('\\') {
        return Err(HiveError::KeyName(name.to_owned()));
    }
    Ok(units)
}

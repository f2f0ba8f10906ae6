//! Setting and deleting values.

use crate::edit::Editor;
use crate::error::HiveError;
use crate::hive::NIL;
use crate::key::{Key, nk, stored_name};
use crate::raw::{put, put_u16, put_u32};
use crate::value::{INLINE, RegValue, SEGMENT, Value, vk};

/// Longest name of a value in UTF-16 units.
const MAX_VALUE_NAME: usize = 16_383;

impl Editor<'_> {
    /// Sets a value of the key at `path`; the empty name is the default value.
    ///
    /// An existing value keeps its place and the case of its name.
    ///
    /// # Errors
    /// When there is no such key or the name is too long.
    pub fn set_value(&mut self, path: &str, name: &str, value: &RegValue) -> Result<(), HiveError> {
        let key = self.need(path)?;
        self.set_value_of(key, name, value)
    }

    pub(crate) fn set_value_of(
        &mut self,
        key: u32,
        name: &str,
        value: &RegValue,
    ) -> Result<(), HiveError> {
        let units: Vec<u16> = name.encode_utf16().collect();
        if units.len() > MAX_VALUE_NAME {
            return Err(HiveError::ValueName(units.len()));
        }
        let found = Key::at(self.hive, key)?
            .value(name)?
            .map(|value| value.offset());
        let node = match found {
            Some(offset) => {
                self.free_data(offset)?;
                offset
            }
            None => self.new_value(key, &units)?,
        };
        self.put_data(node, value)?;
        self.hive
            .raise_u32(key, nk::MAX_VALUE_NAME, (units.len() * 2) as u32)?;
        self.hive
            .raise_u32(key, nk::MAX_VALUE_DATA, value.bytes.len() as u32)?;
        self.stamp(key)
    }

    /// Deletes a value. Answers whether there was one.
    ///
    /// # Errors
    /// When there is no such key.
    pub fn delete_value(&mut self, path: &str, name: &str) -> Result<bool, HiveError> {
        let key = self.need(path)?;
        let node = Key::at(self.hive, key)?;
        let Some(value) = node.value(name)? else {
            return Ok(false);
        };
        let (gone, list) = (value.offset(), node.field(nk::VALUE_LIST));
        let rest: Vec<u32> = node
            .value_offsets()?
            .filter(|offset| *offset != gone)
            .collect();
        self.free_value(gone)?;
        if rest.is_empty() {
            self.hive.free_cell(list)?;
            self.hive.set_field(key, nk::VALUE_LIST, NIL)?;
        } else {
            self.write_value_list(list, &rest)?;
        }
        self.hive
            .set_field(key, nk::VALUE_COUNT, rest.len() as u32)?;
        self.stamp(key)?;
        Ok(true)
    }

    fn new_value(&mut self, key: u32, name: &[u16]) -> Result<u32, HiveError> {
        let (stored, compressed) = stored_name(name);
        let offset = self.hive.allocate(vk::NAME + stored.len())?;
        let cell = self.hive.cell_mut(offset)?;
        // Windows leaves the flag off where there is no name to compress.
        let flags = if compressed && !name.is_empty() {
            vk::FLAG_COMPRESSED
        } else {
            0
        };
        cell[..2].copy_from_slice(b"vk");
        let _ = put_u16(cell, vk::NAME_LEN, stored.len() as u16);
        let _ = put_u32(cell, vk::DATA, NIL);
        let _ = put_u16(cell, vk::FLAGS, flags);
        let _ = put(cell, vk::NAME, &stored);

        let node = Key::at(self.hive, key)?;
        let mut values: Vec<u32> = node.value_offsets()?.collect();
        let list = node.field(nk::VALUE_LIST);
        values.push(offset);
        let list = if values.len() == 1 {
            self.hive.allocate(4)?
        } else if self.hive.cell(list)?.len() < values.len() * 4 {
            let room = values.len() + values.len() / 8;
            let made = self.hive.allocate(room * 4)?;
            self.hive.free_cell(list)?;
            made
        } else {
            list
        };
        self.write_value_list(list, &values)?;
        self.hive.set_field(key, nk::VALUE_LIST, list)?;
        self.hive
            .set_field(key, nk::VALUE_COUNT, values.len() as u32)?;
        Ok(offset)
    }

    fn write_value_list(&mut self, list: u32, values: &[u32]) -> Result<(), HiveError> {
        let cell = self.hive.cell_mut(list)?;
        cell.fill(0);
        for (index, value) in values.iter().enumerate() {
            let _ = put_u32(cell, index * 4, *value);
        }
        Ok(())
    }

    /// Stores type and data in a value that owns no data cell.
    fn put_data(&mut self, node: u32, value: &RegValue) -> Result<(), HiveError> {
        let len = u32::try_from(value.bytes.len()).map_err(|_| HiveError::TooLarge)?;
        let (size, place) = if value.bytes.len() <= 4 {
            // No data at all is kept in the value, too, as Windows does.
            let mut inline = [0; 4];
            inline[..value.bytes.len()].copy_from_slice(&value.bytes);
            (len | INLINE, u32::from_le_bytes(inline))
        } else if value.bytes.len() > SEGMENT && self.hive.minor_version() > 3 {
            (len, self.put_big_data(&value.bytes)?)
        } else {
            let cell = self.hive.allocate(value.bytes.len())?;
            let _ = put(self.hive.cell_mut(cell)?, 0, &value.bytes);
            (len, cell)
        };
        let cell = self.hive.cell_mut(node)?;
        let _ = put_u32(cell, vk::DATA_SIZE, size);
        let _ = put_u32(cell, vk::DATA, place);
        let _ = put_u32(cell, vk::KIND, value.kind);
        Ok(())
    }

    fn put_big_data(&mut self, bytes: &[u8]) -> Result<u32, HiveError> {
        let mut segments = Vec::new();
        for part in bytes.chunks(SEGMENT) {
            let cell = self.hive.allocate(part.len())?;
            let _ = put(self.hive.cell_mut(cell)?, 0, part);
            segments.push(cell);
        }
        let count = u16::try_from(segments.len()).map_err(|_| HiveError::TooLarge)?;
        let list = self.hive.allocate(segments.len() * 4)?;
        self.write_value_list(list, &segments)?;
        let record = self.hive.allocate(8)?;
        let cell = self.hive.cell_mut(record)?;
        cell[..2].copy_from_slice(b"db");
        let _ = put_u16(cell, 2, count);
        let _ = put_u32(cell, 4, list);
        Ok(record)
    }

    /// Frees the data of a value and leaves it empty.
    fn free_data(&mut self, node: u32) -> Result<(), HiveError> {
        let value = Value::at(self.hive, node)?;
        let mut cells = Vec::new();
        if let Some(data) = value.data_cell() {
            cells.push(data);
            if value.is_big() {
                cells.extend(value.segments(data)?);
                cells.push(value.segment_list(data)?);
            }
        }
        for cell in cells {
            self.hive.free_cell(cell)?;
        }
        let cell = self.hive.cell_mut(node)?;
        let _ = put_u32(cell, vk::DATA_SIZE, 0);
        let _ = put_u32(cell, vk::DATA, NIL);
        Ok(())
    }

    pub(crate) fn free_value(&mut self, node: u32) -> Result<(), HiveError> {
        self.free_data(node)?;
        self.hive.free_cell(node)
    }
}

//! Putting names into the sorted subkey lists and taking them out.

use crate::error::HiveError;
use crate::hive::{Hive, NIL};
use crate::key::{Key, nk};
use crate::list::{LIST_HEADER, Leaf, List};
use crate::raw::{put_u16, put_u32};
use crate::upcase::name_hash;

impl Hive {
    /// Enters `child`, called `name`, into the lists of `parent` and counts it.
    pub(crate) fn insert_subkey(
        &mut self,
        parent: u32,
        child: u32,
        name: &[u16],
    ) -> Result<(), HiveError> {
        let key = Key::at(self, parent)?;
        let count = key.subkey_count();
        let list = key.field(nk::SUBKEY_LIST);
        let top = if count == 0 || list == NIL {
            let leaf = if self.minor_version() > 4 {
                Leaf::Hash
            } else {
                Leaf::Hint
            };
            self.new_leaf(leaf, &[(child, mark(leaf, name))])?
        } else {
            self.insert_into(list, child, name)?
        };
        self.set_field(parent, nk::SUBKEY_LIST, top)?;
        self.set_field(parent, nk::SUBKEY_COUNT, count + 1)?;
        self.raise_u16(parent, nk::MAX_SUBKEY_NAME, (name.len() * 2) as u16)
    }

    /// Takes the subkey called `name` out of the lists of `parent`.
    pub(crate) fn remove_subkey(&mut self, parent: u32, name: &[u16]) -> Result<(), HiveError> {
        let key = Key::at(self, parent)?;
        let count = key.subkey_count();
        let list = key.field(nk::SUBKEY_LIST);
        let place = self.place_of(list, name)?;
        if place.found.is_none() {
            return Err(HiveError::NoSuchKey(String::from_utf16_lossy(name)));
        }
        let (leaf, index, leaf_index) = (place.leaf, place.index, place.leaf_index);
        let (kind, mut elements) = self.elements(leaf)?;
        elements.remove(index);
        let top = if !elements.is_empty() {
            self.fill_leaf(leaf, kind, &elements)?;
            list
        } else {
            self.free_cell(leaf)?;
            self.drop_leaf(list, leaf, leaf_index)?
        };
        self.set_field(parent, nk::SUBKEY_LIST, top)?;
        self.set_field(parent, nk::SUBKEY_COUNT, count.saturating_sub(1))
    }

    /// The leaf that was freed leaves the index, too; answers the top list.
    fn drop_leaf(&mut self, list: u32, leaf: u32, leaf_index: usize) -> Result<u32, HiveError> {
        if list == leaf {
            return Ok(NIL);
        }
        let mut leaves = self.leaves(list)?;
        leaves.remove(leaf_index);
        if leaves.is_empty() {
            self.free_cell(list)?;
            return Ok(NIL);
        }
        self.write_index(list, &leaves)
    }

    fn insert_into(&mut self, list: u32, child: u32, name: &[u16]) -> Result<u32, HiveError> {
        let place = self.place_of(list, name)?;
        if let Some(found) = place.found {
            return Err(HiveError::KeyExists(found.name()));
        }
        let (leaf, index, leaf_index) = (place.leaf, place.index, place.leaf_index);
        let (kind, mut elements) = self.elements(leaf)?;
        elements.insert(index, (child, mark(kind, name)));
        let indexed = list != leaf;
        let mut leaves = if indexed {
            self.leaves(list)?
        } else {
            vec![leaf]
        };
        let second = if elements.len() > kind.most() {
            elements.split_off(elements.len() / 2)
        } else {
            Vec::new()
        };
        leaves[leaf_index] = self.write_leaf(leaf, kind, &elements)?;
        if !second.is_empty() {
            let made = self.new_leaf(kind, &second)?;
            leaves.insert(leaf_index + 1, made);
        }
        match (indexed, leaves.as_slice()) {
            (true, _) => self.write_index(list, &leaves),
            (false, [only]) => Ok(*only),
            (false, _) => {
                let index = self.allocate(LIST_HEADER + leaves.len() * 4)?;
                self.write_index(index, &leaves)
            }
        }
    }

    fn elements(&self, leaf: u32) -> Result<(Leaf, Vec<(u32, u32)>), HiveError> {
        let list: List<'_> = self.leaf_at(leaf)?;
        let kind = list.leaf.unwrap_or(Leaf::Plain);
        Ok((
            kind,
            (0..list.len())
                .map(|index| (list.get(index), list.mark(index)))
                .collect(),
        ))
    }

    fn new_leaf(&mut self, kind: Leaf, elements: &[(u32, u32)]) -> Result<u32, HiveError> {
        let leaf = self.allocate(LIST_HEADER + elements.len() * kind.stride())?;
        self.fill_leaf(leaf, kind, elements)?;
        Ok(leaf)
    }

    /// Writes a leaf into its cell, or into a larger one when it has outgrown it.
    fn write_leaf(
        &mut self,
        leaf: u32,
        kind: Leaf,
        elements: &[(u32, u32)],
    ) -> Result<u32, HiveError> {
        let need = LIST_HEADER + elements.len() * kind.stride();
        if self.cell(leaf)?.len() >= need {
            self.fill_leaf(leaf, kind, elements)?;
            return Ok(leaf);
        }
        // Room for an eighth more, so that a growing list does not move each time.
        let room = (elements.len() + elements.len() / 8 + 1).min(kind.most());
        let made = self.allocate(LIST_HEADER + room.max(elements.len()) * kind.stride())?;
        self.fill_leaf(made, kind, elements)?;
        self.free_cell(leaf)?;
        Ok(made)
    }

    fn fill_leaf(
        &mut self,
        leaf: u32,
        kind: Leaf,
        elements: &[(u32, u32)],
    ) -> Result<(), HiveError> {
        let cell = self.cell_mut(leaf)?;
        cell.fill(0);
        cell[..2].copy_from_slice(kind.signature());
        let _ = put_u16(cell, 2, elements.len() as u16);
        for (index, (offset, mark)) in elements.iter().enumerate() {
            let at = LIST_HEADER + index * kind.stride();
            let _ = put_u32(cell, at, *offset);
            if kind != Leaf::Plain {
                let _ = put_u32(cell, at + 4, *mark);
            }
        }
        Ok(())
    }

    fn write_index(&mut self, index: u32, leaves: &[u32]) -> Result<u32, HiveError> {
        let need = LIST_HEADER + leaves.len() * 4;
        let mut place = index;
        if self.cell(index)?.len() < need {
            place = self.allocate(need + 16)?;
            self.free_cell(index)?;
        }
        let cell = self.cell_mut(place)?;
        cell.fill(0);
        cell[..2].copy_from_slice(b"ri");
        let _ = put_u16(cell, 2, leaves.len() as u16);
        for (at, leaf) in leaves.iter().enumerate() {
            let _ = put_u32(cell, LIST_HEADER + at * 4, *leaf);
        }
        Ok(place)
    }

    pub(crate) fn set_field(&mut self, key: u32, at: usize, value: u32) -> Result<(), HiveError> {
        put_u32(self.cell_mut(key)?, at, value).ok_or(HiveError::Cell {
            offset: key,
            what: "it is too small for a key node",
        })
    }

    /// Raises a 16-bit maximum in a key node, leaving the flags above it alone.
    pub(crate) fn raise_u16(&mut self, key: u32, at: usize, least: u16) -> Result<(), HiveError> {
        let cell = self.cell_mut(key)?;
        let now = crate::raw::u16_at(cell, at).unwrap_or(u16::MAX);
        if now < least {
            let _ = put_u16(cell, at, least);
        }
        Ok(())
    }

    pub(crate) fn raise_u32(&mut self, key: u32, at: usize, least: u32) -> Result<(), HiveError> {
        let cell = self.cell_mut(key)?;
        let now = crate::raw::u32_at(cell, at).unwrap_or(u32::MAX);
        if now < least {
            let _ = put_u32(cell, at, least);
        }
        Ok(())
    }
}

/// What an element keeps beside the offset: a hash, or up to four characters.
fn mark(kind: Leaf, name: &[u16]) -> u32 {
    match kind {
        Leaf::Plain => 0,
        Leaf::Hash => name_hash(name.iter().copied()),
        Leaf::Hint => {
            let mut hint = [0; 4];
            for (slot, unit) in hint.iter_mut().zip(name) {
                match u8::try_from(*unit) {
                    Ok(byte) => *slot = byte,
                    Err(_) => return 0,
                }
            }
            u32::from_le_bytes(hint)
        }
    }
}

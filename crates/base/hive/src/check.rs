//! The whole tree, followed from the root and from the security cells.
//!
//! Before anything is changed, every key, list, value and security cell is
//! visited once. A cell that two things own, a count that differs, a list out
//! of order or a reference into nothing refuses the hive: what Windows may
//! heal silently is not ours to guess.

use crate::error::HiveError;
use crate::hive::{CellStarts, Hive, NIL};
use crate::key::{Key, nk};
use crate::list::Leaf;
use crate::security::sk;
use crate::upcase::name_hash;
use crate::value::Value;
use std::collections::BTreeMap;

/// What the walk found.
pub(crate) struct Tree {
    /// Key node and the security cell it names, parents before children.
    pub(crate) keys: Vec<(u32, u32)>,
    /// Security cells in ring order, beginning with the root's.
    pub(crate) ring: Vec<u32>,
}

/// Deepest nesting Windows allows.
const MAX_DEPTH: usize = 512;

impl Hive {
    /// Checks the whole hive; edits do this first.
    ///
    /// # Errors
    /// Names the first thing that is wrong.
    pub fn check(&self) -> Result<(), HiveError> {
        self.tree().map(|_| ())
    }

    pub(crate) fn tree(&self) -> Result<Tree, HiveError> {
        let root = self.root()?;
        let ring = self.security_ring(root.field(nk::SECURITY))?;
        let mut walk = Walk {
            hive: self,
            owned: CellStarts::new(self.bins_size()),
            references: ring.iter().map(|offset| (*offset, 0)).collect(),
            last: (NIL, 0),
            keys: Vec::new(),
        };
        for offset in &ring {
            walk.own(*offset)?;
        }
        walk.all(root)?;
        let keys = walk.finish()?;
        Ok(Tree { keys, ring })
    }
}

struct Walk<'h> {
    hive: &'h Hive,
    owned: CellStarts,
    references: BTreeMap<u32, u32>,
    /// The security cell met last and how often in a row: neighbours mostly share one.
    last: (u32, u32),
    keys: Vec<(u32, u32)>,
}

impl<'h> Walk<'h> {
    fn all(&mut self, root: Key<'h>) -> Result<(), HiveError> {
        self.own(root.offset())?;
        let mut stack = vec![(root, 0)];
        while let Some((key, depth)) = stack.pop() {
            if depth > MAX_DEPTH {
                return Err(key.damaged("it lies deeper than 512 levels"));
            }
            let subkeys = self.key(&key)?;
            stack.extend(subkeys.into_iter().rev().map(|key| (key, depth + 1)));
        }
        Ok(())
    }

    fn own(&mut self, offset: u32) -> Result<(), HiveError> {
        self.hive.cell(offset)?;
        if self.owned.insert(offset) {
            Ok(())
        } else {
            Err(HiveError::Cell {
                offset,
                what: "two things refer to it",
            })
        }
    }

    /// Checks one key and what it owns; answers its subkeys.
    fn key(&mut self, key: &Key<'h>) -> Result<Vec<Key<'h>>, HiveError> {
        let security = key.field(nk::SECURITY);
        self.count(key, security)?;
        self.keys.push((key.offset(), security));
        if key.class_bytes()?.is_some() {
            self.own(key.field(nk::CLASS))?;
        }
        self.values(key)?;
        self.subkeys(key)
    }

    fn count(&mut self, key: &Key<'h>, security: u32) -> Result<(), HiveError> {
        if self.last.0 == security {
            self.last.1 += 1;
            return Ok(());
        }
        self.flush();
        if !self.references.contains_key(&security) {
            return Err(key.damaged("its security cell is not in the list of security cells"));
        }
        self.last = (security, 1);
        Ok(())
    }

    fn flush(&mut self) {
        if let Some(count) = self.references.get_mut(&self.last.0) {
            *count += self.last.1;
        }
        self.last = (NIL, 0);
    }

    fn values(&mut self, key: &Key<'h>) -> Result<(), HiveError> {
        if key.value_count() == 0 {
            return Ok(());
        }
        let offsets = key.value_offsets()?;
        self.own(key.field(nk::VALUE_LIST))?;
        for offset in offsets {
            self.own(offset)?;
            let value = Value::at(self.hive, offset)?;
            let Some(data) = value.data_cell() else {
                continue;
            };
            self.own(data)?;
            if value.is_big() {
                for segment in value.segments(data)? {
                    self.own(segment)?;
                }
                self.own(value.segment_list(data)?)?;
                value.data()?;
            } else if self.hive.cell(data)?.len() < value.len() {
                return Err(HiveError::Value {
                    offset,
                    what: "its data cell is too small",
                });
            }
        }
        Ok(())
    }

    fn subkeys(&mut self, key: &Key<'h>) -> Result<Vec<Key<'h>>, HiveError> {
        let list = key.field(nk::SUBKEY_LIST);
        let expected = key.subkey_count() as usize;
        if expected == 0 {
            return Ok(Vec::new());
        }
        if list == NIL {
            return Err(key.damaged("it counts subkeys but has no list of them"));
        }
        let leaves = self.hive.leaves(list)?;
        if leaves.first() != Some(&list) {
            self.own(list)?;
        }
        let mut subkeys: Vec<Key<'h>> = Vec::new();
        for leaf_offset in leaves {
            self.own(leaf_offset)?;
            let leaf = self.hive.leaf_at(leaf_offset)?;
            for index in 0..leaf.len() {
                let subkey = Key::at(self.hive, leaf.get(index))?;
                self.own(subkey.offset())?;
                if subkey.field(nk::PARENT) != key.offset() {
                    return Err(named(key, &subkey, "its parent is another key"));
                }
                let units = subkey.name_units();
                if let Some(previous) = subkeys.last()
                    && !previous.compare_name(&units).is_lt()
                {
                    return Err(named(key, &subkey, "the list of subkeys is out of order"));
                }
                if leaf.leaf == Some(Leaf::Hash) && leaf.mark(index) != name_hash(units) {
                    return Err(named(key, &subkey, "the hash of its name is wrong"));
                }
                subkeys.push(subkey);
            }
        }
        if subkeys.len() != expected {
            return Err(key.damaged("it counts other subkeys than its list has"));
        }
        Ok(subkeys)
    }

    fn finish(mut self) -> Result<Vec<(u32, u32)>, HiveError> {
        self.flush();
        for (offset, count) in &self.references {
            if self.hive.security_field(*offset, sk::REFERENCES)? != *count {
                return Err(HiveError::Security {
                    offset: *offset,
                    what: "its reference count is not the number of keys that name it",
                });
            }
        }
        Ok(self.keys)
    }
}

/// An error that names the subkey by the list it was found in, not by its own idea of its parent.
fn named(parent: &Key<'_>, subkey: &Key<'_>, what: &'static str) -> HiveError {
    let mut path = parent.path();
    if !path.is_empty() {
        path.push('\\');
    }
    path.push_str(&subkey.name());
    HiveError::Key {
        offset: subkey.offset(),
        path,
        what,
    }
}

//! Reading subkey lists: `lf`, `lh` and `li` leaves, and the `ri` root over them.

use crate::error::HiveError;
use crate::hive::{Hive, NIL};
use crate::key::{Key, nk};
use crate::raw::{u16_at, u32_at};
use std::cmp::Ordering;

/// How a leaf stores its elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaf {
    /// `li`: offsets only.
    Plain,
    /// `lf`: offset and the first four characters.
    Hint,
    /// `lh`: offset and hash.
    Hash,
}

impl Leaf {
    pub(crate) fn of(cell: &[u8]) -> Option<Self> {
        match cell.get(..2)? {
            b"li" => Some(Self::Plain),
            b"lf" => Some(Self::Hint),
            b"lh" => Some(Self::Hash),
            _ => None,
        }
    }

    pub(crate) fn signature(self) -> &'static [u8; 2] {
        match self {
            Self::Plain => b"li",
            Self::Hint => b"lf",
            Self::Hash => b"lh",
        }
    }

    pub(crate) fn stride(self) -> usize {
        match self {
            Self::Plain => 4,
            Self::Hint | Self::Hash => 8,
        }
    }

    /// Most elements Windows puts into one leaf, so that it fits a 4 KiB bin.
    pub(crate) fn most(self) -> usize {
        match self {
            Self::Plain => 1012,
            Self::Hint | Self::Hash => 506,
        }
    }
}

pub(crate) const LIST_HEADER: usize = 4;

/// A list cell seen as its element offsets.
#[derive(Clone, Copy)]
pub(crate) struct List<'h> {
    pub(crate) leaf: Option<Leaf>,
    body: &'h [u8],
    stride: usize,
}

impl<'h> List<'h> {
    /// Reads the list at `offset`; `leaf` is `None` for an `ri`.
    pub(crate) fn at(hive: &'h Hive, offset: u32) -> Result<Self, HiveError> {
        let damaged = |what| HiveError::Cell { offset, what };
        let cell = hive.cell(offset)?;
        let leaf = Leaf::of(cell);
        if leaf.is_none() && !cell.starts_with(b"ri") {
            return Err(damaged("it is no list of subkeys"));
        }
        let stride = leaf.map_or(4, Leaf::stride);
        let count = u16_at(cell, 2).map_or(0, usize::from);
        match cell.get(LIST_HEADER..LIST_HEADER + count * stride) {
            Some(body) => Ok(Self { leaf, body, stride }),
            None => Err(damaged("the list of subkeys is cut off")),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.body.len() / self.stride
    }

    pub(crate) fn get(&self, index: usize) -> u32 {
        u32_at(self.body, index * self.stride).unwrap_or(NIL)
    }

    /// Second half of an element: hint or hash. Zero for `li` and `ri`.
    pub(crate) fn mark(&self, index: usize) -> u32 {
        if self.stride == 8 {
            u32_at(self.body, index * 8 + 4).unwrap_or(0)
        } else {
            0
        }
    }

    pub(crate) fn offsets(self) -> impl Iterator<Item = u32> + 'h {
        (0..self.len()).map(move |index| self.get(index))
    }
}

impl Hive {
    /// Offsets of all leaves below `list`, in order; `list` itself when it is one.
    pub(crate) fn leaves(&self, list: u32) -> Result<Vec<u32>, HiveError> {
        let top = List::at(self, list)?;
        Ok(if top.leaf.is_some() {
            vec![list]
        } else {
            top.offsets().collect()
        })
    }

    pub(crate) fn leaf_at(&self, offset: u32) -> Result<List<'_>, HiveError> {
        let list = List::at(self, offset)?;
        if list.leaf.is_none() {
            return Err(HiveError::Cell {
                offset,
                what: "an index of subkeys points to another index",
            });
        }
        Ok(list)
    }

    /// Offsets of the subkeys in stored order.
    pub(crate) fn subkey_offsets(&self, key: &Key<'_>) -> Result<Vec<u32>, HiveError> {
        let list = key.field(nk::SUBKEY_LIST);
        if key.subkey_count() == 0 || list == NIL {
            return Ok(Vec::new());
        }
        let mut offsets = Vec::new();
        for leaf in self.leaves(list)? {
            offsets.extend(self.leaf_at(leaf)?.offsets());
        }
        Ok(offsets)
    }

    /// The subkey called `name`, by binary search over the sorted lists.
    pub(crate) fn find_subkey(
        &self,
        key: &Key<'_>,
        name: &[u16],
    ) -> Result<Option<Key<'_>>, HiveError> {
        let list = key.field(nk::SUBKEY_LIST);
        if key.subkey_count() == 0 || list == NIL {
            return Ok(None);
        }
        let place = self.place_of(list, name)?;
        Ok(place.found)
    }

    /// Where `name` is, or would be inserted, in the lists below `list`.
    pub(crate) fn place_of(&self, list: u32, name: &[u16]) -> Result<Place<'_>, HiveError> {
        let leaves = self.leaves(list)?;
        // The first leaf whose last name is not before `name`, else the last leaf.
        let (mut low, mut high) = (0, leaves.len());
        while low < high {
            let middle = (low + high) / 2;
            let leaf = self.leaf_at(leaves[middle])?;
            let before = match leaf.len().checked_sub(1) {
                Some(last) => Key::at(self, leaf.get(last))?.compare_name(name).is_lt(),
                None => true,
            };
            if before {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let leaf_index = low.min(leaves.len().saturating_sub(1));
        let Some(&leaf_offset) = leaves.get(leaf_index) else {
            return Ok(Place {
                leaf_index: 0,
                leaf: list,
                index: 0,
                found: None,
            });
        };
        let leaf = self.leaf_at(leaf_offset)?;
        let (mut low, mut high) = (0, leaf.len());
        while low < high {
            let middle = (low + high) / 2;
            let key = Key::at(self, leaf.get(middle))?;
            match key.compare_name(name) {
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
                Ordering::Equal => {
                    return Ok(Place {
                        leaf_index,
                        leaf: leaf_offset,
                        index: middle,
                        found: Some(key),
                    });
                }
            }
        }
        Ok(Place {
            leaf_index,
            leaf: leaf_offset,
            index: low,
            found: None,
        })
    }
}

/// A position in the lists of a key.
pub(crate) struct Place<'h> {
    /// Which leaf of the `ri`; 0 when there is none.
    pub(crate) leaf_index: usize,
    /// Offset of the leaf.
    pub(crate) leaf: u32,
    /// Index of the element in the leaf.
    pub(crate) index: usize,
    /// The key, when it is there.
    pub(crate) found: Option<Key<'h>>,
}

//! A disk of named cells that distinguishes written from durable.

use std::collections::BTreeMap;

use super::fuse::{Fuse, PowerFailed};

/// Each cell is written atomically; order and durability of unsynced writes are
/// not guaranteed, as on a real disk with a cache.
pub struct Disk {
    fuse: Fuse,
    durable: BTreeMap<String, Vec<u8>>,
    seen: BTreeMap<String, Vec<u8>>,
    pending: Vec<(String, Option<Vec<u8>>)>,
}

impl Disk {
    /// An empty disk on `fuse`.
    pub fn new(fuse: Fuse) -> Disk {
        Disk {
            fuse,
            durable: BTreeMap::new(),
            seen: BTreeMap::new(),
            pending: Vec::new(),
        }
    }

    /// Content of a cell as the running system sees it.
    pub fn get(&self, key: &str) -> Option<&[u8]> {
        self.seen.get(key).map(Vec::as_slice)
    }

    /// Cells whose name begins with `prefix`, sorted.
    pub fn list(&self, prefix: &str) -> Vec<(String, Vec<u8>)> {
        self.seen
            .range(prefix.to_owned()..)
            .take_while(|(key, _)| key.starts_with(prefix))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }

    /// Writes or removes a cell; durable after [`Disk::sync`].
    ///
    /// # Errors
    /// When the power fails.
    pub fn put(&mut self, key: &str, value: Option<Vec<u8>>) -> Result<(), PowerFailed> {
        self.fuse.tick()?;
        match &value {
            Some(bytes) => self.seen.insert(key.to_owned(), bytes.clone()),
            None => self.seen.remove(key),
        };
        self.pending.push((key.to_owned(), value));
        Ok(())
    }

    /// Makes everything written so far durable.
    ///
    /// # Errors
    /// When the power fails first.
    pub fn sync(&mut self) -> Result<(), PowerFailed> {
        self.fuse.tick()?;
        for (key, value) in self.pending.drain(..) {
            apply(&mut self.durable, key, value);
        }
        Ok(())
    }

    /// What the disk holds when the power comes back: everything synced, and
    /// any part of the rest.
    pub fn power_on(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        for (salt, (key, value)) in pending.into_iter().enumerate() {
            if self.fuse.choose(salt as u64, 2) == 0 {
                apply(&mut self.durable, key, value);
            }
        }
        self.seen = self.durable.clone();
    }

    /// Every cell as the running system sees it.
    pub fn snapshot(&self) -> BTreeMap<String, Vec<u8>> {
        self.seen.clone()
    }

    /// Fills a cell without the fuse (building a PC, breaking it on purpose).
    pub fn seed(&mut self, key: &str, value: Option<Vec<u8>>) {
        apply(&mut self.durable, key.to_owned(), value.clone());
        apply(&mut self.seen, key.to_owned(), value);
    }
}

fn apply(cells: &mut BTreeMap<String, Vec<u8>>, key: String, value: Option<Vec<u8>>) {
    match value {
        Some(bytes) => cells.insert(key, bytes),
        None => cells.remove(&key),
    };
}

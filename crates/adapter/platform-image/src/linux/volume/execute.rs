//! Carries out the writes of a redo file, and finishes what an earlier process has begun.
//!
//! Order: mark the volume, flush; write, flush; take the mark away, flush. What must stay
//! true: after an end at any instruction, carrying out the same file again leads to the same
//! volume; and a volume that something else has used meanwhile is left as it is found.

use super::{device::Disk, error::VolumeError, redo::Reader};
use gw_ntfs::{BlockWrite, Found};

/// Writes closer than this are read and written in one go.
const GAP: u64 = 16 << 10;
/// The most that is read and written in one go.
const WINDOW: u64 = 1 << 20;

/// Whether this is the first time, or an earlier process may have written some of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    First,
    Again,
}

/// Carries out a committed redo file.
pub(super) fn run(disk: &impl Disk, redo: &Reader, turn: Turn) -> Result<(), VolumeError> {
    let mut marked = false;
    if turn == Turn::Again {
        for guard in &redo.guards {
            if !guard.holds(disk).map_err(VolumeError::read)? {
                return Err(VolumeError::UsedMeanwhile {
                    offset: guard.offset,
                });
            }
        }
        // The mark may be set, be taken away again, or be half of either.
        marked = !redo.clear.is_empty() && is_ours(disk, &redo.clear)?;
        if !marked && !is_ours(disk, &redo.mark)? {
            return Err(meanwhile(&redo.mark));
        }
        redo.each(|write| match look(disk, &write)? {
            Some(_) => Ok(()),
            None => Err(VolumeError::UsedMeanwhile {
                offset: write.offset,
            }),
        })?;
    }
    if !marked {
        carry_out(disk, &redo.mark)?;
    }
    let mut window = Window::default();
    redo.each(|write| {
        if !window.takes(&write) {
            window.carry_out(disk)?;
        }
        window.push(write);
        Ok::<_, VolumeError>(())
    })?;
    window.carry_out(disk)?;
    disk.flush().map_err(VolumeError::write)?;
    carry_out(disk, &redo.clear)
}

fn carry_out(disk: &impl Disk, writes: &[BlockWrite]) -> Result<(), VolumeError> {
    for write in writes {
        let mut block = vec![0; write.len as usize];
        disk.read_at(write.offset, &mut block)
            .map_err(VolumeError::read)?;
        let found = write
            .apply(&mut block)
            .map_err(|foreign| VolumeError::UsedMeanwhile {
                offset: foreign.offset,
            })?;
        if found != Found::After {
            disk.write_at(write.offset, &block)
                .map_err(VolumeError::write)?;
        }
    }
    disk.flush().map_err(VolumeError::write)
}

/// Whether every block is before or after its write, or between.
fn is_ours(disk: &impl Disk, writes: &[BlockWrite]) -> Result<bool, VolumeError> {
    for write in writes {
        if look(disk, write)?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn look(disk: &impl Disk, write: &BlockWrite) -> Result<Option<Found>, VolumeError> {
    if write.end() > disk.size() {
        return Ok(None);
    }
    let mut block = vec![0; write.len as usize];
    disk.read_at(write.offset, &mut block)
        .map_err(VolumeError::read)?;
    Ok(write.apply(&mut block).ok())
}

fn meanwhile(writes: &[BlockWrite]) -> VolumeError {
    VolumeError::UsedMeanwhile {
        offset: writes.first().map_or(0, |write| write.offset),
    }
}

/// Writes near each other, in rising order.
#[derive(Default)]
struct Window {
    writes: Vec<BlockWrite>,
    bytes: Vec<u8>,
}

impl Window {
    fn takes(&self, write: &BlockWrite) -> bool {
        match (self.writes.first(), self.writes.last()) {
            (Some(first), Some(last)) => {
                write.offset >= last.end()
                    && write.offset - last.end() <= GAP
                    && write.end() - first.offset <= WINDOW
            }
            _ => true,
        }
    }

    fn push(&mut self, write: BlockWrite) {
        self.writes.push(write);
    }

    fn carry_out(&mut self, disk: &impl Disk) -> Result<(), VolumeError> {
        let (Some(first), Some(last)) = (self.writes.first(), self.writes.last()) else {
            return Ok(());
        };
        let (start, end) = (first.offset, last.end());
        self.bytes.resize((end - start) as usize, 0);
        disk.read_at(start, &mut self.bytes)
            .map_err(VolumeError::read)?;
        let mut all_there = true;
        for write in &self.writes {
            let at = (write.offset - start) as usize;
            let found = write
                .apply(&mut self.bytes[at..at + write.len as usize])
                .map_err(|foreign| VolumeError::UsedMeanwhile {
                    offset: foreign.offset,
                })?;
            all_there &= found == Found::After;
        }
        if !all_there {
            disk.write_at(start, &self.bytes)
                .map_err(VolumeError::write)?;
        }
        self.writes.clear();
        Ok(())
    }
}

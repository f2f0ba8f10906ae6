//! One entry for fuzzing: everything there is to read of a volume.

use crate::paths::PathTable;
use crate::volume::Volume;

/// Reads all of a volume that may be hostile. It must return, without a panic; what it
/// finds does not matter.
pub fn exercise(bytes: &[u8]) {
    let Ok(volume) = Volume::open(bytes) else {
        return;
    };
    let _ = volume.refusals();
    let _ = volume.up_case();
    let _ = volume.log_state();
    let _ = volume.census().map(|census| census.sids());
    if let (Ok(table), Ok(records)) = (PathTable::build(&volume), volume.records()) {
        for entry in records.flatten() {
            let _ = table.paths(&entry);
        }
    }
}

//! One entry for fuzzing: everything there is to read of a volume, and every plan for it.

use std::collections::BTreeMap;

use gw_secdesc::Translated;

use crate::paths::PathTable;
use crate::plan::Fate;
use crate::scope::Scope;
use crate::volume::Volume;
use crate::write::BlockWrite;

/// Reads all of a volume that may be hostile, and plans to change it. It must return, without
/// a panic; what it finds does not matter.
pub fn exercise(bytes: &[u8]) {
    // Redo files are read back, too.
    let mut rest = bytes;
    while let Some(write) = BlockWrite::decode(&mut rest) {
        let _ = write.apply(&mut vec![0; write.len.min(0x1_0000) as usize]);
    }
    let Ok(volume) = Volume::open(bytes) else {
        return;
    };
    let _ = volume.refusals();
    let _ = volume.log_state();
    let _ = volume.census().map(|census| census.sids());
    if let (Ok(table), Ok(records)) = (PathTable::build(&volume), volume.records()) {
        for entry in records.flatten() {
            let _ = table.paths(&entry);
        }
    }
    let _ = volume.guards();
    let _ = volume.dirty_marks();
    if let Ok(table) = volume.up_case() {
        plans(&volume, &Scope::new([], table.clone()).ok());
        plans(&volume, &Scope::new(["f*/**/x", "?ile 1*"], table).ok());
    }
}

fn plans(volume: &Volume<&[u8]>, scope: &Option<Scope>) {
    let Some(scope) = scope else { return };
    // Every second descriptor grows, the others change in place.
    let plan = volume.plan(scope, |descriptor| {
        let mut bytes = descriptor.to_vec();
        match bytes.last_mut() {
            Some(last) if *last % 2 == 0 => *last ^= 0x40,
            _ => bytes.push(0),
        }
        Ok(Translated::Changed {
            bytes,
            fallback: false,
        })
    });
    let Ok(plan) = plan else { return };
    let _ = volume.patch_descriptors(&plan.patches());
    let moved = plan.descriptors.iter().filter_map(|one| match one.fate {
        Fate::New(_) => Some((one.id, one.id.wrapping_add(1))),
        Fate::Existing(id) => Some((one.id, id)),
        _ => None,
    });
    let moves: BTreeMap<u32, u32> = moved.collect();
    if let Ok(writes) = volume.move_ids(&moves, scope) {
        // Every damaged record is an item of its own; the first is enough.
        let _ = writes.take_while(Result::is_ok).count();
    }
}

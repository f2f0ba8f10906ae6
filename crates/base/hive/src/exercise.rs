//! Everything one can do with a hive, for fuzzers: must answer, never panic.

use crate::hive::Hive;
use crate::sam::accounts;
use crate::time::FileTime;
use crate::{lsa, rights, sam};
use gw_secdesc::{Mode, SidMap};

/// Opens `hive` (with `log` as its first log), reads all of it, and, if it is
/// sound, edits and translates it.
///
/// # Panics
/// When an edit of a sound hive leaves one that is not sound.
pub fn exercise(hive: &[u8], log: Option<&[u8]>) {
    let Ok(mut hive) = Hive::open(hive.to_vec(), log, None) else {
        return;
    };
    let _ = (hive.sids(), hive.text_sids(), hive.descriptors());
    let _ = (rights::accounts(&hive), sam::machine_sid(&hive));
    for alias in sam::aliases(&hive).unwrap_or_default() {
        let _ = sam::alias(&hive, alias.domain, alias.rid);
        for member in &alias.members {
            let _ = sam::groups_of(&hive, alias.domain, member);
        }
    }
    let _ = (
        accounts::account(&hive, "Administrator"),
        accounts::account_image(&hive, 500),
        accounts::free_rid(&hive),
    );
    // A SAM has no boot key of its own; any will do to come as far as its key.
    let boot = lsa::boot_key(&hive).unwrap_or(lsa::BootKey([7; 16]));
    let _ = lsa::read_secret(&hive, &boot, "$MACHINE.ACC");
    if let Ok(key) = sam::hash::SamKey::open(&hive, &boot) {
        let _ = accounts::password_is(&hive, &key, 500, "a password");
    }
    read_some(&hive);
    if hive.check().is_err() {
        return;
    }
    let source = hive
        .sids()
        .ok()
        .and_then(|list| list.cells.keys().find(|sid| sid.authority() == 5).cloned());
    let target = "S-1-12-1-1-2-3-4".parse();
    if let (Some(source), Ok(target)) = (source, target)
        && let Ok(map) = SidMap::new([(source, target)])
    {
        let _ = hive.remap(&map, Mode::Add);
    }
    let first = hive.root().ok().and_then(|root| {
        let subkeys = root.subkeys().ok()?;
        subkeys.first().map(crate::key::Key::path)
    });
    if let Ok(mut edit) = hive.edit(FileTime(1)) {
        let _ = edit.create_key("New key\\below");
        if let Some(first) = first {
            let _ = edit.rename_key(&first, "Renamed");
            let _ = edit.delete_key("Renamed");
        }
    }
    let sound = Hive::open(hive.into_bytes(), None, None).and_then(|again| again.check());
    assert!(sound.is_ok(), "an edited hive is not sound: {sound:?}");
}

/// Reads keys from the root on, as far as a damaged hive lets one and not for ever.
fn read_some(hive: &Hive) {
    let mut stack: Vec<_> = hive.root().into_iter().map(|root| (root, 0)).collect();
    let mut seen = 0;
    while let Some((key, depth)) = stack.pop() {
        seen += 1;
        if seen > 500 || depth > 20 {
            return;
        }
        let _ = (key.path(), key.class_name(), key.descriptor());
        for value in key.values().unwrap_or_default() {
            let _ = value.to_owned();
        }
        let subkeys = key.subkeys().unwrap_or_default();
        stack.extend(subkeys.into_iter().map(|key| (key, depth + 1)));
    }
}

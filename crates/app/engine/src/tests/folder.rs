//! The same run in a real folder: files, locks, secrets.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use gw_model::FinalState;

use super::bench::Rig;
use crate::journal::read_frames;
use crate::run::{Exit, Request, run};
use crate::rundir::{DirStorage, ORDER, OpenError, ResultFile, STAGE, Storage, read_document};

/// A folder that is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "gw-engine-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name).join("run_1");
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = self.0.parent().map(fs::remove_dir_all);
    }
}

#[test]
fn a_whole_run_in_a_folder() {
    let folder = Folder::new();
    let mut rig = Rig::new(|_| {});
    fs::write(folder.0.join(ORDER), &rig.storage.documents[ORDER]).unwrap();
    let start = |rig: &mut Rig| {
        let mut storage = DirStorage::open(&folder.0).unwrap();
        run(&mut rig.sample.pc, &mut storage, &rig.options, Request::Go).unwrap()
    };
    assert_eq!(start(&mut rig), Exit::NeedsStage);
    let stage = serde_json::to_vec(&rig.stage_file()).unwrap();
    fs::write(folder.0.join("secrets/target-machine"), "target-0").unwrap();
    fs::write(folder.0.join(STAGE), stage).unwrap();
    fs::write(folder.0.join("stop"), "").unwrap();
    assert_eq!(start(&mut rig), Exit::Stopped);
    fs::remove_file(folder.0.join("stop")).unwrap();
    assert_eq!(start(&mut rig), Exit::Final(FinalState::Migrated));
    let journal = fs::read(folder.0.join("journal")).unwrap();
    let records = read_frames(&journal).unwrap().records;
    assert!(records.len() > 40, "{} records", records.len());
    let result: ResultFile = read_document(
        "result.json",
        &fs::read(folder.0.join("result.json")).unwrap(),
    )
    .unwrap();
    assert_eq!(result.attempts, 3);
    assert_eq!(fs::read_dir(folder.0.join("secrets")).unwrap().count(), 0);
    for entry in fs::read_dir(&folder.0).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(!name.ends_with(".new"), "{name} was left behind");
    }
}

#[test]
fn one_run_per_machine_and_no_foreign_names() {
    let folder = Folder::new();
    let other = folder.0.with_file_name("run_2");
    fs::create_dir_all(&other).unwrap();
    let mut first = DirStorage::open(&folder.0).unwrap();
    assert!(matches!(
        DirStorage::open(&other),
        Err(OpenError::Busy { .. })
    ));
    assert!(first.blob_create(1, "../journal").is_err());
    assert!(first.blob_create(1, "").is_err());
    assert!(first.secret("../order.json").unwrap().is_none());
    drop(first);
    assert!(DirStorage::open(&other).is_ok());
}

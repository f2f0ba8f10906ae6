//! The redo file and its executor, against disks that lose their power.

use super::{
    device::{Device, Disk},
    error::VolumeError,
    execute::{Turn, run},
    redo::{Job, Kind, Reader, Writer},
};
use gw_ntfs::{BlockRead, BlockWrite, Fate, ReadError, Refusal, Scope, Volume};
use gw_secdesc::Translated;
use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// A disk in memory whose power fails after so many sectors. Of the write it happens in, every
/// second sector of the rest arrives all the same: a disk keeps no order.
struct Failing {
    bytes: RefCell<Vec<u8>>,
    left: Cell<Option<usize>>,
    sectors: Cell<usize>,
}

impl Failing {
    fn new(bytes: &[u8], left: Option<usize>) -> Self {
        Self {
            bytes: RefCell::new(bytes.to_vec()),
            left: Cell::new(left),
            sectors: Cell::new(0),
        }
    }
}

impl BlockRead for Failing {
    fn size(&self) -> u64 {
        self.bytes.borrow().len() as u64
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        self.bytes.borrow().as_slice().read_at(offset, buffer)
    }
}

impl Disk for Failing {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let start = offset as usize;
        let mut disk = self.bytes.borrow_mut();
        let mut gone = false;
        let mut at = start;
        while at < start + bytes.len() {
            let end = ((at / 512 + 1) * 512).min(start + bytes.len());
            self.sectors.set(self.sectors.get() + 1);
            match self.left.get() {
                Some(0) => gone = true,
                Some(left) => self.left.set(Some(left - 1)),
                None => {}
            }
            if !gone || (at / 512).is_multiple_of(2) {
                disk[at..end].copy_from_slice(&bytes[at - start..end - start]);
            }
            at = end;
        }
        if gone {
            return Err(io::Error::other("the power is gone"));
        }
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

/// A real volume with 60 descriptors, made without mounting more than once.
fn volume(folder: &Path) -> PathBuf {
    let image = folder.join("disk.img");
    fs::File::create(&image).unwrap().set_len(8 << 20).unwrap();
    let made = Command::new("mkfs.ntfs")
        .args(["-F", "-Q", "-q"])
        .arg(&image)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(made.success());
    let mounted = super::mount::Volume::open(&image, &folder.join("mnt")).unwrap();
    fs::create_dir(mounted.root().join("Ignored")).unwrap();
    let mut room = Vec::new();
    for number in 0..240u32 {
        let place = if number % 7 == 0 { "Ignored/" } else { "" };
        let path = mounted.root().join(format!("{place}file {number}"));
        fs::write(&path, b"x").unwrap();
        let mut descriptor = crate::linux::acl::read(&path, "", &mut room).unwrap();
        // The mask of the first entry: it has the same length and another hash.
        let at = u32::from_le_bytes(descriptor[16..20].try_into().unwrap()) as usize + 12;
        let mask = number % 60 + 1;
        descriptor[at..at + 4].copy_from_slice(&mask.to_le_bytes());
        crate::linux::acl::write(&path, "", &descriptor).unwrap();
    }
    drop(mounted);
    image
}

/// Changes a mask, not the length.
fn other(descriptor: &[u8]) -> Translated {
    let mut bytes = descriptor.to_vec();
    let dacl = u32::from_le_bytes(bytes[16..20].try_into().unwrap()) as usize;
    bytes[dacl + 14] ^= 0x1F;
    Translated::Changed {
        bytes,
        fallback: false,
    }
}

/// A committed redo file over the volume: patches, and moves between ids that are there.
fn redo_file(folder: &Path, bytes: &[u8]) -> PathBuf {
    let volume = Volume::open(bytes).unwrap();
    let scope = Scope::new(["Ignored"], volume.up_case().unwrap()).unwrap();
    let plan = volume
        .plan(&scope, |descriptor| Ok(other(descriptor)))
        .unwrap();
    let patches = plan.patches();
    assert!(patches.len() > 20, "{} patches", patches.len());
    let shared: Vec<u32> = plan
        .descriptors
        .iter()
        .filter(|one| matches!(one.fate, Fate::New(_)))
        .map(|one| one.id)
        .collect();
    assert!(shared.len() > 5, "{} shared", shared.len());
    let moves: BTreeMap<u32, u32> = shared.windows(2).map(|pair| (pair[0], pair[1])).collect();
    let path = folder.join("redo");
    let job = Job {
        serial: volume.boot().serial,
        size: bytes.len() as u64,
        arguments: String::new(),
    };
    let mut redo = Writer::create(&path, &job).unwrap();
    redo.frame(Kind::Report, b"{}").unwrap();
    redo.guards(&volume.guards().unwrap()).unwrap();
    let (mark, clear) = volume.dirty_marks().unwrap();
    redo.writes(Kind::Mark, &mark).unwrap();
    redo.writes(Kind::Clear, &clear).unwrap();
    for write in volume.patch_descriptors(&patches).unwrap() {
        redo.push(&write).unwrap();
    }
    for write in volume.move_ids(&moves, &scope).unwrap() {
        redo.push(&write.unwrap()).unwrap();
    }
    redo.commit().unwrap();
    path
}

#[test]
fn a_power_cut_at_any_write_is_finished_by_the_next_run() {
    let folder = tempfile::tempdir().unwrap();
    let image = volume(folder.path());
    let bytes = fs::read(image).unwrap();
    let path = redo_file(folder.path(), &bytes);
    let redo = Reader::open(&path).unwrap().unwrap();
    assert!(redo.committed);

    let whole = Failing::new(&bytes, None);
    run(&whole, &redo, Turn::First).unwrap();
    let wanted = whole.bytes.borrow().clone();
    let sectors = whole.sectors.get();
    assert!(sectors > 300, "{sectors} sectors");
    assert_ne!(wanted, bytes);
    // What stands there now is a sound volume with the descriptors that were wanted.
    let after = Volume::open(wanted.as_slice()).unwrap();
    assert_eq!(after.refusals().unwrap(), []);
    let before = Volume::open(bytes.as_slice()).unwrap();
    let (old, new) = (before.secure().unwrap(), after.secure().unwrap());
    let changed = old
        .entries()
        .filter(|entry| old.entry(entry.id) != new.entry(entry.id))
        .count();
    assert!(changed > 20, "{changed} descriptors changed");

    let ends = (0..16).chain(sectors - 16..sectors);
    for cut in ends.chain((16..sectors - 16).step_by(sectors / 80)) {
        let first = Failing::new(&bytes, Some(cut));
        assert!(run(&first, &redo, Turn::First).is_err(), "cut {cut}");
        let half = first.bytes.borrow().clone();
        // A cut in the second run, too, and in the third.
        let second = Failing::new(&half, Some(cut / 2));
        let half = match run(&second, &redo, Turn::Again) {
            Ok(()) => second.bytes.borrow().clone(),
            Err(VolumeError::Write(_)) => second.bytes.borrow().clone(),
            Err(error) => panic!("cut {cut}: {error}"),
        };
        let last = Failing::new(&half, None);
        run(&last, &redo, Turn::Again).unwrap_or_else(|error| panic!("cut {cut}: {error}"));
        assert!(*last.bytes.borrow() == wanted, "cut {cut}");
        // And once more, when all is done.
        run(&last, &redo, Turn::Again).unwrap();
        assert!(*last.bytes.borrow() == wanted, "cut {cut}, again");
        assert!(!Volume::open(wanted.as_slice()).unwrap().is_dirty());
    }
}

#[test]
fn between_the_first_and_the_last_write_the_volume_is_marked() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = fs::read(volume(folder.path())).unwrap();
    let redo = Reader::open(&redo_file(folder.path(), &bytes))
        .unwrap()
        .unwrap();
    let whole = Failing::new(&bytes, None);
    run(&whole, &redo, Turn::First).unwrap();
    let marks = redo.mark.len();
    assert_eq!(marks, 2, "the record and its copy");
    for cut in (2 * marks..whole.sectors.get() - 2 * marks).step_by(9) {
        let disk = Failing::new(&bytes, Some(cut));
        assert!(run(&disk, &redo, Turn::First).is_err());
        let bytes = disk.bytes.borrow().clone();
        // Half-written records may keep it from being opened; if it opens, it is dirty.
        if let Ok(volume) = Volume::open(bytes.as_slice()) {
            assert!(volume.is_dirty(), "cut {cut}");
        }
    }
}

#[test]
fn a_volume_used_meanwhile_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let image = volume(folder.path());
    let bytes = fs::read(&image).unwrap();
    let redo = Reader::open(&redo_file(folder.path(), &bytes))
        .unwrap()
        .unwrap();
    let cut = Failing::new(&bytes, Some(60));
    assert!(run(&cut, &redo, Turn::First).is_err());
    let half = cut.bytes.borrow().clone();

    // Something makes a file.
    fs::write(&image, &half).unwrap();
    let mounted = super::mount::Volume::open(&image, &folder.path().join("mnt")).unwrap();
    fs::write(mounted.root().join("new"), b"x").unwrap();
    drop(mounted);
    let used = fs::read(&image).unwrap();
    assert_ne!(used, half);
    let device = Device::writable(&image).unwrap();
    let refused = run(&device, &redo, Turn::Again);
    assert!(
        matches!(refused, Err(VolumeError::UsedMeanwhile { .. })),
        "{refused:?}"
    );
    assert!(fs::read(&image).unwrap() == used, "nothing is written");

    // Something changes one byte of each block that is to be written, or of a guarded one.
    let mut places: Vec<u64> = redo.guards.iter().map(|guard| guard.offset).collect();
    redo.each(|write: BlockWrite| {
        places.push(write.end() - 3);
        Ok::<_, io::Error>(())
    })
    .unwrap();
    for place in places {
        let disk = Failing::new(&half, None);
        disk.bytes.borrow_mut()[place as usize] ^= 0x81;
        let now = disk.bytes.borrow().clone();
        let refused = run(&disk, &redo, Turn::Again);
        assert!(
            matches!(refused, Err(VolumeError::UsedMeanwhile { .. })),
            "byte {place}: {refused:?}"
        );
        assert_eq!(disk.sectors.get(), 0, "byte {place}");
        assert!(*disk.bytes.borrow() == now);
    }
}

#[test]
fn a_torn_redo_file_promises_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = fs::read(volume(folder.path())).unwrap();
    let path = redo_file(folder.path(), &bytes);
    let whole = fs::read(&path).unwrap();
    let torn = folder.path().join("torn");
    for len in (0..whole.len())
        .step_by(whole.len() / 300 + 1)
        .chain([whole.len() - 1])
    {
        fs::write(&torn, &whole[..len]).unwrap();
        let found = Reader::open(&torn).unwrap();
        assert!(found.is_none_or(|redo| !redo.committed), "{len} bytes");
    }
    let mut flipped = whole.clone();
    for at in (8..whole.len()).step_by(whole.len() / 300 + 1) {
        flipped[at] ^= 0x20;
        fs::write(&torn, &flipped).unwrap();
        assert!(
            Reader::open(&torn).is_ok_and(|redo| redo.is_none_or(|redo| !redo.committed)),
            "byte {at}"
        );
        flipped[at] ^= 0x20;
    }
    fs::write(&torn, b"somebody's letter").unwrap();
    assert!(Reader::open(&torn).is_err(), "it is not ours to overwrite");
    assert!(Reader::open(&folder.path().join("none")).unwrap().is_none());
}

/// Where an attribute of a record begins: its kind, and its name where it has one.
fn attribute(bytes: &[u8], record: usize, kind: u32, name: &str) -> usize {
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let mft = word(48) as usize * 4096;
    let start = mft + record * 1024;
    let mut at = start + usize::from(bytes[start + 0x14]);
    loop {
        assert_ne!(
            word(at),
            u32::MAX,
            "record {record} has no {kind:#x} {name}"
        );
        let from = at + usize::from(bytes[at + 10]);
        let named: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        if word(at) == kind && bytes[from..].starts_with(&named) {
            return at;
        }
        at += word(at + 4) as usize;
    }
}

#[test]
fn tracked_quotas_and_a_bitmap_that_lies_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let sound = fs::read(volume(folder.path())).unwrap();

    // The entry of owner 1 in $Quota says what is tracked.
    let mut bytes = sound.clone();
    let root = attribute(&bytes, 24, 0x90, "$Q");
    let value = root + usize::from(bytes[root + 0x14]);
    let entry = value + 16 + usize::from(bytes[value + 16]);
    assert_eq!(bytes[entry + 16..entry + 20], [1, 0, 0, 0], "owner 1");
    let flags = entry + usize::from(bytes[entry]) + 4;
    for (bit, tracked) in [(0x10, true), (0x20, true), (0x40, false)] {
        bytes[flags] |= bit;
        let found = Volume::open(bytes.as_slice()).unwrap().refusals().unwrap();
        let wanted = if tracked {
            vec![Refusal::QuotaTracking]
        } else {
            vec![]
        };
        assert_eq!(found, wanted, "bit {bit:#x}");
        bytes[flags] &= !bit;
    }

    // A file in use that the bitmap calls free, and a free record that it calls used.
    let bitmap = attribute(&sound, 0, 0xB0, "");
    assert_eq!(sound[bitmap + 8], 1, "it has runs");
    let runs = bitmap + usize::from(sound[bitmap + 0x20]);
    let (count, places) = (usize::from(sound[runs] & 15), usize::from(sound[runs] >> 4));
    let mut cluster = [0; 8];
    cluster[..places].copy_from_slice(&sound[runs + 1 + count..runs + 1 + count + places]);
    let bits = u64::from_le_bytes(cluster) as usize * 4096;
    for (record, what) in [(100, "used"), (20, "free")] {
        let mut bytes = sound.clone();
        bytes[bits + record / 8] ^= 1 << (record % 8);
        let volume = Volume::open(bytes.as_slice()).unwrap();
        let scope = Scope::new([], volume.up_case().unwrap()).unwrap();
        let plan = volume.plan(&scope, |_| Ok(Translated::Unchanged)).unwrap();
        assert_eq!(plan.refusal(), Some(Refusal::Bitmap(1)), "{what}");
    }
}

//! `gw-ntfs` against volumes that mkfs.ntfs and ntfs-3g made, and against damage.
#![cfg(target_os = "linux")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use gw_lab::image::{ImageSpec, Language, Mounted, build_device};
use gw_ntfs::{LogState, NtfsError, PathTable, Refusal, SecureFault, Security, Volume};

/// A scratch folder of one test, emptied first.
fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// A fresh volume of `mib`, with what `fill` puts on it.
fn volume(name: &str, mib: u64, options: &[&str], fill: impl FnOnce(&Path)) -> PathBuf {
    let folder = scratch(name);
    let image = folder.join("disk.img");
    fs::File::create(&image)
        .unwrap()
        .set_len(mib << 20)
        .unwrap();
    let made = Command::new("mkfs.ntfs")
        .args(["-F", "-Q", "-q"])
        .args(options)
        .arg(&image)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let mounted = Mounted::open(&image, &folder.join("mnt")).unwrap();
    fill(mounted.root());
    mounted.close().unwrap();
    image
}

/// The descriptor of a mounted file. ntfs-3g wants a buffer for the largest one at once.
fn descriptor_of(path: &Path) -> Vec<u8> {
    let mut buffer = vec![0u8; 1 << 16];
    let len = rustix::fs::lgetxattr(path, "system.ntfs_acl", &mut buffer[..]).unwrap();
    buffer.truncate(len);
    buffer
}

/// Path -> (record, descriptor), as the mounted volume shows them.
fn mounted_view(root: &Path) -> BTreeMap<String, (u64, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut pending = vec![(root.to_path_buf(), String::new())];
    while let Some((path, name)) = pending.pop() {
        let status = fs::symlink_metadata(&path).unwrap();
        let descriptor = descriptor_of(&path);
        found.insert(name.clone(), (status.ino(), descriptor));
        if status.is_dir() {
            for entry in fs::read_dir(&path).unwrap() {
                let entry = entry.unwrap().file_name();
                let part = String::from_utf8(entry.as_bytes().to_vec()).unwrap();
                let below = if name.is_empty() {
                    part.clone()
                } else {
                    format!("{name}\\{part}")
                };
                pending.push((path.join(&part), below));
            }
        }
    }
    found
}

#[test]
fn a_device_image_reads_as_ntfs_3g_shows_it() {
    let folder = scratch("device");
    let mut spec = ImageSpec::sample(1500, Language::De);
    spec.size_mib = 256;
    let built = build_device(&spec, &folder, &folder).unwrap();
    let point = folder.join("mnt");
    let mounted = Mounted::open(&built.disk, &point).unwrap();
    // Names that do not fit into one record, and records beyond the first piece of $MFT.
    let many = mounted.root().join("Data/many names");
    fs::write(&many, b"x").unwrap();
    for number in 0..120 {
        let name = format!("Data/linked/{number:03} {}", "long name ".repeat(12));
        fs::hard_link(&many, mounted.root().join(name)).unwrap();
    }
    let shown = mounted_view(mounted.root());
    mounted.close().unwrap();

    let bytes = fs::read(&built.disk).unwrap();
    let volume = Volume::open(bytes.as_slice()).unwrap();
    assert_eq!(volume.refusals().unwrap(), []);
    let store = volume.secure().unwrap();
    let table = PathTable::build(&volume).unwrap();
    let mut read = BTreeMap::new();
    let mut records = volume.records().unwrap();
    for entry in &mut records {
        let entry = entry.unwrap();
        let descriptor = match &entry.security {
            Security::Id(id) => store.descriptor(&volume, *id).unwrap().unwrap(),
            Security::Inline(bytes) => bytes.clone(),
            Security::None => Vec::new(),
        };
        for path in table.paths(&entry).unwrap() {
            read.insert(path.text(), (entry.reference.record, descriptor.clone()));
        }
    }
    assert_eq!(records.bitmap_disagreements(), 0);
    // ntfs-3g hides the metadata files of the root, as Windows does.
    read.retain(|path, _| {
        let top = path.split('\\').next().unwrap_or_default();
        !top.starts_with('$') || top == "$Recycle.Bin"
    });
    let (read_names, shown_names): (BTreeSet<_>, BTreeSet<_>) =
        (read.keys().collect(), shown.keys().collect());
    assert_eq!(
        read_names
            .symmetric_difference(&shown_names)
            .collect::<Vec<_>>(),
        Vec::<&&String>::new()
    );
    for (path, (record, descriptor)) in &shown {
        assert_eq!(read[path].0, *record, "record of {path}");
        assert_eq!(read[path].1, *descriptor, "descriptor of {path}");
    }

    let census = volume.census().unwrap();
    assert!(census.descriptors.len() >= built.descriptors);
    let users: u64 = census
        .descriptors
        .iter()
        .map(|descriptor| descriptor.users)
        .sum();
    assert_eq!(users + census.unsecured, census.files + census.directories);
    let (uses, unreadable) = census.sids();
    assert!(unreadable.is_empty(), "{unreadable:?}");
    let me = &uses[&spec.profiles[0].sid];
    assert!(me.owner > 5 && me.dacl > 20 && me.sacl > 0, "{me:?}");
    assert!(uses.contains_key(&spec.machine.sid));
    compare_with_ntfsinfo(&built.disk, &volume);
}

/// A third opinion on the ids, from a program that shares nothing with us.
fn compare_with_ntfsinfo(image: &Path, volume: &Volume<&[u8]>) {
    for record in [64, 70, 200, 777, 1300] {
        let Some(entry) = volume.entry(record).unwrap() else {
            continue;
        };
        let told = Command::new("ntfsinfo")
            .args(["-f", "-i", &record.to_string()])
            .arg(image)
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&told.stdout).into_owned();
        let line = told
            .lines()
            .find(|line| line.contains("Security ID:"))
            .expect("ntfsinfo prints the id");
        let id: u32 = line.split_whitespace().nth(2).unwrap().parse().unwrap();
        assert_eq!(entry.security, Security::Id(id), "record {record}");
    }
}

#[test]
fn a_scattered_mft_and_other_cluster_sizes_read_whole() {
    for (name, options) in [
        ("small clusters", ["-c", "512"]),
        ("large clusters", ["-c", "16384"]),
    ] {
        let image = volume(name, 96, &options, |root| {
            // Data between the growth steps of $MFT scatters it over the volume.
            for number in 0..1200 {
                fs::write(root.join(format!("{number:04}.bin")), vec![7u8; 9000]).unwrap();
            }
            for number in (0..1200).step_by(3) {
                fs::remove_file(root.join(format!("{number:04}.bin"))).unwrap();
            }
        });
        let bytes = fs::read(image).unwrap();
        let volume = Volume::open(bytes.as_slice()).unwrap();
        assert_eq!(volume.refusals().unwrap(), [], "{name}");
        let files = volume
            .records()
            .unwrap()
            .map(Result::unwrap)
            .filter(|entry| entry.names.iter().any(|name| name.text().ends_with(".bin")))
            .count();
        assert_eq!(files, 800, "{name}");
        assert_eq!(
            volume.up_case().unwrap().fold_text("aßж"),
            "AßЖ".encode_utf16().collect::<Vec<_>>()
        );
    }
}

/// A small volume with some distinct descriptors, and where its parts lie.
struct Bed {
    bytes: Vec<u8>,
    cluster: usize,
    mft: usize,
}

impl Bed {
    fn new(name: &str, fill: impl FnOnce(&Path)) -> Self {
        let image = volume(name, 16, &[], |root| {
            for number in 0..40u32 {
                let path = root.join(format!("file {number}"));
                fs::write(&path, number.to_string()).unwrap();
                let mut descriptor = descriptor_of(&path);
                let mask =
                    u32::from_le_bytes(descriptor[32..36].try_into().unwrap()) ^ (number & 7);
                descriptor[32..36].copy_from_slice(&mask.to_le_bytes());
                xattr::set(&path, "system.ntfs_acl", &descriptor).unwrap();
            }
            fill(root);
        });
        let bytes = fs::read(image).unwrap();
        let cluster = 512 * usize::from(bytes[13]);
        let mft = cluster * u64::from_le_bytes(bytes[48..56].try_into().unwrap()) as usize;
        Self {
            bytes,
            cluster,
            mft,
        }
    }

    fn record(&self, number: usize) -> usize {
        self.mft + number * 1024
    }

    /// Where the value of a resident attribute of a record lies.
    fn value(&self, record: usize, kind: u32) -> usize {
        let start = self.record(record);
        let word = |at: usize| u32::from_le_bytes(self.bytes[at..at + 4].try_into().unwrap());
        let mut at = start + usize::from(self.bytes[start + 0x14]);
        while word(at) != kind {
            assert_ne!(
                word(at),
                0xFFFF_FFFF,
                "record {record} has no attribute {kind:#x}"
            );
            at += word(at + 4) as usize;
        }
        at + usize::from(self.bytes[at + 0x14])
    }

    /// Every place of the 20 bytes that describe the last descriptor: in $SDS, its copy, $SII and $SDH.
    fn entry_places(&self) -> (u32, Vec<usize>, Vec<usize>) {
        let volume = Volume::open(self.bytes.as_slice()).unwrap();
        let store = volume.secure().unwrap();
        let entry = *store.entries().last().unwrap();
        let descriptor = store.descriptor(&volume, entry.id).unwrap().unwrap();
        let mut header = Vec::new();
        header.extend_from_slice(&entry.hash.to_le_bytes());
        header.extend_from_slice(&entry.id.to_le_bytes());
        header.extend_from_slice(&entry.offset.to_le_bytes());
        header.extend_from_slice(&entry.length.to_le_bytes());
        let (mut stored, mut indexed) = (Vec::new(), Vec::new());
        for (at, window) in self.bytes.windows(20).enumerate() {
            if window == header {
                let follows = self.bytes[at + 20..].starts_with(&descriptor);
                (if follows { &mut stored } else { &mut indexed }).push(at);
            }
        }
        (entry.id, stored, indexed)
    }

    fn log(&self) -> usize {
        // The log is the only long stretch of 0xFF on a fresh volume.
        (0..self.bytes.len())
            .step_by(self.cluster)
            .find(|&at| {
                self.bytes[at..at + 0x4_0000.min(self.bytes.len() - at)]
                    .iter()
                    .all(|&byte| byte == 0xFF)
            })
            .expect("a fresh $LogFile is all 0xFF")
    }

    fn refusals(&self, change: impl FnOnce(&mut Vec<u8>)) -> Result<Vec<Refusal>, NtfsError> {
        let mut bytes = self.bytes.clone();
        change(&mut bytes);
        Volume::open(bytes.as_slice())?.refusals()
    }
}

#[test]
fn every_planted_fault_is_refused_by_its_name() {
    let bed = Bed::new("faults", |_| {});
    assert_eq!(bed.refusals(|_| {}).unwrap(), []);

    let flags = bed.value(3, 0x70) + 10;
    let mirror_of_volume = |bytes: &mut Vec<u8>, at: usize, value: u8| {
        // Keep $MFTMirr the same, so that only the planted fault is seen.
        let mirror = bed.cluster * u64::from_le_bytes(bytes[56..64].try_into().unwrap()) as usize;
        bytes[at] = value;
        bytes[mirror + at - bed.mft] = value;
    };
    assert_eq!(
        bed.refusals(|b| mirror_of_volume(b, flags, 1)).unwrap(),
        [Refusal::Dirty]
    );
    assert_eq!(
        bed.refusals(|b| b[flags] = 1).unwrap(),
        [Refusal::Dirty, Refusal::MftMirror(3)]
    );
    let version = bed.refusals(|b| b[flags - 2] = 1);
    assert!(
        matches!(version, Err(NtfsError::Version { major: 1, .. })),
        "{version:?}"
    );
    let sealed = bed.refusals(|b| b[3..11].copy_from_slice(b"-FVE-FS-"));
    assert!(matches!(sealed, Err(NtfsError::BitLocker)));

    let secure = bed.record(9);
    let baad = bed.refusals(|b| b[secure..secure + 4].copy_from_slice(b"BAAD"));
    assert!(
        matches!(baad, Err(NtfsError::TornRecord { record: 9, .. })),
        "{baad:?}"
    );
    let torn = bed.refusals(|b| b[secure + 510] ^= 0x55);
    assert!(
        matches!(torn, Err(NtfsError::TornRecord { record: 9, .. })),
        "{torn:?}"
    );
    let stride = bed.refusals(|b| b[secure + 6] = 2);
    assert!(
        matches!(stride, Err(NtfsError::TornRecord { record: 9, .. })),
        "{stride:?}"
    );

    let (id, stored, indexed) = bed.entry_places();
    assert_eq!(
        (stored.len(), indexed.len()),
        (2, 2),
        "original and copy, two indexes"
    );
    let secure_fault =
        |change: &dyn Fn(&mut Vec<u8>)| match bed.refusals(|b| change(b)).unwrap().as_slice() {
            [Refusal::Secure { first, .. }] => *first,
            other => panic!("{other:?}"),
        };
    assert_eq!(
        secure_fault(&|b| b[stored[1] + 60] ^= 1),
        SecureFault::Mirror { id }
    );
    assert_eq!(
        secure_fault(&|b| b[stored[1]..stored[1] + 100].fill(0)),
        SecureFault::Mirror { id }
    );
    assert_eq!(
        secure_fault(&|b| stored.iter().for_each(|at| b[at + 60] ^= 1)),
        SecureFault::Hash { id },
        "changed in both copies under the old hash"
    );
    assert_eq!(
        secure_fault(&|b| b[stored[0] + 8] ^= 16),
        SecureFault::Entry { id }
    );
    for &at in &indexed {
        let fault = secure_fault(&|b| b[at + 8] ^= 16);
        assert!(
            matches!(
                fault,
                SecureFault::Entry { .. } | SecureFault::HashIndex { .. }
            ),
            "{fault:?}"
        );
    }

    let log = bed.log();
    assert_eq!(
        bed.refusals(|b| b[log..log + 4096].fill(0)).unwrap(),
        [Refusal::Log(LogState::Unreadable)]
    );
    for (in_use, flags, clean) in [(0xFFFFu16, 0u16, true), (0, 2, true), (0, 0, false)] {
        for major in [1, 2] {
            let found = bed
                .refusals(|b| restart_pages(&mut b[log..], major, in_use, flags))
                .unwrap();
            let dirty = Refusal::Log(LogState::Dirty { major });
            assert_eq!(
                found,
                if clean { vec![] } else { vec![dirty] },
                "version {major}, {in_use:#x}, {flags}"
            );
        }
    }
}

fn restart_pages(log: &mut [u8], major: u16, in_use: u16, flags: u16) {
    for page in 0..2 {
        let page = &mut log[page * 4096..][..4096];
        page.fill(0);
        page[..4].copy_from_slice(b"RSTR");
        let mut put =
            |at: usize, value: u16| page[at..at + 2].copy_from_slice(&value.to_le_bytes());
        for (at, value) in [
            (4, 0x1E),
            (6, 9),
            (0x10, 4096),
            (0x14, 4096),
            (0x18, 0x30),
            (0x1C, major),
            (0x1E, 3),
        ] {
            put(at, value);
        }
        put(0x30, 77);
        put(0x3C, in_use);
        put(0x3E, flags);
        for sector in 0..8 {
            put(sector * 512 + 510, 3);
        }
    }
}

#[test]
fn hibernation_and_shadow_copies_are_refused() {
    let bed = Bed::new("asleep", |root| {
        fs::write(
            root.join("hiberfil.sys"),
            [b"hibr".to_vec(), vec![1; 8192]].concat(),
        )
        .unwrap();
        let folder = root.join("System Volume Information");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("{3808876b-c176-4e48-b7ae-04046e6cc752}"), b"").unwrap();
        let store = "{6f1c2a40-0000-11ee-8000-00155d000001}{3808876b-c176-4e48-b7ae-04046e6cc752}";
        fs::write(folder.join(store), b"").unwrap();
    });
    assert_eq!(
        bed.refusals(|_| {}).unwrap(),
        [Refusal::Hibernated, Refusal::ShadowCopies(1)]
    );
    let awake = Bed::new("awake", |root| {
        fs::write(root.join("hiberfil.sys"), vec![0; 8192]).unwrap()
    });
    assert_eq!(awake.refusals(|_| {}).unwrap(), []);
}

#[test]
fn damage_anywhere_never_panics_and_always_ends() {
    let mut bed = Bed::new("hostile", |root| {
        let file = root.join("file 1");
        for number in 0..60 {
            fs::hard_link(&file, root.join(format!("{number} {}", "y".repeat(200)))).unwrap();
        }
    });
    // Where metadata lies: the boot sector, $MFT and whatever it names below 2 MiB.
    let mut state = 0x0123_4567_89AB_CDEF_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let (_, stored, indexed) = bed.entry_places();
    let spans = [
        (0, 90),
        (bed.mft, 120 * 1024),
        (stored[0] & !0xFFF, 4096),
        (indexed[0] & !0xFFF, 8192),
    ];
    for round in 0..600u32 {
        let (start, len) = spans[round as usize % spans.len()];
        let mut undo = Vec::new();
        for _ in 0..=(next() % 4) {
            let at = start + (next() as usize % len);
            undo.push((at, bed.bytes[at]));
            bed.bytes[at] = match next() % 4 {
                0 => 0xFF,
                1 => 0,
                2 => bed.bytes[at] ^ (1 << (next() % 8)),
                _ => next() as u8,
            };
        }
        gw_ntfs::exercise(&bed.bytes);
        for (at, byte) in undo.into_iter().rev() {
            bed.bytes[at] = byte;
        }
    }
    for len in [0, 1, 511, 512, 4096, bed.mft + 100, bed.bytes.len() / 2] {
        gw_ntfs::exercise(&bed.bytes[..len]);
    }
}

//! The disk image passes the suite that every platform passes.

#![cfg(target_os = "linux")]

use gw_lab::image::{ImageSpec, Language, Mounted, build_device};
use gw_platform::{
    AdTarget, AreaScope, Change, Controller, Cx, JoinTarget, Machine, Mode, SecretId, SidText,
    areas::Area,
    conformance::{Known, MemoryInputs, MemoryStore, StopAfter, Subject, View, areas, run_all},
};
use gw_platform_image::ImageMachine;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

struct Image {
    spec: ImageSpec,
    dir: PathBuf,
    machine: Option<ImageMachine>,
}

impl Image {
    fn new(spec: &ImageSpec, base: &Path) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let dir = base.with_extension(NEXT.fetch_add(1, Ordering::Relaxed).to_string());
        fs::create_dir_all(&dir).unwrap();
        for name in ["disk.img", "device.json"] {
            let copied = Command::new("cp")
                .args(["--sparse=always", "--reflink=auto"])
                .arg(base.join(name))
                .arg(dir.join(name))
                .status()
                .unwrap();
            assert!(copied.success());
        }
        let machine = Some(ImageMachine::open(&dir).unwrap());
        Self {
            spec: spec.clone(),
            dir,
            machine,
        }
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        self.machine = None;
        let _ = fs::remove_dir_all(&self.dir);
    }
}

impl Subject for Image {
    fn machine(&mut self) -> &mut dyn Machine {
        self.machine.as_mut().unwrap()
    }

    fn reopen(&mut self) {
        self.machine = None;
        self.machine = Some(ImageMachine::open(&self.dir).unwrap());
    }

    fn known(&self) -> Known {
        let spec = &self.spec;
        let text = |sid: &gw_secdesc::Sid| -> SidText { sid.to_string().parse().unwrap() };
        let users = spec
            .profiles
            .iter()
            .filter(|user| user.mapped)
            .enumerate()
            .map(|(n, user)| {
                let target = format!("S-1-5-21-11-22-33-{}", 5000 + n);
                let folder = format!("C:\\Users\\{}", user.folder);
                (
                    folder.parse().unwrap(),
                    text(&user.sid),
                    target.parse().unwrap(),
                )
            })
            .collect();
        Known {
            users,
            ignored: vec!["%SystemRoot%".into(), "%ProgramFiles%".into()],
            target: JoinTarget::ActiveDirectory(AdTarget {
                dns_name: "target.test".into(),
                netbios_name: "TARGET".into(),
                forest_name: "target.test".into(),
                domain_sid: "S-1-5-21-11-22-33".parse().unwrap(),
                domain_guid: Some("6d2b1e5c-93aa-4f7e-8a51-20c177de0002".into()),
                account_name: format!("{}$", spec.computer_name),
                machine_sid: Some("S-1-5-21-11-22-33-6001".parse().unwrap()),
                // Reserved for documentation: nobody answers there.
                controllers: vec![Controller {
                    host: "dc1.target.test".into(),
                    addresses: vec!["127.0.0.1".into()],
                    site: None,
                }],
                kvno: Some(2),
            }),
            secret: b"a machine password of its own".to_vec(),
            online: false,
            new_folder: "C:\\ProgramData\\Godwit test".parse().unwrap(),
        }
    }
}

/// Small: every check reads the whole volume again and again, a file at a time.
fn small() -> ImageSpec {
    let mut spec = ImageSpec::sample(100, Language::En);
    // Two who are mapped, and the one who is not.
    spec.profiles.drain(2..4);
    spec
}

#[test]
fn a_disk_image_is_a_platform_like_any_other() {
    let spec = small();
    with_base("conformance", &spec, |base| {
        run_all(&mut || Box::new(Image::new(&spec, base)));
    });
}

#[test]
fn areas_of_a_disk_image() {
    let spec = ImageSpec::sample(400, Language::En);
    with_base("areas", &spec, |base| {
        for mode in [Mode::Replace, Mode::Add] {
            areas(&mut Image::new(&spec, base), mode);
        }
    });
}

/// The second source finds the first one's folder under the name that it needs.
#[test]
fn two_sources_with_one_target_both_keep_their_recycle_bins() {
    with_base("two-bins", &small(), |base| {
        let mut image = Image::new(&small(), base);
        let users = image.known().users;
        let target = &users[0].2;
        let inputs = MemoryInputs::new(
            users.iter().map(|user| (user.1.clone(), target.clone())),
            [],
        );
        let change = Change::TranslateAreas {
            scope: AreaScope {
                areas: [Area::RecycleBins].into(),
                ..AreaScope::default()
            },
            map: inputs.map_ref(),
            mode: Mode::Replace,
        };
        let start = (View::of(image.machine()), bins(&mut image));
        let (mut store, mut progress) = (MemoryStore::default(), StopAfter::never());
        let mut cx = Cx {
            store: &mut store,
            progress: &mut progress,
            inputs: &inputs,
        };
        let before = image.machine().prepare(&change, &mut cx).unwrap();
        for _ in 0..2 {
            image.machine().execute(&change, &before, &mut cx).unwrap();
        }
        let moved = bins(&mut image);
        assert!(moved.contains_key(target.as_str()), "{moved:?}");
        assert!(
            users
                .iter()
                .all(|user| !moved.contains_key(user.1.as_str()))
        );
        for _ in 0..2 {
            image.machine().revert(&change, &before, &mut cx).unwrap();
        }
        let end = (View::of(image.machine()), bins(&mut image));
        assert_eq!(end.1, start.1, "names and attributes of the bins");
        assert_eq!(end.0, start.0);
    });
}

/// Name of each recycle bin, with its attributes, through a mount of our own.
fn bins(image: &mut Image) -> BTreeMap<String, Vec<u8>> {
    let copy = image.dir.join("look.img");
    image.machine = None;
    let copied = Command::new("cp")
        .args(["--sparse=always", "--reflink=auto"])
        .arg(image.dir.join("disk.img"))
        .arg(&copy)
        .status()
        .unwrap();
    assert!(copied.success());
    let mounted = Mounted::open(&copy, &image.dir.join("look")).unwrap();
    let found = fs::read_dir(mounted.root().join("$Recycle.Bin"))
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let attributes = xattr::get(entry.path(), "system.ntfs_attrib_be").unwrap();
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, attributes.unwrap_or_default())
        })
        .collect();
    mounted.close().unwrap();
    fs::remove_file(copy).unwrap();
    image.reopen();
    found
}

/// Every value that holds the computer's name, read from the hives apart from the platform.
fn names(image: &Image) -> Vec<String> {
    let config = image.dir.join("mnt/Windows/System32/config");
    let text = |file: &str, key: &str, name: &str| {
        let hive = gw_hive::Hive::open(fs::read(config.join(file)).unwrap(), None, None).unwrap();
        let key = hive.key(key).unwrap().expect(key);
        let value = key.value(name).unwrap().expect(name).to_owned().unwrap();
        match file {
            // Length, room and offset before the text.
            "SECURITY" => gw_hive::RegValue::new(gw_hive::kind::SZ, &value.bytes[8..]),
            _ => value,
        }
        .as_string()
        .unwrap()
    };
    let set = "ControlSet001";
    let names = format!("{set}\\Control\\ComputerName");
    let tcpip = format!("{set}\\Services\\Tcpip\\Parameters");
    let winlogon = "Microsoft\\Windows NT\\CurrentVersion\\Winlogon";
    vec![
        text("SYSTEM", &format!("{names}\\ComputerName"), "ComputerName"),
        text(
            "SYSTEM",
            &format!("{names}\\ActiveComputerName"),
            "ComputerName",
        ),
        text("SYSTEM", &tcpip, "Hostname"),
        text("SYSTEM", &tcpip, "NV Hostname"),
        text("SECURITY", "Policy\\PolAcDmN", ""),
        text("SOFTWARE", winlogon, "DefaultDomainName"),
    ]
}

#[test]
fn an_image_is_renamed_in_every_place_and_back() {
    with_base("rename", &small(), |base| {
        let mut image = Image::new(&small(), base);
        let mut store = MemoryStore::default();
        let mut progress = StopAfter::never();
        let inputs = image.known().inputs();
        let from = image.machine().join_state().unwrap();
        let JoinTarget::ActiveDirectory(mut target) = image.known().target else {
            panic!("the suite joins a domain");
        };
        target.account_name = "PC-NEW$".into();
        let mut cx = Cx {
            store: &mut store,
            progress: &mut progress,
            inputs: &inputs,
        };
        let changes = [
            Change::Leave { from },
            Change::Rename {
                from: small().computer_name,
                to: "pc-New".into(),
            },
            Change::Join {
                target: JoinTarget::ActiveDirectory(target),
                secret: SecretId("target-machine".into()),
            },
        ];
        let mut seen = Vec::new();
        let mut befores = Vec::new();
        for change in &changes {
            let before = image.machine().prepare(change, &mut cx).unwrap();
            image.machine().execute(change, &before, &mut cx).unwrap();
            befores.push(before);
            seen.push(names(&image));
        }
        let [old, new] = ["PC-0001", "PC-NEW"];
        let same = |name: &str, offered: &str| -> Vec<String> {
            let host = name.replace("NEW", "New").replace("PC-N", "pc-N");
            [name, name, &host, &host, name, offered]
                .map(Into::into)
                .into()
        };
        assert_eq!(seen, [same(old, old), same(new, new), same(new, "TARGET")]);
        assert!(image.machine().facts().unwrap().pending.is_empty());
        for (change, before) in changes.iter().zip(&befores).rev() {
            image.machine().revert(change, before, &mut cx).unwrap();
        }
        assert_eq!(names(&image), same(old, old), "the sign-in screen, too");
        // What the before-image holds is exactly what was touched.
        let text = befores[1].data.to_string();
        assert!(befores[1].blobs.is_empty() && text.len() < 4_000, "{text}");
    });
}

fn with_base(name: &str, spec: &ImageSpec, check: impl FnOnce(&Path)) {
    let work = std::env::temp_dir().join(format!("godwit-{name}-{}", std::process::id()));
    let base = work.join("base");
    build_device(spec, &base, &work.join("cache")).unwrap();
    check(&base);
    fs::remove_dir_all(&work).unwrap();
}

//! The scan against a walk over the mounted volume: the same objects, each with the same descriptor.

use super::*;
use crate::linux::{acl, mount};
use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

/// A small volume with names of all kinds.
fn made(folder: &Path) -> PathBuf {
    let image = folder.join("disk.img");
    fs::File::create(&image).unwrap().set_len(16 << 20).unwrap();
    let status = Command::new("mkfs.ntfs")
        .args(["-F", "-Q", "-q"])
        .arg(&image)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    let mounted = mount::Volume::open(&image, &folder.join("mnt")).unwrap();
    let root = mounted.root();
    for path in ["Users/anna/Музыка", "Users/bert", "Data/sub/sub", "Windows"] {
        fs::create_dir_all(root.join(path)).unwrap();
    }
    let mut room = Vec::new();
    for number in 0..300_u32 {
        let folder =
            ["Users/anna", "Users/anna/Музыка", "Data/sub", "Windows"][number as usize % 4];
        let file = root.join(format!("{folder}/file {number} ü"));
        fs::write(&file, b"x").unwrap();
        // The mask of the first entry.
        let mut descriptor = acl::read(&file, "", &mut room).unwrap();
        let at = u32::from_le_bytes(descriptor[16..20].try_into().unwrap()) as usize + 12;
        descriptor[at..at + 4].copy_from_slice(&(number % 9 + 1).to_le_bytes());
        acl::write(&file, "", &descriptor).unwrap();
    }
    fs::hard_link(root.join("Users/anna/file 0 ü"), root.join("Data/twice")).unwrap();
    fs::hard_link(root.join("Users/anna/file 4 ü"), root.join("Windows/split")).unwrap();
    fs::remove_file(root.join("Data/sub/file 2 ü")).unwrap();
    fs::remove_dir_all(root.join("Users/bert")).unwrap();
    fs::create_dir(root.join("Users/carl")).unwrap();
    drop(mounted);
    image
}

/// Every name on the mounted volume with its descriptor.
fn walked(image: &Path, point: &Path) -> BTreeMap<String, Vec<u8>> {
    let mounted = mount::Volume::open(image, point).unwrap();
    let mut room = Vec::new();
    let mut found = BTreeMap::new();
    let mut folders = vec![(String::from("C:"), mounted.root().to_path_buf())];
    let root = acl::read(mounted.root(), "", &mut room).unwrap();
    found.insert("C:\\".to_owned(), root);
    while let Some((path, place)) = folders.pop() {
        for entry in fs::read_dir(place).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{path}\\{}", entry.file_name().to_str().unwrap());
            let descriptor = acl::read(&entry.path(), "", &mut room).unwrap();
            found.insert(name.clone(), descriptor);
            if entry.file_type().unwrap().is_dir() {
                folders.push((name, entry.path()));
            }
        }
    }
    found
}

fn scanned(image: &Path, scope: &FileScope) -> Scan {
    let ignored = Ignored::compile(scope.ignored.iter().map(String::as_str), &BTreeMap::new());
    let own = "C:\\ProgramData\\Godwit".parse().unwrap();
    let wanted = Wanted {
        scope,
        ignored: &ignored,
        own: &own,
    };
    read(image, &wanted).unwrap()
}

fn paths(scan: &Scan) -> BTreeMap<String, Vec<u8>> {
    let object = |object: &Object| {
        let descriptor = scan.descriptors[object.descriptor].clone();
        (object.path.to_string(), descriptor)
    };
    scan.objects.iter().map(object).collect()
}

#[test]
fn a_scan_finds_what_a_walk_finds() {
    let folder = tempfile::tempdir().unwrap();
    let image = made(folder.path());
    let mut walk = walked(&image, &folder.path().join("mnt"));
    let scan = scanned(&image, &FileScope::default());
    // Of hard links, the first name stands for all.
    for second in ["C:\\Users\\anna\\file 0 ü", "C:\\Windows\\split"] {
        assert!(walk.remove(second).is_some(), "{second}");
    }
    assert_eq!(paths(&scan), walk);
    assert!(scan.descriptors.len() >= 9, "{}", scan.descriptors.len());
    assert_eq!((scan.ignored, scan.unusable.len()), (0, 0));
    assert!(scan.objects.is_sorted_by(|a, b| a.path < b.path));
}

#[test]
fn what_is_not_asked_for_is_counted_and_split_links_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let image = made(folder.path());
    let scope = FileScope {
        roots: vec!["C:\\Users".parse().unwrap()],
        ignored: vec!["C:\\Windows".into()],
        ..FileScope::default()
    };
    let all = paths(&scanned(&image, &FileScope::default()));
    let scan = scanned(&image, &scope);
    let told = paths(&scan);
    assert!(told.keys().all(|path| path.starts_with("C:\\Users")));
    // Both names of the first are in scope or beside it; the second has one in an ignored area.
    assert!(told.contains_key("C:\\Users\\anna\\file 0 ü"));
    assert!(!told.contains_key("C:\\Users\\anna\\file 4 ü"));
    assert_eq!(scan.split_links, ["C:\\Users\\anna\\file 4 ü"]);
    assert_eq!(scan.ignored as usize + told.len(), all.len());
}

//! `godwit-agent volume remap` on real volumes: mkfs.ntfs and ntfs-3g make them, a walk over
//! the mounted volume that shares no code with the product judges them, byte by byte.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A program with a time limit.
fn program(name: &str) -> Command {
    let mut command = Command::new("timeout");
    command.args(["120", name]);
    command
}

fn checker(script: &str) -> Command {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/dev/lab/checker");
    let mut command = program("python3");
    command.arg(folder.join(script));
    command
}

fn done(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", told(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn told(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!(
        "{}\n{}{}",
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    )
}

/// A mounted volume; ntfs-3g has written everything when it is dropped.
struct Mounted {
    point: PathBuf,
    driver: Child,
}

impl Mounted {
    fn open(image: &Path, point: &Path) -> Self {
        fs::create_dir_all(point).unwrap();
        let driver = Command::new("ntfs-3g")
            .args([
                "-o",
                "permissions,streams_interface=windows,noatime,no_detach",
            ])
            .args([image, point])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let since = Instant::now();
        let shown = point.canonicalize().unwrap();
        while !fs::read_to_string("/proc/self/mounts")
            .unwrap()
            .contains(&format!(" {} ", shown.display()))
        {
            assert!(since.elapsed() < Duration::from_secs(30), "not mounted");
            std::thread::sleep(Duration::from_millis(5));
        }
        Self {
            point: point.to_path_buf(),
            driver,
        }
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = program("umount").arg(&self.point).status();
        let since = Instant::now();
        while matches!(self.driver.try_wait(), Ok(None)) {
            // A mount namespace made meanwhile may keep it alive, until it is asked to end.
            if since.elapsed() > Duration::from_secs(3) {
                let _ = program("kill").arg(self.driver.id().to_string()).status();
                std::thread::sleep(Duration::from_millis(200));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A volume with its map and what a walk has seen on it.
struct Bed {
    folder: tempfile::TempDir,
    image: PathBuf,
}

impl Bed {
    fn new(cluster: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("volume.img");
        fs::File::create(&image).unwrap().set_len(96 << 20).unwrap();
        done(
            program("mkfs.ntfs")
                .args(["-F", "-Q", "-q", "-c", &cluster.to_string()])
                .arg(&image),
        );
        done(checker("volume_files.py").arg("root").arg(&image));
        let bed = Self { folder, image };
        done(
            checker("volume_files.py")
                .arg("map")
                .arg(bed.path("map.csv")),
        );
        let mounted = Mounted::open(&bed.image, &bed.path("mnt"));
        done(
            checker("volume_files.py")
                .arg("build")
                .arg(&mounted.point)
                .args(["--files", "2000", "--descriptors", "100"]),
        );
        drop(mounted);
        bed.snapshot(&bed.image, "before.json");
        bed
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn copy(&self, name: &str) -> PathBuf {
        let copy = self.path(name);
        done(
            program("cp")
                .arg("--sparse=always")
                .args([&self.image, &copy]),
        );
        copy
    }

    fn snapshot(&self, image: &Path, name: &str) {
        let mounted = Mounted::open(image, &self.path("mnt"));
        done(
            checker("volume_files.py")
                .arg("snapshot")
                .arg(&mounted.point)
                .arg(self.path(name)),
        );
    }

    fn remap(&self, image: &Path, mode: &str, more: &[&str]) -> Output {
        self.command(image, mode, more).output().unwrap()
    }

    fn command(&self, image: &Path, mode: &str, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_godwit-agent"));
        command
            .args(["volume", "remap"])
            .arg(image)
            .arg("--map")
            .arg(self.path("map.csv"))
            .args(["--mode", mode, "--exclude", "Ignored", "--json"])
            .args(more);
        command
    }

    fn judge(&self, image: &Path, mode: &str, reports: &[PathBuf]) {
        let sound = checker("secure_check.py").arg(image).output().unwrap();
        assert!(sound.status.success(), "{}", told(&sound));
        let audit = program("ntfssecaudit")
            .arg("-ar")
            .arg(image)
            .output()
            .unwrap();
        assert!(
            audit.status.success() && told(&audit).contains("No errors were found"),
            "{}",
            told(&audit)
        );
        self.snapshot(image, "after.json");
        let mut compare = checker("volume_files.py");
        compare
            .arg("compare")
            .args([self.path("before.json"), self.path("after.json")])
            .arg("--map")
            .arg(self.path("map.csv"))
            .args(["--mode", mode, "--exclude", "Ignored"]);
        for report in reports {
            compare.arg("--report").arg(report);
        }
        println!("{mode}: {}", done(&mut compare).trim());
    }
}

fn report(output: &Output) -> serde_json::Value {
    assert!(output.status.success(), "{}", told(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn every_file_in_scope_is_translated_and_a_prediction_comes_true() {
    // With clusters of 16 KiB the mirror of $MFT covers $Secure and the root.
    for (mode, cluster) in [("replace", 4096), ("add", 16384)] {
        let bed = Bed::new(cluster);
        let image = bed.copy("copy.img");
        let bytes = fs::read(&image).unwrap();
        let predicted = bed.remap(&image, mode, &["--dry-run"]);
        assert!(
            fs::read(&image).unwrap() == bytes,
            "a dry run writes nothing"
        );
        assert!(!bed.path("copy.img.godwit").exists());
        let made = bed.remap(&image, mode, &[]);
        let (mut told, mut was) = (report(&predicted), report(&made));
        let files = [bed.path("dry.json"), bed.path("done.json")];
        fs::write(&files[0], &predicted.stdout).unwrap();
        fs::write(&files[1], &made.stdout).unwrap();
        assert_eq!(
            (&told["dry_run"], &was["dry_run"]),
            (&true.into(), &false.into())
        );
        told["dry_run"].take();
        was["dry_run"].take();
        assert_eq!(told, was);
        assert!(told["inline"] == 1, "the root has a descriptor of its own");
        assert!(told["linked_across"] == 3, "{}", told["linked_across"]);
        assert!(told["added"].as_u64() > Some(10), "{}", told["added"]);
        let patched = told["patched"].as_u64();
        assert!(if mode == "add" {
            patched == Some(0)
        } else {
            patched > Some(20)
        });
        bed.judge(&image, mode, &files);
        assert!(
            !bed.path("copy.img.godwit").exists(),
            "the redo file is gone"
        );
        assert!(!bed.path("copy.img.godwit.mnt").exists());

        // Once more there is nothing to do, and nothing is done.
        let bytes = fs::read(&image).unwrap();
        let again = report(&bed.remap(&image, mode, &[]));
        assert_eq!(again["files_changed"], 0);
        assert!(fs::read(&image).unwrap() == bytes);
    }
}

#[test]
fn a_process_killed_at_any_time_is_finished_by_the_next() {
    let bed = Bed::new(4096);
    let since = Instant::now();
    let whole = bed.copy("whole.img");
    report(&bed.remap(&whole, "replace", &[]));
    let took = since.elapsed().as_millis() as u64;
    let mut ended = 0;
    for part in [1, 3, 5, 7, 9] {
        let image = bed.copy("killed.img");
        let redo = bed.path("redo");
        let journal = ["--journal", redo.to_str().unwrap()];
        let mut child = bed
            .command(&image, "replace", &journal)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(took * part / 10));
        let _ = child.kill();
        let finished = child.wait().unwrap().success();
        ended += u32::from(!finished);
        let again = bed.remap(&image, "replace", &journal);
        assert!(again.status.success(), "part {part}: {}", told(&again));
        assert!(!redo.exists());
        bed.judge(&image, "replace", &[]);
    }
    println!("{ended} of 5 were killed in the middle");
    assert!(ended > 0, "none was killed in the middle");
}

#[test]
fn what_must_not_be_changed_is_refused_with_2_and_left_as_it_is() {
    let bed = Bed::new(4096);
    let refuse = |image: &Path, more: &[&str], why: &str| {
        let bytes = fs::read(image).unwrap();
        let output = bed.remap(image, "replace", more);
        assert_eq!(output.status.code(), Some(2), "{}", told(&output));
        assert!(told(&output).contains(why), "{why}: {}", told(&output));
        assert!(fs::read(image).unwrap() == bytes, "{why}");
    };
    let image = bed.copy("copy.img");

    let mounted = Mounted::open(&image, &bed.path("mnt"));
    let output = bed.remap(&image, "replace", &[]);
    assert_eq!(output.status.code(), Some(2), "{}", told(&output));
    assert!(told(&output).contains("in use"), "{}", told(&output));
    drop(mounted);

    refuse(&image, &["--exclude", "a/../b"], "..");
    refuse(&image, &["--exclude", "/"], "whole volume");

    // The $Volume record and its copy, marked for chkdsk.
    let mut bytes = fs::read(&image).unwrap();
    let word = |bytes: &[u8], at: usize| {
        u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
    };
    for start in [word(&bytes, 48) * 4096, word(&bytes, 56) * 4096] {
        let record = start + 3 * 1024;
        let mut at = record + usize::from(bytes[record + 0x14]);
        while word(&bytes, at) != 0x70 {
            at += word(&bytes, at + 4);
        }
        let flags = at + usize::from(bytes[at + 0x14]) + 10;
        bytes[flags] |= 1;
    }
    let dirty = bed.path("dirty.img");
    fs::write(&dirty, bytes).unwrap();
    refuse(&dirty, &[], "dirty");

    let none = bed.path("none.img");
    fs::write(&none, vec![0; 1 << 20]).unwrap();
    refuse(&none, &[], "NTFS");
    let missing = bed.remap(&bed.path("nowhere"), "replace", &[]);
    assert_eq!(missing.status.code(), Some(1), "{}", told(&missing));

    // A redo file of another job keeps its volume.
    let redo = bed.path("copy.img.godwit");
    fs::write(&redo, "somebody's letter").unwrap();
    let output = bed.remap(&image, "replace", &[]);
    assert!(!output.status.success());
    assert_eq!(fs::read(&redo).unwrap(), b"somebody's letter");
}

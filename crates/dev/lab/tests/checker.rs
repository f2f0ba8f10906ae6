//! The lab's checkers must bite: each finds everything that is planted, and nothing else.
#![cfg(target_os = "linux")]

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use gw_lab::image::{ImageSpec, Language, build_device};

/// The interpreter that `cargo xtask setup` made.
fn python() -> PathBuf {
    let cache = std::env::var_os("GODWIT_CACHE").map_or_else(
        || Path::new(&std::env::var_os("HOME").unwrap()).join(".cache/godwit"),
        PathBuf::from,
    );
    cache.join("venv/bin/python")
}

fn checker(script: &str, arguments: &[&str]) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("checker")
        .join(script);
    Command::new(python())
        .arg(script)
        .args(arguments)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("the lab's Python starts; `cargo xtask setup` makes it")
}

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[test]
fn the_image_checker_finds_every_planted_fault() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("checker");
    let _ = fs::remove_dir_all(&folder);
    let mut spec = ImageSpec::sample(1500, Language::En);
    spec.size_mib = 256;
    let built = build_device(&spec, &folder, &folder).unwrap();
    let mut map = "source_sid,target_sid\n".to_owned();
    let mapped = spec.profiles.iter().filter(|user| user.mapped);
    let sources = mapped
        .map(|user| &user.sid)
        .chain(&spec.groups)
        .chain(&spec.colleagues);
    for (number, sid) in sources.enumerate() {
        writeln!(map, "{sid},S-1-12-1-1-2-3-{number}").unwrap();
    }
    let map_file = folder.join("map.csv");
    fs::write(&map_file, map).unwrap();
    let image = built.disk.to_str().unwrap();

    let output = checker(
        "image_check.py",
        &["self-test", image, "--map", map_file.to_str().unwrap()],
    );
    let told = text(&output);
    assert!(output.status.success(), "{told}");
    assert!(
        told.contains("19 planted, 0 missed, 0 faults that nobody planted"),
        "{told}"
    );

    let output = checker("image_check.py", &["equal", image, image]);
    assert!(output.status.success(), "{}", text(&output));

    // Another device of the same base: its hives differ in name and secret, so it is not equal.
    let mut other = spec.clone();
    other.computer_name = "PC-0002".into();
    let second = folder.join("second");
    let built = build_device(&other, &second, &folder).unwrap();
    assert!(built.from_cache);
    let output = checker(
        "image_check.py",
        &["equal", image, built.disk.to_str().unwrap()],
    );
    let told = text(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("ComputerName"), "{told}");
    let files: Vec<&str> = told
        .lines()
        .filter(|line| line.starts_with("WRONG"))
        .collect();
    let only_hives = files
        .iter()
        .all(|line| line.contains("Windows/System32/config/"));
    assert!(only_hives, "{told}");
}

#[test]
fn the_secret_search_finds_every_form() {
    let output = checker("secret_search.py", &["--self-test"]);
    assert!(output.status.success(), "{}", text(&output));
}

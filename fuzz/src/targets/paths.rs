//! Paths of devices, and the patterns of areas that a run leaves alone.
//!
//! Input: lines; each is taken for a pattern, a path, and something below a path.

use crate::{Target, leave_alone};
use gw_platform::{Ignored, WinPath};
use std::collections::BTreeMap;

pub(crate) const TARGET: Target = Target {
    name: "paths",
    seeds,
    repair: leave_alone,
    run,
};

fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let lines: Vec<&str> = text.lines().collect();
    let folder = |path: &str| path.parse::<WinPath>().expect("a path");
    let folders = BTreeMap::from([
        ("SystemRoot".to_owned(), folder(r"C:\Windows")),
        ("ProgramData".to_owned(), folder(r"D:\Data")),
    ]);
    let ignored = Ignored::compile(lines.iter().copied(), &folders);
    assert!(ignored.unusable().len() <= lines.len());
    let home = folder(r"C:\Windows\System32\Tasks");
    let paths: Vec<WinPath> = lines.iter().filter_map(|line| line.parse().ok()).collect();
    for path in &paths {
        let same = path.to_string().parse::<WinPath>();
        assert_eq!(same.as_ref(), Ok(path), "a path changed on its way");
        if let Some(parent) = path.parent() {
            assert!(path.is_under(&parent), "{path} is not in {parent}");
            let name = path.file_name().expect("it has a parent");
            assert_eq!(parent.join(name).as_ref(), Ok(path));
        }
        let _ = ignored.matches_within(path, &home);
        let alone = Ignored::compile([path.as_str()], &folders);
        // A name may hold what a pattern gives a meaning to.
        let text = path.as_str();
        let plain = !text.contains(['*', '?', '%']) && text.trim() == text;
        if plain && path.file_name().is_some() && alone.unusable().is_empty() {
            assert!(alone.matches(path), "{path} does not match itself");
        }
        for line in &lines {
            if let Ok(below) = path.join(line) {
                assert!(below.is_under(path), "{below} is not under {path}");
                assert!(!ignored.matches(path) || ignored.matches(&below));
            }
        }
    }
    for line in &lines {
        let _ = ignored.matches_key(line);
    }
}

fn seeds() -> anyhow::Result<Vec<Vec<u8>>> {
    Ok([
        "%SystemRoot%\\Temp\nC:\\Users\\*\\AppData\\Local\\Temp\n*:\\$Recycle.Bin\nc:/windows/temp\nC:\\Users\\anna\\AppData\\Local\\Temp\\x",
        "HKLM\\SYSTEM\\CurrentControlSet\\Services\\*\nHKEY_LOCAL_MACHINE\\SOFTWARE\\A?\nSYSTEM\\ControlSet001\\Services\\x",
        "%PROGRAMDATA%\\a*b?c*\nD:\\Data\\aXbYc\\d\nD:\\\nD:\\ß\\Ω\\İ",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec())
}

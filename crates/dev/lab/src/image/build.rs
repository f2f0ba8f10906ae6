//! Makes a device's folder: the kept volume is copied, the machine hives are written.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use super::device::DeviceFacts;
use super::hives::machine_hives;
use super::mount::Mounted;
use super::plan::{Plan, plan};
use super::spec::{ImageSpec, Language};
use super::write::lay_out;

/// Part of the key of a kept volume: raise it when the writer, not the plan, changes.
const WRITER: u32 = 1;

/// What was built, also written to `image.json` in the device's folder (no secret in it).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuiltImage {
    /// The volume.
    pub disk: PathBuf,
    /// Computer name.
    pub computer_name: String,
    /// Language of the Windows.
    pub language: Language,
    /// Files on the volume.
    pub files: usize,
    /// Distinct descriptors on the volume.
    pub descriptors: usize,
    /// Folders whose contents and descriptors must stay as they are.
    pub ignored: Vec<String>,
    /// Profiles: user, SID, folder, mapped.
    pub profiles: Vec<super::spec::ProfileUser>,
    /// Whether a kept volume was copied.
    pub from_cache: bool,
}

/// Where the lab keeps its files: `GODWIT_LAB_DIR`, else `lab` in the target folder.
#[must_use]
pub fn lab_dir() -> PathBuf {
    if let Some(dir) = std::env::var_os("GODWIT_LAB_DIR") {
        return dir.into();
    }
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    target.join("lab")
}

/// Builds the device of `spec` in `dir` (`disk.img`, `device.json`, `image.json`, `agent/`, `mnt/`).
///
/// Volumes are kept in `cache`, so that a second device with the same users takes a
/// sparse copy. Whatever device was in `dir` is replaced.
///
/// # Errors
/// When a tool is missing, the volume is too small or the specification does not fit.
pub fn build_device(spec: &ImageSpec, dir: &Path, cache: &Path) -> Result<BuiltImage> {
    ensure!(
        !spec.profiles.is_empty(),
        "a device image needs at least one profile"
    );
    let plan = plan(spec)?;
    fs::create_dir_all(dir).with_context(|| format!("making {}", dir.display()))?;
    let (base, from_cache) = kept_volume(&plan, cache)?;
    let disk = dir.join("disk.img");
    copy_sparse(&base, &disk)?;
    for folder in ["agent", "mnt"] {
        fs::create_dir_all(dir.join(folder))?;
    }
    write_machine_hives(spec, &disk, &dir.join("mnt"))?;
    let built = BuiltImage {
        disk,
        computer_name: spec.computer_name.clone(),
        language: spec.language,
        files: plan.files(),
        descriptors: plan.distinct_descriptors(),
        ignored: [
            "Windows",
            "Program Files",
            "Program Files (x86)",
            "System Volume Information",
        ]
        .map(String::from)
        .to_vec(),
        profiles: spec.profiles.clone(),
        from_cache,
    };
    write_json(&dir.join("device.json"), &DeviceFacts::of(spec))?;
    write_json(&dir.join("image.json"), &built)?;
    Ok(built)
}

/// The volume of `plan` without machine hives, from the cache or made now.
fn kept_volume(plan: &Plan, cache: &Path) -> Result<(PathBuf, bool)> {
    let kept = cache
        .join("images")
        .join(format!("{WRITER}-{}.img", &plan.fingerprint()?[..32]));
    if kept.exists() {
        return Ok((kept, true));
    }
    let folder = kept.parent().context("the cache has a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    // Beside the final name and renamed at the end: a torn build is never taken for a whole one.
    let work = folder.join(format!(
        "{}.{}",
        kept.file_name().unwrap_or_default().display(),
        std::process::id()
    ));
    let point = work.with_extension("mnt");
    let made = make_volume(plan, &work, &point);
    let _ = fs::remove_dir(&point);
    if let Err(error) = made {
        let _ = fs::remove_file(&work);
        return Err(error);
    }
    fs::rename(&work, &kept)?;
    Ok((kept, false))
}

fn make_volume(plan: &Plan, image: &Path, point: &Path) -> Result<()> {
    let file = fs::File::create(image).with_context(|| format!("making {}", image.display()))?;
    file.set_len(plan.size_mib << 20)?;
    drop(file);
    run(Command::new("mkfs.ntfs")
        .args(["-F", "-Q", "-q", "-L", "Windows"])
        .arg(image))?;
    let mounted = Mounted::open(image, point)?;
    lay_out(plan, mounted.root())?;
    mounted.close()
}

/// Writes the hives that make this device itself into its copy of the volume.
fn write_machine_hives(spec: &ImageSpec, disk: &Path, point: &Path) -> Result<()> {
    let hives = machine_hives(spec)?;
    let mounted = Mounted::open(disk, point)?;
    let config = mounted.root().join("Windows/System32/config");
    let files = [
        ("SAM", &hives.sam),
        ("SECURITY", &hives.security),
        ("SOFTWARE", &hives.software),
        ("SYSTEM", &hives.system),
    ];
    for (name, bytes) in files {
        fs::write(config.join(name), bytes).with_context(|| format!("writing the hive {name}"))?;
    }
    mounted.close()
}

fn copy_sparse(from: &Path, to: &Path) -> Result<()> {
    run(Command::new("cp")
        .args(["--sparse=always", "--reflink=auto"])
        .arg(from)
        .arg(to))
}

fn run(command: &mut Command) -> Result<()> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("starting {:?}", command.get_program()))?;
    if !output.status.success() {
        bail!(
            "{command:?} failed ({}): {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(())
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    fs::write(path, serde_json::to_vec_pretty(value)?)
        .with_context(|| format!("writing {}", path.display()))
}

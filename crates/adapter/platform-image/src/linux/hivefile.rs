//! One hive file on the volume: read with its logs, replaced as a whole, put back as a whole.
//!
//! Order, because the reverse loses data (design of volumes and hives, hive rule 4): write the new
//! file beside, give it the old one's descriptor and attributes, flush, rename over, flush, and
//! only then park the logs that could otherwise be replayed onto the new hive.

use super::{acl, tree};
use gw_hive::{FileTime, Hive};
use gw_platform::{Before, BlobRef, Counts, Cx, MachineError, UndoClass, WinPath};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

/// What is needed besides the mount point.
pub(super) struct Place<'a> {
    pub(super) root: &'a Path,
    /// Where logs are parked, on the same volume.
    pub(super) park: &'a WinPath,
    pub(super) sync: &'a dyn Fn() -> Result<(), MachineError>,
}

/// The platform's part of a before-image: which hive, and where its logs go.
#[derive(Debug, Serialize, Deserialize)]
struct Image {
    /// Last-written time of every key that the change touches (FILETIME), fixed when planned so
    /// that a repeated change gives the same bytes.
    at: u64,
    #[serde(flatten)]
    saved: Saved,
}

/// A hive of which the undo store has the old bytes.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Saved {
    pub(super) file: WinPath,
    /// Names of log files beside the hive and under which they are parked.
    logs: Vec<(String, String)>,
    /// The hive's 8.3 name, which a replaced file would lose.
    short_name: Option<String>,
}

const HIVE: &str = "hive";
const LOGS: [&str; 2] = ["log1", "log2"];

/// Reads a hive with its logs.
pub(super) fn open(root: &Path, path: &WinPath) -> Result<Hive, MachineError> {
    let file = locate(root, path)?;
    let bytes = read(&file, path)?;
    let logs = logs_of(&file);
    parse(path, bytes, logs.first_two())
}

/// A change of a hive: what it covered, and remarks. The second argument is the last-written time
/// of every key that it touches.
pub(super) type Change<'a> =
    dyn Fn(&mut Hive, FileTime) -> Result<(Counts, Vec<String>), MachineError> + 'a;

/// Plans a change of one hive: saves the hive and its logs, tries the change, and describes it.
pub(super) fn prepare(
    place: &Place<'_>,
    path: &WinPath,
    at: FileTime,
    cx: &mut Cx<'_>,
    change: &Change<'_>,
) -> Result<Before, MachineError> {
    let file = locate(place.root, path)?;
    let bytes = read(&file, path)?;
    let logs = logs_of(&file);
    let mut hive = parse(path, bytes, logs.first_two())?;
    let (mut counts, notes) = change(&mut hive, at)?;
    let (saved, blobs) = save_as(place, path, "", cx)?;
    counts.undo_bytes = blobs.iter().map(|blob| blob.bytes).sum();
    let image = Image { at: at.0, saved };
    let data = serde_json::to_value(image).map_err(|error| MachineError::Unexpected {
        object: path.to_string(),
        why: error.to_string(),
    })?;
    Ok(Before {
        v: 1,
        undo: UndoClass::Exact,
        counts,
        notes,
        blobs,
        data,
    })
}

/// Makes the planned change. The new bytes follow from the saved ones alone, so repeating it after
/// a crash at any point gives the same file.
pub(super) fn execute(
    place: &Place<'_>,
    before: &Before,
    cx: &Cx<'_>,
    change: &Change<'_>,
) -> Result<(), MachineError> {
    let image = image(before)?;
    let at = FileTime(image.at);
    execute_as(place, &image.saved, "", before, cx, &|hive, _| {
        change(hive, at).map(|_| ())
    })
}

/// Saves a hive with its logs in blobs whose names begin with `prefix`.
pub(super) fn save_as(
    place: &Place<'_>,
    path: &WinPath,
    prefix: &str,
    cx: &mut Cx<'_>,
) -> Result<(Saved, Vec<BlobRef>), MachineError> {
    let file = locate(place.root, path)?;
    let bytes = read(&file, path)?;
    let logs = logs_of(&file);
    let mut blobs = vec![save(cx, &format!("{prefix}{HIVE}"), &bytes)?];
    for (name, log) in LOGS.iter().zip(logs.first_two()) {
        if let Some(log) = log {
            blobs.push(save(cx, &format!("{prefix}{name}"), log)?);
        }
    }
    let saved = Saved {
        file: path.clone(),
        logs: park_names(place, path, &logs.names),
        short_name: short_name(&file),
    };
    Ok((saved, blobs))
}

/// As [`execute`], for one of several hives of a change.
pub(super) fn execute_as(
    place: &Place<'_>,
    image: &Saved,
    prefix: &str,
    before: &Before,
    cx: &Cx<'_>,
    change: &dyn Fn(&mut Hive, &Saved) -> Result<(), MachineError>,
) -> Result<(), MachineError> {
    let old = super::files::read_blob(before, &format!("{prefix}{HIVE}"), cx)?;
    let logs: Vec<Option<Vec<u8>>> = LOGS
        .iter()
        .map(|name| {
            let name = format!("{prefix}{name}");
            let saved = before.blobs.iter().any(|blob| blob.name == name);
            saved
                .then(|| super::files::read_blob(before, &name, cx))
                .transpose()
        })
        .collect::<Result<_, _>>()?;
    let mut hive = parse(
        &image.file,
        old.clone(),
        [logs[0].as_deref(), logs[1].as_deref()],
    )?;
    change(&mut hive, image)?;
    let new = hive.into_bytes();
    let file = locate(place.root, &image.file)?;
    let current = read(&file, &image.file)?;
    if current != new {
        if digest(&current) != digest(&old) {
            return Err(MachineError::Unexpected {
                object: image.file.to_string(),
                why: "it changed since it was looked at; sign users out and run again".into(),
            });
        }
        if new == old {
            return Ok(());
        }
        swap_in(place, &image.file, &file, &new)?;
    }
    restore_short_name(&image.file, image.short_name.as_deref(), &file);
    park(place, &vec![(image.file.clone(), image.logs.clone())])
}

/// Puts the saved hive and its logs back.
pub(super) fn revert(place: &Place<'_>, before: &Before, cx: &Cx<'_>) -> Result<(), MachineError> {
    revert_as(place, &image(before)?.saved, "", before, cx)
}

/// As [`revert`], for one of several hives of a change.
pub(super) fn revert_as(
    place: &Place<'_>,
    image: &Saved,
    prefix: &str,
    before: &Before,
    cx: &Cx<'_>,
) -> Result<(), MachineError> {
    let old = super::files::read_blob(before, &format!("{prefix}{HIVE}"), cx)?;
    let file = locate(place.root, &image.file)?;
    // Logs first: an old hive without its logs could not be read, a new one with them could be
    // spoiled only by a Windows that starts in this very moment.
    unpark(place, &vec![(image.file.clone(), image.logs.clone())])?;
    if read(&file, &image.file)? != old {
        swap_in(place, &image.file, &file, &old)?;
    }
    forget_new(&image.file, &file)?;
    restore_short_name(&image.file, image.short_name.as_deref(), &file);
    (place.sync)()
}

/// Replaces a hive by one that an edit made, without a before-image: for changes whose way back is
/// a new change, not the old bytes (leaving and joining).
pub(super) fn rewrite(
    place: &Place<'_>,
    path: &WinPath,
    at: FileTime,
    change: &dyn Fn(&mut Hive, FileTime) -> Result<(), MachineError>,
) -> Result<(), MachineError> {
    let file = locate(place.root, path)?;
    let old = read(&file, path)?;
    let logs = logs_of(&file);
    let mut hive = parse(path, old.clone(), logs.first_two())?;
    change(&mut hive, at)?;
    let new = hive.into_bytes();
    if new != old {
        let short_name = short_name(&file);
        swap_in(place, path, &file, &new)?;
        restore_short_name(path, short_name.as_deref(), &file);
    }
    Ok(())
}

/// Where the logs of some hives go, decided when a change is planned: hive, then log and the name
/// under which it is parked.
pub(super) type Parking = Vec<(WinPath, Vec<(String, String)>)>;

/// Plans where the logs of these hives go.
pub(super) fn plan_parking(place: &Place<'_>, hives: &[WinPath]) -> Result<Parking, MachineError> {
    hives
        .iter()
        .map(|hive| {
            let logs = logs_of(&locate(place.root, hive)?);
            Ok((hive.clone(), park_names(place, hive, &logs.names)))
        })
        .collect()
}

/// Parks logs as planned; what is parked already stays so.
pub(super) fn park(place: &Place<'_>, parking: &Parking) -> Result<(), MachineError> {
    parking.iter().try_for_each(|(hive, logs)| {
        move_logs(place, hive, logs, |beside, parked| (beside, parked))
    })
}

/// Puts parked logs back beside their hives.
pub(super) fn unpark(place: &Place<'_>, parking: &Parking) -> Result<(), MachineError> {
    parking.iter().try_for_each(|(hive, logs)| {
        move_logs(place, hive, logs, |beside, parked| (parked, beside))
    })
}

fn image(before: &Before) -> Result<Image, MachineError> {
    serde_json::from_value(before.data.clone()).map_err(|error| MachineError::Damaged {
        object: "the before-image of a hive".into(),
        why: error.to_string(),
    })
}

fn locate(root: &Path, path: &WinPath) -> Result<PathBuf, MachineError> {
    tree::find(root, path).ok_or_else(|| MachineError::Missing {
        object: path.to_string(),
    })
}

fn read(file: &Path, path: &WinPath) -> Result<Vec<u8>, MachineError> {
    fs::read(file).map_err(|error| MachineError::io(path.as_str(), &error))
}

fn parse(path: &WinPath, bytes: Vec<u8>, logs: [Option<&[u8]>; 2]) -> Result<Hive, MachineError> {
    Hive::open(bytes, logs[0], logs[1]).map_err(|error| refused(path, &error))
}

/// A hive error about `path`, in the seam's words.
pub(super) fn refused(path: &WinPath, error: &gw_hive::HiveError) -> MachineError {
    MachineError::Damaged {
        object: path.to_string(),
        why: error.to_string(),
    }
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

pub(super) fn save(cx: &mut Cx<'_>, name: &str, bytes: &[u8]) -> Result<BlobRef, MachineError> {
    let mut blob = cx.store.create(name)?;
    blob.write_all(bytes)
        .map_err(|error| MachineError::io("the undo store", &error))?;
    blob.seal()
}

struct Logs {
    /// Every file beside the hive that belongs to its logging, sorted.
    names: Vec<String>,
    contents: Vec<(String, Vec<u8>)>,
}

impl Logs {
    /// `.LOG1` (or the only `.LOG`) and `.LOG2`.
    fn first_two(&self) -> [Option<&[u8]>; 2] {
        let ending = |end: &str| {
            self.contents
                .iter()
                .find(|(name, _)| name.to_uppercase().ends_with(end))
                .map(|(_, c)| c.as_slice())
        };
        [ending(".LOG1").or_else(|| ending(".LOG")), ending(".LOG2")]
    }
}

fn logs_of(file: &Path) -> Logs {
    let mut found = Logs {
        names: Vec::new(),
        contents: Vec::new(),
    };
    let hive = file
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default()
        .to_uppercase();
    let Some(Ok(entries)) = file.parent().map(fs::read_dir) else {
        return found;
    };
    for entry in entries.flatten() {
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let folded = name.to_uppercase();
        let Some(rest) = folded.strip_prefix(&hive) else {
            continue;
        };
        let is_log = [".LOG", ".LOG1", ".LOG2"].contains(&rest);
        if is_log
            || (rest.starts_with('{') && (rest.ends_with(".BLF") || rest.ends_with(".REGTRANS-MS")))
        {
            if is_log && let Ok(content) = fs::read(entry.path()) {
                found.contents.push((name.clone(), content));
            }
            found.names.push(name);
        }
    }
    found.names.sort_unstable();
    found.contents.sort_unstable();
    found
}

fn park_names(place: &Place<'_>, path: &WinPath, logs: &[String]) -> Vec<(String, String)> {
    let park = tree::place(place.root, place.park);
    let key: String = digest(path.folded().as_bytes())[..4]
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    logs.iter()
        .map(|log| {
            let free = (0u32..)
                .map(|n| format!("{key}-{n}-{log}"))
                .find(|name| park.join(name).symlink_metadata().is_err());
            (log.clone(), free.unwrap_or_else(|| format!("{key}-{log}")))
        })
        .collect()
}

pub(super) fn swap_in(
    place: &Place<'_>,
    hive: &WinPath,
    file: &Path,
    bytes: &[u8],
) -> Result<(), MachineError> {
    let io = |error: std::io::Error| MachineError::io(hive.as_str(), &error);
    let beside = beside(file);
    let mut new = fs::File::create(&beside).map_err(io)?;
    new.write_all(bytes).map_err(io)?;
    new.sync_all().map_err(io)?;
    drop(new);
    acl::copy(file, &beside).map_err(io)?;
    (place.sync)()?;
    fs::rename(&beside, file).map_err(io)?;
    (place.sync)()
}

/// Where the new bytes of a hive lie until they take its place.
fn beside(file: &Path) -> PathBuf {
    let name = file
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or("hive");
    file.with_file_name(format!("{name}.godwit-new"))
}

/// Removes new bytes that a process which was cut short left beside a hive: whoever goes back wants
/// the old ones.
fn forget_new(hive: &WinPath, file: &Path) -> Result<(), MachineError> {
    match fs::remove_file(beside(file)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(MachineError::io(format!("{hive}.godwit-new"), &error))
        }
        _ => Ok(()),
    }
}

const SHORT_NAME: &str = "system.ntfs_dos_name";

fn short_name(file: &Path) -> Option<String> {
    xattr::get(file, SHORT_NAME)
        .ok()
        .flatten()
        .and_then(|name| String::from_utf8(name).ok())
        .filter(|n| !n.is_empty())
}

/// Best effort: a file without its 8.3 name still works, and ntfs-3g may refuse to set one.
fn restore_short_name(hive: &WinPath, name: Option<&str>, file: &Path) {
    if let Some(name) = name
        && short_name(file).as_deref() != Some(name)
        && let Err(error) = xattr::set(file, SHORT_NAME, name.as_bytes())
    {
        tracing::debug!(%hive, %error, "The short name could not be set");
    }
}

fn move_logs(
    place: &Place<'_>,
    hive: &WinPath,
    logs: &[(String, String)],
    direction: impl Fn(PathBuf, PathBuf) -> (PathBuf, PathBuf),
) -> Result<(), MachineError> {
    if logs.is_empty() {
        return Ok(());
    }
    let park = tree::place(place.root, place.park);
    fs::create_dir_all(&park).map_err(|error| MachineError::io(place.park.as_str(), &error))?;
    let hive = locate(place.root, hive)?;
    for (log, name) in logs {
        let (from, to) = direction(hive.with_file_name(log), park.join(name));
        if from.symlink_metadata().is_ok() {
            fs::rename(&from, &to).map_err(|error| MachineError::io(log.as_str(), &error))?;
        }
    }
    (place.sync)()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_bytes_that_a_cut_left_beside_a_hive_go_and_nothing_else_does() {
        let dir = tempfile::tempdir().unwrap();
        let hive: WinPath = "C:\\NTUSER.DAT".parse().unwrap();
        let file = dir.path().join("NTUSER.DAT");
        fs::write(&file, b"old").unwrap();
        fs::write(dir.path().join("NTUSER.DAT.LOG1"), b"log").unwrap();
        fs::write(beside(&file), b"half of the ne").unwrap();
        for _ in 0..2 {
            forget_new(&hive, &file).unwrap();
            let entries = fs::read_dir(dir.path()).unwrap().flatten();
            let mut left: Vec<_> = entries.map(|entry| entry.file_name()).collect();
            left.sort();
            assert_eq!(left, ["NTUSER.DAT", "NTUSER.DAT.LOG1"]);
        }
    }
}

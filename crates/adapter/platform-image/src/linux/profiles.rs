//! Profile registration: `ProfileList` and `ProfileGuid` in SOFTWARE.

use super::{registry, registry::Named, sids, tree};
use chrono::{DateTime, Utc};
use gw_hive::{FileTime, Hive, HiveError, RegValue, kind};
use gw_platform::{MachineError, Profile, ProfileHealth, SidText, WinPath};
use gw_secdesc::Sid;
use std::{collections::BTreeMap, path::Path};

const LIST: &str = "Microsoft\\Windows NT\\CurrentVersion\\ProfileList";
const GUIDS: &str = "Microsoft\\Windows NT\\CurrentVersion\\ProfileGuid";
/// `State`: a temporary profile.
const TEMPORARY: u32 = 0x800;
/// `State`: a mandatory profile.
const MANDATORY: u32 = 0x1;

/// Registered profiles of people, sorted by SID.
pub(super) fn read(
    root: &Path,
    folders: &BTreeMap<String, WinPath>,
) -> Result<Vec<Profile>, MachineError> {
    let software = Named::open(root, registry::config("SOFTWARE")?)?;
    let mut found = Vec::new();
    for key in software.subkeys(LIST)? {
        let (text, bak) = match key.strip_suffix(".bak") {
            Some(rest) => (rest, true),
            None => (key.as_str(), false),
        };
        let Ok(sid) = text.parse::<SidText>() else {
            continue;
        };
        if !text.starts_with("S-1-5-21-") && !text.starts_with("S-1-12-1-") {
            continue;
        }
        let here = format!("{LIST}\\{key}");
        let Some(path) = software
            .text(&here, "ProfileImagePath")?
            .and_then(|path| expand(&path, folders))
        else {
            continue;
        };
        let state = software.number(&here, "State")?.unwrap_or_default();
        let health = if bak {
            ProfileHealth::Bak
        } else if state & (TEMPORARY | MANDATORY) != 0 {
            ProfileHealth::Temporary
        } else if tree::find(root, &path).is_none() {
            ProfileHealth::FolderMissing
        } else {
            ProfileHealth::Good
        };
        found.push(Profile {
            sid,
            loaded: false,
            last_use: last_use(&software, &here)?,
            path,
            state,
            health,
        });
    }
    found.sort_by(|a, b| (&a.sid, &a.path).cmp(&(&b.sid, &b.path)));
    Ok(found)
}

fn last_use(software: &Named, key: &str) -> Result<Option<DateTime<Utc>>, MachineError> {
    let mut latest = 0u64;
    for event in ["Load", "Unload"] {
        let high = software
            .number(key, &format!("LocalProfile{event}TimeHigh"))?
            .unwrap_or_default();
        let low = software
            .number(key, &format!("LocalProfile{event}TimeLow"))?
            .unwrap_or_default();
        latest = latest.max(u64::from(high) << 32 | u64::from(low));
    }
    // FILETIME: 100 ns since 1601; zero means never.
    let seconds = i64::try_from(latest / 10_000_000).unwrap_or_default() - 11_644_473_600;
    Ok((latest > 0)
        .then(|| DateTime::from_timestamp(seconds, 0))
        .flatten())
}

/// `%SystemDrive%\Users\x` as a path.
fn expand(text: &str, folders: &BTreeMap<String, WinPath>) -> Option<WinPath> {
    let mut out = text.to_owned();
    for (name, folder) in folders {
        let wanted = format!("%{name}%").to_lowercase();
        if let Some(at) = out.to_lowercase().find(&wanted) {
            out.replace_range(
                at..at + wanted.len(),
                folder.as_str().trim_end_matches('\\'),
            );
        }
    }
    out.parse().ok()
}

/// Hands the registration of a profile to the target: the key takes its SID as name and value, a
/// registration that the target has already is parked beside it.
pub(super) fn rekey(
    hive: &mut Hive,
    at: FileTime,
    source: &SidText,
    target: &SidText,
    path: &WinPath,
) -> Result<(), MachineError> {
    let target_sid: Sid = sids::sid(target)?;
    let result = (|| -> Result<bool, HiveError> {
        let from = format!("{LIST}\\{source}");
        let to = format!("{LIST}\\{target}");
        let Some(key) = hive.key(&from)? else {
            return Ok(false);
        };
        let guid = match key.value("Guid")? {
            Some(value) => value.to_owned()?.as_string(),
            None => None,
        };
        let taken = hive.key(&to)?.is_some();
        let mut edit = hive.edit(at)?;
        if taken {
            edit.rename_key(&to, &format!("{target}.godwit-parked"))?;
        }
        edit.rename_key(&from, target.as_str())?;
        edit.set_value(
            &to,
            "Sid",
            &RegValue::new(kind::BINARY, target_sid.as_bytes().to_vec()),
        )?;
        // The source's objectGUID names an object that the target directory does not know.
        if let Some(guid) = guid {
            edit.delete_value(&to, "Guid")?;
            edit.delete_key(&format!("{GUIDS}\\{guid}"))?;
        }
        // A clean migrated profile has no state bits; Windows sets what it needs at sign-in.
        edit.set_value(&to, "State", &RegValue::dword(0))?;
        Ok(true)
    })();
    match result {
        Ok(true) => Ok(()),
        Ok(false) => Err(MachineError::Missing {
            object: format!("the registration of {path} for {source}"),
        }),
        Err(error) => Err(super::hivefile::refused(
            &registry::config("SOFTWARE")?,
            &error,
        )),
    }
}

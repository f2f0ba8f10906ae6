//! What the device is: hardware from `device.json`, Windows from its hives.

use super::{membership, registry, registry::Named, tree};
use gw_platform::{Facts, MachineError, OsFacts, Pending, Power, VolumeFacts, WinPath};
use serde::Deserialize;
use std::{collections::BTreeMap, fs, path::Path};

/// `device.json`: what is not on the disk. Unknown fields are somebody else's.
#[derive(Debug, Deserialize)]
pub(super) struct Hardware {
    serial: Option<String>,
    smbios_uuid: Option<String>,
    disk_serial: Option<String>,
    boot_id: String,
    #[serde(default = "yes")]
    on_ac_power: bool,
    battery_percent: Option<u8>,
}

fn yes() -> bool {
    true
}

impl Hardware {
    pub(super) fn read(dir: &Path) -> Result<Self, MachineError> {
        let file = dir.join("device.json");
        let shown = file.display().to_string();
        let text = fs::read_to_string(&file).map_err(|error| MachineError::io(&shown, &error))?;
        serde_json::from_str(&text).map_err(|error| MachineError::Damaged {
            object: shown,
            why: error.to_string(),
        })
    }
}

const VERSION: &str = "Microsoft\\Windows NT\\CurrentVersion";
const FOLDERS: &str = "Microsoft\\Windows\\CurrentVersion";
const PROFILES: &str = "Microsoft\\Windows NT\\CurrentVersion\\ProfileList";

/// Folders behind the variables that an ignored area may name.
pub(super) fn folders(root: &Path) -> Result<BTreeMap<String, WinPath>, MachineError> {
    let software = Named::open(root, registry::config("SOFTWARE")?)?;
    let drive = tree::parse(tree::DRIVE)?;
    let mut found = BTreeMap::from([("SystemDrive".to_owned(), drive)]);
    let mut add = |name: &str, told: Option<String>, usual: &str| -> Result<(), MachineError> {
        let path = told
            .map(|text| text.replace("%SystemDrive%", "C:"))
            .and_then(|text| text.parse().ok());
        found.insert(
            name.to_owned(),
            path.map_or_else(|| tree::parse(usual), Ok)?,
        );
        Ok(())
    };
    add(
        "SystemRoot",
        software.text(VERSION, "SystemRoot")?,
        "C:\\Windows",
    )?;
    add(
        "ProgramFiles",
        software.text(FOLDERS, "ProgramFilesDir")?,
        "C:\\Program Files",
    )?;
    add(
        "ProgramFiles(x86)",
        software.text(FOLDERS, "ProgramFilesDir (x86)")?,
        "C:\\Program Files (x86)",
    )?;
    add(
        "ProgramData",
        software.text(PROFILES, "ProgramData")?,
        "C:\\ProgramData",
    )?;
    add(
        "Public",
        software.text(PROFILES, "Public")?,
        "C:\\Users\\Public",
    )?;
    Ok(found)
}

pub(super) fn read(root: &Path, hardware: &Hardware) -> Result<Facts, MachineError> {
    let software = Named::open(root, registry::config("SOFTWARE")?)?;
    let system = Named::open(root, registry::config("SYSTEM")?)?;
    let set = registry::control_set(&system)?;
    let build = match software.text(VERSION, "CurrentBuildNumber")? {
        Some(build) => Some(build),
        None => software.text(VERSION, "CurrentBuild")?,
    };
    let product_type = system.text(&format!("{set}\\Control\\ProductOptions"), "ProductType")?;
    let kind = software.text(VERSION, "InstallationType")?;
    let volume =
        rustix::fs::statvfs(root).map_err(|error| MachineError::io(tree::DRIVE, &error.into()))?;
    Ok(Facts {
        computer_name: membership::computer_name(&system)?,
        os: OsFacts {
            product: software
                .text(VERSION, "ProductName")?
                .unwrap_or_else(|| "Windows".into()),
            edition: software.text(VERSION, "EditionID")?.unwrap_or_default(),
            build: build
                .and_then(|build| build.parse().ok())
                .unwrap_or_default(),
            is_server: kind.is_some_and(|kind| kind.starts_with("Server"))
                || product_type.is_some_and(|kind| kind != "WinNT"),
        },
        serial: hardware.serial.clone(),
        smbios_uuid: hardware.smbios_uuid.as_deref().map(str::to_lowercase),
        disk_serial: hardware.disk_serial.clone(),
        boot_id: hardware.boot_id.clone(),
        power: Power {
            on_mains: hardware.on_ac_power,
            battery_percent: hardware.battery_percent,
        },
        system_volume: VolumeFacts {
            root: tree::parse(tree::DRIVE)?,
            total_bytes: volume.f_blocks * volume.f_frsize,
            free_bytes: volume.f_bavail * volume.f_frsize,
        },
        folders: folders(root)?,
        locale: locale(&system, &set)?,
        pending: pending(&software, &system, &set)?,
    })
}

/// The installed language as a tag; an unknown one by its number, which is honest.
fn locale(system: &Named, set: &str) -> Result<String, MachineError> {
    let key = format!("{set}\\Control\\Nls\\Language");
    let number = system
        .text(&key, "InstallLanguage")?
        .unwrap_or_else(|| "0409".into());
    Ok(match number.to_ascii_lowercase().as_str() {
        "0407" => "de-DE".into(),
        "0409" => "en-US".into(),
        "040a" | "0c0a" => "es-ES".into(),
        "040c" => "fr-FR".into(),
        "0410" => "it-IT".into(),
        "0411" => "ja-JP".into(),
        "0413" => "nl-NL".into(),
        "0415" => "pl-PL".into(),
        "0416" => "pt-BR".into(),
        "0809" => "en-GB".into(),
        "0419" => "ru-RU".into(),
        other => format!("lcid-{other}"),
    })
}

fn pending(software: &Named, system: &Named, set: &str) -> Result<Vec<Pending>, MachineError> {
    let mut found = Vec::new();
    let key = format!("{set}\\Control\\Session Manager");
    if system
        .value(&key, "PendingFileRenameOperations")?
        .is_some_and(|value| value.bytes.len() > 2)
    {
        found.push(Pending::Reboot {
            because: "files wait to be renamed at the next start".into(),
        });
    }
    let servicing = "Microsoft\\Windows\\CurrentVersion\\Component Based Servicing";
    if software
        .subkeys(servicing)?
        .iter()
        .any(|name| name.eq_ignore_ascii_case("RebootPending"))
    {
        found.push(Pending::Reboot {
            because: "Windows servicing wants a restart".into(),
        });
    }
    let names = format!("{set}\\Control\\ComputerName");
    let active = system.text(&format!("{names}\\ActiveComputerName"), "ComputerName")?;
    let next = system.text(&format!("{names}\\ComputerName"), "ComputerName")?;
    if let (Some(active), Some(next)) = (active, next)
        && !active.eq_ignore_ascii_case(&next)
    {
        found.push(Pending::RenameOrJoin {
            because: format!("{active} becomes {next} at the next start"),
        });
    }
    Ok(found)
}

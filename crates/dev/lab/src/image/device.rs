//! What a device knows about itself that is not on its disk.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::content::Rng;
use super::spec::ImageSpec;

/// `device.json` beside the disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceFacts {
    /// Version of this file.
    pub format: u32,
    /// SMBIOS serial number.
    pub serial: String,
    /// SMBIOS UUID.
    pub smbios_uuid: Uuid,
    /// Serial number of the system disk.
    pub disk_serial: String,
    /// Changes with every start of the device.
    pub boot_id: Uuid,
    /// SMBIOS manufacturer.
    pub manufacturer: String,
    /// SMBIOS product.
    pub model: String,
    /// Mains power.
    pub on_ac_power: bool,
    /// Charge of the battery, absent in a desktop PC.
    pub battery_percent: Option<u8>,
    /// Memory in MiB.
    pub memory_mib: u32,
}

impl DeviceFacts {
    /// Made-up hardware that follows from the seed and the computer name.
    #[must_use]
    pub fn of(spec: &ImageSpec) -> Self {
        let name = spec.computer_name.bytes().fold(spec.seed, |hash, byte| {
            hash.wrapping_mul(31) ^ u64::from(byte)
        });
        let mut rng = Rng::new(name);
        let mut uuid = || {
            let random = (u128::from(rng.next()) << 64 | u128::from(rng.next())).to_be_bytes();
            uuid::Builder::from_random_bytes(random).into_uuid()
        };
        let smbios_uuid = uuid();
        let boot_id = uuid();
        Self {
            format: 1,
            serial: format!("GWL{:010}", rng.next() % 10_000_000_000),
            smbios_uuid,
            disk_serial: format!("GWD-{:012X}", rng.next() >> 16),
            boot_id,
            manufacturer: "Godwit".into(),
            model: "Lab PC".into(),
            on_ac_power: true,
            battery_percent: Some(87),
            memory_mib: 16_384,
        }
    }
}

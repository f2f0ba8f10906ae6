//! What the agent says of its device.

use gw_model::{DeviceFacts, Guid, OsFacts};
use gw_platform::{JoinState, Machine, MachineError};

/// What the agent needs of a device. Everything else is the engine's.
pub trait DeviceView {
    /// Who it is now.
    ///
    /// # Errors
    /// The device cannot be read.
    fn facts(&mut self) -> Result<DeviceFacts, FactsError>;

    /// Restarts it, when a run asks for that.
    ///
    /// # Errors
    /// The device refuses.
    fn restart(&mut self) -> Result<Restart, FactsError>;
}

/// What became of a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    /// A disk image has nothing to restart: the next start of the engine is its next boot.
    Done,
    /// The device goes down; this process ends with it.
    Pending,
}

/// A device cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FactsError {
    /// The platform's words.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// A value is not what Windows keeps there.
    #[error("the device's {what} is not one: {text}")]
    Value {
        /// Which fact.
        what: &'static str,
        /// What was found.
        text: String,
    },
}

/// Opens the machine behind [`FromMachine`].
pub type OpenMachine = Box<dyn FnMut() -> Result<Box<dyn Machine>, MachineError>>;

/// A view of any [`Machine`], opened for each look and closed again, so that the engine's process
/// can have the device to itself.
pub struct FromMachine {
    /// Opens the machine.
    pub open: OpenMachine,
    /// Minutes east of UTC; the operating system's if none.
    pub utc_offset_minutes: Option<i32>,
}

impl DeviceView for FromMachine {
    fn facts(&mut self) -> Result<DeviceFacts, FactsError> {
        let mut machine = (self.open)()?;
        let facts = machine.facts()?;
        let join = machine.join_state()?;
        let (mut domain, mut machine_sid, mut entra_device_id) = (None, None, None);
        match join {
            JoinState::ActiveDirectory(ad) => {
                machine_sid = ad
                    .machine_sid
                    .map(|sid| parsed("machine SID", sid.as_str()))
                    .transpose()?;
                domain = Some(ad.dns_name);
            }
            JoinState::Entra { device_id, .. } => {
                entra_device_id = Some(parsed::<Guid>("Entra device id", &device_id)?);
            }
            JoinState::Workgroup { .. } => {}
        }
        // Makers leave nonsense here; what is no UUID does not identify.
        let smbios_uuid = facts.smbios_uuid.and_then(|text| text.parse().ok());
        let here = || chrono::Local::now().offset().local_minus_utc() / 60;
        Ok(DeviceFacts {
            computer_name: facts.computer_name,
            domain,
            machine_sid,
            entra_device_id,
            serial: facts.serial.unwrap_or_default(),
            smbios_uuid,
            disk_serial: facts.disk_serial,
            boot_id: facts.boot_id,
            utc_offset_minutes: self.utc_offset_minutes.unwrap_or_else(here),
            os: OsFacts {
                edition: facts.os.product,
                build: facts.os.build,
                is_server: facts.os.is_server,
            },
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        })
    }

    fn restart(&mut self) -> Result<Restart, FactsError> {
        Ok(Restart::Done)
    }
}

fn parsed<T: std::str::FromStr>(what: &'static str, text: &str) -> Result<T, FactsError> {
    text.parse().map_err(|_| FactsError::Value {
        what,
        text: text.to_owned(),
    })
}

//! Who this agent is: its key, what the server called it, and the hardware it enrolled on.

use crate::state::{StateError, StateFolder};
use gw_model::{AgentId, CustomerId, DeviceFacts, DeviceId};
use gw_wire::{
    keys::{Algorithm, KeyError, KeyId, SigningKey},
    keyset::{KeySet, SignedKeySet, Trust},
    psk::Psk,
    secret::SecretBytes,
};
use serde::{Deserialize, Serialize};

/// What enrolment gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolled {
    /// The customer.
    pub customer: CustomerId,
    /// The agent's id.
    pub agent: AgentId,
    /// The device's id.
    pub device: DeviceId,
}

/// By what a re-imaged or cloned device is recognised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hardware {
    /// SMBIOS UUID, unless it says nothing.
    pub smbios_uuid: Option<String>,
    /// Serial number of the system disk.
    pub disk_serial: Option<String>,
}

impl Hardware {
    /// Of a device. All-zero and all-F UUIDs are what careless makers leave, and do not count.
    #[must_use]
    pub fn of(facts: &DeviceFacts) -> Self {
        let telling =
            |bytes: &[u8; 16]| bytes.iter().any(|b| *b != 0) && bytes.iter().any(|b| *b != 0xff);
        let text = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
        Self {
            smbios_uuid: facts
                .smbios_uuid
                .filter(|guid| telling(guid.0.as_bytes()))
                .map(|guid| guid.to_string()),
            disk_serial: text(&facts.disk_serial),
        }
    }

    /// Is this another machine? Only what both sides know can differ.
    #[must_use]
    pub fn differs(&self, now: &Self) -> bool {
        let differ = |a: &Option<String>, b: &Option<String>| a.is_some() && b.is_some() && a != b;
        differ(&self.smbios_uuid, &now.smbios_uuid) || differ(&self.disk_serial, &now.disk_serial)
    }
}

/// What is stored.
#[derive(Serialize, Deserialize)]
struct Stored {
    key: SecretBytes,
    enrolled: Option<Enrolled>,
    hardware: Option<Hardware>,
    root: Option<KeyId>,
    key_set: Option<SignedKeySet>,
    psk: Option<SecretBytes>,
}

/// The agent's identity, in memory and in `identity.json`.
pub struct Identity {
    /// The signing key.
    pub key: SigningKey,
    /// Set by enrolment.
    pub enrolled: Option<Enrolled>,
    /// The hardware that enrolled.
    pub hardware: Option<Hardware>,
    /// The root that is believed.
    pub root: Option<KeyId>,
    /// The held key set.
    pub key_set: Option<SignedKeySet>,
    /// Kept until enrolment.
    pub psk: Option<Psk>,
}

/// An identity cannot be read or made.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The state folder.
    #[error(transparent)]
    State(#[from] StateError),
    /// The key.
    #[error("the agent's key cannot be used")]
    Key(#[from] KeyError),
}

impl Identity {
    /// Reads it, or makes a new one.
    ///
    /// # Errors
    /// The state folder or the key.
    pub fn load(state: &StateFolder) -> Result<Self, IdentityError> {
        let Some(stored) = state.read_secret::<Stored>(FILE)? else {
            let fresh = Self::fresh()?;
            fresh.save(state)?;
            return Ok(fresh);
        };
        Ok(Self {
            key: SigningKey::from_pkcs8(stored.key.expose())?,
            enrolled: stored.enrolled,
            hardware: stored.hardware,
            root: stored.root,
            key_set: stored.key_set,
            psk: stored
                .psk
                .and_then(|text| std::str::from_utf8(text.expose()).ok()?.parse().ok()),
        })
    }

    /// A new key that nobody knows.
    ///
    /// # Errors
    /// No randomness.
    pub fn fresh() -> Result<Self, KeyError> {
        Ok(Self {
            key: SigningKey::generate(Algorithm::Ed25519)?,
            enrolled: None,
            hardware: None,
            root: None,
            key_set: None,
            psk: None,
        })
    }

    /// Stores it.
    ///
    /// # Errors
    /// The state folder.
    pub fn save(&self, state: &StateFolder) -> Result<(), StateError> {
        let psk = self.psk.as_ref().map(Psk::to_text);
        state.write_secret(
            FILE,
            &Stored {
                key: SecretBytes::new(self.key.to_pkcs8().to_vec()),
                enrolled: self.enrolled,
                hardware: self.hardware.clone(),
                root: self.root,
                key_set: self.key_set.clone(),
                psk: psk.map(|text| SecretBytes::new(text.as_bytes().to_vec())),
            },
        )
    }

    /// What is believed before a key set is seen.
    #[must_use]
    pub fn trust(&self) -> Option<Trust> {
        let by_psk = self.psk.as_ref().map(|psk| Trust::Pin(psk.pin));
        self.root.map(Trust::Root).or(by_psk)
    }

    /// The held key set, parsed. It was verified before it was stored.
    #[must_use]
    pub fn keys(&self) -> Option<KeySet> {
        let signed = self.key_set.as_ref()?;
        serde_json::from_slice(&signed.payload).ok()
    }
}

/// Clears what makes this device one of a kind, before an image of it is taken: the key and what the
/// server called it are gone; orders, ledger, reports and runs are parked beside, for support.
///
/// # Errors
/// The state folder.
pub fn prepare_image(state: &StateFolder) -> Result<(), StateError> {
    let _lock = state.lock()?;
    state.remove(FILE)?;
    state.remove(crate::agent::STATUS)?;
    park_incarnation(state)
}

/// Moves everything that belongs to one incarnation of the device out of the way. Nothing is deleted.
pub(crate) fn park_incarnation(state: &StateFolder) -> Result<(), StateError> {
    let mut parked = (1..).map(|n| state.path().join(format!("parked-{n}")));
    let Some(parked) = parked.find(|path| !path.exists()) else {
        return Ok(());
    };
    let queue_marks = crate::queue::MARKS;
    for name in [
        "runs",
        crate::orders::FOLDER,
        crate::queue::FOLDER,
        queue_marks,
        crate::orders::LEDGER,
    ] {
        let from = state.path().join(name);
        if !from.exists() {
            continue;
        }
        let moved = std::fs::create_dir_all(&parked)
            .and_then(|()| std::fs::rename(&from, parked.join(name)));
        moved.map_err(|source| StateError::Io {
            what: "park",
            path: from,
            source,
        })?;
    }
    Ok(())
}

const FILE: &str = "identity.json";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_telling_hardware_can_differ() {
        let hardware = |uuid: Option<&str>, disk: Option<&str>| Hardware {
            smbios_uuid: uuid.map(str::to_owned),
            disk_serial: disk.map(str::to_owned),
        };
        let enrolled = hardware(Some("a"), Some("1"));
        assert!(!enrolled.differs(&enrolled));
        assert!(!enrolled.differs(&hardware(None, None)));
        assert!(enrolled.differs(&hardware(Some("b"), Some("1"))));
        assert!(enrolled.differs(&hardware(None, Some("2"))));
    }
}

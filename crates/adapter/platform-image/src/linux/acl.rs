//! Descriptors and other Windows attributes of files, through ntfs-3g's extended attributes.

use gw_platform::MachineError;
use std::{io, path::Path};

/// The self-relative security descriptor.
pub(super) const DESCRIPTOR: &str = "system.ntfs_acl";
/// What a new file must get to be the old one in the eyes of Windows.
pub(super) const COPIED: [&str; 3] = [DESCRIPTOR, "system.ntfs_attrib_be", "system.ntfs_crtime_be"];

/// Reads the descriptor of an object itself, not of what a link stands for.
pub(super) fn read(file: &Path, object: &str) -> Result<Vec<u8>, MachineError> {
    match xattr::get(file, DESCRIPTOR) {
        Ok(Some(descriptor)) => Ok(descriptor),
        Ok(None) => Err(MachineError::Missing {
            object: format!("the descriptor of {object}"),
        }),
        Err(error) => Err(MachineError::io(object, &error)),
    }
}

/// Sets the descriptor of an object itself.
pub(super) fn write(file: &Path, object: &str, descriptor: &[u8]) -> Result<(), MachineError> {
    xattr::set(file, DESCRIPTOR, descriptor).map_err(|error| MachineError::io(object, &error))
}

/// Gives `to` the descriptor, attributes and creation time of `from`.
pub(super) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    for name in COPIED {
        if let Some(value) = xattr::get(from, name)? {
            xattr::set(to, name, &value)?;
        }
    }
    Ok(())
}

//! Descriptors and other Windows attributes of files, through ntfs-3g's extended attributes.

use gw_platform::MachineError;
use std::{io, path::Path};

/// The self-relative security descriptor.
pub(super) const DESCRIPTOR: &str = "system.ntfs_acl";
/// What a new file must get to be the old one in the eyes of Windows.
pub(super) const COPIED: [&str; 3] = [DESCRIPTOR, ATTRIBUTES, "system.ntfs_crtime_be"];
/// Read-only, hidden, system and so on: 32 bits, the highest byte first.
const ATTRIBUTES: &str = "system.ntfs_attrib_be";

/// The longest descriptor that Windows stores: 64 KiB of each ACL and the rest. ntfs-3g answers a
/// buffer that is too small with an input/output error, so this is no place to be thrifty.
const LONGEST: usize = 192 << 10;

/// Reads the descriptor of an object through the mount, to compare with: of the object itself, not
/// of what a link stands for. `room` is reused from call to call.
#[cfg(test)]
pub(super) fn read(file: &Path, object: &str, room: &mut Vec<u8>) -> Result<Vec<u8>, MachineError> {
    room.resize(LONGEST, 0);
    match rustix::fs::lgetxattr(file, DESCRIPTOR, room.as_mut_slice()) {
        Ok(length) => Ok(room[..length].to_vec()),
        Err(rustix::io::Errno::NODATA) => Err(MachineError::Missing {
            object: format!("the descriptor of {object}"),
        }),
        Err(error) => Err(MachineError::io(object, &error.into())),
    }
}

/// Sets the descriptor of an object itself.
pub(super) fn write(file: &Path, object: &str, descriptor: &[u8]) -> Result<(), MachineError> {
    xattr::set(file, DESCRIPTOR, descriptor).map_err(|error| MachineError::io(object, &error))
}

/// Gives `to` the descriptor, attributes and creation time of `from`.
pub(super) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut room = vec![0; LONGEST];
    for name in COPIED {
        let value = match rustix::fs::lgetxattr(from, name, room.as_mut_slice()) {
            Ok(length) => Some(&room[..length]),
            Err(rustix::io::Errno::NODATA) => None,
            Err(error) => return Err(error.into()),
        };
        if let Some(value) = value {
            xattr::set(to, name, value)?;
        }
    }
    Ok(())
}

/// The DOS attributes of an object itself, as ntfs-3g has them; `None` on a volume without any.
pub(super) fn attributes(file: &Path, object: &str) -> Result<Option<Vec<u8>>, MachineError> {
    xattr::get(file, ATTRIBUTES).map_err(|error| MachineError::io(object, &error))
}

/// Sets the DOS attributes of an object itself, if they are others.
pub(super) fn set_attributes(file: &Path, object: &str, wanted: &[u8]) -> Result<(), MachineError> {
    if attributes(file, object)?.as_deref() == Some(wanted) {
        return Ok(());
    }
    xattr::set(file, ATTRIBUTES, wanted).map_err(|error| MachineError::io(object, &error))
}

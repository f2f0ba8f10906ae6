//! A device that is a disk image: a raw NTFS volume with real hives, worked on under Linux.
//!
//! It is the lab's device, and a way to migrate or repair a template or a rescued machine offline.
//! What must stay true:
//! - names and new descriptors go through ntfs-3g, hives through `gw-hive`; nothing here knows
//!   the volume's structures, a translation of a whole volume carries out what `gw-ntfs` plans;
//! - every before-image is in the undo store before the first byte of the volume changes;
//! - a process that dies leaves at worst a stale mount, which the next one clears away.

#[cfg(target_os = "linux")]
mod linux;

#[cfg(target_os = "linux")]
pub use linux::{Change, How, ImageMachine, LeftAlone, VolumeError, VolumeRemap, VolumeReport};

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use gw_platform::MachineError;
    use std::path::Path;

    /// Disk images are handled on Linux only; elsewhere opening one says so.
    pub enum ImageMachine {}

    impl ImageMachine {
        /// Says that disk images are handled on Linux.
        ///
        /// # Errors
        /// Always.
        pub fn open(_dir: &Path) -> Result<Self, MachineError> {
            Err(MachineError::Unsupported {
                what: "open a disk image: that is done on Linux".into(),
            })
        }
    }
}

#[cfg(not(target_os = "linux"))]
pub use elsewhere::ImageMachine;

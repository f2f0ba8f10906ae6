//! A device that is a disk image.

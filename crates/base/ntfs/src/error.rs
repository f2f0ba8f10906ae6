//! Why a volume cannot be read.

use crate::block::ReadError;

/// What stopped the reading of a volume. Numbers of records are indexes into `$MFT`.
#[derive(Debug, thiserror::Error)]
pub enum NtfsError {
    /// The device failed.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Sealed by BitLocker: nothing of it can be read.
    #[error("the volume is encrypted with BitLocker; unlock or decrypt it first")]
    BitLocker,
    /// Something else than NTFS.
    #[error("the boot sector is not one of NTFS: {0}")]
    NotNtfs(&'static str),
    /// The boot sector describes a shape that cannot be.
    #[error("the boot sector says {what} = {value}, which cannot be")]
    Geometry {
        /// Field.
        what: &'static str,
        /// Its value.
        value: u64,
    },
    /// Written by an NTFS that had no shared descriptors.
    #[error("NTFS version {major}.{minor} is older than 3.0")]
    Version {
        /// Major version.
        major: u8,
        /// Minor version.
        minor: u8,
    },
    /// A multi-sector write was torn: the signature is BAAD or the fix-ups do not match.
    #[error(
        "file record {record} was only partly written ({what}); run chkdsk on the volume first"
    )]
    TornRecord {
        /// Record.
        record: u64,
        /// What gave it away.
        what: &'static str,
    },
    /// An index block was torn or is none.
    #[error("block {vcn} of index {index} in record {record} is damaged: {what}")]
    IndexBlock {
        /// Record.
        record: u64,
        /// Name of the index.
        index: &'static str,
        /// Virtual cluster number.
        vcn: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// A record does not parse.
    #[error("file record {record} is damaged: {what}")]
    Record {
        /// Record.
        record: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// A record or attribute that every volume has is missing.
    #[error("file record {record} has no {what}")]
    Missing {
        /// Record.
        record: u64,
        /// What is missing.
        what: &'static str,
    },
    /// Attribute data stored in a way the volume's own metadata never is.
    #[error("{what} of file record {record} is compressed or encrypted, metadata never is")]
    Encoded {
        /// Record.
        record: u64,
        /// Attribute.
        what: &'static str,
    },
    /// An entry of `$SDS` does not hold together.
    #[error("the descriptor store is damaged at byte {offset} of $SDS: {what}")]
    Sds {
        /// Offset in `$SDS`.
        offset: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// A file names a descriptor the store does not hold.
    #[error("file record {record} uses descriptor id {id}, which $Secure does not hold")]
    UnknownDescriptor {
        /// Record.
        record: u64,
        /// Security id.
        id: u32,
    },
}

//! Why a volume was not translated.

use gw_ntfs::{GlobError, NtfsError, ReadError, Refusal};
use std::{io, path::PathBuf};

/// What stopped the work on an offline volume.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VolumeError {
    /// The image or device cannot be opened.
    #[error("cannot open {}", path.display())]
    Open {
        /// Which one.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Somebody else has it.
    #[error("the volume is in use: {0}; unmount it first")]
    InUse(String),
    /// It is no NTFS volume that can be read, or its metadata is damaged.
    #[error(transparent)]
    Volume(NtfsError),
    /// It can be read but must not be changed.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Refused(Vec<Refusal>),
    /// An excluded area cannot be understood.
    #[error(transparent)]
    Exclude(#[from] GlobError),
    /// A redo file of another job lies where ours would.
    #[error(
        "{} belongs to an unfinished job with {other}; finish that one first, by the arguments \
         it was begun with",
        path.display()
    )]
    OtherJob {
        /// Where it lies.
        path: PathBuf,
        /// What is different.
        other: &'static str,
    },
    /// Something else has used the volume between two parts of the work.
    #[error(
        "the volume has been used by something else since the work on it began (byte {offset}); \
         nothing more was written; let Windows check it (chkdsk /f), remove the redo file and \
         start again"
    )]
    UsedMeanwhile {
        /// First place that gave it away, in bytes from the start of the volume.
        offset: u64,
    },
    /// The redo file cannot be read or written.
    #[error("the redo file {} cannot be used", path.display())]
    Redo {
        /// Which one.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The volume could not be mounted for the descriptors that are new on it.
    #[error("the volume cannot be mounted to store new descriptors: {0}")]
    Mount(String),
    /// It must not be changed any more once ntfs-3g has stored new descriptors.
    #[error(
        "after ntfs-3g had stored new descriptors: {}",
        .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    )]
    AfterMount(Vec<Refusal>),
    /// A block device, and no place for the redo file that would outlast a power cut.
    #[error("the volume is a block device: name a file for the redo file with --journal")]
    NoJournal,
    /// ntfs-3g has stored something else than it was given.
    #[error("ntfs-3g did not store the new descriptor of record {record}; run again to finish")]
    NotStored {
        /// The file record it was given for.
        record: u64,
    },
    /// Reading the volume failed.
    #[error(transparent)]
    Read(ReadError),
    /// Writing failed, of the volume or of what is needed for it.
    #[error("writing failed; run again to finish")]
    Write(#[source] io::Error),
}

impl VolumeError {
    /// Whether the input was refused and nothing was written.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Volume(error) => !matches!(error, NtfsError::Read(_)),
            Self::InUse(_)
            | Self::NoJournal
            | Self::Refused(_)
            | Self::Exclude(_)
            | Self::OtherJob { .. }
            | Self::UsedMeanwhile { .. } => true,
            _ => false,
        }
    }

    pub(super) fn read(error: ReadError) -> Self {
        Self::Read(error)
    }

    pub(super) fn write(error: io::Error) -> Self {
        Self::Write(error)
    }
}

impl From<NtfsError> for VolumeError {
    fn from(error: NtfsError) -> Self {
        match error {
            NtfsError::Read(error) => Self::Read(error),
            other => Self::Volume(other),
        }
    }
}

impl From<io::Error> for VolumeError {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

//! Windows time stamps.

/// A Windows time stamp: 100-nanosecond steps since 1601-01-01 00:00 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct FileTime(pub u64);

impl FileTime {
    /// From seconds since 1970-01-01 00:00 UTC.
    #[must_use]
    pub fn from_unix_seconds(seconds: u64) -> Self {
        Self((seconds.saturating_add(11_644_473_600)).saturating_mul(10_000_000))
    }
}

//! Why a hive was refused or an edit could not be made.

/// Why a hive cannot be read, recovered or edited.
///
/// Offsets are in bytes from the start of the hive bins data (file offset
/// minus 4,096), as all references inside a hive are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HiveError {
    /// Not even a base block and one hive bin fit.
    #[error("the file has {have} bytes, a hive has at least 8192: it is empty or cut off")]
    TooShort {
        /// Bytes there are.
        have: usize,
    },
    /// The signature is not `regf`.
    #[error("the file does not begin with \"regf\": it is not a registry hive")]
    NotAHive,
    /// The file is a transaction log, not a primary file.
    #[error(
        "the file has type {0}: it is a transaction log, give the hive itself and its logs beside it"
    )]
    NotAPrimaryFile(u32),
    /// A version whose layout is not known even roughly.
    #[error("hive version {major}.{minor} has another layout and cannot be read")]
    Version {
        /// Major version in the base block.
        major: u32,
        /// Minor version in the base block.
        minor: u32,
    },
    /// A minor version that can be listed but not changed.
    #[error(
        "hive version 1.{0} is not known: its security identifiers can be listed, nothing can be changed"
    )]
    ReadOnlyVersion(u32),
    /// A field of the base block contradicts itself or the file.
    #[error("the base block is damaged: {0}")]
    BaseBlock(&'static str),
    /// The file ends before the bins the base block promises.
    #[error("the hive is cut off: its bins need {need} bytes, the file has {have}")]
    Truncated {
        /// Bytes of base block and bins.
        need: u64,
        /// Bytes in the file.
        have: usize,
    },
    /// Sequence numbers differ or the checksum is wrong, and no log mends it.
    #[error(
        "the hive is dirty ({why}) and cannot be recovered: {log}; give LOG1 and LOG2 of the same moment, or let Windows load and unload it once"
    )]
    Dirty {
        /// What says that it is dirty.
        why: &'static str,
        /// What is wrong with the logs.
        log: LogProblem,
    },
    /// A kernel transaction holds the hive.
    #[error(
        "a kernel transaction is pending on the hive: start Windows once so that it is finished or rolled back"
    )]
    PendingTransaction,
    /// A hive bin is damaged.
    #[error("the hive bin at {offset:#x} is damaged: {what}")]
    Bin {
        /// Where.
        offset: u32,
        /// What is wrong.
        what: &'static str,
    },
    /// A cell, or a reference to one, is damaged.
    #[error("the cell at {offset:#x} is damaged: {what}")]
    Cell {
        /// Where.
        offset: u32,
        /// What is wrong.
        what: &'static str,
    },
    /// A key node is damaged.
    #[error("the key {path:?} at {offset:#x} is damaged: {what}")]
    Key {
        /// Where.
        offset: u32,
        /// Path from the root, as far as it can be read.
        path: String,
        /// What is wrong.
        what: &'static str,
    },
    /// A value is damaged.
    #[error("the value at {offset:#x} is damaged: {what}")]
    Value {
        /// Where.
        offset: u32,
        /// What is wrong.
        what: &'static str,
    },
    /// The list of security cells is damaged or disagrees with the keys.
    #[error("the security cell at {offset:#x} is damaged: {what}")]
    Security {
        /// Where.
        offset: u32,
        /// What is wrong.
        what: &'static str,
    },
    /// The key to be changed does not exist.
    #[error("there is no key {0:?} in the hive")]
    NoSuchKey(String),
    /// A key of that name exists already.
    #[error("a key {0:?} exists already")]
    KeyExists(String),
    /// The name is empty, too long or contains a backslash.
    #[error("{0:?} cannot be the name of a key: 1 to 255 characters without a backslash")]
    KeyName(String),
    /// The name of a value is too long.
    #[error("the name of a value has {0} characters, at most 16383 are allowed")]
    ValueName(usize),
    /// The root cannot be deleted or renamed.
    #[error("the root key of a hive cannot be deleted or renamed")]
    Root,
    /// The hive would grow past what a cell offset can name.
    #[error("the hive would grow past 2 GiB")]
    TooLarge,
}

/// Why the transaction logs did not recover a dirty hive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LogProblem {
    /// None was given, or both are empty.
    #[error("no transaction log was given")]
    None,
    /// Neither log has a valid base block and body.
    #[error("no transaction log has a valid header")]
    Invalid,
    /// The old-format log was written at another moment.
    #[error("the time stamp of the log is not that of the hive")]
    Timestamp,
    /// The log's entries are older than the hive.
    #[error("the log entries are older than the hive")]
    Stale,
    /// The first entry is missing or its hash is wrong.
    #[error("the first log entry is damaged")]
    Entry,
    /// The dirty pages are missing from the end of the log.
    #[error("the log ends before its last dirty page")]
    CutOff,
}

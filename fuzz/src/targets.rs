//! The targets, one module each.

pub(crate) mod hive;
pub(crate) mod journal;
pub(crate) mod map;
pub(crate) mod ntfs;
pub(crate) mod runbook;
pub(crate) mod secdesc;
pub(crate) mod wire;

//! The device on Linux.

mod account;
mod acl;
mod areas;
mod facts;
mod files;
mod groups;
mod guard;
mod hivefile;
mod hives;
mod kerberos;
mod machine;
mod membership;
mod mount;
mod name;
mod profiles;
mod registry;
mod rights;
mod scan;
mod sids;
mod tree;
mod volume;

pub use machine::ImageMachine;
pub use volume::{Change, How, LeftAlone, VolumeError, VolumeRemap, VolumeReport};

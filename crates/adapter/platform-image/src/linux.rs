//! The device on Linux.

mod acl;
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
mod profiles;
mod registry;
mod rights;
mod sids;
mod tree;

pub use machine::ImageMachine;

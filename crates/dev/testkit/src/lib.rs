//! Builders and fakes for tests.

pub mod chaos;
pub mod hive_builder;
pub mod hive_peer;

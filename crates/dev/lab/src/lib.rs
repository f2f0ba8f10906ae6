//! The lab: everything needed to move a real device between two real
//! directories on one machine.
//!
//! A library so that the task runner and the `gw-lab` program call the same
//! code. Nothing here is shipped to a customer.

pub mod bench;
pub mod forest;
pub mod image;
pub mod net;
pub mod offline;
pub mod scenario;

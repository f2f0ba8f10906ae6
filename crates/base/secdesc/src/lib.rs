//! SID, ACE, ACL and security descriptor: lossless codec and SID translation.
//!
//! Pure: no I/O, no clock, no randomness, no platform code. Every function
//! takes bytes that may come from a damaged disk and answers with a value or
//! an error; none of them panics.

#![warn(missing_docs)]

pub mod sid;

pub use sid::{Sid, SidError, SidTextError};

//! The protocol from outside: golden vectors, tampering, and input that nobody meant well.

mod fixture;
mod garbage;
mod tamper;
mod vectors;

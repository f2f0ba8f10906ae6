//! The agent against a server in memory that keeps the protocol, and against everything that does
//! not: impostors, changed bytes, old orders, silence.

mod contact;
mod escrow;
mod orders;
mod python;
mod runs;
mod server;
mod tls;
mod upkeep;
mod whole;
mod world;

//! Everything that is stored, in SQLite or PostgreSQL, by one SQL text.
//!
//! [`Store`] hands out connections to read from and runs changes through one writer that answers
//! after the commit. All SQL hangs on [`Tx`], one file per aggregate.
//!
//! What must stay true:
//! - SQL stands in this crate only, and differs between the databases in `dialect.rs` only;
//! - no text that came from outside becomes part of a statement;
//! - lists are paged by key, searches run on folded columns;
//! - objects and match rows carry the generations in which they are seen, so that an import or a
//!   sync shows at once or not at all;
//! - an idle device costs no write: when it was last heard of is flushed in one go.

mod dialect;
mod error;
mod migrate;
mod record;
mod store;
mod tables;
#[cfg(feature = "testing")]
pub mod testing;
mod tx;
mod value;
mod writer;

pub use error::StoreError;
pub use record::*;
pub use store::{Place, Store};
pub use tables::{After, BatchClash, ImportKey, MatchKey, Refusal, SeatClaim, Standing};
pub use tx::Tx;
pub use writer::Lane;

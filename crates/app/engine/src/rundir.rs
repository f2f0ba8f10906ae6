//! The run directory: everything the agent and the engine tell each other.
//! `docs/run-directory.md` is the contract; these types are its code.

mod dir;
mod documents;
mod storage;

pub use dir::{DirStorage, OpenError};
pub use documents::{
    Areas, BadDocument, DirectoryRef, ErrorReport, EscrowFile, JoinKind, LegalNotice, OrderFile,
    Pair, Refusal, ResultFile, ReturnFile, ReturnGrade, RunbookRef, Settings, StageFile,
    StepReport, Ticket, UnmappedProfile, read_document,
};
pub use storage::{BlobSink, Storage};

/// Order, written by the agent.
pub const ORDER: &str = "order.json";
/// Stage package, written by the agent after exit 10.
pub const STAGE: &str = "stage.json";
/// Return ticket or its refusal, written by the agent after exit 11.
pub const RETURN: &str = "return.json";
/// Acknowledgement of escrowed secrets, written by the agent after exit 13.
pub const ESCROW: &str = "escrow.json";
/// Id of the secret that is the fallback administrator's password.
pub const FALLBACK: &str = "fallback-administrator";
/// Result, written by the engine at a final state.
pub const RESULT: &str = "result.json";

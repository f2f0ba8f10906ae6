//! What the store hands out and takes in: one plain record per row, with the domain's own types.
//!
//! Records carry no SQL and no secrets in clear: whatever must stay secret arrives here already
//! sealed and is named `sealed_…`.

mod access;
mod agent;
mod batch;
mod customer;
mod device;
mod directory;
mod job;
mod journal;
mod licence;
mod run;
mod runbook;
mod translation;

pub use access::{AdminRecord, AuditRecord, NewAudit, SessionRecord};
pub use agent::{AgentRecord, NewOrder, OrderRecord, OrderState, PskRecord};
pub use batch::{BatchMember, BatchRecord, BatchSummary, Membership, ScopeMode};
pub use customer::{CustomerKey, CustomerRecord, KeyPurpose};
pub use device::{DeviceFilter, DeviceLink, DeviceRecord, DeviceStatus};
pub use directory::{DirectoryRecord, ObjectCounts, StoredObject};
pub use job::{JobKind, JobMessage, JobRecord, JobState, ProfileRecord, ScheduleRecord};
pub use journal::{LogChunk, LogRecord};
pub use licence::{IssuerRecord, LicenceRecord, SeatRecord};
pub use run::{EscrowRecord, OutcomeRecord, RunFilter, RunRecord, StepRecord};
pub use runbook::{RunbookRecord, RunbookSummary};
pub use translation::{MatchFilter, MatchOutcome, MatchRecord};

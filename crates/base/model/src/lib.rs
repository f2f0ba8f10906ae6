//! Domain nouns, typed ids, time windows and the device life cycle.
//!
//! Names are the glossary's (`docs/GLOSSARY.md`); "migration" alone is never a type.
//! INVARIANT: nothing here reads a clock, draws a random number or does I/O; identifiers and
//! times are handed in by the caller, so every rule built on these types can be tested as a table.

mod batch;
mod device;
mod event;
mod ids;
mod licence;
mod object;
mod run;
mod translation;
mod window;

pub use batch::{Batch, BatchRunbook, BatchScope, Claim, MembershipConflict, choose_batch};
pub use device::{Device, DeviceFacts, DeviceTrust, OsFacts, PskPolicy};
pub use event::{EVENTS, Event, EventCode, Severity};
pub use ids::*;
pub use licence::{Licence, LicenceProduct, LicenceRefusal, LicenceUse, check_licence};
pub use object::{DirectoryKind, DirectoryObject, Guid, ObjectKind, fold};
pub use run::{FinalState, RunKind, RunState, StepName, StepState, UserOutcome, UserResult};
pub use translation::{Translation, TranslationSource};
pub use window::{Moment, Window, WindowError, Zone};

//! The runbook document: what a device shall do, as typed data with a version.
//!
//! INVARIANT: the document holds no secret. Accounts are named in it; their passwords are sealed
//! in the server's store under the runbook's id and never leave the server.
//! INVARIANT: a document that [`Runbook::check`] accepts can be compiled into steps; what is wrong
//! is reported by field path, all of it at once.

mod apps;
mod check;
mod completion;
mod device_state;
mod document;
mod eligible;
mod experience;
mod left_out;
mod naming;
mod permissions;
mod startup;

pub use apps::{
    AppReconfiguration, HostMapping, OfficeReset, OneDriveReset, OutlookReset, TeamsReset,
};
pub use check::{Problem, Problems};
pub use completion::{CommandPackage, Completion};
pub use device_state::{AdJoin, DeviceState, DomainJoin, EntraJoin, LeaveFrom, WayBack};
pub use document::{DOCUMENT_VERSION, General, ReadError, Runbook, read};
pub use eligible::{
    Asked, Decision, DeviceCase, PastRun, PromptBecause, RefuseBecause, RunBecause, WaitBecause,
    eligible,
};
pub use experience::{Dialog, Texts, UserExperience};
pub use left_out::LeftOut;
pub use naming::{NameError, check_computer_name, computer_name, draws_names};
pub use permissions::{Area, DEFAULT_IGNORED, PermissionMode, PermissionUpdates, RemoteShare};
pub use startup::{FallbackAdministrator, Interaction, Script, Startup};

//! The server's use cases: one file each, a transaction in hand, audited.
//!
//! What must stay true:
//! - every change an administrator makes writes its audit row in the same transaction;
//! - nothing here reads the clock or draws randomness except through [`Clock`] and [`Entropy`];
//! - secrets are sealed before they reach the store, and appear in no log, audit row or error;
//! - no I/O to elsewhere happens inside a transaction.

mod actor;
mod agents;
mod audit;
mod batch_csv;
mod batches;
mod bus;
mod by_hand;
mod certificate;
mod clock;
mod connectors;
mod customers;
mod dashboard;
mod devices;
mod directories;
mod entropy;
mod error;
mod exercise;
mod fallback;
mod guide;
mod jobs;
mod licences;
mod logs;
mod objects;
mod page;
mod profiles;
mod psks;
mod runbooks;
mod runs;
mod schedule;
mod sealer;
mod services;
mod sessions;
mod settings;
mod setup;
mod translations;

pub use gw_store as store;

pub use actor::Actor;
pub use agents::{AgentAnswer, AgentCall};
pub use audit::AuditFilter;
pub use batch_csv::{CsvImport, CsvLineError};
pub use batches::{BatchDraft, BatchError, BatchView, IfElsewhere, ListChange};
pub use bus::{Bus, LiveEvent, Topic};
pub use certificate::CertificateView;
pub use clock::{Clock, ManualClock, SystemClock};
pub use connectors::{AdConnectors, Connectors};
pub use customers::{CustomerError, CustomerView};
pub use dashboard::{Attention, Dashboard, DeviceStanding};
pub use devices::{DeviceDetail, DeviceError, Eligibility};
pub use directories::{AdConnection, AttributeInfo, DirectoryDraft, DirectoryError, DirectoryView};
pub use entropy::{Entropy, OsEntropy, SeededEntropy};
pub use error::{Internal, Kind, Refused};
pub use exercise::exercise;
pub use fallback::{FallbackAdministrator, FallbackError, RevealedPassword};
pub use guide::{Guide, GuideCheck, GuideError, GuideState, GuideStep};
pub use licences::{LicenceError, LicenceOpinion, issue_licence, new_issuer, read_licence};
pub use logs::{LogFilter, LogLine};
pub use objects::{ObjectError, ObjectReport};
pub use page::{Ask, Page};
pub use profiles::{ProfileDraft, ProfileError, ProfileView};
pub use psks::{NewPsk, PskDraft, PskError};
pub use runbooks::{RunbookDraft, RunbookError, RunbookView};
pub use runs::{RunDetail, RunError};
pub use schedule::{ScheduleError, ScheduleView};
pub use sealer::{Sealer, SealerError};
pub use services::{Open, OpenError, Services};
pub use sessions::{SessionView, SignIn, SignInError};
pub use settings::{ServerSettings, SettingsDraft, SettingsError};
pub use setup::{SetupDone, SetupError, SetupState};
pub use translations::{Explanation, TranslationError};

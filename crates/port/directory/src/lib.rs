//! What the house asks of a directory, whatever it is made of: test the connection, tell who the
//! domain is, import its objects page by page, and prepare computer accounts.
//!
//! Adapters (`gw-directory-ad`) implement [`DirectoryReader`] and [`ComputerAccounts`]; services
//! call them through `dyn`. What must stay true:
//! - reading never writes: [`DirectoryReader`] has no operation that changes a directory;
//! - there is no way to switch certificate checking off, and no password travels outside TLS;
//! - a secret is a [`Secret`]: it cannot be printed, logged, compared or serialised;
//! - every refusal names the object, the cause and what to do next ([`Problem`]).

mod account;
mod check;
mod computer_name;
mod error;
mod facts;
mod import;
mod secret;
mod settings;

pub use account::{
    AccountError, AccountFacts, AccountOrigin, ComputerAccounts, Enabled, Force, OsClaim,
    PrepareRequest, PreparedAccount, ResetAccount, ResetProof, ResetVerdict, ReuseBasis,
    ReusePolicy,
};
pub use check::{Check, CheckName, CheckOutcome, ConnectionReport};
pub use computer_name::{ComputerName, ComputerNameError};
pub use error::{BindProblem, CertificateProblem, DirectoryError, Problem};
pub use facts::DomainFacts;
pub use import::{
    BoxFuture, DirectoryReader, ImportPage, ImportRequest, ImportSink, ImportSummary,
    ImportedObject, SinkStopped,
};
pub use secret::Secret;
pub use settings::{BindAccount, ConnectionSettings, Timeouts, Transport, Trust, TrustError};

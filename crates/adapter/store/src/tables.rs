//! One file per aggregate; each adds its queries to `Tx`.

mod access;
mod agents;
mod audit;
mod batches;
mod customers;
mod devices;
mod directories;
mod jobs;
mod licences;
mod logs;
mod matches;
mod membership;
mod objects;
mod orders;
mod profiles;
mod runbooks;
mod runs;
mod standing;

pub use audit::Refusal;
pub use batches::BatchClash;
pub use licences::SeatClaim;
pub use matches::MatchKey;
pub use objects::ImportKey;
pub use standing::Standing;

/// Where a page begins: behind the row with this sort key and this id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct After {
    /// The sort key of the last row of the page before.
    pub key: String,
    /// Its id.
    pub id: uuid::Uuid,
}

//! Who asks for a change; ends up in the audit trail.

use gw_model::AdminId;

/// Who asks, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The administrator; none for the server itself.
    pub admin: Option<AdminId>,
    /// What the audit trail shows.
    pub name: String,
    /// The network address, if the request came over the network.
    pub source: Option<String>,
}

impl Actor {
    /// An administrator.
    #[must_use]
    pub fn admin(id: AdminId, name: impl Into<String>, source: Option<String>) -> Self {
        Self {
            admin: Some(id),
            name: name.into(),
            source,
        }
    }

    /// The server itself: schedules, reconcilers, the command line.
    #[must_use]
    pub fn system() -> Self {
        Self {
            admin: None,
            name: "system".into(),
            source: None,
        }
    }
}

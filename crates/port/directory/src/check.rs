//! The answer of *test connection*: six named checks, in the order in which they can fail.

use crate::{DomainFacts, Problem};
use serde::Serialize;

/// What is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckName {
    /// The host name resolves.
    Name,
    /// Something answers on the port.
    Port,
    /// TLS starts and the certificate is believed.
    Tls,
    /// The account may sign in.
    Credentials,
    /// Searches have a place to start.
    BaseDn,
    /// Users, groups and computers can be read.
    Rights,
}

impl CheckName {
    /// All of them, in order.
    pub const ALL: [Self; 6] = [
        Self::Name,
        Self::Port,
        Self::Tls,
        Self::Credentials,
        Self::BaseDn,
        Self::Rights,
    ];
}

/// How a check ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum CheckOutcome {
    /// Passed; what was seen.
    Ok {
        /// For people: the addresses, the certificate, the counts.
        detail: String,
    },
    /// Failed.
    Failed(Problem),
    /// Not reached because an earlier check failed.
    NotRun,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Which one.
    pub name: CheckName,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: CheckOutcome,
}

/// All six checks, and who the domain is if the base DN check was reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConnectionReport {
    /// INVARIANT: exactly one per [`CheckName::ALL`], in that order.
    pub checks: Vec<Check>,
    /// The domain, if it could be read.
    pub facts: Option<DomainFacts>,
}

impl ConnectionReport {
    /// Nothing run yet.
    #[must_use]
    pub fn new() -> Self {
        let checks = CheckName::ALL
            .map(|name| Check {
                name,
                outcome: CheckOutcome::NotRun,
            })
            .to_vec();
        Self {
            checks,
            facts: None,
        }
    }

    /// Notes that a check passed.
    pub fn passed(&mut self, name: CheckName, detail: impl Into<String>) {
        self.set(
            name,
            CheckOutcome::Ok {
                detail: detail.into(),
            },
        );
    }

    /// Notes that a check failed.
    pub fn failed(&mut self, name: CheckName, problem: Problem) {
        self.set(name, CheckOutcome::Failed(problem));
    }

    /// True if every check passed.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.checks
            .iter()
            .all(|check| matches!(check.outcome, CheckOutcome::Ok { .. }))
    }

    /// The first failure.
    #[must_use]
    pub fn failure(&self) -> Option<(CheckName, &Problem)> {
        self.checks.iter().find_map(|check| match &check.outcome {
            CheckOutcome::Failed(problem) => Some((check.name, problem)),
            CheckOutcome::Ok { .. } | CheckOutcome::NotRun => None,
        })
    }

    fn set(&mut self, name: CheckName, outcome: CheckOutcome) {
        for check in &mut self.checks {
            if check.name == name {
                check.outcome = outcome;
                return;
            }
        }
    }
}

impl Default for ConnectionReport {
    fn default() -> Self {
        Self::new()
    }
}

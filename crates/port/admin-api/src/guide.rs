//! The first-run guide: what is done and what is to do, from real state.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The guide of a customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Guide {
    /// What to see to before the first step; ticked by a person.
    pub preparation: Vec<GuideCheck>,
    /// The eight steps, judged by the server from what is there.
    pub steps: Vec<GuideStep>,
    /// The testing checkpoint between the first device and the fleet.
    pub checkpoint: Vec<GuideCheck>,
    /// Key of the step to do next; absent when all are done.
    pub next: Option<String>,
}

/// A point that only a person can judge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GuideCheck {
    /// Stable key.
    pub key: String,
    /// What to see to.
    pub title: String,
    /// Why it matters and how to do it.
    pub help: String,
    /// Whether it was ticked.
    pub done: bool,
    /// Who ticked it.
    pub done_by: Option<String>,
    /// When.
    pub done_at: Option<DateTime<Utc>>,
}

/// A step the server can judge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GuideStep {
    /// Stable key, such as `directories`.
    pub key: String,
    /// Place in the guide, from 1.
    pub number: u8,
    /// What is done in it.
    pub title: String,
    /// Whether it is done.
    pub state: GuideState,
    /// What was found and, when it is not done, what is missing.
    pub found: String,
    /// Where in the console it is done: a path from `/`.
    pub link: String,
}

/// Where a step of the guide stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GuideState {
    /// Done.
    Done,
    /// Can be done now.
    ToDo,
    /// Waits for an earlier step.
    Blocked,
}

/// Ticks a point or takes the tick away.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GuideTick {
    /// Whether it is done.
    pub done: bool,
}

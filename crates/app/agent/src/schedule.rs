//! When to wake. Orders come ahead of time, so that the window is the device's to keep: a run starts
//! when it is enforced, although the server is asked once an hour only.

use chrono::{DateTime, TimeDelta, Utc};
use gw_model::Moment;
use gw_wire::order::OrderHeader;

/// What an order that waits wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Start.
    Now,
    /// Start then, by the clocks as they are now.
    At(DateTime<Utc>),
    /// Only if the user starts it.
    OnRequest,
    /// Too late: never.
    Expired,
}

/// Judges an order. `wanted_now`: the user asked for it.
#[must_use]
pub fn due(header: &OrderHeader, now: Moment, wanted_now: bool) -> Due {
    if now.utc > header.start_by {
        return Due::Expired;
    }
    let by_window = match &header.window {
        None => Due::Now,
        Some(window) if wanted_now && window.is_available(now) => Due::Now,
        Some(window) => match window.until_enforced(now) {
            Some(wait) if wait <= TimeDelta::zero() => Due::Now,
            Some(wait) => Due::At(now.utc + wait),
            None => Due::OnRequest,
        },
    };
    match by_window {
        Due::Now if now.utc < header.not_before => Due::At(header.not_before),
        Due::At(at) => Due::At(at.max(header.not_before)),
        other => other,
    }
}

/// When to look again: at the next poll, when an order is due, and at least every ten minutes while
/// one waits (clocks are set, devices sleep, summer time begins).
#[must_use]
pub fn next_wakeup(
    now: Moment,
    orders: &[Due],
    last_poll: Option<DateTime<Utc>>,
    poll_every: TimeDelta,
) -> DateTime<Utc> {
    let mut at = last_poll.map_or(now.utc, |last| last + poll_every);
    for order in orders {
        at = match order {
            Due::Now | Due::Expired => now.utc,
            Due::At(due) => at.min(*due).min(now.utc + LOOK_AGAIN),
            Due::OnRequest => at.min(now.utc + LOOK_AGAIN),
        };
    }
    at.max(now.utc)
}

const LOOK_AGAIN: TimeDelta = TimeDelta::minutes(10);

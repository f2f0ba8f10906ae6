//! When a runbook may and must start.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// Against which clock a batch's dates are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Zone {
    /// The wall clock of each device.
    Local,
    /// The same moment everywhere.
    Utc,
}

/// The present as one device sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Universal time.
    pub utc: DateTime<Utc>,
    /// The device's offset east of UTC. Unknown to a server that has not heard from the device.
    pub offset: TimeDelta,
}

impl Moment {
    /// The reading of the clock that `zone` names.
    #[must_use]
    pub fn in_zone(&self, zone: Zone) -> NaiveDateTime {
        match zone {
            Zone::Utc => self.utc.naive_utc(),
            Zone::Local => self.utc.naive_utc() + self.offset,
        }
    }
}

/// `enforced_after` lies before `available_from`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "enforced after ({enforced_after}) lies before available from ({available_from}); set it to the same time for a big bang, or later"
)]
pub struct WindowError {
    /// The first date.
    pub available_from: NaiveDateTime,
    /// The second date.
    pub enforced_after: NaiveDateTime,
}

/// The two dates of a runbook in a batch.
/// INVARIANT: `available_from <= enforced_after`; equal means big bang.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    available_from: NaiveDateTime,
    enforced_after: Option<NaiveDateTime>,
    zone: Zone,
}

impl Window {
    /// A window; without `enforced_after` it is never enforced.
    ///
    /// # Errors
    /// The dates are in the wrong order.
    pub fn new(
        available_from: NaiveDateTime,
        enforced_after: Option<NaiveDateTime>,
        zone: Zone,
    ) -> Result<Self, WindowError> {
        match enforced_after {
            Some(enforced_after) if enforced_after < available_from => Err(WindowError {
                available_from,
                enforced_after,
            }),
            _ => Ok(Self {
                available_from,
                enforced_after,
                zone,
            }),
        }
    }

    /// From when the user may start it.
    #[must_use]
    pub fn available_from(&self) -> NaiveDateTime {
        self.available_from
    }

    /// From when it runs by itself.
    #[must_use]
    pub fn enforced_after(&self) -> Option<NaiveDateTime> {
        self.enforced_after
    }

    /// Against which clock.
    #[must_use]
    pub fn zone(&self) -> Zone {
        self.zone
    }

    /// May the user start it now?
    #[must_use]
    pub fn is_available(&self, now: Moment) -> bool {
        now.in_zone(self.zone) >= self.available_from
    }

    /// Must it start now?
    #[must_use]
    pub fn is_enforced(&self, now: Moment) -> bool {
        self.enforced_after
            .is_some_and(|at| now.in_zone(self.zone) >= at)
    }

    /// How long until it becomes enforced: zero if it is, `None` if it never is.
    #[must_use]
    pub fn until_enforced(&self, now: Moment) -> Option<TimeDelta> {
        self.enforced_after
            .map(|at| (at - now.in_zone(self.zone)).max(TimeDelta::zero()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> NaiveDateTime {
        text.parse().unwrap()
    }

    #[test]
    fn local_dates_are_read_on_the_devices_clock() {
        let window = Window::new(
            at("2026-11-22T20:00:00"),
            Some(at("2026-11-22T22:00:00")),
            Zone::Local,
        )
        .unwrap();
        let utc = at("2026-11-22T19:30:00").and_utc();
        let berlin = Moment {
            utc,
            offset: TimeDelta::hours(1),
        };
        let london = Moment {
            utc,
            offset: TimeDelta::zero(),
        };
        assert!(window.is_available(berlin) && !window.is_available(london));
        assert!(!window.is_enforced(berlin));
        assert_eq!(window.until_enforced(berlin), Some(TimeDelta::minutes(90)));
    }

    #[test]
    fn the_dates_may_be_equal_but_not_swapped() {
        let (a, b) = (at("2026-11-22T20:00:00"), at("2026-11-22T19:59:59"));
        assert!(Window::new(a, Some(a), Zone::Utc).is_ok());
        assert!(Window::new(a, Some(b), Zone::Utc).is_err());
    }
}

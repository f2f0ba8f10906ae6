//! Two clocks: the device's, which is only read, and the server's, learned from signed answers and
//! carried on the monotonic one.

use chrono::{DateTime, TimeDelta, Utc};
use std::time::{Duration, Instant};

/// The operating system's clocks.
pub trait TimeSource {
    /// The wall clock.
    fn utc(&self) -> DateTime<Utc>;
    /// Since some fixed moment of this process; never goes back.
    fn monotonic(&self) -> Duration;
    /// Waits.
    fn sleep(&self, duration: Duration);
}

/// The real clocks.
#[derive(Debug)]
pub struct SystemTime {
    start: Instant,
}

impl Default for SystemTime {
    fn default() -> Self {
        Self {
            start: Instant::now(),
        }
    }
}

impl TimeSource for SystemTime {
    fn utc(&self) -> DateTime<Utc> {
        Utc::now()
    }
    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }
    fn sleep(&self, duration: Duration) {
        std::thread::sleep(duration);
    }
}

/// The server's time, as far as it is known.
#[derive(Debug, Default, Clone)]
pub struct ServerClock {
    learned: Option<(Duration, DateTime<Utc>)>,
}

impl ServerClock {
    /// Takes the time of a signed answer (Unix seconds).
    pub fn learn(&mut self, created: i64, time: &dyn TimeSource) {
        if let Some(at) = DateTime::from_timestamp(created, 0) {
            self.learned = Some((time.monotonic(), at));
        }
    }

    /// The server's time; the device's as long as none was learned.
    #[must_use]
    pub fn now(&self, time: &dyn TimeSource) -> DateTime<Utc> {
        match self.learned {
            Some((then, at)) => {
                let passed = time.monotonic().saturating_sub(then);
                at + TimeDelta::from_std(passed).unwrap_or(TimeDelta::zero())
            }
            None => time.utc(),
        }
    }

    /// The device's clock minus the server's, in milliseconds; 0 while unknown.
    #[must_use]
    pub fn skew_ms(&self, time: &dyn TimeSource) -> i64 {
        (time.utc() - self.now(time)).num_milliseconds()
    }
}

//! Reports wait on the disk until the server has them, are sent in order, and are kept for 30 days
//! so that a restored server can have them again.

use crate::state::{StateError, StateFolder};
use chrono::{DateTime, TimeDelta, Utc};
use gw_wire::report::{Report, ReportBody};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The numbers of the queue.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Marks {
    /// The last number given.
    last: u64,
    /// Everything up to here is stored by the server.
    acknowledged: u64,
}

/// The queue, in `queue/`.
/// INVARIANT: a number is given once; `last` is stored before its report.
pub struct Queue {
    marks: Marks,
}

impl Queue {
    /// Opens it.
    ///
    /// # Errors
    /// The state folder.
    pub fn load(state: &StateFolder) -> Result<Self, StateError> {
        state.folder(FOLDER)?;
        let mut marks: Marks = state.read_json(MARKS)?.unwrap_or_default();
        let newest = state.names(FOLDER, ".json")?.pop();
        let newest = newest.and_then(|name| number(&name)).unwrap_or(0);
        marks.last = marks.last.max(newest);
        Ok(Self { marks })
    }

    /// Adds a report. It is on stable storage when this returns.
    ///
    /// # Errors
    /// The state folder.
    pub fn push(
        &mut self,
        state: &StateFolder,
        body: ReportBody,
        key: Uuid,
        at: DateTime<Utc>,
    ) -> Result<u64, StateError> {
        let sequence = self.marks.last + 1;
        let report = Report {
            sequence,
            key,
            at,
            body,
        };
        state.write_json(&file(sequence), &report)?;
        self.marks.last = sequence;
        Ok(sequence)
    }

    /// How many wait.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.marks.last - self.marks.acknowledged.min(self.marks.last)
    }

    /// The last number given.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.marks.last
    }

    /// Everything up to this number is stored by the server.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        self.marks.acknowledged
    }

    /// The number of a report with this key that waits to be sent, if there is one.
    ///
    /// # Errors
    /// The state folder.
    pub fn waits_for(&self, state: &StateFolder, key: Uuid) -> Result<Option<u64>, StateError> {
        for name in state.names(FOLDER, ".json")?.iter().rev() {
            if number(name).is_none_or(|number| number <= self.marks.acknowledged) {
                break;
            }
            match state.read_json::<Report>(&format!("{FOLDER}/{name}")) {
                Ok(Some(report)) if report.key == key => return Ok(Some(report.sequence)),
                // A damaged one is put aside when its turn comes.
                Ok(_) | Err(StateError::Damaged { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// The next ones to send: at most `count`, and at most about a megabyte.
    ///
    /// # Errors
    /// The state folder.
    pub fn next(&self, state: &StateFolder, count: usize) -> Result<Vec<Report>, StateError> {
        let (mut reports, mut size) = (Vec::new(), 0);
        for name in state.names(FOLDER, ".json")? {
            if number(&name).is_none_or(|number| number <= self.marks.acknowledged) {
                continue;
            }
            let path = format!("{FOLDER}/{name}");
            size += state.read(&path)?.map_or(0, |bytes| bytes.len());
            if reports.len() >= count || (size > 1 << 20 && !reports.is_empty()) {
                break;
            }
            match state.read_json::<Report>(&path) {
                Ok(report) => reports.extend(report),
                Err(error @ StateError::Damaged { .. }) => {
                    // One damaged report must not keep the others from being sent.
                    tracing::error!(%error, "A report is damaged and is put aside");
                    state.set_aside(&path)?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(reports)
    }

    /// The server has everything up to here.
    ///
    /// # Errors
    /// The state folder.
    pub fn acknowledge(
        &mut self,
        state: &StateFolder,
        through: u64,
        now: DateTime<Utc>,
    ) -> Result<(), StateError> {
        self.marks.acknowledged = self.marks.acknowledged.max(through.min(self.marks.last));
        state.write_json(MARKS, &self.marks)?;
        for name in state.names(FOLDER, ".json")? {
            if number(&name).is_none_or(|number| number > self.marks.acknowledged) {
                continue;
            }
            let path = format!("{FOLDER}/{name}");
            match state.read_json::<Report>(&path) {
                Ok(Some(report)) if now - report.at > KEPT => state.remove(&path)?,
                // They are in order: what follows is younger.
                Ok(_) => break,
                Err(_) => state.set_aside(&path)?,
            }
        }
        Ok(())
    }

    /// A restored server wants everything after this number again.
    ///
    /// # Errors
    /// The state folder.
    pub fn resend_after(&mut self, state: &StateFolder, sequence: u64) -> Result<(), StateError> {
        if sequence < self.marks.acknowledged {
            self.marks.acknowledged = sequence;
            state.write_json(MARKS, &self.marks)?;
        }
        Ok(())
    }

    /// Everything anew, for a new key. The old key's reports are parked by the caller.
    ///
    /// # Errors
    /// The state folder.
    pub fn restart(&mut self, state: &StateFolder) -> Result<(), StateError> {
        state.folder(FOLDER)?;
        self.marks = Marks::default();
        state.write_json(MARKS, &self.marks)
    }
}

fn file(sequence: u64) -> String {
    format!("{FOLDER}/{sequence:020}.json")
}

fn number(name: &str) -> Option<u64> {
    name.strip_suffix(".json")?.parse().ok()
}

/// The folder of reports.
pub(crate) const FOLDER: &str = "queue";
pub(crate) const MARKS: &str = "queue.json";
/// How long a delivered report is kept.
const KEPT: TimeDelta = TimeDelta::days(30);

//! Where a customer's migration stands, and what somebody has to look at.

use crate::{Internal, Services, profiles};
use chrono::TimeDelta;
use gw_model::{CustomerId, RunState};
use gw_store::{JobRecord, JobState, RunFilter, RunRecord, Standing};
use serde::Serialize;

/// Devices by where they stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct DeviceStanding {
    /// All of them.
    pub total: i64,
    /// With a trusted agent.
    pub trusted: i64,
    /// Whose agent waits for approval.
    pub pending: i64,
    /// Claimed by several agents.
    pub conflict: i64,
    /// In a batch.
    pub in_batch: i64,
    /// With a run under way.
    pub running: i64,
    /// In the target, and verified.
    pub migrated: i64,
    /// Restored or returned.
    pub back: i64,
    /// In no directory.
    pub held: i64,
    /// With a trusted agent that was not heard of for a day.
    pub silent: i64,
}

/// Something somebody has to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attention {
    /// Stable word.
    pub code: &'static str,
    /// The sentence.
    pub text: String,
    /// Where in the console it is dealt with.
    pub link: &'static str,
}

/// A customer's dashboard.
#[derive(Debug, Clone, Serialize)]
pub struct Dashboard {
    /// Devices by where they stand.
    pub devices: DeviceStanding,
    /// Matched, unmatched, ambiguous.
    pub translations: [i64; 3],
    /// Devices that all valid licences cover.
    pub licence_seats: i64,
    /// Devices counted against them.
    pub licence_used: i64,
    /// Runs under way, at most 20.
    pub running: Vec<RunRecord>,
    /// Runs that ended last, at most 10.
    pub recent: Vec<RunRecord>,
    /// The newest jobs, at most 5.
    pub jobs: Vec<JobRecord>,
    /// The gravest first.
    pub attention: Vec<Attention>,
    /// Requests of agents refused in the last day.
    pub refusals_24h: i64,
}

impl Services {
    /// A customer's dashboard.
    ///
    /// # Errors
    /// The store failed.
    pub async fn dashboard(&self, customer: CustomerId) -> Result<Dashboard, Internal> {
        let now = self.now();
        let mut tx = self.store.read().await?;
        let counts @ [_, pending, trusted, conflict, _] = tx.device_counts(customer).await?;
        let total = counts.iter().sum::<i64>();
        let Standing {
            running,
            migrated,
            back,
            held,
            silent,
        } = tx.standing(customer, now - TimeDelta::days(1)).await?;
        let in_batch = total - tx.batchless_count(customer).await?;
        let licences = tx.licences(customer).await?;
        let valid = || {
            licences
                .iter()
                .filter(|held| held.licence.not_before <= now && now < held.licence.not_after)
        };
        let of = |state| RunFilter {
            state: Some(state),
            ..RunFilter::default()
        };
        let devices = DeviceStanding {
            total,
            trusted,
            pending,
            conflict,
            in_batch,
            running,
            migrated,
            back,
            held,
            silent,
        };
        let translations = profiles::counts(&mut tx, customer, None).await?;
        let jobs = tx.jobs(customer, None, 5).await?;
        let attention = attention(&devices, translations, &jobs);
        Ok(Dashboard {
            translations,
            licence_seats: valid().map(|held| i64::from(held.licence.devices)).sum(),
            licence_used: valid().map(|held| held.used).sum(),
            running: tx.runs(customer, &of(RunState::Running), None, 20).await?,
            recent: tx.runs(customer, &of(RunState::Finished), None, 10).await?,
            refusals_24h: tx
                .refusals_since(customer, now - TimeDelta::days(1))
                .await?,
            devices,
            jobs,
            attention,
        })
    }
}

fn attention(
    devices: &DeviceStanding,
    translations: [i64; 3],
    jobs: &[JobRecord],
) -> Vec<Attention> {
    let mut all = Vec::new();
    let mut say = |code, link, text: String| all.push(Attention { code, text, link });
    if devices.held > 0 {
        say(
            "devices_held",
            "/runs?result=held",
            format!(
                "{} in no directory: read the failed step, give a return ticket or mend the target",
                people(devices.held, "device is", "devices are")
            ),
        );
    }
    if devices.conflict > 0 {
        say(
            "agents_conflict",
            "/devices?trust=conflict",
            format!(
                "{} claimed by several agents: decide which of them is the device",
                people(devices.conflict, "device is", "devices are")
            ),
        );
    }
    if devices.pending > 0 {
        say(
            "agents_waiting",
            "/devices?trust=pending",
            format!(
                "{} for approval",
                people(devices.pending, "agent waits", "agents wait")
            ),
        );
    }
    if devices.back > 0 {
        say(
            "devices_back",
            "/runs",
            format!(
                "{} taken back to the source: read why, mend it, order again",
                people(devices.back, "device was", "devices were")
            ),
        );
    }
    if let Some(failed) = jobs.first().filter(|job| job.state == JobState::Failed) {
        say(
            "job_failed",
            "/schedule",
            format!(
                "{} did not end well: {}",
                failed.subject_name, failed.message
            ),
        );
    }
    if translations[2] > 0 {
        say(
            "translations_ambiguous",
            "/translations?state=ambiguous",
            format!(
                "{} not matched because several candidates fit",
                people(translations[2], "object is", "objects are")
            ),
        );
    }
    if devices.silent > 0 {
        say(
            "agents_silent",
            "/devices",
            format!(
                "{} not heard of for a day",
                people(devices.silent, "agent was", "agents were")
            ),
        );
    }
    all
}

/// `1 agent was`, `2 agents were`.
pub(crate) fn people<N: PartialEq + From<u8> + std::fmt::Display>(
    n: N,
    one: &str,
    many: &str,
) -> String {
    let word = if n == N::from(1) { one } else { many };
    format!("{n} {word}")
}

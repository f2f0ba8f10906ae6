//! The first-run guide: a preparation checklist that people tick, eight steps that the server
//! judges from what is there, and the testing checkpoint before the fleet (A-003… ).

use crate::{Actor, Internal, Services, dashboard::people, error::refused};
use chrono::{DateTime, Utc};
use gw_model::{CustomerId, RunKind};
use gw_store::{Lane, Tx};
use serde::Serialize;

/// A point that only a person can judge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GuideCheck {
    /// Stable word.
    pub key: &'static str,
    /// What to see to.
    pub title: &'static str,
    /// Why, and how.
    pub help: &'static str,
    /// When and by whom it was ticked.
    pub done: Option<(DateTime<Utc>, String)>,
}

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GuideState {
    /// Done.
    Done,
    /// Can be done now.
    ToDo,
    /// Waits for an earlier step.
    Blocked,
}

/// A step that the server judges.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GuideStep {
    /// Stable word.
    pub key: &'static str,
    /// From 1.
    pub number: u8,
    /// What is done in it.
    pub title: &'static str,
    /// Where it stands.
    pub state: GuideState,
    /// What was found, and what is missing.
    pub found: String,
    /// Where in the console it is done.
    pub link: &'static str,
}

/// The guide of a customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Guide {
    /// Before the first step.
    pub preparation: Vec<GuideCheck>,
    /// The eight steps.
    pub steps: Vec<GuideStep>,
    /// Between the first device and the fleet.
    pub checkpoint: Vec<GuideCheck>,
    /// The step to do next.
    pub next: Option<&'static str>,
}

/// A tick was refused.
#[derive(Debug, thiserror::Error)]
pub enum GuideError {
    /// No such point, or one that the server judges itself.
    #[error("the guide has no point `{key}` to tick")]
    NotFound {
        /// The word.
        key: String,
    },
    /// Our fault.
    #[error(transparent)]
    Inner(#[from] Internal),
}

refused!(GuideError {
    Self::NotFound { .. } => NotFound, "guide_point_not_found";
});

type Point = (&'static str, &'static str, &'static str);

const PREPARATION: &[Point] = &[
    (
        "target_ready",
        "The target is ready",
        "Bring one fresh test device into the target by your normal route and check sign-in, policies and applications there.",
    ),
    (
        "connectivity",
        "Devices stay connected",
        "Between leaving and joining a device belongs to no directory: it must reach the target's domain controllers and this server then, too. VPNs and Wi-Fi that need the machine's identity do not work in between.",
    ),
    (
        "endpoint_protection",
        "Endpoint protection lets the agent work",
        "Exclude the agent in whatever protects the devices; mass changes of permissions look like ransomware.",
    ),
    (
        "endpoint_protection_change",
        "Endpoint protection of source and target is planned",
        "Decide when the source's protection is removed and the target's installed; scripts before and after a run can do it.",
    ),
    (
        "policies",
        "Policies were compared",
        "Look for policies of source and target that contradict, above all about who may sign in.",
    ),
    (
        "management",
        "Device management is prepared",
        "Enrolment is ready in the target, and the source's management client is removed or handed over.",
    ),
    (
        "provisioning",
        "Provisioning profiles are planned",
        "Move deployment profiles and their assignments if devices are to be reset later.",
    ),
];

const CHECKPOINT: &[Point] = &[
    (
        "rehearsed",
        "Representative devices were rehearsed",
        "Rehearse one device of each kind; the rehearsal names everything that would block it.",
    ),
    (
        "by_hand",
        "Representative devices were migrated by hand",
        "The profile carries over, the user signs in, the join is clean, and your own checks pass.",
    ),
    (
        "pilot",
        "A pilot batch of real users went well",
        "IT first: with real prompts, real dates and real users.",
    ),
    (
        "way_back",
        "The way back was tried",
        "Let one device come back to the source, so that everybody has seen it.",
    ),
];

/// What the steps are judged by.
struct Seen {
    agent_url: String,
    imported: usize,
    directories: usize,
    profiles: usize,
    translations: [i64; 3],
    runbooks: usize,
    batches: usize,
    licences: usize,
    agents: i64,
    migrated: i64,
}

impl Services {
    /// The guide of a customer.
    ///
    /// # Errors
    /// The store failed.
    pub async fn guide(&self, customer: CustomerId) -> Result<Guide, Internal> {
        let seen = self.look(customer).await?;
        let marks = self.store.read().await?.guide_marks(customer).await?;
        let points = |all: &[Point]| {
            all.iter()
                .map(|(key, title, help)| GuideCheck {
                    key,
                    title,
                    help,
                    done: marks
                        .iter()
                        .find(|(item, ..)| item == key)
                        .map(|(_, at, by)| (*at, by.clone())),
                })
                .collect()
        };
        let steps = steps(&seen);
        Ok(Guide {
            next: steps
                .iter()
                .find(|step| step.state == GuideState::ToDo)
                .map(|step| step.key),
            preparation: points(PREPARATION),
            checkpoint: points(CHECKPOINT),
            steps,
        })
    }

    async fn look(&self, customer: CustomerId) -> Result<Seen, Internal> {
        let agent_url = self.settings().await?.agent_url;
        let now = self.now();
        let mut tx = self.store.read().await?;
        let directories = tx.directories(customer).await?;
        let [_, pending, trusted, conflict, revoked] = tx.device_counts(customer).await?;
        Ok(Seen {
            agent_url,
            imported: directories
                .iter()
                .filter(|held| held.generation > 0)
                .count(),
            directories: directories.len(),
            profiles: tx
                .profiles(customer)
                .await?
                .iter()
                .filter(|held| held.synced_at.is_some())
                .count(),
            translations: crate::profiles::counts(&mut tx, customer, None).await?,
            runbooks: tx.runbooks(customer).await?.len(),
            batches: tx
                .batches(customer)
                .await?
                .iter()
                .filter(|held| !held.runbooks.is_empty())
                .count(),
            licences: tx
                .licences(customer)
                .await?
                .iter()
                .filter(|held| held.licence.not_before <= now && now < held.licence.not_after)
                .count(),
            agents: pending + trusted + conflict + revoked,
            migrated: tx.finished_runs(customer, RunKind::Run).await?.1,
        })
    }

    /// Ticks a point that only a person can judge, or takes the tick away.
    ///
    /// # Errors
    /// There is no such point.
    pub async fn mark_guide(
        &self,
        actor: &Actor,
        customer: CustomerId,
        key: &str,
        done: bool,
    ) -> Result<Guide, GuideError> {
        let known = PREPARATION
            .iter()
            .chain(CHECKPOINT)
            .any(|(point, ..)| *point == key);
        if !known {
            return Err(GuideError::NotFound {
                key: key.chars().take(64).collect(),
            });
        }
        let (now, by, item) = (self.now(), actor.name.clone(), key.to_owned());
        let what = if done { "ticked" } else { "took the tick away" };
        let row = self.audit_row(actor, Some(customer), "guide.mark", key, what);
        self.store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                tx.set_guide_mark(customer, &item, done.then_some((now, by.as_str())))
                    .await?;
                tx.add_audit(&row).await
            })
            .await?;
        Ok(self.guide(customer).await?)
    }
}

/// Done, or what is missing.
type Judged = (bool, String);

fn steps(seen: &Seen) -> Vec<GuideStep> {
    let [matched, unmatched, ambiguous] = seen.translations;
    let judged: [(&'static str, &'static str, &'static str, Judged); 8] = [
        (
            "server",
            "Install the server",
            "/settings",
            (true, "The server runs.".into()),
        ),
        (
            "address",
            "Name, certificate and ports",
            "/settings",
            if seen.agent_url.is_empty() {
                (
                    false,
                    "Set the address under which agents reach the server.".into(),
                )
            } else {
                (
                    true,
                    format!("Agents reach the server at {}.", seen.agent_url),
                )
            },
        ),
        (
            "directories",
            "Connect the directories",
            "/directories",
            (
                seen.imported >= 2,
                format!(
                    "{} connected, {} imported; a migration needs a source and a target.",
                    seen.directories, seen.imported
                ),
            ),
        ),
        (
            "table",
            "Match users and check the table",
            "/translations",
            (
                seen.profiles > 0 && matched > 0,
                format!(
                    "{} evaluated: {matched} matched, {unmatched} unmatched, {ambiguous} ambiguous.",
                    if seen.profiles == 1 {
                        "1 sync profile".into()
                    } else {
                        format!("{} sync profiles", seen.profiles)
                    }
                ),
            ),
        ),
        (
            "runbooks",
            "Write a runbook and make a batch",
            "/runbooks",
            (
                seen.runbooks > 0 && seen.batches > 0,
                format!(
                    "{}, {} with a runbook.",
                    people(seen.runbooks, "runbook", "runbooks"),
                    people(seen.batches, "batch", "batches")
                ),
            ),
        ),
        (
            "licence",
            "Add a licence",
            "/licences",
            (
                seen.licences > 0,
                match seen.licences {
                    0 => "No valid licence yet; rehearsals need none.".into(),
                    n => format!("{n} valid."),
                },
            ),
        ),
        (
            "agents",
            "Deploy the agent",
            "/psks",
            (
                seen.agents > 0,
                format!(
                    "{} an agent. Make a pre-shared key and deploy the installer with it.",
                    people(seen.agents, "device has", "devices have")
                ),
            ),
        ),
        (
            "migrate",
            "Migrate",
            "/runs",
            (
                seen.migrated > 0,
                format!(
                    "{} ended in the target, verified.",
                    people(seen.migrated, "run", "runs")
                ),
            ),
        ),
    ];
    let mut before = true;
    let mut steps = Vec::new();
    for (number, (key, title, link, (done, found))) in (1_u8..).zip(judged) {
        let state = match (done, before) {
            (true, _) => GuideState::Done,
            (false, true) => GuideState::ToDo,
            (false, false) => GuideState::Blocked,
        };
        // Runbooks, licence and agents do not wait for each other; everything waits for the table.
        let parallel = matches!(key, "runbooks" | "licence" | "agents" | "address");
        before &= done || parallel;
        steps.push(GuideStep {
            key,
            number,
            title,
            state,
            found,
            link,
        });
    }
    // The last step needs all before it.
    if let Some((last, rest)) = steps.split_last_mut()
        && last.state == GuideState::ToDo
        && rest.iter().any(|step| step.state != GuideState::Done)
    {
        last.state = GuideState::Blocked;
    }
    steps
}

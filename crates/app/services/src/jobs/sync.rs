//! A sync: evaluates one profile over what is imported, and shows the outcome at the end.

use super::{JobError, Pace};
use crate::{Services, translations::explain};
use gw_matching::{Decision, Subject, SyncProfile, key_of, match_subjects};
use gw_model::{DirectoryId, DirectoryObject, Guid, ObjectId, ObjectKind, ProfileId, Severity};
use gw_secdesc::Sid;
use gw_store::{
    JobKind, JobRecord, JobState, Lane, MatchOutcome, MatchRecord, ProfileRecord, StoreError, Tx,
};
use std::{collections::HashMap, time::Instant};
use uuid::Uuid;

pub(super) async fn run(services: &Services, job: &JobRecord) -> Result<String, JobError> {
    let id: ProfileId = job
        .subject
        .as_deref()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| JobError::Failed("the job names no sync profile".into()))?;
    let mut tx = services.store.read().await?;
    let profile = tx.profile(job.customer, id).await?;
    let profile = profile.ok_or_else(|| JobError::Failed("the sync profile was removed".into()))?;
    let (source, target) = (
        tx.directory(job.customer, profile.source).await?,
        tx.directory(job.customer, profile.target).await?,
    );
    let (Some(source), Some(target)) = (source, target) else {
        return Err(JobError::Failed(
            "a directory of the profile was removed".into(),
        ));
    };
    if let Some(parent) = job.parent {
        let siblings = tx.job_children(parent).await?;
        let needs = [source.id.to_string(), target.id.to_string()];
        if let Some(failed) = siblings.iter().find(|other| {
            other.kind == JobKind::Import
                && other
                    .subject
                    .as_ref()
                    .is_some_and(|subject| needs.contains(subject))
                && other.state != JobState::Succeeded
        }) {
            return Err(JobError::Failed(format!(
                "the import of {} did not end well; the table stays as it was",
                failed.subject_name
            )));
        }
    }
    drop(tx);
    if source.generation == 0 || target.generation == 0 {
        return Err(JobError::Failed(
            "both directories must be imported first".into(),
        ));
    }
    let basis = format!(
        "{} {} {}",
        source.generation, target.generation, profile.revision
    );
    if profile.basis == basis {
        let (generation, now) = (profile.generation, services.now());
        services
            .store
            .write(Lane::Bulk, async move |tx: &mut Tx| {
                tx.flip_profile(id, generation, &basis, now).await
            })
            .await?;
        return Ok("nothing changed since the last sync".into());
    }
    let rules: SyncProfile = serde_json::from_str(&profile.rules)?;
    Sync::begin(services, job, profile)
        .await?
        .evaluate(&rules, basis)
        .await
}

struct Sync<'a> {
    services: &'a Services,
    job: &'a JobRecord,
    profile: ProfileRecord,
    /// Rows of the current generation that were not written again yet.
    unseen: HashMap<ObjectId, (Option<Guid>, i64)>,
    counts: [usize; 3],
    changed: usize,
    pending: Vec<(MatchRecord, bool)>,
    pace: Pace,
}

/// What matching needs of an object; a directory may hold a million of them.
struct Light {
    id: ObjectId,
    guid: Guid,
    name: String,
    upn: Option<String>,
    dn: String,
    sid: Option<Sid>,
    history: Vec<Sid>,
    key: Option<Box<str>>,
    eligible: bool,
}

impl<'a> Sync<'a> {
    async fn begin(
        services: &'a Services,
        job: &'a JobRecord,
        profile: ProfileRecord,
    ) -> Result<Self, JobError> {
        let (id, current) = (profile.id, profile.generation);
        services
            .store
            .write(Lane::Bulk, async move |tx: &mut Tx| {
                tx.discard_matches_above(id, current).await
            })
            .await?;
        let mut unseen = HashMap::new();
        let mut after = ObjectId(Uuid::nil());
        let mut tx = services.store.read().await?;
        loop {
            let keys = tx.match_keys(id, after, 5_000).await?;
            let Some(last) = keys.last() else { break };
            after = last.source;
            unseen.extend(
                keys.iter()
                    .map(|key| (key.source, (key.target_guid, key.fingerprint))),
            );
        }
        Ok(Self {
            services,
            job,
            profile,
            unseen,
            counts: [0; 3],
            changed: 0,
            pending: Vec::new(),
            pace: Pace::new(),
        })
    }

    async fn evaluate(mut self, rules: &SyncProfile, basis: String) -> Result<String, JobError> {
        for (kind, rule) in &rules.rules {
            let sources = self
                .load(self.profile.source, *kind, &rule.source_attribute, rules)
                .await?;
            let targets = self
                .load(self.profile.target, *kind, &rule.target_attribute, rules)
                .await?;
            let message = format!(
                "matching {} sources with {} targets",
                sources.len(),
                targets.len()
            );
            self.services
                .advance(self.job, 0, Some(sources.len()), &message)
                .await?;
            let bound = |light: &Light| self.unseen.get(&light.id).and_then(|(target, _)| *target);
            let subjects: Vec<Subject> = sources
                .iter()
                .map(|light| light.subject(bound(light)))
                .collect();
            let wanted: Vec<Subject> = targets.iter().map(|light| light.subject(None)).collect();
            let decisions = match_subjects(&subjects, &wanted);
            drop((subjects, wanted));
            let attributes = (
                rule.source_attribute.as_str(),
                rule.target_attribute.as_str(),
            );
            for (n, decision) in decisions.iter().enumerate() {
                let record = self.row(*kind, &sources, n, &targets, decision, attributes)?;
                self.put(record).await?;
                if n % 5_000 == 4_999 {
                    self.services
                        .advance(self.job, n + 1, Some(sources.len()), &message)
                        .await?;
                }
            }
        }
        self.finish(basis).await
    }

    async fn load(
        &self,
        directory: DirectoryId,
        kind: ObjectKind,
        attribute: &str,
        rules: &SyncProfile,
    ) -> Result<Vec<Light>, JobError> {
        let mut found = Vec::new();
        let mut after = Guid(Uuid::nil());
        let mut tx = self.services.store.read().await?;
        loop {
            let page = tx.objects_by_guid(directory, kind, after, 2_000).await?;
            let Some(last) = page.last() else {
                return Ok(found);
            };
            after = last.guid;
            found.extend(
                page.into_iter()
                    .map(|object| Light::of(object, attribute, rules)),
            );
        }
    }

    fn row(
        &self,
        kind: ObjectKind,
        sources: &[Light],
        n: usize,
        targets: &[Light],
        decision: &Decision,
        attributes: (&str, &str),
    ) -> Result<MatchRecord, JobError> {
        let source = &sources[n];
        let target = decision.target().map(|n| &targets[n]);
        let named = |light: &Light| {
            (
                light.id,
                light.upn.clone().unwrap_or_else(|| light.name.clone()),
            )
        };
        let explanation = explain(
            decision,
            attributes,
            source.key.as_deref(),
            |n| named(&targets[n]),
            |n| named(&sources[n]),
        );
        Ok(MatchRecord {
            profile: self.profile.id,
            kind,
            outcome: match decision {
                Decision::Matched(_) | Decision::Bound(_) => MatchOutcome::Matched,
                Decision::AmbiguousTargets(_) | Decision::AmbiguousSources(_) => {
                    MatchOutcome::Ambiguous
                }
                Decision::Excluded
                | Decision::NoKey
                | Decision::NoCandidate
                | Decision::TargetTaken(_) => MatchOutcome::Unmatched,
            },
            source_directory: self.profile.source,
            source: source.id,
            source_guid: source.guid,
            source_name: source.name.clone(),
            source_upn: source.upn.clone(),
            source_dn: source.dn.clone(),
            source_sid: source.sid.clone(),
            source_sid_history: source.history.clone(),
            target_directory: self.profile.target,
            target: target.map(|light| light.id),
            target_guid: target.map(|light| light.guid),
            target_name: target.map(|light| light.name.clone()),
            target_upn: target.and_then(|light| light.upn.clone()),
            target_dn: target.map(|light| light.dn.clone()),
            target_sid: target.and_then(|light| light.sid.clone()),
            explanation: serde_json::to_string(&explanation)?,
        })
    }

    async fn put(&mut self, record: MatchRecord) -> Result<(), JobError> {
        self.counts[match record.outcome {
            MatchOutcome::Matched => 0,
            MatchOutcome::Unmatched => 1,
            MatchOutcome::Ambiguous => 2,
        }] += 1;
        let held = self.unseen.remove(&record.source);
        if held.is_some_and(|(_, fingerprint)| fingerprint == record.fingerprint()) {
            return Ok(());
        }
        self.changed += 1;
        self.pending.push((record, held.is_some()));
        if self.pending.len() >= self.pace.rows() {
            self.write().await
        } else {
            Ok(())
        }
    }

    async fn write(&mut self) -> Result<(), JobError> {
        let pending = std::mem::take(&mut self.pending);
        let (customer, generation) = (self.profile.customer, self.profile.generation + 1);
        let (rows, began) = (pending.len(), Instant::now());
        self.services
            .store
            .write(Lane::Bulk, async move |tx: &mut Tx| {
                for (record, replaces) in &pending {
                    if *replaces {
                        tx.end_match(record.profile, record.source, generation)
                            .await?;
                    }
                    tx.put_match(customer, record, generation).await?;
                }
                Ok::<(), StoreError>(())
            })
            .await?;
        self.pace.took(rows, began.elapsed());
        Ok(())
    }

    async fn finish(mut self, basis: String) -> Result<String, JobError> {
        self.write().await?;
        let (id, generation, now) = (
            self.profile.id,
            self.profile.generation + 1,
            self.services.now(),
        );
        let gone: Vec<ObjectId> = self.unseen.drain().map(|(id, _)| id).collect();
        for piece in gone.chunks(500) {
            let piece = piece.to_vec();
            self.services
                .store
                .write(Lane::Bulk, async move |tx: &mut Tx| {
                    for source in &piece {
                        tx.end_match(id, *source, generation).await?;
                    }
                    Ok::<(), StoreError>(())
                })
                .await?;
        }
        self.services
            .store
            .write(Lane::Bulk, async move |tx: &mut Tx| {
                tx.flip_profile(id, generation, &basis, now).await
            })
            .await?;
        while self
            .services
            .store
            .write(Lane::Bulk, async move |tx: &mut Tx| {
                tx.sweep_matches(id, generation, 500).await
            })
            .await?
            > 0
        {}
        let [matched, unmatched, ambiguous] = self.counts;
        let message = format!(
            "{matched} matched, {unmatched} unmatched, {ambiguous} ambiguous; {} rows changed, {} gone",
            self.changed,
            gone.len()
        );
        let severity = if ambiguous > 0 {
            Severity::Warning
        } else {
            Severity::Info
        };
        self.services.tell(self.job.id, severity, &message).await?;
        Ok(message)
    }
}

impl Light {
    fn of(object: DirectoryObject, attribute: &str, rules: &SyncProfile) -> Self {
        Self {
            key: key_of(&object, attribute, rules.well_known_groups).map(String::into_boxed_str),
            eligible: object.enabled || rules.include_disabled || object.kind == ObjectKind::Group,
            id: object.id,
            guid: object.guid,
            name: object.account_name,
            upn: object.upn,
            dn: object.dn,
            sid: object.sid,
            history: object.sid_history,
        }
    }

    fn subject(&self, bound: Option<Guid>) -> Subject {
        Subject {
            guid: self.guid,
            key: self.key.clone(),
            eligible: self.eligible,
            bound,
        }
    }
}

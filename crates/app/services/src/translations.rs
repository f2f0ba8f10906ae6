//! The Translation Table: what the syncs found, searched, explained, exported.

use crate::{Actor, Ask, Internal, Page, Services, error::refused, page::Cursor, profiles};
use gw_matching::Decision;
use gw_model::{CustomerId, ObjectId, ProfileId};
use gw_store::{After, Lane, MatchFilter, MatchRecord, Tx};
use serde::{Deserialize, Serialize};

/// Why a source object was matched or not, as it is stored with its row.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// Stable word: `matched`, `bound`, `excluded`, `no_key`, `no_candidate`,
    /// `ambiguous_targets`, `ambiguous_sources`, `target_taken`.
    pub code: String,
    /// For people, in order.
    pub sentences: Vec<String>,
    /// Objects that stood in the way or could have been meant; at most 20.
    pub candidates: Vec<ObjectId>,
}

/// The table cannot show this.
#[derive(Debug, thiserror::Error)]
pub enum TranslationError {
    /// No sync has seen the object as a source under this profile.
    #[error("no sync has looked at this object under this profile; import and sync first")]
    NotFound,
    /// Our fault.
    #[error(transparent)]
    Inner(#[from] Internal),
}

refused!(TranslationError {
    Self::NotFound => NotFound, "translation_not_found";
});

impl Services {
    /// Rows of the table by the source's name.
    ///
    /// # Errors
    /// The store failed.
    pub async fn translations(
        &self,
        customer: CustomerId,
        filter: &MatchFilter,
        ask: &Ask,
    ) -> Result<Page<MatchRecord>, TranslationError> {
        let filter = MatchFilter {
            search: ask.search.clone(),
            ..filter.clone()
        };
        let after = Cursor::read(ask);
        let rows = ask.rows();
        let found = self
            .store
            .read()
            .await?
            .matches(customer, &filter, after.as_ref(), rows + 1)
            .await?;
        Ok(Page::cut(found, rows, |last| {
            Cursor::text(&last.sort_key(), last.source.0)
        }))
    }

    /// How many rows are matched, unmatched, ambiguous.
    ///
    /// # Errors
    /// The store failed.
    pub async fn translation_counts(&self, customer: CustomerId) -> Result<[i64; 3], Internal> {
        Ok(profiles::counts(&mut self.store.read().await?, customer, None).await?)
    }

    /// The row of one source object, with its explanation. Without a profile: the first that has one.
    ///
    /// # Errors
    /// No sync has looked at it.
    pub async fn explain(
        &self,
        customer: CustomerId,
        profile: Option<ProfileId>,
        source: ObjectId,
    ) -> Result<MatchRecord, TranslationError> {
        let found = self
            .store
            .read()
            .await?
            .matches_of_object(customer, source)
            .await?;
        found
            .into_iter()
            .find(|row| row.source == source && profile.is_none_or(|wanted| wanted == row.profile))
            .ok_or(TranslationError::NotFound)
    }

    /// The table as CSV; its first two columns are what the offline tools take as a map.
    ///
    /// # Errors
    /// The store failed.
    pub async fn export_translations(
        &self,
        actor: &Actor,
        customer: CustomerId,
        filter: &MatchFilter,
    ) -> Result<String, TranslationError> {
        let mut csv = csv::Writer::from_writer(Vec::new());
        let io = |error: csv::Error| TranslationError::Inner(Internal(Box::new(error)));
        csv.write_record([
            "source_sid",
            "target_sid",
            "state",
            "kind",
            "source_name",
            "source_upn",
            "source_dn",
            "target_name",
            "target_upn",
            "target_dn",
        ])
        .map_err(io)?;
        let mut tx = self.store.read().await?;
        let mut after: Option<After> = None;
        let mut rows = 0_u64;
        loop {
            let page = tx.matches(customer, filter, after.as_ref(), 1_000).await?;
            let Some(last) = page.last() else { break };
            after = Some(After {
                key: last.sort_key(),
                id: last.source.0,
            });
            for row in &page {
                rows += 1;
                let sid = |sid: &Option<gw_secdesc::Sid>| {
                    sid.as_ref().map(ToString::to_string).unwrap_or_default()
                };
                let text = |text: &Option<String>| text.clone().unwrap_or_default();
                csv.write_record([
                    sid(&row.source_sid),
                    sid(&row.target_sid),
                    word(&row.outcome),
                    word(&row.kind),
                    defused(&row.source_name),
                    defused(&text(&row.source_upn)),
                    defused(&row.source_dn),
                    defused(&text(&row.target_name)),
                    defused(&text(&row.target_upn)),
                    defused(&text(&row.target_dn)),
                ])
                .map_err(io)?;
            }
        }
        drop(tx);
        let row = self.audit_row(
            actor,
            Some(customer),
            "translation.export",
            "",
            format!("exported {rows} rows of the Translation Table"),
        );
        self.store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                tx.add_audit(&row).await
            })
            .await?;
        let bytes = csv
            .into_inner()
            .map_err(|error| Internal(error.to_string().into()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// The serde word of a unit enum.
pub(crate) fn word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => text,
        _ => String::new(),
    }
}

/// A cell that a spreadsheet will not take for a formula.
pub(crate) fn defused(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

/// The words for a decision. `names` gives people's names to indices of targets and of sources.
pub(crate) fn explain(
    decision: &Decision,
    rule: (&str, &str),
    key: Option<&str>,
    target: impl Fn(usize) -> (ObjectId, String),
    source: impl Fn(usize) -> (ObjectId, String),
) -> Explanation {
    let shown = key.map(|key| match key.strip_prefix('\u{1}') {
        Some(well_known) => format!("the well-known {well_known}"),
        None => format!("{} = `{key}`", rule.0),
    });
    let shown = shown.unwrap_or_else(|| format!("no value of {}", rule.0));
    let listed = |all: &[usize], name: &dyn Fn(usize) -> (ObjectId, String)| {
        let few: Vec<(ObjectId, String)> = all.iter().take(20).map(|n| name(*n)).collect();
        let names = few
            .iter()
            .map(|(_, name)| name.as_str())
            .collect::<Vec<_>>()
            .join(", ");
        (few.into_iter().map(|(id, _)| id).collect::<Vec<_>>(), names)
    };
    let (code, sentence, candidates) = match decision {
        Decision::Matched(n) => {
            let (id, name) = target(*n);
            (
                "matched",
                format!(
                    "The source has {shown}; exactly one target has the same {}: {name}.",
                    rule.1
                ),
                vec![id],
            )
        }
        Decision::Bound(n) => {
            let (id, name) = target(*n);
            (
                "bound",
                format!(
                    "An earlier sync paired it with {name}; the pair is bound by GUID and outlives changes of names."
                ),
                vec![id],
            )
        }
        Decision::Excluded => (
            "excluded",
            "The account is disabled, and the profile leaves disabled accounts out.".into(),
            vec![],
        ),
        Decision::NoKey => (
            "no_key",
            format!(
                "The source has no value of {}; give it one, or match on another attribute.",
                rule.0
            ),
            vec![],
        ),
        Decision::NoCandidate => (
            "no_candidate",
            format!(
                "The source has {shown}; no target has the same {}. Create or correct the target, then import and sync.",
                rule.1
            ),
            vec![],
        ),
        Decision::AmbiguousTargets(all) => {
            let (ids, names) = listed(all, &target);
            (
                "ambiguous_targets",
                format!(
                    "The source has {shown}; several targets have the same {}: {names}. Nothing is guessed; make them differ.",
                    rule.1
                ),
                ids,
            )
        }
        Decision::AmbiguousSources(all) => {
            let (ids, names) = listed(all, &source);
            (
                "ambiguous_sources",
                format!(
                    "The source has {shown}, and so have other sources: {names}. Nothing is guessed; make them differ."
                ),
                ids,
            )
        }
        Decision::TargetTaken(n) => {
            let (id, name) = source(*n);
            (
                "target_taken",
                format!(
                    "The source has {shown}, but the only such target belongs to {name} already."
                ),
                vec![id],
            )
        }
    };
    Explanation {
        code: code.into(),
        sentences: vec![sentence],
        candidates,
    }
}

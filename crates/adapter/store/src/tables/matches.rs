//! What syncs found: one row per source object, under generations like the objects themselves.

use crate::{
    MatchFilter, MatchOutcome, MatchRecord, StoreError, Tx,
    tables::After,
    tx::Query,
    value::{Doc, Row, Value, Word, args},
};
use gw_model::{CustomerId, Guid, ObjectId, ProfileId, fold};
use gw_secdesc::Sid;

const OPEN: i64 = i64::MAX;
const COLUMNS: &str = "m.profile, m.kind, m.outcome, m.source_directory, m.source, m.source_guid, \
    m.source_name, m.source_upn, m.source_dn, m.source_sid, m.source_sid_history, \
    m.target_directory, m.target, m.target_guid, m.target_name, m.target_upn, m.target_dn, \
    m.target_sid, m.explanation";
/// Match rows as readers see them: of the profile's current generation.
const SEEN: &str = "FROM match_row m JOIN profile p ON p.id = m.profile \
    WHERE m.gen_from <= p.generation AND m.gen_to > p.generation";

fn found(row: &Row) -> Result<MatchRecord, StoreError> {
    let mut c = row.columns();
    Ok(MatchRecord {
        profile: c.take()?,
        kind: c.word()?,
        outcome: c.word()?,
        source_directory: c.take()?,
        source: c.take()?,
        source_guid: c.take()?,
        source_name: c.take()?,
        source_upn: c.take()?,
        source_dn: c.take()?,
        source_sid: c.take()?,
        source_sid_history: c.doc()?,
        target_directory: c.take()?,
        target: c.take()?,
        target_guid: c.take()?,
        target_name: c.take()?,
        target_upn: c.take()?,
        target_dn: c.take()?,
        target_sid: c.take()?,
        explanation: c.take()?,
    })
}

fn search_text(record: &MatchRecord) -> String {
    let source_sid = record.source_sid.as_ref().map(ToString::to_string);
    let target_sid = record.target_sid.as_ref().map(ToString::to_string);
    let parts = [
        Some(record.source_name.as_str()),
        record.source_upn.as_deref(),
        source_sid.as_deref(),
        record.target_name.as_deref(),
        record.target_upn.as_deref(),
        target_sid.as_deref(),
    ];
    fold(&parts.into_iter().flatten().collect::<Vec<_>>().join(" "))
}

/// A source object's row as a sync must know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MatchKey {
    /// The source object.
    pub source: ObjectId,
    /// The target that it is paired with.
    pub target_guid: Option<Guid>,
    /// The hash stored with the row.
    pub fingerprint: i64,
}

/// A hash of everything a reader sees of the row; FNV-1a over its JSON. How a pair was found is
/// left out: the second sync finds it bound, and that alone is no change.
fn fingerprint(record: &MatchRecord) -> i64 {
    let mut record = record.clone();
    if record.outcome == MatchOutcome::Matched {
        record.explanation.clear();
    }
    let text = serde_json::to_string(&record).unwrap_or_default();
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    i64::from_ne_bytes(hash.to_ne_bytes())
}

impl MatchRecord {
    /// The key by which the table is ordered.
    #[must_use]
    pub fn sort_key(&self) -> String {
        fold(&self.source_name)
    }

    /// A hash of everything a reader sees of the row.
    #[must_use]
    pub fn fingerprint(&self) -> i64 {
        fingerprint(self)
    }
}

impl Tx {
    /// Throws away what an interrupted sync left above `generation`.
    pub async fn discard_matches_above(
        &mut self,
        profile: ProfileId,
        generation: i64,
    ) -> Result<(), StoreError> {
        let sql = "DELETE FROM match_row WHERE profile = $1 AND gen_from > $2";
        self.exec(sql, args![profile, generation]).await?;
        self.exec(
            "UPDATE match_row SET gen_to = $3 WHERE profile = $1 AND gen_to > $2 AND gen_to < $3",
            args![profile, generation, OPEN],
        )
        .await?;
        Ok(())
    }

    /// Writes a row into `generation`. If it replaces a row, end that first.
    pub async fn put_match(
        &mut self,
        customer: CustomerId,
        record: &MatchRecord,
        generation: i64,
    ) -> Result<(), StoreError> {
        let mut values: Vec<Value> = args![
            record.profile,
            customer,
            generation,
            OPEN,
            Word(record.kind),
            Word(record.outcome),
            record.source_directory,
            record.source,
            record.source_guid,
            &record.source_name,
            record.source_upn.clone(),
            &record.source_dn,
        ];
        values.extend(args![
            record.source_sid.as_ref().map(ToString::to_string),
            Doc(&record.source_sid_history),
            record.target_directory,
            record.target,
            record.target_guid,
            record.target_name.clone(),
            record.target_upn.clone(),
            record.target_dn.clone(),
            record.target_sid.as_ref().map(ToString::to_string),
            &record.explanation,
            record.sort_key(),
            search_text(record),
            record.fingerprint(),
        ]);
        self.exec(
            "INSERT INTO match_row (profile, customer, gen_from, gen_to, kind, outcome, \
             source_directory, source, source_guid, source_name, source_upn, source_dn, \
             source_sid, source_sid_history, target_directory, target, target_guid, target_name, \
             target_upn, target_dn, target_sid, explanation, sort_key, search, fingerprint) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, \
             $18, $19, $20, $21, $22, $23, $24, $25)",
            values,
        )
        .await?;
        Ok(())
    }

    /// Ends the row of a source object that a sync no longer sees.
    pub async fn end_match(
        &mut self,
        profile: ProfileId,
        source: ObjectId,
        generation: i64,
    ) -> Result<(), StoreError> {
        self.exec(
            "UPDATE match_row SET gen_to = $3 WHERE profile = $1 AND source = $2 AND gen_to = $4",
            args![profile, source, generation, OPEN],
        )
        .await?;
        Ok(())
    }

    /// Deletes up to `limit` rows that no reader of `generation` or later sees; how many.
    pub async fn sweep_matches(
        &mut self,
        profile: ProfileId,
        generation: i64,
        limit: i64,
    ) -> Result<u64, StoreError> {
        self.exec(
            "DELETE FROM match_row WHERE (profile, source, gen_from) IN (SELECT profile, source, \
             gen_from FROM match_row WHERE profile = $1 AND gen_to <= $2 LIMIT $3)",
            args![profile, generation, limit],
        )
        .await
    }

    /// Up to `limit` of a profile's newest rows, as a sync needs them, ordered by source.
    pub async fn match_keys(
        &mut self,
        profile: ProfileId,
        after: ObjectId,
        limit: i64,
    ) -> Result<Vec<MatchKey>, StoreError> {
        let rows = self
            .rows(
                "SELECT source, target_guid, fingerprint FROM match_row WHERE profile = $1 \
                 AND source > $2 AND gen_to = $3 ORDER BY source LIMIT $4",
                args![profile, after, OPEN, limit],
            )
            .await?;
        rows.iter()
            .map(|row| {
                let mut c = row.columns();
                Ok(MatchKey {
                    source: c.take()?,
                    target_guid: c.take()?,
                    fingerprint: c.take()?,
                })
            })
            .collect()
    }

    /// The Translation Table and what is missing from it, by the source's name.
    pub async fn matches(
        &mut self,
        customer: CustomerId,
        filter: &MatchFilter,
        after: Option<&After>,
        limit: i64,
    ) -> Result<Vec<MatchRecord>, StoreError> {
        let mut query = Query::new(&format!("SELECT {COLUMNS} {SEEN}"), vec![]);
        query.bind(" AND m.customer = ?", args![customer]);
        query.bind_if(" AND m.profile = ?", filter.profile);
        query.bind_if(" AND m.outcome = ?", filter.outcome.map(Word));
        query.bind_if(" AND m.kind = ?", filter.kind.map(Word));
        query.contains(" AND m.search LIKE ? ESCAPE '\\'", filter.search.as_deref());
        if let Some(after) = after {
            query.bind(
                " AND (m.sort_key, m.source) > (?, ?)",
                args![&after.key, after.id],
            );
        }
        query.bind(
            " ORDER BY m.sort_key, m.source, m.profile LIMIT ?",
            args![limit],
        );
        let (sql, args) = query.done();
        self.rows(sql, args).await?.iter().map(found).collect()
    }

    /// How many rows there are of each outcome, of one profile or of the customer.
    pub async fn match_counts(
        &mut self,
        customer: CustomerId,
        profile: Option<ProfileId>,
    ) -> Result<[(MatchOutcome, i64); 3], StoreError> {
        let mut query = Query::new(&format!("SELECT m.outcome, COUNT(*) {SEEN}"), vec![]);
        query.bind(" AND m.customer = ?", args![customer]);
        query.bind_if(" AND m.profile = ?", profile);
        query.push(" GROUP BY m.outcome");
        let (sql, args) = query.done();
        let mut counts = [
            (MatchOutcome::Matched, 0),
            (MatchOutcome::Unmatched, 0),
            (MatchOutcome::Ambiguous, 0),
        ];
        for row in &self.rows(sql, args).await? {
            let mut c = row.columns();
            let (outcome, n): (MatchOutcome, i64) = (c.word()?, c.take()?);
            for slot in &mut counts {
                if slot.0 == outcome {
                    slot.1 = n;
                }
            }
        }
        Ok(counts)
    }

    /// Rows in which an object is the source or the target.
    pub async fn matches_of_object(
        &mut self,
        customer: CustomerId,
        object: ObjectId,
    ) -> Result<Vec<MatchRecord>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} {SEEN} AND m.customer = $1 AND (m.source = $2 OR m.target = $2) \
             ORDER BY m.profile, m.sort_key"
        );
        self.rows(sql, args![customer, object])
            .await?
            .iter()
            .map(found)
            .collect()
    }

    /// The matched pair whose source has this SID now.
    pub async fn pair_by_sid(
        &mut self,
        customer: CustomerId,
        sid: &Sid,
    ) -> Result<Vec<MatchRecord>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} {SEEN} AND m.customer = $1 AND m.source_sid = $2 \
             AND m.outcome = 'matched' ORDER BY m.profile"
        );
        self.rows(sql, args![customer, sid])
            .await?
            .iter()
            .map(found)
            .collect()
    }

    /// Matched pairs whose source has earlier SIDs (sIDHistory), ordered by name.
    pub async fn pairs_with_history(
        &mut self,
        customer: CustomerId,
    ) -> Result<Vec<MatchRecord>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} {SEEN} AND m.customer = $1 AND m.source_sid_history <> '[]' \
             AND m.outcome = 'matched' ORDER BY m.sort_key, m.source"
        );
        self.rows(sql, args![customer])
            .await?
            .iter()
            .map(found)
            .collect()
    }
}

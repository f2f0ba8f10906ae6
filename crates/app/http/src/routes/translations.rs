//! The Translation Table.

use axum::extract::State;
use gw_admin_api::Page;
use gw_admin_api::objects::ObjectRef;
use gw_admin_api::translations::{
    Explanation, ProfileQuery, TranslationCounts, TranslationQuery, TranslationRow,
    TranslationState,
};
use gw_model::{CustomerId, ObjectId};
use gw_store::{MatchFilter, MatchOutcome, MatchRecord};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::objects::container;
use super::{Answer, shape};
use crate::{
    App,
    auth::Caller,
    extract::{CsvFile, Json, Path, Query},
    problem::Problem,
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_translations))
        .routes(routes!(count_translations))
        .routes(routes!(export_translations))
        .routes(routes!(explain_translation))
}

/// Source objects and their counterparts, by name.
#[utoipa::path(get, path = "/customers/{customer}/translations", tag = "translations", params(TranslationQuery),
    responses((status = 200, body = Page<TranslationRow>)))]
async fn list_translations(
    State(app): State<App>,
    Path(customer): Path<CustomerId>,
    Query(query): Query<TranslationQuery>,
) -> Answer<Page<TranslationRow>> {
    let ask = shape::ask(query.cursor.clone(), query.limit, query.q.clone());
    let found = app
        .services
        .translations(customer, &filter(query), &ask)
        .await?;
    Ok(Json(shape::page(found, |record| row(&record))))
}

/// How many rows there are in each state.
#[utoipa::path(get, path = "/customers/{customer}/translations/counts", tag = "translations",
    responses((status = 200, body = TranslationCounts)))]
async fn count_translations(
    State(app): State<App>,
    Path(customer): Path<CustomerId>,
) -> Answer<TranslationCounts> {
    Ok(Json(counts(
        app.services.translation_counts(customer).await?,
    )))
}

/// The rows as CSV, with the SIDs in the first two columns.
#[utoipa::path(get, path = "/customers/{customer}/translations.csv", tag = "translations", params(TranslationQuery),
    responses((status = 200, body = String, content_type = "text/csv")))]
async fn export_translations(
    State(app): State<App>,
    caller: Caller,
    Path(customer): Path<CustomerId>,
    Query(query): Query<TranslationQuery>,
) -> Result<CsvFile, Problem> {
    let text = app
        .services
        .export_translations(&caller.actor(), customer, &filter(query))
        .await?;
    Ok(CsvFile {
        name: "translations.csv",
        text,
    })
}

/// How matching came to its decision for one source object.
#[utoipa::path(get, path = "/customers/{customer}/translations/{object}/explanation", tag = "translations",
    params(ProfileQuery), responses((status = 200, body = Explanation)))]
async fn explain_translation(
    State(app): State<App>,
    Path((customer, object)): Path<(CustomerId, ObjectId)>,
    Query(query): Query<ProfileQuery>,
) -> Answer<Explanation> {
    let found = app
        .services
        .explain(customer, query.profile_id, object)
        .await?;
    Ok(Json(explanation(found)))
}

fn filter(query: TranslationQuery) -> MatchFilter {
    MatchFilter {
        profile: query.profile_id,
        outcome: query.state.map(|state| match state {
            TranslationState::Matched => MatchOutcome::Matched,
            TranslationState::Unmatched => MatchOutcome::Unmatched,
            TranslationState::Ambiguous => MatchOutcome::Ambiguous,
        }),
        kind: query.kind.map(shape::model_kind),
        search: query.q,
    }
}

pub(super) fn explanation(record: MatchRecord) -> Explanation {
    let told: gw_services::Explanation =
        serde_json::from_str(&record.explanation).unwrap_or_default();
    Explanation {
        code: told.code,
        sentences: told.sentences,
        candidate_ids: told.candidates,
        row: row(&record),
    }
}

fn row(record: &MatchRecord) -> TranslationRow {
    let source = ObjectRef {
        id: record.source,
        directory_id: record.source_directory,
        kind: shape::kind(record.kind),
        name: record.source_name.clone(),
        account_name: record.source_name.clone(),
        principal: record.source_upn.clone(),
        container: container(&record.source_dn).to_owned(),
        sid: record.source_sid.as_ref().map(ToString::to_string),
    };
    let target = record.target.map(|id| ObjectRef {
        id,
        directory_id: record.target_directory,
        kind: shape::kind(record.kind),
        name: record.target_name.clone().unwrap_or_default(),
        account_name: record.target_name.clone().unwrap_or_default(),
        principal: record.target_upn.clone(),
        container: record
            .target_dn
            .as_deref()
            .map(container)
            .unwrap_or_default()
            .to_owned(),
        sid: record.target_sid.as_ref().map(ToString::to_string),
    });
    TranslationRow {
        source,
        target,
        profile_id: record.profile,
        state: match record.outcome {
            MatchOutcome::Matched => TranslationState::Matched,
            MatchOutcome::Unmatched => TranslationState::Unmatched,
            MatchOutcome::Ambiguous => TranslationState::Ambiguous,
        },
    }
}

pub(super) fn counts([matched, unmatched, ambiguous]: [i64; 3]) -> TranslationCounts {
    TranslationCounts {
        matched: shape::count(matched),
        unmatched: shape::count(unmatched),
        ambiguous: shape::count(ambiguous),
    }
}

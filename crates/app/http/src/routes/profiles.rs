//! Sync profiles.

use std::collections::BTreeMap;

use axum::extract::State;
use gw_admin_api::Page;
use gw_admin_api::jobs::Job;
use gw_admin_api::sync_profiles::{MatchRule, SyncProfile, SyncProfileInput};
use gw_model::{CustomerId, ProfileId};
use gw_services::{ProfileDraft, ProfileView};
use http::StatusCode;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, jobs, shape, translations};
use crate::{
    App,
    auth::Caller,
    extract::{IfMatch, Json, Path, Versioned},
    problem::Problem,
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_sync_profiles, create_sync_profile))
        .routes(routes!(
            get_sync_profile,
            update_sync_profile,
            delete_sync_profile
        ))
        .routes(routes!(start_sync))
}

/// The sync profiles, by name.
#[utoipa::path(get, path = "/customers/{customer}/sync-profiles", tag = "sync profiles",
    responses((status = 200, body = Page<SyncProfile>)))]
async fn list_sync_profiles(
    State(app): State<App>,
    Path(customer): Path<CustomerId>,
) -> Answer<Page<SyncProfile>> {
    let all = app.services.profiles(customer).await?;
    Ok(Json(Page::whole(all.into_iter().map(profile).collect())))
}

/// Makes a sync profile.
#[utoipa::path(post, path = "/customers/{customer}/sync-profiles", tag = "sync profiles",
    request_body = SyncProfileInput, responses((status = 201, body = SyncProfile)))]
async fn create_sync_profile(
    State(app): State<App>,
    caller: Caller,
    Path(customer): Path<CustomerId>,
    Json(input): Json<SyncProfileInput>,
) -> Result<(StatusCode, Versioned<Json<SyncProfile>>), Problem> {
    let made = profile(
        app.services
            .create_profile(&caller.actor(), customer, draft(input)?)
            .await?,
    );
    Ok((StatusCode::CREATED, Versioned(made.version, Json(made))))
}

/// One sync profile.
#[utoipa::path(get, path = "/customers/{customer}/sync-profiles/{profile}", tag = "sync profiles",
    responses((status = 200, body = SyncProfile)))]
async fn get_sync_profile(
    State(app): State<App>,
    Path((customer, id)): Path<(CustomerId, ProfileId)>,
) -> Result<Versioned<Json<SyncProfile>>, Problem> {
    let found = profile(app.services.profile(customer, id).await?);
    Ok(Versioned(found.version, Json(found)))
}

/// Changes a sync profile.
#[utoipa::path(put, path = "/customers/{customer}/sync-profiles/{profile}", tag = "sync profiles",
    request_body = SyncProfileInput, responses((status = 200, body = SyncProfile)))]
async fn update_sync_profile(
    State(app): State<App>,
    caller: Caller,
    Path((customer, id)): Path<(CustomerId, ProfileId)>,
    IfMatch(version): IfMatch,
    Json(input): Json<SyncProfileInput>,
) -> Result<Versioned<Json<SyncProfile>>, Problem> {
    let saved = profile(
        app.services
            .update_profile(&caller.actor(), customer, id, version, draft(input)?)
            .await?,
    );
    Ok(Versioned(saved.version, Json(saved)))
}

/// Removes a sync profile with the rows it decided.
#[utoipa::path(delete, path = "/customers/{customer}/sync-profiles/{profile}", tag = "sync profiles",
    responses((status = 204)))]
async fn delete_sync_profile(
    State(app): State<App>,
    caller: Caller,
    Path((customer, id)): Path<(CustomerId, ProfileId)>,
    IfMatch(version): IfMatch,
) -> Result<StatusCode, Problem> {
    app.services
        .delete_profile(&caller.actor(), customer, id, version)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Evaluates a profile now.
#[utoipa::path(post, path = "/customers/{customer}/sync-profiles/{profile}/sync", tag = "sync profiles",
    responses((status = 202, body = Job)))]
async fn start_sync(
    State(app): State<App>,
    caller: Caller,
    Path((customer, id)): Path<(CustomerId, ProfileId)>,
) -> Result<(StatusCode, Json<Job>), Problem> {
    let job = app
        .services
        .start_sync(&caller.actor(), customer, id)
        .await?;
    Ok((StatusCode::ACCEPTED, Json(jobs::job(job))))
}

fn draft(input: SyncProfileInput) -> Result<ProfileDraft, Problem> {
    let mut rules = BTreeMap::new();
    for (number, rule) in input.rules.into_iter().enumerate() {
        let attribute = gw_matching::AttributeRule {
            source_attribute: rule.source_attribute,
            target_attribute: rule.target_attribute,
        };
        if rules
            .insert(shape::model_kind(rule.kind), attribute)
            .is_some()
        {
            let sentence = "there is already a rule for this kind; keep one of them";
            return Err(Problem::unprocessable("profile.rule_twice", sentence)
                .at(format!("rules.{number}.kind"), sentence));
        }
    }
    Ok(ProfileDraft {
        name: input.name,
        source: input.source_directory_id,
        target: input.target_directory_id,
        rules: gw_matching::SyncProfile {
            rules,
            well_known_groups: input.well_known_groups,
            include_disabled: input.include_disabled,
        },
    })
}

fn profile(view: ProfileView) -> SyncProfile {
    let rules = view.rules.rules.into_iter().map(|(kind, rule)| MatchRule {
        kind: shape::kind(kind),
        source_attribute: rule.source_attribute,
        target_attribute: rule.target_attribute,
    });
    SyncProfile {
        id: view.profile.id,
        name: view.profile.name,
        source_directory_id: view.profile.source,
        target_directory_id: view.profile.target,
        rules: rules.collect(),
        well_known_groups: view.rules.well_known_groups,
        include_disabled: view.rules.include_disabled,
        counts: translations::counts(view.counts),
        synced_at: view.profile.synced_at,
        version: view.profile.revision,
    }
}

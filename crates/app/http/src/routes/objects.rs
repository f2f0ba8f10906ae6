//! Imported objects.

use axum::extract::State;
use gw_admin_api::Page;
use gw_admin_api::objects::{ObjectQuery, ObjectRef, ObjectReport};
use gw_model::{CustomerId, DirectoryObject, ObjectId};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, device_view, runs, shape, translations};
use crate::{
    App,
    extract::{Json, Path, Query},
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_objects))
        .routes(routes!(get_object))
}

/// Imported users, groups and computers, by name.
#[utoipa::path(get, path = "/customers/{customer}/objects", tag = "objects", params(ObjectQuery),
    responses((status = 200, body = Page<ObjectRef>)))]
async fn list_objects(
    State(app): State<App>,
    Path(customer): Path<CustomerId>,
    Query(query): Query<ObjectQuery>,
) -> Answer<Page<ObjectRef>> {
    let ask = shape::ask(query.cursor, query.limit, query.q);
    let kind = query.kind.map(shape::model_kind);
    let found = app
        .services
        .objects(customer, query.directory_id, kind, &ask)
        .await?;
    Ok(Json(shape::page(found, |object| line(&object))))
}

/// Everything known about one object, and how each profile decided on it.
#[utoipa::path(get, path = "/customers/{customer}/objects/{object}", tag = "objects",
    responses((status = 200, body = ObjectReport)))]
async fn get_object(
    State(app): State<App>,
    Path((customer, id)): Path<(CustomerId, ObjectId)>,
) -> Answer<ObjectReport> {
    let report = app.services.object_report(customer, id).await?;
    let object = report.object;
    Ok(Json(ObjectReport {
        object: line(&object),
        guid: object.guid.to_string(),
        distinguished_name: object.dn.clone(),
        sid_history: object.sid_history.iter().map(ToString::to_string).collect(),
        enabled: object.enabled,
        explanations: report
            .matches
            .into_iter()
            .map(translations::explanation)
            .collect(),
        device_id: report.device.map(|device| device.id),
        batch: report.batch.map(device_view::batch),
        runs: report.runs.into_iter().map(runs::summary).collect(),
        attributes: object.attributes,
    }))
}

pub(super) fn line(object: &DirectoryObject) -> ObjectRef {
    ObjectRef {
        id: object.id,
        directory_id: object.directory,
        kind: shape::kind(object.kind),
        name: object
            .display_name
            .clone()
            .unwrap_or_else(|| object.account_name.clone()),
        account_name: object.account_name.clone(),
        principal: object.upn.clone().or_else(|| object.dns_host_name.clone()),
        container: container(&object.dn).to_owned(),
        sid: object.sid.as_ref().map(ToString::to_string),
    }
}

/// Everything after the first comma that is not escaped.
pub(super) fn container(dn: &str) -> &str {
    let mut escaped = false;
    for (at, character) in dn.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ',' => return dn.get(at + 1..).unwrap_or_default(),
            _ => {}
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::container;

    #[test]
    fn an_escaped_comma_belongs_to_the_name() {
        assert_eq!(
            container("CN=Doe\\, Jane,OU=People,DC=source,DC=test"),
            "OU=People,DC=source,DC=test"
        );
        assert_eq!(container("DC=test"), "");
    }
}

//! The audit trail.

use axum::extract::State;
use gw_admin_api::Page;
use gw_admin_api::audit::{AuditEntry, AuditQuery};
use gw_services::AuditFilter;
use gw_store::AuditRecord;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, shape};
use crate::{
    App,
    extract::{Json, Query},
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_audit))
}

/// Who did what, the newest first. Refusals of strangers and agents are counted per cause, source and hour.
#[utoipa::path(get, path = "/audit", tag = "server", params(AuditQuery),
    responses((status = 200, body = Page<AuditEntry>)))]
async fn list_audit(
    State(app): State<App>,
    Query(query): Query<AuditQuery>,
) -> Answer<Page<AuditEntry>> {
    let ask = shape::ask(query.cursor, query.limit, query.q);
    let filter = AuditFilter {
        customer: query.customer,
        action: query.action,
    };
    Ok(Json(shape::page(
        app.services.audit(&filter, &ask).await?,
        entry,
    )))
}

fn entry(record: AuditRecord) -> AuditEntry {
    AuditEntry {
        id: record.id,
        at: record.at,
        last_at: record.last_at,
        actor: record.actor,
        action: record.action,
        customer_id: record.customer,
        object: record.object,
        detail: record.detail,
        source: record.source,
        count: shape::count(record.count),
    }
}

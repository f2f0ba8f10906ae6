//! What agents report while they work.

use axum::extract::State;
use gw_admin_api::Page;
use gw_admin_api::agent_logs::{AgentLogLine, AgentLogQuery};
use gw_model::CustomerId;
use gw_services::{LogFilter, LogLine};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, shape};
use crate::{
    App,
    extract::{Json, Path, Query},
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_agent_logs))
}

/// Lines from devices, the newest first.
#[utoipa::path(get, path = "/customers/{customer}/agent-logs", tag = "runs", params(AgentLogQuery),
    responses((status = 200, body = Page<AgentLogLine>)))]
async fn list_agent_logs(
    State(app): State<App>,
    Path(customer): Path<CustomerId>,
    Query(query): Query<AgentLogQuery>,
) -> Answer<Page<AgentLogLine>> {
    let filter = LogFilter {
        device: query.device_id,
        run: query.run_id,
        at_least: query.severity.map(shape::model_severity),
    };
    let ask = shape::ask(query.cursor, query.limit, query.q);
    Ok(Json(shape::page(
        app.services.agent_logs(customer, &filter, &ask).await?,
        line,
    )))
}

fn line(line: LogLine) -> AgentLogLine {
    AgentLogLine {
        seq: line.record.sequence,
        at: line.record.at,
        device_id: line.device,
        device_name: line.device_name,
        run_id: line.record.run,
        severity: shape::severity(line.record.severity),
        code: line.record.code.0,
        text: line.record.text,
    }
}

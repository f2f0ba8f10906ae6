//! Tests of directory connections, stored or not.

use axum::extract::State;
use gw_admin_api::directories::{
    CheckOutcome, ConnectionCheck, ConnectionCheckName, ConnectionTest, DirectoryInput, TestQuery,
};
use gw_directory::{Check, CheckName, ConnectionReport};
use gw_model::{CustomerId, DirectoryId};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, directories};
use crate::{
    App,
    extract::{Json, Path, Query},
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(test_new_connection))
        .routes(routes!(test_stored_connection))
}

/// Tests a connection that is not stored.
#[utoipa::path(post, path = "/customers/{customer}/directories/test-connection", tag = "directories",
    params(TestQuery), request_body = DirectoryInput, responses((status = 200, body = ConnectionTest)))]
async fn test_new_connection(
    State(app): State<App>,
    Path(customer): Path<CustomerId>,
    Query(query): Query<TestQuery>,
    Json(input): Json<DirectoryInput>,
) -> Answer<ConnectionTest> {
    let draft = directories::draft(input);
    Ok(Json(report(
        app.services
            .test_directory_draft(customer, query.directory_id, draft)
            .await?,
    )))
}

/// Tests the connection of a stored directory.
#[utoipa::path(post, path = "/customers/{customer}/directories/{directory}/test-connection", tag = "directories",
    responses((status = 200, body = ConnectionTest)))]
async fn test_stored_connection(
    State(app): State<App>,
    Path((customer, id)): Path<(CustomerId, DirectoryId)>,
) -> Answer<ConnectionTest> {
    Ok(Json(report(
        app.services.test_directory(customer, id).await?,
    )))
}

fn report(report: ConnectionReport) -> ConnectionTest {
    ConnectionTest {
        ok: report.is_ok(),
        domain: report.facts.map(|facts| facts.dns_name),
        checks: report.checks.into_iter().map(check).collect(),
    }
}

fn check(check: Check) -> ConnectionCheck {
    let name = match check.name {
        CheckName::Name => ConnectionCheckName::Name,
        CheckName::Port => ConnectionCheckName::Port,
        CheckName::Tls => ConnectionCheckName::Tls,
        CheckName::Credentials => ConnectionCheckName::Credentials,
        CheckName::BaseDn => ConnectionCheckName::BaseDn,
        CheckName::Rights => ConnectionCheckName::Rights,
    };
    let (outcome, code, message) = match check.outcome {
        gw_directory::CheckOutcome::Ok { detail } => (CheckOutcome::Ok, None, detail),
        gw_directory::CheckOutcome::Failed(problem) => (
            CheckOutcome::Failed,
            Some(problem.code.to_owned()),
            format!("{}; {}", problem.cause, problem.remedy),
        ),
        gw_directory::CheckOutcome::NotRun => (CheckOutcome::NotRun, None, String::new()),
    };
    ConnectionCheck {
        name,
        outcome,
        code,
        message,
    }
}

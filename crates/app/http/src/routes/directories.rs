//! Connections to directories.

use axum::extract::State;
use gw_admin_api::Page;
use gw_admin_api::directories::{
    AdConnection, CertificateTrust, Connection, Directory, DirectoryCounts, DirectoryInput,
    LdapTransport,
};
use gw_admin_api::jobs::Job;
use gw_directory::{Transport, Trust};
use gw_model::{CustomerId, DirectoryId};
use gw_services::{DirectoryDraft, DirectoryView};
use http::StatusCode;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, jobs, shape};
use crate::{
    App,
    auth::Caller,
    extract::{IfMatch, Json, Path, Versioned},
    problem::Problem,
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_directories, create_directory))
        .routes(routes!(get_directory, update_directory, delete_directory))
        .routes(routes!(start_import))
}

/// The directories, by name.
#[utoipa::path(get, path = "/customers/{customer}/directories", tag = "directories",
    responses((status = 200, body = Page<Directory>)))]
async fn list_directories(
    State(app): State<App>,
    Path(customer): Path<CustomerId>,
) -> Answer<Page<Directory>> {
    let all = app.services.directories(customer).await?;
    Ok(Json(Page::whole(all.into_iter().map(directory).collect())))
}

/// Makes a directory.
#[utoipa::path(post, path = "/customers/{customer}/directories", tag = "directories",
    request_body = DirectoryInput, responses((status = 201, body = Directory)))]
async fn create_directory(
    State(app): State<App>,
    caller: Caller,
    Path(customer): Path<CustomerId>,
    Json(input): Json<DirectoryInput>,
) -> Result<(StatusCode, Versioned<Json<Directory>>), Problem> {
    let made = directory(
        app.services
            .create_directory(&caller.actor(), customer, draft(input))
            .await?,
    );
    Ok((StatusCode::CREATED, Versioned(made.version, Json(made))))
}

/// One directory.
#[utoipa::path(get, path = "/customers/{customer}/directories/{directory}", tag = "directories",
    responses((status = 200, body = Directory)))]
async fn get_directory(
    State(app): State<App>,
    Path((customer, id)): Path<(CustomerId, DirectoryId)>,
) -> Result<Versioned<Json<Directory>>, Problem> {
    let found = directory(app.services.directory(customer, id).await?);
    Ok(Versioned(found.version, Json(found)))
}

/// Changes a directory.
#[utoipa::path(put, path = "/customers/{customer}/directories/{directory}", tag = "directories",
    request_body = DirectoryInput, responses((status = 200, body = Directory)))]
async fn update_directory(
    State(app): State<App>,
    caller: Caller,
    Path((customer, id)): Path<(CustomerId, DirectoryId)>,
    IfMatch(version): IfMatch,
    Json(input): Json<DirectoryInput>,
) -> Result<Versioned<Json<Directory>>, Problem> {
    let saved = directory(
        app.services
            .update_directory(&caller.actor(), customer, id, version, draft(input))
            .await?,
    );
    Ok(Versioned(saved.version, Json(saved)))
}

/// Removes a directory that nothing uses.
#[utoipa::path(delete, path = "/customers/{customer}/directories/{directory}", tag = "directories",
    responses((status = 204)))]
async fn delete_directory(
    State(app): State<App>,
    caller: Caller,
    Path((customer, id)): Path<(CustomerId, DirectoryId)>,
    IfMatch(version): IfMatch,
) -> Result<StatusCode, Problem> {
    app.services
        .delete_directory(&caller.actor(), customer, id, version)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Imports a directory now.
#[utoipa::path(post, path = "/customers/{customer}/directories/{directory}/import", tag = "directories",
    responses((status = 202, body = Job)))]
async fn start_import(
    State(app): State<App>,
    caller: Caller,
    Path((customer, id)): Path<(CustomerId, DirectoryId)>,
) -> Result<(StatusCode, Json<Job>), Problem> {
    let job = app
        .services
        .start_import(&caller.actor(), customer, id)
        .await?;
    Ok((StatusCode::ACCEPTED, Json(jobs::job(job))))
}

pub(super) fn draft(input: DirectoryInput) -> DirectoryDraft {
    let Connection::ActiveDirectory(ad) = input.connection;
    DirectoryDraft {
        name: input.name,
        connection: gw_services::AdConnection {
            host: ad.host,
            address: ad.address,
            port: ad.port,
            transport: match ad.transport {
                LdapTransport::Ldaps => Transport::Ldaps,
                LdapTransport::StartTls => Transport::StartTls,
            },
            trust: match ad.trust {
                CertificateTrust::System => Trust::System,
                CertificateTrust::Ca { pem } => Trust::Ca { pem },
                CertificateTrust::Pin { sha256 } => Trust::Pin { sha256 },
            },
            account: ad.account,
            base_dn: ad.base_dn,
            extra_attributes: ad.extra_attributes,
        },
        password: input.password.map(|password| password.expose().to_owned()),
    }
}

fn directory(view: DirectoryView) -> Directory {
    let ad = view.connection;
    Directory {
        id: view.directory.id,
        name: view.directory.name,
        connection: Connection::ActiveDirectory(AdConnection {
            host: ad.host,
            address: ad.address,
            port: ad.port,
            transport: match ad.transport {
                Transport::Ldaps => LdapTransport::Ldaps,
                Transport::StartTls => LdapTransport::StartTls,
            },
            trust: match ad.trust {
                Trust::System => CertificateTrust::System,
                Trust::Ca { pem } => CertificateTrust::Ca { pem },
                Trust::Pin { sha256 } => CertificateTrust::Pin { sha256 },
            },
            account: ad.account,
            base_dn: ad.base_dn,
            extra_attributes: ad.extra_attributes,
        }),
        domain: view.directory.domain,
        password_set: view.has_secret,
        counts: DirectoryCounts {
            users: shape::count(view.counts.users),
            groups: shape::count(view.counts.groups),
            computers: shape::count(view.counts.computers),
        },
        imported_at: view.directory.imported_at,
        last_import: view.last_import.map(jobs::job),
        version: view.directory.revision,
    }
}

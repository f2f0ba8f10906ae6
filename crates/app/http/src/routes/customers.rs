//! Customer environments.

use axum::extract::State;
use gw_admin_api::Page;
use gw_admin_api::customers::{Customer, CustomerInput};
use gw_model::CustomerId;
use gw_services::CustomerView;
use http::StatusCode;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::Answer;
use crate::{
    App,
    auth::Caller,
    extract::{IfMatch, Json, Path, Versioned},
    problem::Problem,
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_customers, create_customer))
        .routes(routes!(get_customer, update_customer))
}

/// The customer environments, by name.
#[utoipa::path(get, path = "/customers", tag = "customers", responses((status = 200, body = Page<Customer>)))]
async fn list_customers(State(app): State<App>) -> Answer<Page<Customer>> {
    let all = app.services.customers().await?;
    Ok(Json(Page::whole(all.into_iter().map(shape).collect())))
}

/// Makes a customer environment.
#[utoipa::path(post, path = "/customers", tag = "customers", request_body = CustomerInput,
    responses((status = 201, body = Customer)))]
async fn create_customer(
    State(app): State<App>,
    caller: Caller,
    Json(input): Json<CustomerInput>,
) -> Result<(StatusCode, Versioned<Json<Customer>>), Problem> {
    let made = shape(
        app.services
            .create_customer(&caller.actor(), &input.name)
            .await?,
    );
    Ok((StatusCode::CREATED, Versioned(made.version, Json(made))))
}

/// One customer environment.
#[utoipa::path(get, path = "/customers/{customer}", tag = "customers", responses((status = 200, body = Customer)))]
async fn get_customer(
    State(app): State<App>,
    Path(customer): Path<CustomerId>,
) -> Result<Versioned<Json<Customer>>, Problem> {
    let found = shape(app.services.customer(customer).await?);
    Ok(Versioned(found.version, Json(found)))
}

/// Renames a customer environment.
#[utoipa::path(put, path = "/customers/{customer}", tag = "customers", request_body = CustomerInput,
    responses((status = 200, body = Customer)))]
async fn update_customer(
    State(app): State<App>,
    caller: Caller,
    Path(customer): Path<CustomerId>,
    IfMatch(version): IfMatch,
    Json(input): Json<CustomerInput>,
) -> Result<Versioned<Json<Customer>>, Problem> {
    let saved = shape(
        app.services
            .rename_customer(&caller.actor(), customer, version, &input.name)
            .await?,
    );
    Ok(Versioned(saved.version, Json(saved)))
}

fn shape(view: CustomerView) -> Customer {
    Customer {
        id: view.id,
        name: view.name,
        created_at: view.created_at,
        version: view.revision,
    }
}

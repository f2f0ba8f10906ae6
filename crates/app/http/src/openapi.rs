//! The OpenAPI document: put together from the routes themselves.

use gw_admin_api::{BASE_PATH, CSRF_HEADER, Problem as ProblemBody};
use http::StatusCode;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    Content, InfoBuilder, License, OpenApi, OpenApiBuilder, Ref, RefOr, Required, ResponseBuilder,
};
use utoipa::{PartialSchema as _, ToSchema as _};
use utoipa_axum::router::OpenApiRouter;

use crate::{problem::Problem, routes};

/// The document of everything below `/api/v1`, the same at every call.
#[must_use]
pub fn document() -> OpenApi {
    let mut document = base();
    for (router, open) in [(routes::open(), true), (routes::closed(), false)] {
        let (_, mut part) = OpenApiRouter::new()
            .nest(BASE_PATH, router)
            .split_for_parts();
        for (path, item) in &mut part.paths.paths {
            for operation in operations(item) {
                complete(operation, path, open);
            }
        }
        document.merge(part);
    }
    let components = document.components.get_or_insert_default();
    components
        .schemas
        .insert("Problem".into(), ProblemBody::schema());
    let mut inner = Vec::new();
    ProblemBody::schemas(&mut inner);
    components.schemas.extend(inner);
    let cookie = ApiKey::Cookie(ApiKeyValue::with_description(
        "__Host-godwit".to_owned(),
        format!(
            "The session's cookie. Requests that change something also carry `{CSRF_HEADER}: 1`."
        ),
    ));
    components.add_security_scheme("session", SecurityScheme::ApiKey(cookie));
    document
}

/// Answers a known path with a method it does not know.
pub(crate) async fn method_not_allowed() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "this route does not know that method; docs/api.md lists what it knows",
    )
}

fn base() -> OpenApi {
    let mut licence = License::new("Apache-2.0 OR MIT");
    licence.identifier = None;
    let info = InfoBuilder::new()
        .title("Godwit")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("Moves Windows devices between directories and keeps every profile. The rules that hold for all routes are in docs/api.md."))
        .license(Some(licence))
        .build();
    OpenApiBuilder::new().info(info).build()
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.post,
        &mut item.put,
        &mut item.delete,
    ]
    .into_iter()
    .filter_map(Option::as_mut)
}

/// Adds what is the same for all: ids in the path, the problem answer, the session.
fn complete(operation: &mut Operation, path: &str, open: bool) {
    let given = operation.parameters.get_or_insert_default();
    for name in path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
    {
        if !given.iter().any(|known| {
            matches!(known, RefOr::T(known) if known.name == name && known.parameter_in == ParameterIn::Path)
        })
        {
            given.push(RefOr::T(id_parameter(name)));
        }
    }
    if given.is_empty() {
        operation.parameters = None;
    }
    let problem = ResponseBuilder::new()
        .description("Why it was not done")
        .content(
            "application/problem+json",
            Content::new(Some(RefOr::Ref(Ref::from_schema_name(ProblemBody::name())))),
        )
        .build();
    operation
        .responses
        .responses
        .insert("default".into(), RefOr::T(problem));
    if !open {
        operation.security = Some(vec![SecurityRequirement::new(
            "session",
            Vec::<String>::new(),
        )]);
    }
}

fn id_parameter(name: &str) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .schema(Some(RefOr::T(
            ObjectBuilder::new()
                .schema_type(Type::String)
                .build()
                .into(),
        )))
        .build()
}

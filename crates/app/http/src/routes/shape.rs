//! Shapes that several routes share.

use gw_admin_api::batches::{CsvImport, CsvLineError};
use gw_admin_api::{Page, objects::ObjectKind};
use gw_services::Ask;

use crate::problem::Problem;

/// A page request for a use case.
pub(crate) fn ask(cursor: Option<String>, limit: Option<u32>, search: Option<String>) -> Ask {
    Ask {
        after: cursor,
        limit: Some(limit.unwrap_or(100).clamp(1, 500)),
        search: search.filter(|words| !words.trim().is_empty()),
    }
}

/// A page as it is answered.
pub(crate) fn page<T, U>(page: gw_services::Page<T>, shape: impl FnMut(T) -> U) -> Page<U> {
    Page {
        items: page.items.into_iter().map(shape).collect(),
        next_cursor: page.next,
        total: page.total.map(count),
    }
}

/// A count; the store keeps signed numbers, and none of them is negative.
pub(crate) fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

pub(crate) fn kind(kind: gw_model::ObjectKind) -> ObjectKind {
    match kind {
        gw_model::ObjectKind::User => ObjectKind::User,
        gw_model::ObjectKind::Group => ObjectKind::Group,
        gw_model::ObjectKind::Computer => ObjectKind::Computer,
    }
}

pub(crate) fn model_kind(kind: ObjectKind) -> gw_model::ObjectKind {
    match kind {
        ObjectKind::User => gw_model::ObjectKind::User,
        ObjectKind::Group => gw_model::ObjectKind::Group,
        ObjectKind::Computer => gw_model::ObjectKind::Computer,
    }
}

pub(crate) fn severity(severity: gw_model::Severity) -> gw_admin_api::messages::Severity {
    use gw_admin_api::messages::Severity;
    match severity {
        gw_model::Severity::Info => Severity::Info,
        gw_model::Severity::Warning => Severity::Warning,
        gw_model::Severity::Error => Severity::Error,
    }
}

pub(crate) fn model_severity(severity: gw_admin_api::messages::Severity) -> gw_model::Severity {
    use gw_admin_api::messages::Severity;
    match severity {
        Severity::Info => gw_model::Severity::Info,
        Severity::Warning => gw_model::Severity::Warning,
        Severity::Error => gw_model::Severity::Error,
    }
}

/// A request that names devices names 1 to 1,000.
pub(crate) fn some_devices(devices: &[gw_model::DeviceId]) -> Result<(), Problem> {
    if (1..=1_000).contains(&devices.len()) {
        return Ok(());
    }
    let sentence = "name 1 to 1,000 devices";
    Err(Problem::unprocessable("device_ids_number", sentence).at("device_ids", sentence))
}

/// What a CSV import did.
pub(crate) fn import(done: gw_services::CsvImport) -> CsvImport {
    CsvImport {
        ok: done.errors.is_empty(),
        lines: done.lines,
        added: count(done.added),
        unchanged: count(done.unchanged),
        errors: done
            .errors
            .into_iter()
            .map(|error| CsvLineError {
                line: error.line,
                value: error.value,
                code: error.code.to_owned(),
                message: error.message,
            })
            .collect(),
    }
}

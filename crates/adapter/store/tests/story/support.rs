//! What every chapter needs.

use chrono::{DateTime, Utc};
use gw_model::{DirectoryId, DirectoryObject, Guid, ObjectKind};
use std::collections::BTreeMap;
use uuid::Uuid;

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}
pub(crate) fn noon() -> DateTime<Utc> {
    at("2026-11-22T12:00:00.123456Z")
}
pub(crate) fn id<T: From<Uuid>>(n: u128) -> T {
    T::from(Uuid::from_u128(n))
}

/// Runs a change as the server does.
macro_rules! change {
    ($store:expr, $tx:ident => $($body:tt)*) => {
        $store.write(Lane::Agents, async move |$tx: &mut Tx| { Ok::<_, StoreError>({ $($body)* }) }).await.unwrap()
    };
}

pub(crate) fn object(
    directory: DirectoryId,
    n: u128,
    kind: ObjectKind,
    name: &str,
) -> DirectoryObject {
    DirectoryObject {
        id: id(n),
        directory,
        kind,
        guid: Guid(Uuid::from_u128(n + 0x1000)),
        sid: Some(format!("S-1-5-21-1-2-3-{n}").parse().unwrap()),
        sid_history: vec![],
        account_name: name.into(),
        display_name: Some(format!("Display {name}")),
        upn: None,
        mail: None,
        dn: format!("CN={name},DC=source,DC=test"),
        enabled: true,
        dns_host_name: None,
        operating_system: None,
        attributes: BTreeMap::from([("employeeID".into(), vec!["7".into()])]),
    }
}

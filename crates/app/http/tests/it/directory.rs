//! A directory without a network: what a test put in is what an import reads.

use std::sync::{Arc, Mutex};

use gw_directory::{
    BoxFuture, CheckName, ComputerAccounts, ConnectionReport, ConnectionSettings, DirectoryError,
    DirectoryReader, DomainFacts, ImportPage, ImportRequest, ImportSink, ImportSummary,
    ImportedObject,
};
use gw_model::{DirectoryKind, Guid, ObjectKind};
use gw_services::Connectors;

#[derive(Clone, Default)]
pub(crate) struct FakeDirectory {
    pub(crate) objects: Arc<Mutex<Vec<ImportedObject>>>,
}

impl FakeDirectory {
    pub(crate) fn add(&self, kind: ObjectKind, number: u32, name: &str) -> String {
        let sid = format!("S-1-5-21-1-2-3-{number}");
        self.objects.lock().unwrap().push(ImportedObject {
            kind,
            guid: Guid(uuid::Uuid::from_u128(u128::from(number))),
            sid: Some(sid.parse().unwrap()),
            sid_history: Vec::new(),
            account_name: if kind == ObjectKind::Computer {
                format!("{name}$")
            } else {
                name.to_owned()
            },
            display_name: Some(name.to_owned()),
            upn: None,
            mail: None,
            dn: format!("CN={name},OU=All,DC=source,DC=test"),
            enabled: true,
            dns_host_name: None,
            operating_system: None,
            usn_changed: None,
            attributes: Default::default(),
        });
        sid
    }

    fn domain(settings: &ConnectionSettings) -> DomainFacts {
        let name = settings.host.trim_start_matches("dc1.");
        DomainFacts {
            dns_name: name.into(),
            netbios_name: "SOURCE".into(),
            realm: "SOURCE.TEST".into(),
            dn: "DC=source,DC=test".into(),
            sid: "S-1-5-21-1-2-3".parse().unwrap(),
            guid: Guid(uuid::Uuid::nil()),
            forest: "source.test".into(),
            dc_host: "dc1.source.test".into(),
            dc_guid: None,
            site: None,
            server_time_unix: 0,
            highest_usn: None,
            machine_account_quota: None,
        }
    }
}

impl DirectoryReader for FakeDirectory {
    fn test_connection<'a>(
        &'a self,
        settings: &'a ConnectionSettings,
    ) -> BoxFuture<'a, ConnectionReport> {
        Box::pin(async move {
            let mut report = ConnectionReport::new();
            report.passed(CheckName::Name, format!("{} has an address", settings.host));
            report
        })
    }

    fn facts<'a>(
        &'a self,
        settings: &'a ConnectionSettings,
    ) -> BoxFuture<'a, Result<DomainFacts, DirectoryError>> {
        Box::pin(async { Ok(Self::domain(settings)) })
    }

    fn import<'a>(
        &'a self,
        settings: &'a ConnectionSettings,
        _: &'a ImportRequest,
        sink: &'a mut dyn ImportSink,
    ) -> BoxFuture<'a, Result<ImportSummary, DirectoryError>> {
        Box::pin(async move {
            let mut all = self.objects.lock().unwrap().clone();
            // Both directories know the people; the computers are still in the source.
            if !settings.host.contains("source") {
                all.retain(|one| one.kind != ObjectKind::Computer);
            }
            for kind in [ObjectKind::User, ObjectKind::Group, ObjectKind::Computer] {
                let objects: Vec<_> = all.iter().filter(|one| one.kind == kind).cloned().collect();
                sink.page(ImportPage {
                    kind,
                    number: 1,
                    objects,
                })
                .await?;
            }
            Ok(ImportSummary {
                facts: Self::domain(settings),
                counts: Default::default(),
                unusable: Vec::new(),
            })
        })
    }

    fn members<'a>(
        &'a self,
        _: &'a ConnectionSettings,
        _: Guid,
    ) -> BoxFuture<'a, Result<Vec<String>, DirectoryError>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

impl Connectors for FakeDirectory {
    fn reader(&self, _: DirectoryKind) -> Option<&dyn DirectoryReader> {
        Some(self)
    }

    fn accounts(&self, _: DirectoryKind) -> Option<&dyn ComputerAccounts> {
        None
    }
}

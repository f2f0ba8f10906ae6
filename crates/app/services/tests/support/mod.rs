//! A server on a temporary database with a clock that is moved by hand, directories in memory, and
//! agents that speak the real protocol.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses a part of it"
)]

pub mod agent;
pub mod directory;
pub mod run;

use chrono::{DateTime, TimeDelta, Utc};
use directory::FakeDirectories;
use gw_directory::{Transport, Trust};
use gw_model::{
    BatchRunbook, CustomerId, DirectoryId, Licence, LicenceId, LicenceProduct, ObjectKind,
    PskPolicy, RunbookId, Window, Zone,
};
use gw_runbook::{AdJoin, DomainJoin, LeaveFrom, Runbook};
use gw_services::{
    Actor, AdConnection, BatchDraft, DirectoryDraft, ManualClock, Open, OsEntropy, ProfileDraft,
    PskDraft, RunbookDraft, Services, issue_licence, new_issuer,
};
use gw_store::{DeviceFilter, Place, ScopeMode};
use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

pub const PASSWORD: &str = "correct horse battery";

/// A directory that is removed when the test ends.
pub struct Dir(pub PathBuf);

impl Dir {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "godwit-services-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub struct Server {
    pub services: Services,
    pub clock: Arc<ManualClock>,
    pub directories: Arc<FakeDirectories>,
    pub dir: Arc<Dir>,
    pub place: Place,
}

pub fn start_of_time() -> DateTime<Utc> {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

pub fn actor() -> Actor {
    Actor::system()
}

impl Server {
    /// On SQLite.
    pub async fn new() -> Self {
        let dir = Arc::new(Dir::new());
        let place = Place::Sqlite(dir.0.join("godwit.db"));
        Self::at(dir, place, Arc::new(FakeDirectories::default())).await
    }

    pub async fn at(dir: Arc<Dir>, place: Place, directories: Arc<FakeDirectories>) -> Self {
        let clock = Arc::new(ManualClock::at(start_of_time()));
        let services = Services::open(Open {
            data_dir: dir.0.clone(),
            place: place.clone(),
            clock: clock.clone(),
            entropy: Arc::new(OsEntropy::new()),
            connectors: directories.clone(),
        })
        .await
        .unwrap();
        clock.advance(TimeDelta::seconds(2));
        Self {
            services,
            clock,
            directories,
            dir,
            place,
        }
    }

    pub fn advance(&self, by: TimeDelta) {
        self.clock.advance(by);
    }

    /// A customer with two imported directories, a synced profile, a runbook and an empty batch.
    pub async fn furnished(&self) -> Furnished {
        let customer = self
            .services
            .create_customer(&actor(), "Contoso")
            .await
            .unwrap()
            .id;
        let source = self.directory(customer, "Source", "dc1.source.test").await;
        let target = self.directory(customer, "Target", "dc1.target.test").await;
        let rules = gw_matching::SyncProfile::default();
        let draft = ProfileDraft {
            name: "Users".into(),
            source,
            target,
            rules,
        };
        self.services
            .create_profile(&actor(), customer, draft)
            .await
            .unwrap();
        self.services.start_cycle(&actor(), customer).await.unwrap();
        self.services.run_due_jobs().await.unwrap();
        let runbook = self.runbook(customer, "Main", source, target).await;
        Furnished {
            customer,
            source,
            target,
            runbook,
        }
    }

    pub async fn directory(&self, customer: CustomerId, name: &str, host: &str) -> DirectoryId {
        let draft = directory_draft(name, host);
        let made = self
            .services
            .create_directory(&actor(), customer, draft)
            .await
            .unwrap();
        made.directory.id
    }

    pub async fn runbook(
        &self,
        customer: CustomerId,
        name: &str,
        source: DirectoryId,
        target: DirectoryId,
    ) -> RunbookId {
        let document = document(name, source, target);
        let draft = RunbookDraft {
            document: serde_json::to_value(document).unwrap(),
            join_password: Some("join-secret-join-secret".into()),
            return_password: None,
        };
        self.services
            .create_runbook(&actor(), customer, draft)
            .await
            .unwrap()
            .runbook
            .id
    }

    pub async fn licence(&self, customer: CustomerId, devices: u32) {
        let (secret, public) = new_issuer().unwrap();
        self.services
            .trust_issuer(&actor(), "Lab", &public)
            .await
            .unwrap();
        let licence = Licence {
            id: LicenceId(uuid::Uuid::new_v4()),
            product: LicenceProduct::MigrationAgent,
            licensee: "Contoso".into(),
            source: "source.test".into(),
            target: "target.test".into(),
            devices,
            trial: false,
            not_before: start_of_time() - TimeDelta::days(1),
            not_after: start_of_time() + TimeDelta::days(100),
        };
        let text = issue_licence(&secret, &licence).unwrap();
        self.services
            .apply_licence(&actor(), customer, &text)
            .await
            .unwrap();
    }

    pub async fn psk(&self, customer: CustomerId, policy: PskPolicy) -> gw_wire::psk::Psk {
        let draft = PskDraft {
            name: "Fleet".into(),
            policy,
            expires_at: None,
        };
        let made = self
            .services
            .create_psk(&actor(), customer, draft)
            .await
            .unwrap();
        made.text.parse().unwrap()
    }

    /// The ids of all devices that are in a directory, by name.
    pub async fn device_ids(
        &self,
        customer: CustomerId,
        directory: DirectoryId,
    ) -> Vec<gw_model::DeviceId> {
        let filter = DeviceFilter {
            directory: Some(directory),
            ..DeviceFilter::default()
        };
        let ask = gw_services::Ask {
            limit: Some(1_000),
            ..Default::default()
        };
        let page = self
            .services
            .devices(customer, &filter, &ask)
            .await
            .unwrap();
        page.items.into_iter().map(|device| device.id).collect()
    }
}

#[derive(Clone, Copy)]
pub struct Furnished {
    pub customer: CustomerId,
    pub source: DirectoryId,
    pub target: DirectoryId,
    pub runbook: RunbookId,
}

impl Furnished {
    pub fn batch(&self, name: &str, mode: ScopeMode) -> BatchDraft {
        let from = (start_of_time() - TimeDelta::days(1)).naive_utc();
        BatchDraft {
            name: name.into(),
            source: self.source,
            target: self.target,
            mode,
            runbooks: vec![BatchRunbook {
                runbook: self.runbook,
                window: Window::new(from, Some(from), Zone::Utc).unwrap(),
            }],
        }
    }
}

pub fn document(name: &str, source: DirectoryId, target: DirectoryId) -> Runbook {
    let mut document = Runbook::new(name, [source].into(), target);
    document.device_state.leave = LeaveFrom::ActiveDirectory;
    document.device_state.join = DomainJoin::ActiveDirectory(AdJoin {
        join_account: "svc-join@target.test".into(),
        reuse_existing_account: true,
        ..AdJoin::default()
    });
    document
}

pub fn directory_draft(name: &str, host: &str) -> DirectoryDraft {
    DirectoryDraft {
        name: name.into(),
        connection: AdConnection {
            host: host.into(),
            address: Some("127.0.0.1".parse().unwrap()),
            port: 636,
            transport: Transport::Ldaps,
            trust: Trust::System,
            account: "reader@test".into(),
            base_dn: String::new(),
            extra_attributes: vec![],
        },
        password: Some("reader-secret-reader-secret".into()),
    }
}

pub fn kind_word(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::User => "user",
        ObjectKind::Group => "group",
        ObjectKind::Computer => "computer",
    }
}

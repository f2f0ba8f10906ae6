//! Passwords of fallback administrators: taken once, kept sealed, shown to a person with a reason.

mod support;

use gw_model::{DeviceId, ObjectKind, PskPolicy, RunId};
use gw_services::{Ask, AuditFilter, FallbackError, LogFilter};
use gw_wire::{
    bytes::decode,
    envelope::{EscrowHeader, EscrowKind, Escrowed},
    report::{Report, ReportBody},
};
use support::{
    Furnished, Server, actor,
    agent::{Agent, Ordered},
};
use uuid::Uuid;

const PASSWORD: &str = "Kd7mP-first-Secret-of-one-Device";
const ACCOUNT: &str = "GodwitFallback";

struct Scene {
    server: Server,
    at: Furnished,
    agent: Agent,
    device: DeviceId,
    order: Ordered,
}

impl Scene {
    async fn new() -> Self {
        let server = Server::new().await;
        let pc = server
            .directories
            .add("dc1.source.test", ObjectKind::Computer, "PC-1");
        let at = server.furnished().await;
        server.licence(at.customer, 10).await;
        let draft = at.batch("Pilot", gw_store::ScopeMode::AllExcept);
        server
            .services
            .create_batch(&actor(), at.customer, draft)
            .await
            .unwrap();
        let psk = server.psk(at.customer, PskPolicy::FirstClaim).await;
        let mut agent = Agent::new(&psk, "PC-1", &pc);
        let device = agent.enrol(&server).await.unwrap().device;
        let order = agent.checkin(&server).await.unwrap().1.remove(0);
        Self {
            server,
            at,
            agent,
            device,
            order,
        }
    }

    fn header(&self) -> EscrowHeader {
        EscrowHeader {
            customer: self.at.customer,
            device: self.device,
            order: Some(self.order.header.order),
            run: Some(self.run()),
            kind: EscrowKind::FallbackPassword,
            label: ACCOUNT.into(),
            created_at: self.server.services.clock().now(),
        }
    }

    fn run(&self) -> RunId {
        self.order.header.run
    }

    /// A report with the password, sealed to the key of the key set.
    fn report(&mut self, key: Uuid) -> Report {
        let keys = self.agent.keys.as_ref().unwrap();
        let sealed = Escrowed::make(keys, &self.header(), PASSWORD.as_bytes()).unwrap();
        self.carry(key, sealed)
    }

    fn carry(&mut self, key: Uuid, sealed: Escrowed) -> Report {
        self.agent.reports += 1;
        Report {
            sequence: self.agent.reports,
            key,
            at: self.server.services.clock().now(),
            body: ReportBody::Escrow(Box::new(sealed)),
        }
    }

    async fn send(&self, report: Report) -> Vec<Uuid> {
        let sequence = report.sequence;
        let answer = self.agent.send(&self.server, vec![report]).await;
        assert_eq!(answer.accepted_through, sequence, "the queue goes on");
        answer.escrowed
    }

    async fn listed(&self) -> Vec<(RunId, String)> {
        let services = &self.server.services;
        let detail = services.device(self.at.customer, self.device).await;
        let fallbacks = detail.unwrap().fallbacks.into_iter();
        fallbacks.map(|one| (one.run, one.account)).collect()
    }

    async fn reveal(&self, run: RunId, reason: &str) -> Result<String, FallbackError> {
        let services = &self.server.services;
        let (customer, device) = (self.at.customer, self.device);
        let shown = services
            .reveal_fallback(&actor(), customer, device, run, reason)
            .await?;
        assert!(!format!("{shown:?}").contains(PASSWORD));
        assert_eq!(shown.account, ACCOUNT);
        Ok(shown.password.to_string())
    }

    async fn reveals(&self) -> Vec<String> {
        let filter = AuditFilter {
            customer: Some(self.at.customer),
            action: Some("device.reveal_fallback_administrator".into()),
        };
        let page = self.server.services.audit(&filter, &Ask::default()).await;
        let rows = page.unwrap().items.into_iter();
        rows.map(|row| {
            assert_eq!(row.object, Some(self.device.to_string()));
            row.detail
        })
        .collect()
    }

    /// Whether the password lies anywhere in the database, in any form that is easy to read.
    fn in_database(&self) -> bool {
        let mut bytes = Vec::new();
        for file in std::fs::read_dir(&self.server.dir.0).unwrap() {
            let path = file.unwrap().path();
            if path.is_file() {
                bytes.extend(std::fs::read(path).unwrap());
            }
        }
        let wide: Vec<u8> = PASSWORD.encode_utf16().flat_map(u16::to_le_bytes).collect();
        [
            PASSWORD.as_bytes().to_vec(),
            wide,
            gw_wire::bytes::encode(PASSWORD.as_bytes()).into_bytes(),
            hex::encode(PASSWORD).into_bytes(),
        ]
        .iter()
        .any(|form| bytes.windows(form.len()).any(|part| part == form))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_kept_once_and_shown_with_a_reason() {
    let mut scene = Scene::new().await;
    let key = Uuid::new_v4();
    let report = scene.report(key);
    assert_eq!(scene.send(report.clone()).await, [key]);
    // The answer was lost: the very same report, and the same under a new number and sealed anew.
    assert_eq!(scene.send(report).await, [key]);
    let again = scene.report(key);
    assert_eq!(scene.send(again).await, [key]);
    assert_eq!(scene.listed().await, [(scene.run(), ACCOUNT.to_owned())]);

    for bad in ["", "  \n", &"x".repeat(501)] {
        let refused = scene.reveal(scene.run(), bad).await.unwrap_err();
        assert!(matches!(refused, FallbackError::Reason), "{refused}");
    }
    assert!(scene.reveals().await.is_empty());
    let why = "PC-1 is held and Ann cannot sign in";
    assert_eq!(scene.reveal(scene.run(), why).await.unwrap(), PASSWORD);
    let trail = scene.reveals().await;
    assert_eq!(trail.len(), 1);
    for part in [ACCOUNT, "PC-1", why, &scene.run().to_string()] {
        assert!(trail[0].contains(part), "{trail:?}");
    }
    assert!(!trail[0].contains(PASSWORD));

    let other = RunId(Uuid::new_v4());
    let refused = scene.reveal(other, why).await.unwrap_err();
    assert!(
        matches!(refused, FallbackError::NothingEscrowed),
        "{refused}"
    );
    assert_eq!(scene.reveals().await.len(), 1);
    scene.server.services.stop().await;
    assert!(!scene.in_database());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_customer_could_open_is_not_acknowledged() {
    let mut scene = Scene::new().await;
    let services = scene.server.services.clone();
    let other = services.create_customer(&actor(), "Fabrikam").await;
    let certificate = services.certificate(other.unwrap().id).await.unwrap();
    let theirs = decode(&certificate.escrow_key.unwrap().public_key).unwrap();
    let mut keys = scene.agent.keys.clone().unwrap();
    keys.escrow_key = theirs.into();
    let sealed = Escrowed::make(&keys, &scene.header(), PASSWORD.as_bytes()).unwrap();
    let key = Uuid::new_v4();
    let report = scene.carry(key, sealed);
    assert!(scene.send(report).await.is_empty());

    // Sealed to the right key, in another device's name; and changed on its way.
    let foreign = EscrowHeader {
        device: DeviceId(Uuid::new_v4()),
        ..scene.header()
    };
    let keys = scene.agent.keys.clone().unwrap();
    let mut sealed = Escrowed::make(&keys, &foreign, PASSWORD.as_bytes()).unwrap();
    let report = scene.carry(Uuid::new_v4(), sealed.clone());
    assert!(scene.send(report).await.is_empty());
    sealed.header = serde_json::to_vec(&scene.header()).unwrap().into();
    let report = scene.carry(Uuid::new_v4(), sealed);
    assert!(scene.send(report).await.is_empty());
    assert!(scene.listed().await.is_empty());
    let customer = scene.at.customer;
    let lines = services
        .agent_logs(customer, &LogFilter::default(), &Ask::default())
        .await
        .unwrap();
    let told = |line: &gw_services::LogLine| line.record.text.contains("sealed to another key");
    assert_eq!(lines.items.iter().filter(|line| told(line)).count(), 3);

    // The agent seals it again, under the same key, and all is well.
    let report = scene.report(key);
    assert_eq!(scene.send(report).await, [key]);
    assert_eq!(scene.listed().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_device_cannot_take_the_place_of_another_ones_password() {
    let mut scene = Scene::new().await;
    let pc = scene
        .server
        .directories
        .add("dc1.source.test", ObjectKind::Computer, "PC-2");
    let (services, at) = (scene.server.services.clone(), scene.at);
    services.start_cycle(&actor(), at.customer).await.unwrap();
    services.run_due_jobs().await.unwrap();
    let psk = scene.server.psk(at.customer, PskPolicy::FirstClaim).await;
    let mut thief = Agent::new(&psk, "PC-2", &pc);
    let device = thief.enrol(&scene.server).await.unwrap().device;
    let key = Uuid::new_v4();
    let header = EscrowHeader {
        device,
        ..scene.header()
    };
    let keys = thief.keys.clone().unwrap();
    let sealed = Escrowed::make(&keys, &header, b"of the thief's choosing").unwrap();
    let report = Report {
        sequence: 1,
        ..scene.carry(key, sealed)
    };
    let answer = thief.send(&scene.server, vec![report]).await;
    assert_eq!(answer.escrowed, [key]);

    // The key is taken: nothing is acknowledged that is not held.
    let report = scene.report(key);
    assert!(scene.send(report).await.is_empty());
    assert!(scene.listed().await.is_empty());
    let own = Uuid::new_v4();
    let report = scene.report(own);
    assert_eq!(scene.send(report).await, [own]);
    assert_eq!(scene.reveal(scene.run(), "held").await.unwrap(), PASSWORD);
    let (customer, run) = (at.customer, scene.run());
    let stolen = services
        .reveal_fallback(&actor(), customer, device, run, "held")
        .await
        .unwrap();
    assert_eq!(stolen.password.as_str(), "of the thief's choosing");
}

//! A small correct server, built on the same helpers as the real one.

use chrono::{DateTime, TimeDelta, Utc};
use gw_model::{AgentId, CustomerId, DeviceId, DeviceTrust, OrderId, RunId, RunbookId};
use gw_wire::{
    checkin::{CheckinAnswer, CheckinRequest, Confirmation, Verdict},
    codes::{self, Refusal},
    enrol::{EnrolAnswer, HelloAnswer},
    envelope::{Envelope, EscrowHeader},
    httpsig::{UnverifiedRequest, sign_answer},
    keys::{Algorithm, KeyId, PublicKey, SigningKey, sha256},
    keyset::{KeySet, KeyUse, RootChange, SignedKeySet, SigningKeyEntry},
    op,
    order::{OrderBody, OrderHeader, OrderKind, RunbookRef},
    pack::Encoding,
    private::PrivateBody,
    psk::Psk,
    replay::NonceCache,
    report::{Report, ReportAnswer, ReportBody, ReportRequest},
    seal::{Purpose, RecipientKey},
    server,
    stage::{
        PackageHeader, ReturnAnswer, ReturnRequest, ReturnTicket, StageAnswer, StagePackage,
        StageRequest,
    },
    transcript::HelloNonces,
};
use serde::{Serialize, de::DeserializeOwned};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Changes an envelope on its way.
pub(crate) type Mangle = fn(&mut Envelope);

pub(crate) struct Server {
    pub(crate) root: SigningKey,
    pub(crate) key: SigningKey,
    escrow: RecipientKey,
    pub(crate) customer: CustomerId,
    pub(crate) psk: Psk,
    pub(crate) epoch: u64,
    pub(crate) tls_pins: Vec<KeyId>,
    set: Option<SignedKeySet>,
    chain: Vec<RootChange>,
    hello: HelloNonces,
    pub(crate) nonces: NonceCache,
    /// Machine SIDs that were imported.
    pub(crate) imported: BTreeSet<String>,
    /// Machine SID → live key.
    live: BTreeMap<String, KeyId>,
    agents: BTreeMap<KeyId, (PublicKey, DeviceId)>,
    pub(crate) trust: DeviceTrust,
    pub(crate) orders: Vec<(OrderHeader, OrderBody, Option<Mangle>)>,
    pub(crate) resend_held: bool,
    pub(crate) stage: Result<StagePackage, Refusal>,
    pub(crate) ticket: Result<ReturnTicket, Refusal>,
    pub(crate) verdict: Verdict,
    pub(crate) reports: Vec<Report>,
    accepted: u64,
    /// Secrets that were escrowed, opened, by the key of their report.
    pub(crate) escrowed: BTreeMap<Uuid, (EscrowHeader, Vec<u8>)>,
    /// Says that it holds them.
    pub(crate) vouches: bool,
    /// How often a report with a secret came.
    pub(crate) escrow_reports: u32,
    pub(crate) poll_after_seconds: u32,
    /// Operations that were admitted.
    pub(crate) log: Vec<&'static str>,
}

type Answer = (u16, Vec<u8>);

impl Server {
    pub(crate) fn new(now: DateTime<Utc>) -> Self {
        let root = SigningKey::generate(Algorithm::Ed25519).unwrap();
        Self {
            psk: Psk::generate(root.public()).unwrap(),
            root,
            key: SigningKey::generate(Algorithm::P256).unwrap(),
            escrow: RecipientKey::generate().unwrap(),
            customer: CustomerId(Uuid::from_u128(1)),
            epoch: 1,
            tls_pins: Vec::new(),
            set: None,
            chain: Vec::new(),
            hello: HelloNonces::generate().unwrap(),
            nonces: NonceCache::new(now.timestamp() - 3600, 10_000),
            imported: BTreeSet::from(["S-1-5-21-1-2-3-1104".to_owned()]),
            live: BTreeMap::new(),
            agents: BTreeMap::new(),
            trust: DeviceTrust::Trusted,
            orders: Vec::new(),
            resend_held: false,
            stage: Err(codes::STAGE_REFUSED),
            ticket: Err(codes::RETURN_UNAVAILABLE),
            verdict: Verdict::Go,
            reports: Vec::new(),
            accepted: 0,
            escrowed: BTreeMap::new(),
            vouches: true,
            escrow_reports: 0,
            poll_after_seconds: 3600,
            log: Vec::new(),
        }
    }

    fn key_set(&mut self, now: DateTime<Utc>) -> SignedKeySet {
        let stale = |set: &SignedKeySet| {
            serde_json::from_slice::<KeySet>(&set.payload)
                .unwrap()
                .epoch
                != self.epoch
        };
        if self.set.as_ref().is_none_or(stale) {
            let set = KeySet {
                v: 1,
                customer: self.customer,
                epoch: self.epoch,
                issued_at: now,
                signing_keys: vec![SigningKeyEntry {
                    key: *self.key.public(),
                    uses: vec![KeyUse::Message, KeyUse::Order],
                    not_before: now - TimeDelta::days(1),
                    not_after: now + TimeDelta::days(365),
                }],
                escrow_key: self.escrow.public().into(),
                tls_pins: self.tls_pins.clone(),
                server_urls: Vec::new(),
                revoked: Vec::new(),
                next_root: None,
            };
            self.set = Some(set.sign(&self.root, self.chain.clone()).unwrap());
        }
        self.set.clone().unwrap()
    }

    /// Answers a request; the headers of the answer are signed if its request could be read.
    pub(crate) fn handle(
        &mut self,
        op: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        now: DateTime<Utc>,
    ) -> (u16, Vec<(String, String)>, Vec<u8>) {
        let request = match server::read("POST", op, headers, body) {
            Ok(request) => request,
            Err(refusal) => {
                let (status, body) = refused(refusal);
                return (status, Vec::new(), body);
            }
        };
        let (status, body) = self.answer(op, &request, body, now).unwrap_or_else(refused);
        let created = now.timestamp();
        let signed = sign_answer(
            &self.key,
            status,
            &body,
            &request.signature.signature,
            created,
        );
        let headers = signed.unwrap().into_iter();
        let headers = headers.map(|(name, value)| (name.to_owned(), value));
        (status, headers.collect(), body)
    }

    fn answer(
        &mut self,
        op: &str,
        request: &UnverifiedRequest,
        body: &[u8],
        now: DateTime<Utc>,
    ) -> Result<Answer, Refusal> {
        if op == op::HELLO {
            server::admit_hello(request, body)?;
            self.log.push(op::HELLO);
            let key_set = self.key_set(now);
            let nonce = self.hello.issue(body, &key_set.payload, now).unwrap();
            return ok(&HelloAnswer {
                v: 1,
                nonce,
                server_time: now,
                key_set,
            });
        }
        let root = self.root.id();
        let known = self.agents.get(&request.signature.keyid).copied();
        if op == op::ENROL {
            let key = server::enrolling_key(body)?;
            server::admit(request, &root, &key, &mut self.nonces, now)?;
            self.log.push(op::ENROL);
            return self.enrol(request, body, now);
        }
        let (key, device) = known.ok_or(codes::KEY_UNKNOWN)?;
        server::admit(request, &root, &key, &mut self.nonces, now)?;
        match op {
            op::CHECKIN => {
                self.log.push(op::CHECKIN);
                let request: CheckinRequest = parse(body)?;
                let orders = self.hand_out(&request.recipient, &request.holding, key.id(), device);
                ok(&CheckinAnswer {
                    v: 1,
                    trust: self.trust,
                    key_set: (request.epoch < self.epoch).then(|| self.key_set(now)),
                    orders,
                    withdrawn: Vec::new(),
                    confirmed: request.confirm.map(|order| Confirmation {
                        order,
                        verdict: self.verdict,
                        because: None,
                    }),
                    poll_after_seconds: self.poll_after_seconds,
                    resend_after: None,
                })
            }
            op::STAGE => {
                self.log.push(op::STAGE);
                let request: StageRequest = self.parse_private(op, body, device)?;
                let package = self.stage.as_ref().map_err(|refusal| *refusal)?;
                let (order, run) = (request.order, request.run);
                let header = self.package_header(Purpose::Stage, device, key.id(), order, run, now);
                let package = header.seal(package, &request.recipient, &self.key).unwrap();
                ok(&StageAnswer { v: 1, package })
            }
            op::RETURN => {
                self.log.push(op::RETURN);
                let request: ReturnRequest = self.parse_private(op, body, device)?;
                let ticket = self.ticket.as_ref().map_err(|refusal| *refusal)?;
                let (order, run) = (request.order, request.run);
                let header =
                    self.package_header(Purpose::Return, device, key.id(), order, run, now);
                let ticket = header.seal(ticket, &request.recipient, &self.key).unwrap();
                ok(&ReturnAnswer { v: 1, ticket })
            }
            op::REPORT => {
                self.log.push(op::REPORT);
                let request: ReportRequest = self.parse_private(op, body, device)?;
                let mut escrowed = Vec::new();
                for report in request.reports {
                    if let ReportBody::Escrow(secret) = &report.body {
                        self.escrow_reports += 1;
                        let opened = secret.open(&self.escrow).expect("sealed to this server");
                        self.escrowed.entry(report.key).or_insert(opened);
                        escrowed.extend(self.vouches.then_some(report.key));
                    }
                    let known = self.reports.iter().any(|old| old.key == report.key);
                    assert!(report.sequence <= self.accepted + 1, "in order");
                    self.accepted = self.accepted.max(report.sequence);
                    if !known {
                        self.reports.push(report);
                    }
                }
                ok(&ReportAnswer {
                    v: 1,
                    accepted_through: self.accepted,
                    escrowed,
                })
            }
            _ => Err(codes::OPERATION_UNKNOWN),
        }
    }

    fn parse_private<T: DeserializeOwned>(
        &self,
        op: &str,
        body: &[u8],
        device: DeviceId,
    ) -> Result<T, Refusal> {
        let sealed: PrivateBody = parse(body)?;
        let escrow = std::slice::from_ref(&self.escrow);
        let opened = sealed.open(op, escrow, self.customer, device);
        parse(&opened.map_err(|_| codes::BODY_MALFORMED)?)
    }

    fn package_header(
        &self,
        purpose: Purpose,
        device: DeviceId,
        agent_key: KeyId,
        order: OrderId,
        run: RunId,
        now: DateTime<Utc>,
    ) -> PackageHeader {
        PackageHeader {
            v: 1,
            purpose,
            customer: self.customer,
            device,
            agent_key,
            order,
            run,
            issued_at: now,
            encoding: Encoding::Zlib,
        }
    }

    fn enrol(
        &mut self,
        request: &UnverifiedRequest,
        body: &[u8],
        now: DateTime<Utc>,
    ) -> Result<Answer, Refusal> {
        let unproven = server::read_enrolment(body, &request.signature, &self.hello, now)?;
        if unproven.core.psk != self.psk.tag {
            return Err(codes::PSK_REFUSED);
        }
        unproven.prove(&self.psk.mac_key().unwrap())?;
        let core = unproven.core;
        let sid = core.facts.machine_sid.unwrap().to_string();
        if !self.imported.contains(&sid) {
            return Err(codes::COMPUTER_UNKNOWN);
        }
        let key = core.key.id();
        if *self.live.entry(sid).or_insert(key) != key {
            return Err(codes::CONFLICT);
        }
        let device = DeviceId(Uuid::from_u128(2));
        self.agents.insert(key, (core.key, device));
        ok(&EnrolAnswer {
            v: 1,
            customer: self.customer,
            agent: AgentId(Uuid::from_u128(3)),
            device,
            trust: self.trust,
            poll_after_seconds: self.poll_after_seconds,
            orders: Vec::new(),
        })
    }

    fn hand_out(
        &self,
        recipient: &[u8],
        holding: &[OrderId],
        agent_key: KeyId,
        device: DeviceId,
    ) -> Vec<Envelope> {
        if self.trust != DeviceTrust::Trusted {
            return Vec::new();
        }
        let seal = |(header, body, mangle): &(OrderHeader, OrderBody, Option<Mangle>)| {
            let mut header = header.clone();
            if header.agent_key == KeyId([0; 32]) {
                header.agent_key = agent_key;
            }
            if header.device == DeviceId(Uuid::nil()) {
                header.device = device;
            }
            let mut envelope = header.seal(body, recipient, &self.key).unwrap();
            if let Some(mangle) = mangle {
                mangle(&mut envelope);
            }
            envelope
        };
        self.orders
            .iter()
            .filter(|(header, ..)| self.resend_held || !holding.contains(&header.order))
            .map(seal)
            .collect()
    }

    /// Goes over to a new root, which the old one vouches for.
    pub(crate) fn change_root(&mut self, now: DateTime<Utc>) {
        let new = SigningKey::generate(Algorithm::P256).unwrap();
        let link = RootChange::sign(self.customer, &self.root, &new, now).unwrap();
        self.chain.push(link);
        self.root = new;
        self.epoch += 1;
    }

    /// An order that starts at once; device and key are filled in when it is handed out.
    pub(crate) fn order(&self, n: u64, now: DateTime<Utc>) -> (OrderHeader, OrderBody) {
        let directory = gw_model::DirectoryId(Uuid::from_u128(9));
        let runbook = gw_runbook::Runbook::new("Example", [directory].into(), directory);
        let runbook = serde_json::to_vec(&runbook).unwrap();
        let header = OrderHeader {
            v: 1,
            kind: OrderKind::Run,
            customer: self.customer,
            device: DeviceId(Uuid::nil()),
            agent_key: KeyId([0; 32]),
            order: OrderId(Uuid::from_u128(100 + u128::from(n))),
            sequence: n,
            run: RunId(Uuid::from_u128(200 + u128::from(n))),
            batch: None,
            runbook: RunbookRef {
                id: RunbookId(Uuid::from_u128(5)),
                version: 1,
                sha256: KeyId(sha256(&runbook)),
                name: "Example".to_owned(),
            },
            table_sha256: None,
            packages: Vec::new(),
            window: None,
            not_before: now,
            start_by: now + TimeDelta::days(7),
            issued_at: now,
            force: false,
            encoding: Encoding::Zlib,
        };
        let body = OrderBody {
            runbook: runbook.into(),
            sources: Vec::new(),
            target: None,
            whole_table: None,
        };
        (header, body)
    }

    /// The codes of the events that were reported.
    pub(crate) fn events(&self) -> Vec<gw_model::EventCode> {
        let code = |report: &Report| match &report.body {
            ReportBody::Event(event) => Some(event.code),
            _ => None,
        };
        self.reports.iter().filter_map(code).collect()
    }
}

fn ok(body: &impl Serialize) -> Result<Answer, Refusal> {
    Ok((200, serde_json::to_vec(body).unwrap()))
}

fn refused(refusal: Refusal) -> Answer {
    let problem = refusal.problem(None, "req-1");
    (refusal.status, serde_json::to_vec(&problem).unwrap())
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|_| codes::BODY_MALFORMED)
}

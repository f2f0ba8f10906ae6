//! What a device is to do: worked out by `eligible`, counted against a licence, and kept as an
//! order that is handed out ahead of time.
//!
//! INVARIANT: membership, licence and order are read and written in one transaction, so that two
//! servers never order past a licence nor under two batches.

use super::keyring::START_WITHIN;
use crate::{Internal, Services};
use chrono::{DateTime, TimeDelta, Utc};
use gw_directory::DomainFacts;
use gw_model::{
    Batch, BatchScope, CustomerId, DeviceId, DirectoryId, LicenceRefusal, Moment, OrderId, RunId,
    RunKind, RunState, RunbookId,
};
use gw_runbook::{Asked, Decision, DeviceCase, PastRun, Runbook, eligible};
use gw_store::{
    AgentRecord, BatchRecord, DeviceRecord, NewOrder, OrderRecord, OrderState, RunRecord,
    RunbookRecord, SeatClaim, StoreError, Tx,
};
use gw_wire::{
    PROTOCOL_VERSION,
    keys::KeyId,
    order::{OrderHeader, OrderKind, RunbookRef},
    pack::Encoding,
    stage::{ControllerFacts, DirectoryFacts},
};
use std::collections::BTreeMap;

/// An order that has waited this long is made again, so that it does not go stale on the device.
const RENEW_AFTER: TimeDelta = TimeDelta::days(30);

/// A device with everything that decisions about it depend on.
pub(crate) struct Placed {
    pub(crate) device: DeviceRecord,
    pub(crate) agent: Option<AgentRecord>,
    pub(crate) batch: Option<BatchRecord>,
    pub(crate) explicit: bool,
    pub(crate) runs: Vec<RunRecord>,
}

/// Ids for what a transaction may make, drawn ahead because it may run again.
pub(crate) struct Fresh(pub(crate) Vec<(OrderId, RunId)>);

impl Services {
    pub(crate) fn fresh(&self, count: usize) -> Fresh {
        Fresh((0..count).map(|_| (self.id(), self.id())).collect())
    }
}

impl Placed {
    pub(crate) async fn load(
        tx: &mut Tx,
        customer: CustomerId,
        id: DeviceId,
    ) -> Result<Option<Self>, StoreError> {
        let Some(device) = tx.device(customer, id).await? else {
            return Ok(None);
        };
        let membership = tx.membership(id).await?;
        let batch = match &membership {
            Some(held) => tx.batch(customer, held.batch).await?,
            None => None,
        };
        let agent = match device.agent {
            Some(agent) => tx.agent(customer, agent).await?,
            None => None,
        };
        Ok(Some(Self {
            runs: tx.runs_of(id).await?,
            explicit: membership.is_some_and(|held| held.explicit),
            device,
            agent,
            batch,
        }))
    }

    pub(crate) fn case(&self) -> DeviceCase {
        DeviceCase {
            id: self.device.id,
            directory: self.device.directory,
            // The live agent's own trust: a rival's claim must not stop the one that holds the device.
            trust: self.agent.as_ref().map(|agent| agent.trust),
            is_server: self.device.os.as_ref().is_some_and(|os| os.is_server),
            incarnation: self.device.incarnation,
        }
    }

    fn history(&self) -> Vec<PastRun> {
        self.runs
            .iter()
            .map(|run| PastRun {
                runbook: run.runbook,
                incarnation: run.incarnation,
                kind: run.kind,
                state: run.state,
                result: run.result,
            })
            .collect()
    }

    /// The batch as the pure rules know it, its list cut down to this device.
    fn model_batch(&self) -> Option<Batch> {
        self.batch.as_ref().map(|batch| Batch {
            id: batch.id,
            customer: batch.customer,
            name: batch.name.clone(),
            source: batch.source,
            target: batch.target,
            runbooks: batch.runbooks.clone(),
            scope: if self.explicit {
                BatchScope::Only([self.device.id].into())
            } else {
                BatchScope::AllExcept([].into())
            },
        })
    }

    /// The device's wall clock.
    fn moment(&self, now: DateTime<Utc>) -> Moment {
        let minutes = self.device.utc_offset_minutes.unwrap_or(0);
        Moment {
            utc: now,
            offset: TimeDelta::minutes(i64::from(minutes)),
        }
    }

    /// What counts against a licence: the pair of domains of the device's batch.
    pub(crate) async fn seat_claim(
        &self,
        tx: &mut Tx,
        now: DateTime<Utc>,
    ) -> Result<Option<SeatClaim>, StoreError> {
        let Some(batch) = &self.batch else {
            return Ok(None);
        };
        let source = tx.directory(batch.customer, batch.source).await?;
        let target = tx.directory(batch.customer, batch.target).await?;
        Ok(source.zip(target).map(|(source, target)| SeatClaim {
            customer: batch.customer,
            device: self.device.id,
            source: source.domain,
            target: target.domain,
            now,
        }))
    }

    /// Whether a licence covers the device, without counting it.
    pub(crate) async fn licence(
        &self,
        tx: &mut Tx,
        now: DateTime<Utc>,
    ) -> Result<Result<(), LicenceRefusal>, StoreError> {
        let Some(claim) = self.seat_claim(tx, now).await? else {
            return Ok(Ok(()));
        };
        if tx.seat(&claim).await?.is_some() {
            return Ok(Ok(()));
        }
        Ok(tx.free_seat(&claim).await?.map(|_| ()))
    }

    /// The decision on one runbook.
    pub(crate) fn decide(
        &self,
        now: DateTime<Utc>,
        id: RunbookId,
        document: &Runbook,
        kind: RunKind,
        again: bool,
        licence: &Result<(), LicenceRefusal>,
    ) -> Decision {
        let asked = Asked {
            id,
            document,
            kind,
            again,
        };
        let batch = self.model_batch();
        eligible(
            self.moment(now),
            &self.case(),
            batch.as_ref(),
            &asked,
            &self.history(),
            licence,
        )
    }

    /// The decision on every runbook of the device's batch, in its order.
    pub(crate) async fn decisions(
        &self,
        tx: &mut Tx,
        now: DateTime<Utc>,
    ) -> Result<Vec<(RunbookRecord, Runbook, Decision)>, StoreError> {
        let licence = self.licence(tx, now).await?;
        let mut all = Vec::new();
        for attached in self.batch.iter().flat_map(|batch| &batch.runbooks) {
            let Some(record) = tx.runbook(self.device.customer, attached.runbook).await? else {
                continue;
            };
            let Ok(document) = gw_runbook::read(&record.document) else {
                tracing::error!(runbook.id = %record.id, "A stored runbook cannot be read; nothing is ordered from it");
                continue;
            };
            let decision = self.decide(now, record.id, &document, RunKind::Run, false, &licence);
            all.push((record, document, decision));
        }
        Ok(all)
    }
}

/// Orders everything that may be ordered now, ahead of its window. True if something was.
pub(crate) async fn order_ahead(
    tx: &mut Tx,
    customer: CustomerId,
    device: DeviceId,
    now: DateTime<Utc>,
    fresh: &Fresh,
) -> Result<bool, StoreError> {
    for old in tx.live_orders(device).await? {
        if now - old.created_at > RENEW_AFTER {
            withdraw(tx, &old, "it waited for long and is made again").await?;
        }
    }
    let Some(placed) = Placed::load(tx, customer, device).await? else {
        return Ok(false);
    };
    let decisions = placed.decisions(tx, now).await?;
    let mut ids = fresh.0.iter();
    let mut did = false;
    for (record, _, decision) in decisions {
        if !decision.may_be_ordered() {
            continue;
        }
        let Some(claim) = placed.seat_claim(tx, now).await? else {
            continue;
        };
        if tx.claim_seat(&claim).await?.is_err() {
            continue;
        }
        let Some((order, run)) = ids.next() else {
            break;
        };
        let make = Make {
            order: *order,
            run: *run,
            kind: RunKind::Run,
            force: false,
            now,
        };
        did |= place(tx, &placed, &record, &make).await?.is_some();
    }
    Ok(did)
}

/// What makes one order differ from another of the same runbook.
pub(crate) struct Make {
    pub(crate) order: OrderId,
    pub(crate) run: RunId,
    pub(crate) kind: RunKind,
    pub(crate) force: bool,
    pub(crate) now: DateTime<Utc>,
}

/// Writes an order and its run; none without an agent.
pub(crate) async fn place(
    tx: &mut Tx,
    placed: &Placed,
    runbook: &RunbookRecord,
    make: &Make,
) -> Result<Option<RunRecord>, StoreError> {
    let Some(agent) = &placed.agent else {
        return Ok(None);
    };
    let sequence = tx.next_order_number(placed.device.id).await?;
    // By hand it starts at once; a batch brings its window along.
    let batch = placed.batch.as_ref().filter(|_| make.kind == RunKind::Run);
    let attached = batch.and_then(|batch| {
        batch
            .runbooks
            .iter()
            .find(|held| held.runbook == runbook.id)
    });
    let header = OrderHeader {
        v: PROTOCOL_VERSION,
        kind: match make.kind {
            RunKind::Run => OrderKind::Run,
            RunKind::Rehearse => OrderKind::Rehearse,
            RunKind::Undo => OrderKind::Undo,
        },
        customer: placed.device.customer,
        device: placed.device.id,
        agent_key: key_id(&agent.key_id),
        order: make.order,
        sequence: u64::try_from(sequence).unwrap_or(0),
        run: make.run,
        batch: batch.map(|batch| batch.id),
        runbook: RunbookRef {
            id: runbook.id,
            version: u32::try_from(runbook.version).unwrap_or(u32::MAX),
            sha256: key_id(&runbook.hash),
            name: runbook.name.clone(),
        },
        table_sha256: None,
        packages: Vec::new(),
        window: attached.map(|held| held.window).filter(|_| !make.force),
        not_before: make.now - TimeDelta::minutes(5),
        start_by: make.now + START_WITHIN,
        issued_at: make.now,
        force: make.force,
        encoding: Encoding::Zlib,
    };
    let body = serde_json::to_string(&header).map_err(|error| StoreError::Content {
        at: 0,
        source: error.into(),
    })?;
    let order = NewOrder {
        id: make.order,
        customer: placed.device.customer,
        device: placed.device.id,
        agent: agent.id,
        sequence,
        kind: make.kind,
        batch: header.batch,
        runbook: runbook.id,
        runbook_version: runbook.version,
        run: make.run,
        body,
        state: OrderState::Open,
        created_at: make.now,
    };
    tx.add_order(&order).await?;
    let run = RunRecord {
        id: make.run,
        customer: placed.device.customer,
        device: placed.device.id,
        device_name: placed.device.name.clone(),
        incarnation: placed.device.incarnation,
        order: make.order,
        batch: header.batch,
        runbook: runbook.id,
        runbook_name: runbook.name.clone(),
        runbook_version: runbook.version,
        kind: make.kind,
        state: RunState::Ordered,
        result: None,
        reason: String::new(),
        step: None,
        done: 0,
        total: 0,
        reboots: 0,
        ordered_at: make.now,
        started_at: None,
        ended_at: None,
    };
    // An undo continues the run that it takes back.
    if make.kind != RunKind::Undo {
        tx.add_run(&run).await?;
    }
    Ok(Some(run))
}

/// Withdraws an order that has not begun, and gives back the seat that it held.
pub(crate) async fn withdraw(
    tx: &mut Tx,
    order: &OrderRecord,
    because: &str,
) -> Result<bool, StoreError> {
    if !tx.set_order_state(order.id, OrderState::Void).await? {
        return Ok(false);
    }
    if let Some(mut run) = tx.run(order.customer, order.run).await?
        && run.state == RunState::Ordered
    {
        run.state = RunState::Cancelled;
        run.reason = format!("withdrawn: {because}");
        tx.update_run(&run).await?;
    }
    tx.release_seats(order.device).await?;
    Ok(true)
}

/// A stored key id or hash; both are 64 hexadecimal digits.
pub(crate) fn key_id(text: &str) -> KeyId {
    text.parse().unwrap_or(KeyId([0; 32]))
}

/// What a device is told of a directory, from the facts that the last import kept.
pub(crate) async fn directory_facts(
    tx: &mut Tx,
    id: DirectoryId,
    dc: Option<&str>,
    addresses: &BTreeMap<String, Vec<String>>,
) -> Result<Option<DirectoryFacts>, Internal> {
    let Some(text) = tx.setting(&crate::jobs::facts_setting(id)).await? else {
        return Ok(None);
    };
    let facts: DomainFacts = serde_json::from_str(&text)?;
    let mut hosts: Vec<String> = dc.into_iter().map(str::to_owned).collect();
    if !hosts.contains(&facts.dc_host) {
        hosts.push(facts.dc_host.clone());
    }
    let controllers = hosts
        .into_iter()
        .map(|host| ControllerFacts {
            addresses: addresses.get(&host).cloned().unwrap_or_default(),
            site: (host == facts.dc_host)
                .then(|| facts.site.clone())
                .flatten(),
            host,
        })
        .collect();
    Ok(Some(DirectoryFacts {
        dns_name: facts.dns_name,
        netbios_name: facts.netbios_name,
        forest: facts.forest,
        sid: Some(facts.sid),
        guid: Some(facts.guid),
        controllers,
    }))
}

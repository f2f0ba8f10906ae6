//! `report`: what happened on a device, taken once and in order.

mod run;

use super::{
    contact::{Contact, Failure, json},
    keyring::KeyRing,
};
use crate::{LogLine, Services, Topic, logs};
use chrono::{DateTime, Utc};
use gw_model::{EventCode, RunId, Severity};
use gw_store::{AgentRecord, Lane, LogRecord, StoreError, Tx};
use gw_wire::{
    PROTOCOL_VERSION, codes,
    envelope::{Escrowed, Proof},
    op,
    order::OrderHeader,
    report::{ProgressEntry, Report, ReportAnswer, ReportBody, ReportRequest, RunReport},
    seal::Purpose,
};
use run::{begin, conclude, progress, run_of};
use std::{collections::BTreeSet, sync::Arc};
use zeroize::Zeroizing;

/// The longest list of progress entries after unpacking, in bytes.
const ENTRIES: usize = 16 << 20;
/// The longest escrowed secret with its header, in bytes.
const SECRET: usize = 64 << 10;
/// Reports taken from one request; the agent sends the rest in the next.
const AT_ONCE: usize = 500;

/// A report taken apart, ready for the transaction.
enum Taken {
    Line(LogRecord),
    Started {
        run: RunId,
        order: Box<OrderHeader>,
        at: DateTime<Utc>,
    },
    Progress {
        run: RunId,
        entries: Vec<ProgressEntry>,
    },
    Result {
        report: Box<RunReport>,
        order: Box<OrderHeader>,
    },
    /// A secret that this customer's key opens.
    Escrow {
        body: String,
    },
    /// An event that a report of another type tells as well: said once.
    Told,
    /// Cannot be read; kept as a line so that it is not sent for ever.
    Unreadable(LogRecord),
}

impl Services {
    pub(super) async fn report(&self, contact: &Contact<'_>) -> Result<Vec<u8>, Failure> {
        let request: ReportRequest =
            contact.read_private(op::REPORT, |body: &ReportRequest| body.v)?;
        if request
            .reports
            .windows(2)
            .any(|pair| pair[0].sequence >= pair[1].sequence)
        {
            return Err(codes::BODY_MALFORMED.into());
        }
        let taken: Vec<(uuid::Uuid, DateTime<Utc>, u64, Taken)> = request
            .reports
            .into_iter()
            .take(AT_ONCE)
            .map(|report| {
                let (key, at, sequence) = (report.key, report.at, report.sequence);
                (
                    key,
                    at,
                    sequence,
                    take_apart(&contact.ring, &contact.agent.record, report),
                )
            })
            .collect();
        let accepted_through = taken.last().map_or(0, |(_, _, sequence, _)| *sequence);
        let (agent, now) = (contact.agent.record.clone(), self.now());
        let adopted = self
            .store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                let mut adopted = Adopted::default();
                for (key, at, _, taken) in &taken {
                    let new = tx
                        .adopt_report(agent.device, &format!("{}/{key}", agent.id), now)
                        .await?;
                    match taken {
                        Taken::Escrow { body } => {
                            escrow(tx, &agent, *key, *at, body, &mut adopted).await?;
                        }
                        taken if new => adopt(tx, &agent, *at, taken, &mut adopted).await?,
                        _ => {}
                    }
                }
                adopted.keep_lines(tx, &agent).await?;
                Ok::<Adopted, StoreError>(adopted)
            })
            .await?;
        let escrowed = adopted.escrowed.clone();
        self.tell_listeners(&contact.agent.record, adopted).await?;
        json(&ReportAnswer {
            v: PROTOCOL_VERSION,
            accepted_through,
            escrowed,
        })
    }

    async fn tell_listeners(&self, agent: &AgentRecord, adopted: Adopted) -> Result<(), Failure> {
        if adopted.ended {
            self.agents.forget_devices();
        }
        let mut tx = self.store.read().await?;
        for id in &adopted.runs {
            if let Some(run) = tx.run(agent.customer, *id).await? {
                self.bus().publish(agent.customer, Topic::Run, id, &run);
            }
        }
        if !adopted.lines.is_empty() {
            let name = agent.facts.computer_name.clone();
            let lines: Vec<LogLine> = adopted
                .lines
                .into_iter()
                .map(|record| LogLine {
                    device: agent.device,
                    device_name: name.clone(),
                    record,
                })
                .collect();
            self.bus()
                .publish(agent.customer, Topic::AgentLog, agent.device, &lines);
        }
        Ok(())
    }
}

/// What a request changed.
#[derive(Default)]
struct Adopted {
    lines: Vec<LogRecord>,
    runs: BTreeSet<RunId>,
    ended: bool,
    /// Reports whose secrets are held.
    escrowed: Vec<uuid::Uuid>,
}

impl Adopted {
    fn line(
        &mut self,
        at: DateTime<Utc>,
        code: EventCode,
        run: Option<RunId>,
        text: impl Into<String>,
    ) {
        let severity = code.entry().map_or(Severity::Info, |entry| entry.severity);
        self.lines.push(LogRecord {
            sequence: 0,
            at,
            severity,
            code,
            text: text.into(),
            run,
        });
    }

    /// Numbers the lines and keeps them as one compressed chunk.
    async fn keep_lines(&mut self, tx: &mut Tx, agent: &AgentRecord) -> Result<(), StoreError> {
        if self.lines.is_empty() {
            return Ok(());
        }
        let mut next = tx.last_log_line(agent.device).await?;
        for line in &mut self.lines {
            next += 1;
            line.sequence = next;
        }
        tx.add_log(&logs::chunk(agent.customer, agent.device, &self.lines))
            .await?;
        Ok(())
    }
}

fn take_apart(ring: &Arc<KeyRing>, agent: &AgentRecord, report: Report) -> Taken {
    let unreadable = |what: &str, run: Option<RunId>| {
        Taken::Unreadable(LogRecord {
            sequence: 0,
            at: report.at,
            severity: Severity::Warning,
            code: EventCode::REPORT_SENT,
            text: format!("a report could not be taken: {what}"),
            run,
        })
    };
    match report.body {
        ReportBody::Event(event) if event.run.is_some() && told_by_reports(event.code) => {
            Taken::Told
        }
        ReportBody::Event(event) => Taken::Line(LogRecord {
            sequence: 0,
            at: report.at,
            severity: event
                .code
                .entry()
                .map_or(Severity::Info, |entry| entry.severity),
            text: worded(event.code, &event.detail),
            code: event.code,
            run: event.run,
        }),
        ReportBody::Started { run, order } => match proven(ring, agent, &order) {
            Some(header) => Taken::Started {
                run,
                order: Box::new(header),
                at: report.at,
            },
            None => unreadable("its order was not signed here", Some(run)),
        },
        ReportBody::Progress { run, entries } => {
            let list = entries
                .unpack(ENTRIES)
                .ok()
                .and_then(|plain| serde_json::from_slice(&plain).ok());
            match list {
                Some(entries) => Taken::Progress { run, entries },
                None => unreadable("its entries are damaged", Some(run)),
            }
        }
        ReportBody::Result(result) => match proven(ring, agent, &result.order) {
            Some(header) => Taken::Result {
                report: result,
                order: Box::new(header),
            },
            None => unreadable("its order was not signed here", Some(result.run)),
        },
        ReportBody::Escrow(escrowed) => match worth_keeping(ring, agent, &escrowed) {
            Some(body) => Taken::Escrow { body },
            None => unreadable(
                "a secret is sealed to another key than this customer's, or is another device's",
                None,
            ),
        },
    }
}

/// An escrowed secret as it is kept: as it came. It is opened once, to be sure that it can be when
/// it is needed, and what was inside is forgotten.
fn worth_keeping(ring: &KeyRing, agent: &AgentRecord, escrowed: &Escrowed) -> Option<String> {
    if escrowed.sealed.ciphertext.len() + escrowed.header.len() > SECRET {
        return None;
    }
    let (header, secret) = ring
        .escrow
        .iter()
        .rev()
        .find_map(|key| escrowed.open(key).ok())?;
    drop(Zeroizing::new(secret));
    let own = header.customer == agent.customer && header.device == agent.device;
    own.then(|| serde_json::to_string(escrowed).ok())?
}

/// The order that a proof proves: signed by a key of this customer, now or earlier, for this agent.
fn proven(ring: &KeyRing, agent: &AgentRecord, proof: &Proof) -> Option<OrderHeader> {
    let key = ring.verifying.iter().find(|key| key.id() == proof.keyid)?;
    proof.verify(Purpose::Order, key).ok()?;
    let header = OrderHeader::read(&proof.header).ok()?;
    (header.customer == agent.customer && header.device == agent.device).then_some(header)
}

/// Events of a run whose news is in a `started` or `result` report, with more to it.
fn told_by_reports(code: EventCode) -> bool {
    [
        EventCode::RUN_STARTED,
        EventCode::MIGRATED,
        EventCode::RESTORED,
        EventCode::RETURNED,
        EventCode::HELD,
        EventCode::REHEARSED,
        EventCode::USER_MIGRATED,
        EventCode::USER_UNMAPPED,
        EventCode::USER_FAILED,
    ]
    .contains(&code)
}

fn worded(code: EventCode, detail: &str) -> String {
    match (code.entry(), detail.is_empty()) {
        (Some(entry), true) => entry.title.to_owned(),
        (Some(entry), false) => format!("{}: {detail}", entry.title),
        (None, _) => detail.to_owned(),
    }
}

/// Keeps a secret once, however often its report comes, and says so each time: the answer may have
/// been lost on its way.
async fn escrow(
    tx: &mut Tx,
    agent: &AgentRecord,
    key: uuid::Uuid,
    at: DateTime<Utc>,
    body: &str,
    adopted: &mut Adopted,
) -> Result<(), StoreError> {
    tx.add_escrow(key, agent.customer, agent.device, body, at)
        .await?;
    // Under another device's key nothing was kept: that one's secret stays.
    if tx.escrowed_by(key).await? == Some(agent.device) {
        adopted.escrowed.push(key);
    }
    Ok(())
}

async fn adopt(
    tx: &mut Tx,
    agent: &AgentRecord,
    at: DateTime<Utc>,
    taken: &Taken,
    adopted: &mut Adopted,
) -> Result<(), StoreError> {
    match taken {
        Taken::Line(line) | Taken::Unreadable(line) => adopted.lines.push(line.clone()),
        Taken::Told | Taken::Escrow { .. } => {}
        Taken::Started { run, order, at } => {
            let Some(mut record) = run_of(tx, agent, *run, order).await? else {
                return Ok(());
            };
            begin(tx, agent, &mut record, order, *at).await?;
            adopted.runs.insert(*run);
            adopted.line(
                *at,
                EventCode::RUN_STARTED,
                Some(*run),
                format!("{} started", record.runbook_name),
            );
        }
        Taken::Progress { run, entries } => {
            let Some(mut record) = tx.run(agent.customer, *run).await? else {
                return Ok(());
            };
            if record.device == agent.device {
                progress(tx, &mut record, entries, adopted).await?;
                adopted.runs.insert(*run);
            }
        }
        Taken::Result { report, order } => {
            let Some(mut record) = run_of(tx, agent, report.run, order).await? else {
                return Ok(());
            };
            begin(tx, agent, &mut record, order, report.started_at).await?;
            conclude(tx, agent, record, report, at, adopted).await?;
            adopted.runs.insert(report.run);
            adopted.ended = true;
        }
    }
    Ok(())
}

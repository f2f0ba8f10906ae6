//! The fallback administrator's password goes to the server, sealed to the customer's escrow key,
//! before anything else on the device changes.
//!
//! INVARIANT: `escrow.json` is written only after a signed answer that names the report; the answer
//! to the request that carried it, not to an earlier one.

use super::{Agent, AgentError, reports::named};
use crate::{orders::HeldOrder, rundir::RunDir};
use gw_model::{EventCode, RunId};
use gw_wire::{
    envelope::{EscrowHeader, EscrowKind, Escrowed},
    report::{Report, ReportBody},
};
use std::{collections::BTreeSet, time::Duration};
use uuid::Uuid;

/// What is known of the escrow of the run at hand. All of it is learned again after a restart: the
/// server takes the same report as often as it comes, and keeps it once.
#[derive(Default)]
pub(super) struct Escrow {
    /// The run that waits for the server.
    waits: Option<RunId>,
    /// The report as it was last sent: its key, its number, and when by the monotonic clock.
    sent: Option<(Uuid, u64, Duration)>,
    /// Reports of which the server said that it holds their secrets.
    held: BTreeSet<Uuid>,
    /// How often the server was asked in vain.
    in_vain: u32,
}

impl Escrow {
    /// Whether this run waits; its engine has nothing to do meanwhile.
    pub(super) fn waits(&self, run: RunId) -> bool {
        self.waits == Some(run)
    }

    /// Takes from a signed answer what it says of the reports it answers.
    pub(super) fn learn(&mut self, sent: &BTreeSet<Uuid>, held: &[Uuid]) {
        self.held
            .extend(held.iter().filter(|key| sent.contains(key)));
    }
}

/// Keys of the reports that carry secrets.
pub(super) fn carried(reports: &[Report]) -> BTreeSet<Uuid> {
    reports
        .iter()
        .filter(|report| matches!(report.body, ReportBody::Escrow(_)))
        .map(|report| report.key)
        .collect()
}

impl Agent {
    /// Brings the password into safe hands. `None`: it is, go on; otherwise look again after this.
    pub(super) fn escrow_password(
        &mut self,
        order: &HeldOrder,
        dir: &RunDir,
    ) -> Result<Option<Duration>, AgentError> {
        let run = order.header.run;
        let key = named("escrow", run, 0);
        self.escrow.waits = Some(run);
        if !self.escrow.held.contains(&key) {
            self.send_escrow(order, dir, key)?;
            self.flush_reports()?;
        }
        if self.escrow.held.remove(&key) {
            dir.write_escrow()?;
            (self.escrow.waits, self.escrow.sent) = (None, None);
            self.escrow.in_vain = 0;
            return Ok(None);
        }
        let (id, run) = (Some(order.header.order), Some(run));
        self.event(EventCode::WAITING_FOR_ESCROW, "", id, run)?;
        let wait = AGAIN * 2_u32.pow(self.escrow.in_vain.min(8));
        self.escrow.in_vain += 1;
        Ok(Some(wait.min(AGAIN_AT_LAST)))
    }

    /// Queues the report, unless it waits there already or was sent a moment ago.
    fn send_escrow(
        &mut self,
        order: &HeldOrder,
        dir: &RunDir,
        key: Uuid,
    ) -> Result<(), AgentError> {
        let now = self.time.monotonic();
        match self.escrow.sent.filter(|(sent, ..)| *sent == key) {
            Some((_, number, _)) if number > self.queue.acknowledged() => return Ok(()),
            // The server has the report and does not vouch for the secret: it is older than that, or
            // cannot open it. A newer key set may help.
            Some((.., at)) if now.saturating_sub(at) < SEAL_AGAIN => return Ok(()),
            Some(_) => {}
            None => {
                if let Some(number) = self.queue.waits_for(&self.state, key)? {
                    self.escrow.sent = Some((key, number, now));
                    return Ok(());
                }
            }
        }
        let (Some(keys), Some((account, password))) = (self.identity.keys(), dir.fallback()?)
        else {
            let (id, run) = (Some(order.header.order), Some(order.header.run));
            let detail = "the fallback administrator's password is missing; take the run back";
            self.event(EventCode::STEP_FAILED, detail, id, run)?;
            return Ok(());
        };
        let header = EscrowHeader {
            customer: order.header.customer,
            device: order.header.device,
            order: Some(order.header.order),
            run: Some(order.header.run),
            kind: EscrowKind::FallbackPassword,
            label: account,
            created_at: self.now(),
        };
        match Escrowed::make(&keys, &header, password.expose()) {
            Ok(escrowed) => {
                self.push(ReportBody::Escrow(Box::new(escrowed)), key)?;
                self.escrow.sent = Some((key, self.queue.last(), now));
            }
            Err(error) => {
                tracing::warn!(%error, run.id = %order.header.run, "A password cannot be escrowed");
            }
        }
        Ok(())
    }
}

/// Before the server is asked again for a run that waits; twice as long each time, up to the other.
const AGAIN: Duration = Duration::from_secs(15);
const AGAIN_AT_LAST: Duration = Duration::from_secs(300);
/// Before a report that the server does not vouch for is sealed and sent again.
const SEAL_AGAIN: Duration = Duration::from_secs(600);

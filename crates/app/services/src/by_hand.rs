//! What an administrator orders for one device: a rehearsal, a run again, its way back.

use crate::{
    Actor, DeviceError, Internal, Services, Topic,
    agents::{Make, Placed, order_ahead, place, withdraw},
};
use gw_model::{CustomerId, DeviceId, RunId, RunKind, RunState, RunbookId};
use gw_store::{Lane, RunRecord, Tx};

impl Services {
    /// Orders everything that may be ordered for a device, as its next check-in would.
    ///
    /// # Errors
    /// The store failed.
    pub async fn order_device(&self, customer: CustomerId, id: DeviceId) -> Result<bool, Internal> {
        let (now, fresh) = (self.now(), self.fresh(16));
        Ok(self
            .store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                order_ahead(tx, customer, id, now, &fresh).await
            })
            .await?)
    }

    /// Orders a rehearsal: it changes nothing and needs neither batch nor licence.
    ///
    /// # Errors
    /// The device or the runbook is not there, or the rules say no.
    pub async fn rehearse(
        &self,
        actor: &Actor,
        customer: CustomerId,
        device: DeviceId,
        runbook: RunbookId,
    ) -> Result<RunRecord, DeviceError> {
        let row = self.audit_row(
            actor,
            Some(customer),
            "run.rehearse",
            device,
            format!("ordered a rehearsal of runbook {runbook}"),
        );
        self.by_hand(customer, device, runbook, RunKind::Rehearse, row)
            .await
    }

    /// Orders a runbook again that has ended on the device; the agent is told that it is meant.
    ///
    /// # Errors
    /// The device or the runbook is not there, or the rules say no.
    pub async fn run_again(
        &self,
        actor: &Actor,
        customer: CustomerId,
        device: DeviceId,
        runbook: RunbookId,
    ) -> Result<RunRecord, DeviceError> {
        let row = self.audit_row(
            actor,
            Some(customer),
            "run.again",
            device,
            format!("ordered runbook {runbook} again"),
        );
        self.by_hand(customer, device, runbook, RunKind::Run, row)
            .await
    }

    async fn by_hand(
        &self,
        customer: CustomerId,
        device: DeviceId,
        runbook: RunbookId,
        kind: RunKind,
        row: gw_store::NewAudit,
    ) -> Result<RunRecord, DeviceError> {
        let make = Make {
            order: self.id(),
            run: self.id(),
            kind,
            force: kind == RunKind::Run,
            now: self.now(),
        };
        let run = self
            .store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                let placed = Placed::load(tx, customer, device)
                    .await?
                    .ok_or(DeviceError::NotFound)?;
                let record = tx
                    .runbook(customer, runbook)
                    .await?
                    .ok_or(DeviceError::RunbookNotFound)?;
                let document = gw_runbook::read(&record.document)
                    .map_err(|error| Internal(Box::new(error)))?;
                let licence = placed.licence(tx, make.now).await?;
                let decision =
                    placed.decide(make.now, runbook, &document, kind, make.force, &licence);
                if !decision.may_be_ordered() {
                    return Err(DeviceError::NotEligible {
                        because: decision.because(),
                    });
                }
                if kind == RunKind::Run
                    && let Some(claim) = placed.seat_claim(tx, make.now).await?
                    && let Err(refusal) = tx.claim_seat(&claim).await?
                {
                    return Err(DeviceError::NotEligible {
                        because: refusal.to_string(),
                    });
                }
                let run = place(tx, &placed, &record, &make).await?;
                tx.add_audit(&row).await?;
                run.ok_or(DeviceError::NoAgent {
                    device: placed.device.name,
                })
            })
            .await?;
        self.agents.forget_devices();
        self.bus().publish(customer, Topic::Run, run.id, &run);
        Ok(run)
    }

    /// Orders a finished run to be taken back.
    ///
    /// # Errors
    /// There is no such run, or it did not end in the target.
    pub async fn undo(
        &self,
        actor: &Actor,
        customer: CustomerId,
        id: RunId,
    ) -> Result<RunRecord, DeviceError> {
        let make = Make {
            order: self.id(),
            run: id,
            kind: RunKind::Undo,
            force: false,
            now: self.now(),
        };
        let row = self.audit_row(
            actor,
            Some(customer),
            "run.undo",
            id,
            "ordered a run to be taken back",
        );
        let run = self
            .store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                let run = tx
                    .run(customer, id)
                    .await?
                    .ok_or(DeviceError::RunNotFound)?;
                if run.kind != RunKind::Run || run.result != Some(gw_model::FinalState::Migrated) {
                    return Err(DeviceError::NotUndoable);
                }
                let placed = Placed::load(tx, customer, run.device)
                    .await?
                    .ok_or(DeviceError::NotFound)?;
                let record = tx
                    .runbook_version(customer, run.runbook, run.runbook_version)
                    .await?
                    .ok_or(DeviceError::RunbookNotFound)?;
                let document = gw_runbook::read(&record.document)
                    .map_err(|error| Internal(Box::new(error)))?;
                let decision = placed.decide(
                    make.now,
                    run.runbook,
                    &document,
                    RunKind::Undo,
                    false,
                    &Ok(()),
                );
                if !decision.may_be_ordered() {
                    return Err(DeviceError::NotEligible {
                        because: decision.because(),
                    });
                }
                if place(tx, &placed, &record, &make).await?.is_none() {
                    return Err(DeviceError::NoAgent {
                        device: placed.device.name,
                    });
                }
                tx.add_audit(&row).await?;
                Ok(run)
            })
            .await?;
        self.agents.forget_devices();
        Ok(run)
    }

    /// Withdraws a run that was ordered and has not begun.
    ///
    /// # Errors
    /// There is none, or it has begun.
    pub async fn withdraw_run(
        &self,
        actor: &Actor,
        customer: CustomerId,
        id: RunId,
    ) -> Result<RunRecord, DeviceError> {
        let because = format!("by {}", actor.name);
        let row = self.audit_row(
            actor,
            Some(customer),
            "run.withdraw",
            id,
            "withdrew a run before it began",
        );
        let run = self
            .store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                let run = tx
                    .run(customer, id)
                    .await?
                    .ok_or(DeviceError::RunNotFound)?;
                let order = tx.order(run.order).await?.ok_or(DeviceError::Begun)?;
                if run.state != RunState::Ordered || !withdraw(tx, &order, &because).await? {
                    return Err(DeviceError::Begun);
                }
                tx.add_audit(&row).await?;
                tx.run(customer, id).await?.ok_or(DeviceError::RunNotFound)
            })
            .await?;
        self.agents.forget_devices();
        self.bus().publish(customer, Topic::Run, run.id, &run);
        Ok(run)
    }
}

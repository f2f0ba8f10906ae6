//! Devices: found, approved, decided between, rehearsed, taken back.

use crate::{
    Actor, Ask, FallbackAdministrator, Internal, Page, Services, Topic,
    agents::{Placed, withdraw},
    batch_csv::{self, CsvImport},
    error::refused,
    fallback,
    page::Cursor,
};
use gw_model::{AgentId, CustomerId, DeviceId, DeviceTrust, RunbookId, fold};
use gw_runbook::Decision;
use gw_store::{
    AgentRecord, DeviceFilter, DeviceLink, DeviceRecord, Lane, Membership, OrderRecord, RunRecord,
    Tx,
};

/// What a runbook would do on a device now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Eligibility {
    /// The runbook.
    pub runbook: RunbookId,
    /// Its name.
    pub name: String,
    /// The decision with its reason.
    pub decision: Decision,
}

/// Everything about one device.
#[derive(Debug, Clone)]
pub struct DeviceDetail {
    /// The device.
    pub device: DeviceRecord,
    /// The computer objects that it is or was, oldest first.
    pub links: Vec<DeviceLink>,
    /// The agents that enrolled for it: the one that holds it, then a rival, then earlier ones.
    pub agents: Vec<AgentRecord>,
    /// The batch that it is in.
    pub membership: Option<Membership>,
    /// What each runbook of that batch would do now.
    pub eligibility: Vec<Eligibility>,
    /// Its runs, newest first.
    pub runs: Vec<RunRecord>,
    /// Its orders, newest first.
    pub orders: Vec<OrderRecord>,
    /// Fallback administrators that it escrowed, newest first; never their passwords.
    pub fallbacks: Vec<FallbackAdministrator>,
}

/// Something with a device was refused.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// No such device.
    #[error("there is no such device")]
    NotFound,
    /// No such agent, or of another device.
    #[error("there is no such agent on this device")]
    AgentNotFound,
    /// Nothing to approve.
    #[error("{device} has no agent that waits for approval")]
    NothingToApprove {
        /// Its name.
        device: String,
    },
    /// Nothing to decide.
    #[error("no two agents claim {device}")]
    NoConflict {
        /// Its name.
        device: String,
    },
    /// No agent.
    #[error("no agent is enrolled on {device}")]
    NoAgent {
        /// Its name.
        device: String,
    },
    /// No such runbook.
    #[error("there is no such runbook")]
    RunbookNotFound,
    /// No such run.
    #[error("there is no such run")]
    RunNotFound,
    /// The rules say no.
    #[error("{because}")]
    NotEligible {
        /// The reason in words.
        because: String,
    },
    /// Too late.
    #[error("the run has begun or ended; it cannot be withdrawn any more")]
    Begun,
    /// Not migrated.
    #[error("only a run that ended in the target can be taken back")]
    NotUndoable,
    /// The file is not CSV in UTF-8.
    #[error("the file cannot be read as CSV in UTF-8: {because}")]
    Csv {
        /// Why.
        because: String,
    },
    /// Our fault.
    #[error(transparent)]
    Inner(#[from] Internal),
}

refused!(DeviceError {
    Self::NotFound => NotFound, "device_not_found";
    Self::AgentNotFound => NotFound, "agent_not_found";
    Self::NothingToApprove { .. } => Conflict, "nothing_to_approve";
    Self::NoConflict { .. } => Conflict, "no_conflict";
    Self::NoAgent { .. } => Conflict, "no_agent";
    Self::RunbookNotFound => Invalid, "runbook_not_found", "runbook_id";
    Self::RunNotFound => NotFound, "run_not_found";
    Self::NotEligible { .. } => Conflict, "not_eligible";
    Self::Begun => Conflict, "run_begun";
    Self::NotUndoable => Conflict, "run_not_undoable";
    Self::Csv { .. } => Invalid, "csv_unreadable";
});

impl Services {
    /// Devices by name.
    ///
    /// # Errors
    /// The store failed.
    pub async fn devices(
        &self,
        customer: CustomerId,
        filter: &DeviceFilter,
        ask: &Ask,
    ) -> Result<Page<DeviceRecord>, DeviceError> {
        let filter = DeviceFilter {
            search: ask.search.clone(),
            ..filter.clone()
        };
        let (after, rows) = (Cursor::read(ask), ask.rows());
        let found = self
            .store
            .read()
            .await?
            .devices(customer, &filter, after.as_ref(), rows + 1)
            .await?;
        Ok(Page::cut(found, rows, |last| {
            Cursor::text(&fold(&last.name), last.id.0)
        }))
    }

    /// Everything about one device.
    ///
    /// # Errors
    /// There is none.
    pub async fn device(
        &self,
        customer: CustomerId,
        id: DeviceId,
    ) -> Result<DeviceDetail, DeviceError> {
        let mut tx = self.store.read().await?;
        let placed = Placed::load(&mut tx, customer, id)
            .await?
            .ok_or(DeviceError::NotFound)?;
        let decisions = placed.decisions(&mut tx, self.now()).await?;
        let mut agents = tx.agents_of(id).await?;
        let holder = placed.device.agent;
        agents.sort_by_key(|agent| {
            (
                Some(agent.id) != holder,
                agent.trust != DeviceTrust::Conflict,
            )
        });
        Ok(DeviceDetail {
            links: tx.device_links(id).await?,
            agents,
            membership: tx.membership(id).await?,
            eligibility: decisions
                .into_iter()
                .map(|(runbook, _, decision)| Eligibility {
                    runbook: runbook.id,
                    name: runbook.name,
                    decision,
                })
                .collect(),
            runs: placed.runs.iter().rev().take(20).cloned().collect(),
            orders: tx.orders_of(id, 20).await?,
            fallbacks: fallback::of_device(&mut tx, customer, id).await?,
            device: placed.device,
        })
    }

    /// Trusts the agent that waits for approval on a device.
    ///
    /// # Errors
    /// None waits.
    pub async fn approve_device(
        &self,
        actor: &Actor,
        customer: CustomerId,
        id: DeviceId,
    ) -> Result<AgentRecord, DeviceError> {
        let (now, by) = (self.now(), actor.name.clone());
        let row = self.audit_row(
            actor,
            Some(customer),
            "agent.approve",
            id,
            "approved the device's agent",
        );
        let approved = self
            .store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                let device = tx
                    .device(customer, id)
                    .await?
                    .ok_or(DeviceError::NotFound)?;
                let agents = tx.agents_of(id).await?;
                let waits = agents
                    .iter()
                    .find(|agent| agent.live && agent.trust == DeviceTrust::Pending);
                let rivals = agents
                    .iter()
                    .any(|agent| !agent.live && agent.trust == DeviceTrust::Conflict);
                let (Some(agent), false) = (waits, rivals) else {
                    return Err(DeviceError::NothingToApprove {
                        device: device.name,
                    });
                };
                tx.set_agent_trust(agent.id, DeviceTrust::Trusted, now, &by)
                    .await?;
                tx.add_audit(&row).await?;
                tx.agent(customer, agent.id)
                    .await?
                    .ok_or(DeviceError::AgentNotFound)
            })
            .await?;
        self.device_changed(customer, id, &approved);
        Ok(approved)
    }

    /// Approves by a list: CSV with a column of computer names or serial numbers.
    ///
    /// # Errors
    /// The file is not CSV in UTF-8. Mistakes in lines are no errors.
    pub async fn approve_csv(
        &self,
        actor: &Actor,
        customer: CustomerId,
        file: &[u8],
    ) -> Result<CsvImport, DeviceError> {
        let named = batch_csv::read_names(file).map_err(|error| DeviceError::Csv {
            because: error.to_string(),
        })?;
        let mut done = CsvImport {
            lines: named.len() as u64,
            ..CsvImport::default()
        };
        for one in &named {
            let found = batch_csv::find(&mut self.store.read().await?, customer, one).await?;
            match found {
                Err(error) => done.errors.push(error),
                Ok(id) => match self.approve_device(actor, customer, id).await {
                    Ok(_) => done.added += 1,
                    Err(DeviceError::Inner(error)) => return Err(error.into()),
                    Err(error) => done.errors.push(batch_csv::CsvLineError {
                        line: one.line,
                        value: one.value.clone(),
                        code: crate::Refused::code(&error),
                        message: error.to_string(),
                    }),
                },
            }
        }
        Ok(done)
    }

    /// Revokes the live agent of a device: nothing new reaches it from its next request on. It may
    /// still report and come back; what was ordered and has not begun is withdrawn.
    ///
    /// # Errors
    /// There is no agent.
    pub async fn revoke_device(
        &self,
        actor: &Actor,
        customer: CustomerId,
        id: DeviceId,
    ) -> Result<AgentRecord, DeviceError> {
        let (now, by) = (self.now(), actor.name.clone());
        let row = self.audit_row(
            actor,
            Some(customer),
            "agent.revoke",
            id,
            "revoked the device's agent",
        );
        let revoked = self
            .store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                let device = tx
                    .device(customer, id)
                    .await?
                    .ok_or(DeviceError::NotFound)?;
                let Some(agent) = device.agent else {
                    return Err(DeviceError::NoAgent {
                        device: device.name,
                    });
                };
                tx.set_agent_trust(agent, DeviceTrust::Revoked, now, &by)
                    .await?;
                for order in tx.live_orders(id).await? {
                    withdraw(tx, &order, "the agent was revoked").await?;
                }
                tx.add_audit(&row).await?;
                tx.agent(customer, agent)
                    .await?
                    .ok_or(DeviceError::AgentNotFound)
            })
            .await?;
        self.device_changed(customer, id, &revoked);
        Ok(revoked)
    }

    /// Decides which of several agents is the device: that one is trusted, the others are revoked.
    /// If it is not the one that held the device, the machine was set up afresh: what ran once may
    /// be asked for again.
    ///
    /// # Errors
    /// There is nothing to decide, or no such agent.
    pub async fn resolve_conflict(
        &self,
        actor: &Actor,
        customer: CustomerId,
        id: DeviceId,
        keep: AgentId,
    ) -> Result<AgentRecord, DeviceError> {
        let (now, by) = (self.now(), actor.name.clone());
        let row = self.audit_row(
            actor,
            Some(customer),
            "agent.resolve_conflict",
            keep,
            "decided which agent is the device",
        );
        let kept = self
            .store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                let device = tx
                    .device(customer, id)
                    .await?
                    .ok_or(DeviceError::NotFound)?;
                let agents = tx.agents_of(id).await?;
                if !agents
                    .iter()
                    .any(|agent| agent.trust == DeviceTrust::Conflict)
                {
                    return Err(DeviceError::NoConflict {
                        device: device.name,
                    });
                }
                let kept = agents
                    .iter()
                    .find(|agent| agent.id == keep)
                    .ok_or(DeviceError::AgentNotFound)?;
                for other in agents
                    .iter()
                    .filter(|agent| agent.id != keep && agent.trust != DeviceTrust::Revoked)
                {
                    tx.set_agent_trust(other.id, DeviceTrust::Revoked, now, &by)
                        .await?;
                }
                if device.agent != Some(keep) {
                    for order in tx.live_orders(id).await? {
                        withdraw(tx, &order, "another agent is the device now").await?;
                    }
                    tx.raise_incarnation(id).await?;
                }
                tx.set_live_agent(id, keep, DeviceTrust::Trusted, &kept.facts)
                    .await?;
                tx.set_agent_trust(keep, DeviceTrust::Trusted, now, &by)
                    .await?;
                tx.add_audit(&row).await?;
                tx.agent(customer, keep)
                    .await?
                    .ok_or(DeviceError::AgentNotFound)
            })
            .await?;
        self.device_changed(customer, id, &kept);
        Ok(kept)
    }

    fn device_changed(&self, customer: CustomerId, id: DeviceId, agent: &AgentRecord) {
        self.agents.forget_agents();
        self.bus().publish(customer, Topic::Device, id, agent);
    }
}

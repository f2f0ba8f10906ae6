//! Batches: which devices, which runbooks, when. A device is in one batch at a time: a list beats
//! the catch-all, two lists are refused by name, and moving is one action.

use crate::{
    Actor, Ask, Internal, Page, Services, Topic, customers::name_is_usable, error::refused,
    page::Cursor,
};
use gw_model::{BatchId, BatchRunbook, CustomerId, DeviceId, DirectoryId, fold};
use gw_store::{
    BatchClash, BatchMember, BatchRecord, BatchSummary, Lane, Membership, ScopeMode, Tx,
};

/// A batch to make or change; its devices are changed on their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchDraft {
    /// Its name.
    pub name: String,
    /// The one source.
    pub source: DirectoryId,
    /// The one target.
    pub target: DirectoryId,
    /// What its list means.
    pub mode: ScopeMode,
    /// The runbooks with their dates.
    pub runbooks: Vec<BatchRunbook>,
}

/// A batch as it is shown.
pub type BatchView = BatchSummary;

/// What to do with a device that another list holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum IfElsewhere {
    /// Refuse everything, by name.
    #[default]
    Refuse,
    /// Move it.
    Move,
}

/// What a change of a list did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ListChange {
    /// Devices that were put on the list.
    pub added: i64,
    /// Devices that were on it already.
    pub unchanged: i64,
}

/// A batch was refused.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// No such batch.
    #[error("there is no such batch")]
    NotFound,
    /// The name cannot be used.
    #[error("a batch's name has 1 to 100 characters")]
    Name,
    /// The name is taken.
    #[error("there is a batch `{name}` already; choose another name")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// One catch-all per source.
    #[error(
        "batch `{batch}` already takes all devices of this source except its list; there can be one such batch per source"
    )]
    CatchAllTaken {
        /// Its name.
        batch: String,
    },
    /// A directory is not there.
    #[error("the {which} directory does not exist; choose one of this customer's")]
    Directory {
        /// `source` or `target`.
        which: &'static str,
    },
    /// A runbook is not there, or is named twice.
    #[error("a runbook of the batch does not exist or is named twice")]
    Runbook,
    /// The runbook does not start here.
    #[error(
        "the batch's source is not among the sources of runbook `{runbook}`; add it there, or choose another runbook"
    )]
    SourceNotInRunbook {
        /// Its name.
        runbook: String,
    },
    /// The runbook leads elsewhere.
    #[error("runbook `{runbook}` leads to another target than the batch")]
    TargetDiffers {
        /// Its name.
        runbook: String,
    },
    /// No such device.
    #[error("device {device} does not exist")]
    Device {
        /// Which.
        device: DeviceId,
    },
    /// The device is not in the batch's source.
    #[error("device {device} is not in the batch's source directory")]
    NotInSource {
        /// Its name.
        device: String,
    },
    /// Another list holds it.
    #[error("device {device} is in batch `{batch}`; take it out there, or move it")]
    InOtherBatch {
        /// Its name.
        device: String,
        /// That batch.
        batch: String,
    },
    /// A catch-all holds what no list holds.
    #[error(
        "batch `{batch}` takes all devices except its list; to move a device there, take it off the list it is on"
    )]
    NotAList {
        /// Its name.
        batch: String,
    },
    /// Changed meanwhile.
    #[error("the batch was changed meanwhile; read it again")]
    Stale,
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

refused!(BatchError {
    Self::NotFound => NotFound, "batch_not_found";
    Self::Name => Invalid, "name_length", "name";
    Self::NameTaken { .. } => Conflict, "name_taken", "name";
    Self::CatchAllTaken { .. } => Conflict, "catch_all_taken", "mode";
    Self::Directory { .. } => Invalid, "directory_not_found", "directory";
    Self::Runbook => Invalid, "runbook_not_found", "runbooks";
    Self::SourceNotInRunbook { .. } => Conflict, "source_not_in_runbook", "runbooks";
    Self::TargetDiffers { .. } => Conflict, "target_differs", "runbooks";
    Self::Device { .. } => Invalid, "device_not_found", "device_ids";
    Self::NotInSource { .. } => Conflict, "device_not_in_source", "device_ids";
    Self::InOtherBatch { .. } => Conflict, "device_in_other_batch", "device_ids";
    Self::NotAList { .. } => Conflict, "batch_is_catch_all";
    Self::Stale => Stale, "stale";
    Self::Csv { .. } => Invalid, "csv_unreadable";
});

impl Services {
    /// Makes a batch.
    ///
    /// # Errors
    /// A field cannot be used or contradicts a runbook, or the name is taken.
    pub async fn create_batch(
        &self,
        actor: &Actor,
        customer: CustomerId,
        draft: BatchDraft,
    ) -> Result<BatchView, BatchError> {
        let record = self.batch_draft(customer, self.id(), draft)?;
        let row = self.audit_row(
            actor,
            Some(customer),
            "batch.create",
            record.id,
            format!("made batch {}", record.name),
        );
        let id = record.id;
        self.store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                check_references(tx, &record).await?;
                if !tx.add_batch(&record).await? {
                    return Err(BatchError::NameTaken {
                        name: record.name.clone(),
                    });
                }
                tx.add_audit(&row).await?;
                Ok(())
            })
            .await?;
        self.batch_changed(customer, id).await
    }

    /// Changes a batch. Its list is kept unless `mode` or `source` changes, which empties it.
    /// Orders under it that have not begun are withdrawn and made again.
    ///
    /// # Errors
    /// As for making one; or it was changed meanwhile.
    pub async fn update_batch(
        &self,
        actor: &Actor,
        customer: CustomerId,
        id: BatchId,
        if_match: i64,
        draft: BatchDraft,
    ) -> Result<BatchView, BatchError> {
        let record = self.batch_draft(customer, id, draft)?;
        let row = self.audit_row(
            actor,
            Some(customer),
            "batch.save",
            id,
            format!("changed batch {}", record.name),
        );
        self.store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                let held = tx.batch(customer, id).await?.ok_or(BatchError::NotFound)?;
                check_references(tx, &record).await?;
                if !tx.update_batch(&record, if_match).await? {
                    return Err(BatchError::Stale);
                }
                if held.mode != record.mode || held.source != record.source {
                    tx.clear_batch_list(id).await?;
                }
                for order in tx.open_orders_of_batch(id).await? {
                    crate::agents::withdraw(tx, &order, "the batch was changed").await?;
                }
                tx.add_audit(&row).await?;
                Ok(())
            })
            .await?;
        self.batch_changed(customer, id).await
    }

    /// All batches by name.
    ///
    /// # Errors
    /// The store failed.
    pub async fn batches(&self, customer: CustomerId) -> Result<Vec<BatchView>, Internal> {
        Ok(self.store.read().await?.batch_summaries(customer).await?)
    }

    /// One batch.
    ///
    /// # Errors
    /// There is none.
    pub async fn batch(&self, customer: CustomerId, id: BatchId) -> Result<BatchView, BatchError> {
        let mut tx = self.store.read().await?;
        let batch = tx.batch(customer, id).await?.ok_or(BatchError::NotFound)?;
        Ok(BatchSummary {
            listed: tx.listed_count(&batch).await?,
            members: tx.member_count(&batch).await?,
            finished: tx.finished_count(&batch).await?,
            batch,
        })
    }

    async fn batch_changed(
        &self,
        customer: CustomerId,
        id: BatchId,
    ) -> Result<BatchView, BatchError> {
        self.agents.forget_devices();
        let view = self.batch(customer, id).await?;
        self.bus()
            .publish(customer, Topic::Configuration, id, &view);
        Ok(view)
    }

    /// Removes a batch. Orders under it that have not begun are withdrawn.
    ///
    /// # Errors
    /// There is none, or it was changed meanwhile.
    pub async fn delete_batch(
        &self,
        actor: &Actor,
        customer: CustomerId,
        id: BatchId,
        if_match: i64,
    ) -> Result<(), BatchError> {
        let row = self.audit_row(actor, Some(customer), "batch.delete", id, "removed a batch");
        self.store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                let held = tx.batch(customer, id).await?.ok_or(BatchError::NotFound)?;
                if held.revision != if_match {
                    return Err(BatchError::Stale);
                }
                for order in tx.open_orders_of_batch(id).await? {
                    crate::agents::withdraw(tx, &order, "the batch was removed").await?;
                }
                tx.remove_batch(customer, id).await?;
                tx.add_audit(&row).await?;
                Ok::<(), BatchError>(())
            })
            .await?;
        self.agents.forget_devices();
        Ok(())
    }

    /// The devices on a batch's list: members, or exceptions.
    ///
    /// # Errors
    /// There is no such batch.
    pub async fn batch_devices(
        &self,
        customer: CustomerId,
        id: BatchId,
        ask: &Ask,
    ) -> Result<Page<BatchMember>, BatchError> {
        let mut tx = self.store.read().await?;
        let batch = tx.batch(customer, id).await?.ok_or(BatchError::NotFound)?;
        let (after, rows) = (Cursor::read(ask), ask.rows());
        let found = tx
            .batch_list(&batch, ask.search.as_deref(), after.as_ref(), rows + 1)
            .await?;
        Ok(Page::cut(found, rows, |last| {
            Cursor::text(&fold(&last.name), last.device.0)
        }))
    }

    /// The devices that are in a batch now.
    ///
    /// # Errors
    /// There is no such batch.
    pub async fn batch_members(
        &self,
        customer: CustomerId,
        id: BatchId,
        ask: &Ask,
    ) -> Result<Page<BatchMember>, BatchError> {
        let mut tx = self.store.read().await?;
        let batch = tx.batch(customer, id).await?.ok_or(BatchError::NotFound)?;
        let (after, rows) = (Cursor::read(ask), ask.rows());
        let found = tx
            .batch_members(&batch, ask.search.as_deref(), after.as_ref(), rows + 1)
            .await?;
        Ok(Page::cut(found, rows, |last| {
            Cursor::text(&fold(&last.name), last.device.0)
        }))
    }

    /// Puts devices on a batch's list; all of them or none.
    ///
    /// # Errors
    /// A device is not there, not in the source, or on another list (unless it shall be moved).
    pub async fn add_batch_devices(
        &self,
        actor: &Actor,
        customer: CustomerId,
        id: BatchId,
        devices: Vec<DeviceId>,
        elsewhere: IfElsewhere,
    ) -> Result<ListChange, BatchError> {
        let row = self.audit_row(
            actor,
            Some(customer),
            "batch.add_devices",
            id,
            format!("put {} devices on the list", devices.len()),
        );
        let change = self
            .store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                let batch = tx.batch(customer, id).await?.ok_or(BatchError::NotFound)?;
                let mut change = ListChange::default();
                for device in &devices {
                    match put_on_list(tx, &batch, *device, elsewhere).await? {
                        true => change.added += 1,
                        false => change.unchanged += 1,
                    }
                }
                if change.added > 0 {
                    tx.touch_batch(id).await?;
                }
                tx.add_audit(&row).await?;
                Ok::<_, BatchError>(change)
            })
            .await?;
        self.batch_changed(customer, id).await?;
        Ok(change)
    }

    /// Takes devices off a batch's list; how many were on it.
    ///
    /// # Errors
    /// There is no such batch.
    pub async fn remove_batch_devices(
        &self,
        actor: &Actor,
        customer: CustomerId,
        id: BatchId,
        devices: Vec<DeviceId>,
    ) -> Result<i64, BatchError> {
        let row = self.audit_row(
            actor,
            Some(customer),
            "batch.remove_devices",
            id,
            format!("took {} devices off the list", devices.len()),
        );
        let removed = self
            .store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                let batch = tx.batch(customer, id).await?.ok_or(BatchError::NotFound)?;
                let mut removed = 0;
                for device in &devices {
                    let was = match batch.mode {
                        ScopeMode::Only => tx.unlist_device(id, *device).await?,
                        ScopeMode::AllExcept => tx.unexempt_device(id, *device).await?,
                    };
                    removed += i64::from(was);
                    reconsider(tx, *device, "the device's batch was changed").await?;
                }
                if removed > 0 {
                    tx.touch_batch(id).await?;
                }
                tx.add_audit(&row).await?;
                Ok::<_, BatchError>(removed)
            })
            .await?;
        self.batch_changed(customer, id).await?;
        Ok(removed)
    }

    /// Moves a device to a batch's list, off whichever holds it; in one step.
    ///
    /// # Errors
    /// The batch is a catch-all, or the device is not in its source.
    pub async fn move_device(
        &self,
        actor: &Actor,
        customer: CustomerId,
        device: DeviceId,
        to: BatchId,
    ) -> Result<Option<Membership>, BatchError> {
        let row = self.audit_row(
            actor,
            Some(customer),
            "batch.move_device",
            device,
            format!("moved the device to batch {to}"),
        );
        let held = self
            .store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                let batch = tx.batch(customer, to).await?.ok_or(BatchError::NotFound)?;
                if batch.mode == ScopeMode::AllExcept {
                    return Err(BatchError::NotAList { batch: batch.name });
                }
                put_on_list(tx, &batch, device, IfElsewhere::Move).await?;
                tx.touch_batch(to).await?;
                tx.add_audit(&row).await?;
                Ok(tx.membership(device).await?)
            })
            .await?;
        self.batch_changed(customer, to).await?;
        Ok(held)
    }

    fn batch_draft(
        &self,
        customer: CustomerId,
        id: BatchId,
        draft: BatchDraft,
    ) -> Result<BatchRecord, BatchError> {
        if !name_is_usable(&draft.name) {
            return Err(BatchError::Name);
        }
        Ok(BatchRecord {
            id,
            customer,
            name: draft.name.trim().to_owned(),
            source: draft.source,
            target: draft.target,
            mode: draft.mode,
            runbooks: draft.runbooks,
            revision: 1,
            created_at: self.now(),
        })
    }
}

/// Puts one device on a list; false if it is on it already.
pub(crate) async fn put_on_list(
    tx: &mut Tx,
    batch: &BatchRecord,
    id: DeviceId,
    elsewhere: IfElsewhere,
) -> Result<bool, BatchError> {
    let device = tx
        .device(batch.customer, id)
        .await?
        .ok_or(BatchError::Device { device: id })?;
    if device.directory != Some(batch.source) {
        return Err(BatchError::NotInSource {
            device: device.name,
        });
    }
    if batch.mode == ScopeMode::AllExcept {
        let new = tx.exempt_device(batch.id, id).await?;
        if new {
            reconsider(tx, id, "the device's batch was changed").await?;
        }
        return Ok(new);
    }
    let before = tx.membership(id).await?;
    if before
        .as_ref()
        .is_some_and(|held| held.explicit && held.batch == batch.id)
    {
        return Ok(false);
    }
    if let Some(other) = tx.list_device(batch.id, id).await? {
        if elsewhere == IfElsewhere::Refuse {
            return Err(BatchError::InOtherBatch {
                device: device.name,
                batch: other.name,
            });
        }
        tx.move_device(batch.id, id).await?;
    }
    reconsider(tx, id, "the device is in another batch now").await?;
    Ok(true)
}

/// Withdraws what was ordered under the batch that a device has left.
async fn reconsider(tx: &mut Tx, device: DeviceId, because: &str) -> Result<(), BatchError> {
    let now_in = tx.membership(device).await?.map(|held| held.batch);
    for order in tx.live_orders(device).await? {
        if order.batch.is_some() && order.batch != now_in {
            crate::agents::withdraw(tx, &order, because).await?;
        }
    }
    Ok(())
}

async fn check_references(tx: &mut Tx, record: &BatchRecord) -> Result<(), BatchError> {
    for (id, which) in [(record.source, "source"), (record.target, "target")] {
        if tx.directory(record.customer, id).await?.is_none() {
            return Err(BatchError::Directory { which });
        }
    }
    match tx.batch_clash(record).await? {
        None => {}
        Some((name, BatchClash::Name)) => return Err(BatchError::NameTaken { name }),
        Some((batch, BatchClash::CatchAll)) => return Err(BatchError::CatchAllTaken { batch }),
    }
    let mut seen = std::collections::BTreeSet::new();
    for attached in &record.runbooks {
        let held = tx
            .runbook(record.customer, attached.runbook)
            .await?
            .ok_or(BatchError::Runbook)?;
        if !seen.insert(attached.runbook) {
            return Err(BatchError::Runbook);
        }
        let document = gw_runbook::read(&held.document)
            .map_err(|error| BatchError::Inner(Internal(Box::new(error))))?;
        if !document.general.sources.contains(&record.source) {
            return Err(BatchError::SourceNotInRunbook { runbook: held.name });
        }
        if document.general.target != record.target {
            return Err(BatchError::TargetDiffers { runbook: held.name });
        }
    }
    Ok(())
}

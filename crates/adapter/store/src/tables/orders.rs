//! Orders handed to devices.

use crate::{
    NewOrder, OrderRecord, OrderState, StoreError, Tx,
    value::{Row, Value, Word, args},
};
use gw_model::{BatchId, CustomerId, DeviceId, OrderId, RunId, RunbookId};

const SELECT: &str = "SELECT id, customer, device, agent, sequence, kind, batch, runbook, \
                      runbook_version, run, body, state, created_at FROM run_order";

fn order(row: &Row) -> Result<OrderRecord, StoreError> {
    let mut c = row.columns();
    Ok(OrderRecord {
        id: c.take()?,
        customer: c.take()?,
        device: c.take()?,
        agent: c.take()?,
        sequence: c.take()?,
        kind: c.word()?,
        batch: c.take()?,
        runbook: c.take()?,
        runbook_version: c.take()?,
        run: c.take()?,
        body: c.take()?,
        state: c.word()?,
        created_at: c.take()?,
    })
}

impl Tx {
    /// Adds an order.
    pub async fn add_order(&mut self, new: &NewOrder) -> Result<(), StoreError> {
        let values: Vec<Value> = args![
            new.id,
            new.customer,
            new.device,
            new.agent,
            new.sequence,
            Word(new.kind),
            new.batch,
            new.runbook,
            new.runbook_version,
            new.run,
            &new.body,
            Word(OrderState::Open),
            new.created_at,
        ];
        self.exec(
            "INSERT INTO run_order (id, customer, device, agent, sequence, kind, batch, runbook, \
             runbook_version, run, body, state, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
            values,
        )
        .await?;
        Ok(())
    }

    /// One order.
    pub async fn order(&mut self, id: OrderId) -> Result<Option<OrderRecord>, StoreError> {
        let row = self
            .row(format!("{SELECT} WHERE id = $1"), args![id])
            .await?;
        row.as_ref().map(order).transpose()
    }

    /// The order that opened a run.
    pub async fn order_of_run(&mut self, run: RunId) -> Result<Option<OrderRecord>, StoreError> {
        let sql = format!("{SELECT} WHERE run = $1 ORDER BY sequence DESC LIMIT 1");
        self.row(sql, args![run])
            .await?
            .as_ref()
            .map(order)
            .transpose()
    }

    /// A device's orders that may still be handed out or are being worked on, in sequence.
    pub async fn live_orders(&mut self, device: DeviceId) -> Result<Vec<OrderRecord>, StoreError> {
        let sql = format!("{SELECT} WHERE device = $1 AND state = 'open' ORDER BY sequence");
        self.rows(sql, args![device])
            .await?
            .iter()
            .map(order)
            .collect()
    }

    /// A device's newest orders, newest first.
    pub async fn orders_of(
        &mut self,
        device: DeviceId,
        limit: i64,
    ) -> Result<Vec<OrderRecord>, StoreError> {
        let sql = format!("{SELECT} WHERE device = $1 ORDER BY sequence DESC LIMIT $2");
        self.rows(sql, args![device, limit])
            .await?
            .iter()
            .map(order)
            .collect()
    }

    /// Moves an order on, unless it was withdrawn.
    pub async fn set_order_state(
        &mut self,
        id: OrderId,
        state: OrderState,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE run_order SET state = $2 WHERE id = $1 AND state = 'open'";
        Ok(self.exec(sql, args![id, Word(state)]).await? == 1)
    }

    /// Open orders of a batch.
    pub async fn open_orders_of_batch(
        &mut self,
        batch: BatchId,
    ) -> Result<Vec<OrderRecord>, StoreError> {
        let sql = format!("{SELECT} WHERE batch = $1 AND state = 'open' ORDER BY device, sequence");
        self.rows(sql, args![batch])
            .await?
            .iter()
            .map(order)
            .collect()
    }

    /// Open orders of a runbook, of kind "run" only.
    pub async fn open_orders_of_runbook(
        &mut self,
        runbook: RunbookId,
    ) -> Result<Vec<OrderRecord>, StoreError> {
        let sql =
            format!("{SELECT} WHERE runbook = $1 AND state = 'open' ORDER BY device, sequence");
        self.rows(sql, args![runbook])
            .await?
            .iter()
            .map(order)
            .collect()
    }

    /// How many orders a customer has open.
    pub async fn open_order_count(&mut self, customer: CustomerId) -> Result<i64, StoreError> {
        let sql = "SELECT COUNT(*) FROM run_order WHERE customer = $1 AND state = 'open'";
        self.number(sql, args![customer]).await
    }
}

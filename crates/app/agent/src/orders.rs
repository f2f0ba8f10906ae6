//! Accepting orders. Six checks, in the order of `docs/protocol.md` section 8; an order that fails
//! one changes nothing.

use crate::state::{StateError, StateFolder};
use chrono::{DateTime, Utc};
use gw_model::{CustomerId, DeviceId, EventCode, FinalState, OrderId, RunId, RunbookId};
use gw_wire::{
    envelope::{Envelope, Proof},
    keys::KeyId,
    keyset::KeySet,
    order::{OrderBody, OrderHeader, OrderKind},
    seal::{Purpose, RecipientKey},
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Whose orders are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Me {
    /// The customer.
    pub customer: CustomerId,
    /// The device.
    pub device: DeviceId,
    /// The agent's key.
    pub agent_key: KeyId,
}

/// Why an order is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderRefusal {
    /// The signature does not hold, it does not open, or its parts do not belong together.
    #[error("the order does not verify: {0}")]
    Tampered(String),
    /// For somebody else.
    #[error("the order is for {device} under key {agent_key}")]
    Foreign {
        /// For which device.
        device: DeviceId,
        /// For which key.
        agent_key: KeyId,
    },
    /// Seen before.
    #[error(
        "order {order} with sequence {sequence} was seen before, or is older than one that was"
    )]
    Replayed {
        /// Which.
        order: OrderId,
        /// Its sequence.
        sequence: u64,
    },
    /// Too late.
    #[error("order {order} had to start by {start_by}")]
    Expired {
        /// Which.
        order: OrderId,
        /// Until when.
        start_by: DateTime<Utc>,
    },
    /// The runbook has finished here.
    #[error("runbook {runbook} finished on this device in {run}")]
    Finished {
        /// Which order.
        order: OrderId,
        /// Which runbook.
        runbook: RunbookId,
        /// In which run.
        run: RunId,
    },
}

impl OrderRefusal {
    /// The event to report.
    #[must_use]
    pub fn event(&self) -> EventCode {
        match self {
            Self::Tampered(_) => EventCode::ORDER_TAMPERED,
            Self::Foreign { .. } => EventCode::ORDER_FOREIGN,
            Self::Replayed { .. } => EventCode::ORDER_REPLAYED,
            Self::Expired { .. } => EventCode::ORDER_EXPIRED,
            Self::Finished { .. } => EventCode::ALREADY_FINISHED,
        }
    }

    /// The order that it is about, if that is proven.
    #[must_use]
    pub fn order(&self) -> Option<OrderId> {
        match self {
            Self::Replayed { order, .. }
            | Self::Expired { order, .. }
            | Self::Finished { order, .. } => Some(*order),
            Self::Tampered(_) | Self::Foreign { .. } => None,
        }
    }
}

/// What the device remembers for ever: so that a restored server cannot migrate it twice.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// The highest sequence that was accepted.
    pub last_sequence: u64,
    /// Every order that was accepted.
    pub seen: BTreeSet<OrderId>,
    /// Runbooks that finished here, and in which run.
    pub finished: BTreeMap<RunbookId, RunId>,
}

/// Where an accepted order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderPhase {
    /// Waits for its window.
    Waiting,
    /// Its run has begun.
    Running,
    /// Its run ended held: the agent asks for a way back again and again.
    Held,
    /// Its run ended.
    Finished,
    /// Withdrawn, or never started in time.
    Dropped,
}

/// An accepted order, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldOrder {
    /// The header.
    pub header: OrderHeader,
    /// The body.
    pub body: OrderBody,
    /// What proves it.
    pub proof: Proof,
    /// Where it stands.
    pub phase: OrderPhase,
    /// The user asked for it now.
    #[serde(default)]
    pub wanted_now: bool,
    /// The run is to go back at its next start.
    #[serde(default)]
    pub go_back: bool,
    /// How its run ended.
    #[serde(default)]
    pub result: Option<FinalState>,
    /// Journal records of its run that were reported.
    #[serde(default)]
    pub reported: u64,
    /// When the fallback administrator of its run is switched off.
    #[serde(default)]
    pub retire_at: Option<DateTime<Utc>>,
}

/// Checks an order. The ledger is not changed; see [`Ledger::note`].
///
/// # Errors
/// Why it is refused.
pub fn accept(
    envelope: &Envelope,
    keys: &KeySet,
    me: &Me,
    ledger: &Ledger,
    recipient: &RecipientKey,
    now: DateTime<Utc>,
) -> Result<HeldOrder, OrderRefusal> {
    let tampered = |error: &dyn std::error::Error| OrderRefusal::Tampered(error.to_string());
    envelope
        .verify(Purpose::Order, keys, now)
        .map_err(|error| tampered(&error))?;
    let header = OrderHeader::read(&envelope.header).map_err(|error| tampered(&error))?;
    let theirs = Me {
        customer: header.customer,
        device: header.device,
        agent_key: header.agent_key,
    };
    if theirs != *me {
        return Err(OrderRefusal::Foreign {
            device: header.device,
            agent_key: header.agent_key,
        });
    }
    if ledger.seen.contains(&header.order) || header.sequence <= ledger.last_sequence {
        return Err(OrderRefusal::Replayed {
            order: header.order,
            sequence: header.sequence,
        });
    }
    let body = header
        .open(envelope, recipient)
        .map_err(|error| tampered(&error))?;
    if header.start_by < now {
        return Err(OrderRefusal::Expired {
            order: header.order,
            start_by: header.start_by,
        });
    }
    let finished = ledger.finished.get(&header.runbook.id);
    if let (OrderKind::Run, Some(run), false) = (header.kind, finished, header.force) {
        return Err(OrderRefusal::Finished {
            order: header.order,
            runbook: header.runbook.id,
            run: *run,
        });
    }
    let kind_goes_back = header.kind == OrderKind::Undo;
    Ok(HeldOrder {
        header,
        body,
        proof: envelope.proof(),
        phase: OrderPhase::Waiting,
        wanted_now: false,
        go_back: kind_goes_back,
        result: None,
        reported: 0,
        retire_at: None,
    })
}

impl Ledger {
    /// Reads it.
    ///
    /// # Errors
    /// The state folder.
    pub fn load(state: &StateFolder) -> Result<Self, StateError> {
        Ok(state.read_json(LEDGER)?.unwrap_or_default())
    }

    /// Notes that this order was accepted.
    pub fn note(&mut self, header: &OrderHeader) {
        self.seen.insert(header.order);
        self.last_sequence = self.last_sequence.max(header.sequence);
    }

    /// Stores it.
    ///
    /// # Errors
    /// The state folder.
    pub fn save(&self, state: &StateFolder) -> Result<(), StateError> {
        state.write_json(LEDGER, self)
    }
}

impl HeldOrder {
    /// All held orders, by sequence.
    ///
    /// # Errors
    /// The state folder.
    pub fn all(state: &StateFolder) -> Result<Vec<Self>, StateError> {
        let mut orders = Vec::new();
        for name in state.names(FOLDER, ".json")? {
            orders.extend(state.read_secret::<Self>(&format!("{FOLDER}/{name}"))?);
        }
        orders.sort_by_key(|order: &Self| order.header.sequence);
        Ok(orders)
    }

    /// Stores it.
    ///
    /// # Errors
    /// The state folder.
    pub fn save(&self, state: &StateFolder) -> Result<(), StateError> {
        state.folder(FOLDER)?;
        state.write_secret(&format!("{FOLDER}/{}.json", self.header.order), self)
    }

    /// Does it still wait or run?
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(
            self.phase,
            OrderPhase::Waiting | OrderPhase::Running | OrderPhase::Held
        )
    }
}

/// The folder of held orders.
pub(crate) const FOLDER: &str = "orders";
/// The ledger's file.
pub(crate) const LEDGER: &str = "ledger.json";

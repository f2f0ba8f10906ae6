//! The agents' side of the server: one entry for every operation of the protocol.
//!
//! What must stay true:
//! - a request is verified before anything in it is believed, and counts once;
//! - every answer is signed, refusals too, as soon as the request names a root of this server;
//! - orders and secrets go to trusted agents only, sealed to a key that the request brought along;
//! - refusals cost a counter in memory, flushed as one audit row per cause, source and hour;
//! - an idle check-in writes nothing.

mod checkin;
mod contact;
mod enrol;
mod keyring;
mod orders;
mod refusals;
mod report;
mod stage;
mod state;
mod way_back;
mod words;

use crate::{Internal, Services};
use std::time::Duration;

pub(crate) use orders::{Make, Placed, order_ahead, place, withdraw};
pub(crate) use state::AgentState;

/// A request as the transport received it.
#[derive(Debug, Clone)]
pub struct AgentCall {
    /// The path behind `/Agent`, such as `/v1/checkin`; its case does not matter.
    pub op: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, capped at [`gw_wire::MAX_REQUEST_BYTES`] before it was kept.
    pub body: Vec<u8>,
    /// The peer's address, or the one a trusted proxy named.
    pub source: String,
}

/// What to send back, exactly so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentAnswer {
    /// HTTP status.
    pub status: u16,
    /// Headers to set, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, byte for byte: it is signed.
    pub body: Vec<u8>,
}

/// Flushes what agents told for as long as the server runs.
pub(crate) async fn flush_from_time_to_time(services: Services) {
    let mut ticks = 0_u32;
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        ticks = ticks.wrapping_add(1);
        let flushed = async {
            services.flush_refusals().await?;
            if ticks.is_multiple_of(30) {
                services.flush_seen().await?;
            }
            Ok::<(), Internal>(())
        };
        if let Err(error) = flushed.await {
            tracing::warn!(error = %error, "What agents told could not be kept; it is tried again");
        }
    }
}

impl Services {
    /// Writes what waits to be written: when agents were last heard of, and refusals.
    ///
    /// # Errors
    /// The store failed.
    pub async fn flush(&self) -> Result<(), Internal> {
        self.flush_refusals().await?;
        self.flush_seen().await
    }

    async fn flush_seen(&self) -> Result<(), Internal> {
        let seen = self.agents.take_seen();
        for piece in seen.chunks(500) {
            let piece = piece.to_vec();
            self.store
                .write(gw_store::Lane::Bulk, async move |tx: &mut gw_store::Tx| {
                    tx.flush_seen(&piece).await
                })
                .await?;
        }
        Ok(())
    }
}

//! Live events: what the console's open pages listen to. Lost events are harmless: each only says
//! that something changed, and the page reads it again.

use gw_model::CustomerId;
use serde::Serialize;
use tokio::sync::broadcast;

/// What a live event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// A run, its steps or outcome.
    Run,
    /// New lines of an agent's log.
    AgentLog,
    /// A device or its agent.
    Device,
    /// A background job.
    Job,
    /// A batch, runbook, profile, directory, licence, key or setting.
    Configuration,
}

/// Something changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LiveEvent {
    /// Whose.
    pub customer: CustomerId,
    /// What about.
    pub topic: Topic,
    /// The text id of what changed (for [`Topic::AgentLog`], of the device).
    pub id: String,
    /// The changed record, or the new log lines, as JSON.
    pub data: serde_json::Value,
}

/// Where live events are published.
#[derive(Debug, Clone)]
pub struct Bus(broadcast::Sender<LiveEvent>);

impl Default for Bus {
    fn default() -> Self {
        Self(broadcast::channel(1_024).0)
    }
}

impl Bus {
    /// Everything that is published from now on. A listener that falls 1,024 events behind is told
    /// so by the channel and should reload.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<LiveEvent> {
        self.0.subscribe()
    }

    /// Publishes; nobody listening is fine.
    pub fn publish(
        &self,
        customer: CustomerId,
        topic: Topic,
        id: impl ToString,
        data: impl Serialize,
    ) {
        if self.0.receiver_count() == 0 {
            return;
        }
        let data = serde_json::to_value(data).unwrap_or(serde_json::Value::Null);
        let _ = self.0.send(LiveEvent {
            customer,
            topic,
            id: id.to_string(),
            data,
        });
    }
}

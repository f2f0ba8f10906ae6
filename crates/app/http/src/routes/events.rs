//! The live stream.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::{Stream, StreamExt as _, future, stream};
use gw_admin_api::events::{EventQuery, LiveEvent, LiveTopic};
use gw_services::Topic;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{App, extract::Query, problem::Problem};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(live_events))
}

/// What changes at a customer, as it changes, by server-sent events.
#[utoipa::path(get, path = "/events", tag = "server", params(EventQuery),
    responses((status = 200, body = LiveEvent, content_type = "text/event-stream")))]
async fn live_events(
    State(app): State<App>,
    Query(query): Query<EventQuery>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    // A customer that does not exist would give a stream that is silent for ever.
    app.services.customer(query.customer).await?;
    let wanted = move |event: &gw_services::LiveEvent| {
        event.customer == query.customer
            && query
                .run_id
                .is_none_or(|run| event.topic != Topic::Run || event.id == run.to_string())
            && query.device_id.is_none_or(|device| {
                !matches!(event.topic, Topic::Device | Topic::AgentLog)
                    || event.id == device.to_string()
            })
    };
    let events = received(app.services.bus().subscribe())
        .filter(move |received| future::ready(received.as_ref().is_none_or(&wanted)))
        .map(|received| Ok(event(received.as_ref())));
    // A first event tells the browser that it is connected, through any buffering proxy.
    let hello = stream::once(future::ready(Ok(event(None))));
    // The session may have ended meanwhile: the browser comes back and is asked again.
    let mut stopping = app.stopping.clone();
    let end = async move {
        let _ = tokio::time::timeout(LONGEST, stopping.wait_for(|stop| *stop)).await;
    };
    Ok(Sse::new(hello.chain(events).take_until(Box::pin(end)))
        .keep_alive(KeepAlive::new().interval(Duration::from_secs(20))))
}

const LONGEST: Duration = Duration::from_secs(15 * 60);

/// Everything published; nothing (`None`) where events were missed.
fn received(
    receiver: Receiver<gw_services::LiveEvent>,
) -> impl Stream<Item = Option<gw_services::LiveEvent>> + Send + 'static {
    stream::unfold(receiver, |mut receiver| async move {
        match receiver.recv().await {
            Ok(event) => Some((Some(event), receiver)),
            Err(RecvError::Lagged(_)) => Some((None, receiver)),
            Err(RecvError::Closed) => None,
        }
    })
}

fn event(received: Option<&gw_services::LiveEvent>) -> Event {
    let (topic, name, id) = match received {
        None => (LiveTopic::Resync, "resync", String::new()),
        Some(event) => {
            let (topic, name) = match event.topic {
                Topic::Run => (LiveTopic::Run, "run"),
                Topic::AgentLog => (LiveTopic::AgentLog, "agent_log"),
                Topic::Device => (LiveTopic::Device, "device"),
                Topic::Job => (LiveTopic::Job, "job"),
                Topic::Configuration => (LiveTopic::Configuration, "configuration"),
            };
            (topic, name, event.id.clone())
        }
    };
    let body = serde_json::to_string(&LiveEvent { topic, id }).unwrap_or_default();
    Event::default().event(name).data(body)
}

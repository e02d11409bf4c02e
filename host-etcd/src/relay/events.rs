//! The changes as server-sent events (WHATWG HTML, §9.2).

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{self, Stream};
use tokio::sync::broadcast::error::RecvError;

use super::Shared;
use super::hub::{Hub, Listening, Told};

/// How often a quiet stream says that it is there. Below the minute after which many proxies hang up.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// `GET /v1/events`
pub(super) async fn events(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let last_id = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let following = Following::new(&shared.hub, last_id);
    let events = stream::unfold(following, async |mut following| {
        let told = following.next().await?;
        let event = Event::default().event(told.name).data(&told.data);
        let event = told.number.into_iter().fold(event, |event, number| event.id(following.hub.id(number)));
        Some((Ok(event), following))
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}

/// One client's place in the stream.
struct Following {
    hub: Arc<Hub>,
    first: std::vec::IntoIter<Told>,
    rest: tokio::sync::broadcast::Receiver<Told>,
}

impl Following {
    fn new(hub: &Arc<Hub>, last_id: Option<&str>) -> Self {
        let Listening { first, rest } = hub.listen(last_id);
        Self { hub: Arc::clone(hub), first: first.into_iter(), rest }
    }

    /// The next change; `None` when the relay ends. A client that is too slow starts over from where things stand.
    async fn next(&mut self) -> Option<Told> {
        let mut views = self.hub.views();
        loop {
            if let Some(told) = self.first.next() {
                return Some(told);
            }
            tokio::select! {
                _ = views.wait_for(|view| view.is_ending) => return None,
                told = self.rest.recv() => match told {
                    Ok(told) => return Some(told),
                    Err(RecvError::Closed) => return None,
                    Err(RecvError::Lagged(_)) => *self = Self::new(&self.hub.clone(), None),
                }
            }
        }
    }
}

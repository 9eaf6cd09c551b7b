//! What changed, as server-sent events: ids of specs and no data, so that whoever listens looks anew.

use super::super::{Refusal, Site};
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::broadcast::error::RecvError;

/// The stream; a limited number of them.
pub async fn stream(State(site): State<Arc<Site>>) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Refusal> {
    let place = Arc::clone(&site.streams).try_acquire_owned();
    let place = place.map_err(|_| Refusal::new(503, "too_many_streams", "Too many pages are followed at the same time."))?;
    let changes = (site.control.board.subscribe(), site.stop.clone(), place);
    let events = futures::stream::unfold(changes, |(mut changes, stop, place)| async move {
        let id = tokio::select! {
            () = stop.cancelled() => return None,
            change = changes.recv() => match change {
                Ok(id) => id,
                Err(RecvError::Lagged(_)) => "*".to_owned(),
                Err(RecvError::Closed) => return None,
            },
        };
        Some((Ok(Event::default().event("changed").data(id)), (changes, stop, place)))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

//! What the daemon serves: the page, the JSON API and the metrics. It decides nothing: it reads the [`Board`](super::Board) and
//! asks the [`Control`].
//!
//! A request passes the server's limits (`server.rs`), then the [`Gate`]: is the host one of ours, is a token there, does a change come
//! from our own page. Then it gets to a handler; what a handler refuses is a `Refusal`, which becomes JSON or a page on its way out.

mod api;
mod gate;
mod metrics;
mod page;
mod refusal;
mod server;

pub use gate::{Gate, Token};
pub use server::serve;

use super::{Control, Daemon, Listener, WallClock};
use axum::Router;
use axum::middleware;
use refusal::Refusal;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Streams of events at a time: each holds a connection for long.
const STREAMS_MAX: usize = 32;

/// What all handlers share.
pub struct Site {
    /// The specs and the board.
    pub control: Control,
    /// Who may come in.
    pub gate: Gate,
    /// The time.
    pub clock: Arc<dyn WallClock>,
    /// Who tells people.
    pub listener: Arc<dyn Listener>,
    /// Ends the streams of events.
    pub stop: CancellationToken,
    streams: Arc<Semaphore>,
}

impl Site {
    /// For what this daemon watches, and this gate.
    pub fn new(daemon: &Daemon, gate: Gate) -> Self {
        let Daemon { control, listener, clock, stop, .. } = daemon.clone();
        Self { control, gate, clock, listener, stop, streams: Arc::new(Semaphore::new(STREAMS_MAX)) }
    }
}

/// Everything that is served.
fn router(site: Arc<Site>) -> Router {
    let gate = middleware::from_fn_with_state(Arc::clone(&site), gate::pass);
    Router::new()
        .merge(page::routes())
        .merge(api::routes())
        .merge(metrics::routes())
        .fallback(async || Refusal::not_found("There is nothing at this address."))
        .method_not_allowed_fallback(async || Refusal::new(405, "method_not_allowed", "This address does not take that method."))
        .layer(gate)
        .with_state(site)
}

#[cfg(test)]
mod tests;

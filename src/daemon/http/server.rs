//! Connections and their limits: an open port is used by whoever finds it.

use super::{Site, router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// Connections at a time; further ones are closed.
const CONNECTIONS_MAX: usize = 256;
/// The first line and the headers of a request together.
const HEADERS_MAX_BYTES: usize = 16 * 1024;
/// How many headers a request may have.
const HEADERS_MAX: usize = 64;
/// So long a client may take for them, also between two requests.
const HEADERS_PATIENCE: Duration = Duration::from_secs(10);
/// So long a connection is kept, however it is used: who reads slowly does not hold it for ever.
const CONNECTION_LIFE: Duration = Duration::from_secs(300);
/// The pause after a connection could not be taken, such as with too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves until the site is stopped. Nothing that goes wrong with a connection ends it.
pub async fn serve(listener: TcpListener, site: Arc<Site>) {
    let (places, stop) = (Arc::new(Semaphore::new(CONNECTIONS_MAX)), site.stop.clone());
    let router = router(site);
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
        let (router, stop) = (router.clone(), stop.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = converse(stream, router) => {}
            }
            drop(place);
        });
    }
}

/// Answers the requests of one connection.
async fn converse(stream: TcpStream, router: axum::Router) {
    // Small answers must not wait for the acknowledgement of what went before them.
    drop(stream.set_nodelay(true));
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEADERS_PATIENCE).max_headers(HEADERS_MAX).max_buf_size(HEADERS_MAX_BYTES);
    let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    // A client that breaks off is nothing to tell anybody.
    let _ = tokio::time::timeout(CONNECTION_LIFE, connection).await;
}

//! Files and bodies: whatever waits for a disk does so on a thread that may block.

use axum::body::Body;
use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use std::io::{self, Read};
use tokio::sync::mpsc;

const PIECE_BYTES: usize = 256 * 1024;
/// Pieces on their way from or to the disk; who is faster waits.
const PIECES_UNDER_WAY: usize = 4;

/// What is read as a body, a little at a time.
pub fn body_of(mut source: impl Read + Send + 'static) -> Body {
    let (sender, receiver) = mpsc::channel::<io::Result<Bytes>>(PIECES_UNDER_WAY);
    tokio::task::spawn_blocking(move || {
        let mut buffer = vec![0; PIECE_BYTES];
        loop {
            let piece = match source.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => Ok(Bytes::copy_from_slice(&buffer[..length])),
                Err(error) => Err(error),
            };
            let is_error = piece.is_err();
            // A client that has left needs no more.
            if sender.blocking_send(piece).is_err() || is_error {
                break;
            }
        }
    });
    Body::from_stream(futures::stream::unfold(receiver, |mut receiver| async move { receiver.recv().await.map(|piece| (piece, receiver)) }))
}

/// Why not everything that came in was taken.
#[derive(Debug)]
pub enum Cut<E> {
    /// The client went away.
    BrokenOff(String),
    /// Whoever takes it refused.
    Refused(E),
    /// The thread that takes it died.
    Lost(String),
}

/// Hands pieces to `take` as they come in, without ever holding much of them. The sink comes back whatever happens,
/// unless its thread died.
pub async fn fed<T: Send + 'static, E: Send + 'static, B: std::fmt::Display>(
    sink: T,
    mut pieces: impl Stream<Item = Result<Bytes, B>> + Unpin,
    take: fn(&mut T, &[u8]) -> Result<(), E>,
) -> (Option<T>, Result<(), Cut<E>>) {
    let (sender, mut receiver) = mpsc::channel::<Bytes>(PIECES_UNDER_WAY);
    let taking = tokio::task::spawn_blocking(move || {
        let mut sink = sink;
        let mut outcome = Ok(());
        while let (true, Some(piece)) = (outcome.is_ok(), receiver.blocking_recv()) {
            outcome = take(&mut sink, &piece);
        }
        (sink, outcome)
    });
    let mut outcome = Ok(());
    while let Some(piece) = pieces.next().await {
        match piece {
            // Whoever refuses says so below.
            Ok(piece) => {
                if sender.send(piece).await.is_err() {
                    break;
                }
            }
            Err(error) => {
                outcome = Err(Cut::BrokenOff(error.to_string()));
                break;
            }
        }
    }
    drop(sender);
    match taking.await {
        Ok((sink, Ok(()))) => (Some(sink), outcome),
        Ok((sink, Err(refusal))) => (Some(sink), Err(Cut::Refused(refusal))),
        Err(error) => (None, Err(Cut::Lost(error.to_string()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_thread_takes_what_comes_until_it_refuses_or_the_client_leaves() {
        let pieces = |failing: bool| {
            let whole = ["ab", "cd"].map(|text| Ok(Bytes::from(text)));
            futures::stream::iter(whole.into_iter().chain(failing.then(|| Err("gone"))))
        };
        let caller = std::thread::current().id();
        let take = |(text, threads): &mut (String, Vec<std::thread::ThreadId>), piece: &[u8]| {
            threads.push(std::thread::current().id());
            text.push_str(&String::from_utf8_lossy(piece));
            if text.len() > 4 { Err("enough") } else { Ok(()) }
        };
        let (sink, outcome) = fed((String::new(), Vec::new()), pieces(false), take).await;
        let (text, threads) = sink.unwrap();
        assert!(outcome.is_ok() && text == "abcd" && threads.iter().all(|thread| *thread != caller));
        let (_, outcome) = fed(("x".to_owned(), Vec::new()), pieces(true), take).await;
        assert!(matches!(outcome, Err(Cut::Refused("enough"))), "{outcome:?}");
        let (sink, outcome) = fed((String::new(), Vec::new()), pieces(true), take).await;
        assert!(matches!(outcome, Err(Cut::BrokenOff(reason)) if reason == "gone") && sink.unwrap().0 == "abcd");
    }

    #[tokio::test]
    async fn a_file_comes_as_it_is_read() {
        let large = vec![7; PIECE_BYTES * 2 + 1];
        let body = body_of(io::Cursor::new(large.clone()));
        assert_eq!(axum::body::to_bytes(body, usize::MAX).await.unwrap(), large);
    }
}

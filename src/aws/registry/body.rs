//! A part of a file as the body of a request: read while it is sent, never in memory as a whole.

use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use tokio::sync::mpsc;

/// How much is read at once, in bytes.
const CHUNK_BYTES: usize = 256 * 1024;
/// So many chunks wait to be sent.
const WAITING: usize = 4;

/// The bytes of a file from an offset on.
struct FileBody {
    chunks: mpsc::Receiver<io::Result<Bytes>>,
    left: u64,
    sent: Arc<AtomicU64>,
}

/// What lies in the file from `offset` up to `end`; `sent` is raised as it goes.
pub(super) fn file_body(path: &Path, offset: u64, end: u64, sent: &Arc<AtomicU64>) -> SdkBody {
    let (sender, chunks) = mpsc::channel(WAITING);
    let (path, left) = (path.to_owned(), end.saturating_sub(offset));
    tokio::task::spawn_blocking(move || {
        if let Err(error) = read(&path, offset, left, &sender) {
            // It fails when nobody sends any more.
            let _ = sender.blocking_send(Err(error));
        }
    });
    SdkBody::from_body_1_x(FileBody { chunks, left, sent: Arc::clone(sent) })
}

fn read(path: &PathBuf, offset: u64, bytes: u64, to: &mpsc::Sender<io::Result<Bytes>>) -> io::Result<()> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut left = bytes;
    while left > 0 {
        let mut chunk = vec![0; CHUNK_BYTES.min(usize::try_from(left).unwrap_or(CHUNK_BYTES))];
        file.read_exact(&mut chunk)?;
        left -= chunk.len() as u64;
        if to.blocking_send(Ok(chunk.into())).is_err() {
            return Ok(());
        }
    }
    Ok(())
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let Some(chunk) = ready!(self.chunks.poll_recv(context)) else { return Poll::Ready(None) };
        if let Ok(chunk) = &chunk {
            self.left = self.left.saturating_sub(chunk.len() as u64);
            self.sent.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        }
        Poll::Ready(Some(chunk.map(Frame::data)))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_smithy_types::byte_stream::ByteStream;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_part_of_a_file_is_read_in_chunks_and_counted() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let content: Vec<u8> = (0..1_000_000_u32).map(|number| (number % 251) as u8).collect();
        std::fs::write(file.path(), &content).unwrap();
        let sent = Arc::new(AtomicU64::new(0));
        let body = file_body(file.path(), 7, 999_999, &sent);
        assert_eq!(body.content_length(), Some(999_992));
        assert_eq!(ByteStream::new(body).collect().await.unwrap().into_bytes(), content[7..999_999]);
        assert_eq!(sent.load(Ordering::Relaxed), 999_992);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_file_that_is_too_short_ends_in_an_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "short").unwrap();
        assert!(ByteStream::new(file_body(file.path(), 0, 9, &Arc::default())).collect().await.is_err());
    }
}

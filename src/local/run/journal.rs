//! The log of one environment: what the function writes into its pipe is cut into lines and handed to
//! the sink, between the platform's own lines.
//!
//! A line of the platform stands after all that lay in the pipe by then: the environment's task reads the
//! pipe itself before it adds one. A task of the log's own reads in between, and hands over.
//!
//! Memory stays bounded: when the sink is slow the pipe is not read, and the function waits.

use super::deployment::{LogEvent, LogSink};
use rustix::io::Errno;
use std::io::PipeReader;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// A CloudWatch Logs event has at most 256 KB, 26 of its bytes not the message's
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html>).
const LONGEST_LINE_BYTES: usize = 256 * 1024 - 26;
/// Held back at most before the sink gets it.
const MOST_PENDING_BYTES: usize = 1024 * 1024;
/// A pipe holds no more than this unless somebody privileged enlarged it: what was written before an
/// answer is within it.
const MOST_DRAINED_BYTES: usize = 1024 * 1024;
const TAIL_BYTES: usize = 4096;
/// Lines wait so long for others.
const PATIENCE: Duration = Duration::from_millis(20);
/// The end of an environment waits no longer for the sink.
const LONGEST_CLOSE: Duration = Duration::from_secs(5);

/// Where the lines of one environment go.
pub struct Destination {
    pub sink: Arc<dyn LogSink>,
    pub region: String,
    pub group: String,
    pub stream: String,
}

/// The environment's end of the log. Everything is handed over after this is dropped, and by the time that
/// [`Journal::close`] returns.
pub struct Journal {
    shared: Arc<Shared>,
    /// Hands over; taken by who waits for its end.
    task: Option<JoinHandle<()>>,
}

struct Shared {
    page: Mutex<Page>,
    /// Rung when there is something new for the task to look at.
    wake: Notify,
    /// Rung when lines were handed over.
    flushed: Notify,
}

/// What is not handed over yet, and where more comes from.
struct Page {
    pipe: Option<Arc<Receiver>>,
    buffer: Vec<u8>,
    splitter: Splitter,
    pending: Vec<LogEvent>,
    pending_bytes: usize,
    flush_at: Instant,
    tail: Vec<u8>,
    /// Told when everything up to now is handed over.
    waiting: Vec<oneshot::Sender<()>>,
    is_closed: bool,
}

impl Journal {
    /// Starts the task that hands over.
    pub fn open(destination: Destination) -> Self {
        let page = Page {
            pipe: None,
            buffer: vec![0; 64 * 1024],
            splitter: Splitter::default(),
            pending: Vec::new(),
            pending_bytes: 0,
            flush_at: Instant::now(),
            tail: Vec::new(),
            waiting: Vec::new(),
            is_closed: false,
        };
        let shared = Arc::new(Shared { page: Mutex::new(page), wake: Notify::new(), flushed: Notify::new() });
        let task = tokio::spawn(hand_over(Arc::clone(&shared), Arc::new(destination)));
        Self { shared, task: Some(task) }
    }

    /// Ends the log, and returns when everything is handed over, or when the sink takes too long for it.
    pub async fn close(mut self) {
        let task = self.task.take();
        drop(self);
        if let Some(task) = task {
            // A sink that is slower still gets everything, only later.
            let _ = tokio::time::timeout(LONGEST_CLOSE, task).await;
        }
    }

    /// Reads from this pipe from now on; what the one before still holds is taken first.
    pub fn attach(&self, pipe: PipeReader) -> std::io::Result<()> {
        let pipe = Receiver::from_owned_fd(OwnedFd::from(pipe))?;
        let mut page = self.shared.page();
        page.drain();
        page.pipe = Some(Arc::new(pipe));
        drop(page);
        self.shared.wake.notify_one();
        Ok(())
    }

    /// Lines of the platform, after what the function wrote so far.
    pub async fn lines(&self, lines: Vec<String>) {
        self.shared.write(lines, false).await;
    }

    /// The line with which an invocation, and its tail, begins.
    pub async fn begin(&self, line: String) {
        self.shared.write(vec![line], true).await;
    }

    /// The lines with which an invocation ends.
    pub async fn finish(&self, lines: Vec<String>) {
        self.shared.write(lines, false).await;
    }

    /// The same; returns when everything is handed over, with the last 4 KB of the invocation's log.
    pub async fn finish_with_tail(&self, lines: Vec<String>) -> Vec<u8> {
        self.shared.write(lines, false).await;
        let (sender, handed_over) = oneshot::channel();
        let tail = {
            let mut page = self.shared.page();
            page.waiting.push(sender);
            last(&page.tail).to_vec()
        };
        self.shared.wake.notify_one();
        // The task ends only after this journal.
        let _ = handed_over.await;
        tail
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.shared.page().is_closed = true;
        self.shared.wake.notify_one();
    }
}

impl Shared {
    fn page(&self) -> MutexGuard<'_, Page> {
        self.page.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn write(&self, lines: Vec<String>, is_first: bool) {
        self.room().await;
        let mut page = self.page();
        let was_empty = page.pending.is_empty();
        page.drain();
        if is_first {
            page.tail.clear();
        }
        lines.into_iter().for_each(|line| page.push(line));
        drop(page);
        if was_empty {
            self.wake.notify_one();
        }
    }

    /// Returns when not too much waits for the sink.
    async fn room(&self) {
        loop {
            let mut flushed = std::pin::pin!(self.flushed.notified());
            // From here on no flush is missed.
            flushed.as_mut().enable();
            if self.page().pending_bytes <= MOST_PENDING_BYTES {
                return;
            }
            flushed.await;
        }
    }
}

/// Reads the pipe and hands lines over until the journal is dropped.
async fn hand_over(shared: Arc<Shared>, destination: Arc<Destination>) {
    loop {
        let (pipe, flush_at) = {
            let page = shared.page();
            (page.pipe.clone(), (!page.pending.is_empty()).then_some(page.flush_at))
        };
        tokio::select! {
            biased;
            () = shared.wake.notified() => {}
            () = due(flush_at) => {}
            () = readable(pipe.as_deref()) => drop(shared.page().read()),
        }
        if shared.page().is_closed {
            break;
        }
        if shared.page().wants_flush() {
            flush(&shared, &destination).await;
        }
    }
    shared.page().drain();
    flush(&shared, &destination).await;
}

async fn due(flush_at: Option<Instant>) {
    match flush_at {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

async fn readable(pipe: Option<&Receiver>) {
    match pipe {
        // The read that follows finds out what an error means.
        Some(pipe) => drop(pipe.readable().await),
        None => std::future::pending().await,
    }
}

async fn flush(shared: &Shared, destination: &Arc<Destination>) {
    let (events, waiting) = {
        let mut page = shared.page();
        (std::mem::take(&mut page.pending), std::mem::take(&mut page.waiting))
    };
    if !events.is_empty() {
        let destination = Arc::clone(destination);
        // A sink that panics loses these lines and no others.
        let _ = tokio::task::spawn_blocking(move || {
            destination.sink.append(&destination.region, &destination.group, &destination.stream, events);
        })
        .await;
    }
    let mut page = shared.page();
    page.pending_bytes = page.pending.iter().map(event_bytes).sum();
    drop(page);
    shared.flushed.notify_waiters();
    for waiting in waiting {
        // Whoever waited may have left.
        let _ = waiting.send(());
    }
}

fn event_bytes(event: &LogEvent) -> usize {
    event.message.len() + size_of::<LogEvent>()
}

impl Page {
    fn wants_flush(&self) -> bool {
        let is_due = !self.pending.is_empty() && self.flush_at <= Instant::now();
        is_due || !self.waiting.is_empty() || self.pending_bytes > MOST_PENDING_BYTES
    }

    /// Everything that lies in the pipe now, and an unfinished line.
    fn drain(&mut self) {
        let mut drained = 0;
        while drained < MOST_DRAINED_BYTES
            && let Some(count) = self.read()
        {
            drained += count;
        }
        if let Some(line) = self.splitter.rest() {
            self.push(line);
        }
    }

    /// Reads once; nothing if nothing is there.
    fn read(&mut self) -> Option<usize> {
        match self.read_bytes()? {
            Ok(0) => self.pipe = None,
            Ok(count) => {
                for line in self.splitter.feed(&self.buffer[..count]) {
                    self.push(line);
                }
                return Some(count);
            }
            Err(Errno::INTR) => return Some(0),
            Err(Errno::AGAIN) => {}
            Err(_) => self.pipe = None,
        }
        None
    }

    /// Asks the pipe itself and not what the reactor knows of it, since a line that was written before an
    /// answer must stand before the answer's REPORT.
    fn read_bytes(&mut self) -> Option<Result<usize, Errno>> {
        let pipe = self.pipe.as_ref()?;
        let outcome = rustix::io::read(pipe, &mut self.buffer[..]);
        if outcome != Err(Errno::AGAIN) {
            return Some(outcome);
        }
        // The reactor learns from a read of its own that nothing is there.
        Some(pipe.try_read(&mut self.buffer).map_err(|_| Errno::AGAIN))
    }

    fn push(&mut self, message: String) {
        self.tail.extend_from_slice(message.as_bytes());
        if self.tail.len() > 16 * TAIL_BYTES {
            self.tail = last(&self.tail).to_vec();
        }
        if self.pending.is_empty() {
            self.flush_at = Instant::now() + PATIENCE;
        }
        let event = LogEvent { timestamp_ms: jiff::Timestamp::now().as_millisecond(), message };
        self.pending_bytes += event_bytes(&event);
        self.pending.push(event);
    }
}

fn last(tail: &[u8]) -> &[u8] {
    &tail[tail.len().saturating_sub(TAIL_BYTES)..]
}

/// Cuts a stream of bytes into lines that fit into an event.
#[derive(Default)]
struct Splitter(Vec<u8>);

impl Splitter {
    /// The lines that are complete now, each with its line break.
    fn feed(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.0.extend_from_slice(piece);
            while self.0.len() > LONGEST_LINE_BYTES {
                let rest = self.0.split_off(boundary(&self.0));
                lines.push(text(&std::mem::replace(&mut self.0, rest)));
            }
            if piece.ends_with(b"\n") {
                lines.extend(self.rest());
            }
        }
        lines
    }

    /// A line without an end.
    fn rest(&mut self) -> Option<String> {
        (!self.0.is_empty()).then(|| text(&std::mem::take(&mut self.0)))
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The last place within the limit where no character is cut.
fn boundary(bytes: &[u8]) -> usize {
    let is_continuation = |at: usize| bytes[at] & 0b1100_0000 == 0b1000_0000;
    (LONGEST_LINE_BYTES - 3..=LONGEST_LINE_BYTES).rev().find(|at| !is_continuation(*at)).unwrap_or(LONGEST_LINE_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_ends_and_halves_wait() {
        let mut splitter = Splitter::default();
        assert_eq!(splitter.feed(b"one\ntw"), ["one\n"]);
        assert_eq!(splitter.feed(b"o\n\nthree"), ["two\n", "\n"]);
        assert_eq!(splitter.rest().as_deref(), Some("three"));
        assert_eq!(splitter.rest(), None);
    }

    #[test]
    fn endless_lines_are_cut_between_characters() {
        let mut splitter = Splitter::default();
        let endless = "xä".repeat(LONGEST_LINE_BYTES);
        let lines = splitter.feed(endless.as_bytes());
        assert!(lines.len() >= 2);
        assert!(lines.iter().all(|line| line.len() <= LONGEST_LINE_BYTES && !line.contains('\u{fffd}')));
        assert_eq!(lines.concat() + &splitter.rest().unwrap(), endless);
    }
}

//! One quota's token bucket: it keeps to AWS's published rates, finds out those that AWS does not publish, and
//! opens where somebody else's endpoint keeps no quotas at all.

use super::locked;
use super::meter::Cause;
use super::quota::{Quota, SHARE};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Calls that go beyond the quota, round by round, to see whether an endpoint keeps it.
const PROBES: &[usize] = &[2, 8];
/// A rate that is being found out doubles in so much time of use, as long as nobody complains.
const DOUBLING: Duration = Duration::from_millis(750);
/// A rate that is known rises by this share of it in a second of use.
const CREEP_PER_SECOND: f64 = 0.02;
/// What remains of a rate after a complaint that taught nothing.
const DECREASE: f64 = 0.7;
/// A rate so many times the published one says that the published one does not hold.
const RAISED: f64 = 1.5;
/// A rate is found out up to so many times the one that is guessed or published.
const MOST_GROWTH: f64 = 8.0;
/// The share of a measured rate that is used.
const MEASURED_SHARE: f64 = 0.95;
/// The rate never falls below this share of the published one.
const FLOOR: f64 = 0.05;
/// What remains of a rate that is being found out after a complaint that came too soon to measure anything.
const RETREAT: f64 = 0.5;
/// A measurement takes at least so long.
const MEASUREMENT: Duration = Duration::from_secs(1);
/// So many calls may wait for their tokens before it makes no sense to begin more.
const QUEUE: usize = 4;

/// Hands out tokens for calls, first come first served.
pub(super) struct Bucket {
    turn: tokio::sync::Mutex<()>,
    flow: Mutex<Flow>,
    waiting: AtomicUsize,
    /// Something happened that may let the first in the queue go.
    changed: Notify,
    moved: Arc<Notify>,
}

/// The run ended while a call waited for its token.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cancelled;

/// The right to send one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    taken_at: Instant,
    is_probe: bool,
}

impl Bucket {
    /// A full bucket. `strictness` is that of an endpoint which is not AWS's own; `moved` learns of each call that
    /// got its token after it had to wait.
    pub(super) fn new(quota: &Quota, strictness: Option<Arc<AtomicBool>>, moved: Arc<Notify>) -> Self {
        let flow = Mutex::new(Flow::new(quota, strictness, Instant::now()));
        Self { turn: tokio::sync::Mutex::new(()), flow, waiting: AtomicUsize::new(0), changed: Notify::new(), moved }
    }

    /// What is waited for when there is no token, in words that a person understands.
    pub(super) fn cause(&self) -> Cause {
        let flow = locked(&self.flow);
        if Instant::now() < flow.closed_until {
            return Cause::RetryAfter;
        }
        flow.quota.cause()
    }

    /// What is waited for when there is no room.
    pub(super) fn quota(&self) -> Cause {
        locked(&self.flow).quota.cause()
    }

    /// Waits for a token.
    ///
    /// # Errors
    /// [`Cancelled`] when `interrupt` comes first.
    pub(super) async fn acquire(self: &Arc<Self>, interrupt: &CancellationToken) -> Result<Token, Cancelled> {
        let _place = self.place();
        interrupt.run_until_cancelled(self.wait()).await.ok_or(Cancelled)
    }

    async fn wait(&self) -> Token {
        let _turn = self.turn.lock().await;
        let mut has_waited = false;
        loop {
            let changed = self.changed.notified();
            let delay = match locked(&self.flow).try_take(Instant::now()) {
                Ok(token) => {
                    if has_waited {
                        self.moved.notify_one();
                    }
                    break token;
                }
                Err(delay) => delay,
            };
            has_waited = true;
            tokio::select! {
                () = tokio::time::sleep(delay) => {}
                () = changed => {}
            }
        }
    }

    /// Whether one more call would not only stand in the queue.
    pub(super) fn has_room(&self) -> bool {
        let waiting = self.waiting.load(Ordering::Relaxed);
        waiting < QUEUE || waiting < locked(&self.flow).available(Instant::now()).saturating_add(QUEUE)
    }

    /// A place for a call that will come soon.
    pub(super) fn place(self: &Arc<Self>) -> Place {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Place(Arc::clone(self))
    }

    /// AWS answered, and did not say that this was too much.
    pub(super) fn answered(&self, token: Token) {
        if locked(&self.flow).answered(token) {
            self.changed.notify_one();
            self.moved.notify_one();
        }
    }

    /// AWS said that this was too much. It may have said for how long to be quiet.
    pub(super) fn complain(&self, token: Token, quiet: Option<Duration>) {
        locked(&self.flow).complain(token, Instant::now(), quiet);
    }
}

/// A place in the queue of a quota, kept until the call itself stands there.
pub struct Place(Arc<Bucket>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What is known of the rate.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Pace {
    /// It is being tried whether the endpoint keeps any: probes sent and answered in this round.
    Trying { round: usize, sent: usize, answered: usize },
    /// There is none.
    Open,
    /// It is being found out.
    Growing,
    /// It is known.
    Known,
}

/// The numbers of a bucket.
struct Flow {
    quota: Quota,
    pace: Pace,
    /// Calls per second, where there is a limit.
    rate: f64,
    /// The most that the rate can become.
    ceiling: f64,
    tokens: f64,
    counted_at: Instant,
    closed_until: Instant,
    complained_at: Option<Instant>,
    /// When AWS's own bucket was found empty, and how many calls went through since.
    measured_from: Option<Instant>,
    succeeded: u32,
    strictness: Option<Arc<AtomicBool>>,
}

impl Flow {
    fn new(quota: &Quota, strictness: Option<Arc<AtomicBool>>, now: Instant) -> Self {
        let (pace, start, ceiling) = match (&strictness, quota.is_fixed) {
            (Some(_), _) => (Pace::Trying { round: 0, sent: 0, answered: 0 }, quota.rate, quota.rate * MOST_GROWTH),
            (None, true) => (Pace::Known, quota.start(), quota.start()),
            (None, false) => (Pace::Growing, quota.start(), quota.rate * MOST_GROWTH),
        };
        let tokens = quota.burst(start);
        let (counted_at, closed_until, complained_at, measured_from) = (now, now, None, None);
        let (quota, rate, succeeded) = (*quota, start, 0);
        Self { quota, pace, rate, ceiling, tokens, counted_at, closed_until, complained_at, measured_from, succeeded, strictness }
    }

    /// How many calls could go now.
    fn available(&mut self, now: Instant) -> usize {
        if now < self.closed_until {
            return 0;
        }
        self.beware();
        self.refill(now);
        let probes = match self.pace {
            Pace::Open => return usize::MAX,
            Pace::Trying { round, sent, .. } => PROBES[round] - sent,
            Pace::Growing | Pace::Known => 0,
        };
        self.tokens as usize + probes
    }

    fn try_take(&mut self, now: Instant) -> Result<Token, Duration> {
        if now < self.closed_until {
            return Err(self.closed_until - now);
        }
        self.beware();
        if self.pace == Pace::Open {
            return Ok(Token { taken_at: now, is_probe: false });
        }
        self.refill(now);
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Ok(Token { taken_at: now, is_probe: false });
        }
        if let Pace::Trying { round, sent, .. } = &mut self.pace
            && *sent < PROBES[*round]
        {
            *sent += 1;
            return Ok(Token { taken_at: now, is_probe: true });
        }
        // Rounded up: with a wait that is too short by less than a tick the loop would spin.
        Err(Duration::from_secs_f64((1.0 - self.tokens) / self.rate) + Duration::from_millis(1))
    }

    /// An endpoint that complained about one quota keeps the others, too.
    fn beware(&mut self) {
        let is_strict = self.strictness.as_ref().is_some_and(|strict| strict.load(Ordering::Relaxed));
        if is_strict && matches!(self.pace, Pace::Trying { .. } | Pace::Open) {
            self.pace = Pace::Growing;
            self.rate = self.quota.start();
            self.tokens = self.tokens.min(0.0);
        }
    }

    fn refill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.counted_at).as_secs_f64();
        self.counted_at = now;
        self.tokens = (self.tokens + elapsed * self.rate).min(self.quota.burst(self.rate));
        // Idle time proves nothing: only the last second counts.
        let used = elapsed.min(1.0);
        let risen = match self.pace {
            Pace::Growing => self.rate * (used / DOUBLING.as_secs_f64()).exp2(),
            Pace::Known => self.rate * (1.0 + CREEP_PER_SECOND * used),
            Pace::Trying { .. } | Pace::Open => self.rate,
        };
        self.rate = risen.min(self.ceiling.max(self.rate));
    }

    /// Takes note of an answer; whether that may let others go.
    fn answered(&mut self, token: Token) -> bool {
        self.succeeded = self.succeeded.saturating_add(1);
        let Pace::Trying { round, sent, answered } = &mut self.pace else { return false };
        if !token.is_probe {
            return false;
        }
        *answered += 1;
        if *answered < PROBES[*round] {
            return false;
        }
        (*round, *sent, *answered) = (*round + 1, 0, 0);
        if *round == PROBES.len() {
            self.pace = Pace::Open;
        }
        true
    }

    fn complain(&mut self, token: Token, now: Instant, quiet: Option<Duration>) {
        if let Some(quiet) = quiet {
            self.closed_until = self.closed_until.max(now + quiet);
        }
        if let Some(strict) = &self.strictness {
            strict.store(true, Ordering::Relaxed);
        }
        // What was sent before AWS complained says nothing new.
        if self.complained_at.is_some_and(|at| token.taken_at <= at) {
            return;
        }
        self.refill(now);
        self.tokens = 0.0;
        self.rate = self.after_complaint(now).max(self.quota.rate * FLOOR);
        self.complained_at = Some(now);
    }

    /// The rate after a complaint.
    fn after_complaint(&mut self, now: Instant) -> f64 {
        let measured = self.measured(now);
        match (self.pace, measured) {
            (Pace::Growing, Some(measured)) if self.complained_at.is_some() => {
                self.pace = Pace::Known;
                measured.min(self.rate)
            }
            (Pace::Growing, None) if self.complained_at.is_some() => self.rate * RETREAT,
            (Pace::Known, Some(measured)) => measured.clamp(self.rate * DECREASE, self.rate * MEASURED_SHARE),
            (Pace::Known, None) => self.rate * DECREASE,
            _ => {
                // More than was published went through before: it was raised, or another endpoint keeps quotas of its own.
                let is_known = self.quota.is_published() && self.rate < self.quota.rate * RAISED;
                self.pace = if is_known { Pace::Known } else { Pace::Growing };
                self.quota.rate * SHARE
            }
        }
    }

    /// The rate that AWS let through between two complaints: its own bucket was empty at both. Where that was too
    /// short a time, the measurement goes on.
    fn measured(&mut self, now: Instant) -> Option<f64> {
        let since = self.measured_from.map(|from| now.saturating_duration_since(from));
        if since.is_some_and(|since| since < MEASUREMENT) {
            return None;
        }
        let succeeded = std::mem::take(&mut self.succeeded);
        self.measured_from = Some(now);
        since.map(|since| f64::from(succeeded) / since.as_secs_f64() * MEASURED_SHARE)
    }
}

#[cfg(test)]
mod tests {
    use super::super::quota::{Quotas, Scope};
    use super::*;

    const AWS: Option<&str> = None;
    const EMULATOR: Option<&str> = Some("http://localhost");

    fn bucket(endpoint: Option<&str>, operation: &str) -> Arc<Bucket> {
        let scope = Scope { account: "123456789012".into(), region: "eu-central-1".into(), endpoint: endpoint.map(Into::into) };
        Quotas::new().bucket(&scope, operation)
    }

    fn token() -> Token {
        Token { taken_at: Instant::now(), is_probe: false }
    }

    /// A server's token bucket and a round trip of 50 ms: what it lets through, and what it refuses.
    struct Server {
        rate: f64,
        burst: f64,
        tokens: Mutex<(f64, Instant)>,
        refused: AtomicUsize,
    }

    impl Server {
        fn new(rate: f64, burst: f64) -> Self {
            Self { rate, burst, tokens: Mutex::new((burst, Instant::now())), refused: AtomicUsize::new(0) }
        }

        fn admits(&self) -> bool {
            let mut state = locked(&self.tokens);
            let (tokens, at) = *state;
            let tokens = (tokens + at.elapsed().as_secs_f64() * self.rate).min(self.burst);
            let admits = tokens >= 1.0;
            *state = (if admits { tokens - 1.0 } else { tokens }, Instant::now());
            admits
        }

        async fn call(&self, bucket: &Arc<Bucket>) {
            loop {
                let token = bucket.acquire(&CancellationToken::new()).await.unwrap();
                let admits = self.admits();
                tokio::time::sleep(Duration::from_millis(50)).await;
                if admits {
                    return bucket.answered(token);
                }
                self.refused.fetch_add(1, Ordering::Relaxed);
                bucket.complain(token, None);
            }
        }

        /// Seconds that so many calls take, and how many were refused.
        async fn serve(&self, bucket: &Arc<Bucket>, calls: usize) -> (f64, usize) {
            let start = Instant::now();
            futures::future::join_all((0..calls).map(|_| self.call(bucket))).await;
            (start.elapsed().as_secs_f64(), self.refused.swap(0, Ordering::Relaxed))
        }
    }

    fn assert_near(value: f64, wanted: f64) {
        assert!((value - wanted).abs() < wanted * 0.1 + 0.1, "{value} is not near {wanted}");
    }

    #[tokio::test(start_paused = true)]
    async fn aws_gets_nine_tenths_of_its_rate_after_one_second_of_burst() {
        let (bucket, server) = (bucket(AWS, "lambda:CreateFunction"), Server::new(15.0, 15.0));
        assert_near(server.serve(&bucket, 13).await.0, 0.0);
        let (seconds, refused) = server.serve(&bucket, 135).await;
        assert_near(seconds, 10.0);
        assert_eq!(refused, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn an_endpoint_without_quotas_is_open_after_a_few_round_trips() {
        let (bucket, server) = (bucket(EMULATOR, "lambda:CreateFunction"), Server::new(f64::MAX, f64::MAX));
        assert_near(server.serve(&bucket, 15).await.0, 0.05);
        let (seconds, refused) = server.serve(&bucket, 10_000).await;
        assert!(seconds < 0.2 && refused == 0, "{seconds} {refused}");
        assert_eq!(locked(&bucket.flow).pace, Pace::Open);
    }

    #[tokio::test(start_paused = true)]
    async fn an_endpoint_that_keeps_awss_quotas_refuses_few_calls() {
        let (bucket, server) = (bucket(EMULATOR, "lambda:CreateFunction"), Server::new(15.0, 15.0));
        let (seconds, refused) = server.serve(&bucket, 200).await;
        assert!(seconds < 14.5 && refused <= 6, "{seconds} s, {refused} refused");
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_that_nobody_publishes_is_found_out() {
        for endpoint in [AWS, EMULATOR] {
            let (bucket, server) = (bucket(endpoint, "iam:CreateRole"), Server::new(20.0, 100.0));
            if let Some(strictness) = &locked(&bucket.flow).strictness {
                strictness.store(true, Ordering::Relaxed);
            }
            let (seconds, refused) = server.serve(&bucket, 300).await;
            assert!(seconds < 12.0 && refused <= 15, "{seconds} s, {refused} refused");
            let rate = locked(&bucket.flow).rate;
            assert!((15.0..25.0).contains(&rate), "{rate}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_complaint_of_an_endpoint_is_a_warning_for_all_its_quotas() {
        let scope = Scope { account: String::new(), region: "eu-central-1".into(), endpoint: EMULATOR.map(Into::into) };
        let quotas = Quotas::new();
        let (complaining, other) = (quotas.bucket(&scope, "logs:CreateLogGroup"), quotas.bucket(&scope, "events:PutRule"));
        let free = Server::new(f64::MAX, f64::MAX);
        free.serve(&other, 200).await;
        assert_eq!(locked(&other.flow).pace, Pace::Open);
        complaining.complain(token(), None);
        let strict = Server::new(50.0, 50.0);
        let (seconds, refused) = strict.serve(&other, 100).await;
        assert!(seconds < 3.0 && refused <= 6, "{seconds} s, {refused} refused");
    }

    #[tokio::test(start_paused = true)]
    async fn a_published_quota_that_others_use_up_falls_and_rises_again() {
        let (bucket, busy) = (bucket(AWS, "lambda:CreateFunction"), Server::new(5.0, 1.0));
        busy.serve(&bucket, 100).await;
        let rate = || locked(&bucket.flow).rate;
        assert!(rate() < 8.0, "{}", rate());
        Server::new(15.0, 15.0).serve(&bucket, 900).await;
        assert_near(rate(), 13.5);
    }

    #[tokio::test(start_paused = true)]
    async fn retry_after_closes_the_bucket_for_everyone() {
        let (bucket, start) = (bucket(EMULATOR, "events:PutRule"), Instant::now());
        bucket.complain(token(), Some(Duration::from_secs(7)));
        bucket.acquire(&CancellationToken::new()).await.unwrap();
        assert_near(start.elapsed().as_secs_f64(), 7.0);
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_is_first_come_first_served_and_ends_when_interrupted() {
        let (bucket, never) = (bucket(AWS, "logs:PutRetentionPolicy"), CancellationToken::new());
        Server::new(f64::MAX, f64::MAX).serve(&bucket, 4).await;
        let order = Mutex::new(Vec::new());
        let take = |number: usize| {
            let (bucket, order, never) = (&bucket, &order, &never);
            async move {
                bucket.acquire(never).await.unwrap();
                locked(order).push(number);
            }
        };
        let interrupt = CancellationToken::new();
        let cancelled = bucket.acquire(&interrupt);
        tokio::join!(take(0), take(1), async { assert_eq!(cancelled.await, Err(Cancelled)) }, take(2), async { interrupt.cancel() });
        assert_eq!(*locked(&order), [0, 1, 2]);
        assert!(bucket.has_room());
    }

    #[tokio::test(start_paused = true)]
    async fn there_is_no_room_for_more_calls_than_can_go_soon() {
        let bucket = bucket(AWS, "logs:PutRetentionPolicy");
        let server = Server::new(f64::MAX, f64::MAX);
        let calls = futures::future::join_all((0..20).map(|_| server.call(&bucket)));
        let look = async {
            tokio::time::sleep(Duration::from_millis(60)).await;
            assert!(!bucket.has_room());
        };
        tokio::join!(calls, look);
        assert!(bucket.has_room());
    }
}

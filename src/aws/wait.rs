//! Waiting for AWS to get there: dense at first, sparse later, told to whoever watches, and ended by
//! an interrupt.

use super::error::{AwsError, ErrorClass};
use super::meter::{Cause, milliseconds};
use super::reader::Reader;
use crate::model::{Address, Event};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// What each of those that look again and again adds to everybody's pause: together they stay below 80 looks a second,
/// of the 100 that `GetFunction` has.
const SHARE_OF_LOOKS: Duration = Duration::from_micros(12_500);

/// What is waited for, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patience {
    /// What for, such as `role demo-hash to be assumable`.
    pub cause: String,
    /// Which resource, where the wait belongs to one.
    pub address: Option<Address>,
    /// When to give up, in milliseconds from the start.
    pub limit_ms: u64,
    /// The first pause in milliseconds.
    pub first_ms: u64,
    /// The longest pause in milliseconds.
    pub cap_ms: u64,
    /// How much longer each pause is than the one before, in percent.
    pub growth_percent: u32,
}

impl Patience {
    /// Waits for `cause` up to `limit_ms`, looking every 300 ms at first and every 5 s in the end.
    pub fn new(cause: impl Into<String>, limit_ms: u64) -> Self {
        Self { cause: cause.into(), address: None, limit_ms, first_ms: 300, cap_ms: 5_000, growth_percent: 50 }
    }

    /// Says which resource the wait belongs to.
    #[must_use]
    pub fn for_address(mut self, address: &Address) -> Self {
        self.address = Some(address.clone());
        self
    }
}

/// Tries until it succeeds, fails with an error that is not retryable, or the patience ends.
///
/// # Errors
/// The last error of `attempt`; of class [`ErrorClass::Interrupted`] when the run drains.
pub async fn retry_while<T, F>(
    client: &Reader,
    patience: &Patience,
    is_retryable: impl Fn(&AwsError) -> bool,
    mut attempt: impl FnMut() -> F,
) -> Result<T, AwsError>
where
    F: Future<Output = Result<T, AwsError>>,
{
    let mut wait = Wait::new(client, patience);
    let mut last: Option<AwsError> = None;
    loop {
        let result = attempt().await.map_err(|error| last.iter().fold(error, AwsError::following));
        match result {
            Err(error) if is_retryable(&error) => {
                let cause = match error.class {
                    ErrorClass::NotYetConsistent => Cause::Propagation,
                    ErrorClass::InProgress => Cause::Busy,
                    _ => Cause::Retry,
                };
                if !wait.pause(cause).await.map_err(|Interrupted| interrupted(&error.operation, patience, Some(&error)))? {
                    return Err(error);
                }
                last = Some(error);
            }
            result => return result,
        }
    }
}

/// Looks until there is something to see; the first look is at once.
///
/// # Errors
/// The first error of `look`; one of class [`ErrorClass::InProgress`] when the patience ends; one of
/// class [`ErrorClass::Interrupted`] when the run drains.
pub async fn poll_until<T, F>(client: &Reader, patience: &Patience, mut look: impl FnMut() -> F) -> Result<T, AwsError>
where
    F: Future<Output = Result<Option<T>, AwsError>>,
{
    let mut wait = Wait::new(client, patience);
    loop {
        if let Some(seen) = look().await? {
            return Ok(seen);
        }
        if !wait.pause(Cause::Readiness).await.map_err(|Interrupted| interrupted("waiting", patience, None))? {
            let seconds = patience.limit_ms / 1_000;
            let message = format!("gave up after {seconds} s of waiting for {}", patience.cause);
            return Err(AwsError::own("waiting", ErrorClass::InProgress, message));
        }
    }
}

/// Pauses once, without looking.
///
/// # Errors
/// One of class [`ErrorClass::Interrupted`] when the run drains.
pub async fn pause(client: &Reader, cause: &str, length: Duration) -> Result<(), AwsError> {
    let slept = client.caller().interrupt.run_until_cancelled(tokio::time::sleep(length)).await;
    slept.ok_or_else(|| AwsError::own("waiting", ErrorClass::Interrupted, format!("interrupted while waiting for {cause}")))
}

/// The run ended while something was waited for.
struct Interrupted;

fn interrupted(operation: &str, patience: &Patience, last: Option<&AwsError>) -> AwsError {
    let text = last.map_or_else(String::new, |error| format!(", after: {error}"));
    let interrupted = AwsError::own(operation, ErrorClass::Interrupted, format!("interrupted while waiting for {}{text}", patience.cause));
    last.into_iter().fold(interrupted, AwsError::following)
}

/// The pauses of one wait.
struct Wait<'a> {
    client: &'a Reader,
    patience: &'a Patience,
    started: Instant,
    next: Duration,
    is_told: bool,
}

impl<'a> Wait<'a> {
    fn new(client: &'a Reader, patience: &'a Patience) -> Self {
        Self { client, patience, started: Instant::now(), next: Duration::from_millis(patience.first_ms), is_told: false }
    }

    /// Sleeps before the next look; `false` when the patience has ended.
    async fn pause(&mut self, cause: Cause) -> Result<bool, Interrupted> {
        let left = Duration::from_millis(self.patience.limit_ms).saturating_sub(self.started.elapsed());
        if left.is_zero() {
            return Ok(false);
        }
        self.tell();
        let caller = self.client.caller();
        let _watching = (cause == Cause::Readiness).then(|| Watching::new(&caller.watchers));
        let delay = self.next.max(SHARE_OF_LOOKS * caller.watchers.load(Ordering::Relaxed)).min(left);
        self.next = (self.next * (100 + self.patience.growth_percent) / 100).min(Duration::from_millis(self.patience.cap_ms));
        let _measured = caller.meter.waiting(cause, caller.events.clone());
        let sleep = tokio::time::sleep(delay);
        caller.interrupt.run_until_cancelled(sleep).await.ok_or(Interrupted).map(|()| true)
    }

    fn tell(&mut self) {
        self.is_told = true;
        (self.client.caller().events)(Event::Waiting {
            address: self.patience.address.clone(),
            cause: self.patience.cause.clone(),
            calls: 1,
            elapsed_ms: milliseconds(self.started.elapsed()),
            limit_ms: Some(self.patience.limit_ms),
        });
    }
}

/// Counts a pause between two looks for as long as it lasts.
struct Watching<'a>(&'a AtomicU32);

impl<'a> Watching<'a> {
    fn new(count: &'a AtomicU32) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Watching<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if self.is_told {
            (self.client.caller().events)(Event::Waited {
                address: self.patience.address.clone(),
                cause: self.patience.cause.clone(),
                elapsed_ms: milliseconds(self.started.elapsed()),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::caller::{Caller, tests::caller};
    use crate::aws::clients::Clients;
    use crate::aws::plain_http::PlainHttp;
    use std::cell::Cell;
    use std::sync::{Arc, Mutex};

    fn reader(caller: Caller) -> Reader {
        let config = aws_config::SdkConfig::builder().behavior_version(aws_config::BehaviorVersion::latest()).build();
        Reader::new(Arc::new(caller), Arc::new(Clients::new(&config, true, &PlainHttp::new(true))))
    }

    fn busy() -> AwsError {
        AwsError::own("iam:DeleteRole", ErrorClass::InProgress, "busy")
    }

    #[tokio::test(start_paused = true)]
    async fn a_retry_goes_on_until_it_succeeds_and_tells_that_it_waits() {
        let told = Arc::new(Mutex::new(0));
        let count = Arc::clone(&told);
        let reader = reader(Caller { events: Arc::new(move |_| *count.lock().unwrap() += 1), ..caller() });
        let tries = Cell::new(0);
        let attempt = async || {
            tries.set(tries.get() + 1);
            if tries.get() < 4 { Err(busy()) } else { Ok(tries.get()) }
        };
        let patience = Patience::new("x", 60_000);
        assert_eq!(retry_while(&reader, &patience, |error| error.class == ErrorClass::InProgress, attempt).await, Ok(4));
        // Three pauses, and their end.
        assert_eq!(*told.lock().unwrap(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn what_one_try_left_open_stays_open_in_the_last_error() {
        let errors = [AwsError { uncertain: true, ..busy() }, busy(), AwsError::own("iam:DeleteRole", ErrorClass::Denied, "no")];
        let errors = std::cell::RefCell::new(errors.into_iter());
        let attempt = async || Err::<(), _>(errors.borrow_mut().next().unwrap());
        let is_busy = |error: &AwsError| error.class == ErrorClass::InProgress;
        let error = retry_while(&reader(caller()), &Patience::new("x", 60_000), is_busy, attempt).await.unwrap_err();
        assert_eq!((error.class, error.uncertain), (ErrorClass::Denied, true));
    }

    #[tokio::test(start_paused = true)]
    async fn patience_ends_with_the_last_error() {
        let start = Instant::now();
        let result: Result<(), _> = retry_while(&reader(caller()), &Patience::new("x", 10_000), |_| true, async || Err(busy())).await;
        assert_eq!(result, Err(busy()));
        assert_eq!(start.elapsed().as_secs(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_look_is_at_once_and_others_get_sparser() {
        let (start, looks) = (Instant::now(), Mutex::new(Vec::new()));
        let look = async || {
            let mut looks = looks.lock().unwrap();
            looks.push(start.elapsed().as_millis());
            Ok((looks.len() == 5).then_some(()))
        };
        poll_until(&reader(caller()), &Patience { cap_ms: 500, ..Patience::new("x", 60_000) }, look).await.unwrap();
        // Timers have ticks of a millisecond.
        let in_fifties: Vec<u128> = looks.lock().unwrap().iter().map(|at| at / 50).collect();
        assert_eq!(in_fifties, [0, 6, 15, 25, 35]);
    }

    #[tokio::test(start_paused = true)]
    async fn many_that_wait_look_less_often() {
        let (reader, looks) = (reader(caller()), Cell::new(0));
        let patience = Patience { first_ms: 100, cap_ms: 1_000, ..Patience::new("x", 3_000) };
        let look = async || {
            looks.set(looks.get() + 1);
            Ok(None::<()>)
        };
        futures::future::join_all((0..160).map(|_| poll_until(&reader, &patience, look))).await;
        assert!((160..=4 * 160).contains(&looks.get()), "{} looks of 160 in 3 s", looks.get());
    }

    #[tokio::test(start_paused = true)]
    async fn an_interrupt_ends_a_wait() {
        let reader = reader(caller());
        reader.caller().interrupt.cancel();
        let result: Result<(), _> = poll_until(&reader, &Patience::new("the role", 10_000), async || Ok(None)).await;
        insta::assert_snapshot!(result.unwrap_err(), @"waiting: interrupted while waiting for the role");
    }
}

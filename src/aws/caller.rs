//! The one loop that every call goes through.

use super::bucket::{Bucket, Token};
use super::classify::Failed;
use super::denial::Denial;
use super::error::{AwsError, ErrorClass};
use super::locked;
use super::meter::{Cause, Meter, milliseconds};
use super::quota::{Quotas, Scope, quota_of};
use super::uploads::Uploads;
use crate::model::{Event, EventSink, Scrubber};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId;
use futures::FutureExt as _;
use std::collections::BTreeMap;
use std::error::Error;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::SemaphorePermit;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The first pause is a random part of this, the next of twice as much, and so on.
const BASE: Duration = Duration::from_millis(100);
/// No pause is longer than this.
const CAP: Duration = Duration::from_secs(5);

/// How often a call is signed anew where this machine's clock and AWS's are apart.
const MOST_CORRECTIONS: u32 = 5;

/// How many attempts a call has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Of those that failed by what passes.
    pub(super) transient: u32,
    /// The same as long as nobody has taken up the connection.
    pub(super) unreached: u32,
    pub(super) throttled: u32,
}

impl Limits {
    fn of(&self, error: &AwsError) -> u32 {
        if error.is_reached() { self.transient } else { self.unreached }
    }
}

/// For calls whose success is worth waiting for: about three minutes of pauses while AWS throttles.
pub(super) const PATIENT: Limits = Limits { transient: 8, unreached: 8, throttled: 40 };
/// For the first call, which also finds out whether anybody is there.
pub(super) const PROBING: Limits = Limits { transient: 8, unreached: 3, throttled: 40 };

/// For calls that must not be sent again unasked.
pub(super) const ONCE: Limits = Limits { transient: 1, unreached: 1, throttled: 1 };

/// What a call needs besides its client.
pub(super) struct Caller {
    pub(super) quotas: Arc<Quotas>,
    pub(super) scope: Scope,
    pub(super) limits: Limits,
    pub(super) events: EventSink,
    pub(super) interrupt: CancellationToken,
    pub(super) meter: Meter,
    /// Keeps values that AWS quotes out of errors.
    pub(super) scrubber: Scrubber,
    pub(super) uploads: Arc<Uploads>,
    /// The buckets of this caller's scope, by the quota's name.
    pub(super) buckets: Mutex<BTreeMap<&'static str, Arc<Bucket>>>,
    /// How many wait for something by looking again and again.
    pub(super) watchers: AtomicU32,
}

impl Caller {
    /// The bucket that a call of `operation` takes its token from.
    pub(super) fn bucket(&self, operation: &str) -> Arc<Bucket> {
        let made = || self.quotas.bucket(&self.scope, operation);
        locked(&self.buckets).entry(quota_of(operation)).or_insert_with(made).clone()
    }

    /// Sends until it goes through, is refused for good, or the attempts are used up.
    /// `bytes` is the size of a file that is carried; so much room is taken while it is under way.
    pub(super) fn call<O, E, F>(&self, operation: &str, bytes: usize, send: impl Fn() -> F) -> impl Future<Output = Result<O, AwsError>>
    where
        E: ProvideErrorMetadata + Error + 'static,
        F: Future<Output = Result<O, SdkError<E, HttpResponse>>>,
    {
        self.call_with_id(operation, bytes, send, |_| None)
    }

    /// The same for answers of the SDK, which know their request's id.
    pub(super) fn call_sdk<O, E, F>(&self, operation: &str, bytes: usize, send: impl Fn() -> F) -> impl Future<Output = Result<O, AwsError>>
    where
        O: RequestId,
        E: ProvideErrorMetadata + Error + 'static,
        F: Future<Output = Result<O, SdkError<E, HttpResponse>>>,
    {
        self.call_with_id(operation, bytes, send, |output| output.request_id().map(str::to_owned))
    }

    async fn call_with_id<O, E, F>(
        &self,
        operation: &str,
        bytes: usize,
        send: impl Fn() -> F,
        id_of: fn(&O) -> Option<String>,
    ) -> Result<O, AwsError>
    where
        E: ProvideErrorMetadata + Error + 'static,
        F: Future<Output = Result<O, SdkError<E, HttpResponse>>>,
    {
        let mut attempts = Attempts::new(self, operation);
        loop {
            let room = attempts.room(bytes).await?;
            let token = attempts.enter().await?;
            let sent = Instant::now();
            let result = send().await;
            drop(room);
            let elapsed = sent.elapsed();
            self.meter.answered(operation, elapsed, bytes);
            match result {
                Ok(output) => {
                    attempts.bucket.answered(token);
                    self.tell(operation, attempts.made, elapsed, Ok(id_of(&output)));
                    return Ok(output);
                }
                Err(error) => {
                    let failed = self.failed(operation, &error);
                    self.tell(operation, attempts.made, elapsed, Err(&failed.error));
                    attempts.after(token, failed).await?;
                }
            }
        }
    }

    /// What an error of the SDK means, without what nobody may read.
    pub(super) fn failed<E>(&self, operation: &str, error: &SdkError<E, HttpResponse>) -> Failed
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let mut failed = Failed::new(operation, self.scope.endpoint.as_deref(), error);
        // What AWS denies is read before values are taken out: a region is a value of many functions and a part of every ARN.
        let denial = failed.error.is_denied().then(|| Denial::of(&failed.error.message));
        failed.error.denial = denial.map(|denial| Box::new(denial.cleaned(|text| self.scrubber.clean(text).into_owned())));
        failed.error.message = self.scrubber.clean_error(&failed.error.message);
        failed
    }

    /// Tells of a request: its id where it was answered well, else what was wrong.
    pub(super) fn tell(&self, operation: &str, attempt: u32, elapsed: Duration, answer: Result<Option<String>, &AwsError>) {
        let error = answer.as_ref().err();
        (self.events)(Event::Called {
            operation: operation.to_owned(),
            attempt,
            elapsed_ms: milliseconds(elapsed),
            status: error.and_then(|error| error.status),
            code: error.and_then(|error| error.code.clone()),
            message: error.map(|error| error.message.clone()),
            request_id: answer.unwrap_or_else(|error| error.request_id.clone()),
        });
    }

    /// Waits for `work`. A wait that does not end at once is measured, and told when it takes long.
    async fn wait<T>(&self, cause: impl FnOnce() -> Cause, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        match work.as_mut().now_or_never() {
            Some(done) => done,
            None => self.meter.waiting(cause(), Arc::clone(&self.events)).during(work).await,
        }
    }
}

/// The attempts of one call.
struct Attempts<'a> {
    caller: &'a Caller,
    operation: &'a str,
    bucket: Arc<Bucket>,
    made: u32,
    /// Those of them that were throttled, which have a limit of their own.
    throttled: u32,
    last: Option<AwsError>,
    /// How often the clock was blamed.
    clock_corrections: u32,
}

impl<'a> Attempts<'a> {
    fn new(caller: &'a Caller, operation: &'a str) -> Self {
        let bucket = caller.bucket(operation);
        Self { caller, operation, bucket, made: 0, throttled: 0, last: None, clock_corrections: 0 }
    }

    async fn room(&self, bytes: usize) -> Result<Option<SemaphorePermit<'a>>, AwsError> {
        let room = self.caller.interrupt.run_until_cancelled(self.caller.uploads.room(bytes));
        let room = self.caller.wait(|| Cause::Uploads, room).await;
        room.ok_or_else(|| self.interrupted())
    }

    async fn enter(&mut self) -> Result<Token, AwsError> {
        if let Some(budget) = &self.caller.quotas.budget {
            let spent = self.caller.interrupt.run_until_cancelled(budget.spend(self.operation));
            self.caller.wait(|| budget.cause(), spent).await.ok_or_else(|| self.interrupted())?;
        }
        let (cause, token) = (|| self.bucket.cause(), self.bucket.acquire(&self.caller.interrupt));
        let token = self.caller.wait(cause, token).await.map_err(|_| self.interrupted())?;
        let is_retry = self.made > 0;
        self.made += 1;
        self.caller.meter.count(self.operation, |calls| {
            calls.calls += 1;
            calls.retried += u64::from(is_retry);
        });
        Ok(token)
    }

    /// Pauses before the next attempt, or gives up.
    async fn after(&mut self, token: Token, failed: Failed) -> Result<(), AwsError> {
        match failed.error.class {
            ErrorClass::Throttled => self.bucket.complain(token, failed.quiet),
            _ => self.bucket.answered(token),
        }
        let error = match &self.last {
            Some(last) => failed.error.following(last),
            None => failed.error,
        };
        let is_over = match error.class {
            ErrorClass::Throttled => self.throttled() >= self.caller.limits.throttled,
            ErrorClass::Transient => self.made - self.throttled >= self.caller.limits.of(&error),
            _ if error.may_be_the_clock() && self.clock_corrections < corrections(&error) => return self.correct_clock(error),
            _ => true,
        };
        if is_over {
            self.caller.meter.count(self.operation, |calls| calls.failed += u64::from(!error.is_not_found()));
            return Err(error);
        }
        let pause = backoff(self.made, random_fraction());
        (self.caller.events)(Event::Retried {
            operation: self.operation.to_owned(),
            attempt: self.made,
            cause: error.cause(),
            pause_ms: milliseconds(pause),
        });
        self.last = Some(error);
        self.pause(pause).await
    }

    /// The SDK's client learned from the answer how late it is by AWS's clock, and signs accordingly from
    /// now on; its own second attempt is switched off.
    fn correct_clock(&mut self, error: AwsError) -> Result<(), AwsError> {
        self.clock_corrections += 1;
        self.last = Some(error);
        Ok(())
    }

    /// How often AWS said by now that this was too much.
    fn throttled(&mut self) -> u32 {
        self.caller.meter.count(self.operation, |calls| calls.throttled += 1);
        self.throttled += 1;
        self.throttled
    }

    async fn pause(&mut self, delay: Duration) -> Result<(), AwsError> {
        let sleep = self.caller.interrupt.run_until_cancelled(tokio::time::sleep(delay));
        let slept = self.caller.wait(|| Cause::Retry, sleep).await;
        slept.ok_or_else(|| self.interrupted())
    }

    fn interrupted(&self) -> AwsError {
        let message = match &self.last {
            None => "interrupted before it was sent".to_owned(),
            Some(last) => format!("interrupted before it was sent again, after: {last}"),
        };
        let interrupted = AwsError::own(self.operation, ErrorClass::Interrupted, message);
        self.last.iter().fold(interrupted, AwsError::following)
    }
}

/// How often a call is signed anew for its time. What was asked before a clock jumped and is answered after it teaches the
/// SDK's client a wrong time once more, so that once may not be enough; where the clocks agree, the time is not the reason.
fn corrections(error: &AwsError) -> u32 {
    if error.clocks_are_apart() { MOST_CORRECTIONS } else { 1 }
}

/// A random part (`fraction`) of the span that belongs to the pause after attempt `made`.
fn backoff(made: u32, fraction: f64) -> Duration {
    let span = BASE.saturating_mul(1_u32.checked_shl(made.saturating_sub(1)).unwrap_or(u32::MAX));
    span.min(CAP).mul_f64(fraction)
}

/// A number from 0 to 1. Without a source of randomness it is always the middle.
fn random_fraction() -> f64 {
    getrandom::u32().map_or(0.5, |number| f64::from(number) / f64::from(u32::MAX))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;
    use aws_smithy_types::error::ErrorMetadata;
    use std::cell::Cell;

    #[derive(Debug)]
    struct Answer(ErrorMetadata);

    impl std::fmt::Display for Answer {
        fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            self.0.fmt(formatter)
        }
    }

    impl Error for Answer {}

    impl ProvideErrorMetadata for Answer {
        fn meta(&self) -> &ErrorMetadata {
            &self.0
        }
    }

    fn answer(status: u16, code: &str, retry_after: Option<&'static str>) -> SdkError<Answer, HttpResponse> {
        let mut response = HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::empty());
        response.headers_mut().insert("x-amzn-requestid", "r-1");
        if let Some(seconds) = retry_after {
            response.headers_mut().insert("retry-after", seconds);
        }
        SdkError::service_error(Answer(ErrorMetadata::builder().code(code).message("no").build()), response)
    }

    pub(in crate::aws) fn caller() -> Caller {
        Caller {
            quotas: Arc::new(Quotas::new()),
            scope: Scope { account: "123456789012".into(), region: "eu-central-1".into(), endpoint: Some("http://localhost".into()) },
            limits: PATIENT,
            events: Arc::new(|_| {}),
            interrupt: CancellationToken::new(),
            meter: Meter::default(),
            scrubber: Scrubber::default(),
            uploads: Arc::default(),
            buckets: Mutex::default(),
            watchers: AtomicU32::new(0),
        }
    }

    async fn fail_times(caller: &Caller, times: u32, error: impl Fn() -> SdkError<Answer, HttpResponse>) -> Result<u32, AwsError> {
        let sent = Cell::new(0);
        let send = || {
            sent.set(sent.get() + 1);
            let result = if sent.get() <= times { Err(error()) } else { Ok(sent.get()) };
            std::future::ready(result)
        };
        caller.call("lambda:CreateFunction", 0, send).await
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_throttled_or_lost_is_sent_again_and_counted() {
        let caller = caller();
        assert_eq!(fail_times(&caller, 3, || answer(429, "TooManyRequestsException", None)).await, Ok(4));
        assert_eq!(fail_times(&caller, 2, || answer(503, "", None)).await, Ok(3));
        let account = caller.meter.account().unwrap();
        assert_eq!((account.total, account.throttled, account.retried, account.failed), (7, 3, 5, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_was_throttled_often_survives_a_lost_answer() {
        let sent = Cell::new(0);
        let send = || {
            let answer = match sent.replace(sent.get() + 1) {
                0..10 => Err(answer(429, "TooManyRequestsException", None)),
                10..13 => Err(answer(503, "", None)),
                _ => Ok(()),
            };
            std::future::ready(answer)
        };
        assert_eq!(caller().call("lambda:CreateFunction", 0, send).await, Ok(()));
    }

    /// The first call asks whether anybody is there: a reset or a status says that somebody is.
    #[tokio::test(start_paused = true)]
    async fn who_has_answered_is_waited_for_and_nobody_is_not() {
        use aws_smithy_runtime_api::client::result::ConnectorError;
        let caller = Caller { limits: PROBING, ..caller() };
        let broken = |why: &'static str| move || SdkError::dispatch_failure(ConnectorError::io(why.into()));
        assert_eq!(fail_times(&caller, 5, || answer(503, "", None)).await, Ok(6));
        assert_eq!(fail_times(&caller, 5, broken("connection reset by peer")).await, Ok(6));
        assert_eq!(fail_times(&caller, 2, broken("connection refused")).await, Ok(3));
        assert!(fail_times(&caller, 3, broken("connection refused")).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_end_with_the_last_error() {
        let error = fail_times(&caller(), 99, || answer(500, "ServiceException", None)).await.unwrap_err();
        assert_eq!((error.class, error.request_id.as_deref(), error.status), (ErrorClass::Transient, Some("r-1"), Some(500)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_denial_is_understood_whatever_values_are_under_way() {
        let caller = caller();
        let _concealed = caller.scrubber.conceal(["eu-central-1", "identity-based", "to perform"]);
        let message = "User: arn:aws:iam::1:user/a is not authorized to perform: lambda:GetPolicy on resource: \
                       arn:aws:lambda:eu-central-1:1:function:a because no identity-based policy allows the lambda:GetPolicy action";
        let answer = Answer(ErrorMetadata::builder().code("AccessDeniedException").message(message).build());
        let denied = SdkError::service_error(answer, HttpResponse::new(StatusCode::try_from(403).unwrap(), SdkBody::empty()));
        let hints = caller.failed("lambda:GetPolicy", &denied).error.diagnostic().hints;
        assert!(hints[1].contains(r#""Resource":"arn:aws:lambda:eu-central-1:1:function:a""#), "{hints:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_refused_is_not_sent_again() {
        let caller = caller();
        let error = fail_times(&caller, 1, || answer(403, "AccessDeniedException", None)).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Denied);
        let account = caller.meter.account().unwrap();
        assert_eq!((account.total, account.failed), (1, 1));
    }

    /// The error after these answers, one after the other, and how many were asked for.
    async fn error_after(answers: &[(u16, &'static str)]) -> (AwsError, usize) {
        let sent = Cell::new(0);
        let send = || {
            let (status, code) = answers[sent.replace(sent.get() + 1)];
            std::future::ready(Err::<(), _>(answer(status, code, None)))
        };
        let error = caller().call("lambda:CreateFunction", 0, send).await.unwrap_err();
        (error, sent.get())
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_was_lost_leaves_open_what_a_later_refusal_means() {
        for (answers, uncertain) in [
            (&[(403, "AccessDeniedException")][..], false),
            (&[(429, "TooManyRequestsException"), (403, "AccessDeniedException")], false),
            (&[(503, ""), (403, "AccessDeniedException")], true),
            (&[(503, ""), (429, "TooManyRequestsException"), (409, "ResourceConflictException")], true),
        ] {
            let (error, sent) = error_after(answers).await;
            assert_eq!((error.uncertain, sent), (uncertain, answers.len()), "{answers:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_signature_of_the_wrong_time_is_made_once_more() {
        let (error, sent) = error_after(&[(403, "InvalidSignatureException"), (403, "SignatureDoesNotMatch")]).await;
        assert_eq!((sent, error.code.as_deref(), error.class), (2, Some("SignatureDoesNotMatch"), ErrorClass::Credentials));
        assert!(error.diagnostic().hints[0].contains("clock of this machine"), "{:?}", error.diagnostic());
        assert_eq!(error_after(&[(403, "ExpiredToken")]).await.1, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn uploads_wait_for_room_while_they_are_sent_and_not_between_attempts() {
        let (caller, started) = (caller(), tokio::time::Instant::now());
        let is_lost = Cell::new(true);
        let send = |bytes: usize| {
            let fails = bytes == 16 << 20 && is_lost.replace(false);
            async move {
                tokio::time::sleep(Duration::from_secs(10)).await;
                if fails { Err(answer(503, "", None)) } else { Ok(started.elapsed().as_secs()) }
            }
        };
        let upload = |bytes| caller.call("lambda:CreateFunction", bytes, move || send(bytes));
        let (large, other, small) = tokio::join!(upload(16 << 20), upload(1 << 20), upload(0));
        // While the large one pauses before its second attempt, the other one goes.
        assert_eq!((large.unwrap(), other.unwrap(), small.unwrap()), (30, 20, 10));
    }

    #[tokio::test(start_paused = true)]
    async fn retry_after_is_waited_for() {
        let start = tokio::time::Instant::now();
        fail_times(&caller(), 1, || answer(429, "TooManyRequestsException", Some("9"))).await.unwrap();
        assert!(start.elapsed() >= Duration::from_secs(9), "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn an_interrupt_ends_the_wait_and_says_what_it_waited_for() {
        let caller = caller();
        let stop = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            caller.interrupt.cancel();
        };
        let (result, ()) = tokio::join!(fail_times(&caller, 1, || answer(429, "TooManyRequestsException", Some("9"))), stop);
        let error = result.unwrap_err();
        assert_eq!(error.class, ErrorClass::Interrupted);
        insta::assert_snapshot!(error.message, @"interrupted before it was sent again, after: lambda:CreateFunction: TooManyRequestsException: no (request id r-1)");
    }

    #[test]
    fn pauses_grow_to_a_cap() {
        let pauses: Vec<u128> = (1..=8).map(|made| backoff(made, 1.0).as_millis()).collect();
        assert_eq!(pauses, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(backoff(40, 0.5).as_millis(), 2500);
    }
}

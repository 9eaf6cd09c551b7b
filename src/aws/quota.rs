//! AWS's request quotas, kept on this side: one token bucket per quota.
//!
//! Rates: AWS's quota pages for Lambda, CloudWatch Logs and EventBridge. IAM and STS publish none;
//! theirs are first guesses that rise as long as AWS does not complain.

use super::locked;
use super::meter::Cause;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The share of a published rate that is used: others use the account too.
const SHARE: f64 = 0.9;
/// What remains of the rate after a throttle answer.
const DECREASE: f64 = 0.7;
/// How much the rate rises in a second of use, in calls per second.
const INCREASE_PER_SECOND: f64 = 0.5;
/// The rate never falls below this share of the published one.
const FLOOR: f64 = 0.05;
/// Answers to calls that were in flight together count as one complaint.
const COMPLAINT: Duration = Duration::from_secs(1);

/// Where quotas count: AWS keeps them per account and region.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Scope {
    /// Twelve digits; empty before they are known.
    pub(super) account: String,
    /// Such as `eu-central-1`.
    pub(super) region: String,
    /// The endpoint, where it is not AWS's own.
    pub(super) endpoint: Option<String>,
}

/// All quota buckets of the process: made once, shared by every session.
#[derive(Default)]
pub struct Quotas {
    buckets: Mutex<BTreeMap<(Scope, &'static str), Arc<Bucket>>>,
}

impl Quotas {
    /// No bucket yet: they are made as calls come.
    pub fn new() -> Self {
        Self::default()
    }

    /// The bucket that a call of `operation`, such as `lambda:GetFunction`, takes its token from.
    pub(super) fn bucket(&self, scope: &Scope, operation: &str) -> Arc<Bucket> {
        let quota = Quota::of(operation);
        let region = if quota.is_global { "global".to_owned() } else { scope.region.clone() };
        let key = (Scope { region, ..scope.clone() }, quota.name);
        let is_open = scope.endpoint.is_some();
        locked(&self.buckets).entry(key).or_insert_with(|| Arc::new(Bucket::new(&quota, is_open))).clone()
    }
}

/// What is known about one of AWS's quotas.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Quota {
    name: &'static str,
    /// Calls per second, as published or guessed.
    rate: f64,
    /// The rate that it starts with.
    start: f64,
    /// The most that the rate can become.
    ceiling: f64,
    /// How many calls may go at once; one second's worth where absent.
    burst: Option<f64>,
    is_global: bool,
}

impl Quota {
    /// A quota that AWS publishes.
    const fn published(name: &'static str, rate: f64) -> Self {
        Self { name, rate, start: rate * SHARE, ceiling: rate * SHARE, burst: None, is_global: false }
    }

    /// A quota that AWS does not publish, per account.
    const fn guessed(name: &'static str, rate: f64, burst: f64) -> Self {
        Self { name, rate, start: rate, ceiling: rate * 4.0, burst: Some(burst), is_global: true }
    }

    fn of(operation: &str) -> Self {
        match operation.split_once(':').unwrap_or((operation, "")) {
            ("lambda", "GetFunction") => Self::published("lambda:GetFunction", 100.0),
            // Ten requests a second for each of the account's concurrent executions, of which a new account has ten.
            // <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
            ("lambda", "Invoke") => Self::published("lambda:Invoke", 100.0),
            ("lambda", "GetPolicy") => Self::published("lambda:GetPolicy", 15.0),
            ("lambda", _) => Self::published("lambda", 15.0),
            ("logs", name) => Self::of_logs(name),
            ("iam", name) if name.starts_with("Get") || name.starts_with("List") => Self::guessed("iam:read", 10.0, 20.0),
            ("iam", _) => Self::guessed("iam:write", 5.0, 20.0),
            ("sts", _) => Self { is_global: false, ..Self::guessed("sts", 100.0, 100.0) },
            _ => Self::published("events", 50.0),
        }
    }

    fn of_logs(operation: &str) -> Self {
        match operation {
            "CreateLogGroup" => Self::published("logs:CreateLogGroup", 10.0),
            "DeleteLogGroup" => Self::published("logs:DeleteLogGroup", 10.0),
            "DescribeLogGroups" => Self::published("logs:DescribeLogGroups", 10.0),
            // <https://repost.aws/knowledge-center/cloudwatch-logs-throttling>
            "FilterLogEvents" => Self::published("logs:FilterLogEvents", 5.0),
            "PutRetentionPolicy" => Self::published("logs:PutRetentionPolicy", 5.0),
            "DeleteRetentionPolicy" => Self::published("logs:DeleteRetentionPolicy", 5.0),
            "TagResource" => Self::published("logs:TagResource", 5.0),
            "UntagResource" => Self::published("logs:UntagResource", 5.0),
            "ListTagsForResource" => Self::published("logs:ListTagsForResource", 5.0),
            "AssociateKmsKey" => Self::published("logs:AssociateKmsKey", 5.0),
            _ => Self::published("logs", 5.0),
        }
    }

    /// Such as `AWS's quota of 15 Lambda calls a second`.
    fn text(&self) -> String {
        let calls = match self.name {
            "lambda" => "Lambda calls",
            "events" => "EventBridge calls",
            "logs" => "CloudWatch Logs calls",
            "iam:read" => return "the pace at which IAM answers reads".to_owned(),
            "iam:write" => return "the pace at which IAM takes changes".to_owned(),
            "sts" => return "the pace at which STS answers".to_owned(),
            name => return format!("AWS's quota of {} {} calls a second", self.rate, name.rsplit(':').next().unwrap_or(name)),
        };
        format!("AWS's quota of {} {calls} a second", self.rate)
    }

    fn burst(&self, rate: f64) -> f64 {
        self.burst.unwrap_or_else(|| rate.max(1.0))
    }
}

/// Hands out tokens for calls, first come first served.
pub(super) struct Bucket {
    queue: tokio::sync::Mutex<()>,
    flow: Mutex<Flow>,
}

/// The run ended while a call waited for its token.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cancelled;

impl Bucket {
    fn new(quota: &Quota, is_open: bool) -> Self {
        let now = Instant::now();
        let rate = (!is_open).then_some(quota.start);
        let tokens = quota.burst(quota.start);
        let flow = Flow { quota: *quota, rate, tokens, counted_at: now, closed_until: now, complained_at: None };
        Self { queue: tokio::sync::Mutex::new(()), flow: Mutex::new(flow) }
    }

    /// What is waited for when there is no token, in words that a person understands.
    pub(super) fn cause(&self) -> Cause {
        let flow = locked(&self.flow);
        if Instant::now() < flow.closed_until {
            return Cause::RetryAfter;
        }
        Cause::Quota { bucket: flow.quota.name, text: flow.quota.text() }
    }

    /// Waits for a token.
    ///
    /// # Errors
    /// [`Cancelled`] when `interrupt` comes first.
    pub(super) async fn acquire(&self, interrupt: &CancellationToken) -> Result<(), Cancelled> {
        let wait = async {
            let _turn = self.queue.lock().await;
            while let Err(delay) = self.try_take() {
                tokio::time::sleep(delay).await;
            }
        };
        interrupt.run_until_cancelled(wait).await.ok_or(Cancelled)
    }

    fn try_take(&self) -> Result<(), Duration> {
        locked(&self.flow).try_take(Instant::now())
    }

    /// AWS said that this was too much. It may have said for how long to be quiet.
    pub(super) fn complain(&self, quiet: Option<Duration>) {
        locked(&self.flow).complain(Instant::now(), quiet);
    }
}

/// The numbers of a bucket.
struct Flow {
    quota: Quota,
    /// Calls per second; `None` while nothing is limited.
    rate: Option<f64>,
    tokens: f64,
    counted_at: Instant,
    closed_until: Instant,
    complained_at: Option<Instant>,
}

impl Flow {
    fn try_take(&mut self, now: Instant) -> Result<(), Duration> {
        if now < self.closed_until {
            return Err(self.closed_until - now);
        }
        let Some(rate) = self.refill(now) else { return Ok(()) };
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Ok(());
        }
        // Rounded up: with a wait that is too short by less than a tick the loop would spin.
        Err(Duration::from_secs_f64((1.0 - self.tokens) / rate) + Duration::from_millis(1))
    }

    fn refill(&mut self, now: Instant) -> Option<f64> {
        let elapsed = now.saturating_duration_since(self.counted_at).as_secs_f64();
        self.counted_at = now;
        let rate = self.rate?;
        self.tokens = (self.tokens + elapsed * rate).min(self.quota.burst(rate));
        // Idle time proves nothing: only the last second counts.
        let risen = rate + INCREASE_PER_SECOND * elapsed.min(1.0);
        self.rate = Some(risen.min(self.quota.ceiling.max(rate)));
        self.rate
    }

    fn complain(&mut self, now: Instant, quiet: Option<Duration>) {
        if let Some(quiet) = quiet {
            self.closed_until = self.closed_until.max(now + quiet);
        }
        if self.complained_at.is_some_and(|at| now.saturating_duration_since(at) < COMPLAINT) {
            return;
        }
        self.complained_at = Some(now);
        self.refill(now);
        self.tokens = 0.0;
        self.rate = Some(match self.rate {
            None => self.quota.rate,
            Some(rate) => (rate * DECREASE).max(self.quota.rate * FLOOR),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(endpoint: Option<&str>) -> Scope {
        Scope { account: "123456789012".into(), region: "eu-central-1".into(), endpoint: endpoint.map(Into::into) }
    }

    async fn seconds_for(bucket: &Bucket, calls: usize) -> f64 {
        let (start, never) = (Instant::now(), CancellationToken::new());
        for _ in 0..calls {
            bucket.acquire(&never).await.unwrap();
        }
        start.elapsed().as_secs_f64()
    }

    fn assert_near(value: f64, wanted: f64) {
        assert!((value - wanted).abs() < wanted * 0.1 + 0.05, "{value} is not near {wanted}");
    }

    #[tokio::test(start_paused = true)]
    async fn aws_gets_nine_tenths_of_its_rate_after_one_second_of_burst() {
        let bucket = Quotas::new().bucket(&scope(None), "lambda:CreateFunction");
        assert_near(seconds_for(&bucket, 13).await, 0.0);
        assert_near(seconds_for(&bucket, 135).await, 10.0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_custom_endpoint_is_unlimited_until_it_complains() {
        let bucket = Quotas::new().bucket(&scope(Some("http://localhost")), "lambda:CreateFunction");
        assert_near(seconds_for(&bucket, 10_000).await, 0.0);
        bucket.complain(None);
        assert_near(seconds_for(&bucket, 150).await, 10.0);
    }

    #[tokio::test(start_paused = true)]
    async fn complaints_lower_the_rate_once_a_second_and_use_raises_it_again() {
        let bucket = Quotas::new().bucket(&scope(None), "lambda:CreateFunction");
        (0..20).for_each(|_| bucket.complain(None));
        let rate = || locked(&bucket.flow).rate.unwrap();
        assert_near(rate(), 15.0 * 0.9 * 0.7);
        tokio::time::advance(Duration::from_millis(1_100)).await;
        bucket.complain(None);
        assert_near(rate(), (15.0 * 0.9 * 0.7 + 0.5) * 0.7);
        seconds_for(&bucket, 300).await;
        assert_near(rate(), 15.0 * 0.9);
    }

    #[tokio::test(start_paused = true)]
    async fn retry_after_closes_the_bucket_for_everyone() {
        let bucket = Quotas::new().bucket(&scope(Some("http://localhost")), "events:PutRule");
        bucket.complain(Some(Duration::from_secs(7)));
        assert_near(seconds_for(&bucket, 1).await, 7.0);
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_is_first_come_first_served_and_ends_when_interrupted() {
        let bucket = Quotas::new().bucket(&scope(None), "logs:PutRetentionPolicy");
        seconds_for(&bucket, 4).await;
        let (order, never) = (Mutex::new(Vec::new()), CancellationToken::new());
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
    }

    #[tokio::test(start_paused = true)]
    async fn iam_is_shared_by_regions_and_lambda_is_not() {
        let quotas = Quotas::new();
        let other = Scope { region: "us-east-1".into(), ..scope(None) };
        assert!(Arc::ptr_eq(&quotas.bucket(&scope(None), "iam:CreateRole"), &quotas.bucket(&other, "iam:PutRolePolicy")));
        assert!(!Arc::ptr_eq(&quotas.bucket(&scope(None), "iam:CreateRole"), &quotas.bucket(&other, "iam:GetRole")));
        assert!(!Arc::ptr_eq(&quotas.bucket(&scope(None), "lambda:GetPolicy"), &quotas.bucket(&other, "lambda:GetPolicy")));
    }

    #[tokio::test(start_paused = true)]
    async fn iam_starts_with_a_generous_burst() {
        let bucket = Quotas::new().bucket(&scope(None), "iam:CreateRole");
        assert_near(seconds_for(&bucket, 20).await, 0.0);
        let busy = seconds_for(&bucket, 50).await;
        assert!((4.0..10.0).contains(&busy), "{busy}");
    }

    #[test]
    fn every_quota_has_the_published_rate() {
        for (operation, name, rate) in [
            ("lambda:GetFunction", "lambda:GetFunction", 100.0),
            ("lambda:GetPolicy", "lambda:GetPolicy", 15.0),
            ("lambda:AddPermission", "lambda", 15.0),
            ("lambda:Invoke", "lambda:Invoke", 100.0),
            ("logs:FilterLogEvents", "logs:FilterLogEvents", 5.0),
            ("logs:CreateLogGroup", "logs:CreateLogGroup", 10.0),
            ("logs:PutRetentionPolicy", "logs:PutRetentionPolicy", 5.0),
            ("logs:ListTagsForResource", "logs:ListTagsForResource", 5.0),
            ("events:PutTargets", "events", 50.0),
            ("iam:AttachRolePolicy", "iam:write", 5.0),
            ("iam:ListRoles", "iam:read", 10.0),
            ("sts:GetCallerIdentity", "sts", 100.0),
        ] {
            let quota = Quota::of(operation);
            assert_eq!((quota.name, quota.rate), (name, rate), "{operation}");
        }
    }
}

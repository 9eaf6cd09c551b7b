//! Cleans up the log groups of an account in one region: a group without retention gets 12 months, an empty
//! group that is older than its retention is deleted. AWS deletes the events of a group, and never the group.
//!
//! The event `{"dry_run": true}` changes nothing and says what would be done. The environment variable
//! `KEEP_PREFIXES`, separated by commas, names groups that are never deleted. The answer is a [`report::Summary`].

mod aws;
mod clean;
mod decide;
mod report;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_config::{BehaviorVersion, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_cloudwatchlogs::Client;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use lambda_runtime::{Context, Diagnostic, Error, LambdaEvent, service_fn};
use serde_json::Value;
use tokio::time::Instant;

use crate::{clean::Budget, decide::Rules, report::Summary};

/// AWS throttles other programs of the account on our behalf too, so a few more attempts than usual.
const ATTEMPTS: u32 = 5;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let keep_prefixes = std::env::var("KEEP_PREFIXES").unwrap_or_default();
    let client = client().await;
    lambda_runtime::run(service_fn(async |event| handle(&client, &keep_prefixes, event).await)).await
}

/// Made once per execution environment, before the first event.
async fn client() -> Client {
    let retries = RetryConfig::standard().with_max_attempts(ATTEMPTS).with_max_backoff(Duration::from_secs(2));
    // A call that hangs must not cost the other groups their turn.
    let timeouts =
        TimeoutConfig::builder().operation_attempt_timeout(Duration::from_secs(4)).operation_timeout(Duration::from_secs(12)).build();
    let http = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let config =
        aws_config::defaults(BehaviorVersion::latest()).http_client(http).retry_config(retries).timeout_config(timeouts).load().await;
    Client::new(&config)
}

async fn handle(client: &Client, keep_prefixes: &str, event: LambdaEvent<Value>) -> Result<Summary, Diagnostic> {
    let dry_run = dry_run(&event.payload)?;
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
    let budget = Budget::new(Instant::now(), remaining(&event.context, now_ms));
    let rules = Rules::new(now_ms, &event.context.env_config.log_group, keep_prefixes);
    let report = clean::clean(client, &rules, &budget, dry_run).await;
    eprintln!("{}", report.sentence());
    report.answer()
}

fn remaining(context: &Context, now_ms: u64) -> Duration {
    Duration::from_millis(context.deadline.saturating_sub(now_ms))
}

/// A misspelt wish to change nothing must not end in deletions.
fn dry_run(event: &Value) -> Result<bool, Diagnostic> {
    match event.get("dry_run") {
        None => Ok(false),
        Some(Value::Bool(dry_run)) => Ok(*dry_run),
        Some(other) => Err(Diagnostic {
            error_type: "LogCleanup.BadEvent".into(),
            error_message: format!("`dry_run` in the event must be true or false, and is {other}; nothing was done"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_an_event_that_says_so_is_a_dry_run() {
        let scheduled = json!({"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}});
        for (event, expected) in [
            (json!({}), Some(false)),
            (json!(null), Some(false)),
            (json!("dry_run"), Some(false)),
            (scheduled, Some(false)),
            (json!({"dry_run": false}), Some(false)),
            (json!({"dry_run": true}), Some(true)),
            (json!({"dry_run": "true"}), None),
            (json!({"dry_run": 1}), None),
        ] {
            assert_eq!(dry_run(&event).ok(), expected, "{event}");
        }
    }

    #[test]
    fn a_deadline_in_the_past_leaves_no_time() {
        let mut context = Context::default();
        context.deadline = 60_000;
        assert_eq!(remaining(&context, 15_000), Duration::from_secs(45));
        assert_eq!(remaining(&context, 60_001), Duration::ZERO);
    }
}

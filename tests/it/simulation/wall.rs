//! The clock of the machine that lambdo runs on, which is set while a run goes on, and AWS's judgement of what is signed by it.

use super::world::Jumping;
use aws_types::sdk_config::TimeSource;
use axum::body::Bytes;
use axum::http::HeaderMap;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

/// The clock is set to another time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Leap {
    /// When a run has sent so many calls.
    pub at_call: u64,
    pub by_seconds: i64,
}

/// A laptop that slept, a clock that was wrong and is set, by a little and by years.
pub const LEAPS_SECONDS: [i64; 9] = [3, -3, 600, -600, 3_600, -3_600, 9 * 3_600, -30 * 86_400, 20 * 365 * 86_400];

/// AWS takes what is signed so much too early or too late, in seconds.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>
const ALLOWED_SECONDS: i64 = 300;

/// Status, headers and body of an answer.
pub type Refusal = (u16, Vec<(String, String)>, Bytes);

/// A clock that can be set. It goes on from where AWS's is.
#[derive(Clone, Debug)]
pub struct Wall {
    aws: Arc<Jumping>,
    ahead_seconds: Arc<AtomicI64>,
}

impl Wall {
    pub fn new(aws: Arc<Jumping>) -> Self {
        Self { aws, ahead_seconds: Arc::default() }
    }

    pub fn leap(&self, by_seconds: i64) {
        self.ahead_seconds.fetch_add(by_seconds, Ordering::SeqCst);
    }

    fn now_ms(&self) -> i64 {
        self.aws.milliseconds() + self.ahead_seconds.load(Ordering::SeqCst) * 1_000
    }

    /// AWS's time, as it stands in the headers of answers.
    pub fn date(&self) -> String {
        self.aws.date()
    }

    /// What AWS says to a request that is signed by another time than its own.
    pub fn judge(&self, headers: &HeaderMap) -> Option<Refusal> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        // Registries are asked with a token.
        let (signed, scope) = (text("x-amz-date")?, text("authorization")?);
        let signed = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", signed).unwrap().to_zoned(jiff::tz::TimeZone::UTC).unwrap();
        let apart = signed.timestamp().as_second() - self.aws.milliseconds() / 1_000;
        (apart.abs() > ALLOWED_SECONDS).then(|| refusal(scope.split('/').nth(3).unwrap_or_default(), &self.aws.date()))
    }
}

/// Each service has words of its own.
fn refusal(service: &str, date: &str) -> Refusal {
    const WORDS: &str = "Signature expired: it is now earlier than the service's time less 5 min, or later";
    let xml = |code: &str| format!("<Code>{code}</Code><Message>{WORDS}</Message>");
    let code = "InvalidSignatureException";
    let (status, body) = match service {
        "iam" | "sts" => {
            (403, format!("<ErrorResponse><Error><Type>Sender</Type>{}</Error></ErrorResponse>", xml("SignatureDoesNotMatch")))
        }
        "s3" => (403, format!("<Error>{}</Error>", xml("RequestTimeTooSkewed"))),
        "lambda" => (403, json!({ "message": WORDS }).to_string()),
        _ => (400, json!({ "__type": code, "message": WORDS }).to_string()),
    };
    let headers = [("date", date), ("x-amzn-errortype", code)].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let is_told = |(name, _): &(String, String)| name == "date" || service == "lambda";
    (status, headers.into_iter().filter(is_told).collect(), Bytes::from(body))
}

impl TimeSource for Wall {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(self.now_ms()).unwrap())
    }
}

impl lambdo::engine::Clock for Wall {
    fn now(&self) -> String {
        jiff::Timestamp::from_second(self.now_ms() / 1_000).unwrap().to_string()
    }
}

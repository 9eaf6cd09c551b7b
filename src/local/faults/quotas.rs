//! AWS's request quotas, and the buckets that keep them.

use super::facts::Facts;
use super::operations::Verb;

/// A quota: its name and how many requests a second it lets through, with a second's worth at once.
///
/// Sources: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>,
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html>,
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html>,
/// <https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html>. IAM publishes none; its are guesses.
pub(super) fn quota_of(facts: &Facts) -> Option<(&'static str, f64)> {
    Some(match (facts.service.as_str(), facts.operation.as_str()) {
        ("lambda", "Invoke") | ("events", "PutEvents") => return None,
        ("lambda", "GetFunction") => ("lambda GetFunction", 100.0),
        ("lambda", "GetPolicy") => ("lambda GetPolicy", 15.0),
        ("lambda", _) => ("lambda", 15.0),
        ("logs", "PutRetentionPolicy") => ("logs PutRetentionPolicy", 5.0),
        ("logs", "DeleteRetentionPolicy") => ("logs DeleteRetentionPolicy", 5.0),
        ("logs", "TagResource") => ("logs TagResource", 5.0),
        ("logs", "UntagResource") => ("logs UntagResource", 5.0),
        ("logs", "ListTagsForResource") => ("logs ListTagsForResource", 5.0),
        ("logs", "AssociateKmsKey") => ("logs AssociateKmsKey", 5.0),
        ("logs", "CreateLogGroup") => ("logs CreateLogGroup", 10.0),
        ("logs", "DeleteLogGroup") => ("logs DeleteLogGroup", 10.0),
        ("logs", "DescribeLogGroups") => ("logs DescribeLogGroups", 10.0),
        ("events", _) => ("events", 50.0),
        ("iam", _) if facts.verb() == Verb::Read => ("iam reads", 10.0),
        ("iam", _) => ("iam writes", 5.0),
        ("ecr", "PutImage") => ("ecr PutImage", 10.0),
        _ => return None,
    })
}

/// What is left of a quota.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Tokens {
    left: f64,
    at_ms: i64,
}

impl Tokens {
    pub fn full(rate: f64, now_ms: i64) -> Self {
        Self { left: rate.max(1.0), at_ms: now_ms }
    }

    /// Takes one, if there is one.
    pub fn take(&mut self, rate: f64, now_ms: i64) -> bool {
        let passed_ms = u32::try_from((now_ms - self.at_ms).clamp(0, 60_000)).unwrap_or_default();
        self.left = (self.left + f64::from(passed_ms) / 1_000.0 * rate).min(rate.max(1.0));
        self.at_ms = now_ms;
        let is_there = self.left >= 1.0;
        self.left -= f64::from(u8::from(is_there));
        is_there
    }
}

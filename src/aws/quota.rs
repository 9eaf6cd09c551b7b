//! AWS's request quotas, kept on this side: one token bucket per quota.
//!
//! Rates: AWS's quota pages for Lambda, CloudWatch Logs and EventBridge. IAM and STS publish none;
//! theirs are first guesses that rise as long as AWS does not complain.

use super::bucket::Bucket;
use super::budget::Budget;
use super::locked;
use super::meter::Cause;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

/// The share of a published rate that is used: others use the account too.
pub(super) const SHARE: f64 = 0.9;

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
    /// The endpoints that were called, and whether they have complained of too many calls.
    strict: Mutex<BTreeMap<String, Arc<AtomicBool>>>,
    moved: Arc<Notify>,
    /// What this process allows itself, whatever AWS allows.
    pub(super) budget: Option<Budget>,
}

impl Quotas {
    /// No bucket yet: they are made as calls come.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same for a process that sends no more than so many calls a minute to each service.
    pub fn with_budget(calls_per_minute: usize) -> Self {
        Self { budget: Some(Budget::new(calls_per_minute)), ..Self::default() }
    }

    /// The bucket that a call of `operation`, such as `lambda:GetFunction`, takes its token from.
    pub(super) fn bucket(&self, scope: &Scope, operation: &str) -> Arc<Bucket> {
        let quota = Quota::of(operation);
        let region = if quota.is_global { "global".to_owned() } else { scope.region.clone() };
        let key = (Scope { region, ..scope.clone() }, quota.name);
        let made = || Arc::new(Bucket::new(&quota, self.strictness(scope), Arc::clone(&self.moved)));
        locked(&self.buckets).entry(key).or_insert_with(made).clone()
    }

    /// Whether an endpoint that is not AWS's own keeps quotas, as far as it has shown; `None` for AWS itself.
    fn strictness(&self, scope: &Scope) -> Option<Arc<AtomicBool>> {
        let endpoint = scope.endpoint.as_deref().filter(|endpoint| !is_aws(endpoint))?;
        Some(locked(&self.strict).entry(endpoint.to_owned()).or_default().clone())
    }

    /// Tells when a call that waited for its token has got it.
    pub(super) fn moved(&self) -> &Notify {
        &self.moved
    }
}

/// The name of the quota that an operation such as `lambda:GetFunction` counts against.
pub fn quota_of(operation: &str) -> &'static str {
    Quota::of(operation).name
}

/// Whether an endpoint is one of AWS's own, such as an interface endpoint of a VPC: its quotas hold there.
pub(super) fn is_aws(endpoint: &str) -> bool {
    let rest = endpoint.split_once("://").map_or(endpoint, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or(rest);
    let host = authority.split(':').next().unwrap_or(authority);
    ["amazonaws.com", "amazonaws.com.cn", "amazonaws.eu", "api.aws"].iter().any(|domain| host.ends_with(&format!(".{domain}")))
}

/// What is known about one of AWS's quotas.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Quota {
    pub(super) name: &'static str,
    /// Calls per second, as published or guessed.
    pub(super) rate: f64,
    /// Whether AWS publishes it and raises it for nobody; else it is found out.
    pub(super) is_fixed: bool,
    /// How many calls may go at once; one second's worth where absent.
    burst: Option<f64>,
    is_global: bool,
}

impl Quota {
    /// A quota that AWS publishes.
    const fn published(name: &'static str, rate: f64) -> Self {
        Self { name, rate, is_fixed: true, burst: None, is_global: false }
    }

    /// A quota that AWS publishes and raises for who asks.
    const fn raisable(name: &'static str, rate: f64) -> Self {
        Self { is_fixed: false, ..Self::published(name, rate) }
    }

    /// A quota that AWS does not publish, per account.
    const fn guessed(name: &'static str, rate: f64, burst: f64) -> Self {
        Self { name, rate, is_fixed: false, burst: Some(burst), is_global: true }
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
            // <https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html>
            ("ecr", "GetAuthorizationToken") => Self::raisable("ecr:GetAuthorizationToken", 500.0),
            ("ecr", "BatchCheckLayerAvailability") => Self::raisable("ecr:BatchCheckLayerAvailability", 1_000.0),
            ("ecr", "UploadLayerPart") => Self::raisable("ecr:UploadLayerPart", 100.0),
            ("ecr", "PutImage") => Self::raisable("ecr:PutImage", 10.0),
            ("ecr", _) => Self::raisable("ecr", 10.0),
            // 3,500 writes a second and prefix. <https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html>
            ("s3", _) => Self::raisable("s3", 1_000.0),
            // <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/WhatIsCloudTrail-Limits.html>
            ("cloudtrail", _) => Self::published("cloudtrail:LookupEvents", 2.0),
            // <https://docs.aws.amazon.com/general/latest/gr/sns.html>
            ("sns", _) => Self::raisable("sns", 300.0),
            ("sts", _) => Self { is_global: false, ..Self::guessed("sts", 100.0, 100.0) },
            _ => Self::raisable("events", 50.0),
        }
    }

    fn of_logs(operation: &str) -> Self {
        match operation {
            "CreateLogGroup" => Self::raisable("logs:CreateLogGroup", 10.0),
            "DeleteLogGroup" => Self::raisable("logs:DeleteLogGroup", 10.0),
            "DescribeLogGroups" => Self::raisable("logs:DescribeLogGroups", 10.0),
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

    /// A wait for it.
    pub(super) fn cause(&self) -> Cause {
        Cause::Quota { bucket: self.name, text: self.text() }
    }

    /// Such as `AWS's quota of 15 Lambda calls a second`.
    fn text(&self) -> String {
        let calls = match self.name {
            "lambda" => "Lambda calls",
            "events" => "EventBridge calls",
            "ecr" => "ECR calls",
            "logs" => "CloudWatch Logs calls",
            "s3" => "S3 calls",
            "sns" => "SNS calls",
            "iam:read" => return "the pace at which IAM answers reads".to_owned(),
            "iam:write" => return "the pace at which IAM takes changes".to_owned(),
            "sts" => return "the pace at which STS answers".to_owned(),
            name => return format!("AWS's quota of {} {} calls a second", self.rate, name.rsplit(':').next().unwrap_or(name)),
        };
        format!("AWS's quota of {} {calls} a second", self.rate)
    }

    /// Whether AWS says how large it is.
    pub(super) fn is_published(&self) -> bool {
        self.burst.is_none()
    }

    /// The rate that it starts with, in calls per second.
    pub(super) fn start(&self) -> f64 {
        if self.is_published() { self.rate * SHARE } else { self.rate }
    }

    /// How many calls may go at once.
    pub(super) fn burst(&self, rate: f64) -> f64 {
        self.burst.unwrap_or_else(|| rate.max(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(endpoint: Option<&str>) -> Scope {
        Scope { account: "123456789012".into(), region: "eu-central-1".into(), endpoint: endpoint.map(Into::into) }
    }

    #[test]
    fn iam_is_shared_by_regions_and_lambda_is_not() {
        let quotas = Quotas::new();
        let other = Scope { region: "us-east-1".into(), ..scope(None) };
        assert!(Arc::ptr_eq(&quotas.bucket(&scope(None), "iam:CreateRole"), &quotas.bucket(&other, "iam:PutRolePolicy")));
        assert!(!Arc::ptr_eq(&quotas.bucket(&scope(None), "iam:CreateRole"), &quotas.bucket(&other, "iam:GetRole")));
        assert!(!Arc::ptr_eq(&quotas.bucket(&scope(None), "lambda:GetPolicy"), &quotas.bucket(&other, "lambda:GetPolicy")));
    }

    #[test]
    fn what_answers_under_a_name_of_awss_keeps_awss_quotas() {
        let quotas = Quotas::new();
        for (endpoint, is_other) in [
            ("http://127.0.0.1:4566", true),
            ("https://amazonaws.com.example.org", true),
            ("https://vpce-1-2.lambda.eu-central-1.vpce.amazonaws.com", false),
            ("https://lambda.eu-central-1.amazonaws.com:443/x", false),
        ] {
            assert_eq!(quotas.strictness(&scope(Some(endpoint))).is_some(), is_other, "{endpoint}");
        }
        assert!(quotas.strictness(&scope(None)).is_none());
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

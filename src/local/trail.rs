//! CloudTrail: who changed what, as far as this process has seen it.

use super::common::Call;
use super::error::ApiError;
use super::faults::Facts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// So many changes are remembered; CloudTrail remembers those of 90 days.
const REMEMBERED: usize = 1_000;
/// The most on one page. <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html>
const PAGE: usize = 50;
/// Where what IAM does is written down.
const HOME_OF_IAM: &str = "us-east-1";

/// The changes, the youngest first.
#[derive(Default)]
pub struct Trail(Mutex<VecDeque<Change>>);

struct Change {
    time_ms: i64,
    region: String,
    service: String,
    operation: String,
    resource: String,
    user: String,
    agent: String,
}

impl Trail {
    /// Remembers a request that went through, if it changed something that it names.
    pub fn note(&self, parts: &Parts, body: &[u8], now_ms: i64) {
        // Of what Lambda gets the path says enough, and a package is large.
        let is_lambda = super::signature::Scope::of(&parts.headers).is_some_and(|scope| scope.service == "lambda");
        let facts = Facts::of(parts, if is_lambda { b"" } else { body });
        if facts.resource.is_empty() || facts.is_read() {
            return;
        }
        let region = if facts.service == "iam" { HOME_OF_IAM.to_owned() } else { facts.region };
        let user = header(&parts.headers, "authorization").split_once("Credential=").and_then(|(_, rest)| rest.split('/').next());
        let change = Change {
            time_ms: now_ms,
            region,
            service: facts.service,
            operation: facts.operation,
            resource: facts.resource,
            user: user.unwrap_or_default().to_owned(),
            agent: header(&parts.headers, "user-agent").to_owned(),
        };
        let mut changes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        changes.push_front(change);
        changes.truncate(REMEMBERED);
    }

    /// Answers a call.
    ///
    /// # Errors
    /// What is no lookup by a resource's name.
    pub fn call(&self, call: &Call, account: &str, operation: &str, input: &Value) -> Result<Value, ApiError> {
        if operation != "LookupEvents" {
            let message = format!("The local cloud does not know the operation {operation} of CloudTrail");
            return Err(ApiError::new(400, "UnknownOperationException", message));
        }
        let attribute = &input["LookupAttributes"][0];
        if attribute["AttributeKey"].as_str() != Some("ResourceName") {
            let message = "The local cloud looks events up by ResourceName only";
            return Err(ApiError::new(400, "InvalidLookupAttributesException", message));
        }
        let name = attribute["AttributeValue"].as_str().unwrap_or_default();
        let changes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = changes.iter().filter(|change| change.region == call.region && change.resource == name);
        Ok(json!({ "Events": found.take(PAGE).map(|change| change.shown(account)).collect::<Vec<_>>() }))
    }
}

impl Change {
    fn shown(&self, account: &str) -> Value {
        let detail = json!({
            "userIdentity": { "arn": format!("arn:aws:iam::{account}:user/{}", self.user) },
            "userAgent": self.agent, "readOnly": false, "eventName": self.operation,
        });
        json!({
            "EventName": self.operation, "ReadOnly": "false", "Username": self.user,
            "EventSource": format!("{}.amazonaws.com", self.service), "EventTime": self.time_ms / 1_000,
            "Resources": [{ "ResourceName": self.resource }], "CloudTrailEvent": detail.to_string(),
        })
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

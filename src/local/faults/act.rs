//! Where requests enter and answers leave: what was decided is done.

use super::answers::{self, AFTER_THE_EMPTY_PAGE, deleting, rewritten};
use super::decide::{Instead, Refusal, Then, Verdict};
use super::facts::Facts;
use super::memory::Change;
use super::operations::Verb;
use super::refusals;
use crate::local::cloud::Cloud;
use crate::local::error::ApiError;
use crate::local::server::{pass, read, refused};
use crate::local::wire::query;
use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use futures::stream;
use serde_json::Value;
use std::io;
use std::sync::Arc;

/// The largest answer that is looked into: policies, configurations and lists.
const LARGEST_ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// Answers a request as the plan has it.
pub async fn answer(cloud: &Arc<Cloud>, parts: Parts, body: Body) -> Response {
    Acting { cloud }.answer(parts, body).await
}

struct Acting<'a> {
    cloud: &'a Arc<Cloud>,
}

impl Acting<'_> {
    async fn answer(&self, parts: Parts, body: Body) -> Response {
        self.bring_back_groups().await;
        if !Facts::need_body(&parts) {
            let facts = Facts::of(&parts, &[]);
            let verdict = self.enter(&facts).await;
            return self.carried_out(parts, body, &facts, verdict, &Bytes::new()).await;
        }
        let bytes = match read(body).await {
            Ok(bytes) => bytes,
            Err(error) => return refused(&Facts::of(&parts, &[]).service, &error),
        };
        let facts = Facts::of(&parts, &bytes);
        let verdict = self.enter(&facts).await;
        let (parts, bytes) = behind_the_empty_page(&facts, parts, bytes);
        self.carried_out(parts, Body::from(bytes.clone()), &facts, verdict, &bytes).await
    }

    async fn enter(&self, facts: &Facts) -> Verdict {
        let verdict = self.cloud.faults.enter(facts, self.now_ms());
        if verdict.delay_ms > 0 {
            self.cloud.common.clock.sleep_until(self.now_ms() + verdict.delay_ms).await;
        }
        verdict
    }

    /// `bytes` is the body once more, where it was read.
    async fn carried_out(&self, parts: Parts, body: Body, facts: &Facts, verdict: Verdict, bytes: &Bytes) -> Response {
        match verdict.instead {
            Some(Instead::Cut) => return cut(),
            Some(Instead::Refuse(refusal)) => return self.refusal(facts, refusal),
            Some(Instead::EmptyPage) => return page(facts),
            Some(Instead::Ghost(shown)) => return in_json(&deleting(&shown).to_string()),
            Some(Instead::FailEntry { code }) => return self.with_failed_entry(parts, facts, bytes, &code).await,
            None => {}
        }
        let ghost = if facts.operation == "DeleteFunction" { self.shown(&parts).await } else { None };
        let existed = facts.operation != "PutRule" || self.has_rule(&parts, facts).await;
        let request = (parts.clone(), bytes.clone());
        let response = pass(self.cloud, parts, body).await;
        if response.status().is_success() {
            self.remember(facts, existed, ghost);
        }
        self.afterwards(facts, verdict.then, response, request).await
    }

    fn remember(&self, facts: &Facts, existed: bool, ghost: Option<Value>) {
        let is_lambda = facts.service == "lambda";
        let change = match facts.verb() {
            Verb::Create => Change::Made,
            Verb::Change if !existed => Change::Made,
            // Only these two put a function into a state in which it takes no other change.
            Verb::Change if is_lambda && !matches!(facts.operation.as_str(), "UpdateFunctionCode" | "UpdateFunctionConfiguration") => {
                return;
            }
            Verb::Change => Change::Changed,
            Verb::Delete => Change::Deleted(ghost),
            Verb::Read => return,
        };
        self.cloud.faults.remember(facts, change, self.now_ms());
    }

    /// What becomes of the answer.
    async fn afterwards(&self, facts: &Facts, then: Vec<Then>, mut response: Response, request: (Parts, Bytes)) -> Response {
        for then in then {
            match then {
                Then::Lose => return cut(),
                Then::Undo { hold_ms } => self.undo_if_not_alone(facts, hold_ms, &request).await,
                Then::Return { after_ms } if response.status().is_success() => {
                    let at_ms = self.now_ms() + after_ms;
                    self.cloud.faults.with(|played| played.memory.let_return(at_ms, &facts.region, &facts.resource));
                }
                Then::Return { .. } => {}
                then if response.status().is_success() => response = with_body(response, |body| rewritten(facts, &then, body)).await,
                _ => {}
            }
        }
        response
    }

    /// Of changes of a policy that are under way at the same time, all but the first are lost, though all were told to have
    /// gone through.
    async fn undo_if_not_alone(&self, facts: &Facts, hold_ms: i64, (parts, body): &(Parts, Bytes)) {
        let name = facts.resource.clone();
        let is_first = self.cloud.faults.with(|played| played.memory.begin_statement(&name)).unwrap_or(true);
        self.cloud.common.clock.sleep_until(self.now_ms() + hold_ms).await;
        self.cloud.faults.with(|played| played.memory.end_statement(&name));
        let added = serde_json::from_slice::<Value>(body).ok().and_then(|body| Some(body.get("StatementId")?.as_str()?.to_owned()));
        if let (false, Some(statement)) = (is_first, added) {
            let mut parts = parts.clone();
            parts.method = Method::DELETE;
            let path = format!("{}/{statement}", parts.uri.path());
            if let Ok(uri) = path.parse() {
                parts.uri = uri;
                drop(pass(self.cloud, parts, Body::empty()).await);
            }
        }
    }

    async fn bring_back_groups(&self) {
        let now_ms = self.now_ms();
        let groups = self.cloud.faults.with(|played| played.memory.returned(now_ms)).unwrap_or_default();
        for (region, group) in groups {
            // It may be there again already, made by somebody else.
            self.cloud.logs.create_group_quietly(&region, &group);
        }
    }

    /// What GetFunction says of the function that a request is about.
    async fn shown(&self, parts: &Parts) -> Option<Value> {
        let mut parts = parts.clone();
        parts.method = Method::GET;
        let response = pass(self.cloud, parts, Body::empty()).await;
        let body = axum::body::to_bytes(response.into_body(), LARGEST_ANSWER_BYTES).await.ok()?;
        serde_json::from_slice(&body).ok()
    }

    async fn has_rule(&self, parts: &Parts, facts: &Facts) -> bool {
        let mut parts = parts.clone();
        parts.headers.insert("x-amz-target", HeaderValue::from_static("AWSEvents.DescribeRule"));
        let body = serde_json::json!({ "Name": facts.resource }).to_string();
        pass(self.cloud, parts, Body::from(body)).await.status().is_success()
    }

    async fn with_failed_entry(&self, parts: Parts, facts: &Facts, body: &Bytes, code: &str) -> Response {
        let (id, rest) = answers::without_first_entry(&facts.operation, body);
        if let Some(rest) = rest {
            let response = pass(self.cloud, parts, Body::from(rest)).await;
            if !response.status().is_success() {
                return response;
            }
        }
        in_json(&answers::failed_entry(&id.unwrap_or_default(), code))
    }

    fn refusal(&self, facts: &Facts, refusal: Refusal) -> Response {
        let account = &self.cloud.common.account;
        let error = match refusal {
            Refusal::Any { status, code, message, retry_after_seconds } => {
                let mut error = ApiError::new(status, code, message.unwrap_or_else(|| "Refused by the fault plan.".to_owned()));
                error.headers.extend(retry_after_seconds.map(|seconds| ("retry-after", seconds.to_string())));
                error
            }
            Refusal::Throttled { retry_after_seconds } => refusals::throttled(facts, retry_after_seconds),
            Refusal::Expired => refusals::expired(facts),
            Refusal::Denied => refusals::denied(facts, account),
            Refusal::Unavailable => refusals::unavailable(facts),
            Refusal::Skewed { by_ms } => return self.skewed(facts, by_ms),
            Refusal::Conflict => refusals::conflict(facts, account),
            Refusal::InState(state) => refusals::in_state(state),
            Refusal::NotSeen => refusals::not_seen(facts, account),
            Refusal::NotAssumable => refusals::not_assumable(),
            Refusal::DeleteConflict => refusals::delete_conflict(),
            Refusal::Protected => refusals::protected(),
            Refusal::Full => refusals::full(facts),
        };
        refused(&facts.service, &error)
    }

    /// The answer's own time is that of the service's clock.
    fn skewed(&self, facts: &Facts, by_ms: i64) -> Response {
        let mut response = refused(&facts.service, &refusals::skewed(facts));
        let there = jiff::Timestamp::from_millisecond(self.now_ms() + by_ms).unwrap_or_default();
        let text = there.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        if let Ok(value) = HeaderValue::from_str(&text) {
            response.headers_mut().insert(header::DATE, value);
        }
        response
    }

    fn now_ms(&self) -> i64 {
        self.cloud.common.clock.now_ms()
    }
}

/// The request for the page behind the empty one asks for the first.
fn behind_the_empty_page(facts: &Facts, mut parts: Parts, body: Bytes) -> (Parts, Bytes) {
    if facts.page.as_deref() != Some(AFTER_THE_EMPTY_PAGE) {
        return (parts, body);
    }
    if facts.service == "lambda" {
        if let Ok(uri) = parts.uri.path().parse() {
            parts.uri = uri;
        }
        return (parts, body);
    }
    let body = answers::without_token(facts, &body);
    // Its length is another one now, and nobody looks at it again.
    parts.headers.remove(header::CONTENT_LENGTH);
    (parts, body.into())
}

fn page(facts: &Facts) -> Response {
    let body = answers::empty_page(facts);
    if facts.service != "iam" {
        return in_json(&body);
    }
    let inside = crate::local::wire::xml::Xml::verbatim(body);
    let text = query::answer(&facts.operation, crate::local::iam::NAMESPACE, &inside, "");
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    response
}

fn in_json(body: &str) -> Response {
    let mut response = Response::new(Body::from(body.to_owned()));
    *response.status_mut() = StatusCode::OK;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.1"));
    response
}

/// A connection that ends without an answer: a body that fails before its first byte takes the head with it. Of an answer to
/// HEAD nobody asks for the body, so that its head must not say that all is well.
fn cut() -> Response {
    let broken = stream::once(async { Err::<Bytes, _>(io::Error::new(io::ErrorKind::ConnectionReset, "the connection is cut")) });
    let mut response = Response::new(Body::from_stream(broken));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response
}

async fn with_body(response: Response, change: impl FnOnce(&str) -> String) -> Response {
    let (mut parts, body) = response.into_parts();
    let Ok(body) = axum::body::to_bytes(body, LARGEST_ANSWER_BYTES).await else { return cut() };
    forget_length(&mut parts.headers);
    match std::str::from_utf8(&body) {
        Ok(text) => Response::from_parts(parts, Body::from(change(text))),
        Err(_) => Response::from_parts(parts, Body::from(body)),
    }
}

fn forget_length(headers: &mut HeaderMap) {
    headers.remove(header::CONTENT_LENGTH);
}

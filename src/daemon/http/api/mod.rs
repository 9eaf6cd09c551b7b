//! The JSON API: everything that the page shows, for programs. What it answers is written down in `schemas/openapi.json`, which is
//! also what it serves at `/api/openapi.json`.

mod ask;
mod document;

use super::Site;
use super::refusal::Refusal;
use crate::daemon::{MOMENTS_KEPT, Refused, View, WakeUp};
use ask::{Question, approval, since};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{FromRequestParts, Path, RawQuery, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use document::{Accepted, Detail, Drift, History, Lines, Resources, Summary, answer, not_read};
use std::sync::Arc;

/// What the API is, for programs that make clients of it.
const OPENAPI: &str = include_str!("../../../../schemas/openapi.json");
/// So many moments of a history are answered with where nobody says how many.
const MOMENTS: usize = 100;

/// What a handler answers with.
type Answer = Result<Response, Refusal>;

/// What it answers.
pub(super) fn routes() -> Router<Arc<Site>> {
    addresses().into_iter().fold(Router::new(), |router, (address, method)| router.route(address, method))
}

/// Every address, as it stands in the OpenAPI document, too.
fn addresses() -> Vec<(&'static str, MethodRouter<Arc<Site>>)> {
    vec![
        ("/api/openapi.json", get(async || ([(header::CONTENT_TYPE, "application/json")], OPENAPI))),
        ("/api/v1/check", post(check_all)),
        ("/api/v1/specs", get(specs)),
        ("/api/v1/specs/{id}", get(spec)),
        ("/api/v1/specs/{id}/calls", get(calls)),
        ("/api/v1/specs/{id}/channels", get(channels)),
        ("/api/v1/specs/{id}/check", post(check)),
        ("/api/v1/specs/{id}/drift", get(drift)),
        ("/api/v1/specs/{id}/history", get(history)),
        ("/api/v1/specs/{id}/log-groups", get(log_groups)),
        ("/api/v1/specs/{id}/logs", get(logs)),
        ("/api/v1/specs/{id}/plan", get(plan)),
        ("/api/v1/specs/{id}/plan/apply", post(apply)),
        ("/api/v1/specs/{id}/resources", get(resources)),
        ("/healthz", get(async || "ok\n")),
        ("/readyz", get(ready)),
    ]
}

/// The spec that an address names.
struct Spec(Arc<View>);

impl FromRequestParts<Arc<Site>> for Spec {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Self, Refusal> {
        let unknown = || Refusal::from(Refused::Unknown);
        // What is no text names no spec, either.
        let Path(id) = Path::<String>::from_request_parts(parts, site).await.map_err(|_| unknown())?;
        site.control.board.get(&id).map(Self).ok_or_else(unknown)
    }
}

/// An address that takes no query.
struct NoQuery;

impl FromRequestParts<Arc<Site>> for NoQuery {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Site>) -> Result<Self, Refusal> {
        Question::read(parts.uri.query(), &[]).map(|_| Self)
    }
}

async fn specs(State(site): State<Arc<Site>>, _: NoQuery) -> Answer {
    let views = site.control.board.all();
    Ok(answer("specs", &views.iter().map(|view| Summary::of(view)).collect::<Vec<_>>()))
}

async fn spec(Spec(view): Spec, _: NoQuery) -> Answer {
    Ok(answer("spec", &Detail::of(&view)))
}

async fn resources(Spec(view): Spec, _: NoQuery) -> Answer {
    Ok(answer("resources", &Resources::of(&view)))
}

async fn drift(Spec(view): Spec, _: NoQuery) -> Answer {
    Ok(answer("drift", &Drift::of(&view)))
}

async fn calls(Spec(view): Spec, _: NoQuery) -> Answer {
    Ok(answer("calls", &view.calls))
}

async fn channels(State(site): State<Arc<Site>>, Spec(view): Spec, _: NoQuery) -> Answer {
    Ok(answer("channels", &site.listener.health(&view.id)))
}

async fn log_groups(Spec(view): Spec, _: NoQuery) -> Answer {
    let none =
        || Refusal::new(404, "no_audit", "The log groups were not looked at.").hint("`[daemon.log_groups]` of the spec says when they are");
    Ok(answer("log_groups", view.log_groups.as_ref().ok_or_else(none)?))
}

async fn history(Spec(view): Spec, RawQuery(query): RawQuery) -> Answer {
    let question = Question::read(query.as_deref(), &["limit", "before"])?;
    let (limit, before) = (question.limit(MOMENTS_KEPT)?.unwrap_or(MOMENTS), question.moment("before")?);
    Ok(answer("history", &History::of(&view, limit, before)))
}

async fn plan(Spec(view): Spec, _: NoQuery) -> Answer {
    let none = || Refusal::new(404, "no_plan", "No plan waits.").hint("a plan is kept ready with `[daemon] mode = \"propose\"`");
    Ok(answer("plan", view.proposal.as_ref().ok_or_else(none)?))
}

async fn logs(State(site): State<Arc<Site>>, Spec(view): Spec, RawQuery(query): RawQuery) -> Answer {
    let question = Question::read(query.as_deref(), &["function", "since"])?;
    let function = question.get("function").ok_or_else(|| Refusal::new(400, "bad_query", "`function` is missing."))?;
    let since = since(question.get("since"))?;
    if !view.resources.iter().any(|resource| resource.address.kind == "function" && resource.address.name == function) {
        return Err(Refusal::not_found("No function of this name is deployed."));
    }
    let lines = site.control.logs(&view.id, function, since).await.ok_or(Refused::Unknown)?.map_err(|trouble| not_read(&trouble))?;
    Ok(answer("logs", &Lines { function, lines: &lines }))
}

async fn check(State(site): State<Arc<Site>>, Spec(view): Spec, _: NoQuery) -> Answer {
    site.control.check(&view.id)?;
    Ok(accepted("check"))
}

async fn check_all(State(site): State<Arc<Site>>, _: NoQuery) -> Answer {
    site.control.check_all(WakeUp::Request);
    Ok(accepted("check"))
}

async fn apply(State(site): State<Arc<Site>>, Spec(view): Spec, _: NoQuery, body: Bytes) -> Answer {
    site.control.approve(&view.id, &approval(&body)?)?;
    Ok(accepted("apply"))
}

/// It was asked for; what came of it is told by the spec.
fn accepted(asked: &'static str) -> Response {
    (StatusCode::ACCEPTED, answer("accepted", &Accepted { asked })).into_response()
}

async fn ready(State(site): State<Arc<Site>>) -> Answer {
    let wait = || Refusal::new(503, "not_ready", "Not every spec was looked at yet.");
    if site.control.is_ready() { Ok("ready\n".into_response()) } else { Err(wait()) }
}

#[cfg(test)]
mod tests;

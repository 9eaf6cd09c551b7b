//! What the API answers with: parts of what is on the board, each under its name and with the version of their form.

use crate::daemon::http::refusal::Refusal;
use crate::daemon::{
    Attempt, Calls, FindingState, LogLine, Moment, Resource, Standing, Totals, Trouble, TroubleKind, Undone, Unread, View,
};
use crate::model::Mode;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value as Json};

/// The version of all documents.
const VERSION: u32 = 1;

/// A document with `content` under its name.
pub fn answer(name: &str, content: &impl Serialize) -> Response {
    let content = match serde_json::to_value(content) {
        Ok(content) => content,
        Err(_) => return Refusal::new(500, "not_shown", "This cannot be shown.").into_response(),
    };
    let document = Map::from_iter([("version".to_owned(), Json::from(VERSION)), (name.to_owned(), content)]);
    ([(header::CONTENT_TYPE, "application/json")], Json::Object(document).to_string()).into_response()
}

/// A spec at a glance.
#[derive(Serialize)]
pub struct Summary<'a> {
    id: &'a str,
    project: &'a str,
    stage: Option<&'a str>,
    config: &'a str,
    account: &'a str,
    region: &'a str,
    serial: u64,
    standing: Standing,
    mode: Mode,
    frozen: Option<&'a str>,
    schedule: &'a str,
    next_check: Option<Timestamp>,
    activity: Option<&'a str>,
    last_check: Option<&'a Attempt>,
    last_success: Option<Timestamp>,
    trouble: Option<&'a Trouble>,
    trouble_since: Option<Timestamp>,
    spec_trouble: Option<&'a Trouble>,
    history_trouble: Option<&'a str>,
    undone: &'a [Undone],
    /// How many findings are open.
    drifted: usize,
    /// How many of them are contested.
    contested: usize,
    pending: Option<usize>,
    /// How many settings could not be read.
    unread: usize,
    left_out: usize,
    /// How many resources there are.
    resources: usize,
    /// The plan that waits, by its id.
    plan: Option<&'a str>,
}

impl<'a> Summary<'a> {
    /// Of one spec.
    pub fn of(view: &'a View) -> Self {
        Self {
            id: &view.id,
            project: &view.project,
            stage: view.stage.as_deref(),
            config: &view.config,
            account: &view.account,
            region: &view.region,
            serial: view.serial,
            standing: view.standing,
            mode: view.mode,
            frozen: view.frozen.as_deref(),
            schedule: &view.schedule,
            next_check: view.next_check,
            activity: view.activity.as_deref(),
            last_check: view.last_check.as_ref(),
            last_success: view.last_success,
            trouble: view.trouble.as_ref(),
            trouble_since: view.trouble_since,
            spec_trouble: view.spec_trouble.as_ref(),
            history_trouble: view.history_trouble.as_deref(),
            undone: &view.undone,
            drifted: view.findings.len(),
            contested: view.findings.iter().filter(|state| state.contested.is_some()).count(),
            pending: view.pending,
            unread: view.unread.len(),
            left_out: view.left_out,
            resources: view.resources.len(),
            plan: view.proposal.as_ref().map(|proposal| proposal.id.as_str()),
        }
    }
}

/// A spec with what is done for it; what is long has an address of its own.
#[derive(Serialize)]
pub struct Detail<'a> {
    #[serde(flatten)]
    summary: Summary<'a>,
    totals: &'a Totals,
    warnings: &'a [String],
    calls_total: u64,
    calls_throttled: u64,
}

impl<'a> Detail<'a> {
    /// Of one spec.
    pub fn of(view: &'a View) -> Self {
        let Calls { total, throttled, .. } = view.calls;
        Self { summary: Summary::of(view), totals: &view.totals, warnings: &view.warnings, calls_total: total, calls_throttled: throttled }
    }
}

/// A resource, and whether anything about it differs.
#[derive(Serialize)]
pub struct Resources<'a> {
    #[serde(flatten)]
    resource: &'a Resource,
    drifted: usize,
}

impl<'a> Resources<'a> {
    /// All of a spec.
    pub fn of(view: &'a View) -> Vec<Self> {
        view.resources.iter().map(|resource| Self { resource, drifted: view.findings_of(&resource.address).count() }).collect()
    }
}

/// What differs, what is not applied yet, and what is not known: never mixed.
#[derive(Serialize)]
pub struct Drift<'a> {
    /// As of this check.
    last_check: Option<&'a Attempt>,
    findings: &'a [FindingState],
    pending: Option<usize>,
    unread: &'a [Unread],
    left_out: usize,
}

impl<'a> Drift<'a> {
    /// Of one spec.
    pub fn of(view: &'a View) -> Self {
        let View { last_check, findings, pending, unread, left_out, .. } = view;
        Self { last_check: last_check.as_ref(), findings, pending: *pending, unread, left_out: *left_out }
    }
}

/// What happened, newest first.
#[derive(Serialize)]
pub struct History<'a> {
    moments: Vec<&'a Moment>,
    /// Whether there are older ones.
    has_more: bool,
}

impl<'a> History<'a> {
    /// So many moments of a spec, from before a time on.
    pub fn of(view: &'a View, limit: usize, before: Option<Timestamp>) -> Self {
        let mut moments: Vec<&Moment> = view.timeline.iter().filter(|moment| before.is_none_or(|before| moment.at < before)).collect();
        let has_more = moments.len() > limit;
        moments.truncate(limit);
        Self { moments, has_more }
    }
}

/// What a function logged, oldest first.
#[derive(Serialize)]
pub struct Lines<'a> {
    /// Which function.
    pub function: &'a str,
    /// Its lines.
    pub lines: &'a [LogLine],
}

/// It was asked for.
#[derive(Serialize)]
pub struct Accepted {
    /// What was: `check` or `apply`.
    pub asked: &'static str,
}

/// Why lines cannot be shown. AWS's own words may name the account, so these are ours.
pub fn not_read(trouble: &Trouble) -> Refusal {
    match trouble.kind {
        TroubleKind::Away => Refusal::new(503, "away", "AWS cannot be reached."),
        TroubleKind::Throttled => Refusal::new(503, "throttled", "AWS takes no more calls for now."),
        TroubleKind::Credentials => Refusal::new(502, "credentials", "The daemon's credentials are missing, wrong or expired."),
        TroubleKind::Denied => Refusal::new(502, "denied", "The daemon may not read this log."),
        _ => Refusal::new(502, "not_read", "The log cannot be read; the daemon's log says why."),
    }
}

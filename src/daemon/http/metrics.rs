//! The metrics in Prometheus' text form.
//!
//! Names and units: <https://prometheus.io/docs/practices/naming/>; the form:
//! <https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>.

use super::Site;
use crate::daemon::notify::Health;
use crate::daemon::{DURATION_LIMITS_MS, FindingKind, Standing, Topic, View};
use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

/// What it answers.
pub(super) fn routes() -> Router<Arc<Site>> {
    Router::new().route("/metrics", get(metrics))
}

async fn metrics(State(site): State<Arc<Site>>) -> Response {
    let views = site.control.board.all();
    let channels: Vec<(&str, Vec<Health>)> = views.iter().map(|view| (view.id.as_str(), site.listener.health(&view.id))).collect();
    let text = text(&views, &channels, site.clock.now());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

/// All metrics, a family after the other.
fn text(views: &[Arc<View>], channels: &[(&str, Vec<Health>)], now: Timestamp) -> String {
    let mut page = Page { text: String::new(), views };
    page.family("lambdo_build_info", "gauge", "Which lambdo this is.");
    page.sample("lambdo_build_info", &[("version", env!("CARGO_PKG_VERSION"))], "1");
    checks(&mut page, now);
    durations(&mut page);
    drift(&mut page);
    calls(&mut page);
    log_groups(&mut page);
    telling(&mut page, channels);
    page.text
}

fn telling(page: &mut Page<'_>, channels: &[(&str, Vec<Health>)]) {
    let mut family = |name, help, value: fn(&Health) -> usize| {
        page.family(name, "gauge", help);
        for (spec, health) in channels.iter().flat_map(|(spec, all)| all.iter().map(move |health| (spec, health))) {
            page.sample(name, &[("spec", spec), ("channel", &health.channel)], &value(health).to_string());
        }
    };
    family("lambdo_notify_waiting", "Messages that wait to be told, by channel.", |health| health.waiting);
    family("lambdo_notify_failing", "1 while the last message could not be told.", |health| usize::from(health.error.is_some()));
}

fn checks(page: &mut Page<'_>, now: Timestamp) {
    page.each("lambdo_checks_total", "counter", "Checks that ended, by how.", |view| {
        let one = |result, count: u64| (vec![("result", result)], count.to_string());
        vec![one("success", view.totals.checks_done), one("failure", view.totals.checks_failed)]
    });
    page.each("lambdo_last_success_timestamp_seconds", "gauge", "When a check last worked, in seconds since 1970.", |view| {
        alone(view.last_success.map(|last| last.as_second()))
    });
    page.each("lambdo_last_success_age_seconds", "gauge", "How long ago a check last worked.", |view| {
        alone(view.last_success.map(|last| now.duration_since(last).as_secs().max(0)))
    });
    page.each("lambdo_next_check_timestamp_seconds", "gauge", "When the next check is due, in seconds since 1970.", |view| {
        alone(view.next_check.map(Timestamp::as_second))
    });
    page.each("lambdo_failing", "gauge", "1 while checks fail.", |view| alone(Some(u8::from(view.trouble.is_some()))));
    page.each("lambdo_spec_broken", "gauge", "1 while the spec on disk is broken.", |view| {
        alone(Some(u8::from(view.spec_trouble.is_some())))
    });
    page.each("lambdo_history_unsaved", "gauge", "1 while the history cannot be written.", |view| {
        alone(Some(u8::from(view.history_trouble.is_some())))
    });
    page.each("lambdo_work_failing", "gauge", "1 while something does not work that is done besides checks, by what.", |view| {
        let is_undone = |topic| view.undone.iter().any(|undone| undone.work == topic);
        Topic::WORK.iter().map(|(topic, word)| (vec![("work", *word)], u8::from(is_undone(*topic)).to_string())).collect()
    });
    page.each("lambdo_standing", "gauge", "1 for what the spec is at a glance, 0 for the others.", |view| {
        STANDINGS.iter().map(|(standing, word)| (vec![("standing", *word)], u8::from(view.standing == *standing).to_string())).collect()
    });
}

/// Everything that a spec can be at a glance.
const STANDINGS: [(Standing, &str); 8] = [
    (Standing::Starting, "starting"),
    (Standing::InOrder, "in_order"),
    (Standing::Pending, "pending"),
    (Standing::Unread, "unread"),
    (Standing::Broken, "broken"),
    (Standing::Drifted, "drifted"),
    (Standing::Contested, "contested"),
    (Standing::Failing, "failing"),
];

/// A histogram is cumulative: each bucket has all that took at most as long.
fn durations(page: &mut Page<'_>) {
    const NAME: &str = "lambdo_check_duration_seconds";
    page.family(NAME, "histogram", "How long checks took.");
    for view in page.views {
        let durations = &view.totals.durations;
        let mut count = 0;
        for (place, of_bucket) in durations.counts.iter().enumerate() {
            count += of_bucket;
            let limit = DURATION_LIMITS_MS.get(place).map_or_else(|| "+Inf".to_owned(), |limit| seconds(*limit));
            page.sample(&format!("{NAME}_bucket"), &[("spec", &view.id), ("le", &limit)], &count.to_string());
        }
        page.sample(&format!("{NAME}_sum"), &[("spec", &view.id)], &seconds(durations.total_ms));
        page.sample(&format!("{NAME}_count"), &[("spec", &view.id)], &count.to_string());
    }
}

fn drift(page: &mut Page<'_>) {
    const KINDS: [(FindingKind, &str); 4] = [
        (FindingKind::Changed, "changed"),
        (FindingKind::Missing, "missing"),
        (FindingKind::Foreign, "foreign"),
        (FindingKind::Undeclared, "undeclared"),
    ];
    page.each("lambdo_drift_open", "gauge", "What differs from what was applied, by kind.", |view| {
        let count = |kind| view.findings.iter().filter(|state| state.finding.kind == kind).count();
        KINDS.iter().map(|(kind, word)| (vec![("kind", *word)], count(*kind).to_string())).collect()
    });
    page.each("lambdo_drift_contested", "gauge", "What differs since somebody else wants it otherwise.", |view| {
        alone(Some(view.findings.iter().filter(|state| state.contested.is_some()).count()))
    });
    page.each("lambdo_pending", "gauge", "Resources that the spec wants otherwise than they were applied.", |view| alone(view.pending));
    page.each("lambdo_unread", "gauge", "Settings that could not be read.", |view| alone(Some(view.unread.len())));
    page.each("lambdo_resources", "gauge", "Resources that the state knows.", |view| alone(Some(view.resources.len())));
    page.each("lambdo_plan_waiting", "gauge", "1 while a plan waits for a person.", |view| alone(Some(u8::from(view.proposal.is_some()))));
    page.each("lambdo_drift_total", "counter", "What happened to differences, by what.", |view| {
        let one = |what, count: u64| (vec![("event", what)], count.to_string());
        let totals = &view.totals;
        vec![one("opened", totals.opened), one("resolved", totals.resolved), one("healed", totals.healed)]
    });
    page.each("lambdo_plans_applied_total", "counter", "Plans that a person applied.", |view| alone(Some(view.totals.applied)));
}

/// What was asked of a service of AWS.
#[derive(Default)]
struct Service {
    calls: u64,
    failed: u64,
    requests: u64,
    throttled: u64,
    elapsed_ms: u64,
}

/// By the services' names: operations are called `service:Operation`.
fn services(view: &View) -> BTreeMap<&str, Service> {
    let mut services: BTreeMap<&str, Service> = BTreeMap::new();
    for (operation, count) in &view.calls.operations {
        let service = services.entry(operation.split(':').next().unwrap_or_default()).or_default();
        service.calls += count.sent.saturating_sub(count.retried);
        service.failed += count.failed;
        service.requests += count.sent;
        service.throttled += count.throttled;
        service.elapsed_ms += count.elapsed_ms;
    }
    services
}

fn calls(page: &mut Page<'_>) {
    page.each("lambdo_aws_calls_total", "counter", "Calls of AWS, retries of each counted once, by service and outcome.", |view| {
        let of = |(service, count): (_, Service)| {
            let one = |outcome, number: u64| (vec![("service", service), ("outcome", outcome)], number.to_string());
            [one("success", count.calls.saturating_sub(count.failed)), one("failure", count.failed)]
        };
        services(view).into_iter().flat_map(of).collect()
    });
    let mut of_service = |name, help, value: fn(&Service) -> String| {
        page.each(name, "counter", help, |view| {
            services(view).into_iter().map(|(service, count)| (vec![("service", service)], value(&count))).collect()
        });
    };
    of_service("lambdo_aws_requests_total", "Requests that were sent to AWS, by service.", |count| count.requests.to_string());
    of_service("lambdo_aws_throttled_total", "Requests that AWS answered with \"too many calls\".", |count| count.throttled.to_string());
    of_service("lambdo_aws_request_seconds_total", "How long AWS's answers took together.", |count| seconds(count.elapsed_ms));
}

fn log_groups(page: &mut Page<'_>) {
    page.each("lambdo_log_groups", "gauge", "Log groups of the account and region, as of the last audit.", |view| {
        alone(view.log_groups.as_ref().map(|seen| seen.groups))
    });
    page.each("lambdo_log_groups_stored_bytes", "gauge", "What is stored in them, as far as AWS has counted.", |view| {
        alone(view.log_groups.as_ref().map(|seen| seen.stored_bytes))
    });
    page.each("lambdo_log_groups_wrong", "gauge", "Log groups with which something is wrong, by what.", |view| {
        let one = |problem, count: usize| (vec![("problem", problem)], count.to_string());
        let of = |seen: &crate::daemon::LogGroups| [one("no_retention", seen.without_retention), one("empty", seen.empty)];
        view.log_groups.iter().flat_map(of).collect()
    });
    page.each("lambdo_log_groups_mended_total", "counter", "Log groups that were given a retention or deleted.", |view| {
        alone(Some(view.totals.log_groups_mended))
    });
}

/// Labels besides the spec, and the value.
type Sample<'a> = (Vec<(&'a str, &'a str)>, String);

/// A sample without further labels, if there is a value.
fn alone<'a>(value: Option<impl ToString>) -> Vec<Sample<'a>> {
    value.map(|value| (Vec::new(), value.to_string())).into_iter().collect()
}

/// Milliseconds as seconds, without the rounding of floating point.
fn seconds(milliseconds: u64) -> String {
    let (whole, rest) = (milliseconds / 1_000, milliseconds % 1_000);
    if rest == 0 { whole.to_string() } else { format!("{whole}.{rest:03}").trim_end_matches('0').to_owned() }
}

/// What is written.
struct Page<'a> {
    text: String,
    views: &'a [Arc<View>],
}

impl<'a> Page<'a> {
    fn family(&mut self, name: &str, sort: &str, help: &str) {
        // Nothing that is written to a text can fail.
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {sort}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: &str) {
        let labels: Vec<String> = labels.iter().map(|(key, value)| format!("{key}=\"{}\"", escaped(value))).collect();
        let _ = writeln!(self.text, "{name}{{{}}} {value}", labels.join(","));
    }

    /// A family with samples of each spec.
    fn each(&mut self, name: &str, sort: &str, help: &str, samples: impl Fn(&'a View) -> Vec<Sample<'a>>) {
        self.family(name, sort, help);
        for view in self.views {
            for (mut labels, value) in samples(view) {
                labels.insert(0, ("spec", &view.id));
                self.sample(name, &labels, &value);
            }
        }
    }
}

/// The value of a label: backslashes, quotes and line ends would end it.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests;

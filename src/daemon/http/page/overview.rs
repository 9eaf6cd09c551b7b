//! All specs at a glance; what needs a person comes first.

use super::super::Site;
use super::layout::{Layout, form_token};
use super::words::{self, counted};
use super::{actions, asked};
use crate::daemon::{Standing, View};
use axum::extract::{RawQuery, State};
use axum::response::Response;
use jiff::Timestamp;
use maud::{Markup, html};
use std::sync::Arc;

/// The page.
pub async fn page(State(site): State<Arc<Site>>, RawQuery(query): RawQuery) -> Response {
    let (mut views, now) = (site.control.board.all(), site.clock.now());
    views.sort_by_key(|view| (words::urgency(view.standing), view.undone.is_empty()));
    let body = html! {
        div class="head" {
            div {
                h1 { "Specs" }
                p class="quiet" id="summary" data-part { (summary(&views)) }
            }
            @if !views.is_empty() {
                form method="post" action="/check" { (form_token(&site.gate.form_token())) button class="quiet" { "Check all now" } }
            }
        }
        @if views.is_empty() {
            div class="empty" { p { "No spec is watched." } p class="quiet" { "Name some: " code { "lambdo daemon a.toml b/config.toml" } } }
        } @else {
            ul class="specs" id="specs" data-part { @for view in &views { li { (card(view, now)) } } }
        }
    };
    let told = actions::told(asked(query.as_deref(), "told").as_deref());
    Layout::live(&site, "Specs").told(told).page(&body)
}

fn summary(views: &[Arc<View>]) -> String {
    let is_calm = |view: &View| matches!(view.standing, Standing::InOrder | Standing::Pending) && view.undone.is_empty();
    let calm = views.iter().filter(|view| is_calm(view)).count();
    let rest = views.len() - calm;
    let needy = if rest == 0 { "all as they were applied".to_owned() } else { format!("{rest} to look at") };
    format!("{} watched, {needy}", counted(views.len(), "spec"))
}

fn card(view: &View, now: Timestamp) -> Markup {
    html! {
        article class="spec" {
            div class="line" {
                h2 { a href=(words::of_spec(&view.id, "")) { (view.id) } }
                (words::badge(view))
            }
            p class="why" { (words::prose(&in_short(view))) }
            dl class="facts" {
                div { dt { "Last check" } dd { (view.last_check.as_ref().map_or_else(|| html! { "–" }, |last| words::time(last.at, now))) } }
                div { dt { "Next check" } dd { (next(view, now)) } }
                div { dt { "Mode" } dd { (words::mode(view.mode).0) } }
                @if !view.region.is_empty() { div { dt { "Place" } dd class="number" { (view.account) ", " span class="whole" { (view.region) } } } }
            }
        }
    }
}

/// When it is looked at next, or what goes on.
pub fn next(view: &View, now: Timestamp) -> Markup {
    match (&view.activity, view.next_check) {
        (Some(activity), _) => html! { span class="busy" { (activity) "…" } },
        (None, Some(next)) => words::time(next, now),
        (None, None) if view.last_check.is_some() => html! { "no check is due any more" },
        (None, None) => html! { "–" },
    }
}

/// What there is to say about a spec, in a line.
fn in_short(view: &View) -> String {
    if let Some(trouble) = view.trouble.as_ref().or(view.spec_trouble.as_ref()) {
        return words::shortened(&trouble.text, 200);
    }
    if view.standing == Standing::Starting {
        return "The first check is on its way.".to_owned();
    }
    let contested = view.findings.iter().filter(|state| state.contested.is_some()).count();
    let pending = view.pending.unwrap_or_default();
    let parts = [
        (view.findings.len(), format!("{} drifted", counted(view.findings.len(), "setting"))),
        (contested, format!("{contested} contested")),
        (pending, format!("{} not applied yet", counted(pending, "wish").replace("wishs", "wishes"))),
        (view.unread.len(), format!("{} unread", view.unread.len())),
        (usize::from(view.proposal.is_some()), "a plan waits for you".to_owned()),
    ];
    let parts = view.undone.iter().map(|undone| (1, undone.work.title().to_owned())).chain(parts);
    let said: Vec<String> = parts.filter(|(count, _)| *count > 0).map(|(_, text)| text).collect();
    if said.is_empty() { format!("{}, all as applied", counted(view.resources.len(), "resource")) } else { said.join(" · ") }
}

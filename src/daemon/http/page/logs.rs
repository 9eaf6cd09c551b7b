//! What a function logged.

use super::super::{Refusal, Site};
use super::layout::Layout;
use super::{asked, view, words};
use crate::daemon::{LogLine, Trouble, TroubleKind};
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use maud::{Markup, html};
use std::sync::Arc;
use std::time::Duration;

/// How far back one can look: what stands in the address, in words, in seconds.
const SPANS: &[(&str, &str, u64)] =
    &[("10m", "10 minutes", 600), ("1h", "one hour", 3_600), ("6h", "six hours", 21_600), ("1d", "one day", 86_400)];
/// So long AWS may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The page.
pub async fn page(
    State(site): State<Arc<Site>>,
    Path((id, function)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let view = view(&site, &id)?;
    let is_here =
        |function: &str| view.resources.iter().any(|resource| resource.address.kind == "function" && resource.address.name == function);
    if !is_here(&function) {
        return Err(Refusal::not_found("No function of this name is deployed."));
    }
    let since = asked(query.as_deref(), "since");
    let span = SPANS.iter().find(|(name, ..)| Some(*name) == since.as_deref()).unwrap_or(&SPANS[1]);
    let read = tokio::time::timeout(PATIENCE, site.control.logs(&id, &function, Duration::from_secs(span.2))).await;
    let late = Trouble { kind: TroubleKind::Away, text: "AWS takes too long to answer.".to_owned(), hints: Vec::new() };
    let lines = read.map_or_else(|_| Err(late), |lines| lines.unwrap_or(Ok(Vec::new())));
    let title = format!("Log of {function}");
    let body = html! {
        h1 { "Log of " (function) }
        (spans(span.0))
        @match &lines {
            Ok(lines) => (table(lines, span.1)),
            Err(trouble) => div class="alert bad" {
                p { strong { "The log cannot be read" } }
                p { (trouble.text) }
                @for hint in &trouble.hints { p class="quiet" { (hint) } }
            },
        }
    };
    Ok(Layout::of(&site, &title).below(&view).page(&body))
}

fn spans(chosen: &str) -> Markup {
    html! {
        form method="get" class="line" {
            label for="since" { "The last" }
            select id="since" name="since" { @for (name, words, _) in SPANS { option value=(name) selected[*name == chosen] { (words) } } }
            button class="quiet" { "Look" }
        }
    }
}

fn table(lines: &[LogLine], span: &str) -> Markup {
    if lines.is_empty() {
        return html! { div class="empty" { p { "Nothing was logged." } p class="quiet" { "Not in the last " (span) "." } } };
    }
    html! {
        div class="scroll log" tabindex="0" role="region" aria-label="Lines, oldest first" {
            table {
                thead class="unseen" { tr { th scope="col" { "Time" } th scope="col" { "Line" } } }
                tbody { @for line in lines { tr { td { time datetime=(words::exact(line.at)) { (line.at.strftime("%H:%M:%S")) } } td { (line.text) } } } }
            }
        }
    }
}

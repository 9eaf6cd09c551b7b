//! What happened, newest first.

use super::super::{Refusal, Site};
use super::layout::{Layout, live_part};
use super::{view, words};
use crate::daemon::{Moment, View};
use axum::extract::{Path, State};
use axum::response::Response;
use jiff::Timestamp;
use maud::{Markup, html};
use std::sync::Arc;

/// So much of it stands on the page of a spec.
const LATEST: usize = 12;

/// The page with all of it.
pub async fn page(State(site): State<Arc<Site>>, Path(id): Path<String>) -> Result<Response, Refusal> {
    let (view, now) = (view(&site, &id)?, site.clock.now());
    let body = html! { h1 { "History" } (live_part("history", "Newest first", &timeline(&view.timeline, now))) };
    Ok(Layout::live(&site, "History").below(&view).page(&body))
}

/// The newest of it.
pub fn latest(view: &View, now: Timestamp) -> Markup {
    let shown = view.timeline.len().min(LATEST);
    html! {
        (timeline(&view.timeline[..shown], now))
        @if view.timeline.len() > shown { p { a href=(words::of_spec(&view.id, "/history")) { "All " (view.timeline.len()) " moments" } } }
    }
}

fn timeline(moments: &[Moment], now: Timestamp) -> Markup {
    if moments.is_empty() {
        return html! { div class="empty" { p { "Nothing happened yet." } } };
    }
    html! {
        ol class="timeline" {
            @for moment in moments {
                @let (word, sign) = words::moment(moment.kind);
                li class=(sign.class) {
                    span class="sign" aria-hidden="true" { (sign.sign) }
                    div {
                        p class="line" { strong { (word) } @if let Some(address) = &moment.address { code { (address) } } span class="quiet" { (words::time(moment.at, now)) } }
                        p class="what" { (words::prose(&moment.text)) }
                    }
                }
            }
        }
    }
}

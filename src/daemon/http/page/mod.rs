//! The page: HTML that is made here, and works without scripts. It shows what the board knows, in words; names, tags and values that
//! others wrote are texts for `maud`, which escapes them.

mod actions;
mod calls;
mod channels;
mod drift;
mod events;
mod graph;
mod history;
mod layout;
mod log_groups;
mod login;
mod logs;
mod overview;
mod plan;
mod resources;
mod spec;
#[cfg(test)]
pub(super) mod testing;
mod words;

use super::Site;
use super::refusal::Refusal;
use crate::daemon::View;
use axum::Router;
use axum::extract::Request;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use layout::Layout;
use maud::html;
use std::collections::BTreeMap;
use std::sync::Arc;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("live.js");
const ICON: &str = include_str!("icon.svg");

/// What it answers.
pub(super) fn routes() -> Router<Arc<Site>> {
    let asset = |sort: &'static str, text: &'static str| get(async move || ([(header::CONTENT_TYPE, sort)], text));
    Router::new()
        .route("/", get(overview::page))
        .route("/check", post(actions::check_all))
        .route("/specs/{id}", get(spec::page))
        .route("/specs/{id}/check", post(actions::check))
        .route("/specs/{id}/plan", get(plan::page))
        .route("/specs/{id}/apply", post(actions::apply))
        .route("/specs/{id}/history", get(history::page))
        .route("/specs/{id}/logs/{function}", get(logs::page))
        .route("/events", get(events::stream))
        .route("/login", get(login::page).post(login::login))
        .route("/logout", post(login::logout))
        .route("/style.css", asset("text/css; charset=utf-8", STYLE))
        .route("/live.js", asset("text/javascript; charset=utf-8", SCRIPT))
        .route("/icon.svg", asset("image/svg+xml", ICON))
}

/// The page of something that is not done.
pub(super) fn refused(refusal: &Refusal) -> Response {
    let title = if refusal.status == 404 { "Nothing here" } else { "Not done" };
    let body = html! {
        div class="lonely" {
            p class="number" aria-hidden="true" { (refusal.status.as_u16()) }
            h1 { (title) }
            p { (refusal.text) }
            @for hint in &refusal.hints { p class="quiet" { (hint) } }
            p { a class="button" href="/" { "All specs" } }
        }
    };
    Layout { title, ..Layout::default() }.page(&body)
}

/// The spec of this id.
fn view(site: &Site, id: &str) -> Result<Arc<View>, Refusal> {
    site.control.board.get(id).ok_or_else(|| Refusal::not_found("No spec of this name is watched."))
}

/// The fields of a form, within what the gate lets through.
async fn fields(request: Request) -> Result<BTreeMap<String, String>, Refusal> {
    let sort = request.headers().get(header::CONTENT_TYPE).and_then(|sort| sort.to_str().ok()).unwrap_or_default();
    if sort.split(';').next() != Some("application/x-www-form-urlencoded") {
        return Err(Refusal::new(415, "no_form", "This takes a form."));
    }
    let bytes = axum::body::to_bytes(request.into_body(), usize::MAX).await;
    let bytes = bytes.map_err(|_| Refusal::new(400, "broken_off", "The request broke off."))?;
    Ok(form_urlencoded::parse(&bytes).into_owned().collect())
}

/// The fields of one of our forms.
async fn own_fields(site: &Site, request: Request) -> Result<BTreeMap<String, String>, Refusal> {
    let fields = fields(request).await?;
    if fields.get("form_token").is_some_and(|token| site.gate.is_form_token(token)) {
        return Ok(fields);
    }
    let refusal =
        Refusal::new(403, "stale_form", "This form is not from a page of this daemon, or the daemon has been started anew since.");
    Err(refusal.hint("Go back, load the page again, and press the button again."))
}

/// A field of the address' query.
fn asked(query: Option<&str>, name: &str) -> Option<String> {
    form_urlencoded::parse(query.unwrap_or_default().as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// To another page of ours, which is got and not sent to.
fn see(address: &str) -> Response {
    axum::response::Redirect::to(address).into_response()
}

//! The page: HTML that is made here, and works without scripts.

mod layout;

use super::Site;
use super::refusal::Refusal;
use axum::Router;
use axum::response::Response;
use layout::Layout;
use maud::html;
use std::sync::Arc;

/// What it answers.
pub(super) fn routes() -> Router<Arc<Site>> {
    Router::new()
}

/// The page of something that is not done.
pub(super) fn refused(refusal: &Refusal) -> Response {
    let body = html! {
        h1 { (refusal.text) }
        @for hint in &refusal.hints { p { (hint) } }
        p { a href="/" { "To all specs" } }
    };
    Layout::new("Not done").page(&body)
}

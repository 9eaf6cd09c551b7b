//! The pages of a site, without a server.

use super::super::{Refusal, Site};
use super::{events, history, overview, plan, spec};
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// The text of an answer.
pub(in super::super) async fn body(response: Response) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// All pages about a spec: the overview, its own, its plan, its history.
pub(in super::super) async fn pages(site: &Arc<Site>, id: &str) -> Vec<String> {
    let (site, id) = (|| State(Arc::clone(site)), || Path(id.to_owned()));
    let answers = [
        overview::page(site(), RawQuery(None)).await,
        spec::page(site(), id(), RawQuery(None)).await.unwrap(),
        plan::page(site(), id()).await.unwrap(),
        history::page(site(), id()).await.unwrap(),
    ];
    let mut texts = Vec::new();
    for answer in answers {
        texts.push(body(answer).await);
    }
    texts
}

/// A stream of events.
pub(in super::super) async fn stream(site: &Arc<Site>) -> Result<Response, Refusal> {
    events::stream(State(Arc::clone(site))).await.map(IntoResponse::into_response)
}

//! What a button does. The loop is asked, and does it as soon as it can.

use super::super::{Refusal, Site};
use super::{own_fields, see, words};
use crate::daemon::WakeUp;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use std::sync::Arc;

/// What is said after a button was pressed, by the word in the address.
pub fn told(word: Option<&str>) -> Option<&'static str> {
    match word {
        Some("check") => Some("A check was asked for. What it finds stands here as soon as it is done."),
        Some("apply") => Some("You asked for the plan to be applied. What comes of it stands in the history."),
        _ => None,
    }
}

/// Looks at everything.
pub async fn check_all(State(site): State<Arc<Site>>, request: Request) -> Result<Response, Refusal> {
    own_fields(&site, request).await?;
    site.control.check_all(WakeUp::Request);
    Ok(see("/?told=check"))
}

/// Looks at one spec.
pub async fn check(State(site): State<Arc<Site>>, Path(id): Path<String>, request: Request) -> Result<Response, Refusal> {
    own_fields(&site, request).await?;
    site.control.check(&id)?;
    Ok(see(&words::of_spec(&id, "?told=check")))
}

/// Applies the plan that the form's reader has seen.
pub async fn apply(State(site): State<Arc<Site>>, Path(id): Path<String>, request: Request) -> Result<Response, Refusal> {
    let fields = own_fields(&site, request).await?;
    site.control.approve(&id, fields.get("plan").map_or("", String::as_str))?;
    Ok(see(&words::of_spec(&id, "?told=apply")))
}

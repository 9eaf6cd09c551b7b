//! The JSON API.

use super::Site;
use axum::Router;
use std::sync::Arc;

/// What it answers.
pub(super) fn routes() -> Router<Arc<Site>> {
    Router::new()
}

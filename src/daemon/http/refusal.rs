//! What is not done, and why, in words that give nothing away.

use super::page;
use crate::daemon;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Why a request is not followed. A handler returns it; it becomes JSON or a page by the address that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP's status.
    pub status: StatusCode,
    /// A word for programs.
    pub code: &'static str,
    /// A sentence for people, without account details and secrets.
    pub text: String,
    /// What to do, for people.
    pub hints: Vec<String>,
}

impl Refusal {
    /// With HTTP's status, a word for programs and a sentence for people.
    pub fn new(status: u16, code: &'static str, text: impl Into<String>) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, code, text: text.into(), hints: Vec::new() }
    }

    /// What was asked for is not there.
    pub fn not_found(text: impl Into<String>) -> Self {
        Self::new(404, "not_found", text)
    }

    /// With what to do.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The answer to a request for this address.
    pub fn answer(&self, uri: &Uri) -> Response {
        let mut response = if is_for_programs(uri.path()) { self.document() } else { page::refused(self) };
        *response.status_mut() = self.status;
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"lambdo\""));
        }
        response
    }

    fn document(&self) -> Response {
        let document = json!({ "version": 1, "error": { "code": self.code, "message": self.text, "hints": self.hints } });
        ([(header::CONTENT_TYPE, "application/json")], document.to_string()).into_response()
    }
}

/// Whether programs ask for this, and not people.
pub fn is_for_programs(path: &str) -> bool {
    ["/api/", "/metrics", "/healthz", "/readyz"].iter().any(|start| path.starts_with(start))
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<daemon::Refused> for Refusal {
    fn from(refused: daemon::Refused) -> Self {
        match refused {
            daemon::Refused::Unknown => Self::not_found("No spec of this name is watched."),
            daemon::Refused::NotWaiting => {
                Self::new(409, "not_waiting", "This plan does not wait any more: it was applied, or a newer one took its place.")
            }
            daemon::Refused::Applying => {
                Self::new(409, "applying", "This plan is being applied already.").hint("what comes of it stands in the history")
            }
            daemon::Refused::Frozen => Self::new(409, "frozen", "Nothing is applied during a freeze."),
        }
    }
}

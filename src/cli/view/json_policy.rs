//! The document of `policy`, described by `schemas/policy.schema.json`.

use super::json::VERSION;
use serde_json::{Value as Json, json};

/// The document of `policy`.
pub fn policy(policy: &Json) -> Json {
    json!({ "version": VERSION, "command": "policy", "policy": policy })
}

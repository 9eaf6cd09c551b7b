//! What was asked of AWS, in any document.

use crate::model::CallAccount;
use serde_json::{Value as Json, json};

/// Adds what was asked of AWS to a document.
pub fn with_calls(document: &mut Json, calls: &CallAccount) {
    if let Some(document) = document.as_object_mut() {
        document.insert("calls".into(), json!(calls));
    }
}

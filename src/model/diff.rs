//! What differs between what was applied, what lives and what is wanted. [`crate::plan`] finds it.

use super::{Effect, Path, Value};
use serde::{Deserialize, Serialize};

/// One difference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The spec's key, such as `environment.LOG_LEVEL`.
    pub path: Path,
    /// What was last applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<Value>,
    /// What AWS has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<Value>,
    /// What is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired: Option<Value>,
    /// What the change means for the resource.
    pub effect: Effect,
    /// Who caused it.
    pub cause: Cause,
}

/// Who caused a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The spec was edited: a wish not yet applied.
    Spec,
    /// AWS was changed behind our back.
    Drift,
    /// Both.
    Both,
    /// The source of a secret has another value than it had.
    Source,
}

//! What builds of Python and Node share: their packages are files as they lie there, and what an installer adds.

pub(super) mod handlers;
pub(super) mod installed;
pub(super) mod options;
pub(super) mod package;
pub(super) mod sources;
pub(super) mod stage;
pub(super) mod tool;

use super::hash::{Item, content_hash};

/// Sixteen hex digits that stand for facts.
pub(super) fn digest(facts: &str) -> String {
    let item = Item { name: facts.to_owned(), mode: 0, bytes: 0, sha256: [0; 32] };
    content_hash(&[item]).trim_start_matches("sha256:").get(..16).unwrap_or_default().to_owned()
}

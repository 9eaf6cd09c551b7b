//! What builds of Python and Node share: their packages are files as they lie there, and what an installer adds.

pub(super) mod exported;
pub(super) mod handlers;
pub(super) mod installed;
pub(super) mod named;
pub(super) mod package;
pub(super) mod sources;
pub(super) mod stage;

use super::call::Said;
use super::hash::{Item, content_hash};

/// Whether the network was in the way of an installer.
pub(super) fn is_offline(said: &Said) -> bool {
    const SIGNS: [&str; 7] =
        ["Failed to establish a new connection", "name resolution", "dns error", "ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "timed out"];
    said.complains_of_any(&SIGNS)
}

/// Sixteen hex digits that stand for facts.
pub(super) fn digest(facts: &str) -> String {
    let item = Item { name: facts.to_owned(), mode: 0, bytes: 0, sha256: [0; 32] };
    content_hash(&[item]).trim_start_matches("sha256:").get(..16).unwrap_or_default().to_owned()
}

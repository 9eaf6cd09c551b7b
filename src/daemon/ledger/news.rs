//! What is told, and the ids by which it is told once.

use super::super::notice::{Finding, Notice, NoticeKind};
use super::super::watched::Settings;
use super::Topic;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

/// A piece of news; its id is the same whenever it is told.
pub(super) fn notice(kind: NoticeKind, id: &str, spec: &str, at: Timestamp, since: Timestamp, text: String) -> Notice {
    let word = match kind {
        NoticeKind::Opened => "opened",
        NoticeKind::StillOpen => "still_open",
        NoticeKind::Resolved => "resolved",
        NoticeKind::Contested => "contested",
        NoticeKind::Proposed => "proposed",
        NoticeKind::Failed => "failed",
        NoticeKind::Recovered => "recovered",
        NoticeKind::LogGroups => "log_groups",
    };
    Notice { id: format!("{id}.{word}"), kind, at, spec: spec.to_owned(), finding: None, since, text }
}

/// Names an opening of a finding.
pub(super) fn id_of(settings: &Settings, finding: &Finding, since: Timestamp) -> String {
    digest(&[&settings.name, &finding.address.to_string(), &finding.path.to_string(), &since.to_string()])
}

/// Names a time in which something did not work.
pub(super) fn outage_id(name: &str, topic: Topic, since: Timestamp) -> String {
    digest(&[name, &format!("{topic:?}"), &since.to_string()])
}

/// What names something: of the same parts always the same.
pub(super) fn digest(parts: &[&str]) -> String {
    Sha256::digest(parts.join("\n")).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

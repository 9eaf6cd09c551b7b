//! News for tests.

use super::message::Message;
use crate::daemon::{Notice, NoticeKind};
use jiff::Timestamp;

/// A piece of news; equal texts are the same one.
pub fn notice(kind: NoticeKind, text: &str) -> Notice {
    Notice { id: format!("{kind:?} {text}"), kind, at: at(), spec: "demo".into(), finding: None, since: at(), text: text.into() }
}

/// A message with this news.
pub fn message(news: &[(NoticeKind, &str)]) -> Message {
    let notices = news.iter().map(|(kind, text)| notice(*kind, text)).collect();
    Message { notices, is_test: false, ..Message::test("m-1".into(), "demo", at()) }
}

/// A moment.
pub fn at() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

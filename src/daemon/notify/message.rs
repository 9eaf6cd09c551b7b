//! What people are told, as text, as a message of Slack's and as a document: pure, and without accounts.

use crate::daemon::{Notice, NoticeKind};
use crate::model::notify::OCCASIONS;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

/// The version of the document.
const VERSION: u32 = 1;
/// So many pieces of news are told one by one; a document has more of them.
const LINES_MAX: usize = 20;
/// The longest line of news, in characters.
const LINE_MAX: usize = 400;
/// What a text block of Slack's takes, in characters.
/// <https://docs.slack.dev/reference/block-kit/blocks/section-block>
const SLACK_BLOCK_MAX: usize = 3_000;
/// What the subject of a mail takes that SNS sends, in characters.
/// <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>
const SUBJECT_MAX: usize = 100;
/// AWS's account ids have so many digits.
const ACCOUNT_DIGITS: usize = 12;
const ACCOUNT: &str = "(account)";

/// Pieces of news that are told at once, over one channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Names it, also when it is sent again.
    pub id: String,
    /// The spec's name: `project` or `project.stage`.
    pub spec: String,
    /// The news.
    pub notices: Vec<Notice>,
    /// So many more there were.
    #[serde(default)]
    pub left_out: usize,
    /// So many messages before it could not be told.
    #[serde(default)]
    pub lost: u64,
    /// When it was made.
    pub at: Timestamp,
    /// Whether it only shows that the channel works.
    #[serde(default)]
    pub is_test: bool,
}

/// The occasion, as the spec calls it.
pub fn occasion(kind: NoticeKind) -> &'static str {
    let at = match kind {
        NoticeKind::Opened => 0,
        NoticeKind::StillOpen => 1,
        NoticeKind::Resolved => 2,
        NoticeKind::Contested => 3,
        NoticeKind::Proposed => 4,
        NoticeKind::Failed => 5,
        NoticeKind::Recovered => 6,
        NoticeKind::LogGroups => 7,
    };
    OCCASIONS[at]
}

impl Message {
    /// One that only shows that a channel works.
    pub fn test(id: String, spec: &str, at: Timestamp) -> Self {
        Self { id, spec: spec.to_owned(), notices: Vec::new(), left_out: 0, lost: 0, at, is_test: true }
    }

    /// What it is about, in one line: `demo: 2 drifted, 1 resolved`.
    pub fn title(&self) -> String {
        if self.is_test {
            return format!("{}: a test of lambdo's, nothing has happened", self.spec);
        }
        let said = [
            (NoticeKind::Opened, "drifted"),
            (NoticeKind::StillOpen, "still drifted"),
            (NoticeKind::Resolved, "resolved"),
            (NoticeKind::Contested, "contested"),
        ];
        let count = |kind| self.notices.iter().filter(|notice| notice.kind == kind).count();
        let mut parts: Vec<String> = said
            .iter()
            .map(|(kind, word)| (count(*kind), word))
            .filter(|(number, _)| *number > 0)
            .map(|(n, word)| format!("{n} {word}"))
            .collect();
        parts.extend((count(NoticeKind::Proposed) > 0).then(|| "a plan waits".to_owned()));
        parts.extend(Some(count(NoticeKind::Failed)).filter(|number| *number > 0).map(|number| counted(number as u64, "failure")));
        parts.extend(Some(count(NoticeKind::Recovered)).filter(|number| *number > 0).map(|number| format!("{number} recovered")));
        parts.extend((count(NoticeKind::LogGroups) > 0).then(|| "log groups".to_owned()));
        parts.extend((self.left_out > 0).then(|| format!("{} more", self.left_out)));
        format!("{}: {}", self.spec, parts.join(", "))
    }

    /// The same for the subject of a mail.
    pub fn subject(&self) -> String {
        let plain: String =
            format!("lambdo: {}", self.title()).chars().map(|letter| if letter.is_ascii_graphic() { letter } else { ' ' }).collect();
        plain.chars().take(SUBJECT_MAX).collect()
    }

    /// A line for each piece of news.
    fn lines(&self) -> Vec<String> {
        let line = |notice: &Notice| {
            let who = notice.finding.as_ref().and_then(|finding| finding.who.as_deref());
            let text = match who.filter(|who| !notice.text.contains(who)) {
                Some(who) => format!("{} (by {who})", notice.text),
                None => notice.text.clone(),
            };
            shortened(&without_accounts(&text.replace(['\n', '\r'], " ")), LINE_MAX)
        };
        let mut lines: Vec<String> = self.notices.iter().take(LINES_MAX).map(line).collect();
        let more = self.notices.len().saturating_sub(LINES_MAX) + self.left_out;
        lines.extend((more > 0).then(|| format!("and {more} more")));
        lines.extend((self.lost > 0).then(|| format!("{} before this could not be told", counted(self.lost, "message"))));
        lines
    }

    /// Plain text.
    pub fn text(&self) -> String {
        let lines = self.lines().into_iter().map(|line| format!("- {line}"));
        std::iter::once(self.title()).chain(lines).collect::<Vec<_>>().join("\n")
    }

    /// A message as Slack's incoming webhooks take it, and Mattermost's and others'.
    /// <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>
    pub fn slack(&self) -> Json {
        let section = |text: String| json!({ "type": "section", "text": { "type": "mrkdwn", "text": text } });
        let mut blocks = vec![section(format!("*{}*", escaped(&self.title())))];
        let mut text = String::new();
        for line in self.lines().iter().map(|line| format!("• {}\n", escaped(line))) {
            if text.chars().count() + line.chars().count() > SLACK_BLOCK_MAX {
                blocks.push(section(std::mem::take(&mut text)));
            }
            text.push_str(&line);
        }
        if !text.is_empty() {
            blocks.push(section(text));
        }
        json!({ "text": escaped(&format!("lambdo: {}", self.title())), "blocks": blocks })
    }

    /// The document for programs. Values stand in it as far as they are no secrets; accounts do not.
    pub fn document(&self) -> Json {
        let notices: Vec<Json> = self.notices.iter().map(|notice| masked(&json!(notice))).collect();
        let mut document = Map::new();
        document.insert("version".into(), VERSION.into());
        document.insert("source".into(), "lambdo".into());
        document.insert("id".into(), self.id.as_str().into());
        document.insert("at".into(), self.at.to_string().into());
        document.insert("spec".into(), self.spec.as_str().into());
        document.insert("title".into(), self.title().into());
        document.insert("test".into(), self.is_test.into());
        document.insert("notices".into(), notices.into());
        document.insert("left_out".into(), self.left_out.into());
        document.insert("lost".into(), self.lost.into());
        document.into()
    }

    /// The document with fewer pieces of news, so that it takes no more than `bytes`.
    pub fn document_within(&self, bytes: usize) -> String {
        let mut message = self.clone();
        loop {
            let text = message.document().to_string();
            if text.len() <= bytes || message.notices.is_empty() {
                return text;
            }
            let kept = message.notices.len() / 2;
            message.left_out += message.notices.len() - kept;
            message.notices.truncate(kept);
        }
    }
}

fn counted(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

fn shortened(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// The three characters that mean something to Slack: <https://docs.slack.dev/messaging/formatting-message-text>
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The text without what looks like an account's id: who reads a chat need not know it.
fn without_accounts(text: &str) -> String {
    let mut output = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|letter: char| letter.is_ascii_digit()) {
        let digits = rest[start..].bytes().take_while(u8::is_ascii_digit).count();
        let is_in_a_word = rest[..start].chars().next_back().is_some_and(char::is_alphanumeric);
        let goes_on = rest[start + digits..].chars().next().is_some_and(char::is_alphanumeric);
        output.push_str(&rest[..start]);
        output.push_str(if digits == ACCOUNT_DIGITS && !is_in_a_word && !goes_on { ACCOUNT } else { &rest[start..start + digits] });
        rest = &rest[start + digits..];
    }
    output + rest
}

fn masked(json: &Json) -> Json {
    match json {
        Json::String(text) => without_accounts(text).into(),
        Json::Array(items) => items.iter().map(masked).collect(),
        Json::Object(fields) => fields.iter().map(|(key, value)| (without_accounts(key), masked(value))).collect::<Map<_, _>>().into(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::notify::testing::{message, notice};

    #[test]
    fn a_message_says_what_happened_and_to_what() {
        let message = message(&[
            (NoticeKind::Opened, "function.a was changed: memory_size: 128 -> 512"),
            (NoticeKind::Resolved, "function.b is <as> applied & well"),
        ]);
        let told =
            ["demo: 1 drifted, 1 resolved", "- function.a was changed: memory_size: 128 -> 512", "- function.b is <as> applied & well"];
        assert_eq!(message.text(), told.join("\n"));
        insta::assert_snapshot!(format!("{:#}", message.slack()));
    }

    #[test]
    fn the_document_has_no_account_and_fits_where_it_must() {
        let mut long = message(&[(NoticeKind::Failed, "denied for arn:aws:iam::123456789012:role/x, try 1234567890123 or x123456789012")]);
        let text = long.document().to_string();
        assert!(text.contains("arn:aws:iam::(account):role/x, try 1234567890123 or x123456789012"), "{text}");
        assert_eq!(long.document()["notices"][0]["kind"], "failed");
        long.notices = (0..1_000).map(|number| notice(NoticeKind::Opened, &format!("{number} {}", "x".repeat(100)))).collect();
        let text = long.document_within(20_000);
        let document: Json = serde_json::from_str(&text).unwrap();
        let told = document["notices"].as_array().unwrap().len();
        assert!(text.len() <= 20_000 && told > 20 && document["left_out"] == 1_000 - told, "{}", text.len());
    }

    #[test]
    fn a_storm_is_told_in_few_words() {
        let many: Vec<(NoticeKind, String)> =
            (0..3_000).map(|number| (NoticeKind::Opened, format!("function.f{number} {}", "<".repeat(900)))).collect();
        let pairs: Vec<(NoticeKind, &str)> = many.iter().map(|(kind, text)| (*kind, text.as_str())).collect();
        let storm = Message { lost: 2, ..message(&pairs) };
        assert_eq!(storm.title(), "demo: 3000 drifted");
        assert!(storm.text().ends_with("- and 2980 more\n- 2 messages before this could not be told"), "{}", storm.text());
        let slack = storm.slack();
        let blocks = slack["blocks"].as_array().unwrap();
        assert!(blocks.len() <= 50, "{}", blocks.len());
        assert!(blocks.iter().all(|block| block["text"]["text"].as_str().unwrap().chars().count() <= SLACK_BLOCK_MAX));
    }

    #[test]
    fn a_subject_is_one_short_line_of_ascii() {
        let message = Message { spec: "démo\n".repeat(40), ..message(&[(NoticeKind::Contested, "x")]) };
        let subject = message.subject();
        assert!(subject.len() <= SUBJECT_MAX && subject.is_ascii() && subject.starts_with("lambdo: d mo"), "{subject}");
    }
}

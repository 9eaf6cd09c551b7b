//! The words and signs of the page. A colour never stands alone: a sign and a word are always with it.

use crate::daemon::{FindingKind, MomentKind, Standing, View};
use crate::model::Mode;
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What may stand in a part of an address as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');
/// The characters of a value that a page shows at once.
const LONGEST_VALUE: usize = 400;

/// The address of the page of a spec, with what comes after it, such as `/history`.
pub fn of_spec(id: &str, rest: &str) -> String {
    format!("/specs/{}{rest}", utf8_percent_encode(id, PLAIN))
}

/// The address of the page with a function's log.
pub fn of_logs(id: &str, function: &str) -> String {
    of_spec(id, &format!("/logs/{}", utf8_percent_encode(function, PLAIN)))
}

/// A sign and the class of its colour.
pub struct Sign {
    /// One character.
    pub sign: &'static str,
    /// `good`, `wish`, `warn`, `bad`, `calm`.
    pub class: &'static str,
}

fn sign(sign: &'static str, class: &'static str) -> Sign {
    Sign { sign, class }
}

/// How a spec is, in a word or two.
pub fn standing(standing: Standing) -> (&'static str, Sign) {
    match standing {
        Standing::Starting => ("Not checked yet", sign("○", "calm")),
        Standing::InOrder => ("In order", sign("✓", "good")),
        Standing::Pending => ("Wishes wait", sign("→", "wish")),
        Standing::Unread => ("Partly unread", sign("?", "warn")),
        Standing::Broken => ("Spec broken", sign("✕", "warn")),
        Standing::Drifted => ("Drifted", sign("≠", "warn")),
        Standing::Contested => ("Contested", sign("⇄", "bad")),
        Standing::Failing => ("Checks fail", sign("✕", "bad")),
    }
}

/// What needs a person comes first.
pub fn urgency(standing: Standing) -> usize {
    [Standing::Failing, Standing::Contested, Standing::Drifted, Standing::Broken, Standing::Unread, Standing::Pending, Standing::Starting]
        .iter()
        .position(|one| *one == standing)
        .unwrap_or(usize::MAX)
}

/// A spec's standing as a badge.
pub fn badge(view: &View) -> Markup {
    let (word, sign) = standing(view.standing);
    html! { span class={ "badge " (sign.class) } { span class="sign" aria-hidden="true" { (sign.sign) } " " (word) } }
}

/// What sort of thing happened, in a word.
pub fn moment(kind: MomentKind) -> (&'static str, Sign) {
    match kind {
        MomentKind::Started => ("Started", sign("○", "calm")),
        MomentKind::Opened => ("Drifted", sign("≠", "warn")),
        MomentKind::Reopened => ("Drifted again", sign("≠", "warn")),
        MomentKind::Changed => ("Changed", sign("≠", "warn")),
        MomentKind::Resolved => ("Resolved", sign("✓", "good")),
        MomentKind::Healed => ("Healed", sign("✓", "good")),
        MomentKind::NotHealed => ("Not done", sign("!", "warn")),
        MomentKind::Contested => ("Contested", sign("⇄", "bad")),
        MomentKind::Failed => ("Failed", sign("✕", "bad")),
        MomentKind::Recovered => ("Recovered", sign("✓", "good")),
        MomentKind::SpecChanged => ("Spec changed", sign("→", "calm")),
        MomentKind::SpecBroken => ("Spec broken", sign("✕", "bad")),
        MomentKind::Proposed => ("Plan ready", sign("→", "wish")),
        MomentKind::Applied => ("Applied", sign("✓", "good")),
        MomentKind::LogGroups => ("Log groups", sign("→", "calm")),
    }
}

/// What sort of difference it is, in a word.
pub fn difference(kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::Changed => "changed",
        FindingKind::Missing => "gone",
        FindingKind::Foreign => "attached by others",
        FindingKind::Undeclared => "never declared",
    }
}

/// What is done about drift, in a word and a sentence.
pub fn mode(mode: Mode) -> (&'static str, &'static str) {
    match mode {
        Mode::Observe => ("observe", "Drift is told, nothing is changed."),
        Mode::Propose => ("propose", "A plan is kept ready that a person applies."),
        Mode::Heal => ("heal", "Drift is taken back."),
    }
}

/// `1 spec`, `2 specs`.
pub fn counted(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

/// A time as people say it, with the time of day beside it for whoever wants it.
pub fn time(at: Timestamp, now: Timestamp) -> Markup {
    html! { time datetime=(exact(at)) title=(at.strftime("%A, %-d %B %Y, %H:%M:%S UTC")) { (distance(at, now)) } }
}

/// A time for machines.
pub fn exact(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// How far away it is: `3 min ago`, `in 2 h`.
pub fn distance(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(at).as_secs();
    let (far, is_past) = (seconds.unsigned_abs(), seconds >= 0);
    let text = match far {
        0..=9 => return if is_past { "just now" } else { "in a moment" }.to_owned(),
        10..=89 => format!("{far} s"),
        90..=5_399 => format!("{} min", (far + 30) / 60),
        5_400..=129_599 => format!("{} h", (far + 1_800) / 3_600),
        _ => counted(usize::try_from((far + 43_200) / 86_400).unwrap_or(usize::MAX), "day"),
    };
    if is_past { format!("{text} ago") } else { format!("in {text}") }
}

/// A duration: `340 ms`, `2.5 s`, `3 min`.
pub fn duration(elapsed_ms: u64) -> String {
    let elapsed = SignedDuration::from_millis(i64::try_from(elapsed_ms).unwrap_or(i64::MAX));
    match elapsed_ms {
        0..=999 => format!("{elapsed_ms} ms"),
        1_000..=119_999 => format!("{:.1} s", elapsed.as_secs_f64()),
        _ => format!("{} min", elapsed.as_mins()),
    }
}

/// A value of a setting, as the spec would say it.
pub fn value(value: Option<&serde_json::Value>) -> Markup {
    let Some(value) = value else { return html! { span class="unset" { "not set" } } };
    if value.get("$secret").is_some() {
        return html! { span class="unset" { "secret" } };
    }
    let text = match value {
        serde_json::Value::Object(_) | serde_json::Value::Array(_) => serde_json::to_string_pretty(value).unwrap_or_default(),
        plain => plain.to_string(),
    };
    html! { code { (shortened(&text, LONGEST_VALUE)) } }
}

/// A sentence, in which what stands between backticks is code.
pub fn prose(text: &str) -> Markup {
    let parts: Vec<&str> = text.split('`').collect();
    // A backtick alone is one.
    if parts.len().is_multiple_of(2) {
        return html! { (text) };
    }
    html! { @for (at, part) in parts.iter().enumerate() { @if at.is_multiple_of(2) { (part) } @else { code { (part) } } } }
}

/// The path of a file, which breaks where a folder ends rather than within a name.
pub fn path(text: &str) -> Markup {
    html! { @for part in text.split_inclusive('/') { (part) wbr; } }
}

/// A text, cut where it is longer than so many characters.
pub fn shortened(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((at, _)) => format!("{}…", text[..at].trim_end()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_as_people_do() {
        let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
        let told = |seconds| distance(now + SignedDuration::from_secs(seconds), now);
        assert_eq!(told(0), "just now");
        assert_eq!(told(5), "in a moment");
        assert_eq!([-45, -90, -3_600, -7_000, -200_000].map(told), ["45 s ago", "2 min ago", "60 min ago", "2 h ago", "2 days ago"]);
        assert_eq!(told(600), "in 10 min");
        assert_eq!([0, 999, 1_500, 180_000].map(duration), ["0 ms", "999 ms", "1.5 s", "3 min"]);
    }

    #[test]
    fn code_in_sentences_is_code_and_nothing_else_is_markup() {
        assert_eq!(prose("write `a<b` or `c`.").into_string(), "write <code>a&lt;b</code> or <code>c</code>.");
        assert_eq!(prose("a ` <alone>").into_string(), "a ` &lt;alone&gt;");
        assert_eq!(path("/a/<b>.toml").into_string(), "/<wbr>a/<wbr>&lt;b&gt;.toml<wbr>");
    }

    #[test]
    fn addresses_of_pages_hold_whatever_a_name_is() {
        assert_eq!(of_logs("demo.eu/..", "a<b>\"?#"), "/specs/demo.eu%2F../logs/a%3Cb%3E%22%3F%23");
    }

    #[test]
    fn values_are_harmless_and_not_endless() {
        let script = serde_json::json!("<script>alert(1)</script>");
        assert_eq!(value(Some(&script)).into_string(), "<code>&quot;&lt;script&gt;alert(1)&lt;/script&gt;&quot;</code>");
        assert!(value(Some(&"é".repeat(10_000).into())).into_string().chars().count() < 500);
        assert!(value(None).into_string().contains("not set"));
        assert_eq!(value(Some(&serde_json::json!({ "$secret": "changed" }))).into_string(), "<span class=\"unset\">secret</span>");
    }
}

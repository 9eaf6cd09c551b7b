//! `[[notify]]`: who is told what the daemon finds.

use crate::diagnostic::{Diagnostic, Span};
use crate::model::notify::{Channel, Notify, OCCASIONS, Url, WebhookFormat};
use crate::model::{Field, Path, SecretSource, Shape, Table, Value};
use std::collections::BTreeMap;

/// The key of the section.
pub(crate) const NOTIFY: &str = "notify";

/// Its settings.
pub(crate) const FIELDS: &[Field] = &[
    Field::new(
        "webhook",
        Shape::AnyOf(&[Shape::checked(1, 2048, check_url), Shape::Table(SOURCE)]),
        "The address of a webhook, or where that comes from: whoever knows that of a chat can write there.",
    ),
    Field::new(
        "format",
        Shape::Choice(&["json", "slack"]),
        "What the webhook is sent: lambdo's own document, or a message as Slack takes it.",
    ),
    Field::new("secret", Shape::Table(SOURCE), "Where the secret comes from that signs what the webhook is sent."),
    Field::new("sns", Shape::checked(1, 256, check_topic), "The ARN of an SNS topic."),
    Field::new("event_bus", Shape::checked(1, 1600, check_bus), "The name or ARN of an event bus of EventBridge, in the same region."),
    Field::new(
        "command",
        Shape::List { item: &Shape::text(1, 4096), max: 64 },
        "A program and its arguments; it gets lambdo's document on stdin, in the folder of this file.",
    ),
    Field::new("on", Shape::List { item: &Shape::Choice(OCCASIONS), max: usize::MAX }, "What is told; all of it unless given."),
];

/// Where a secret comes from.
const SOURCE: &[Field] = &[
    Field::new("env", Shape::text(1, 256), "An environment variable."),
    Field::new("file", Shape::text(1, 4096), "A file, relative to this one."),
    Field::new("ssm", Shape::text(1, 2048), "A parameter of the Systems Manager."),
    Field::new("secretsmanager", Shape::text(1, 2048), "A secret of the Secrets Manager."),
    Field::new("key", Shape::text(1, 256), "The key in a secret of the Secrets Manager that is a JSON object."),
];

const CHANNELS: [&str; 4] = ["webhook", "sns", "event_bus", "command"];

fn check_url(text: &str) -> Result<(), String> {
    let Some((_, rest)) = text.split_once("://").filter(|(scheme, _)| ["http", "https"].contains(scheme)) else {
        return Err("must begin with `http://` or `https://`".into());
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    match host {
        "" => Err("has no host".into()),
        host if host.contains('@') => {
            Err("has a user or a password in it; give it as a secret, such as `webhook = { env = \"WEBHOOK_URL\" }`".into())
        }
        _ => Ok(()),
    }
}

fn check_topic(text: &str) -> Result<(), String> {
    let parts: Vec<&str> = text.split(':').collect();
    let is_topic = parts.len() == 6 && parts[0] == "arn" && parts[2] == "sns" && parts[3..].iter().all(|part| !part.is_empty());
    if is_topic { Ok(()) } else { Err("must be the ARN of a topic, such as `arn:aws:sns:eu-central-1:123456789012:alarms`".into()) }
}

/// Names of buses: <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsRequestEntry.html>
fn check_bus(text: &str) -> Result<(), String> {
    let is_arn = text.starts_with("arn:") && text.contains(":events:") && text.contains(":event-bus/");
    let is_name = text.chars().all(|letter| letter.is_ascii_alphanumeric() || "/._-".contains(letter));
    if is_arn || is_name { Ok(()) } else { Err("must be the name of an event bus, such as `default`, or its ARN".into()) }
}

/// The sections as they were read, and what is wrong with them that no single key can know.
pub(crate) fn settings(value: Option<&Value>, spans: &BTreeMap<Path, Span>, findings: &mut Vec<Diagnostic>) -> Vec<Notify> {
    // A lone table is a list of one.
    let items = value.map(|value| value.as_list().unwrap_or(std::slice::from_ref(value))).unwrap_or_default();
    let mut all = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let place = Path::key(NOTIFY).join(&at.to_string());
        let span = |key: &str| spans.get(&place.join(key)).or_else(|| spans.get(&place)).or_else(|| spans.get(&Path::key(NOTIFY))).cloned();
        let Some(table) = item.as_table() else { continue };
        match one(table) {
            Ok(notify) => all.push(notify),
            Err((key, finding)) => findings.push(finding.span(span(key))),
        }
    }
    all
}

/// One entry, or what is wrong with which key of it.
fn one(table: &Table) -> Result<Notify, (&'static str, Diagnostic)> {
    let given: Vec<&'static str> = CHANNELS.into_iter().filter(|key| table.contains_key(*key)).collect();
    let kind = match given[..] {
        [kind] => kind,
        [] => return Err(("on", no_channel())),
        [_, second, ..] => return Err((second, two_channels(&given))),
    };
    if let Some(key) = ["format", "secret"].into_iter().find(|key| kind != "webhook" && table.contains_key(*key)) {
        let detail = format!("`{key}` is about a webhook, and this entry of `notify` has a `{kind}`.");
        return Err((key, Diagnostic::error("unused-key", "A key has nothing to do").detail(detail).hint("leave it out")));
    }
    let is_empty = |key: &str| table.get(key).and_then(Value::as_list).is_some_and(<[Value]>::is_empty);
    if let Some(key) = ["on", "command"].into_iter().find(|key| is_empty(key)) {
        return Err((key, empty(key)));
    }
    let on = table.get("on").map_or_else(|| OCCASIONS.to_vec(), Value::strings);
    Ok(Notify { channel: channel(kind, table)?, on: on.into_iter().map(str::to_owned).collect() })
}

fn channel(kind: &'static str, table: &Table) -> Result<Channel, (&'static str, Diagnostic)> {
    let text = || table.get(kind).and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok(match kind {
        "sns" => Channel::Sns(text()),
        "event_bus" => Channel::EventBus(text()),
        "command" => Channel::Command(table.get(kind).map(Value::strings).unwrap_or_default().into_iter().map(str::to_owned).collect()),
        _ => {
            let url = source(table, "webhook")?.map_or_else(|| Url::Plain(text()), Url::Secret);
            let host = if let Url::Plain(url) = &url { url.split('/').nth(2) } else { None };
            let format = match table.get("format").and_then(Value::as_str) {
                Some("slack") => WebhookFormat::Slack,
                // Slack refuses everything else.
                None if host == Some("hooks.slack.com") => WebhookFormat::Slack,
                _ => WebhookFormat::Json,
            };
            Channel::Webhook { url, format, secret: source(table, "secret")? }
        }
    })
}

fn source(table: &Table, key: &'static str) -> Result<Option<SecretSource>, (&'static str, Diagnostic)> {
    let Some(source) = table.get(key).and_then(Value::as_table) else { return Ok(None) };
    let wrong = |why| Diagnostic::error("invalid-secret", "A secret is not told from where").detail(format!("`{key}` of `notify` {why}."));
    SecretSource::from_table(source).map(Some).map_err(|why| (key, wrong(why)))
}

fn empty(key: &str) -> Diagnostic {
    let found = Diagnostic::error("empty-list", "A list is empty");
    match key {
        "on" => found
            .detail("`on` of an entry of `notify` is empty, so that this entry would tell nobody of anything.")
            .hint("leave it out to be told of everything, or leave the entry out"),
        _ => found
            .detail("`command` of an entry of `notify` is empty, so that there is no program to run.")
            .hint("name a program, such as `command = [\"./page.sh\"]`"),
    }
}

fn no_channel() -> Diagnostic {
    Diagnostic::error("missing-key", "A key is missing")
        .detail("An entry of `notify` says where people are told, and this one has none of `webhook`, `sns`, `event_bus` and `command`.")
        .hint("for a chat: `webhook = { env = \"SLACK_WEBHOOK_URL\" }` and `format = \"slack\"`")
}

fn two_channels(given: &[&str]) -> Diagnostic {
    let named = given.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(" and ");
    Diagnostic::error("two-channels", "Two ways to tell in one entry")
        .detail(format!("This entry of `notify` has {named}; each entry is one way."))
        .hint("write a `[[notify]]` of its own for each")
}

/// The sections as `lambdo spec` prints them.
pub(crate) fn tables(all: &[Notify]) -> Vec<Value> {
    all.iter().map(|one| Value::Table(table(one))).collect()
}

fn table(notify: &Notify) -> Table {
    let mut table = Table::new();
    let mut put = |key: &str, value: Value| drop(table.insert(key.to_owned(), value));
    match &notify.channel {
        Channel::Webhook { url, format, secret } => {
            match url {
                Url::Plain(url) => put("webhook", url.as_str().into()),
                Url::Secret(source) => put("webhook", Value::Table(source.to_table())),
            }
            put("format", if *format == WebhookFormat::Slack { "slack" } else { "json" }.into());
            secret.iter().for_each(|source| put("secret", Value::Table(source.to_table())));
        }
        Channel::Sns(topic) => put("sns", topic.as_str().into()),
        Channel::EventBus(bus) => put("event_bus", bus.as_str().into()),
        Channel::Command(words) => put("command", Value::string_list(words)),
    }
    let on: Vec<&str> = OCCASIONS.iter().copied().filter(|occasion| notify.on.contains(*occasion)).collect();
    put("on", Value::string_list(&on));
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chat_of_slacks_is_known_by_its_host() {
        let format = |url: &str| {
            let Channel::Webhook { format, .. } = channel("webhook", &Table::from_iter([("webhook".to_owned(), url.into())])).unwrap()
            else {
                panic!("no webhook")
            };
            format
        };
        assert_eq!(format("https://hooks.slack.com/services/x"), WebhookFormat::Slack);
        assert_eq!(format("https://example.com/hooks.slack.com"), WebhookFormat::Json);
    }
}

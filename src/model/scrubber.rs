//! Keeps what is secret out of everything that is shown or written down.
//!
//! Texts come from outside: AWS quotes what it does not like, whole, cut, or escaped. So a secret is looked for in
//! pieces, not only as a whole. A secret that is no more than a word, such as `true` or the project's name, would hide
//! half of every text and tear names apart: words that are shown anyway stay, other short ones are hidden as words.

mod notations;
mod public;
mod words;

use super::{Table, Value};
use notations::{escapes, in_base64, readings};
use public::Public;
use serde_json::Value as Json;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// A piece of a secret that is this long, in bytes, is taken for the secret.
const SECRET_PIECE: usize = 12;
/// The same for values that are no secrets, such as ordinary variables: a shorter piece is often an ARN or a path.
const VALUE_PIECE: usize = 32;
const SECRET: &str = "(secret)";
const VALUE: &str = "(value)";

/// Knows what must not be told. Clones share what they know.
#[derive(Clone, Default)]
pub struct Scrubber(Arc<RwLock<Known>>);

#[derive(Default)]
struct Known {
    /// The secrets in all notations.
    texts: BTreeSet<String>,
    /// Names that are shown anyway.
    public: Public,
    /// The pieces of these, as of when somebody last looked.
    secrets: Pieces,
    is_indexed: bool,
    /// Values on their way to AWS, by a number for each request.
    passing: BTreeMap<u64, Pieces>,
    next: u64,
}

/// Texts, and the pieces that long ones are found by.
#[derive(Default)]
struct Pieces {
    whole: Vec<String>,
    length: usize,
    /// Each piece as the number of its text and where it begins there, sorted by what it says.
    sorted: Vec<(usize, usize)>,
}

/// Keeps values from being told in errors until it is dropped.
pub struct Concealed {
    scrubber: Scrubber,
    number: u64,
}

impl Drop for Concealed {
    fn drop(&mut self) {
        self.scrubber.write().passing.remove(&self.number);
    }
}

impl Scrubber {
    /// Never tells this text from now on, in whatever notation.
    pub fn learn(&self, secret: &str) {
        let mut known = self.write();
        for text in escapes(secret).into_iter().chain(in_base64(secret)) {
            let is_new = known.texts.insert(text);
            known.is_indexed &= !is_new;
        }
    }

    /// Shows these names whatever the secrets are: projects, addresses, what AWS calls our resources.
    pub fn publish<'a>(&self, names: impl IntoIterator<Item = &'a str>) {
        let mut known = self.write();
        names.into_iter().for_each(|name| known.public.add(name));
        known.is_indexed = false;
    }

    /// Whether a secret is too short, or too much like a name that is shown anyway, to be kept out of texts.
    pub fn is_too_weak(&self, secret: &str) -> bool {
        escapes(secret).is_empty() || self.read().public.says(secret)
    }

    /// Keeps values out of errors for as long as the answer lives: they may be shown elsewhere, but AWS's quote of them
    /// ends up in logs.
    pub fn conceal<'a>(&self, values: impl IntoIterator<Item = &'a str>) -> Concealed {
        let texts = values.into_iter().flat_map(escapes).collect();
        let mut known = self.write();
        let number = known.next;
        known.next += 1;
        known.passing.insert(number, Pieces::new(texts, VALUE_PIECE));
        Concealed { scrubber: self.clone(), number }
    }

    /// The text without secrets.
    pub fn clean<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let known = self.read();
        known.secrets.without(text, SECRET, &|token| known.public.has(token))
    }

    /// A document whose texts have no secrets. Before it is written: a secret may look like a part of the notation.
    pub fn clean_json(&self, document: &Json) -> Json {
        match document {
            Json::String(text) => self.clean(text).into_owned().into(),
            Json::Array(items) => items.iter().map(|item| self.clean_json(item)).collect(),
            Json::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), self.clean_json(value))).collect(),
            other => other.clone(),
        }
    }

    /// A value whose texts have no secrets. What it is named by stays, and so does what only a hash is known of.
    pub fn clean_value(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => self.clean(text).into_owned().into(),
            Value::List(items) => Value::List(items.iter().map(|item| self.clean_value(item)).collect()),
            Value::Table(table) => Value::Table(self.clean_table(table)),
            other => other.clone(),
        }
    }

    /// The same for each value of a table.
    pub fn clean_table(&self, table: &Table) -> Table {
        table.iter().map(|(key, value)| (key.clone(), self.clean_value(value))).collect()
    }

    /// Whether a secret stands in a value.
    pub fn knows(&self, value: &Value) -> bool {
        self.clean_value(value) != *value
    }

    /// What AWS said, without secrets and without values that are under way.
    pub fn clean_error(&self, text: &str) -> String {
        let known = self.read();
        let text = known.secrets.without(text, SECRET, &|token| known.public.has(token)).into_owned();
        let is_name = |token: &str| known.public.has(token) || words::is_of_aws(token);
        known.passing.values().fold(text, |text, pieces| pieces.without(&text, VALUE, &is_name).into_owned())
    }

    /// What is known, with all pieces sorted: thousands of secrets may have been learned one after the other.
    fn read(&self) -> RwLockReadGuard<'_, Known> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if known.is_indexed || known.texts.is_empty() {
            return known;
        }
        drop(known);
        let mut known = self.write();
        let hidden = known.texts.iter().filter(|text| !known.public.says(text)).cloned();
        known.secrets = Pieces::new(hidden.collect(), SECRET_PIECE);
        known.is_indexed = true;
        drop(known);
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pieces {
    fn new(mut whole: Vec<String>, length: usize) -> Self {
        // A text may be part of another.
        whole.sort_by_key(|text| std::cmp::Reverse(text.len()));
        let mut pieces = Self { whole, length, sorted: Vec::new() };
        let begins = |text: &String| 0..(text.len() + 1).saturating_sub(length);
        let mut sorted: Vec<(usize, usize)> =
            pieces.whole.iter().enumerate().flat_map(|(number, text)| begins(text).map(move |at| (number, at))).collect();
        sorted.sort_unstable_by(|one, other| pieces.piece(*one).cmp(pieces.piece(*other)));
        sorted.dedup_by(|one, other| pieces.piece(*one) == pieces.piece(*other));
        pieces.sorted = sorted;
        pieces
    }

    fn piece(&self, (number, at): (usize, usize)) -> &[u8] {
        &self.whole[number].as_bytes()[at..at + self.length]
    }

    /// The text without them in any notation, but for what stands in a name: `is_name` is asked about the words around them.
    fn without<'a>(&self, text: &'a str, word: &str, is_name: &dyn Fn(&str) -> bool) -> Cow<'a, str> {
        if self.whole.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut hidden = self.hidden_in(text, is_name);
        for plain in readings(text) {
            hidden.extend(self.hidden_in(&plain.text, is_name).into_iter().map(|stretch| plain.origin(stretch)));
        }
        if hidden.is_empty() { Cow::Borrowed(text) } else { Cow::Owned(replaced(text, hidden, word)) }
    }

    fn hidden_in(&self, text: &str, is_name: &dyn Fn(&str) -> bool) -> Vec<(usize, usize)> {
        let mut tokens = Tokens { text, is_name, last: (0..0, false) };
        let found = self.whole_ones(text).into_iter().chain(self.pieces_in(text));
        found.filter(|(start, end)| !tokens.is_named(*start, *end)).collect()
    }

    /// Where a whole text stands that is too short to have pieces.
    fn whole_ones(&self, text: &str) -> Vec<(usize, usize)> {
        let short = self.whole.iter().filter(|whole| whole.len() < self.length);
        let found = short.flat_map(|whole| text.match_indices(whole.as_str()).map(|(at, found)| (at, at + found.len())));
        found.filter(|(start, end)| !words::is_common(&text[*start..*end]) || words::stands_alone(text, *start, *end)).collect()
    }

    fn pieces_in<'a>(&'a self, text: &'a str) -> impl Iterator<Item = (usize, usize)> + 'a {
        let windows = text.as_bytes().windows(self.length.max(1)).enumerate().filter(|_| !self.sorted.is_empty());
        let is_known = |piece: &[u8]| self.sorted.binary_search_by(|known| self.piece(*known).cmp(piece)).is_ok();
        windows.filter(move |(_, piece)| is_known(piece)).map(|(at, piece)| (at, at + piece.len()))
    }
}

/// Whether stretches of a text stand in names. Thousands of pieces of one long secret stand in the same word.
struct Tokens<'a> {
    text: &'a str,
    is_name: &'a dyn Fn(&str) -> bool,
    /// The last word without a gap, and whether it is a name.
    last: (Range<usize>, bool),
}

impl Tokens<'_> {
    fn is_named(&mut self, start: usize, end: usize) -> bool {
        let (range, is_named) = &self.last;
        if range.start <= start && end <= range.end {
            return *is_named;
        }
        let range = words::token_around(self.text, start, end);
        let token = &self.text[range.clone()];
        let is_named = (self.is_name)(token.trim_end_matches(['.', ':', '/']));
        if token.chars().all(words::is_of_tokens) {
            self.last = (range, is_named);
        }
        is_named
    }
}

/// The text with one word for each stretch that is hidden; stretches that touch are one.
fn replaced(text: &str, mut hidden: Vec<(usize, usize)>, word: &str) -> String {
    hidden.sort_unstable();
    let (mut output, mut told_to) = (String::with_capacity(text.len()), 0);
    for (start, end) in hidden {
        let start = text.floor_char_boundary(start);
        let end = text.ceil_char_boundary(end);
        if start > told_to || (start == 0 && told_to == 0) {
            output.push_str(&text[told_to..start]);
            output.push_str(word);
        }
        told_to = told_to.max(end);
    }
    output.push_str(&text[told_to..]);
    output
}

#[cfg(test)]
mod tests {
    use super::notations::SHORTEST;
    use super::*;
    use base64::Engine as _;
    use proptest::prelude::*;

    fn knowing(secrets: &[&str]) -> Scrubber {
        let scrubber = Scrubber::default();
        secrets.iter().for_each(|secret| scrubber.learn(secret));
        scrubber
    }

    #[test]
    fn a_secret_is_hidden_whole_cut_escaped_and_broken_into_lines() {
        let secret = "correct \"horse\" battery\nstaple over the moon";
        let scrubber = knowing(&[secret, "hunter2"]);
        for (text, clean) in [
            (secret.to_owned(), "(secret)"),
            (format!("{secret:?}!"), "\"(secret)\"!"),
            ("starts with correct \"horse\" bat... (cut)".to_owned(), "starts with (secret)... (cut)"),
            ("value: staple over the moon;".to_owned(), "value:(secret);"),
            ("password hunter2 hunter22 x=hunter2&".to_owned(), "password (secret) hunter22 x=(secret)&"),
            ("nothing of it".to_owned(), "nothing of it"),
        ] {
            let cleaned = scrubber.clean(&text);
            assert!(!cleaned.contains("horse") && !cleaned.contains("staple"), "{cleaned}");
            assert_eq!(cleaned.replace(": (secret)", ":(secret)"), clean.replace(": (secret)", ":(secret)"), "{text}");
        }
        assert_eq!(knowing(&["abc"]).clean("abcdef"), "abcdef");
    }

    #[test]
    fn a_secret_is_hidden_in_the_notations_of_addresses_pages_and_base64() {
        let secret = "p&ss <word>=\"42\"/é";
        let scrubber = knowing(&[secret]);
        for encoded in [
            "p%26ss%20%3Cword%3E%3D%2242%22%2F%C3%A9",
            "p%26ss+%3Cword%3E%3D%2242%22%2F%C3%A9",
            "p&amp;ss &lt;word&gt;=&quot;42&quot;/é",
            "p&amp;ss &lt;word&gt;=&#34;42&#34;/é",
        ] {
            assert_eq!(scrubber.clean(&format!("<{encoded}>")), "<(secret)>", "{encoded}");
        }
        for before in ["", "a", "ab", "abc"] {
            let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{before}{secret} and more"));
            let clean = scrubber.clean(&encoded).into_owned();
            assert!(clean.contains("(secret)") && clean.len() < 32, "{encoded} became {clean}");
        }
    }

    /// Ways in which a character can be written, each used for some of them.
    #[test]
    fn a_secret_is_hidden_however_each_of_its_characters_is_written() {
        let every = |text: &str, is_written: &dyn Fn(char) -> bool, how: &dyn Fn(char) -> String| -> String {
            text.chars().map(|one| if is_written(one) { how(one) } else { one.to_string() }).collect()
        };
        let percent = |lower: bool| {
            move |one: char| {
                let bytes = one.to_string().into_bytes();
                let hex = |byte: &u8| if lower { format!("%{byte:02x}") } else { format!("%{byte:02X}") };
                bytes.iter().map(hex).collect::<String>()
            }
        };
        let units = |one: char| one.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect::<String>();
        let ways: [&dyn Fn(char) -> String; 9] = [
            &units,
            &|one| format!("\\u{{{:x}}}", u32::from(one)),
            &|one| format!("\\U{:08X}", u32::from(one)),
            &|one| if one.is_alphanumeric() { one.to_string() } else { format!("\\{one}") },
            &percent(true),
            &percent(false),
            &|one| format!("&#{};", u32::from(one)),
            &|one| format!("&#x{:X};", u32::from(one)),
            &|one| if one == ' ' { "+".to_owned() } else { percent(true)(one) },
        ];
        for secret in ["Xy7pa&ss<wo>rd&0123<45>67&89ab", "kP&9<x>=/Z'q+w\"8 %41", "é\\n 日本🔑", "p&s%"] {
            let scrubber = knowing(&[secret]);
            let selections: [&dyn Fn(char) -> bool; 2] = [&|one| !one.is_ascii_alphanumeric(), &|one| one != 'a'];
            for (number, how) in ways.iter().enumerate() {
                for is_written in selections {
                    let once = every(secret, is_written, how);
                    assert_eq!(scrubber.clean(&format!("<{once}>")), "<(secret)>", "{number}: {once}");
                    for (other, again) in ways.iter().enumerate() {
                        let twice = every(&once, &|one| !one.is_ascii_alphanumeric(), again);
                        let clean = scrubber.clean(&format!("<{twice}>")).into_owned();
                        assert_eq!(clean, "<(secret)>", "{number}, {other}: {twice}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_secret_is_hidden_in_json_that_has_nothing_but_ascii() {
        for secret in ["Geheimnis-äöü-日本語-🔑", "äöü日", "pä\"ß"] {
            let scrubber = knowing(&[secret]);
            for upper in [false, true] {
                let units = secret.encode_utf16().map(|unit| match u8::try_from(unit) {
                    Ok(b'"') => "\\\"".to_owned(),
                    Ok(byte) if byte.is_ascii() => char::from(byte).to_string(),
                    _ if upper => format!("\\u{unit:04X}"),
                    _ => format!("\\u{unit:04x}"),
                });
                let quoted = units.collect::<String>();
                assert_eq!(scrubber.clean(&format!("{{\"TOKEN\":\"{quoted}\"}}")), "{\"TOKEN\":\"(secret)\"}", "{quoted}");
                let twice = quoted.replace('\\', "\\\\").replace('"', "\\\"");
                assert!(!scrubber.clean(&format!("<{twice}>")).contains("\\u"), "{twice}");
            }
        }
    }

    #[test]
    fn values_are_hidden_in_errors_while_they_are_under_way() {
        let scrubber = Scrubber::default();
        let concealed = scrubber.conceal(["hunter2", "hunter2-long", "an", "12345"]);
        let message = "Value hunter2-long at 'environment' fails, and so do hunter2 and 12345";
        assert_eq!(scrubber.clean_error(message), "Value (value) at 'environment' fails, and so do (value) and (value)");
        assert_eq!(scrubber.clean(message), message);
        drop(concealed);
        assert_eq!(scrubber.clean_error(message), message);
    }

    #[test]
    fn a_secret_that_is_a_word_tears_no_name_apart() {
        let scrubber = knowing(&["demo", "hello", "create", "info", "hunter2"]);
        scrubber.publish(["demo", "function.hello", "demo-hello", "arn:aws:lambda:eu-central-1:123456789012:function:demo-hello"]);
        for text in [
            "create function.hello (demo-hello) in project demo",
            "arn:aws:lambda:eu-central-1:123456789012:function:demo-hello is there",
            "state/demo.json holds informations",
        ] {
            assert_eq!(scrubber.clean(text), text);
        }
        assert_eq!(scrubber.clean("TOKEN=hunter2, LEVEL=info, \\ninfo %3Dinfo"), "TOKEN=(secret), LEVEL=(secret), \\n(secret) %3D(secret)");
        for (secret, is_too_weak) in [("demo", true), ("create", true), ("abc", true), ("info", false), ("hunter2", false)] {
            assert_eq!(scrubber.is_too_weak(secret), is_too_weak, "{secret}");
        }
        // Half of a secret is no name, even where the whole of a name is a part of it.
        let scrubber = knowing(&["demo-hello-9f2c1b7a"]);
        scrubber.publish(["demo-hello"]);
        assert_eq!(scrubber.clean("demo-hello has demo-hello-9f2c1b7a"), "demo-hello has (secret)");
    }

    #[test]
    fn the_words_of_documents_are_public() {
        let mut words = Vec::new();
        for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/schemas")).unwrap() {
            let path = file.unwrap().path();
            // What may stand in a spec is the user's to say.
            if !path.ends_with("config.schema.json") {
                enumerated(&serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap(), &mut words);
            }
        }
        let scrubber = Scrubber::default();
        let torn: Vec<&String> = words.iter().filter(|word| word.chars().count() >= SHORTEST && !scrubber.is_too_weak(word)).collect();
        assert!(words.len() > 50 && torn.is_empty(), "{torn:?}");
    }

    fn enumerated(schema: &Json, words: &mut Vec<String>) {
        match schema {
            Json::Object(fields) => {
                let named = fields.get("enum").and_then(Json::as_array).into_iter().flatten().chain(fields.get("const"));
                words.extend(named.filter_map(Json::as_str).map(str::to_owned));
                fields.values().for_each(|field| enumerated(field, words));
            }
            Json::Array(items) => items.iter().for_each(|item| enumerated(item, words)),
            _ => {}
        }
    }

    #[test]
    fn values_leave_what_aws_calls_things_whole() {
        let scrubber = Scrubber::default();
        let _concealed = scrubber.conceal(["eu-central-1", "lambda", "user"]);
        let message = "User: arn:aws:iam::1:user/a is not authorized to perform: lambda:GetPolicy on resource: arn:aws:lambda:eu-central-1:1:function:a";
        assert_eq!(scrubber.clean_error(message), message);
        assert_eq!(scrubber.clean_error("{REGION=eu-central-1,MODE=lambda}"), "{REGION=(value),MODE=(value)}");
    }

    #[test]
    fn a_large_secret_that_is_quoted_in_part_is_found() {
        let secret: String = (0..30_000_u32).map(|number| char::from(b'a' + u8::try_from(number * number % 26).unwrap())).collect();
        let scrubber = knowing(&[&secret]);
        let text = format!("'environment' failed: {}... is too long", &secret[100..9_000]);
        assert_eq!(scrubber.clean(&text), "'environment' failed: (secret)... is too long");
    }

    proptest! {
        #[test]
        fn no_text_keeps_a_secret_and_other_texts_stay(before in ".{0,20}", secret in ".{4,40}", after in ".{0,20}") {
            let scrubber = knowing(&[&secret]);
            let text = format!("{before} {secret} {after}");
            let clean = scrubber.clean(&text);
            prop_assert!(!clean.contains(&secret) || "(secret)".contains(&secret), "{clean}");
            scrubber.clean(&format!("\\{before}%{secret}&{after};\\u"));
            let nothing = Scrubber::default();
            let same = nothing.clean(&text);
            prop_assert_eq!(same.as_ref(), text.as_str());
        }
    }
}

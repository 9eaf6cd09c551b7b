//! The slips of people who do not write TOML every day, told by what stands there.

use super::syntax::{header_path, line_at, line_end, line_start};
use super::tree::Source;
use super::wanted::number_hint;
use crate::diagnostic::{Diagnostic, Span};
use crate::model::Path;

/// What is wrong and where; `parser` is what the parser says of it.
pub(crate) fn explain(source: &Source, parser: &str, span: Span) -> Diagnostic {
    let slip = Slip { source, span };
    let found = match parser {
        _ if ["string values must be quoted", "invalid boolean", "invalid float", "invalid integer"]
            .iter()
            .any(|said| parser.starts_with(said)) =>
        {
            slip.bare_value()
        }
        _ if parser.contains("leading zero") => Some(slip.leading_zero()),
        _ if parser.contains("escape") || parser.contains("unicode value") => Some(slip.escape()),
        _ if parser.contains("non-double-quote visible") || parser.contains("non-single-quote visible") => Some(slip.control_character()),
        _ if parser.starts_with("invalid multi-line")
            || parser.starts_with("invalid basic string")
            || parser.starts_with("invalid literal string") =>
        {
            Some(slip.open_text())
        }
        _ if parser.contains("recursion") => Some(told("Lists and tables are nested more than 80 deep.", slip.span.clone())),
        _ if is_bracket(parser) => Some(slip.open_bracket(parser)),
        _ if parser.starts_with("unclosed table") => Some(slip.open_header()),
        _ if parser.starts_with("unexpected key or value") => slip.rest_of_line(),
        _ => slip.no_key(),
    };
    found.unwrap_or_else(|| told(sentence(parser), slip.span.clone()))
}

/// Whether the error comes from a `{` or `[` that is not closed, so that the parser is lost for a while.
pub(crate) fn is_bracket(parser: &str) -> bool {
    parser.starts_with("missing comma") || parser.starts_with("unclosed array") || parser.starts_with("unclosed inline table")
}

/// A file that is in another format altogether: its name, and where that shows.
pub(crate) fn other_format(source: &Source) -> Option<Diagnostic> {
    let text = source.text.trim_start_matches('\u{feff}');
    let shift = source.text.len() - text.len();
    let mut at = shift;
    let first = text.split_inclusive('\n').find(|line| {
        let is_first = !line.trim().is_empty() && !line.trim_start().starts_with('#');
        at += if is_first { 0 } else { line.len() };
        is_first
    })?;
    let line = first.trim();
    let name = if line.starts_with('{') {
        "JSON"
    } else if line == "---" || is_yaml(line) {
        "YAML"
    } else if line.starts_with("resource ") || line.starts_with("terraform ") || line.starts_with("provider ") {
        "HCL"
    } else {
        return None;
    };
    let start = at + (first.len() - first.trim_start().len());
    Some(
        Diagnostic::error("not-toml", format!("The file is {name}, not TOML"))
            .detail(format!(
                "The spec is written in TOML: `key = value`, below headers such as `[function.hello]`. This looks like {name}."
            ))
            .hint("`lambdo init` writes a spec for the programs of a folder")
            .span(source.span(start..start + line.len())),
    )
}

/// `key: value`, or `key:` alone.
fn is_yaml(line: &str) -> bool {
    let Some((key, rest)) = line.split_once(':') else { return false };
    let is_key = !key.is_empty() && key.chars().all(|letter| letter.is_alphanumeric() || "_-\"".contains(letter));
    is_key && !line.contains('=') && (rest.is_empty() || rest.starts_with(' '))
}

struct Slip<'a> {
    source: &'a Source,
    span: Span,
}

impl Slip<'_> {
    fn line(&self) -> &str {
        line_at(&self.source.text, self.span.start)
    }

    fn line_start(&self) -> usize {
        line_start(&self.source.text, self.span.start)
    }

    /// What stands before and after the place in its line.
    fn around(&self) -> (&str, &str) {
        let line = self.line();
        line.split_at_checked(self.span.start - self.line_start()).unwrap_or((line, ""))
    }

    /// The key that a value belongs to.
    fn key(&self) -> &str {
        let before = self.around().0;
        let before = before.trim_end().strip_suffix('=').unwrap_or(before).trim_end();
        before.rsplit(|letter: char| letter.is_whitespace() || "{,.".contains(letter)).next().unwrap_or_default()
    }

    /// The value up to a comment or to what ends it in an inline table.
    fn value(&self) -> &str {
        let rest = self.around().1;
        rest[..rest.find(['#', ',', '}', ']']).unwrap_or(rest.len())].trim()
    }

    fn covering(&self, start: usize, text: &str) -> Span {
        self.source.span(start..start + text.len())
    }

    /// A word without quotes.
    fn bare_value(&self) -> Option<Diagnostic> {
        let (key, value) = (self.key(), self.value());
        let place = self.covering(self.span.start, value);
        let plain = value.trim_matches(['“', '”', '„', '‘', '’', '\'', '"']);
        Some(match value.to_lowercase().as_str() {
            "" => told(format!("`{key}` has no value."), place).hint(format!("write one, such as `{key} = \"…\"`, or remove the line")),
            "null" | "nil" | "none" | "undefined" => {
                told(format!("`{value}` is no value of TOML."), place).hint(format!("what is not wanted is left out: remove `{key}`"))
            }
            "true" | "yes" | "on" => told(format!("`{value}` is no value of TOML."), place).hint(format!("write `{key} = true`")),
            "false" | "no" | "off" => told(format!("`{value}` is no value of TOML."), place).hint(format!("write `{key} = false`")),
            _ if plain.len() < value.len() => told(format!("`{value}` has typographic quotes; TOML takes `\"` or `'`."), place)
                .hint(format!("write `{key} = \"{plain}\"`")),
            _ if value.contains('=') => told(format!("`{value}` stands behind `{key} =`; each key has a line of its own."), place),
            _ if value.starts_with(|letter: char| letter.is_ascii_digit()) => return Some(self.number_with_more(value, place)),
            _ => told(format!("`{value}` is text, and text stands in quotes."), place).hint(format!("write `{key} = \"{value}\"`")),
        })
    }

    fn number_with_more(&self, value: &str, place: Span) -> Diagnostic {
        let key = self.key();
        let finding = told(format!("`{value}` is neither a number nor text in quotes."), place);
        match number_hint(value, &Path::key(key)) {
            Some(hint) => finding.hint(format!("`{key}`: {hint}")),
            None => finding.hint(format!("for text write `{key} = \"{value}\"`; numbers have no units")),
        }
    }

    fn leading_zero(&self) -> Diagnostic {
        let value = self.value();
        told(format!("`{value}` begins with a zero, which no number does."), self.covering(self.span.start, value))
            .hint(format!("write `{}`, or `\"{value}\"` for text", value.trim_start_matches('0')))
    }

    fn escape(&self) -> Diagnostic {
        let line = self.line();
        let at = line[..(self.span.start - self.line_start()).min(line.len())].rfind('\\');
        let start = at.map_or(self.span.start, |at| self.line_start() + at);
        told("In text with `\"`, a backslash begins an escape such as `\\n`.", self.covering(start, "\\"))
            .hint("paths are written with `/`, also on Windows")
            .hint("for a backslash itself: `\\\\`, or text with `'`, which knows no escapes")
    }

    fn control_character(&self) -> Diagnostic {
        let character = self.source.text[self.span.start..].chars().next().unwrap_or_default();
        told(format!("The text has the control character U+{:04X}.", u32::from(character)), self.span.clone())
            .hint(format!("remove it, or write it as `\\u{:04X}`", u32::from(character)))
    }

    fn open_text(&self) -> Diagnostic {
        let before = &self.source.text[..self.span.start];
        let opened = ["\"\"\"", "'''"].into_iter().filter_map(|quotes| Some((before.rfind(quotes)?, quotes))).max();
        if let Some((start, quotes)) = opened.filter(|(_, quotes)| before.matches(quotes).count() % 2 == 1) {
            return told(format!("The text is not closed: `{quotes}` is missing at its end."), self.covering(start, quotes));
        }
        let line = self.line();
        let before = &line[..(self.span.start - self.line_start()).min(line.len())];
        let quote = if before.contains('"') { '"' } else { '\'' };
        let start = before.find(quote).unwrap_or(before.len());
        told(format!("The text is not closed: `{quote}` is missing at its end."), self.covering(self.line_start() + start, &line[start..]))
    }

    /// The parser stops at the next key or at the end, far from where the bracket is missing.
    fn open_bracket(&self, parser: &str) -> Diagnostic {
        let close = if parser.contains("array") { "]" } else { "}" };
        let text = &self.source.text;
        let before = text[..self.span.start].trim_end();
        let last = before.chars().next_back().map_or(0, char::len_utf8);
        let place = self.source.span(before.len() - last..before.len());
        let next = text[self.span.start..].lines().next().unwrap_or_default().trim();
        let next = if next.is_empty() { String::new() } else { format!(" before `{next}`") };
        told(format!("A `{close}` that closes, or a `,`, is missing{next}."), place)
    }

    fn open_header(&self) -> Diagnostic {
        let line = self.line().trim();
        match header_path(line) {
            Some(path) => {
                let name = path.rsplit('.').next().unwrap_or_default().to_owned();
                told(format!("The header has a space: `{name}`."), self.covering(self.line_start(), line))
                    .hint(format!("names have letters, digits, `_` and `-`: `[{}]`", path.replace(' ', "-")))
            }
            None => told("The header is not closed: `]` is missing.", self.covering(self.line_start(), line))
                .hint(format!("write `{}]`", line.split('#').next().unwrap_or(line).trim_end())),
        }
    }

    /// Something stands behind a complete value.
    fn rest_of_line(&self) -> Option<Diagnostic> {
        let (before, rest) = self.around();
        let rest = rest.trim_end();
        let place = self.covering(self.span.start, rest);
        if rest.starts_with("//") {
            return Some(told("A comment begins with `#`.", place).hint(format!("write `# {}`", rest.trim_start_matches('/').trim())));
        }
        if [";", ","].contains(&rest) {
            return Some(told(format!("A line ends without `{rest}`."), place).hint(format!("remove the `{rest}`")));
        }
        if header_path(before.trim()).is_some() {
            return Some(told("A header stands alone on its line.", place).hint("write what follows it on the next line"));
        }
        let (key, value) = before.split_once('=')?;
        let (key, whole) = (key.trim(), format!("{} {rest}", value.trim()));
        match number_hint(&whole, &Path::key(key)) {
            Some(hint) => Some(told(format!("`{whole}` is neither a number nor text in quotes."), place).hint(format!("`{key}`: {hint}"))),
            None => Some(told(format!("`{rest}` stands behind the value of `{key}`; each key has a line of its own."), place)),
        }
    }

    /// A line that is neither a header nor a key with its value.
    fn no_key(&self) -> Option<Diagnostic> {
        let line = self.line().trim();
        let place = self.covering(self.line_start() + self.line().find(line).unwrap_or_default(), line);
        if line.starts_with("//") {
            return Some(told("A comment begins with `#`.", place).hint(format!("write `# {}`", line.trim_start_matches('/').trim())));
        }
        if let Some(path) = header_path(line) {
            return Some(
                told(format!("`{path}` has a character that needs quotes."), place)
                    .hint("names have letters from a to z, digits, `_` and `-`"),
            );
        }
        let (key, value) = line.split_once(':').unwrap_or((line, ""));
        let is_key = |key: &str| !key.is_empty() && key.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-.".contains(letter));
        if is_key(key) && line.contains(':') {
            let hint = format!("write `{key} = {}`", value.trim());
            return Some(told("A key and its value have `=` between them, not `:`.", place).hint(hint));
        }
        is_key(line).then(|| told(format!("`{line}` has no value."), place).hint(format!("write `{line} = …`, or remove the line")))
    }
}

/// The end of what an unclosed bracket makes unreadable: where it is closed before the next header, or the end.
pub(crate) fn end_of_confusion(text: &str, start: usize) -> usize {
    let mut at = line_end(text, start);
    for line in text[at..].split_inclusive('\n') {
        if line.starts_with('[') {
            break;
        }
        at += line.len();
        if line.trim_start().starts_with(['}', ']']) {
            return at;
        }
    }
    text.len()
}

fn told(detail: impl Into<String>, span: Span) -> Diagnostic {
    Diagnostic::error("syntax", "This is not valid TOML").detail(detail).span(span)
}

fn sentence(message: &str) -> String {
    let mut letters = message.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}

//! Filter patterns over messages that are JSON: `{ ($.level = "error") && ($.took_ms > 100) }`.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html>

use super::checks::invalid;
use super::pattern::quoted_text;
use crate::local::error::ApiError;
use serde_json::Value;

/// A condition.
#[derive(Clone, Debug, PartialEq)]
pub enum JsonPattern {
    /// `||`
    Any(Vec<JsonPattern>),
    /// `&&`
    All(Vec<JsonPattern>),
    /// A field against a value.
    Compare(Vec<Step>, Comparison, Operand),
    /// `IS TRUE`, `IS FALSE`, `IS NULL`
    Is(Vec<Step>, Value),
    /// `NOT EXISTS`
    Missing(Vec<Step>),
}

/// A step of a selector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// `.name`
    Member(String),
    /// `[0]`
    Index(usize),
}

/// How a field is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `!=`
    Different,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// The longer signs first, so that none is taken for its start.
const COMPARISONS: [(&str, Comparison); 6] = [
    ("!=", Comparison::Different),
    ("<=", Comparison::LessOrEqual),
    (">=", Comparison::GreaterOrEqual),
    ("=", Comparison::Equal),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

/// What a field is compared with.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// A number.
    Number(f64),
    /// A text, in which `*` stands for anything.
    Text(String),
}

impl JsonPattern {
    /// Reads a pattern with its braces.
    ///
    /// # Errors
    /// `InvalidParameterException` where it is malformed.
    pub fn parse(text: &str) -> Result<Self, ApiError> {
        let inside = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
        let parsed = inside.and_then(|inside| Reader { rest: inside.trim() }.whole());
        parsed.ok_or_else(|| invalid(format!("Invalid filter pattern: {text}")))
    }

    /// Whether a message is JSON and like that.
    pub fn matches(&self, message: &str) -> bool {
        serde_json::from_str(message).is_ok_and(|document| self.holds(&document))
    }

    fn holds(&self, document: &Value) -> bool {
        match self {
            Self::Any(parts) => parts.iter().any(|part| part.holds(document)),
            Self::All(parts) => parts.iter().all(|part| part.holds(document)),
            Self::Is(path, value) => select(document, path) == Some(value),
            Self::Missing(path) => select(document, path).is_none(),
            Self::Compare(path, comparison, operand) => select(document, path).is_some_and(|value| compare(value, *comparison, operand)),
        }
    }
}

fn select<'a>(document: &'a Value, path: &[Step]) -> Option<&'a Value> {
    path.iter().try_fold(document, |value, step| match step {
        Step::Member(name) => value.get(name),
        Step::Index(index) => value.get(index),
    })
}

fn compare(value: &Value, comparison: Comparison, operand: &Operand) -> bool {
    let is_equal = match operand {
        Operand::Number(wanted) => value.as_f64().is_some_and(|number| number == *wanted),
        Operand::Text(wanted) => value.as_str().is_some_and(|text| matches_wildcards(wanted, text)),
    };
    let (Operand::Number(wanted), Some(number)) = (operand, value.as_f64()) else {
        return matches!((comparison, is_equal), (Comparison::Equal, true) | (Comparison::Different, false));
    };
    match comparison {
        Comparison::Equal => is_equal,
        Comparison::Different => !is_equal,
        Comparison::Less => number < *wanted,
        Comparison::LessOrEqual => number <= *wanted,
        Comparison::Greater => number > *wanted,
        Comparison::GreaterOrEqual => number >= *wanted,
    }
}

fn matches_wildcards(wanted: &str, text: &str) -> bool {
    let Some((start, rest)) = wanted.split_once('*') else { return wanted == text };
    let Some(mut text) = text.strip_prefix(start) else { return false };
    let mut parts: Vec<_> = rest.split('*').collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(index) = text.find(part) else { return false };
        text = &text[index + part.len()..];
    }
    text.ends_with(end)
}

/// What is still to be read.
struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn whole(mut self) -> Option<JsonPattern> {
        let pattern = self.any()?;
        self.rest.is_empty().then_some(pattern)
    }

    fn any(&mut self) -> Option<JsonPattern> {
        let mut parts = vec![self.all()?];
        while self.skip("||") {
            parts.push(self.all()?);
        }
        if parts.len() == 1 { parts.pop() } else { Some(JsonPattern::Any(parts)) }
    }

    fn all(&mut self) -> Option<JsonPattern> {
        let mut parts = vec![self.one()?];
        while self.skip("&&") {
            parts.push(self.one()?);
        }
        if parts.len() == 1 { parts.pop() } else { Some(JsonPattern::All(parts)) }
    }

    fn one(&mut self) -> Option<JsonPattern> {
        if self.skip("(") {
            let inside = self.any()?;
            return self.skip(")").then_some(inside);
        }
        let path = self.path()?;
        if self.skip("NOT EXISTS") {
            return Some(JsonPattern::Missing(path));
        }
        if self.skip("IS") {
            let values = [("TRUE", Value::Bool(true)), ("FALSE", Value::Bool(false)), ("NULL", Value::Null)];
            let value = values.into_iter().find(|(word, _)| self.skip(word))?.1;
            return Some(JsonPattern::Is(path, value));
        }
        let comparison = COMPARISONS.into_iter().find(|(sign, _)| self.skip(sign))?.1;
        let operand = self.operand()?;
        let is_equality = matches!(comparison, Comparison::Equal | Comparison::Different);
        (is_equality || matches!(operand, Operand::Number(_))).then_some(JsonPattern::Compare(path, comparison, operand))
    }

    fn path(&mut self) -> Option<Vec<Step>> {
        self.rest = self.rest.strip_prefix('$')?;
        let mut path = Vec::new();
        loop {
            if let Some(rest) = self.rest.strip_prefix('.') {
                let end = rest.find(|character: char| !(character.is_alphanumeric() || "_-".contains(character))).unwrap_or(rest.len());
                path.push(Step::Member((end > 0).then(|| rest[..end].to_owned())?));
                self.rest = &rest[end..];
            } else if let Some(rest) = self.rest.strip_prefix('[') {
                let (index, rest) = rest.split_once(']')?;
                path.push(Step::Index(index.trim().parse().ok()?));
                self.rest = rest;
            } else {
                self.rest = self.rest.trim_start();
                return (!path.is_empty()).then_some(path);
            }
        }
    }

    fn operand(&mut self) -> Option<Operand> {
        if let Some(quoted) = self.rest.strip_prefix('"') {
            let (text, rest) = quoted_text(quoted)?;
            self.rest = rest.trim_start();
            return Some(Operand::Text(text));
        }
        let end = self.rest.find(|character: char| character.is_whitespace() || "()&|\"".contains(character)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start();
        match word.parse() {
            _ if word.is_empty() => None,
            Ok(number) => Some(Operand::Number(number)),
            Err(_) => Some(Operand::Text(word.to_owned())),
        }
    }

    fn skip(&mut self, sign: &str) -> bool {
        let Some(rest) = self.rest.strip_prefix(sign) else { return false };
        self.rest = rest.trim_start();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_compared_as_in_aws() {
        let message = r#"{"level":"error","took_ms":120,"user":{"id":7,"tags":["a","b"]},"cached":true,"cause":null}"#;
        for (pattern, is_match) in [
            (r#"{ $.level = "error" }"#, true),
            ("{ $.level = error }", true),
            (r#"{ $.level != "error" }"#, false),
            (r#"{ $.level = "err*" }"#, true),
            (r#"{ $.level = "*r*x" }"#, false),
            ("{ $.took_ms > 100 }", true),
            ("{ $.took_ms <= 100 }", false),
            (r#"{ ($.level = "info") || ($.user.id = 7 && $.user.tags[1] = "b") }"#, true),
            (r#"{ ($.level = "info" || $.user.id = 8) && $.took_ms > 1 }"#, false),
            ("{ $.cached IS TRUE }", true),
            ("{ $.cause IS NULL }", true),
            ("{ $.nothing NOT EXISTS }", true),
            ("{ $.nothing = 1 }", false),
        ] {
            assert_eq!(JsonPattern::parse(pattern).unwrap().matches(message), is_match, "{pattern}");
        }
        assert!(!JsonPattern::parse("{ $.a = 1 }").unwrap().matches("a = 1"));
    }
}

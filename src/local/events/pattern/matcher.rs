//! The comparison operators.

use super::address::Network;
use serde_json::{Number, Value};

/// What a value is compared with.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Matcher {
    /// A text, `true`, `false` or `null`.
    Exact(Value),
    /// A number, whatever way it is written.
    Number(Number),
    Prefix(Text),
    Suffix(Text),
    EqualsIgnoreCase(Text),
    Wildcard(Vec<Piece>),
    Numeric(Range),
    Cidr(Network),
    /// The field has a value.
    Present,
    /// The field has no value; decided where the event is walked.
    Absent,
    /// The field has a value, and none of these takes it.
    AnythingBut(Vec<Matcher>),
}

/// A text to compare with, in lower case if case does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text {
    pub text: String,
    pub ignores_case: bool,
}

/// Part of a wildcard pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Literal(char),
    /// Any characters, or none.
    Any,
}

/// Bounds of a number; the flag tells whether the bound itself belongs to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Range {
    pub bottom: Option<(f64, bool)>,
    pub top: Option<(f64, bool)>,
}

/// Numbers are compared between these bounds only.
/// Source: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html>.
pub(super) const MOST_OF_A_NUMBER: f64 = 5.0e9;

impl Matcher {
    /// Whether the value, which is neither an object nor an array, is one that this wants.
    pub(super) fn takes(&self, value: &Value) -> bool {
        match self {
            Self::Exact(wanted) => wanted == value,
            Self::Number(wanted) => value.as_number().is_some_and(|number| is_same_number(wanted, number)),
            Self::Prefix(prefix) => value.as_str().is_some_and(|text| prefix.read(text).starts_with(&prefix.text)),
            Self::Suffix(suffix) => value.as_str().is_some_and(|text| suffix.read(text).ends_with(&suffix.text)),
            Self::EqualsIgnoreCase(wanted) => value.as_str().is_some_and(|text| wanted.read(text) == wanted.text),
            Self::Wildcard(pieces) => value.as_str().is_some_and(|text| is_wildcard_match(pieces, text)),
            Self::Numeric(range) => value.as_f64().is_some_and(|number| range.has(number)),
            Self::Cidr(network) => value.as_str().and_then(|text| text.parse().ok()).is_some_and(|address| network.has(address)),
            Self::Present => true,
            Self::Absent => false,
            Self::AnythingBut(unwanted) => !unwanted.iter().any(|matcher| matcher.takes(value)),
        }
    }
}

impl Text {
    pub(super) fn new(text: &str, ignores_case: bool) -> Self {
        Self { text: if ignores_case { text.to_lowercase() } else { text.to_owned() }, ignores_case }
    }

    /// The event's text, as it is compared.
    fn read(&self, text: &str) -> String {
        if self.ignores_case { text.to_lowercase() } else { text.to_owned() }
    }
}

impl Range {
    fn has(self, number: f64) -> bool {
        let above = self.bottom.is_none_or(|(bottom, closed)| number > bottom || closed && is_equal(number, bottom));
        let below = self.top.is_none_or(|(top, closed)| number < top || closed && is_equal(number, top));
        number.abs() <= MOST_OF_A_NUMBER && above && below
    }
}

/// As written, or as a number: 5, 5.0 and 5e0 are the same; an account's number is so only as written.
fn is_same_number(left: &Number, right: &Number) -> bool {
    let as_number = || left.as_f64().zip(right.as_f64()).filter(|(left, right)| left.abs().max(right.abs()) <= MOST_OF_A_NUMBER);
    left == right || as_number().is_some_and(|(left, right)| is_equal(left, right))
}

#[expect(clippy::float_cmp, reason = "both were read from JSON texts, and nothing was reckoned with them")]
fn is_equal(left: f64, right: f64) -> bool {
    left == right
}

/// The greedy walk with one step back: the last `*` takes one character more when the rest does not fit.
fn is_wildcard_match(pieces: &[Piece], text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut piece, mut retry) = (0, 0, None);
    while at < text.len() {
        match pieces.get(piece) {
            Some(Piece::Literal(literal)) if *literal == text[at] => (at, piece) = (at + 1, piece + 1),
            Some(Piece::Any) => {
                retry = Some((piece, at));
                piece += 1;
            }
            _ => {
                let Some((any, from)) = retry else { return false };
                retry = Some((any, from + 1));
                (at, piece) = (from + 1, any + 1);
            }
        }
    }
    pieces[piece..].iter().all(|piece| *piece == Piece::Any)
}

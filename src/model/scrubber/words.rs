//! Where a word begins and ends in texts that nobody promised a form for.

use std::ops::Range;

/// A text that is shorter than this, in characters, or nothing but letters, may be a part of any word.
const UNCOMMON: usize = 8;

/// Whether a text may stand in other words by chance.
pub(super) fn is_common(text: &str) -> bool {
    text.chars().count() < UNCOMMON || text.chars().all(char::is_alphabetic)
}

/// Whether what stands there is a word of its own, and no part of one.
pub(super) fn stands_alone(text: &str, start: usize, end: usize) -> bool {
    let (before, found, after) = (&text[..start], &text[start..end], &text[end..]);
    let goes_on = |one: Option<char>, other: Option<char>| {
        one.zip(other).is_some_and(|(one, other)| one.is_alphanumeric() && other.is_alphanumeric())
    };
    let is_joined_before = goes_on(before.chars().next_back(), found.chars().next()) && !ends_in_an_escape(before);
    !is_joined_before && !goes_on(found.chars().next_back(), after.chars().next())
}

/// Whether it ends in what JSON or a URL writes for another character, such as `\n` or `%3D`.
fn ends_in_an_escape(text: &str) -> bool {
    let bytes = text.as_bytes();
    let hex = |from_end: usize| {
        let digits = bytes.len().checked_sub(from_end).and_then(|at| bytes.get(at..));
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    let escapes = ["\\n", "\\r", "\\t", "\\b", "\\f"].iter().any(|escape| text.ends_with(escape));
    let before = |from_end: usize, mark: &str| bytes.len().checked_sub(from_end).is_some_and(|at| bytes[..at].ends_with(mark.as_bytes()));
    escapes || (hex(2) && before(2, "%")) || (hex(4) && before(4, "\\u"))
}

/// Whether names, ARNs and paths are written with it.
pub(super) fn is_of_tokens(character: char) -> bool {
    character.is_alphanumeric() || "-_./:@+*".contains(character)
}

/// Where the word begins and ends that a stretch stands in.
pub(super) fn token_around(text: &str, start: usize, end: usize) -> Range<usize> {
    let (start, end) = (text.floor_char_boundary(start), text.ceil_char_boundary(end));
    let from = text[..start].rfind(|character| !is_of_tokens(character)).map_or(0, |at| text.ceil_char_boundary(at + 1));
    let to = text[end..].find(|character| !is_of_tokens(character)).map_or(text.len(), |at| end + at);
    from..to
}

/// Whether a token is an ARN or an action, such as `lambda:GetFunction`, which AWS writes and no value is.
pub(super) fn is_of_aws(token: &str) -> bool {
    let is_action = |(service, action): (&str, &str)| {
        service.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-')
            && action.starts_with(|first: char| first.is_ascii_uppercase())
            && action.chars().all(|letter| letter.is_ascii_alphanumeric())
    };
    token.starts_with("arn:") || token.split_once(':').is_some_and(is_action)
}

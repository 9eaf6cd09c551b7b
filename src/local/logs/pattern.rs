//! Filter patterns: words and phrases that an event must have, must not have, or must have one of.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html>

use super::checks::invalid;
use super::json_pattern::JsonPattern;
use crate::local::error::ApiError;

/// What an event's message must be like.
#[derive(Clone, Debug, PartialEq)]
pub enum Pattern {
    /// Terms in plain text; case matters.
    Terms {
        /// All of them must be in it.
        needed: Vec<String>,
        /// One of them must be in it, if nothing is needed: AWS passes over them otherwise.
        optional: Vec<String>,
        /// None of them may be in it.
        unwanted: Vec<String>,
    },
    /// A condition on the fields of a message that is JSON.
    Json(JsonPattern),
}

impl Default for Pattern {
    /// Every event matches.
    fn default() -> Self {
        Self::Terms { needed: Vec::new(), optional: Vec::new(), unwanted: Vec::new() }
    }
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// `InvalidParameterException` where it is malformed, or of a form that the cloud does not have.
    pub fn parse(text: &str) -> Result<Self, ApiError> {
        match text.trim_start().chars().next() {
            Some('{') => JsonPattern::parse(text.trim()).map(Self::Json),
            Some('[') => Err(not_here(text, "fields between brackets")),
            Some('%') => Err(not_here(text, "regular expressions")),
            _ => Self::parse_terms(text),
        }
    }

    fn parse_terms(text: &str) -> Result<Self, ApiError> {
        let (mut needed, mut optional, mut unwanted) = (Vec::new(), Vec::new(), Vec::new());
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            let (list, behind) = match rest.split_at_checked(1) {
                Some(("-", behind)) => (&mut unwanted, behind),
                Some(("?", behind)) => (&mut optional, behind),
                _ => (&mut needed, rest),
            };
            let (term, behind) = term(behind).ok_or_else(|| invalid(format!("Invalid filter pattern: {text}")))?;
            list.push(term);
            rest = behind.trim_start();
        }
        Ok(Self::Terms { needed, optional, unwanted })
    }

    /// Whether a message is like that.
    pub fn matches(&self, message: &str) -> bool {
        match self {
            Self::Json(pattern) => pattern.matches(message),
            Self::Terms { needed, optional, unwanted } => {
                let has = |term: &String| message.contains(term.as_str());
                let has_optional = optional.is_empty() || !needed.is_empty() || optional.iter().any(has);
                needed.iter().all(has) && has_optional && !unwanted.iter().any(has)
            }
        }
    }
}

/// The first term, without its quotes, and what is behind it; none where there is no term or its quote
/// does not end.
fn term(text: &str) -> Option<(String, &str)> {
    match text.strip_prefix('"') {
        Some(quoted) => quoted_text(quoted),
        None => {
            let end = text.find(char::is_whitespace).unwrap_or(text.len());
            (end > 0).then(|| (text[..end].to_owned(), &text[end..]))
        }
    }
}

/// What stands before the closing quote, its escapes undone, and what stands behind that quote.
pub fn quoted_text(text: &str) -> Option<(String, &str)> {
    let mut inside = String::new();
    let mut characters = text.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '"' => return Some((inside, &text[index + 1..])),
            '\\' => inside.push(characters.next()?.1),
            other => inside.push(other),
        }
    }
    None
}

fn not_here(pattern: &str, form: &str) -> ApiError {
    invalid(format!("Invalid filter pattern: {pattern}. The local cloud does not know filter patterns with {form}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_match_as_they_do_in_aws() {
        for (pattern, message, is_match) in [
            ("", "anything", true),
            ("ERROR", "[ERROR 400] BAD REQUEST", true),
            ("error", "[ERROR 400] BAD REQUEST", false),
            ("ERROR ARGUMENTS", "[ERROR 419] MISSING ARGUMENTS", true),
            ("ERROR ARGUMENTS", "[ERROR 400] BAD REQUEST", false),
            ("?ERROR ?WARN", "WARN: low", true),
            ("?ERROR ?WARN", "INFO: fine", false),
            ("?WARN ERROR", "ERROR", true),
            ("ERROR -EXITING", "ERROR EXITING", false),
            ("ERROR -EXITING", "ERROR", true),
            ("-START", "line", true),
            ("\"INTERNAL SERVER ERROR\"", "500 INTERNAL SERVER ERROR", true),
            ("\"INTERNAL SERVER ERROR\"", "INTERNAL ERROR SERVER", false),
            ("-\"a b\" c", "a b c", false),
            (r#""say \"x\"""#, r#"say "x" now"#, true),
        ] {
            assert_eq!(Pattern::parse(pattern).unwrap().matches(message), is_match, "{pattern} {message}");
        }
    }

    #[test]
    fn what_is_malformed_or_unknown_is_refused() {
        for pattern in ["\"open", "ERROR -", "?", "%[a-z]%", "[ip, user]", "{ $.a", "{ $.a = }", "{ a = 1 }", "{ ($.a = 1 }", "{}"] {
            assert_eq!(Pattern::parse(pattern).unwrap_err().code, "InvalidParameterException", "{pattern}");
        }
    }
}

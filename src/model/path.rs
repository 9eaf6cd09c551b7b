//! Where inside a resource's inputs a value stands, in the words of the spec.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A dotted path such as `environment.LOG_LEVEL`; parts with odd characters are quoted as in TOML.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Path(pub Vec<String>);

impl Path {
    /// A path of one key.
    pub fn key(key: &str) -> Self {
        Self(vec![key.to_owned()])
    }

    /// This path, one step deeper.
    #[must_use]
    pub fn join(&self, key: &str) -> Self {
        let mut keys = self.0.clone();
        keys.push(key.to_owned());
        Self(keys)
    }

    /// The first key; empty for the empty path.
    pub fn first(&self) -> &str {
        self.0.first().map_or("", String::as_str)
    }

    /// Whether `prefix` is this path or one that leads to it.
    pub fn starts_with(&self, prefix: &Self) -> bool {
        self.0.starts_with(&prefix.0)
    }

    /// Whether `pattern` covers this path: equal or a prefix, where `*` in a key stands for any text.
    pub fn is_covered_by(&self, pattern: &Self) -> bool {
        pattern.0.len() <= self.0.len() && pattern.0.iter().zip(&self.0).all(|(pattern, key)| glob(pattern, key))
    }
}

fn glob(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, tail)) => text
            .strip_prefix(head)
            .is_some_and(|rest| (0..=rest.len()).filter(|at| rest.is_char_boundary(*at)).any(|at| glob(tail, &rest[at..]))),
    }
}

fn is_bare(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-' || c == '*')
}

impl fmt::Display for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, key) in self.0.iter().enumerate() {
            let dot = if index == 0 { "" } else { "." };
            if is_bare(key) {
                write!(formatter, "{dot}{key}")?;
            } else {
                write!(formatter, "{dot}\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\""))?;
            }
        }
        Ok(())
    }
}

impl FromStr for Path {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut keys = Vec::new();
        let mut rest = text;
        loop {
            let (key, tail) = if let Some(quoted) = rest.strip_prefix('"') { take_quoted(quoted, text)? } else { take_bare(rest) };
            if key.is_empty() && !rest.starts_with('"') {
                return Err(format!("`{text}` is not a path"));
            }
            keys.push(key);
            match tail.strip_prefix('.') {
                Some(next) => rest = next,
                None if tail.is_empty() => return Ok(Self(keys)),
                None => return Err(format!("`{text}` is not a path")),
            }
        }
    }
}

fn take_bare(text: &str) -> (String, &str) {
    let end = text.find('.').unwrap_or(text.len());
    (text[..end].to_owned(), &text[end..])
}

fn take_quoted<'a>(text: &'a str, whole: &str) -> Result<(String, &'a str), String> {
    let mut key = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Ok((key, &text[at + 1..])),
            '\\' => key.extend(characters.next().map(|(_, escaped)| escaped)),
            _ => key.push(character),
        }
    }
    Err(format!("`{whole}` has a quote that is not closed"))
}

impl TryFrom<String> for Path {
    type Error = String;

    /// The empty path, which nobody writes, stands in documents for a resource as a whole.
    fn try_from(text: String) -> Result<Self, String> {
        if text.is_empty() { Ok(Self::default()) } else { text.parse() }
    }
}

impl From<Path> for String {
    fn from(path: Path) -> Self {
        path.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn odd_keys_are_quoted_as_in_toml() {
        let path = Path::key("tags").join("cost center");
        assert_eq!(path.to_string(), r#"tags."cost center""#);
        assert_eq!(path.to_string().parse::<Path>().unwrap(), path);
    }

    #[test]
    fn patterns_cover_what_lies_below_them() {
        let path: Path = "environment.FEATURE_A".parse().unwrap();
        for pattern in ["environment", "environment.*", "environment.FEATURE_*", "*"] {
            assert!(path.is_covered_by(&pattern.parse().unwrap()), "{pattern}");
        }
        assert!(!path.is_covered_by(&"environment.OTHER".parse().unwrap()));
    }

    #[test]
    fn the_empty_path_reads_back_from_a_document_and_is_no_word_of_a_spec() {
        let document = serde_json::to_string(&Path::default()).unwrap();
        assert_eq!(serde_json::from_str::<Path>(&document).unwrap(), Path::default());
        assert!("".parse::<Path>().is_err());
    }

    proptest! {
        #[test]
        fn a_path_reads_back_as_it_is_written(keys in proptest::collection::vec(".{0,12}", 1..4)) {
            let path = Path(keys);
            prop_assert_eq!(path.to_string().parse::<Path>().unwrap(), path);
        }
    }
}

//! The token, and how it is compared.

use crate::model::hmac_sha256;
use std::fmt;

/// Tokens that are shorter can be guessed.
const LEAST_CHARACTERS: usize = 16;

/// What whoever comes from elsewhere must know.
pub struct Token(String);

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token")
    }
}

impl Token {
    /// The token in this text, without the blanks around it.
    ///
    /// # Errors
    /// What is wrong with it, in words that follow its name.
    pub fn new(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.chars().count() < LEAST_CHARACTERS {
            return Err(format!("has fewer than {LEAST_CHARACTERS} characters, so that it could be guessed"));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("has characters that cannot stand in a header: only printable ASCII without blanks can".to_owned());
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether this is it.
    pub(super) fn is(&self, text: &str, key: &[u8]) -> bool {
        is_same(text, &self.0, key)
    }
}

/// Compares two texts. How long it takes tells nothing about either: what is compared are hashes with a key that nobody knows.
pub(super) fn is_same(given: &str, known: &str, key: &[u8]) -> bool {
    let (given, known) = (hmac_sha256(key, given.as_bytes()), hmac_sha256(key, known.as_bytes()));
    given.bytes().zip(known.bytes()).fold(0, |differing, (one, other)| differing | (one ^ other)) == 0
}

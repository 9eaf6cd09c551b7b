//! What the cloud refuses, in AWS's words.

use serde_json::{Map, Value};

/// A refusal: each wire protocol writes it in its own way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// The HTTP status that AWS uses for it.
    pub status: u16,
    /// AWS's code, such as `ResourceNotFoundException`.
    pub code: String,
    /// AWS's message, or one in its manner.
    pub message: String,
    /// Further members of the error's body.
    pub fields: Map<String, Value>,
    /// Further headers of the answer, such as `Retry-After`.
    pub headers: Vec<(&'static str, String)>,
}

impl ApiError {
    /// A refusal with that status.
    pub fn new(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into(), fields: Map::new(), headers: Vec::new() }
    }

    /// The cloud itself failed.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(500, "InternalFailure", message)
    }

    /// One more member of the error's body.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(name.to_owned(), value.into());
        self
    }
}

/// What AWS's services say where their models' constraints are broken, all breaches in one message.
///
/// Form seen in answers of IAM, Lambda, Logs and EventBridge alike: `2 validation errors detected:
/// Value 'x' at 'roleName' failed to satisfy constraint: Member must …; Value …`.
#[derive(Clone, Debug, Default)]
pub struct Constraints(Vec<String>);

impl Constraints {
    /// Nothing is broken yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes a breach: `rule` is what stands behind `Member must `.
    pub fn broken(&mut self, value: &str, member: &str, rule: &str) {
        self.0.push(format!("Value '{value}' at '{member}' failed to satisfy constraint: Member must {rule}"));
    }

    /// Notes a breach of a member that is missing, or a list: AWS shows no value then.
    pub fn broken_without_value(&mut self, member: &str, rule: &str) {
        self.0.push(format!("Value at '{member}' failed to satisfy constraint: Member must {rule}"));
    }

    /// Notes that a member which must be there is not.
    pub fn missing(&mut self, member: &str) {
        self.0.push(format!("Value at '{member}' failed to satisfy constraint: Member must not be null"));
    }

    /// A text's length in characters, both ends included.
    pub fn length(&mut self, value: &str, member: &str, shortest: usize, longest: usize) {
        let length = value.chars().count();
        if length < shortest {
            self.broken(value, member, &format!("have length greater than or equal to {shortest}"));
        }
        if length > longest {
            self.broken(value, member, &format!("have length less than or equal to {longest}"));
        }
    }

    /// A number's range, both ends included.
    pub fn range(&mut self, value: i64, member: &str, least: i64, most: i64) {
        if value < least {
            self.broken(&value.to_string(), member, &format!("have value greater than or equal to {least}"));
        }
        if value > most {
            self.broken(&value.to_string(), member, &format!("have value less than or equal to {most}"));
        }
    }

    /// A text of which each character must be fine; `pattern` is how AWS writes that.
    pub fn pattern(&mut self, value: &str, member: &str, pattern: &str, is_fine: impl Fn(char) -> bool) {
        if !value.chars().all(is_fine) {
            self.broken(value, member, &format!("satisfy regular expression pattern: {pattern}"));
        }
    }

    /// One of a closed set.
    pub fn one_of(&mut self, value: &str, member: &str, set: &[&str]) {
        if !set.contains(&value) {
            self.broken(value, member, &format!("satisfy enum value set: [{}]", set.join(", ")));
        }
    }

    /// Fails with that code if anything was broken.
    ///
    /// # Errors
    /// All breaches in one refusal.
    pub fn check(self, status: u16, code: &str) -> Result<(), ApiError> {
        match self.0.len() {
            0 => Ok(()),
            1 => Err(ApiError::new(status, code, format!("1 validation error detected: {}", self.0[0]))),
            count => Err(ApiError::new(status, code, format!("{count} validation errors detected: {}", self.0.join("; ")))),
        }
    }
}

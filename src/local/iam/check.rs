//! What a call's parameters may look like, and how IAM refuses what they may not.
//!
//! Lengths, ranges and patterns are those of IAM's API model; names and paths have messages of their own.

use super::state::{Tag, Tags};
use crate::local::error::{ApiError, Constraints};
use crate::local::names::is_account;
use crate::local::wire::query::{Parameters, lower_first};

/// How many tags a role or policy can have.
pub(super) const MOST_TAGS: usize = 50;
const TAG_KEY_PATTERN: &str = "[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+";
const TAG_VALUE_PATTERN: &str = "[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*";
const DESCRIPTION_PATTERN: &str = "[\\u0009\\u000A\\u000D\\u0020-\\u007E\\u00A1-\\u00FF]*";

/// Refuses a value with `InvalidInput`.
pub(super) fn invalid_input(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "InvalidInput", message)
}

/// Reads the parameters of one call and collects what is wrong with them.
pub(super) struct Checks<'a> {
    parameters: &'a Parameters,
    constraints: Constraints,
    /// What IAM says in words of its own, only once the constraints hold.
    refusals: Vec<ApiError>,
}

impl<'a> Checks<'a> {
    pub(super) fn new(parameters: &'a Parameters) -> Self {
        Self { parameters, constraints: Constraints::new(), refusals: Vec::new() }
    }

    /// # Errors
    /// Everything that broke a constraint in one refusal; else the first thing that IAM refuses in its own words.
    pub(super) fn done(self) -> Result<(), ApiError> {
        self.constraints.check(400, "ValidationError")?;
        self.refusals.into_iter().next().map_or(Ok(()), Err)
    }

    /// Notes a refusal in IAM's own words.
    pub(super) fn refuse(&mut self, refusal: ApiError) {
        self.refusals.push(refusal);
    }

    fn invalid(&mut self, parameter: &str, rule: &str) {
        let message = format!("The specified value for {} is invalid. It must {rule}", lower_first(parameter));
        self.refuse(ApiError::new(400, "ValidationError", message));
    }

    /// A text of any form, where it is given.
    pub(super) fn optional(&self, parameter: &str) -> Option<&'a str> {
        self.parameters.get(parameter)
    }

    /// A text that must be given; empty where it is not, which is noted.
    pub(super) fn required(&mut self, parameter: &str) -> &'a str {
        self.parameters.get(parameter).unwrap_or_else(|| {
            self.constraints.broken_without_value(&lower_first(parameter), "not be null");
            ""
        })
    }

    fn sized(&mut self, parameter: &str, shortest: usize, longest: usize) -> &'a str {
        let value = self.required(parameter);
        if self.parameters.get(parameter).is_some() {
            self.constraints.length(value, &lower_first(parameter), shortest, longest);
        }
        value
    }

    fn name(&mut self, parameter: &str, longest: usize) -> &'a str {
        let name = self.sized(parameter, 1, longest);
        if !name.chars().all(|character| character.is_ascii_alphanumeric() || "_+=,.@-".contains(character)) {
            self.invalid(parameter, "contain only alphanumeric characters and/or the following: +=,.@_-");
        }
        name
    }

    pub(super) fn role_name(&mut self) -> &'a str {
        self.name("RoleName", 64)
    }

    pub(super) fn policy_name(&mut self) -> &'a str {
        self.name("PolicyName", 128)
    }

    /// A path, `/` where it is not given.
    pub(super) fn path(&mut self, is_fine: impl Fn(char) -> bool) -> &'a str {
        let Some(path) = self.parameters.get("Path") else { return "/" };
        self.constraints.length(path, "path", 1, 512);
        let inside = path.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
        if path != "/" && !inside.is_some_and(|inside| !inside.is_empty() && inside.chars().all(is_fine)) {
            self.invalid("Path", "begin and end with / and contain only alphanumeric characters and/or / characters.");
        } else if path.starts_with("/aws-service-role") {
            self.refuse(invalid_input("Paths beginning with '/aws-service-role' are reserved for AWS Service Linked Roles"));
        }
        path
    }

    /// What a path must begin with, `/` where it is not given.
    pub(super) fn path_prefix(&mut self) -> &'a str {
        let Some(prefix) = self.parameters.get("PathPrefix") else { return "/" };
        self.constraints.length(prefix, "pathPrefix", 1, 512);
        if !prefix.starts_with('/') || !prefix.chars().all(|character| ('!'..='\u{7f}').contains(&character)) {
            self.invalid("PathPrefix", "begin with the / character and contain only alphanumeric characters and/or / characters.");
        }
        prefix
    }

    /// A policy document's text; what it says is looked at elsewhere.
    pub(super) fn document(&mut self, parameter: &str) -> &'a str {
        let document = self.sized(parameter, 1, 131_072);
        if !document.chars().all(|character| matches!(character, '\t' | '\n' | '\r' | ' '..='\u{ff}')) {
            self.invalid(parameter, "contain only printable ASCII characters.");
        }
        document
    }

    /// A description, where it is given.
    pub(super) fn description(&mut self) -> Option<&'a str> {
        let description = self.parameters.get("Description")?;
        let is_fine = |character| matches!(character, '\t' | '\n' | '\r' | ' '..='~' | '\u{a1}'..='\u{ff}');
        self.constraints.length(description, "description", 0, 1_000);
        self.constraints.pattern(description, "description", DESCRIPTION_PATTERN, is_fine);
        Some(description)
    }

    /// A number, where it is given.
    pub(super) fn number(&mut self, parameter: &str, least: i64, most: i64) -> Option<i64> {
        match self.parameters.get(parameter)?.parse() {
            Ok(number) => {
                self.constraints.range(number, &lower_first(parameter), least, most);
                Some(number)
            }
            Err(_) => {
                self.refuse(ApiError::new(400, "MalformedInput", format!("The value of {parameter} is not an integer")));
                None
            }
        }
    }

    /// One of a closed set, where it is given.
    pub(super) fn one_of(&mut self, parameter: &str, set: &[&str]) -> Option<&'a str> {
        let value = self.parameters.get(parameter)?;
        self.constraints.one_of(value, &lower_first(parameter), set);
        Some(value)
    }

    /// Some of a closed set.
    pub(super) fn some_of(&mut self, parameter: &str, set: &[&str]) -> Vec<String> {
        let values = self.parameters.texts(parameter);
        for value in &values {
            self.constraints.one_of(value, &lower_first(parameter), set);
        }
        values
    }

    /// A managed policy's ARN.
    pub(super) fn policy_arn(&mut self, parameter: &str) -> &'a str {
        let arn = self.sized(parameter, 20, 2_048);
        if !is_policy_arn(arn) {
            self.refuse(invalid_input(format!("ARN {arn} is not valid.")));
        }
        arn
    }

    /// Tags, which may be missing.
    pub(super) fn tags(&mut self) -> Tags {
        let given = self.parameters.members("Tags");
        if given.len() > MOST_TAGS {
            self.constraints.broken_without_value("tags", &format!("have length less than or equal to {MOST_TAGS}"));
        }
        let mut tags = Tags::new();
        for (index, tag) in given.iter().enumerate() {
            let key = self.tag_part(tag, index, "Key", 128);
            let value = self.tag_part(tag, index, "Value", 256);
            let before = tags.insert(key.to_lowercase(), Tag { key: key.to_owned(), value: value.to_owned() });
            if before.is_some() {
                self.refuse(invalid_input("Duplicate tag keys found. Please note that Tag keys are case insensitive."));
            }
            if key.to_lowercase().starts_with("aws:") {
                self.refuse(invalid_input(format!("The tag key '{key}' is reserved: keys that begin with aws: are for system use.")));
            }
        }
        tags
    }

    /// Tags of which there must be some.
    pub(super) fn required_tags(&mut self) -> Tags {
        let tags = self.tags();
        if tags.is_empty() && self.parameters.get("Tags").is_none() {
            self.constraints.broken_without_value("tags", "not be null");
        }
        tags
    }

    fn tag_part<'b>(&mut self, tag: &'b Parameters, index: usize, part: &str, longest: usize) -> &'b str {
        let member = format!("tags.{}.member.{}", index + 1, lower_first(part));
        let Some(text) = tag.get(part) else {
            self.constraints.broken_without_value(&member, "not be null");
            return "";
        };
        let (shortest, pattern) = if part == "Key" { (1, TAG_KEY_PATTERN) } else { (0, TAG_VALUE_PATTERN) };
        self.constraints.length(text, &member, shortest, longest);
        self.constraints.pattern(text, &member, pattern, is_in_tags);
        text
    }

    /// Keys of tags to be taken away, in lower case.
    pub(super) fn tag_keys(&mut self) -> Vec<String> {
        let keys = self.parameters.texts("TagKeys");
        if keys.is_empty() && self.parameters.get("TagKeys").is_none() {
            self.constraints.broken_without_value("tagKeys", "not be null");
        }
        if keys.len() > MOST_TAGS {
            self.constraints.broken_without_value("tagKeys", &format!("have length less than or equal to {MOST_TAGS}"));
        }
        let is_fine = |key: &String| (1..=128).contains(&key.chars().count()) && key.chars().all(is_in_tags);
        if !keys.iter().all(is_fine) {
            let rules = "Member must have length less than or equal to 128, Member must have length greater than or equal to 1";
            let pattern = format!("Member must satisfy regular expression pattern: {TAG_KEY_PATTERN}");
            self.constraints.broken_without_value("tagKeys", &format!("satisfy constraint: [{rules}, {pattern}]"));
        }
        keys.iter().map(|key| key.to_lowercase()).collect()
    }
}

/// Letters, numbers, separators and some punctuation, of any script.
fn is_in_tags(character: char) -> bool {
    let is_separator = character.is_whitespace() && !character.is_control();
    character.is_alphanumeric() || is_separator || "_.:/=+-@".contains(character)
}

fn is_policy_arn(arn: &str) -> bool {
    let Some((owner, policy)) = arn.strip_prefix("arn:aws:iam::").and_then(|rest| rest.split_once(':')) else { return false };
    let is_owner = owner == "aws" || is_account(owner);
    is_owner && policy.strip_prefix("policy/").is_some_and(|name| !name.is_empty() && !name.ends_with('/'))
}

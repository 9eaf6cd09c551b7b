//! What AWS demands of names, tags and numbers, and the refusals that several operations share.
//! The patterns and lengths are those of the service's model, API version 2014-03-28.

use crate::local::common::Common;
use crate::local::error::{ApiError, Constraints};
use std::collections::BTreeMap;

/// The code of most refusals.
const INVALID: &str = "InvalidParameterException";

/// The number of tags that a resource can have.
pub const MOST_TAGS: usize = 50;

/// A refusal of what is given.
pub fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(400, INVALID, message)
}

/// No such group.
pub fn no_group() -> ApiError {
    ApiError::new(400, "ResourceNotFoundException", "The specified log group does not exist.")
}

/// No such stream.
pub fn no_stream() -> ApiError {
    ApiError::new(400, "ResourceNotFoundException", "The specified log stream does not exist.")
}

/// A token that this cloud did not give out.
pub fn bad_token() -> ApiError {
    invalid("The specified nextToken is invalid.")
}

/// Collects what is wrong with an input, then fails with all of it.
#[derive(Default)]
pub struct Checks(Constraints);

impl Checks {
    /// Fails if anything was wrong.
    ///
    /// # Errors
    /// `InvalidParameterException` with all breaches.
    pub fn end(self) -> Result<(), ApiError> {
        self.0.check(400, INVALID)
    }

    /// A member that must be there; the text is empty where it is not.
    fn required<'a>(&mut self, member: &str, value: Option<&'a String>) -> &'a str {
        if value.is_none() {
            self.0.missing(member);
        }
        value.map_or("", String::as_str)
    }

    /// A group's name.
    pub fn group_name<'a>(&mut self, member: &str, value: Option<&'a String>) -> &'a str {
        let name = self.required(member, value);
        if value.is_some() {
            self.0.length(name, member, 1, 512);
            self.0.pattern(name, member, r"[\.\-_/#A-Za-z0-9]+", is_in_group_name);
        }
        name
    }

    /// A part of a group's name, where it is given.
    pub fn group_name_part(&mut self, member: &str, value: Option<&String>, shortest: usize) {
        let Some(part) = value else { return };
        self.0.length(part, member, shortest, 512);
        self.0.pattern(part, member, r"[\.\-_/#A-Za-z0-9]*", is_in_group_name);
    }

    /// A stream's name.
    pub fn stream_name<'a>(&mut self, member: &str, value: Option<&'a String>) -> &'a str {
        let name = self.required(member, value);
        if value.is_some() {
            self.0.length(name, member, 1, 512);
            self.0.pattern(name, member, "[^:*]*", |character| !matches!(character, ':' | '*'));
        }
        name
    }

    /// A name or an ARN of a group. `more` are characters that it may have besides those of all ARNs.
    pub fn identifier<'a>(&mut self, member: &str, value: Option<&'a String>, longest: usize, more: &str) -> &'a str {
        let text = self.required(member, value);
        if value.is_some() {
            let pattern = if more.is_empty() { r"[\w+=/:,.@-]*" } else { r"[\w#+=/:,.@-]*" };
            self.0.length(text, member, 1, longest);
            let is_fine =
                |character: char| character.is_ascii_alphanumeric() || "_+=/:,.@-".contains(character) || more.contains(character);
            self.0.pattern(text, member, pattern, is_fine);
        }
        text
    }

    /// One of a closed set, where it is given.
    pub fn one_of(&mut self, member: &str, value: Option<&String>, set: &[&str]) {
        if let Some(value) = value {
            self.0.one_of(value, member, set);
        }
    }

    /// How many a page may hold.
    pub fn limit(&mut self, value: Option<i64>, usual: usize, most: i64) -> usize {
        if let Some(limit) = value {
            self.0.range(limit, "limit", 1, most);
        }
        value.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usual)
    }

    /// A moment, where it is given.
    pub fn timestamp(&mut self, member: &str, value: Option<i64>) {
        if let Some(value) = value {
            self.0.range(value, member, 0, i64::MAX);
        }
    }

    /// A count of members, both ends included.
    pub fn count(&mut self, member: &str, count: usize, shortest: usize, longest: usize) {
        if count < shortest {
            self.0.broken("[]", member, &format!("have length greater than or equal to {shortest}"));
        }
        if count > longest {
            self.0.broken("[...]", member, &format!("have length less than or equal to {longest}"));
        }
    }

    /// A text whose length alone matters, where it is given.
    pub fn length(&mut self, member: &str, value: Option<&String>, shortest: usize, longest: usize) {
        if let Some(value) = value {
            self.0.length(value, member, shortest, longest);
        }
    }

    /// A number of days that AWS keeps events for.
    pub fn retention(&mut self, value: Option<i64>) -> i64 {
        match value {
            None => self.0.missing("retentionInDays"),
            Some(days) if RETENTION_DAYS.contains(&days) => {}
            Some(days) => {
                let set: Vec<_> = RETENTION_DAYS.iter().map(ToString::to_string).collect();
                self.0.broken(&days.to_string(), "retentionInDays", &format!("satisfy enum value set: [{}]", set.join(", ")));
            }
        }
        value.unwrap_or_default()
    }

    /// A flag that must be there.
    pub fn flag(&mut self, member: &str, value: Option<bool>) -> bool {
        if value.is_none() {
            self.0.missing(member);
        }
        value.unwrap_or_default()
    }

    /// A KMS key, where it is given.
    pub fn kms_key(&mut self, value: Option<&String>) {
        self.length("kmsKeyId", value, 0, 256);
    }

    /// Notes that a member is missing.
    pub fn missing(&mut self, member: &str) {
        self.0.missing(member);
    }

    /// Tags: how many are given, and what each of them is.
    pub fn tags(&mut self, tags: Option<&BTreeMap<String, String>>) {
        let Some(tags) = tags else { return };
        self.count("tags", tags.len(), 1, MOST_TAGS);
        for (key, value) in tags {
            self.tag_key(key, "tags");
            self.0.length(value, "tags", 0, 256);
            self.0.pattern(value, "tags", r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$", is_in_tag);
        }
    }

    /// Tags that must be there.
    pub fn required_tags(&mut self, tags: Option<&BTreeMap<String, String>>) {
        if tags.is_none() {
            self.0.missing("tags");
        }
        self.tags(tags);
    }

    /// Keys of tags that must be there.
    pub fn tag_keys(&mut self, member: &str, keys: Option<&Vec<String>>, shortest: usize) {
        let Some(keys) = keys else { return self.0.missing(member) };
        self.count(member, keys.len(), shortest, MOST_TAGS);
        keys.iter().for_each(|key| self.tag_key(key, member));
    }

    fn tag_key(&mut self, key: &str, member: &str) {
        self.0.length(key, member, 1, 128);
        self.0.pattern(key, member, r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]+)$", is_in_tag);
    }
}

/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html>
const RETENTION_DAYS: [i64; 22] = [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// Whether a group's name may have that character.
pub fn is_in_group_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || ".-_/#".contains(character)
}

/// Letters, separators and digits of all writings, and eight more. Alphanumeric stands for the classes
/// `\p{L}` and `\p{N}`, and holds a few vowel signs besides.
fn is_in_tag(character: char) -> bool {
    character.is_alphanumeric() || (character.is_whitespace() && !character.is_control()) || "_.:/=+-@".contains(character)
}

/// Refuses tags that AWS keeps for itself.
///
/// # Errors
/// `InvalidParameterException`.
pub fn check_reserved_tags<'a>(mut keys: impl Iterator<Item = &'a String>) -> Result<(), ApiError> {
    match keys.any(|key| key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:"))) {
        true => Err(invalid("aws: prefixed tag key names are not allowed for external use.")),
        false => Ok(()),
    }
}

/// Refuses a KMS key that cannot be one. The cloud has no KMS: any key of the region passes.
///
/// # Errors
/// `InvalidParameterException`.
pub fn check_kms_key(region: &str, key: Option<&String>) -> Result<(), ApiError> {
    let Some(key) = key else { return Ok(()) };
    let parts: Vec<_> = key.splitn(6, ':').collect();
    match parts[..] {
        ["arn", _, "kms", of_region, _, resource] if of_region == region && resource.starts_with("key/") => Ok(()),
        _ => Err(invalid(format!("The specified KMS key does not exist or is not allowed to be used with Arn '{key}'"))),
    }
}

/// The name of the group that an ARN means.
///
/// # Errors
/// `InvalidParameterException` where it is no ARN of a group; `ResourceNotFoundException` where it is one
/// of another account or region.
pub fn name_in_arn<'a>(common: &Common, region: &str, arn: &'a str) -> Result<&'a str, ApiError> {
    let parts: Vec<_> = arn.splitn(7, ':').collect();
    match parts[..] {
        ["arn", _, "logs", of_region, account, "log-group", name] if !name.is_empty() => {
            if of_region == region && account == common.account { Ok(name) } else { Err(no_group()) }
        }
        _ => Err(invalid(format!("The ARN '{arn}' is not the ARN of a log group"))),
    }
}

/// The name of the group that a name or an ARN means.
///
/// # Errors
/// As [`name_in_arn`].
pub fn name_in_identifier<'a>(common: &Common, region: &str, identifier: &'a str) -> Result<&'a str, ApiError> {
    if identifier.starts_with("arn:") { name_in_arn(common, region, identifier) } else { Ok(identifier) }
}

/// The group that is meant by exactly one of a name and a name or ARN.
///
/// # Errors
/// `InvalidParameterException` where both or none are given, or one is malformed; as [`name_in_arn`].
pub fn addressed<'a>(
    common: &Common,
    region: &str,
    mut checks: Checks,
    name: Option<&'a String>,
    identifier: Option<&'a String>,
) -> Result<&'a str, ApiError> {
    let text = match (name, identifier) {
        (Some(_), None) => checks.group_name("logGroupName", name),
        (None, Some(_)) => checks.identifier("logGroupIdentifier", identifier, 2048, "#"),
        _ => return Err(invalid("Exactly one of logGroupName and logGroupIdentifier must be specified")),
    };
    checks.end()?;
    name_in_identifier(common, region, text)
}

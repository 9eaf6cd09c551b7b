//! Groups as they are listed, page by page.

use super::Asking;
use super::checks::{Checks, bad_token, invalid, is_in_group_name, name_in_identifier};
use super::groups::CLASSES;
use super::state::{Group, group_arn};
use crate::local::error::ApiError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

/// A page, if nothing else is asked for.
const PAGE: usize = 50;

/// The input of DescribeLogGroups.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Describe {
    log_group_name_prefix: Option<String>,
    log_group_name_pattern: Option<String>,
    log_group_class: Option<String>,
    log_group_identifiers: Option<Vec<String>>,
    next_token: Option<String>,
    limit: Option<i64>,
}

/// DescribeLogGroups.
pub fn describe(asking: &Asking<'_>, input: Describe) -> Result<Value, ApiError> {
    let limit = check_describe(&input)?;
    let wanted = wanted(asking, input.log_group_identifiers.as_deref())?;
    let prefix = input.log_group_name_prefix.as_deref().unwrap_or_default();
    let part = input.log_group_name_pattern.as_deref().unwrap_or_default();
    let class = input.log_group_class.as_deref();
    let is_asked_for = |name: &str, group: &Group| {
        name.contains(part)
            && class.is_none_or(|class| is_of_class(group, class))
            && wanted.as_ref().is_none_or(|wanted| wanted.contains(name))
    };
    let (page, token) = page(asking, prefix, limit, input.next_token.as_deref(), is_asked_for)?;
    let groups: Vec<_> = page.into_iter().map(|(name, group)| described(asking, name, group)).collect();
    Ok(with_token(json!({ "logGroups": groups }), token))
}

fn check_describe(input: &Describe) -> Result<usize, ApiError> {
    let mut checks = Checks::default();
    checks.group_name_part("logGroupNamePrefix", input.log_group_name_prefix.as_ref(), 1);
    checks.group_name_part("logGroupNamePattern", input.log_group_name_pattern.as_ref(), 0);
    checks.one_of("logGroupClass", input.log_group_class.as_ref(), &CLASSES);
    checks.length("nextToken", input.next_token.as_ref(), 1, usize::MAX);
    let limit = checks.limit(input.limit, PAGE, 50);
    for identifier in input.log_group_identifiers.iter().flatten() {
        checks.identifier("logGroupIdentifiers", Some(identifier), 2048, "#");
    }
    if let Some(identifiers) = &input.log_group_identifiers {
        checks.count("logGroupIdentifiers", identifiers.len(), 1, 50);
    }
    checks.end()?;
    let filters = [&input.log_group_name_prefix, &input.log_group_name_pattern];
    if filters.iter().all(|filter| filter.is_some()) {
        return Err(invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."));
    }
    let has_filter = filters.iter().any(|filter| filter.is_some()) || input.log_group_class.is_some();
    if input.log_group_identifiers.is_some() && has_filter {
        return Err(invalid("LogGroup identifiers cannot be combined with other filters."));
    }
    Ok(limit)
}

fn wanted<'a>(asking: &Asking<'_>, identifiers: Option<&'a [String]>) -> Result<Option<BTreeSet<&'a str>>, ApiError> {
    let Some(identifiers) = identifiers else { return Ok(None) };
    identifiers.iter().map(|identifier| name_in_identifier(asking.common, asking.region, identifier)).collect::<Result<_, _>>().map(Some)
}

/// AWS answers the two cheaper classes together.
fn is_of_class(group: &Group, class: &str) -> bool {
    const CHEAPER: [&str; 2] = ["INFREQUENT_ACCESS", "ESSENTIALS"];
    group.record.class == class || (CHEAPER.contains(&class) && CHEAPER.contains(&group.record.class.as_str()))
}

fn described(asking: &Asking<'_>, name: &str, group: &Group) -> Value {
    let arn = group_arn(asking.common, asking.region, name);
    let record = &group.record;
    let mut members = Map::new();
    members.insert("logGroupName".into(), name.into());
    members.insert("creationTime".into(), record.created_ms.into());
    if let Some(days) = record.retention_in_days {
        members.insert("retentionInDays".into(), days.into());
    }
    members.insert("metricFilterCount".into(), 0.into());
    members.insert("arn".into(), format!("{arn}:*").into());
    members.insert("storedBytes".into(), group.stored_bytes.into());
    if let Some(key) = &record.kms_key_id {
        members.insert("kmsKeyId".into(), key.as_str().into());
    }
    members.insert("logGroupClass".into(), record.class.as_str().into());
    members.insert("logGroupArn".into(), arn.into());
    members.insert("deletionProtectionEnabled".into(), record.deletion_protection_enabled.into());
    Value::Object(members)
}

/// The input of ListLogGroups.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct List {
    log_group_name_pattern: Option<String>,
    log_group_class: Option<String>,
    next_token: Option<String>,
    limit: Option<i64>,
    log_group_tags: Option<Vec<TagFilter>>,
    data_sources: Option<Vec<Value>>,
    field_index_names: Option<Vec<String>>,
}

/// What a group's tags must be like.
#[derive(Debug, Deserialize)]
struct TagFilter {
    key: String,
    values: Option<Vec<String>>,
}

impl TagFilter {
    fn matches(&self, tags: &BTreeMap<String, String>) -> bool {
        let Some(value) = tags.get(&self.key) else { return false };
        let wanted = self.values.as_deref().unwrap_or_default();
        wanted.is_empty() || wanted.iter().any(|wanted| matches_wildcard(wanted, value))
    }
}

/// `prod`, `prod*`, `*prod`, `*prod*`, and each with `!` before it for the opposite.
fn matches_wildcard(wanted: &str, value: &str) -> bool {
    if let Some(unwanted) = wanted.strip_prefix('!') {
        return !matches_wildcard(unwanted, value);
    }
    let (rest, is_open_end) = wanted.strip_suffix('*').map_or((wanted, false), |rest| (rest, true));
    match (rest.strip_prefix('*'), is_open_end) {
        (Some(inside), true) => value.contains(inside),
        (Some(end), false) => value.ends_with(end),
        (None, true) => value.starts_with(rest),
        (None, false) => value == rest,
    }
}

/// ListLogGroups.
pub fn list(asking: &Asking<'_>, input: List) -> Result<Value, ApiError> {
    let mut checks = Checks::default();
    checks.one_of("logGroupClass", input.log_group_class.as_ref(), &CLASSES);
    checks.length("logGroupNamePattern", input.log_group_name_pattern.as_ref(), 3, 129);
    checks.length("nextToken", input.next_token.as_ref(), 1, usize::MAX);
    let filters = input.log_group_tags.as_deref().unwrap_or_default();
    if input.log_group_tags.is_some() {
        checks.count("logGroupTags", filters.len(), 1, 5);
    }
    let limit = checks.limit(input.limit, PAGE, 1000);
    checks.end()?;
    if input.data_sources.is_some() || input.field_index_names.is_some() {
        return Err(invalid("The local cloud has neither data sources nor field indexes to list log groups by"));
    }
    let alternatives = input.log_group_name_pattern.as_deref().map(alternatives).transpose()?;
    let class = input.log_group_class.as_deref();
    let is_asked_for = |name: &str, group: &Group| {
        alternatives.as_ref().is_none_or(|alternatives| alternatives.iter().any(|part| is_alternative(part, name)))
            && class.is_none_or(|class| group.record.class == class)
            && filters.iter().all(|filter| filter.matches(&group.record.tags))
    };
    let (page, token) = page(asking, "", limit, input.next_token.as_deref(), is_asked_for)?;
    let summary = |(name, group): (&str, &Group)| json!({ "logGroupName": name, "logGroupArn": group_arn(asking.common, asking.region, name), "logGroupClass": group.record.class });
    Ok(with_token(json!({ "logGroups": page.into_iter().map(summary).collect::<Vec<_>>() }), token))
}

/// Up to five parts of names, 3 to 24 characters each; `^` before one ties it to the start.
fn alternatives(pattern: &str) -> Result<Vec<&str>, ApiError> {
    let parts: Vec<_> = pattern.split('|').collect();
    let is_fine = |part: &&str| {
        let inside = part.strip_prefix('^').unwrap_or(part);
        (3..=24).contains(&inside.len()) && inside.chars().all(is_in_group_name)
    };
    if parts.len() > 5 || !parts.iter().all(is_fine) {
        return Err(invalid(format!(
            "1 validation error detected: Value '{pattern}' at 'logGroupNamePattern' failed to satisfy constraint: Member must satisfy \
             regular expression pattern: (\\^?[\\.\\-_\\/#A-Za-z0-9]{{3,24}})(\\|\\^?[\\.\\-_\\/#A-Za-z0-9]{{3,24}}){{0,4}}"
        )));
    }
    Ok(parts)
}

fn is_alternative(part: &str, name: &str) -> bool {
    part.strip_prefix('^').map_or_else(|| name.contains(part), |start| name.starts_with(start))
}

type Page<'a> = (Vec<(&'a str, &'a Group)>, Option<String>);

/// The groups of a page in the order of their names, and the token of the next page: the last name told.
fn page<'a>(
    asking: &Asking<'a>,
    prefix: &str,
    limit: usize,
    token: Option<&str>,
    is_asked_for: impl Fn(&str, &Group) -> bool,
) -> Result<Page<'a>, ApiError> {
    let after = token.map(read_token).transpose()?;
    let Some(groups) = asking.state.groups(asking.region) else { return Ok((Vec::new(), None)) };
    let start = match after.as_deref() {
        Some(name) if name >= prefix => Bound::Excluded(name),
        _ => Bound::Included(prefix),
    };
    let with_prefix = groups.range::<str, _>((start, Bound::Unbounded)).take_while(|(name, _)| name.starts_with(prefix));
    let mut found = with_prefix.filter(|(name, group)| is_asked_for(name, group)).map(|(name, group)| (name.as_str(), group));
    let page: Vec<_> = found.by_ref().take(limit).collect();
    let token = found.next().and_then(|_| page.last()).map(|(name, _)| write_token(name));
    Ok((page, token))
}

/// A token that means a place in the order of names.
pub fn write_token(place: &str) -> String {
    BASE64.encode(place)
}

/// Reads what [`write_token`] wrote.
///
/// # Errors
/// `InvalidParameterException` for anything else.
pub fn read_token(token: &str) -> Result<String, ApiError> {
    let bytes = BASE64.decode(token).map_err(|_| bad_token())?;
    String::from_utf8(bytes).map_err(|_| bad_token())
}

/// An answer with the token of its next page, where there is one.
pub fn with_token(mut answer: Value, token: Option<String>) -> Value {
    if let Some(token) = token {
        answer["nextToken"] = token.into();
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tag_values_are_matched_as_the_model_says() {
        for (wanted, value, is_match) in [
            ("prod", "prod", true),
            ("prod", "production", false),
            ("prod*", "production", true),
            ("*duct*", "production", true),
            ("*ion", "production", true),
            ("!prod", "prod", false),
            ("!prod*", "staging", true),
        ] {
            assert_eq!(matches_wildcard(wanted, value), is_match, "{wanted} {value}");
        }
    }
}

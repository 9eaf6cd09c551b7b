//! Which images a lifecycle policy expires
//! (<https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html>). AWS looks within a day; the
//! cloud looks whenever somebody does.

use super::checks::invalid;
use super::record::{Image, Repository};
use crate::local::error::ApiError;
use crate::local::names::matches;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

const SHORTEST_TEXT: usize = 100;
const LONGEST_TEXT: usize = 30_720;
const MOST_RULES: usize = 50;
const DAY_MS: i64 = 86_400_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    rules: Vec<Rule>,
}

/// One rule, as it is written.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Rule {
    rule_priority: u32,
    #[serde(default)]
    description: Option<String>,
    selection: Selection,
    action: Action,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Selection {
    tag_status: TagStatus,
    #[serde(default)]
    tag_prefix_list: Vec<String>,
    #[serde(default)]
    tag_pattern_list: Vec<String>,
    count_type: CountType,
    #[serde(default)]
    count_unit: Option<Unit>,
    count_number: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum TagStatus {
    Tagged,
    Untagged,
    Any,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum CountType {
    ImageCountMoreThan,
    SinceImagePushed,
    /// The cloud does not note pulls; a push counts as one.
    SinceImagePulled,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Unit {
    Days,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Action {
    #[serde(rename = "type")]
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Kind {
    Expire,
}

/// A policy's text as ECR gives it back, and its rules.
///
/// # Errors
/// `InvalidParameterException` for what is no policy.
pub(super) fn parsed(text: &str) -> Result<(String, Vec<Rule>), ApiError> {
    let refused = |reason: &str| invalid("LifecyclePolicyText", &format!("Lifecycle policy validation failure: {reason}"));
    if !(SHORTEST_TEXT..=LONGEST_TEXT).contains(&text.len()) {
        return Err(invalid("LifecyclePolicyText", &format!("must have length between {SHORTEST_TEXT} and {LONGEST_TEXT}")));
    }
    let document: serde_json::Value = serde_json::from_str(text).map_err(|error| refused(&error.to_string()))?;
    let Document { rules } = serde_json::from_value(document.clone()).map_err(|error| refused(&error.to_string()))?;
    check(&rules).map_err(refused)?;
    Ok((document.to_string(), rules))
}

fn check(rules: &[Rule]) -> Result<(), &'static str> {
    if rules.is_empty() || rules.len() > MOST_RULES {
        return Err("there must be 1 to 50 rules");
    }
    let priorities: BTreeSet<u32> = rules.iter().map(|rule| rule.rule_priority).collect();
    if priorities.len() < rules.len() || priorities.contains(&0) {
        return Err("each rule must have a rulePriority of its own, of 1 or more");
    }
    rules.iter().try_for_each(|rule| rule.selection.check())?;
    let last = rules.iter().max_by_key(|rule| rule.rule_priority).map(|rule| rule.rule_priority);
    let of_any = rules.iter().filter(|rule| rule.selection.tag_status == TagStatus::Any);
    if of_any.clone().count() > 1 || of_any.into_iter().any(|rule| Some(rule.rule_priority) != last) {
        return Err("only the rule with the highest rulePriority may have the tagStatus any");
    }
    let of_untagged = rules.iter().filter(|rule| rule.selection.tag_status == TagStatus::Untagged);
    if of_untagged.count() > 2 { Err("there may be one rule for untagged images for each countType") } else { Ok(()) }
}

impl Selection {
    fn check(&self) -> Result<(), &'static str> {
        let has_tags = !self.tag_prefix_list.is_empty() || !self.tag_pattern_list.is_empty();
        if (self.tag_status == TagStatus::Tagged) != has_tags {
            return Err("tagPrefixList or tagPatternList must be there with the tagStatus tagged, and only then");
        }
        if (self.count_type == CountType::ImageCountMoreThan) == self.count_unit.is_some() {
            return Err("countUnit must be there with a countType of time, and only then");
        }
        if self.count_number == 0 { Err("countNumber must be greater than 0") } else { Ok(()) }
    }

    /// All prefixes or patterns must fit a tag of the image each.
    fn is_of(&self, image: &Image) -> bool {
        let has = |fits: &dyn Fn(&String) -> bool| image.tags.iter().any(fits);
        match self.tag_status {
            TagStatus::Any => true,
            TagStatus::Untagged => image.tags.is_empty(),
            TagStatus::Tagged => {
                self.tag_prefix_list.iter().all(|prefix| has(&|tag| tag.starts_with(prefix)))
                    && self.tag_pattern_list.iter().all(|pattern| has(&|tag| matches(pattern, tag)))
            }
        }
    }

    /// Of images from the newest to the oldest, those that are too old or too many.
    fn expired<'a>(&self, images: &[&'a Image], now_ms: i64) -> Vec<&'a Image> {
        let number = i64::from(self.count_number);
        match self.count_type {
            CountType::ImageCountMoreThan => images.iter().skip(usize::try_from(number).unwrap_or(usize::MAX)).copied().collect(),
            CountType::SinceImagePushed | CountType::SinceImagePulled => {
                images.iter().filter(|image| now_ms - image.pushed_ms > number * DAY_MS).copied().collect()
            }
        }
    }
}

/// The images that a repository's policy expires now. An image belongs to the first rule that it fits, and what
/// an index refers to stays as long as the index.
pub(super) fn expired(repository: &Repository, now_ms: i64) -> Vec<String> {
    let Some(lifecycle) = &repository.settings.lifecycle else { return Vec::new() };
    let referred: BTreeSet<&String> = repository.images.values().flat_map(|image| &image.images).collect();
    let mut left: Vec<&Image> = repository.images.values().filter(|image| !referred.contains(&image.digest)).collect();
    left.sort_by_key(|image| std::cmp::Reverse(image.pushed_ms));
    let mut rules: Vec<&Rule> = lifecycle.rules.iter().collect();
    rules.sort_by_key(|rule| rule.rule_priority);
    let mut expired = Vec::new();
    for rule in rules {
        let (of_rule, others): (Vec<_>, Vec<_>) = left.into_iter().partition(|image| rule.selection.is_of(image));
        expired.extend(rule.selection.expired(&of_rule, now_ms).iter().map(|image| image.digest.clone()));
        left = others;
    }
    expired
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(rules: &str) -> String {
        format!("{:<120}", format!("{{\"rules\":[{rules}]}}"))
    }

    fn rule(priority: u32, selection: &str) -> String {
        format!(r#"{{"rulePriority":{priority},"selection":{{{selection}}},"action":{{"type":"expire"}}}}"#)
    }

    #[test]
    fn only_policies_that_ecr_takes_are_taken() {
        let days = r#""tagStatus":"untagged","countType":"sinceImagePushed","countUnit":"days","countNumber":14"#;
        let any = r#""tagStatus":"any","countType":"imageCountMoreThan","countNumber":3"#;
        assert!(parsed(&policy(&rule(1, days))).is_ok());
        assert!(parsed(&policy(&[rule(1, days), rule(2, any)].join(","))).is_ok());
        let wrong = [
            policy(""),
            policy(&rule(0, days)),
            policy(&[rule(1, days), rule(1, any)].join(",")),
            policy(&[rule(1, any), rule(2, days)].join(",")),
            policy(&rule(1, &days.replace("14", "0"))),
            policy(&rule(1, &days.replace("untagged", "tagged"))),
            policy(&rule(1, &days.replace(r#""countUnit":"days","#, ""))),
            policy(&rule(1, days).replace("expire", "keep")),
            policy(&rule(1, days).replace("selection", "select")),
            rule(1, days).chars().take(99).collect(),
            "x".repeat(120),
        ];
        for text in wrong {
            assert_eq!(parsed(&text).unwrap_err().code, "InvalidParameterException", "{text}");
        }
    }
}

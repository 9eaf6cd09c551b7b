//! Tags of functions.

use super::Lambda;
use crate::local::common::Call;
use crate::local::error::ApiError;
use serde::Deserialize;
use std::collections::BTreeMap;

const MOST_TAGS: usize = 50;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TagInput {
    tags: BTreeMap<String, String>,
}

impl Lambda {
    pub(super) fn tags(&self, call: &Call, arn: &str) -> Result<BTreeMap<String, String>, ApiError> {
        Ok(self.find(&call.region, &self.tagged_name(call, arn)?)?.tags)
    }

    pub(super) async fn tag(&self, call: &Call, arn: &str, input: TagInput) -> Result<(), ApiError> {
        let name = self.tagged_name(call, arn)?;
        let ((), saved) = self.change(&call.region, &name, |function| {
            function.tags.extend(input.tags);
            check(&function.tags)
        })?;
        saved.wait().await
    }

    pub(super) async fn untag(&self, call: &Call, arn: &str, keys: Vec<String>) -> Result<(), ApiError> {
        let name = self.tagged_name(call, arn)?;
        let ((), saved) = self.change(&call.region, &name, |function| {
            function.tags.retain(|key, _| !keys.contains(key));
            Ok(())
        })?;
        saved.wait().await
    }

    /// Tags belong to the function, so its ARN must come without a qualifier.
    fn tagged_name(&self, call: &Call, arn: &str) -> Result<String, ApiError> {
        if !arn.starts_with("arn:") || arn.split(':').count() != 7 {
            let message = format!("Invalid ARN: {arn}. Tags on function aliases and versions are not supported.");
            return Err(ApiError::new(400, "InvalidParameterValueException", message));
        }
        self.name_of(call, arn, None)
    }
}

/// What Lambda demands of tags.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-tags.html>
///
/// # Errors
/// `InvalidParameterValueException`.
pub(super) fn check(tags: &BTreeMap<String, String>) -> Result<(), ApiError> {
    let invalid = |message: String| Err(ApiError::new(400, "InvalidParameterValueException", message));
    let is_fine = |text: &str| {
        text.chars().all(|character| character.is_alphanumeric() || character.is_whitespace() || "_.:/=+-@".contains(character))
    };
    if tags.len() > MOST_TAGS {
        return invalid(format!("Too many tags: {} of at most {MOST_TAGS}", tags.len()));
    }
    for (key, value) in tags {
        if key.to_ascii_lowercase().starts_with("aws:") {
            return invalid("System tags cannot be added/updated by requester".into());
        }
        if key.is_empty() || key.chars().count() > 128 || !is_fine(key) {
            return invalid(format!("The tag key '{key}' is invalid: 1 to 128 letters, digits, spaces and _.:/=+-@"));
        }
        if value.chars().count() > 256 || !is_fine(value) {
            return invalid(format!("The value of the tag '{key}' is invalid: at most 256 letters, digits, spaces and _.:/=+-@"));
        }
    }
    Ok(())
}

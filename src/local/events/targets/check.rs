//! What AWS refuses of targets. Each message was seen in a refusal of the real service, except where the
//! local cloud is named.

use super::super::input::{EVENT_JSON, OWN_PREFIX, is_template, placeholders, unknown_placeholder};
use super::super::path::Path;
use super::super::{check_name, invalid};
use super::{InputTransformer, Target};
use crate::local::error::{ApiError, Constraints};
use serde_json::Value;
use std::collections::BTreeSet;

/// The constraints of AWS's model.
pub(super) fn members(constraints: &mut Constraints, targets: &[Target]) {
    for (index, target) in targets.iter().enumerate() {
        let member = |name: &str| format!("targets.{}.member.{name}", index + 1);
        check_name(constraints, &target.id, &member("id"));
        constraints.length(&target.arn, &member("arn"), 1, 1600);
        let texts = [(&target.role_arn, "roleArn", 1, 1600), (&target.input, "input", 0, 8192), (&target.input_path, "inputPath", 0, 256)];
        for (text, name, shortest, longest) in texts {
            if let Some(text) = text {
                constraints.length(text, &member(name), shortest, longest);
            }
        }
        if let Some(transformer) = &target.input_transformer {
            transformer_members(constraints, transformer, &member("inputTransformer"));
        }
        let policy = target.retry_policy.clone().unwrap_or_default();
        if let Some(attempts) = policy.maximum_retry_attempts {
            constraints.range(attempts, &member("retryPolicy.maximumRetryAttempts"), 0, 185);
        }
        if let Some(age_seconds) = policy.maximum_event_age_in_seconds {
            constraints.range(age_seconds, &member("retryPolicy.maximumEventAgeInSeconds"), 60, 86_400);
        }
    }
}

fn transformer_members(constraints: &mut Constraints, transformer: &InputTransformer, member: &str) {
    constraints.length(&transformer.input_template, &format!("{member}.inputTemplate"), 1, 8192);
    let map = format!("{member}.inputPathsMap");
    if transformer.input_paths_map.len() > 100 {
        constraints.broken(&format!("[{} entries]", transformer.input_paths_map.len()), &map, "have length less than or equal to 100");
    }
    for key in transformer.input_paths_map.keys().filter(|key| key.starts_with(OWN_PREFIX)) {
        constraints.broken(key, &map, "have keys that do not begin with aws.events.");
    }
}

/// All else: ids, ARNs, and what a target is given.
pub(super) fn targets(targets: &[Target], region: &str, account: &str) -> Result<(), ApiError> {
    let mut ids = BTreeSet::new();
    for target in targets {
        if !ids.insert(target.id.as_str()) {
            let reason = format!("More than one target with Id '{}' is provided.", target.id);
            return Err(invalid(format!("Parameter targets is not valid. Reason: {reason}")));
        }
        function(&target.arn, region, account)?;
        dead_letter_queue(target)?;
        input(target)?;
    }
    Ok(())
}

/// EventBridge asks nobody whether the function is there.
fn function(arn: &str, region: &str, account: &str) -> Result<(), ApiError> {
    let parts: Vec<&str> = arn.split(':').collect();
    let ["arn", partition, service, its_region, its_account, resource @ ..] = &parts[..] else {
        return Err(invalid(format!("Parameter {arn} is not valid. Reason: Provided Arn is not in correct format.")));
    };
    if !partition.starts_with("aws") || resource.iter().any(|part| part.is_empty()) || resource.is_empty() {
        return Err(invalid(format!("Parameter {arn} is not valid. Reason: Provided Arn is not in correct format.")));
    }
    if *service != "lambda" || !matches!(resource, ["function", _] | ["function", _, _]) {
        return Err(invalid(format!("Parameter {arn} is not valid. Reason: The local cloud delivers to Lambda functions only.")));
    }
    if (*its_region, *its_account) != (region, account) {
        let reason = format!("The local cloud delivers to functions of the account {account} in the rule's region {region} only.");
        return Err(invalid(format!("Parameter {arn} is not valid. Reason: {reason}")));
    }
    Ok(())
}

fn dead_letter_queue(target: &Target) -> Result<(), ApiError> {
    let Some(arn) = target.dead_letter_config.as_ref().and_then(|config| config.arn.as_deref()) else { return Ok(()) };
    match arn.split(':').nth(2) {
        Some("sqs") if arn.ends_with(".fifo") => Err(invalid("SQS FIFO is not supported by Dead Letter Queues.")),
        Some("sqs") => Ok(()),
        Some(service) => Err(invalid(format!("{service} is not supported as a dead letter resource."))),
        None => Err(invalid(format!("Parameter {arn} is not valid. Reason: Provided Arn is not in correct format."))),
    }
}

fn input(target: &Target) -> Result<(), ApiError> {
    let id = &target.id;
    let given = [target.input.is_some(), target.input_path.is_some(), target.input_transformer.is_some()];
    if given.into_iter().filter(|is_given| *is_given).count() > 1 {
        return Err(invalid(format!("Only one of Input, InputPath, or InputTransformer must be provided for target {id}.")));
    }
    if target.input.as_deref().is_some_and(|text| serde_json::from_str::<Value>(text).is_err()) {
        return Err(invalid(format!("JSON syntax error in input for target {id}.")));
    }
    let in_map = target.input_transformer.iter().flat_map(|transformer| transformer.input_paths_map.values());
    if target.input_path.iter().chain(in_map).any(|path| Path::parse(path).is_none()) {
        return Err(invalid(format!("InputPath for target {id} is invalid.")));
    }
    target.input_transformer.as_ref().map_or(Ok(()), |transformer| template(id, transformer))
}

fn template(id: &str, transformer: &InputTransformer) -> Result<(), ApiError> {
    let template = transformer.input_template.trim();
    if let Some(name) = unknown_placeholder(transformer) {
        return Err(invalid(format!("InputTemplate for target {id} contains invalid placeholder {name}.")));
    }
    if placeholders(template).contains(&EVENT_JSON) && !template.starts_with('{') {
        let message = format!("InputTemplate for target {id} contains placeholder {EVENT_JSON} valid only for JSON template.");
        return Err(invalid(message));
    }
    if !is_template(template) {
        return Err(invalid(format!("Invalid InputTemplate for target {id} : it is neither JSON nor a text in quotation marks.")));
    }
    Ok(())
}

//! What Lambda refuses in a function's settings. The rules are those that were seen in its answers
//! (<https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html>, and the limits on
//! <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).

use super::settings::Settings;
use crate::local::error::{ApiError, Constraints};
use crate::local::names::is_account;
use serde_json::Value;
use std::collections::BTreeMap;

/// Runtimes that a function can be created with. Those that AWS only warns of are among them.
const RUNTIMES: &[&str] = &[
    "nodejs18.x",
    "nodejs20.x",
    "nodejs22.x",
    "nodejs24.x",
    "nodejs26.x",
    "python3.8",
    "python3.9",
    "python3.10",
    "python3.11",
    "python3.12",
    "python3.13",
    "python3.14",
    "python3.15",
    "java8.al2",
    "java8.al2023",
    "java11",
    "java11.al2023",
    "java17",
    "java17.al2023",
    "java21",
    "java25",
    "dotnet8",
    "dotnet10",
    "ruby3.2",
    "ruby3.3",
    "ruby3.4",
    "ruby4.0",
    "provided.al2",
    "provided.al2023",
];

/// Runtimes that AWS still knows by name and takes no more.
const DEAD_RUNTIMES: &[&str] = &[
    "nodejs",
    "nodejs4.3",
    "nodejs4.3-edge",
    "nodejs6.10",
    "nodejs8.10",
    "nodejs10.x",
    "nodejs12.x",
    "nodejs14.x",
    "nodejs16.x",
    "java8",
    "python2.7",
    "python3.6",
    "python3.7",
    "dotnetcore1.0",
    "dotnetcore2.0",
    "dotnetcore2.1",
    "dotnetcore3.1",
    "dotnet6",
    "go1.x",
    "ruby2.5",
    "ruby2.7",
    "provided",
];

/// Variables that Lambda sets itself and lets nobody else set.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime>
const RESERVED_VARIABLES: &[&str] = &[
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_LAMBDA_RUNTIME_API",
    "LAMBDA_TASK_ROOT",
    "LAMBDA_RUNTIME_DIR",
];

/// The most that all variables may take together, as Lambda counts them.
const LARGEST_ENVIRONMENT_BYTES: usize = 4096;
const MOST_LAYERS: usize = 5;
const MOST_SUBNETS: usize = 16;
const MOST_SECURITY_GROUPS: usize = 5;

/// Refuses settings that Lambda refuses: first all that its model forbids, then the rest one by one.
///
/// # Errors
/// `ValidationException` or `InvalidParameterValueException`.
pub(super) fn settings(settings: &Settings) -> Result<(), ApiError> {
    model(settings)?;
    if let Some(runtime) = &settings.runtime {
        check_runtime(runtime)?;
    }
    check_environment(&settings.variables())?;
    if settings.layers.as_ref().is_some_and(|layers| layers.len() > MOST_LAYERS) {
        return Err(invalid(format!("Cannot reference more than {MOST_LAYERS} layers.")));
    }
    if let Some(target) = settings.dead_letter_config.as_ref().and_then(|config| config.get("TargetArn")).and_then(Value::as_str) {
        check_dead_letter_target(target)?;
    }
    check_list(&settings.vpc_config, "SubnetIds", MOST_SUBNETS)?;
    check_list(&settings.vpc_config, "SecurityGroupIds", MOST_SECURITY_GROUPS)
}

fn model(settings: &Settings) -> Result<(), ApiError> {
    let mut constraints = Constraints::new();
    if let Some(role) = settings.role.as_deref().filter(|role| !is_role_arn(role)) {
        let pattern = "arn:(aws[a-zA-Z-]*)?:iam::\\d{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+";
        constraints.broken(role, "role", &format!("satisfy regular expression pattern: {pattern}"));
    }
    if let Some(handler) = &settings.handler {
        constraints.length(handler, "handler", 0, 128);
        constraints.pattern(handler, "handler", "[^\\s]+", |character| !character.is_whitespace());
    }
    if let Some(description) = &settings.description {
        constraints.length(description, "description", 0, 256);
    }
    if let Some(timeout) = settings.timeout {
        constraints.range(timeout, "timeout", 1, 900);
    }
    if let Some(memory) = settings.memory_size {
        constraints.range(memory, "memorySize", 128, 10_240);
    }
    if let Some(storage) = &settings.ephemeral_storage {
        constraints.range(storage.size, "ephemeralStorage.size", 512, 10_240);
    }
    for layer in settings.layers.iter().flatten().filter(|layer| !is_layer_arn(layer)) {
        constraints.broken(
            layer,
            "layers",
            "satisfy regular expression pattern: arn:[a-zA-Z0-9-]+:lambda:[a-zA-Z0-9-]+:\\d{12}:layer:[a-zA-Z0-9-_]+:[0-9]+",
        );
    }
    if let Some(config) = &settings.image_config {
        config.check(&mut constraints);
    }
    one_of(&mut constraints, &settings.tracing_config, "Mode", "tracingConfig.mode", &["Active", "PassThrough"]);
    one_of(&mut constraints, &settings.snap_start, "ApplyOn", "snapStart.applyOn", &["PublishedVersions", "None"]);
    one_of(&mut constraints, &settings.logging_config, "LogFormat", "loggingConfig.logFormat", &["JSON", "Text"]);
    constraints.check(400, "ValidationException")
}

fn one_of(constraints: &mut Constraints, table: &Option<Value>, key: &str, member: &str, set: &[&str]) {
    if let Some(text) = table.as_ref().and_then(|table| table.get(key)).and_then(Value::as_str) {
        constraints.one_of(text, member, set);
    }
}

fn check_list(table: &Option<Value>, key: &str, most: usize) -> Result<(), ApiError> {
    let count = table.as_ref().and_then(|table| table.get(key)).and_then(Value::as_array).map_or(0, Vec::len);
    if count <= most {
        return Ok(());
    }
    let message = format!(
        "1 validation error detected: Value at 'vpcConfig.{key}' failed to satisfy constraint: Member must have length less than or equal to {most}"
    );
    Err(ApiError::new(400, "ValidationException", message))
}

fn check_runtime(runtime: &str) -> Result<(), ApiError> {
    if RUNTIMES.contains(&runtime) {
        return Ok(());
    }
    if DEAD_RUNTIMES.contains(&runtime) {
        return Err(invalid(format!(
            "The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda functions. We recommend you use a supported runtime while creating or updating functions."
        )));
    }
    let set = RUNTIMES.join(", ");
    Err(invalid(format!(
        "Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [{set}] or be a valid ARN"
    )))
}

/// Lambda counts the JSON of the map: each variable costs its key, its value and 6 bytes, the whole 1 more.
fn check_environment(variables: &BTreeMap<String, String>) -> Result<(), ApiError> {
    let unable = "Lambda was unable to configure your environment variables because the environment variables you have provided";
    let mut constraints = Constraints::new();
    for name in variables.keys().filter(|name| !is_variable_name(name)) {
        constraints.broken(
            name,
            "environment.variables",
            "satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]",
        );
    }
    constraints.check(400, "ValidationException")?;
    let reserved: Vec<&str> = variables.keys().map(String::as_str).filter(|name| RESERVED_VARIABLES.contains(name)).collect();
    if !reserved.is_empty() {
        return Err(invalid(format!(
            "{unable} contains reserved keys that are currently not supported for modification. Reserved keys used in this request: {}",
            reserved.join(", ")
        )));
    }
    let size_bytes = variables.iter().map(|(name, value)| name.len() + value.len() + 6).sum::<usize>() + 1;
    if size_bytes > LARGEST_ENVIRONMENT_BYTES {
        return Err(invalid(format!("{unable} exceeded the 4KB limit. Measured size: {size_bytes} bytes")));
    }
    Ok(())
}

fn check_dead_letter_target(target: &str) -> Result<(), ApiError> {
    let service = target.split(':').nth(2);
    if target.is_empty() || matches!(service, Some("sqs" | "sns")) && !target.ends_with(".fifo") {
        return Ok(());
    }
    Err(invalid(format!("The provided dead letter target {target} is not an ARN of a standard SQS queue or SNS topic.")))
}

fn is_variable_name(name: &str) -> bool {
    let mut characters = name.chars();
    // `_HANDLER` and its like are refused as reserved, not for their form.
    RESERVED_VARIABLES.contains(&name)
        || characters.next().is_some_and(|first| first.is_ascii_alphabetic())
            && name.len() > 1
            && characters.all(|character| character.is_ascii_alphanumeric() || character == '_')
}

fn is_role_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let [arn, partition, "iam", "", account, resource] = parts[..] else { return false };
    let is_path = |character: char| character.is_ascii_alphanumeric() || "+=,.@-_/".contains(character);
    arn == "arn"
        && partition.starts_with("aws")
        && is_account(account)
        && resource.strip_prefix("role").is_some_and(|rest| rest.len() > 1 && rest.chars().all(is_path))
}

fn is_layer_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    let ["arn", _, "lambda", _, account, "layer", name, version] = parts[..] else { return false };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_account(account) && !name.is_empty() && is_number(version)
}

fn invalid(message: String) -> ApiError {
    ApiError::new(400, "InvalidParameterValueException", message)
}

//! What other tools call our keys, so that who comes from them is not left alone.

use super::tree::Nodes;
use crate::diagnostic::nearest;
use crate::model::Shape;

/// Names of SAM, Serverless, Terraform and cargo-lambda, in snake_case, and what they are here. The
/// first of the targets whose first key is known where the name stands is the one that is meant.
const SYNONYMS: &[(&str, &[&str])] = &[
    ("account", &["allowed_account_ids", "aws.allowed_account_ids"]),
    ("account_id", &["allowed_account_ids", "aws.allowed_account_ids"]),
    ("account_ids", &["allowed_account_ids", "aws.allowed_account_ids"]),
    ("accounts", &["allowed_account_ids", "aws.allowed_account_ids"]),
    ("allowed_account_ids", &["aws.allowed_account_ids"]),
    ("app", &["project"]),
    ("arch", &["architectures"]),
    ("architecture", &["architectures"]),
    ("assume_role_arn", &["aws.assume_role_arn"]),
    ("assume_role_policy", &["trust_policy", "role.trust_policy"]),
    ("assume_role_policy_document", &["trust_policy", "role.trust_policy"]),
    ("attached_policies", &["managed_policies", "role.managed_policies"]),
    ("bin", &["build"]),
    ("binary", &["build"]),
    ("binary_name", &["build"]),
    ("code_uri", &["build", "code"]),
    ("concurrency", &["reserved_concurrent_executions"]),
    ("cron", &["schedule_expression", "event_rule"]),
    ("dead_letter", &["dead_letter_config"]),
    ("dead_letter_queue", &["dead_letter_config"]),
    ("dead_letter_queue_enabled", &["dead_letter_config"]),
    ("desc", &["description"]),
    ("dir", &["path"]),
    ("directory", &["path"]),
    ("dlq", &["dead_letter_config"]),
    ("endpoint", &["endpoint_url", "aws.endpoint_url"]),
    ("endpoint_url", &["aws.endpoint_url"]),
    ("entry", &["build"]),
    ("env", &["environment", "stage"]),
    ("env_file", &["environment"]),
    ("env_vars", &["environment"]),
    ("environment", &["stage"]),
    ("environment_variables", &["environment"]),
    ("environments", &["environment", "stage"]),
    ("envs", &["environment", "stage"]),
    ("ephemeral_storage_size", &["ephemeral_storage"]),
    ("expression", &["schedule_expression"]),
    ("file_system_config", &["file_system_configs"]),
    ("filename", &["code"]),
    ("folder", &["path"]),
    ("functions", &["function"]),
    ("globals", &["defaults"]),
    ("iam_role_statements", &["allow", "role.allow"]),
    ("image_uri", &["image"]),
    ("initial_policy", &["allow", "role.allow"]),
    ("inline_policies", &["inline_policy", "role.inline_policy"]),
    ("kms_key", &["kms_key_arn"]),
    ("kms_key_id", &["kms_key_arn"]),
    ("lambda", &["function"]),
    ("layer", &["layers"]),
    ("locals", &["vars"]),
    ("log_group_retention", &["retention_in_days", "log_group.retention_in_days", "defaults.log_group.retention_in_days"]),
    ("log_retention", &["retention_in_days", "log_group.retention_in_days", "defaults.log_group.retention_in_days"]),
    ("log_retention_in_days", &["retention_in_days", "log_group.retention_in_days", "defaults.log_group.retention_in_days"]),
    ("logging", &["logging_config"]),
    ("logs", &["log_group"]),
    ("managed_policy_arns", &["managed_policies", "role.managed_policies"]),
    ("manifest_path", &["build"]),
    ("max_session", &["max_session_duration"]),
    ("mem", &["memory_size"]),
    ("memory", &["memory_size"]),
    ("mutability", &["image_tag_mutability"]),
    ("name", &["project", "function_name", "role_name", "log_group_name", "repository_name"]),
    ("output", &["outputs"]),
    ("package", &["code"]),
    ("package_type", &["code"]),
    ("parameters", &["vars"]),
    ("pattern", &["event_pattern"]),
    ("permission_boundary", &["permissions_boundary", "role.permissions_boundary"]),
    ("permissions", &["permission", "allow", "role.allow"]),
    ("permissions_boundary", &["role.permissions_boundary"]),
    ("policies", &["managed_policies", "role.managed_policies"]),
    ("policy", &["inline_policy", "allow", "role.allow"]),
    ("policy_statements", &["allow", "role.allow"]),
    ("profile", &["aws.profile"]),
    ("provider", &["aws"]),
    ("rate", &["schedule_expression", "event_rule"]),
    ("region", &["aws.region"]),
    ("reserved_concurrency", &["reserved_concurrent_executions"]),
    ("resource", &["function"]),
    ("resources", &["function"]),
    ("retention", &["retention_in_days", "log_group.retention_in_days", "defaults.log_group.retention_in_days"]),
    ("retention_in_days", &["log_group.retention_in_days", "defaults.log_group.retention_in_days"]),
    ("role_arn", &["assume_role_arn", "role"]),
    ("roles", &["role"]),
    ("rule", &["event_rule"]),
    ("s3_bucket", &["code"]),
    ("scan_on_push", &["image_scanning_configuration"]),
    ("schedule", &["schedule_expression", "event_rule"]),
    ("schedules", &["event_rule"]),
    ("security_groups", &["security_group_ids"]),
    ("service", &["project"]),
    ("source", &["build"]),
    ("source_code_hash", &["code"]),
    ("source_dir", &["build"]),
    ("source_path", &["build"]),
    ("stack_name", &["project"]),
    ("stages", &["stage"]),
    ("statements", &["statement", "allow", "role.allow"]),
    ("storage", &["ephemeral_storage"]),
    ("subnets", &["subnet_ids"]),
    ("tag", &["tags"]),
    ("tracing", &["tracing_config"]),
    ("trust", &["trust_policy", "role.trust_policy"]),
    ("variables", &["environment", "vars"]),
    ("vpc", &["vpc_config"]),
];

/// What may have been meant by a key that is not known here, as a hint: first among foreign names,
/// then by other spelling, then by likeness.
pub(crate) fn meant(key: &str, candidates: &[&str]) -> Option<String> {
    let snake = snake_case(key);
    if matches!(snake.as_str(), "events" | "triggers" | "event") && candidates.contains(&"event_rule") {
        return Some("triggers stand below the function, each with a name, such as `[function.NAME.event_rule.TRIGGER]`".into());
    }
    if matches!(snake.as_str(), "schedule_expression_timezone" | "timezone") && candidates.contains(&"schedule_expression") {
        return Some("rules run in UTC; only a `schedule`, which is not supported yet, has a time zone".into());
    }
    if matches!(snake.as_str(), "region" | "profile" | "account_id") && candidates.contains(&"memory_size") {
        return Some("a spec is deployed in one account and region: `[aws]`, of a stage too, or `--profile` and `--region`".into());
    }
    if matches!(snake.as_str(), "platform" | "platforms") && candidates.contains(&"dockerfile") {
        return Some("the platform of an image follows from the function's `architectures`".into());
    }
    if snake.contains("access_key") || matches!(snake.as_str(), "secret_key" | "session_token") {
        return Some("keys do not belong into a file: name a `profile`, or set `AWS_ACCESS_KEY_ID` where lambdo runs".into());
    }
    let known = |target: &&&str| candidates.contains(&target.split('.').next().unwrap_or(target));
    let synonym = SYNONYMS.iter().find(|(name, _)| *name == snake).and_then(|(_, targets)| targets.iter().find(known));
    if let Some(target) = synonym {
        let example = match *target {
            "code" => ", such as `code = { zip = \"FILE\" }`",
            "build" => ", such as `build = \"FOLDER\"`",
            _ => "",
        };
        return Some(format!("it is called `{target}` here{example}"));
    }
    if candidates.contains(&snake.as_str()) {
        return Some(format!("it is called `{snake}` here"));
    }
    nearest(key, candidates.iter().copied()).map(|found| format!("did you mean `{found}`?"))
}

/// What others call a value, and what AWS calls it.
const VALUES: &[(&str, &str)] = &[
    ("amd64", "x86_64"),
    ("x64", "x86_64"),
    ("x86-64", "x86_64"),
    ("x86", "x86_64"),
    ("intel", "x86_64"),
    ("aarch64", "arm64"),
    ("arm", "arm64"),
    ("graviton", "arm64"),
    ("on", "Active"),
    ("off", "PassThrough"),
    ("iam", "AWS_IAM"),
];

/// The value that was meant by what another tool or machine calls it.
pub(crate) fn meant_value<'a>(text: &str, choices: &[&'a str]) -> Option<&'a str> {
    let lower = text.to_lowercase();
    let (_, meant) = VALUES.iter().find(|(name, meant)| *name == lower && choices.contains(meant))?;
    choices.iter().find(|choice| *choice == meant).copied()
}

/// The words that a setting takes instead of a number, such as `never`.
pub(crate) fn words_besides_numbers(shape: &Shape) -> Vec<&'static str> {
    let Shape::AnyOf(shapes) = shape else { return Vec::new() };
    if !shapes.iter().any(|shape| matches!(shape, Shape::Integer { .. } | Shape::IntegerChoice(_))) {
        return Vec::new();
    }
    shapes.iter().filter_map(|shape| if let Shape::Choice(words) = shape { Some(*words) } else { None }).flatten().copied().collect()
}

/// `MemorySize`, `memorySize` and `memory-size` as `memory_size`.
pub(crate) fn snake_case(key: &str) -> String {
    let mut snake = String::new();
    let mut after_lower = false;
    for letter in key.chars() {
        if letter.is_uppercase() && after_lower {
            snake.push('_');
        }
        after_lower = letter.is_lowercase() || letter.is_ascii_digit();
        snake.extend(if letter == '-' { '_' } else { letter }.to_lowercase());
    }
    snake
}

/// Whether a table in `environment` is a value that is to be looked up while applying.
pub(crate) fn is_secret(table: &Nodes) -> bool {
    table.keys().next().is_some_and(|_| table.keys().all(|key| ["ssm", "secretsmanager", "env", "file", "key"].contains(&key.as_str())))
}

/// Where such a value would come from.
pub(crate) fn secret_source(table: &Nodes) -> String {
    let sources = ["ssm", "secretsmanager", "env", "file"];
    sources.into_iter().find(|source| table.contains_key(*source)).unwrap_or("key").to_owned()
}

/// What to do where such a value cannot stand.
pub(crate) fn instead(source: &str) -> &'static str {
    match source {
        "env" | "file" => {
            "`[vars]` takes `x = { env = \"NAME\" }` for `${var.x}`; such a value stands in plans, in the state and in AWS as it is"
        }
        _ => "put it into `environment`, or let the function fetch it when it runs; `role.allow` grants it the read",
    }
}

/// A variable of another tool, such as `${env:HOME}` or `${AWS::AccountId}`: a name with a colon is left as it is.
pub(crate) fn variable(text: &str) -> Option<(&str, &'static str)> {
    const VARIABLES: &[(&str, &str)] = &[
        (
            "env:",
            "for an environment variable: `[vars]` with `x = { env = \"NAME\" }`, and `${var.x}`; for a secret, `TOKEN = { env = \"NAME\" }` in `environment`",
        ),
        ("opt:stage", "the stage is `${stage}`"),
        ("sls:stage", "the stage is `${stage}`"),
        ("self:", "for a value of this file: `[vars]`, and `${var.x}`"),
        ("opt:", "for a value of this file: `[vars]`, and `${var.x}`"),
        ("ssm:/", "in `environment` a parameter is a table: `TOKEN = { ssm = \"/NAME\" }`, or let the function fetch it when it runs"),
        ("cf:", "write the value, or keep it in `[vars]`"),
        ("file(", "write the value, or keep it in `[vars]`"),
        ("AWS::AccountId", "the account is `${aws.account_id}`"),
        ("AWS::Region", "the region is `${aws.region}`"),
        ("AWS::Partition", "the partition is `${aws.partition}`"),
        ("AWS::", "the facts of the account are `${aws.account_id}`, `${aws.region}` and `${aws.partition}`"),
    ];
    text.split("${").skip(1).find_map(|rest| {
        let (name, _) = rest.split_once('}')?;
        Some((name, VARIABLES.iter().find(|(start, _)| name.starts_with(start))?.1))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_from_another_tool_is_led_to_our_key() {
        let function = ["memory_size", "environment", "vpc_config", "log_group", "role", "event_rule", "timeout", "layers"];
        let role = ["managed_policies", "trust_policy", "allow"];
        let rule = ["schedule_expression", "event_pattern"];
        let cases: &[(&str, &[&str], &str)] = &[
            ("memory", &function, "it is called `memory_size` here"),
            ("MemorySize", &function, "it is called `memory_size` here"),
            ("memory-size", &function, "it is called `memory_size` here"),
            ("env", &function, "it is called `environment` here"),
            ("variables", &function, "it is called `environment` here"),
            ("vpc", &function, "it is called `vpc_config` here"),
            ("retention", &function, "it is called `log_group.retention_in_days` here"),
            ("policies", &function, "it is called `role.managed_policies` here"),
            ("policies", &role, "it is called `managed_policies` here"),
            ("assumeRolePolicy", &role, "it is called `trust_policy` here"),
            ("schedule", &function, "it is called `event_rule` here"),
            ("timezone", &rule, "rules run in UTC; only a `schedule`, which is not supported yet, has a time zone"),
            ("region", &["aws", "function"], "it is called `aws.region` here"),
            ("region", &function, "a spec is deployed in one account and region: `[aws]`, of a stage too, or `--profile` and `--region`"),
            ("timeuot", &function, "did you mean `timeout`?"),
        ];
        for (key, candidates, expected) in cases {
            assert_eq!(meant(key, candidates).as_deref(), Some(*expected), "{key}");
        }
        assert_eq!(meant("zzz", &function), None);
    }

    #[test]
    fn the_synonyms_are_sorted_and_each_stands_once() {
        assert!(SYNONYMS.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}

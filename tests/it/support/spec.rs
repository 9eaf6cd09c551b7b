//! The specs that the scenarios bring up.

use super::emulator::REGION;

/// The beginning of every spec.
pub fn header() -> String {
    format!("project = \"demo\"\n\n[aws]\nregion = \"{REGION}\"\n\n")
}

/// A function with nothing but its code.
pub fn plain(name: &str) -> String {
    format!("[function.{name}]\nruntime = \"provided.al2023\"\nhandler = \"bootstrap\"\ncode = {{ file = \"bootstrap\" }}\n\n")
}

/// A function that a schedule starts: role, group, function, rule and permission.
pub fn scheduled(name: &str) -> String {
    let rule = format!("[function.{name}.event_rule.nightly]\nschedule_expression = \"rate(1 day)\"\n\n");
    plain(name) + &rule
}

/// The same with one variable in the environment.
pub fn with_level(name: &str, level: &str) -> String {
    scheduled(name).replacen("code =", &format!("environment = {{ LOG_LEVEL = \"{level}\" }}\ncode ="), 1)
}

/// One function with everything that can drift.
pub fn full() -> String {
    header()
        + r#"[function.a]
runtime = "provided.al2023"
handler = "bootstrap"
code = { file = "bootstrap" }
description = "first"
memory_size = 256
timeout = 10
environment = { LOG_LEVEL = "info", MODE = "fast" }
reserved_concurrent_executions = 5
tags = { team = "core" }
log_group.retention_in_days = 14
role.allow = [{ action = "s3:GetObject", resource = "*" }]
role.managed_policies = ["AmazonSQSReadOnlyAccess"]

[function.a.event_rule.nightly]
description = "Every night"
schedule_expression = "cron(0 2 * * ? *)"

[function.a.permission.partner]
principal = "sns.amazonaws.com"
source_arn = "arn:aws:sns:eu-central-1:123456789012:partner"

[outputs]
arn = "${function.a.arn}"
"#
}

/// A header and `count` functions with schedules, called `f1`, `f2`, …
pub fn many(count: usize, level: &str) -> String {
    header() + &(1..=count).map(|number| with_level(&format!("f{number}"), level)).collect::<String>()
}

//! The table of what people do behind lambdo's back to the full spec.

use crate::support::cloud::{Cloud, allow, function_arn, managed, package, trust};
use aws_sdk_eventbridge::operation::put_rule::builders::PutRuleFluentBuilder;
use aws_sdk_eventbridge::types::{DeadLetterConfig, RetryPolicy, Target};
use aws_sdk_lambda::types::Environment;

/// One change.
pub struct Case {
    /// For messages and for the exceptions.
    pub name: &'static str,
    /// Makes it.
    pub change: fn(&Cloud),
    /// What drift must find, and nothing else: addresses with their paths; no paths = it is gone.
    pub found: &'static [(&'static str, &'static [&'static str])],
}

const FUNCTION: &str = "demo-a";
const ROLE: &str = "demo-a-eu-central-1";
const GROUP: &str = "/aws/lambda/demo-a";
const RULE: &str = "demo-a-nightly";

fn environment(cloud: &Cloud, variables: &[(&str, &str)]) {
    let all = variables.iter().fold(Environment::builder(), |builder, (key, value)| builder.variables(*key, *value));
    cloud.configure(FUNCTION, |call| call.environment(all.clone().build()));
}

/// A call that puts the rule as it is.
fn nightly(cloud: &Cloud) -> PutRuleFluentBuilder {
    cloud.events.put_rule().name(RULE).description("Every night").schedule_expression("cron(0 2 * * ? *)")
}

fn retarget(cloud: &Cloud, arn: &str, input: Option<&str>) {
    let target = Target::builder().id("lambdo").arn(arn).set_input(input.map(Into::into)).build().unwrap();
    let answer = cloud.done(cloud.events.put_targets().rule(RULE).targets(target).send());
    assert_eq!(answer.failed_entry_count, 0, "{answer:?}");
}

/// All of them.
pub const CASES: &[Case] = &[
    Case {
        name: "memory",
        change: |cloud| cloud.configure(FUNCTION, |call| call.memory_size(1024)),
        found: &[("function.a", &["memory_size"])],
    },
    Case {
        name: "timeout_and_description",
        change: |cloud| cloud.configure(FUNCTION, |call| call.timeout(99).description("other")),
        found: &[("function.a", &["description", "timeout"])],
    },
    Case {
        name: "variable_changed",
        change: |cloud| environment(cloud, &[("LOG_LEVEL", "debug"), ("MODE", "fast")]),
        found: &[("function.a", &["environment.LOG_LEVEL"])],
    },
    Case {
        name: "variable_added",
        change: |cloud| environment(cloud, &[("LOG_LEVEL", "info"), ("MODE", "fast"), ("EXTRA", "1")]),
        found: &[("function.a", &["environment.EXTRA"])],
    },
    Case {
        name: "variable_removed",
        change: |cloud| environment(cloud, &[("LOG_LEVEL", "info")]),
        found: &[("function.a", &["environment.MODE"])],
    },
    Case {
        name: "code",
        change: |cloud| {
            cloud.done(cloud.lambda.update_function_code().function_name(FUNCTION).zip_file(package("other")).send());
        },
        found: &[("function.a", &["code"])],
    },
    Case {
        name: "tag_changed",
        change: |cloud| {
            cloud.done(cloud.lambda.tag_resource().resource(function_arn(FUNCTION)).tags("team", "other").send());
        },
        found: &[("function.a", &["tags.team"])],
    },
    Case {
        name: "tag_removed",
        change: |cloud| {
            cloud.done(cloud.lambda.untag_resource().resource(function_arn(FUNCTION)).tag_keys("team").send());
        },
        found: &[("function.a", &["tags.team"])],
    },
    Case {
        name: "reserved_concurrency_changed",
        change: |cloud| {
            cloud.done(cloud.lambda.put_function_concurrency().function_name(FUNCTION).reserved_concurrent_executions(7).send());
        },
        found: &[("function.a", &["reserved_concurrent_executions"])],
    },
    Case {
        name: "reserved_concurrency_removed",
        change: |cloud| {
            cloud.done(cloud.lambda.delete_function_concurrency().function_name(FUNCTION).send());
        },
        found: &[("function.a", &["reserved_concurrent_executions"])],
    },
    Case {
        name: "retention_changed",
        change: |cloud| {
            cloud.done(cloud.logs.put_retention_policy().log_group_name(GROUP).retention_in_days(365).send());
        },
        found: &[("log_group.a", &["retention_in_days"])],
    },
    Case {
        name: "retention_removed",
        change: |cloud| {
            cloud.done(cloud.logs.delete_retention_policy().log_group_name(GROUP).send());
        },
        found: &[("log_group.a", &["retention_in_days"])],
    },
    Case {
        name: "trust_policy",
        change: |cloud| {
            cloud.done(cloud.iam.update_assume_role_policy().role_name(ROLE).policy_document(trust("ec2.amazonaws.com")).send());
        },
        found: &[("role.a", &["trust_policy"])],
    },
    Case {
        name: "inline_policy_changed",
        change: |cloud| {
            cloud.done(cloud.iam.put_role_policy().role_name(ROLE).policy_name("allow").policy_document(allow("s3:*")).send());
        },
        found: &[("role.a", &["inline_policy.allow"])],
    },
    Case {
        name: "inline_policy_deleted",
        change: |cloud| {
            cloud.done(cloud.iam.delete_role_policy().role_name(ROLE).policy_name("allow").send());
        },
        found: &[("role.a", &["inline_policy.allow"])],
    },
    Case {
        name: "inline_policy_added",
        change: |cloud| {
            cloud.done(cloud.iam.put_role_policy().role_name(ROLE).policy_name("backdoor").policy_document(allow("*")).send());
        },
        found: &[("role.a", &["inline_policy.backdoor"])],
    },
    Case {
        name: "managed_policy_detached",
        change: |cloud| {
            cloud.done(cloud.iam.detach_role_policy().role_name(ROLE).policy_arn(managed("AmazonSQSReadOnlyAccess")).send());
        },
        found: &[("role.a", &["managed_policies"])],
    },
    Case {
        name: "managed_policy_attached",
        change: |cloud| {
            cloud.done(cloud.iam.attach_role_policy().role_name(ROLE).policy_arn(managed("AdministratorAccess")).send());
        },
        found: &[("role.a", &["managed_policies"])],
    },
    Case {
        name: "schedule",
        change: |cloud| {
            cloud.done(cloud.events.put_rule().name(RULE).description("Every night").schedule_expression("rate(1 hour)").send());
        },
        found: &[("event_rule.a.nightly", &["schedule_expression"])],
    },
    Case {
        name: "rule_disabled",
        change: |cloud| {
            cloud.done(cloud.events.disable_rule().name(RULE).send());
        },
        found: &[("event_rule.a.nightly", &["enabled"])],
    },
    Case {
        name: "rule_role",
        change: |cloud| {
            cloud.done(nightly(cloud).role_arn("arn:aws:iam::123456789012:role/theirs").send());
        },
        found: &[("event_rule.a.nightly", &["role_arn"])],
    },
    Case { name: "target_removed", change: |cloud| cloud.remove_targets(RULE), found: &[("event_rule.a.nightly", &["targets"])] },
    Case {
        name: "target_input_changed",
        change: |cloud| retarget(cloud, &function_arn(FUNCTION), Some("{\"other\":true}")),
        found: &[("event_rule.a.nightly", &["targets"])],
    },
    Case {
        name: "target_retried_otherwise",
        change: |cloud| {
            let queue = DeadLetterConfig::builder().arn("arn:aws:sqs:eu-central-1:123456789012:theirs").build();
            let policy = RetryPolicy::builder().maximum_retry_attempts(3).maximum_event_age_in_seconds(60).build();
            let target = Target::builder().id("lambdo").arn(function_arn(FUNCTION)).dead_letter_config(queue).retry_policy(policy);
            cloud.done(cloud.events.put_targets().rule(RULE).targets(target.build().unwrap()).send());
        },
        found: &[("event_rule.a.nightly", &["targets"])],
    },
    Case {
        name: "target_arn_changed",
        change: |cloud| retarget(cloud, &function_arn("somebody-else"), None),
        found: &[("event_rule.a.nightly", &["targets"])],
    },
    Case {
        name: "permission_removed",
        change: |cloud| {
            cloud.done(cloud.lambda.remove_permission().function_name(FUNCTION).statement_id("lambdo-event_rule-nightly").send());
        },
        found: &[("permission.a.nightly", &[])],
    },
    Case {
        name: "function_deleted",
        change: |cloud| {
            cloud.done(cloud.lambda.delete_function().function_name(FUNCTION).send());
        },
        found: &[("function.a", &[]), ("permission.a.nightly", &[]), ("permission.a.partner", &[])],
    },
    Case {
        name: "log_group_deleted",
        change: |cloud| {
            cloud.done(cloud.logs.delete_log_group().log_group_name(GROUP).send());
        },
        found: &[("log_group.a", &[])],
    },
    Case { name: "role_deleted", change: |cloud| cloud.delete_role(ROLE), found: &[("role.a", &[])] },
    Case { name: "rule_deleted", change: |cloud| cloud.delete_rule(RULE), found: &[("event_rule.a.nightly", &[])] },
];

//! Untouched stacks, looked at again and again: not one finding.
//!
//! `LAMBDO_SOAK_ROUNDS=30 scripts/test -E 'test(soak)'` looks so often.

use crate::formats::fits;
use crate::storage::large_zip;
use crate::support::{Backend, Sandbox, World, on_each_emulator, spec, static_program};

on_each_emulator!(nothing_is_found_in_an_untouched_stack);

/// How often each stack is looked at, unless it is said otherwise.
const ROUNDS: usize = 3;
const BUCKET: &str = "demo-code";

/// Every kind, and as many settings as all three clouds keep.
const WIDE: &str = r#"
[drift]
deep = true
undeclared = true

[defaults]
tags = { team = "core", "cost center" = "42" }
log_group.retention_in_days = 7

[layer.tools]
description = "Tools"
compatible_runtimes = ["provided.al2023", "python3.13"]
compatible_architectures = ["x86_64"]
license_info = "MIT"
code = { dir = "tools" }

[ecr.images]
tags = { team = "core" }

[ecr.images.repository_policy.Partner]
effect = "Allow"
principal = { AWS = "arn:aws:iam::123456789012:root" }
action = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]

[role.shared]
description = "For more than one"
max_session_duration = 7200
managed_policies = ["AWSLambdaBasicExecutionRole", "AmazonSQSReadOnlyAccess"]
allow = [
  { action = ["s3:GetObject", "s3:PutObject"], resource = "*" },
  { sid = "Keys", action = "kms:Decrypt", resource = "*", condition = { StringEquals = { "aws:PrincipalTag/team" = ["a", "b"], "kms:ViaService" = "s3.amazonaws.com" } } },
]

[role.shared.inline_policy.logs]
statement = [{ effect = "Allow", action = "logs:PutLogEvents", resource = "arn:aws:logs:*:*:log-group:/aws/lambda/demo-*:*" }]

[function.b]
runtime = "provided.al2023"
handler = "bootstrap"
code = { zip = "large.zip" }
role = "shared"
log_group.retention_in_days = "never"

[function.b.event_rule.objects]
description = "Whatever is put there"
event_pattern = { source = ["aws.s3"], detail-type = ["Object Created"], detail = { bucket = { name = [{ prefix = "demo-" }] } } }
input = { kind = "object", numbers = [1, 2.5, "<&>"] }
enabled = false

[function.c]
runtime = "python3.13"
handler = "main.handler"
code = { files = { "main.py" = "main.py" } }
description = "Ünïcode: <&> \"quoted\""
layers = ["${layer.tools.arn}"]
ephemeral_storage = { size = 1024 }
tracing_config = { mode = "Active" }
environment = { EMPTY = "", JSON = '{"a":[1,2]}', SECRET = { env = "LAMBDO_SOAK_SECRET" } }
log_group.log_group_name = "/demo/c"

[function.c.permission.topic]
principal = "sns.amazonaws.com"
source_arn = "arn:aws:sns:eu-central-1:123456789012:topic"
source_account = "123456789012"

[function.c.permission.account]
principal = "arn:aws:iam::123456789012:root"

[function.c.event_rule.hourly]
schedule_expression = "rate(1 hour)"

[function.c.event_rule.often]
schedule_expression = "cron(0/15 8-18 ? * MON-FRI *)"
input = '"text"'
"#;

/// The clouds with a registry that an image can be pushed to.
const IMAGE: &str = r#"
[function.d]
image = { base = "scratch", files = { bootstrap = "bootstrap" }, entry_point = ["/bootstrap"] }
image_config = { command = ["x"], working_directory = "/tmp" }
"#;

fn rounds() -> usize {
    std::env::var("LAMBDO_SOAK_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS)
}

fn deployed(world: &World, backend: Backend) -> Sandbox {
    world.cloud.bucket(BUCKET);
    let header = spec::header().trim_end().to_owned() + &format!("\ncode_bucket = \"{BUCKET}\"\n");
    let full = spec::full().replace(&spec::header(), "").replace("\n[outputs]\narn = \"${function.a.arn}\"\n", "");
    // moto forgets which log group a function names.
    let wide = if backend == Backend::Moto { WIDE.replace("log_group.log_group_name = \"/demo/c\"\n", "") } else { WIDE.to_owned() };
    let image = if backend == Backend::Moto { "" } else { IMAGE };
    let mut sandbox = world.sandbox(&format!("{header}{wide}\n{full}{image}"));
    sandbox.variable("LAMBDO_SOAK_SECRET", "not to be told");
    std::fs::write(sandbox.path().join("bootstrap"), static_program()).unwrap();
    std::fs::create_dir_all(sandbox.path().join("tools/bin")).unwrap();
    sandbox.write("tools/bin/data", "data");
    sandbox.write("main.py", "def handler(event, context):\n    return event\n");
    large_zip(&sandbox, 1);
    sandbox.expect(0, &["up", "--yes"]);
    sandbox
}

fn nothing_is_found_in_an_untouched_stack(backend: Backend) {
    let world = World::start(backend);
    let sandbox = deployed(&world, backend);
    world.proxy.clear();
    for round in 1..=rounds() {
        let told = fits(&sandbox.expect(0, &["drift", "--format", "json"]));
        for key in ["drifted", "extras", "unchecked"] {
            assert!(told[key].as_array().is_some_and(Vec::is_empty), "round {round} on {backend}: {key}: {told:#}");
        }
        assert_eq!((&told["pending"], &told["ignored"], &told["not_deep"]), (&0.into(), &0.into(), &0.into()), "round {round}: {told:#}");
    }
    assert_eq!(world.proxy.mutating(), 0, "{:?}", world.proxy.tally());
    sandbox.expect(0, &["plan", "--deep", "--exit-code"]);
}

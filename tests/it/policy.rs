//! `lambdo policy` allows what runs do, and no more than that; a denial says what would allow it.

use crate::formats::fits;
use crate::support::proxy::Call;
use crate::support::{Backend, Rule, Sandbox, World, spec, static_program};
use lambdo::aws::actions_of;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What a printed policy allows.
struct Policy(Vec<Value>);

impl Policy {
    #[track_caller]
    fn printed(sandbox: &Sandbox, flags: &[&str]) -> Self {
        let words = [&["policy", "--account", "123456789012", "--format", "json"], flags].concat();
        Self(fits(&sandbox.expect(0, &words))["policy"]["Statement"].as_array().unwrap().clone())
    }

    fn texts<'a>(statement: &'a Value, key: &str) -> impl Iterator<Item = &'a str> {
        statement[key].as_array().unwrap().iter().filter_map(Value::as_str)
    }

    /// The resources that an action is allowed on.
    fn resources<'a>(&'a self, action: &'a str) -> impl Iterator<Item = &'a str> {
        let statements = self.0.iter().filter(move |statement| Self::texts(statement, "Action").any(|one| one == action));
        statements.flat_map(|statement| Self::texts(statement, "Resource"))
    }

    fn actions(&self) -> BTreeSet<&str> {
        self.0.iter().flat_map(|statement| Self::texts(statement, "Action")).collect()
    }

    /// Everything that the latest run called and that is not allowed.
    fn missing(&self, sandbox: &Sandbox, calls: &[Call]) -> Vec<String> {
        let called = called(sandbox);
        assert!(called.len() > 3, "{called:?}");
        let denied = called.into_iter().filter(|operation| self.is_denied(operation));
        denied.chain(calls.iter().filter_map(|call| self.elsewhere(call))).collect()
    }

    fn is_denied(&self, operation: &str) -> bool {
        let own = actions_of(operation);
        // Of what comes along with an operation, a spec need not have any: layers, images, objects.
        own.first().is_some_and(|action| self.resources(action).next().is_none())
    }

    /// A call on something that its action is not allowed on.
    fn elsewhere(&self, call: &Call) -> Option<String> {
        let operation = format!("{}:{}", call.operation.service, call.operation.name);
        let name = name_in(call)?;
        let action = *actions_of(&operation).first()?;
        let is_allowed = self.resources(action).any(|arn| covers(arn, &name));
        (!is_allowed).then(|| format!("{operation} on {name}"))
    }
}

/// What the latest run called.
fn called(sandbox: &Sandbox) -> BTreeSet<String> {
    let record = fits(&sandbox.expect(0, &["runs", "show", "--format", "json"]));
    record["calls"].as_array().unwrap().iter().map(|call| call["operation"].as_str().unwrap().to_owned()).collect()
}

/// Whether an ARN of a policy means what has this name.
fn covers(arn: &str, name: &str) -> bool {
    let arn = arn.strip_suffix(":*").unwrap_or(arn);
    match arn.split_once('*') {
        Some((before, _)) => before.is_empty() || before.rsplit([':', '/']).next().is_some_and(|stem| name.contains(stem)),
        None => arn.ends_with(&format!(":{name}")) || arn.ends_with(&format!("/{name}")) || arn == name,
    }
}

/// What a call names, where it names something of the spec.
fn name_in(call: &Call) -> Option<String> {
    let path = call.path.split('?').next().unwrap_or_default();
    let decoded = |text: &str| text.replace("%3A", ":").replace("%2F", "/");
    match call.operation.service.as_str() {
        "lambda" if call.operation.name == "CreateFunction" => Some(call.json()["FunctionName"].as_str()?.to_owned()),
        "lambda" => path.split("/functions/").nth(1)?.split('/').next().filter(|name| !name.is_empty()).map(decoded),
        "iam" => form_urlencoded::parse(&call.body).find(|(key, _)| key == "RoleName").map(|(_, value)| value.into_owned()),
        "logs" | "events" | "ecr" => {
            let body = call.json();
            let key = ["logGroupName", "Rule", "repositoryName", "Name"].into_iter().find(|key| body[*key].is_string())?;
            Some(body[key].as_str()?.to_owned())
        }
        _ => None,
    }
}

const IMAGE: &str =
    "[function.i]\nimage = { base = \"scratch\", files = { bootstrap = \"bootstrap\" }, entry_point = [\"/bootstrap\"] }\n\n";
const LAYER: &str = "[layer.tools]\ndescription = \"Tools\"\ncode = { dir = \"tools\" }\n\n";

/// Everything that a spec can have today.
fn everything() -> String {
    let layered = spec::plain("l").replace("code =", "layers = [\"${layer.tools.arn}\"]\ncode =");
    spec::full() + LAYER + &layered + IMAGE + "[ecr.more]\n"
}

#[test]
fn what_runs_call_is_allowed_by_the_printed_policy() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&everything());
    std::fs::create_dir_all(sandbox.path().join("tools")).unwrap();
    sandbox.write("tools/data", "one");
    std::fs::write(sandbox.path().join("bootstrap"), static_program()).unwrap();
    let edits: [&dyn Fn(); 4] = [
        &|| {},
        &|| sandbox.edit("memory_size = 256", "memory_size = 512"),
        &|| {
            sandbox.edit("reserved_concurrent_executions = 5\n", "");
            sandbox.edit("tags = { team = \"core\" }", "tags = { owner = \"me\" }");
            sandbox.edit("log_group.retention_in_days = 14", "log_group.retention_in_days = \"never\"");
            sandbox.edit("role.managed_policies = [\"AmazonSQSReadOnlyAccess\"]\n", "role.path = \"/lambdo/demo/\"\n");
        },
        &|| {
            sandbox.edit("[function.a.permission.partner]\n", "[function.a.permission.other]\n");
            sandbox.write("tools/data", "two");
        },
    ];
    for edit in edits {
        edit();
        for (command, flags) in
            [(&["plan", "--deep"][..], &["--read-only"][..]), (&["up", "--yes"], &[]), (&["drift", "--deep"], &["--read-only"])]
        {
            world.proxy.clear();
            let output = sandbox.run(command);
            assert!(matches!(output.code, Some(0 | 3 | 5)), "{output}");
            let missing = Policy::printed(&sandbox, flags).missing(&sandbox, &world.proxy.calls());
            assert_eq!(missing, Vec::<String>::new(), "{command:?}");
        }
    }
    let policy = Policy::printed(&sandbox, &["--destroy"]);
    world.proxy.clear();
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(policy.missing(&sandbox, &world.proxy.calls()), Vec::<String>::new());
    assert_eq!(world.cloud.names(), BTreeSet::new());
}

/// Specs of one sort of thing each, a setting that needs another right among them, and what an edit of it replaces. What
/// begins with a bracket is a section, all else belongs to the function.
const SMALL: [(&str, &str, &str); 17] = [
    ("reserved_concurrent_executions", "reserved_concurrent_executions = 5\n", "reserved_concurrent_executions = 6\n"),
    ("tags", "tags = { team = \"core\" }\n", "tags = { team = \"other\" }\n"),
    ("retention", "log_group.retention_in_days = 14\n", "log_group.retention_in_days = \"never\"\n"),
    ("managed policies", "role.managed_policies = [\"AmazonSQSReadOnlyAccess\"]\n", "role.managed_policies = []\n"),
    ("allow", "role.allow = [{ action = \"s3:GetObject\", resource = \"*\" }]\n", "role.allow = []\n"),
    ("session duration", "role.max_session_duration = 7200\n", "role.max_session_duration = 3600\n"),
    ("role", "role.description = \"one\"\n", "role.description = \"two\"\n"),
    ("boundary", "role.permissions_boundary = \"arn:aws:iam::aws:policy/ReadOnlyAccess\"\n", ""),
    ("key of logs", "log_group.kms_key_id = \"arn:aws:kms:eu-central-1:123456789012:key/one\"\n", ""),
    ("async", "memory_size = 256\n", "memory_size = 512\n"),
    ("environment", "environment.MODE = \"one\"\n", "environment.MODE = \"two\"\n"),
    ("rule", "event_rule.nightly.schedule_expression = \"rate(1 day)\"\n", "event_rule.nightly.schedule_expression = \"rate(2 days)\"\n"),
    ("events", "event_rule.heard.event_pattern = { source = [\"one\"] }\n", "event_rule.heard.event_pattern = { source = [\"two\"] }\n"),
    ("permission", "permission.partner.principal = \"events.amazonaws.com\"\n", "permission.other.principal = \"events.amazonaws.com\"\n"),
    ("layer", "[layer.tools]\ncode = { dir = \"tools\" }\n", "[layer.tools]\ndescription = \"two\"\ncode = { dir = \"tools\" }\n"),
    ("repository", "[ecr.more]\n", "[ecr.more]\ntags = { team = \"core\" }\nimage_scanning_configuration.scan_on_push = false\n"),
    (
        "image",
        IMAGE,
        "[function.i]\nmemory_size = 512\nimage = { base = \"scratch\", files = { bootstrap = \"bootstrap\", more = \"bootstrap\" }, entry_point = [\"/bootstrap\"] }\n",
    ),
];

/// Rights that a run needs only once somebody else has changed something, or more than that is asked for:
/// [`what_is_needed_only_sometimes_is_needed`] shows when.
const ONLY_SOMETIMES: &[&str] = &[
    "ecr:BatchDeleteImage",
    "ecr:DeleteLifecyclePolicy",
    "ecr:DescribeRepositories",
    "ecr:PutImageScanningConfiguration",
    "ecr:PutImageTagMutability",
    "ecr:UntagResource",
    "events:ListRules",
    "events:UntagResource",
    "iam:DeleteRolePermissionsBoundary",
    "iam:DetachRolePolicy",
    "iam:GetAccountAuthorizationDetails",
    "iam:ListInstanceProfilesForRole",
    "iam:ListRoles",
    "iam:PutRolePermissionsBoundary",
    "iam:UntagRole",
    "iam:UpdateAssumeRolePolicy",
    "iam:UpdateRole",
    "lambda:DeleteFunctionConcurrency",
    "lambda:GetFunctionCodeSigningConfig",
    "lambda:GetFunctionEventInvokeConfig",
    "lambda:GetFunctionRecursionConfig",
    "lambda:GetFunctionUrlConfig",
    "lambda:GetPolicy",
    "lambda:GetRuntimeManagementConfig",
    "lambda:ListEventSourceMappings",
    "lambda:ListFunctions",
    "lambda:ListLayers",
    "lambda:RemovePermission",
    "lambda:UntagResource",
    "lambda:UpdateFunctionCode",
    "lambda:UpdateFunctionConfiguration",
    "logs:AssociateKmsKey",
    "logs:DeleteRetentionPolicy",
    "logs:DisassociateKmsKey",
    "logs:UntagResource",
];

/// A function `a` with this, and with the files that it may name.
fn small(world: &World, given: &str) -> Sandbox {
    let plain = spec::header() + &spec::plain("a");
    let is_section = given.starts_with('[');
    let sandbox = world.sandbox(&if is_section { plain + given } else { plain.replace("handler =", &format!("{given}handler =")) });
    std::fs::create_dir_all(sandbox.path().join("tools")).unwrap();
    sandbox.write("tools/data", "one");
    std::fs::write(sandbox.path().join("bootstrap"), static_program()).unwrap();
    sandbox
}

#[test]
fn what_one_setting_needs_is_allowed_with_it_and_nothing_else() {
    let world = World::start(Backend::Local);
    let mut unused = BTreeSet::new();
    for (what, before, after) in SMALL {
        let sandbox = small(&world, before);
        let (mut used, mut allowed) = (BTreeSet::<String>::new(), BTreeSet::<String>::new());
        let mut go = |command: &[&str], flags: &[&str]| {
            world.proxy.clear();
            let policy = Policy::printed(&sandbox, flags);
            sandbox.expect(0, command);
            assert_eq!(policy.missing(&sandbox, &world.proxy.calls()), Vec::<String>::new(), "{what}: {command:?}");
            used.extend(called(&sandbox).iter().flat_map(|call| actions_of(call)).map(str::to_owned));
            allowed.extend(policy.actions().into_iter().map(str::to_owned));
        };
        go(&["up", "--yes"], &[]);
        sandbox.edit(before, after);
        go(&["up", "--yes"], &[]);
        go(&["plan", "--deep"], &["--read-only"]);
        go(&["destroy", "--yes"], &["--destroy"]);
        unused.extend(
            allowed.difference(&used).filter(|action| !ONLY_SOMETIMES.contains(&action.as_str())).map(|one| format!("{what}: {one}")),
        );
    }
    assert!(unused.is_empty(), "{unused:#?}");
}

/// What brings a function of [`full`](spec::full) and what belongs to it to where a second run must take away.
const TAKEN_AWAY: [(&str, &str); 12] = [
    ("reserved_concurrent_executions = 5\n", ""),
    ("tags = { team = \"core\" }\n", ""),
    ("log_group.retention_in_days = 14\n", "log_group.retention_in_days = \"never\"\n"),
    ("log_group.kms_key_id = \"arn:aws:kms:eu-central-1:123456789012:key/two\"\n", ""),
    ("role.managed_policies = [\"AmazonSQSReadOnlyAccess\"]\n", ""),
    ("role.permissions_boundary = \"arn:aws:iam::aws:policy/PowerUserAccess\"\n", ""),
    ("role.max_session_duration = 7200\n", ""),
    ("role.tags = { of = \"role\" }\n", ""),
    ("log_group.tags = { of = \"group\" }\n", ""),
    (", tags = { of = \"rule\" }", ""),
    ("memory_size = 256\n", "memory_size = 512\n"),
    ("permission.partner]", "permission.other]"),
];

#[test]
fn what_is_needed_only_sometimes_is_needed() {
    let world = World::start(Backend::Local);
    let more = "role.max_session_duration = 7200\nlog_group.kms_key_id = \"arn:aws:kms:eu-central-1:123456789012:key/one\"\n\
                role.permissions_boundary = \"arn:aws:iam::aws:policy/ReadOnlyAccess\"\nrole.tags = { of = \"role\" }\n\
                log_group.tags = { of = \"group\" }\nevent_rule.weekly = { schedule_expression = \"rate(7 days)\", tags = { of = \"rule\" } }\nhandler =";
    let repository =
        "[ecr.more]\nimage_scanning_configuration.scan_on_push = false\nimage_tag_mutability = \"MUTABLE\"\ntags = { team = \"edge\" }\n";
    let others = (1..=4).map(|number| spec::scheduled(&format!("f{number}"))).collect::<String>();
    let sandbox =
        world.sandbox(&(spec::full().replacen("handler =", more, 1).replace("[outputs]", &(others + IMAGE + repository + "[outputs]"))));
    std::fs::write(sandbox.path().join("bootstrap"), static_program()).unwrap();
    let mut used = BTreeSet::new();
    let mut go = |command: &[&str]| {
        sandbox.expect(0, command);
        used.extend(called(&sandbox).iter().flat_map(|call| actions_of(call)));
    };
    go(&["up", "--yes"]);
    sandbox.edit("policy/ReadOnlyAccess", "policy/PowerUserAccess");
    sandbox.edit("key/one", "key/two");
    go(&["up", "--yes"]);
    TAKEN_AWAY.iter().for_each(|(before, after)| sandbox.edit(before, after));
    sandbox.edit(repository, "[ecr.more]\nlifecycle_policy = {}\n");
    sandbox.edit("files = { bootstrap", "files = { more = \"bootstrap\", bootstrap");
    std::fs::write(sandbox.path().join("bootstrap"), [&static_program()[..], b"second"].concat()).unwrap();
    let trust = world.cloud.iam.update_assume_role_policy().role_name("demo-a-eu-central-1");
    world.cloud.done(trust.policy_document(crate::support::cloud::trust("edgelambda.amazonaws.com")).send());
    world.proxy.rules([
        Rule::on("GetAccountAuthorizationDetails").first(1).refuse(403, "AccessDenied", "no"),
        Rule::on("DeleteRole").first(1).refuse(409, "DeleteConflict", "Cannot delete entity, must detach all policies first."),
    ]);
    go(&["up", "--yes"]);
    go(&["drift", "--deep", "--undeclared"]);
    sandbox.edit("[function.i]", "[function.j]");
    go(&["up", "--yes"]);
    std::fs::remove_dir_all(sandbox.path().join("state")).unwrap();
    go(&["state", "rebuild"]);
    go(&["destroy", "--yes"]);
    let never: Vec<&&str> = ONLY_SOMETIMES.iter().filter(|action| !used.contains(**action)).collect();
    assert!(never.is_empty(), "no run has ever needed {never:?}");
}

#[test]
fn a_state_is_rebuilt_with_the_rights_that_the_policy_has() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&(spec::header() + &spec::plain("a")));
    sandbox.expect(0, &["up", "--yes"]);
    // The rules and repositories of others are in the lists, and their tags are not for everybody.
    world.cloud.foreign_rule("other-rule", &[("team", "edge")]);
    world.cloud.done(world.cloud.ecr.create_repository().repository_name("other/images").send());
    let denied = |name: &str| Rule::on("ListTagsForResource").containing(name).refuse(403, "AccessDeniedException", "no");
    let search = ["ecr:DescribeRepositories", "events:ListRules", "lambda:ListFunctions", "logs:DescribeLogGroups"];
    for flags in [&[][..], &["--read-only"], &["--destroy"]] {
        let policy = Policy::printed(&sandbox, flags);
        for action in search.into_iter().chain(["lambda:ListLayers", "iam:ListRoles", "iam:GetAccountAuthorizationDetails"]) {
            assert!(policy.resources(action).any(|arn| arn.ends_with('*')), "{action} {flags:?}");
        }
    }
    std::fs::remove_dir_all(sandbox.path().join("state")).unwrap();
    world.proxy.clear();
    world.proxy.rules([denied("other-rule"), denied("other/images")]);
    let rebuilt = sandbox.expect(0, &["state", "rebuild"]).says("rule `default/other-rule`").says("repository `other/images`");
    assert!(rebuilt.stderr.contains("may not be looked at"), "{rebuilt}");
    // Those tags alone are not allowed: what is of others is left out.
    let missing = Policy::printed(&sandbox, &["--read-only"]).missing(&sandbox, &world.proxy.calls());
    assert_eq!(missing, ["ecr:ListTagsForResource", "events:ListTagsForResource"]);
    sandbox.expect(0, &["plan", "--exit-code"]);
}

#[test]
fn a_policy_has_no_more_than_its_spec_needs() {
    let world = World::without_cloud();
    let sandbox = world.sandbox(&(spec::header() + &spec::plain("a")));
    let up = Policy::printed(&sandbox, &[]);
    assert!(
        up.actions().iter().all(|action| {
            // Whoever looks for all that a project has made looks at each kind.
            let is_list = ["ecr:DescribeRepositories", "events:ListRules"].contains(action);
            is_list || ["lambda:", "iam:", "logs:"].iter().any(|service| action.starts_with(service))
        }),
        "{:?}",
        up.actions()
    );
    for action in
        ["lambda:DeleteFunction", "iam:DeleteRole", "lambda:PutFunctionConcurrency", "iam:AttachRolePolicy", "lambda:AddPermission"]
    {
        assert!(!up.actions().contains(action), "{action}");
    }
    let pass = up.0.iter().find(|statement| statement["Action"] == json!(["iam:PassRole"])).unwrap();
    assert_eq!(pass["Condition"], json!({ "StringEquals": { "iam:PassedToService": "lambda.amazonaws.com" } }));
    assert_eq!(pass["Resource"], json!(["arn:aws:iam::123456789012:role/lambdo/demo/demo-a-eu-central-1"]));
    assert!(up.resources("lambda:CreateFunction").eq(["arn:aws:lambda:eu-central-1:123456789012:function:demo-a"]));
    let look = Policy::printed(&sandbox, &["--read-only"]);
    let reads = ["Get", "List", "Describe"];
    assert!(
        look.actions().iter().all(|action| reads.iter().any(|read| action.split(':').nth(1).unwrap().starts_with(read))),
        "{:?}",
        look.actions()
    );
    let destroy = Policy::printed(&sandbox, &["--destroy"]);
    assert!(destroy.actions().contains("lambda:DeleteFunction") && !destroy.actions().contains("iam:PassRole"));
    sandbox.edit("runtime =", "reserved_concurrent_executions = 1\nrole.managed_policies = [\"AmazonSQSReadOnlyAccess\"]\nruntime =");
    let more = Policy::printed(&sandbox, &[]);
    assert!(more.actions().contains("lambda:PutFunctionConcurrency"));
    let attach = more.0.iter().find(|statement| statement["Action"].to_string().contains("AttachRolePolicy")).unwrap();
    assert_eq!(attach["Condition"], json!({ "ArnEquals": { "iam:PolicyARN": ["arn:aws:iam::aws:policy/AmazonSQSReadOnlyAccess"] } }));
    assert!(world.proxy.calls().is_empty(), "AWS need not be asked");
    sandbox.edit("region =", "allowed_account_ids = [\"210987654321\"]\nregion =");
    sandbox.expect(0, &["policy"]).says("arn:aws:lambda:eu-central-1:210987654321:function:demo-a");
    sandbox.spec(&spec::many(80, "info"));
    sandbox.expect(0, &["policy", "--account", "123456789012"]).says("function:demo-*").says("what their names begin with");
}

#[test]
fn a_denial_says_who_may_not_do_what_and_what_would_allow_it() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&(spec::header() + &spec::plain("a")));
    let message = "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: lambda:CreateFunction on resource: arn:aws:lambda:eu-central-1:123456789012:function:demo-a because no identity-based policy allows the lambda:CreateFunction action";
    world.proxy.rules([Rule::on("CreateFunction").refuse(403, "AccessDeniedException", message)]);
    sandbox
        .expect(9, &["up", "--yes"])
        .says("grant `lambda:CreateFunction` on `arn:aws:lambda:eu-central-1:123456789012:function:demo-a` to `arn:aws:iam::123456789012:user/ci`")
        .says(r#"{"Effect":"Allow","Action":["lambda:CreateFunction"],"Resource":"arn:aws:lambda:eu-central-1:123456789012:function:demo-a"}"#)
        .says("`lambdo policy` prints all that this spec needs");
    world.proxy.clear();
    sandbox.expect(0, &["up", "--yes"]);
}

#[test]
fn whatever_is_denied_is_named_with_its_resource_and_the_statement_that_allows_it() {
    let world = World::without_cloud();
    let sandbox = world.sandbox(&everything());
    std::fs::create_dir_all(sandbox.path().join("tools")).unwrap();
    sandbox.write("tools/data", "one");
    std::fs::write(sandbox.path().join("bootstrap"), static_program()).unwrap();
    for (operation, action, resource) in [
        ("CreateRole", "iam:CreateRole", ":role/demo-a-eu-central-1"),
        ("PutRolePolicy", "iam:PutRolePolicy", ":role/*demo-a-eu-central-1"),
        ("CreateLogGroup", "logs:CreateLogGroup", ":log-group:/aws/lambda/demo-a:*"),
        ("CreateFunction", "lambda:CreateFunction", ":function:demo-a"),
        ("AddPermission", "lambda:AddPermission", ":function:demo-a"),
        ("PutRule", "events:PutRule", ":rule/demo-a-"),
        ("PublishLayerVersion", "lambda:PublishLayerVersion", ":layer:demo-tools"),
        ("CreateRepository", "ecr:CreateRepository", ":repository/demo"),
        ("DescribeLogGroups", "logs:DescribeLogGroups", ":log-group:*"),
    ] {
        sandbox.write("faults.toml", &format!("seed = 1\n[[rule]]\nfault = \"denied\"\noperation = \"{operation}\"\n"));
        let output = sandbox.run(&["--local", "--faults", "faults.toml", "up", "--yes"]);
        let statement = format!("{{\"Effect\":\"Allow\",\"Action\":[\"{action}\"],\"Resource\":\"arn:aws:");
        let told = output.stderr.split_whitespace().collect::<String>();
        let said = told.match_indices(&statement).any(|(at, _)| told[at..].split('}').next().is_some_and(|one| one.contains(resource)));
        assert!(said && matches!(output.code, Some(1 | 8 | 9)), "{operation}\n{output}");
        sandbox.expect(0, &["--local", "destroy", "--yes"]);
    }
}

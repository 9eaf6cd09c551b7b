//! From a section of the spec to a role.

use super::document::{allow, document, from_allow, to_aws};
use super::fields::FIELDS;
use super::managed::{self, BASIC};
use super::policy::{self, Policy, Problem, Purpose};
use crate::diagnostic::Diagnostic;
use crate::kinds::arn::{self, Arn};
use crate::kinds::lowering::{finding, settings};
use crate::kinds::names::{fitted_name, usual_name};
use crate::kinds::{Context, FunctionFacts, Lowered, tagging};
use crate::model::{Address, Path, Resource, Section, Table, Value, field};

/// The longest role name.
const NAME_LIMIT: usize = 64;
/// What Lambda needs to put a function into a VPC: the actions of `AWSLambdaVPCAccessExecutionRole`.
const VPC: &[&str] = &[
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
];

/// The role that a section asks for; none where it names one that exists.
pub(super) fn lower(section: &Section, context: &Context<'_>) -> Lowered {
    if section.values.contains_key("reference") {
        return reference(section, context);
    }
    let mut diagnostics = Vec::new();
    let address = Address::new("role", &section.name);
    let users: Vec<&FunctionFacts> = context.functions.with_role(&address).collect();
    let inputs = inputs(section, context, &users, &mut diagnostics);
    diagnostics.extend(documents(section, &inputs, !users.is_empty(), context.partition()));
    diagnostics.extend(managed::diagnostics(section, context));
    diagnostics.extend(managed::boundary(section, context));
    diagnostics.extend(tagging::too_many(section, &inputs));
    diagnostics.extend(tagging::alike(section, &inputs));
    let name = inputs.get("role_name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let path = inputs.get("path").and_then(Value::as_str).unwrap_or("/");
    let target = context.target;
    let mut resource = Resource::new(address, name.as_str());
    let arn = format!("arn:{}:iam::{}:role{path}{name}", target.partition, target.account);
    resource.attributes = Table::from_iter([("arn".to_owned(), arn.into()), ("name".to_owned(), name.into())]);
    resource.inputs = inputs;
    resource.protect = section.boolean("protect", false);
    Lowered { resources: vec![resource], diagnostics }
}

/// A reference stands alone: with other keys nobody knows which role they are for.
fn reference(section: &Section, context: &Context<'_>) -> Lowered {
    let others = section.values.keys().filter(|key| key.as_str() != "reference").map(|key| {
        Diagnostic::error("role-reference-with-settings", "A role that is referred to cannot have settings here")
            .detail(format!("`role` of function `{}` names a role that stands elsewhere, so `{key}` has no effect here.", section.name))
            .address(Address::new("role", &section.name))
            .span(section.span_of(&Path::key(key)))
            .hint("put the key into the `[role.NAME]` section, or take `reference` away")
    });
    Lowered { resources: vec![], diagnostics: others.chain(foreign(section, context)).collect() }
}

/// A role that exists must be of the account and partition that the function is in.
fn foreign(section: &Section, context: &Context<'_>) -> Option<Diagnostic> {
    let text = section.string("reference")?;
    let problem = arn::other_partition(text, context).or_else(|| {
        let (role, account) = (Arn::parse(text)?, context.account()?);
        (role.account != account)
            .then(|| format!("`{text}` is a role of the account `{}`, and this is deployed to `{account}`", role.account))
    })?;
    let found = Diagnostic::error("foreign-role", "The role is of another account or partition")
        .detail(format!("{problem}; a function runs only as a role of its own account."));
    Some(finding(section, &Path::key("reference"), found))
}

fn inputs(section: &Section, context: &Context<'_>, users: &[&FunctionFacts], diagnostics: &mut Vec<Diagnostic>) -> Table {
    let mut inputs = settings(section, FIELDS);
    for key in ["role_name", "path"] {
        if inputs.get(key).is_some_and(|value| value.as_str().is_none()) {
            diagnostics.push(open_name(section, key));
            inputs.remove(key);
        }
    }
    inputs.entry("role_name".into()).or_insert_with(|| default_name(section, context).into());
    inputs.entry("path".into()).or_insert_with(|| format!("/lambdo/{}/", context.project).into());
    if let Some(trust) = inputs.get_mut("trust_policy") {
        *trust = to_aws(trust);
    }
    let managed = managed::arns(inputs.get("managed_policies"), &context.target.partition);
    let inline = inline_policies(inputs.get("inline_policy"), section.values.get("allow"), section, diagnostics);
    let derived = derived(context, users, &managed).into_iter().map(|(name, policy)| (name.to_owned(), policy));
    inputs.insert("inline_policy".into(), Value::Table(derived.chain(inline).collect()));
    inputs.insert("managed_policies".into(), Value::List(managed));
    field::fill_defaults(FIELDS, &mut inputs);
    inputs
}

fn open_name(section: &Section, key: &str) -> Diagnostic {
    Diagnostic::error("role-name-unknown", "The name of a role must be known before AWS makes anything")
        .detail(format!("`{key}` of role `{}` refers to something that only AWS will know.", section.name))
        .address(Address::new("role", &section.name))
        .span(section.span_of(&Path::key(key)))
}

/// A function's own role has the function's name; role names know no regions and no case. One that the function only refers
/// to may be that of others, and keeps its name whatever functions come to be called like it.
fn default_name(section: &Section, context: &Context<'_>) -> String {
    let region = &context.target.region;
    let is_own = |facts: &&FunctionFacts| {
        let is_named = facts.values.get("role").is_some_and(|role| role.as_table().is_none());
        facts.role == Some(Address::new("role", &section.name)) && !is_named
    };
    let full = match context.functions.get(&section.name).filter(is_own) {
        Some(facts) => format!("{}-{region}", facts.function_name),
        None => format!("{}-{region}", usual_name(context.project, context.stage, &section.name)),
    };
    fitted_name(full, NAME_LIMIT)
}

fn inline_policies(given: Option<&Value>, allowed: Option<&Value>, section: &Section, diagnostics: &mut Vec<Diagnostic>) -> Table {
    let given = given.and_then(Value::as_table).into_iter().flatten();
    let mut policies: Table = given.map(|(name, document)| (name.clone(), to_aws(document))).collect();
    if let Some(statements) = allowed.map(|value| value.as_list().unwrap_or(std::slice::from_ref(value))).filter(|list| !list.is_empty()) {
        if policies.contains_key("allow") {
            let diagnostic = Diagnostic::error("role-allow-twice", "Two policies have the same name")
                .detail(format!(
                    "`allow` of role `{}` becomes the inline policy `allow`, and `inline_policy.allow` is given, too.",
                    section.name
                ))
                .address(Address::new("role", &section.name))
                .span(section.span_of(&Path::key("inline_policy").join("allow")))
                .hint("give the inline policy another name");
            diagnostics.push(diagnostic);
        }
        policies.insert("allow".into(), from_allow(statements));
    }
    policies
}

/// What the role needs because of what its functions' settings ask Lambda to do.
fn derived(context: &Context<'_>, users: &[&FunctionFacts], managed: &[Value]) -> Vec<(&'static str, Value)> {
    let has = |policies: &[&str]| {
        managed.iter().filter_map(Value::as_str).any(|arn| policies.iter().any(|policy| arn.rsplit('/').next() == Some(policy)))
    };
    let mut policies = Vec::new();
    if !users.is_empty() && !has(&[BASIC]) {
        policies.push(("lambdo-logs", logs(context, users)));
    }
    if users.iter().any(|user| is_in_vpc(user)) && !has(&["AWSLambdaVPCAccessExecutionRole", "AWSLambdaENIManagementAccess"]) {
        policies.push(("lambdo-vpc", document(vec![allow(VPC, "*".into())])));
    }
    let xray = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"];
    if users.iter().any(|user| is_traced(user)) && !has(&["AWSXRayDaemonWriteAccess", "AWSXrayWriteOnlyAccess"]) {
        policies.push(("lambdo-xray", document(vec![allow(&xray, "*".into())])));
    }
    policies.extend(dead_letters(users).map(|policy| ("lambdo-dead-letter", policy)));
    policies
}

/// Writing to the functions' own groups. Not `logs:CreateLogGroup`: with it late logs bring a
/// destroyed group back.
fn logs(context: &Context<'_>, users: &[&FunctionFacts]) -> Value {
    let target = context.target;
    let arn = |group: &str| format!("arn:{}:logs:{}:{}:log-group:{group}:*", target.partition, target.region, target.account);
    let mut arns: Vec<String> = users.iter().map(|user| arn(&user.log_group_name)).collect();
    arns.sort();
    arns.dedup();
    document(vec![allow(&["logs:CreateLogStream", "logs:PutLogEvents"], Value::string_list(arns))])
}

fn setting<'a>(user: &'a FunctionFacts, table: &str, key: &str) -> Option<&'a Value> {
    user.values.get(table)?.as_table()?.get(key)
}

fn is_in_vpc(user: &FunctionFacts) -> bool {
    setting(user, "vpc_config", "subnet_ids").is_some_and(|subnets| subnets.as_list().is_none_or(|subnets| !subnets.is_empty()))
}

fn is_traced(user: &FunctionFacts) -> bool {
    setting(user, "tracing_config", "mode").and_then(Value::as_str) == Some("Active")
}

fn dead_letters(users: &[&FunctionFacts]) -> Option<Value> {
    let targets = users.iter().filter_map(|user| setting(user, "dead_letter_config", "target_arn")).filter(|arn| arn.as_str() != Some(""));
    let mut statements: Vec<Value> = targets.map(|arn| allow(sends(arn), arn.clone())).collect();
    statements.sort_by_key(|statement| statement.to_json().to_string());
    statements.dedup();
    (!statements.is_empty()).then(|| document(statements))
}

/// A target that is not known yet may be a queue or a topic.
fn sends(arn: &Value) -> &'static [&'static str] {
    match arn.as_str().and_then(|arn| arn.split(':').nth(2)) {
        Some("sqs") => &["sqs:SendMessage"],
        Some("sns") => &["sns:Publish"],
        _ => &["sqs:SendMessage", "sns:Publish"],
    }
}

/// What IAM would refuse, or Lambda could not use.
fn documents(section: &Section, inputs: &Table, is_used: bool, partition: Option<&str>) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    let inline = inputs.get("inline_policy").and_then(Value::as_table);
    for (name, document) in inline.into_iter().flatten() {
        let path = if name == "allow" && section.values.contains_key("allow") {
            Path::key("allow")
        } else {
            Path::key("inline_policy").join(name)
        };
        let policy = policy::check(document, Policy { purpose: Purpose::Identity, partition });
        diagnostics.extend(policy.iter().map(|problem| refused_statement(section, &path, problem)));
    }
    let inline_size: usize = inline.into_iter().flat_map(Table::values).map(policy::size).sum();
    if inline_size > policy::INLINE_LIMIT {
        let message = format!("all inline policies together have {inline_size} characters and IAM takes {} at most", policy::INLINE_LIMIT);
        diagnostics
            .push(refused(section, &Path::key("inline_policy"), &message).hint("use fewer statements, `*` in ARNs, or a managed policy"));
    }
    diagnostics.extend(inputs.get("trust_policy").into_iter().flat_map(|trust| trust_policy(section, trust, is_used, partition)));
    diagnostics
}

fn trust_policy(section: &Section, trust: &Value, is_used: bool, partition: Option<&str>) -> Vec<Diagnostic> {
    let path = Path::key("trust_policy");
    let problems = policy::check(trust, Policy { purpose: Purpose::Trust, partition });
    let mut diagnostics: Vec<Diagnostic> = problems.iter().map(|problem| refused_statement(section, &path, problem)).collect();
    if is_used && diagnostics.is_empty() && !policy::lets_lambda_assume(trust) {
        let message = "it does not let `lambda.amazonaws.com` assume the role, so Lambda would refuse every function that has it";
        let hint = r#"add a statement { effect = "Allow", principal = { Service = "lambda.amazonaws.com" }, action = "sts:AssumeRole" }"#;
        diagnostics.push(refused(section, &path, message).hint(hint));
    }
    match policy::size(trust) {
        size if size > policy::TRUST_CEILING => {
            let message =
                format!("it has {size} characters and IAM takes {} at most, also where the quota was raised", policy::TRUST_CEILING);
            diagnostics.push(refused(section, &path, &message));
        }
        size if size > policy::TRUST_LIMIT => diagnostics.push(
            Diagnostic::warning("trust-policy-large", "A trust policy is larger than IAM's default quota")
                .detail(format!(
                    "`trust_policy` of role `{}` has {size} characters; unless the quota was raised (AWS raises it to {}), IAM takes {}.",
                    section.name,
                    policy::TRUST_CEILING,
                    policy::TRUST_LIMIT
                ))
                .address(Address::new("role", &section.name))
                .span(section.span_of(&path)),
        ),
        _ => {}
    }
    diagnostics
}

/// At the statement, where the document is written as a table or with `allow`.
fn refused_statement(section: &Section, path: &Path, problem: &Problem) -> Diagnostic {
    let found = refused(section, path, &problem.message);
    let Some(index) = problem.statement.map(|index| index.to_string()) else { return found };
    let places = [path.join("statement").join(&index), path.join("Statement").join(&index), path.join(&index)];
    let place = places.iter().find(|place| section.spans.contains_key(place));
    let span = place.and_then(|place| section.span_of(place)).or(found.span.clone());
    found.span(span)
}

fn refused(section: &Section, path: &Path, message: &str) -> Diagnostic {
    let end = if message.ends_with('?') { "" } else { "." };
    let found = Diagnostic::error("invalid-policy", "IAM would refuse a policy document");
    finding(section, path, found.detail(format!("`{path}`: {message}{end}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::Known;
    use crate::model::{Artifact, Target};
    use std::collections::BTreeMap;

    fn value(json: &str) -> Value {
        Value::from_json(&serde_json::from_str(json).unwrap())
    }

    fn section(name: &str, json: &str) -> Section {
        let values = value(json).as_table().unwrap().clone();
        Section { kind: "role".into(), name: name.into(), part: None, values, spans: BTreeMap::new(), span: None }
    }

    fn function(name: &str, role: &str, json: &str) -> FunctionFacts {
        FunctionFacts {
            name: name.into(),
            function_name: format!("demo-{name}"),
            arn: String::new(),
            role: Some(Address::new("role", role)),
            log_group_name: format!("/aws/lambda/demo-{name}"),
            repository: None,
            values: value(json).as_table().unwrap().clone(),
        }
    }

    fn lowered(section: &Section, functions: &[FunctionFacts]) -> Lowered {
        let functions = functions.iter().cloned().collect();
        let target = Target { partition: "aws-cn".into(), account: "123456789012".into(), region: "cn-north-1".into() };
        let artifacts: BTreeMap<Address, Artifact> = BTreeMap::new();
        lower(
            section,
            &Context {
                project: "demo",
                stage: Some("dev"),
                target: &target,
                known: Known::All,
                functions: &functions,
                artifacts: &artifacts,
            },
        )
    }

    fn inline(lowered: &Lowered) -> String {
        let policies = lowered.resources[0].input("inline_policy").unwrap().as_table().unwrap();
        policies.iter().map(|(name, policy)| format!("{name} {}", policy.to_json())).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_function_gets_a_role_that_may_write_its_own_logs_and_not_make_groups() {
        let lowered = lowered(&section("hash", "{}"), &[function("hash", "hash", "{}")]);
        assert_eq!(lowered.diagnostics, []);
        let resource = &lowered.resources[0];
        insta::assert_snapshot!(serde_json::to_string_pretty(&resource.inputs).unwrap(), @r#"
        {
          "description": "",
          "inline_policy": {
            "lambdo-logs": {
              "Statement": [
                {
                  "Action": [
                    "logs:CreateLogStream",
                    "logs:PutLogEvents"
                  ],
                  "Effect": "Allow",
                  "Resource": [
                    "arn:aws-cn:logs:cn-north-1:123456789012:log-group:/aws/lambda/demo-hash:*"
                  ]
                }
              ],
              "Version": "2012-10-17"
            }
          },
          "managed_policies": [],
          "max_session_duration": 3600,
          "path": "/lambdo/demo/",
          "role_name": "demo-hash-cn-north-1",
          "tags": {},
          "trust_policy": {
            "Statement": [
              {
                "Action": "sts:AssumeRole",
                "Effect": "Allow",
                "Principal": {
                  "Service": "lambda.amazonaws.com"
                }
              }
            ],
            "Version": "2012-10-17"
          }
        }
        "#);
        insta::assert_snapshot!(resource.attributes[&"arn".to_owned()].as_str().unwrap(), @"arn:aws-cn:iam::123456789012:role/lambdo/demo/demo-hash-cn-north-1");
    }

    #[test]
    fn a_shared_role_has_the_stage_in_its_name_and_writes_for_all_its_functions() {
        let lowered =
            lowered(&section("workers", "{}"), &[function("b", "workers", "{}"), function("a", "workers", "{}"), function("c", "c", "{}")]);
        assert_eq!(lowered.resources[0].physical_id().unwrap().as_str(), "demo-dev-workers-cn-north-1");
        insta::assert_snapshot!(inline(&lowered), @r#"lambdo-logs {"Statement":[{"Action":["logs:CreateLogStream","logs:PutLogEvents"],"Effect":"Allow","Resource":["arn:aws-cn:logs:cn-north-1:123456789012:log-group:/aws/lambda/demo-a:*","arn:aws-cn:logs:cn-north-1:123456789012:log-group:/aws/lambda/demo-b:*"]}],"Version":"2012-10-17"}"#);
    }

    #[test]
    fn a_role_that_a_function_of_its_name_only_refers_to_keeps_its_own_name() {
        let named = |json: &str| {
            let function = FunctionFacts { function_name: "mine".into(), ..function("s", "s", json) };
            lowered(&section("s", "{}"), &[function]).resources[0].input("role_name").cloned()
        };
        assert_eq!(named("{}"), Some("mine-cn-north-1".into()));
        assert_eq!(named(r#"{"role":"s"}"#), Some("demo-dev-s-cn-north-1".into()));
    }

    #[test]
    fn a_managed_policy_takes_the_place_of_the_derived_one_and_bare_names_become_arns() {
        let json = r#"{"managed_policies":["AWSLambdaBasicExecutionRole","AmazonS3ReadOnlyAccess","arn:aws:iam::1:policy/x"]}"#;
        let lowered = lowered(&section("hash", json), &[function("hash", "hash", "{}")]);
        assert_eq!(inline(&lowered), "");
        insta::assert_snapshot!(lowered.resources[0].input("managed_policies").unwrap().to_json(), @r#"["arn:aws-cn:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole","arn:aws-cn:iam::aws:policy/AmazonS3ReadOnlyAccess","arn:aws:iam::1:policy/x"]"#);
    }

    #[test]
    fn settings_of_functions_bring_the_rights_that_they_need() {
        let settings = r#"{"vpc_config":{"subnet_ids":["s"]},"tracing_config":{"mode":"Active"},"dead_letter_config":{"target_arn":"arn:aws:sqs:x:1:q"}}"#;
        let basic = r#"{"managed_policies":["AWSLambdaBasicExecutionRole"]}"#;
        let lowered = lowered(&section("hash", basic), &[function("hash", "hash", settings)]);
        insta::assert_snapshot!(inline(&lowered), @r#"
        lambdo-dead-letter {"Statement":[{"Action":["sqs:SendMessage"],"Effect":"Allow","Resource":"arn:aws:sqs:x:1:q"}],"Version":"2012-10-17"}
        lambdo-vpc {"Statement":[{"Action":["ec2:CreateNetworkInterface","ec2:DescribeNetworkInterfaces","ec2:DescribeSubnets","ec2:DeleteNetworkInterface","ec2:AssignPrivateIpAddresses","ec2:UnassignPrivateIpAddresses"],"Effect":"Allow","Resource":"*"}],"Version":"2012-10-17"}
        lambdo-xray {"Statement":[{"Action":["xray:PutTraceSegments","xray:PutTelemetryRecords"],"Effect":"Allow","Resource":"*"}],"Version":"2012-10-17"}
        "#);
    }

    #[test]
    fn a_reference_is_no_resource_and_takes_no_settings() {
        let arn = "arn:aws-cn:iam::123456789012:role/x";
        assert_eq!(lowered(&section("hash", &format!(r#"{{"reference":"{arn}"}}"#)), &[]), Lowered::default());
        let with_settings = lowered(&section("hash", r#"{"reference":"workers","description":"x"}"#), &[]);
        assert_eq!(with_settings.resources, []);
        insta::assert_snapshot!(with_settings.diagnostics[0].detail, @"`role` of function `hash` names a role that stands elsewhere, so `description` has no effect here.");
    }

    #[test]
    fn bad_documents_are_reported_with_their_place_in_the_spec() {
        let json = r#"{"allow":[{"action":["s3"],"resource":["*"]}],"inline_policy":{"a":{"statement":[{"effect":"Allow","action":"s3:*"}]}},"trust_policy":{"statement":[{"effect":"Allow","action":"sts:AssumeRole","principal":{"Service":"ec2.amazonaws.com"}}]}}"#;
        let lowered = lowered(&section("hash", json), &[function("hash", "hash", "{}")]);
        let details: Vec<&str> = lowered.diagnostics.iter().map(|diagnostic| diagnostic.detail.as_str()).collect();
        insta::assert_snapshot!(details.join("\n"), @r"
        `inline_policy.a`: statement 1 has no `Resource`.
        `allow`: statement 1 has the action `s3`, which is not `*` and names no service, such as `s3:GetObject`.
        `trust_policy`: it does not let `lambda.amazonaws.com` assume the role, so Lambda would refuse every function that has it.
        ");
    }

    #[test]
    fn more_tags_than_a_role_can_carry_are_refused() {
        let tags: Vec<String> = (0..60).map(|number| format!(r#""t{number}":"x""#)).collect();
        let lowered = lowered(&section("hash", &format!(r#"{{"tags":{{{}}}}}"#, tags.join(","))), &[]);
        assert_eq!(lowered.diagnostics[0].code, "too-many-tags");
    }

    #[test]
    fn policies_that_are_too_large_are_refused() {
        let arn = "x".repeat(10_300);
        let json = format!(r#"{{"allow":[{{"action":["s3:*"],"resource":["{arn}"]}}]}}"#);
        let diagnostics = lowered(&section("hash", &json), &[]).diagnostics;
        assert!(diagnostics.iter().any(|found| found.detail.contains("10240 at most")));
    }

    #[test]
    fn a_role_of_another_account_or_partition_is_no_use() {
        let told = |arn: &str| lowered(&section("hash", &format!(r#"{{"reference":"{arn}"}}"#)), &[]).diagnostics.remove(0).detail;
        insta::assert_snapshot!(told("arn:aws:iam::123456789012:role/x"), @"`arn:aws:iam::123456789012:role/x` is in the partition `aws`, and this is deployed to `aws-cn`; a function runs only as a role of its own account.");
        insta::assert_snapshot!(told("arn:aws-cn:iam::210987654321:role/x"), @"`arn:aws-cn:iam::210987654321:role/x` is a role of the account `210987654321`, and this is deployed to `123456789012`; a function runs only as a role of its own account.");
    }

    #[test]
    fn what_can_be_told_of_attached_policies_is_told() {
        let names: Vec<String> = (0..19).map(|number| format!(r#""P{number}""#)).collect();
        let json = format!(
            r#"{{"managed_policies":["ReadOnlyAccess","ReadOnlyAcess","ReadOnlyAccess","arn:aws:iam::aws:policy/x",{}],"permissions_boundary":"arn:aws:iam::aws:policy/x","tags":{{"Team":"a","team":"b"}}}}"#,
            names.join(",")
        );
        let found = lowered(&section("hash", &json), &[]).diagnostics;
        let codes: Vec<&str> = found.iter().map(|found| found.code).collect();
        assert_eq!(codes, ["policy-unknown", "listed-twice", "elsewhere", "many-policies", "elsewhere", "tags-alike"]);
    }
}

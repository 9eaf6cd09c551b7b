//! What AWS shows of a thing, in all the forms in which it shows the same.

use crate::behaviour::up;
use crate::support::{Backend, Rule, Sandbox, World, spec};
use serde_json::{Value, json};

#[track_caller]
fn is_quiet(sandbox: &Sandbox) {
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.expect(0, &["drift", "--deep"]);
}

#[test]
fn what_lambda_fills_in_is_no_drift() {
    let (world, sandbox) =
        up(&(spec::header() + &spec::with_level("a", "info").replace("code =", "logging_config = { log_format = \"JSON\" }\ncode =")));
    let filled = |answer: &mut Value| {
        let more = json!({
            "Description": "", "VpcConfig": {"SubnetIds": [], "SecurityGroupIds": [], "VpcId": "", "Ipv6AllowedForDualStack": false},
            "Layers": [], "FileSystemConfigs": [], "TracingConfig": {"Mode": "PassThrough"}, "EphemeralStorage": {"Size": 512},
            "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"}, "MemorySize": 128, "Timeout": 3, "PackageType": "Zip",
            "LoggingConfig": {"LogFormat": "JSON", "LogGroup": "/aws/lambda/demo-a", "ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO"},
            "LastModified": "2026-11-22T12:00:00.000+0000", "RevisionId": "r", "ConfigSha256": "c", "State": "Inactive",
            "StateReasonCode": "Idle", "RuntimeVersionConfig": {"RuntimeVersionArn": "arn:aws:lambda:eu-central-1::runtime:x"},
        });
        answer["Configuration"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        answer["Tags"]["aws:cloudformation:stack-name"] = json!("theirs");
    };
    world.proxy.rules([Rule::on("GetFunction").rewrite(filled)]);
    is_quiet(&sandbox);
    let bare = |answer: &mut Value| {
        let configuration = answer["Configuration"].as_object_mut().unwrap();
        for key in
            ["Description", "VpcConfig", "Layers", "FileSystemConfigs", "TracingConfig", "EphemeralStorage", "SnapStart", "Architectures"]
        {
            configuration.remove(key);
        }
    };
    world.proxy.rules([Rule::on("GetFunction").rewrite(bare)]);
    is_quiet(&sandbox);
}

#[test]
fn tags_of_aws_are_never_taken_away() {
    let (world, sandbox) = up(&(spec::header() + &spec::plain("a").replace("code =", "tags = { team = \"core\" }\ncode =")));
    sandbox.edit("tags = { team = \"core\" }", "");
    let tagged = |answer: &mut Value| answer["Tags"]["aws:cloudformation:stack-name"] = json!("theirs");
    world.proxy.rules([Rule::on("GetFunction").rewrite(tagged)]);
    sandbox.expect(0, &["up", "--yes"]);
    let paths: Vec<String> = world.proxy.calls_of("UntagResource").into_iter().map(|call| call.path).collect();
    assert!(paths.len() == 1 && paths[0].ends_with("?tagKeys=team"), "{paths:?}");
}

#[test]
fn what_lambda_may_not_show_is_unchecked_neither_drift_nor_a_strangers() {
    let (world, sandbox) = up(&(spec::header() + &spec::with_level("a", "info")));
    let hidden = |answer: &mut Value| {
        let error = json!({"ErrorCode": "AccessDeniedException", "Message": "not authorized to perform: lambda:ListTags"});
        answer.as_object_mut().unwrap().remove("Tags");
        answer["TagsError"] = error;
        answer["Configuration"]["Environment"] = json!({"Error": {"ErrorCode": "AccessDeniedException", "Message": "kms:Decrypt"}});
    };
    world.proxy.rules([Rule::on("GetFunction").rewrite(hidden)]);
    let drift = sandbox.expect(5, &["drift", "--format", "json"]).json();
    assert_eq!(drift["drifted"], json!([]), "{drift:#}");
    let unchecked = drift["unchecked"].to_string();
    assert!(unchecked.contains("lambda:ListTags") && unchecked.contains("kms:Decrypt"), "{drift:#}");
    sandbox.edit("handler =", "timeout = 9\nhandler =");
    sandbox.expect(0, &["up", "--yes"]);
    let sent = world.proxy.calls_of("UpdateFunctionConfiguration")[0].json();
    assert_eq!(sent, json!({"Timeout": 9}), "variables that nobody could read are left alone");
}

#[test]
fn a_function_whose_owner_may_not_be_seen_is_not_touched() {
    let world = World::start(Backend::Local);
    world.cloud.foreign_function("demo-a", &[]);
    let sandbox = world.sandbox(&(spec::header() + &spec::plain("a")));
    let hidden = |answer: &mut Value| {
        answer.as_object_mut().unwrap().remove("Tags");
        answer["TagsError"] = json!({"ErrorCode": "AccessDeniedException", "Message": "not authorized to perform: lambda:ListTags"});
    };
    world.proxy.rules([Rule::on("GetFunction").rewrite(hidden)]);
    sandbox.expect(8, &["up", "--yes"]).says("could not be read");
    assert_eq!(world.proxy.mutating(), 0);
}

#[test]
fn pages_may_be_empty_and_lists_denied() {
    let (world, sandbox) = up(&spec::many(3, "info"));
    let denied = |operation| Rule::on(operation).refuse(403, "AccessDeniedException", "no identity-based policy allows it");
    world.proxy.rules([denied("ListFunctions"), denied("ListRules"), denied("GetAccountAuthorizationDetails"), denied("ListRoles")]);
    sandbox.expect(0, &["plan", "--exit-code"]);
    assert_eq!((world.proxy.calls_of("DescribeRule").len(), world.proxy.calls_of("GetRole").len()), (3, 3));

    let empty_xml = "<GetAccountAuthorizationDetailsResponse><GetAccountAuthorizationDetailsResult><IsTruncated>true</IsTruncated><Marker>m</Marker><RoleDetailList/>\
        </GetAccountAuthorizationDetailsResult></GetAccountAuthorizationDetailsResponse>";
    world.proxy.rules([
        Rule::on("ListFunctions").first(1).answer(200, r#"{"Functions":[],"NextMarker":"x"}"#),
        Rule::on("ListRules").answer(200, r#"{"Rules":[]}"#),
        Rule::on("DescribeLogGroups").first(1).answer(200, r#"{"logGroups":[],"nextToken":"t"}"#),
        Rule::on("DescribeLogGroups").containing("nextToken").answer(200, r#"{"logGroups":[]}"#),
        Rule::on("GetAccountAuthorizationDetails").answer(200, empty_xml),
    ]);
    is_quiet(&sandbox);
}

#[test]
fn a_list_that_does_not_show_what_was_just_made_is_not_believed() {
    let (world, sandbox) = up(&spec::many(3, "info"));
    world.proxy.rules([
        Rule::on("ListFunctions").answer(200, r#"{"Functions":[]}"#),
        Rule::on("ListRules").answer(200, r#"{"Rules":[]}"#),
        Rule::on("DescribeLogGroups").first(1).answer(200, r#"{"logGroups":[]}"#),
    ]);
    sandbox.expect(0, &["plan", "--exit-code"]);
}

#[test]
fn another_spelling_of_a_rule_is_no_drift() {
    let rule = "[function.a.event_rule.made]\nevent_pattern = { source = [\"a<b>&c\"], detail = { n = [1, 2] } }\ninput = '{\"a\":1,\"b\":[true]}'\n";
    let (world, sandbox) = up(&(spec::header() + &spec::plain("a") + rule));
    let respelt = |answer: &mut Value| {
        answer["EventPattern"] = json!("{ \"detail\": {\"n\": [1,2]}, \"source\": [\"a\\u003cb\\u003e\\u0026c\"] }");
        answer["State"] = json!("ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS");
        answer["EventBusName"] = json!("default");
        answer["Description"] = json!("");
    };
    let targets = |answer: &mut Value| answer["Targets"][0]["Input"] = json!("{ \"b\": [ true ], \"a\": 1 }");
    world.proxy.rules([Rule::on("DescribeRule").rewrite(respelt), Rule::on("ListTargetsByRule").rewrite(targets)]);
    is_quiet(&sandbox);
    let without = |answer: &mut Value| {
        let rule = answer.as_object_mut().unwrap();
        ["State", "EventBusName", "Description"].iter().for_each(|key| drop(rule.remove(*key)));
    };
    world.proxy.rules([Rule::on("DescribeRule").rewrite(without)]);
    is_quiet(&sandbox);
}

#[test]
fn another_spelling_of_a_functions_policy_is_no_drift() {
    let more = "[function.a.permission.account]\nprincipal = \"123456789012\"\n\n[function.a.permission.bucket]\nprincipal = \"s3.amazonaws.com\"\nsource_arn = \"arn:aws:s3:::b\"\nsource_account = \"123456789012\"\n";
    let (world, sandbox) = up(&(spec::header() + &spec::scheduled("a") + more));
    let respelt = |answer: &mut Value| {
        let policy =
            answer["Policy"].as_str().unwrap().replace("aws:SourceAccount", "AWS:sourceaccount").replace("AWS:SourceArn", "aws:SourceARN");
        let mut policy: Value = serde_json::from_str(&policy.replace("ArnLike", "StringLike")).unwrap();
        let statements = policy["Statement"].as_array_mut().unwrap();
        statements.reverse();
        for statement in statements.iter_mut() {
            statement["Action"] = json!([statement["Action"]]);
            let service = statement["Principal"]["Service"].take();
            statement["Principal"] = match service {
                Value::Null => json!({"AWS": ["arn:aws:iam::123456789012:root"]}),
                service => json!({"Service": [service]}),
            };
        }
        answer["Policy"] = json!(policy.to_string());
    };
    world.proxy.rules([Rule::on("GetPolicy").rewrite(respelt)]);
    is_quiet(&sandbox);
    let narrowed = |answer: &mut Value| {
        let policy = answer["Policy"].as_str().unwrap().replace("StringEquals", "StringNotEquals");
        answer["Policy"] = json!(policy);
    };
    world.proxy.rules([Rule::on("GetPolicy").rewrite(narrowed)]);
    let drift = sandbox.expect(3, &["drift"]);
    assert!(drift.stdout.contains("permission.a.bucket") && !drift.stdout.contains("permission.a.account"), "{drift}");
}

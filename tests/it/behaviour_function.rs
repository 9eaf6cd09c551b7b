//! Functions on a cloud that behaves as Lambda does: the proxy plays what emulators leave out.

use crate::behaviour::{count, one, up};
use crate::support::cloud::{function_arn, trust};
use crate::support::{Backend, Rule, World, spec};
use serde_json::{Value, json};

const INVALID: &str = "InvalidParameterValueException";
const CONFLICT: &str = "ResourceConflictException";
const UNASSUMABLE: &str = "The role defined for the function cannot be assumed by Lambda.";
const UPDATING: &str = "The operation cannot be performed at this time. An update is in progress for resource: arn";
const PENDING: &str = "The operation cannot be performed at this time. The function is currently in the following state: Pending";

/// The names of the calls, in the order in which they came.
fn order(world: &World) -> Vec<String> {
    world.proxy.calls().into_iter().map(|call| call.operation.name).collect()
}

#[test]
fn whatever_a_fresh_role_makes_lambda_say_is_tried_again_and_nothing_else_is() {
    let world = World::start(Backend::Local);
    let refusals = [
        (INVALID, UNASSUMABLE),
        (INVALID, "The provided execution role does not have permissions to call CreateNetworkInterface on EC2"),
        (INVALID, "Lambda was unable to configure access: KMS key is invalid for CreateGrant"),
        ("InvalidArnException", "ARN does not refer to a valid principal"),
        (INVALID, "Lambda was not able to create an ENI: Request throttled by EC2"),
    ];
    let name = |index: usize| format!("f{index}");
    let functions: String = (0..refusals.len()).map(|index| spec::plain(&name(index))).collect();
    let sandbox = world.sandbox(&(spec::header() + &functions));
    let rule = |(index, (code, message)): (usize, &(&'static str, &'static str))| {
        Rule::on("CreateFunction").containing(&format!("demo-{}\"", name(index))).first(1).refuse(400, code, *message)
    };
    world.proxy.rules(refusals.iter().enumerate().map(rule));
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!(count(&world, "CreateFunction"), 2 * refusals.len());
    sandbox.expect(0, &["plan", "--exit-code"]);
}

#[test]
fn a_role_of_others_that_lambda_may_not_assume_is_told_at_once() {
    let world = World::start(Backend::Local);
    let call = world.cloud.iam.create_role().role_name("theirs").assume_role_policy_document(trust("ec2.amazonaws.com"));
    let arn = world.cloud.done(call.send()).role.unwrap().arn;
    let sandbox = world.sandbox(&one().replace("handler =", &format!("role = \"{arn}\"\nhandler =")));
    world.proxy.rules([Rule::on("CreateFunction").refuse(400, INVALID, UNASSUMABLE)]);
    sandbox.expect(9, &["up", "--yes"]).says("does not let `lambda.amazonaws.com` do `sts:AssumeRole`");
    assert_eq!(count(&world, "CreateFunction"), 1);
    world.cloud.done(world.cloud.iam.delete_role().role_name("theirs").send());
    sandbox.expect(1, &["up", "--yes"]).says("does not exist");
}

#[test]
fn an_update_that_is_in_progress_is_looked_at_and_waited_for() {
    let (world, sandbox) = up(&one());
    sandbox.edit("handler =", "timeout = 9\nhandler =");
    let busy = |answer: &mut Value| answer["Configuration"]["LastUpdateStatus"] = json!("InProgress");
    let change = "UpdateFunctionConfiguration";
    world
        .proxy
        .rules([Rule::on(change).first(1).refuse(409, CONFLICT, UPDATING), Rule::on("GetFunction").since(change).first(2).rewrite(busy)]);
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!(count(&world, change), 2, "{:?}", world.proxy.tally());
    assert_eq!(world.cloud.snapshot()["function.demo-a"]["timeout"], 9);
}

#[test]
fn what_comes_while_a_function_is_pending_waits_for_itself_alone() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&(spec::header() + &spec::scheduled("a").replace("code =", "reserved_concurrent_executions = 5\ncode =")));
    let pending = |answer: &mut Value| answer["Configuration"]["State"] = json!("Pending");
    world.proxy.rules([
        Rule::on("AddPermission").first(1).refuse(409, CONFLICT, PENDING),
        Rule::on("PutFunctionConcurrency").first(1).refuse(409, CONFLICT, PENDING),
        Rule::on("GetFunction").since("AddPermission").first(2).rewrite(pending),
    ]);
    sandbox.expect(0, &["up", "--yes"]);
    let calls = order(&world);
    let at = |name: &str| calls.iter().position(|call| call == name).unwrap();
    assert!(at("CreateFunction") < at("AddPermission") && at("PutRule") < at("AddPermission"), "{calls:?}");
    // One that is refused waits, which is nobody else's matter.
    let first = at("AddPermission").min(at("PutFunctionConcurrency"));
    assert!(!calls[at("CreateFunction")..first].contains(&"GetFunction".to_owned()), "nothing waits unasked: {calls:?}");
    assert_eq!((count(&world, "AddPermission"), count(&world, "PutFunctionConcurrency")), (2, 2), "{calls:?}");
}

#[test]
fn a_function_that_was_just_made_may_not_be_seen_yet() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&one().replace("handler =", "reserved_concurrent_executions = 5\nhandler ="));
    let missing = |rule: Rule| rule.since("CreateFunction").first(2).refuse(404, "ResourceNotFoundException", "Function not found: demo-a");
    world.proxy.rules([missing(Rule::on("GetFunction")), missing(Rule::on("PutFunctionConcurrency"))]);
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!(count(&world, "PutFunctionConcurrency"), 3);
}

#[test]
fn a_function_of_a_stranger_that_came_meanwhile_is_left_alone() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&one());
    let stranger = json!({"Configuration": {"FunctionName": "demo-a", "State": "Active"}, "Tags": {"team": "x"}}).to_string();
    world.proxy.rules([
        Rule::on("CreateFunction").refuse(409, CONFLICT, "Function already exist: demo-a"),
        Rule::on("GetFunction").since("CreateFunction").answer(200, stranger),
    ]);
    sandbox.expect(9, &["up", "--yes"]).says("The name is taken in AWS");
    assert_eq!(count(&world, "CreateFunction"), 1);
}

#[test]
fn what_lambda_could_not_do_is_told_with_its_reason_and_tried_anew() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&one());
    let failed = |answer: &mut Value| {
        let more = json!({"State": "Failed", "StateReasonCode": "SubnetOutOfIPAddresses", "StateReason": "no address is left"});
        answer["Configuration"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    };
    world.proxy.rules([Rule::on("GetFunction").since("CreateFunction").rewrite(failed)]);
    sandbox.expect(9, &["up", "--yes"]).says("SubnetOutOfIPAddresses: no address is left");

    let half = |answer: &mut Value| {
        let more =
            json!({"LastUpdateStatus": "Failed", "LastUpdateStatusReasonCode": "InvalidSubnet", "LastUpdateStatusReason": "no subnet"});
        answer["Configuration"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    };
    sandbox.edit("handler =", "timeout = 9\nhandler =");
    world.proxy.rules([Rule::on("GetFunction").since("UpdateFunctionConfiguration").rewrite(half)]);
    sandbox.expect(9, &["up", "--yes"]).says("still runs the function as it was: InvalidSubnet: no subnet");
    world.proxy.rules([Rule::on("GetFunction").rewrite(half)]);
    sandbox.expect(3, &["plan", "--exit-code"]).says("no subnet");
    world.proxy.rules([Rule::on("GetFunction").first(1).rewrite(half)]);
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!(count(&world, "UpdateFunctionCode"), 1, "the code is sent again, so that Lambda tries again");
    sandbox.expect(0, &["plan", "--exit-code"]);
}

#[test]
fn words_that_came_after_this_version_are_neither_drift_nor_the_end() {
    let (world, sandbox) = up(&(spec::header() + &spec::scheduled("a")));
    let function = |answer: &mut Value| {
        let more =
            json!({"State": "Levitating", "LastUpdateStatus": "Sideways", "LastUpdateStatusReasonCode": "Mood", "PackageType": "Hologram"});
        answer["Configuration"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        answer["NewMember"] = json!([1]);
    };
    let group = |answer: &mut Value| answer["logGroups"][0]["logGroupClass"] = json!("GLACIER");
    let rule = |answer: &mut Value| answer["State"] = json!("ENABLED_ON_MONDAYS");
    world.proxy.rules([
        Rule::on("GetFunction").rewrite(function),
        Rule::on("DescribeLogGroups").rewrite(group),
        Rule::on("DescribeRule").rewrite(rule),
    ]);
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.expect(0, &["drift"]);
    sandbox.edit("handler =", "timeout = 9\nhandler =");
    sandbox.expect(0, &["up", "--yes"]);
}

#[test]
fn a_delete_that_goes_on_is_waited_for_only_by_what_wants_the_name() {
    let (world, sandbox) = up(&one());
    world.proxy.rules([Rule::on("DeleteFunction").answer(202, "{}")]);
    sandbox.expect(0, &["destroy", "--yes"]);
    let calls = order(&world);
    let deleted = calls.iter().position(|call| call == "DeleteFunction").unwrap();
    assert!(!calls[deleted..].contains(&"GetFunction".to_owned()), "{calls:?}");

    let going = |answer: &mut Value| answer["Configuration"]["State"] = json!("Deleting");
    world.proxy.rules([Rule::on("GetFunction").containing("demo-a").rewrite(going)]);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            world.proxy.wait_for("CreateFunction", 1);
            world.proxy.wait_for("GetFunction", 2);
            let cloud = world.connect();
            cloud.done(cloud.lambda.delete_function().function_name("demo-a").send());
            world.proxy.clear();
        });
        sandbox.expect(0, &["up", "--yes"]);
    });
    sandbox.expect(0, &["plan", "--exit-code"]);
}

#[test]
fn the_same_code_is_not_uploaded_again() {
    let (world, sandbox) = up(&one());
    // A state that does not say what it uploaded, as after a run that was killed.
    let state = std::fs::read_to_string(sandbox.state_file()).unwrap();
    let mut state: Value = serde_json::from_str(&state).unwrap();
    state["entries"]["function.a"]["attributes"].as_object_mut().unwrap().remove("code_sha256").expect("the hash is written down");
    std::fs::write(sandbox.state_file(), state.to_string()).unwrap();
    world.proxy.clear();
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!(world.proxy.mutating(), 0, "{:?}", world.proxy.tally());
    sandbox.expect(0, &["plan", "--exit-code"]);
}

#[test]
fn code_and_configuration_go_one_after_the_other() {
    let (world, sandbox) = up(&one());
    sandbox.edit("handler =", "timeout = 9\nhandler =");
    sandbox.program("second");
    let busy = |answer: &mut Value| answer["Configuration"]["LastUpdateStatus"] = json!("InProgress");
    world.proxy.rules([Rule::on("GetFunction").since("UpdateFunctionCode").first(2).rewrite(busy)]);
    sandbox.expect(0, &["up", "--yes"]);
    let calls = order(&world);
    let at = |name: &str| calls.iter().position(|call| call == name).unwrap();
    let between = &calls[at("UpdateFunctionCode")..at("UpdateFunctionConfiguration")];
    assert_eq!(between, ["UpdateFunctionCode", "GetFunction", "GetFunction", "GetFunction"], "{calls:?}");
}

#[test]
fn the_name_of_a_role_that_changes_takes_nothing_else_along() {
    let (world, sandbox) = up(&one());
    let arn = world.cloud.foreign_role("theirs", "/", &[]);
    sandbox.edit("handler =", &format!("role = \"{arn}\"\nhandler ="));
    world.proxy.clear();
    sandbox.expect(0, &["up", "--yes"]);
    let sent = world.proxy.calls_of("UpdateFunctionConfiguration")[0].json();
    assert_eq!(sent, json!({"Role": arn}));
    let calls = order(&world);
    let at = |name: &str| calls.iter().position(|call| call == name).unwrap();
    assert!(at("UpdateFunctionConfiguration") < at("DeleteRole"), "the old role goes when nothing uses it: {calls:?}");
}

#[test]
fn what_can_be_cleared_is_cleared_on_the_wire() {
    let (world, sandbox) = up(&one());
    let grown = |answer: &mut Value| {
        let more = json!({
            "Description": "x", "Environment": {"Variables": {"AA": "1"}}, "KMSKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/k",
            "Layers": [{"Arn": "arn:aws:lambda:eu-central-1:123456789012:layer:l:1", "CodeSize": 1}],
            "VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"], "VpcId": "vpc-1"},
            "DeadLetterConfig": {"TargetArn": "arn:aws:sqs:eu-central-1:123456789012:q"},
            "FileSystemConfigs": [{"Arn": "arn:aws:elasticfilesystem:eu-central-1:123456789012:access-point/f", "LocalMountPath": "/mnt/x"}],
            "SnapStart": {"ApplyOn": "PublishedVersions", "OptimizationStatus": "Off"}, "TracingConfig": {"Mode": "Active"},
            "EphemeralStorage": {"Size": 1024}, "MemorySize": 256, "Timeout": 9,
            "LoggingConfig": {"LogFormat": "JSON", "LogGroup": "/other", "ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO"},
        });
        answer["Configuration"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    };
    world.proxy.rules([Rule::on("GetFunction").rewrite(grown), Rule::on("UpdateFunctionConfiguration").answer(200, "{}")]);
    sandbox.expect(0, &["up", "--yes"]);
    let sent = world.proxy.calls_of("UpdateFunctionConfiguration");
    let expected = json!({
        "Description": "", "Environment": {"Variables": {}}, "KMSKeyArn": "", "Layers": [],
        "VpcConfig": {"SubnetIds": [], "SecurityGroupIds": [], "Ipv6AllowedForDualStack": false},
        "DeadLetterConfig": {"TargetArn": ""}, "FileSystemConfigs": [], "SnapStart": {"ApplyOn": "None"},
        "TracingConfig": {"Mode": "PassThrough"}, "EphemeralStorage": {"Size": 512}, "MemorySize": 128, "Timeout": 3,
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/demo-a"},
    });
    assert_eq!((sent.len(), sent[0].json()), (1, expected));
}

#[test]
fn a_new_key_takes_the_variables_along_and_an_architecture_the_code() {
    let (world, sandbox) = up(&one().replace("handler =", "environment = { AA = \"1\" }\nhandler ="));
    sandbox.edit("handler =", "kms_key_arn = \"arn:aws:kms:eu-central-1:123456789012:key/k\"\narchitectures = \"arm64\"\nhandler =");
    world.proxy.rules([Rule::on("UpdateFunctionConfiguration").answer(200, "{}")]);
    sandbox.expect(0, &["up", "--yes"]);
    let configuration = world.proxy.calls_of("UpdateFunctionConfiguration")[0].json();
    assert_eq!(
        configuration,
        json!({"KMSKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/k", "Environment": {"Variables": {"AA": "1"}}})
    );
    let code = world.proxy.calls_of("UpdateFunctionCode")[0].json();
    assert_eq!(code["Architectures"], json!(["arm64"]));
    assert!(code["ZipFile"].as_str().is_some_and(|zip| zip.len() > 100), "{code}");
}

#[test]
fn a_zip_that_lambda_finds_too_large_is_told_with_the_limit() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&one());
    let message = "Request must be smaller than 70167211 bytes for the CreateFunction operation";
    world.proxy.rules([Rule::on("CreateFunction").refuse(413, "RequestEntityTooLargeException", message)]);
    sandbox.expect(9, &["up", "--yes"]).says("Lambda takes about 50 MB").says(".lambdoignore");
    assert_eq!(count(&world, "CreateFunction"), 1);
}

#[test]
fn a_quota_of_lambda_is_told_with_what_helps_and_asked_for_once() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&one().replace("handler =", "reserved_concurrent_executions = 5\nhandler ="));
    let message = "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [10].";
    world.proxy.rules([Rule::on("PutFunctionConcurrency").refuse(400, INVALID, message)]);
    sandbox.expect(9, &["up", "--yes"]).says("minimum value of [10]").says("lower `reserved_concurrent_executions`");
    assert_eq!(count(&world, "PutFunctionConcurrency"), 1);
    assert!(world.cloud.names().contains("function.demo-a"), "{}", function_arn("demo-a"));
}

use super::*;
use crate::local::clock::ManualClock;
use std::time::Duration;
use tempfile::TempDir;

const FUNCTION: &str = "arn:aws:lambda:eu-central-1:000000000000:function:f";
const RULE: &str = "arn:aws:events:eu-central-1:000000000000:rule/r";

/// Lambda, as far as EventBridge sees it.
#[derive(Default)]
struct Lambda {
    /// Function, principal and rule.
    policy: Mutex<Vec<(String, String, String)>>,
    invoked: Mutex<Vec<(String, String)>>,
}

#[async_trait]
impl Functions for Lambda {
    fn allows(&self, function_arn: &str, principal: &str, source_arn: &str) -> bool {
        self.policy.lock().unwrap().contains(&(function_arn.into(), principal.into(), source_arn.into()))
    }

    async fn invoke(&self, function_arn: &str, payload: String) -> Result<(), ApiError> {
        match function_arn.rsplit(':').next() {
            Some("unsaved") => return Err(ApiError::internal("the disk is full")),
            Some("gone") => return Err(ApiError::new(404, "ResourceNotFoundException", "Function not found")),
            _ => self.invoked.lock().unwrap().push((function_arn.into(), payload)),
        }
        Ok(())
    }
}

impl Lambda {
    fn allow(&self, function: &str, rule: &str) {
        self.policy.lock().unwrap().push((function.into(), "events.amazonaws.com".into(), rule.into()));
    }

    fn payloads(&self) -> Vec<Value> {
        self.invoked.lock().unwrap().drain(..).map(|(_, payload)| serde_json::from_str(&payload).unwrap()).collect()
    }
}

struct World {
    events: Arc<Events>,
    lambda: Arc<Lambda>,
    clock: Arc<ManualClock>,
    common: Common,
    _folder: TempDir,
}

impl World {
    fn new() -> Self {
        let (common, clock, folder) = Common::for_test();
        let lambda = Arc::new(Lambda::default());
        let events = Arc::new(Events::open(common.clone(), Arc::clone(&lambda) as Arc<dyn Functions>).unwrap());
        Self { events, lambda, clock, common, _folder: folder }
    }

    async fn call(&self, operation: &str, body: Value) -> Result<Value, ApiError> {
        self.call_in("eu-central-1", operation, body).await
    }

    async fn call_in(&self, region: &str, operation: &str, body: Value) -> Result<Value, ApiError> {
        let call = Call { region: region.into(), request_id: String::new() };
        self.events.call(&call, operation, body).await
    }

    async fn ok(&self, operation: &str, body: Value) -> Value {
        self.call(operation, body).await.unwrap()
    }

    /// A refusal as `code: message`.
    async fn refusal(&self, operation: &str, body: Value) -> String {
        let error = self.call(operation, body).await.unwrap_err();
        assert_eq!(error.status, 400);
        format!("{}: {}", error.code, error.message)
    }

    /// A rule named `r` with the function as its target, and with the permission.
    async fn rule(&self, rule: Value) {
        let mut rule = rule;
        rule["Name"] = "r".into();
        self.ok("PutRule", rule).await;
        self.ok("PutTargets", json!({"Rule": "r", "Targets": [{"Id": "t", "Arn": FUNCTION}]})).await;
        self.lambda.allow(FUNCTION, RULE);
    }

    fn tick(&self) -> tokio::task::JoinHandle<()> {
        let events = Arc::clone(&self.events);
        tokio::spawn(async move { events.run().await })
    }

    /// Lets the time pass, and the ticker do what is due.
    async fn pass(&self, by_ms: i64) -> Vec<Value> {
        settle().await;
        self.clock.advance(by_ms);
        settle().await;
        self.lambda.payloads()
    }
}

async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(Duration::from_millis(2)).await;
}

#[tokio::test]
async fn a_rule_lives_from_put_to_delete() {
    let world = World::new();
    let put = json!({"Name": "r", "ScheduleExpression": "rate(1 hour)", "Description": "d", "Tags": [{"Key": "k", "Value": "v"}]});
    assert_eq!(world.ok("PutRule", put).await, json!({"RuleArn": RULE}));
    let shown = json!({"Name": "r", "Arn": RULE, "State": "ENABLED", "Description": "d", "ScheduleExpression": "rate(1 hour)",
        "EventBusName": "default", "CreatedBy": "000000000000"});
    assert_eq!(world.ok("DescribeRule", json!({"Name": "r", "EventBusName": "default"})).await, shown);
    let bus = "arn:aws:events:eu-central-1:000000000000:event-bus/default";
    assert_eq!(world.ok("DescribeRule", json!({"Name": "r", "EventBusName": bus})).await, shown);
    let target = json!({"Id": "t", "Arn": FUNCTION, "Input": "{}", "RetryPolicy": {"MaximumRetryAttempts": 2}, "DeadLetterConfig": {"Arn": "arn:aws:sqs:eu-central-1:000000000000:q"}});
    let put_targets = json!({"Rule": "r", "Targets": [target]});
    assert_eq!(world.ok("PutTargets", put_targets).await, json!({"FailedEntryCount": 0, "FailedEntries": []}));
    assert_eq!(world.ok("ListTargetsByRule", json!({"Rule": "r"})).await, json!({"Targets": [target]}));
    assert_eq!(world.ok("ListRuleNamesByTarget", json!({"TargetArn": FUNCTION})).await, json!({"RuleNames": ["r"]}));
    let refusal = world.refusal("DeleteRule", json!({"Name": "r"})).await;
    assert_eq!(refusal, "ValidationException: Rule can't be deleted since it has targets.");
    let removed = world.ok("RemoveTargets", json!({"Rule": "r", "Ids": ["t", "unknown"]})).await;
    assert_eq!(removed, json!({"FailedEntryCount": 0, "FailedEntries": []}));
    world.ok("DeleteRule", json!({"Name": "r"})).await;
    assert_eq!(
        world.refusal("DescribeRule", json!({"Name": "r"})).await,
        "ResourceNotFoundException: Rule r does not exist on EventBus default."
    );
    world.ok("DeleteRule", json!({"Name": "r"})).await;
}

#[tokio::test]
async fn put_again_a_rule_loses_what_is_left_out_but_neither_targets_nor_tags() {
    let world = World::new();
    let first = json!({"ScheduleExpression": "rate(1 hour)", "Description": "d", "State": "DISABLED",
        "RoleArn": "arn:aws:iam::000000000000:role/x", "Tags": [{"Key": "k", "Value": "v"}]});
    world.rule(first).await;
    let pattern = r#"{"source": ["x"]}"#;
    world.ok("PutRule", json!({"Name": "r", "EventPattern": pattern, "Tags": [{"Key": "k", "Value": "w"}]})).await;
    let rules = world.ok("ListRules", json!({})).await;
    assert_eq!(
        rules,
        json!({"Rules": [{"Name": "r", "Arn": RULE, "EventPattern": pattern, "State": "ENABLED", "EventBusName": "default"}]})
    );
    assert_eq!(world.ok("ListTagsForResource", json!({"ResourceARN": RULE})).await, json!({"Tags": [{"Key": "k", "Value": "v"}]}));
    assert_eq!(world.ok("ListTargetsByRule", json!({"Rule": "r"})).await["Targets"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn tags_are_added_overwritten_and_removed() {
    let world = World::new();
    world.ok("PutRule", json!({"Name": "r", "ScheduleExpression": "rate(1 hour)"})).await;
    assert_eq!(world.ok("ListTagsForResource", json!({"ResourceARN": RULE})).await, json!({"Tags": []}));
    let tags = json!([{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}]);
    world.ok("TagResource", json!({"ResourceARN": RULE, "Tags": tags})).await;
    world.ok("TagResource", json!({"ResourceARN": RULE, "Tags": [{"Key": "a", "Value": "2"}]})).await;
    world.ok("UntagResource", json!({"ResourceARN": RULE, "TagKeys": ["b", "unknown"]})).await;
    assert_eq!(world.ok("ListTagsForResource", json!({"ResourceARN": RULE})).await, json!({"Tags": [{"Key": "a", "Value": "2"}]}));
    let many: Vec<Value> = (0..50).map(|index| json!({"Key": format!("k{index}"), "Value": ""})).collect();
    let refusal = world.refusal("TagResource", json!({"ResourceARN": RULE, "Tags": many})).await;
    assert_eq!(refusal, "ValidationException: A resource can have 50 tags at most.");
}

#[tokio::test]
async fn what_aws_refuses_is_refused() {
    let world = World::new();
    world.ok("PutRule", json!({"Name": "r", "ScheduleExpression": "rate(1 hour)"})).await;
    let long = "x".repeat(65);
    let rate = "rate(1 hour)";
    let target = |more: Value| {
        let mut target = json!({"Id": "t", "Arn": FUNCTION});
        target.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"Rule": "r", "Targets": [target]})
    };
    let transformer = |template: &str| target(json!({"InputTransformer": {"InputPathsMap": {"a": "$.a"}, "InputTemplate": template}}));
    let six: Vec<Value> = (0..6).map(|index| json!({"Id": format!("t{index}"), "Arn": FUNCTION})).collect();
    let mut answers = String::new();
    for (operation, body) in [
        ("PutRule", json!({"ScheduleExpression": rate})),
        ("PutRule", json!({"Name": long, "ScheduleExpression": rate, "State": "ON"})),
        ("PutRule", json!({"Name": "a b", "ScheduleExpression": rate})),
        ("PutRule", json!({"Name": "a"})),
        ("PutRule", json!({"Name": "a", "EventPattern": "{}"})),
        ("PutRule", json!({"Name": "a", "ScheduleExpression": "rate(1 hours)"})),
        ("PutRule", json!({"Name": "a", "EventPattern": "{\"source\": \"aws.ec2\"}"})),
        ("PutRule", json!({"Name": "a", "EventPattern": format!("{{\"a\": [\"{}\"]}}", "x".repeat(2040))})),
        ("PutRule", json!({"Name": "a", "ScheduleExpression": rate, "EventBusName": "custom"})),
        ("PutRule", json!({"Name": "a", "ScheduleExpression": rate, "Tags": [{"Key": "aws:x", "Value": ""}]})),
        ("PutRule", json!({"Name": "a", "ScheduleExpression": rate, "Tags": [{"Key": "", "Value": ""}]})),
        ("PutRule", json!({"Name": 5})),
        ("DescribeRule", json!({"Name": "missing"})),
        ("EnableRule", json!({"Name": "missing"})),
        ("DisableRule", json!({"Name": "missing"})),
        ("ListRules", json!({"Limit": 0})),
        ("ListRules", json!({"Limit": 101})),
        ("ListRules", json!({"NextToken": "?"})),
        ("PutTargets", json!({"Rule": "missing", "Targets": [{"Id": "t", "Arn": FUNCTION}]})),
        ("PutTargets", json!({"Rule": "r", "Targets": []})),
        ("PutTargets", json!({"Rule": "r", "Targets": six})),
        ("PutTargets", json!({"Rule": "r", "Targets": [{"Id": "t", "Arn": FUNCTION}, {"Id": "t", "Arn": FUNCTION}]})),
        ("PutTargets", target(json!({"Id": "a/b"}))),
        ("PutTargets", target(json!({"Arn": "f"}))),
        ("PutTargets", target(json!({"Arn": "arn:aws:sqs:eu-central-1:000000000000:q"}))),
        ("PutTargets", target(json!({"Arn": "arn:aws:lambda:us-east-1:000000000000:function:f"}))),
        ("PutTargets", target(json!({"Input": "{}", "InputPath": "$"}))),
        ("PutTargets", target(json!({"Input": "{x}"}))),
        ("PutTargets", target(json!({"InputPath": "$.a['b']"}))),
        ("PutTargets", transformer("{\"x\": <b>}")),
        ("PutTargets", transformer("[<aws.events.event.json>]")),
        ("PutTargets", transformer("hello <a>")),
        ("PutTargets", target(json!({"RetryPolicy": {"MaximumRetryAttempts": 186, "MaximumEventAgeInSeconds": 59}}))),
        ("PutTargets", target(json!({"DeadLetterConfig": {"Arn": "arn:aws:sns:eu-central-1:000000000000:t"}}))),
        ("PutTargets", target(json!({"DeadLetterConfig": {"Arn": "arn:aws:sqs:eu-central-1:000000000000:q.fifo"}}))),
        ("RemoveTargets", json!({"Rule": "missing", "Ids": ["t"]})),
        ("RemoveTargets", json!({"Rule": "r", "Ids": []})),
        ("ListTargetsByRule", json!({"Rule": "missing"})),
        ("TagResource", json!({"ResourceARN": "r", "Tags": []})),
        ("TagResource", json!({"ResourceARN": format!("{RULE}x"), "Tags": []})),
        ("ListTagsForResource", json!({"ResourceARN": "arn:aws:events:us-east-1:000000000000:rule/r"})),
        ("DescribeEventBus", json!({"Name": "custom"})),
        ("PutEvents", json!({"Entries": []})),
        ("PutEvents", json!({"Entries": [{"Source": "x", "DetailType": "y", "Detail": "x".repeat(1 << 20)}]})),
        ("TestEventPattern", json!({"EventPattern": "[]", "Event": "{}"})),
        ("TestEventPattern", json!({"EventPattern": "{\"a\": [1]}", "Event": "{\"id\": \"x\"}"})),
        ("CreateEventBus", json!({"Name": "custom"})),
    ] {
        let shown: String = body.to_string().chars().take(100).collect();
        answers += &format!("{operation} {shown}\n    {}\n", world.refusal(operation, body).await);
    }
    insta::assert_snapshot!(answers, @r##"
    PutRule {"ScheduleExpression":"rate(1 hour)"}
        ValidationException: 1 validation error detected: Value '' at 'name' failed to satisfy constraint: Member must have length greater than or equal to 1
    PutRule {"Name":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx","ScheduleExpression":"ra
        ValidationException: 2 validation errors detected: Value 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' at 'name' failed to satisfy constraint: Member must have length less than or equal to 64; Value 'ON' at 'state' failed to satisfy constraint: Member must satisfy enum value set: [ENABLED, DISABLED, ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS]
    PutRule {"Name":"a b","ScheduleExpression":"rate(1 hour)"}
        ValidationException: 1 validation error detected: Value 'a b' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: [\.\-_A-Za-z0-9]+
    PutRule {"Name":"a"}
        ValidationException: Parameter(s) EventPattern or ScheduleExpression must be specified.
    PutRule {"Name":"a","EventPattern":"{}"}
        ValidationException: Parameter(s) EventPattern or ScheduleExpression must be specified.
    PutRule {"Name":"a","ScheduleExpression":"rate(1 hours)"}
        ValidationException: Parameter ScheduleExpression is not valid.
    PutRule {"Name":"a","EventPattern":"{\"source\": \"aws.ec2\"}"}
        InvalidEventPatternException: Event pattern is not valid. Reason: "source" must be an object or an array
    PutRule {"Name":"a","EventPattern":"{\"a\": [\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
        ValidationException: Parameter EventPattern for rule a exceeds limit of 2048.
    PutRule {"Name":"a","ScheduleExpression":"rate(1 hour)","EventBusName":"custom"}
        ResourceNotFoundException: Event bus custom does not exist.
    PutRule {"Name":"a","ScheduleExpression":"rate(1 hour)","Tags":[{"Key":"aws:x","Value":""}]}
        ValidationException: Parameter Tags is not valid. Reason: the key aws:x begins with aws:, which is reserved.
    PutRule {"Name":"a","ScheduleExpression":"rate(1 hour)","Tags":[{"Key":"","Value":""}]}
        ValidationException: 1 validation error detected: Value '' at 'tags.1.member.key' failed to satisfy constraint: Member must have length greater than or equal to 1
    PutRule {"Name":5}
        SerializationException: invalid type: integer `5`, expected a string
    DescribeRule {"Name":"missing"}
        ResourceNotFoundException: Rule missing does not exist on EventBus default.
    EnableRule {"Name":"missing"}
        ResourceNotFoundException: Rule missing does not exist on EventBus default.
    DisableRule {"Name":"missing"}
        ResourceNotFoundException: Rule missing does not exist on EventBus default.
    ListRules {"Limit":0}
        ValidationException: 1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1
    ListRules {"Limit":101}
        ValidationException: 1 validation error detected: Value '101' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 100
    ListRules {"NextToken":"?"}
        ValidationException: Parameter NextToken is not valid.
    PutTargets {"Rule":"missing","Targets":[{"Id":"t","Arn":"arn:aws:lambda:eu-central-1:000000000000:function:f"}]
        ResourceNotFoundException: Rule missing does not exist on EventBus default.
    PutTargets {"Rule":"r","Targets":[]}
        ValidationException: 1 validation error detected: Value '[]' at 'targets' failed to satisfy constraint: Member must have length greater than or equal to 1
    PutTargets {"Rule":"r","Targets":[{"Id":"t0","Arn":"arn:aws:lambda:eu-central-1:000000000000:function:f"},{"Id"
        LimitExceededException: The requested resource exceeds the maximum number allowed.
    PutTargets {"Rule":"r","Targets":[{"Id":"t","Arn":"arn:aws:lambda:eu-central-1:000000000000:function:f"},{"Id":
        ValidationException: Parameter targets is not valid. Reason: More than one target with Id 't' is provided.
    PutTargets {"Rule":"r","Targets":[{"Id":"a/b","Arn":"arn:aws:lambda:eu-central-1:000000000000:function:f"}]}
        ValidationException: 1 validation error detected: Value 'a/b' at 'targets.1.member.id' failed to satisfy constraint: Member must satisfy regular expression pattern: [\.\-_A-Za-z0-9]+
    PutTargets {"Rule":"r","Targets":[{"Id":"t","Arn":"f"}]}
        ValidationException: Parameter f is not valid. Reason: Provided Arn is not in correct format.
    PutTargets {"Rule":"r","Targets":[{"Id":"t","Arn":"arn:aws:sqs:eu-central-1:000000000000:q"}]}
        ValidationException: Parameter arn:aws:sqs:eu-central-1:000000000000:q is not valid. Reason: The local cloud delivers to Lambda functions only.
    PutTargets {"Rule":"r","Targets":[{"Id":"t","Arn":"arn:aws:lambda:us-east-1:000000000000:function:f"}]}
        ValidationException: Parameter arn:aws:lambda:us-east-1:000000000000:function:f is not valid. Reason: The local cloud delivers to functions of the account 000000000000 in the rule's region eu-central-1 only.
    PutTargets {"Rule":"r","Targets":[{"Id":"t","Arn":"arn:aws:lambda:eu-central-1:000000000000:function:f","Input"
        ValidationException: Only one of Input, InputPath, or InputTransformer must be provided for target t.
    PutTargets {"Rule":"r","Targets":[{"Id":"t","Arn":"arn:aws:lambda:eu-central-1:000000000000:function:f","Input"
        ValidationException: JSON syntax error in input for target t.
    PutTargets {"Rule":"r","Targets":[{"Id":"t","Arn":"arn:aws:lambda:eu-central-1:000000000000:function:f","InputP
        ValidationException: InputPath for target t is invalid.
    PutTargets {"Rule":"r","Targets":[{"Id":"t","Arn":"arn:aws:lambda:eu-central-1:000000000000:function:f","InputT
        ValidationException: InputTemplate for target t contains invalid placeholder b.
    PutTargets {"Rule":"r","Targets":[{"Id":"t","Arn":"arn:aws:lambda:eu-central-1:000000000000:function:f","InputT
        ValidationException: InputTemplate for target t contains placeholder aws.events.event.json valid only for JSON template.
    PutTargets {"Rule":"r","Targets":[{"Id":"t","Arn":"arn:aws:lambda:eu-central-1:000000000000:function:f","InputT
        ValidationException: Invalid InputTemplate for target t : it is neither JSON nor a text in quotation marks.
    PutTargets {"Rule":"r","Targets":[{"Id":"t","Arn":"arn:aws:lambda:eu-central-1:000000000000:function:f","RetryP
        ValidationException: 2 validation errors detected: Value '186' at 'targets.1.member.retryPolicy.maximumRetryAttempts' failed to satisfy constraint: Member must have value less than or equal to 185; Value '59' at 'targets.1.member.retryPolicy.maximumEventAgeInSeconds' failed to satisfy constraint: Member must have value greater than or equal to 60
    PutTargets {"Rule":"r","Targets":[{"Id":"t","Arn":"arn:aws:lambda:eu-central-1:000000000000:function:f","DeadLe
        ValidationException: sns is not supported as a dead letter resource.
    PutTargets {"Rule":"r","Targets":[{"Id":"t","Arn":"arn:aws:lambda:eu-central-1:000000000000:function:f","DeadLe
        ValidationException: SQS FIFO is not supported by Dead Letter Queues.
    RemoveTargets {"Rule":"missing","Ids":["t"]}
        ResourceNotFoundException: Rule missing does not exist on EventBus default.
    RemoveTargets {"Rule":"r","Ids":[]}
        ValidationException: 1 validation error detected: Value '[]' at 'ids' failed to satisfy constraint: Member must have length greater than or equal to 1
    ListTargetsByRule {"Rule":"missing"}
        ResourceNotFoundException: Rule missing does not exist on EventBus default.
    TagResource {"ResourceARN":"r","Tags":[]}
        ValidationException: Parameter ResourceARN is not valid. Reason: Provided Arn is not in correct format.
    TagResource {"ResourceARN":"arn:aws:events:eu-central-1:000000000000:rule/rx","Tags":[]}
        ResourceNotFoundException: Rule rx does not exist on EventBus default.
    ListTagsForResource {"ResourceARN":"arn:aws:events:us-east-1:000000000000:rule/r"}
        ResourceNotFoundException: The local cloud has no rule with the ARN arn:aws:events:us-east-1:000000000000:rule/r.
    DescribeEventBus {"Name":"custom"}
        ResourceNotFoundException: Event bus custom does not exist.
    PutEvents {"Entries":[]}
        ValidationException: 1 validation error detected: Value '[]' at 'entries' failed to satisfy constraint: Member must have length greater than or equal to 1
    PutEvents {"Entries":[{"Source":"x","DetailType":"y","Detail":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
        ValidationException: Total size of the entries in the request is over the limit.
    TestEventPattern {"EventPattern":"[]","Event":"{}"}
        InvalidEventPatternException: Event pattern is not valid. Reason: Filter is not an object
    TestEventPattern {"EventPattern":"{\"a\": [1]}","Event":"{\"id\": \"x\"}"}
        ValidationException: Parameter Event is not valid. Reason: Event does not have a field account.
    CreateEventBus {"Name":"custom"}
        UnknownOperationException: The local cloud does not know the operation CreateEventBus
    "##);
    assert_eq!(world.ok("ListRules", json!({})).await["Rules"].as_array().unwrap().len(), 1);
    assert_eq!(world.ok("ListTargetsByRule", json!({"Rule": "r"})).await, json!({"Targets": []}));
}

#[tokio::test]
async fn a_bus_has_300_rules_and_shows_100_at_a_time() {
    let world = World::new();
    let put = |index: usize| json!({"Name": format!("rule-{index:03}"), "ScheduleExpression": "rate(1 hour)"});
    for index in 0..300 {
        world.ok("PutRule", put(index)).await;
    }
    let refusal = world.refusal("PutRule", put(300)).await;
    assert_eq!(refusal, "LimitExceededException: The requested resource exceeds the maximum number allowed.");
    world.ok("PutRule", put(7)).await;
    world.call_in("us-east-1", "PutRule", put(300)).await.unwrap();
    let (mut names, mut pages, mut input) = (Vec::new(), Vec::new(), json!({}));
    loop {
        let page = world.ok("ListRules", input).await;
        let rules = page["Rules"].as_array().unwrap().clone();
        pages.push(rules.len());
        names.extend(rules.into_iter().map(|rule| rule["Name"].as_str().unwrap().to_owned()));
        let Some(token) = page.get("NextToken") else { break };
        input = json!({"NextToken": token});
    }
    assert_eq!(pages, [100, 100, 100]);
    assert_eq!(names, (0..300).map(|index| format!("rule-{index:03}")).collect::<Vec<_>>());
    let some = world.ok("ListRules", json!({"NamePrefix": "rule-01", "Limit": 4})).await;
    assert_eq!((some["Rules"][3]["Name"].as_str(), some.get("NextToken").is_some()), (Some("rule-013"), true));
}

#[tokio::test]
async fn all_is_there_after_a_restart_and_what_was_deleted_is_not() {
    let world = World::new();
    world.rule(json!({"ScheduleExpression": "rate(5 minutes)", "Tags": [{"Key": "k", "Value": "v"}]})).await;
    world.ok("PutRule", json!({"Name": "gone", "EventPattern": r#"{"source": ["x"]}"#})).await;
    world.ok("DeleteRule", json!({"Name": "gone"})).await;
    world.ok("DisableRule", json!({"Name": "r"})).await;
    let again = Events::open(world.common.clone(), Arc::clone(&world.lambda) as Arc<dyn Functions>).unwrap();
    assert_eq!(again.lock().keys().collect::<Vec<_>>(), ["eu-central-1"]);
    let (before, after) = (world.events.lock()["eu-central-1"].clone(), again.lock()["eu-central-1"].clone());
    assert_eq!(before.keys().collect::<Vec<_>>(), ["r"]);
    assert_eq!(after["r"].record, before["r"].record);
    assert_eq!(after["r"].schedule, before["r"].schedule);
}

#[tokio::test]
async fn an_event_goes_to_the_rules_that_want_it() {
    let world = World::new();
    world.rule(json!({"EventPattern": r#"{"source": ["shop"], "detail": {"total": [{"numeric": [">", 10]}]}}"#})).await;
    let entry = |source: &str, detail: &str| json!({"Source": source, "DetailType": "order", "Detail": detail, "Time": 1_790_000_001.5, "Resources": ["a"]});
    let entries = json!({"Entries": [
        entry("shop", r#"{"total": 11}"#), entry("shop", r#"{"total": 9}"#), entry("shop", "11"), entry("aws.shop", "{}"),
        {"Source": "shop"}, {"Source": "shop", "DetailType": "x", "Detail": "{}", "EventBusName": "custom"}
    ]});
    let answer = world.ok("PutEvents", entries).await;
    assert_eq!(answer["FailedEntryCount"], 4);
    let codes: Vec<_> = answer["Entries"].as_array().unwrap().iter().map(|entry| entry["ErrorCode"].as_str().unwrap_or("-")).collect();
    assert_eq!(codes, ["-", "-", "MalformedDetail", "NotAuthorizedForSourceException", "InvalidArgument", "ResourceNotFoundException"]);
    let mut payloads = world.lambda.payloads();
    assert_eq!(payloads.len(), 1);
    assert_eq!(payloads[0]["id"].take(), answer["Entries"][0]["EventId"]);
    assert_eq!(
        payloads[0],
        json!({"version": "0", "id": null, "detail-type": "order", "source": "shop", "account": "000000000000",
            "time": "2026-09-21T14:13:21Z", "region": "eu-central-1", "resources": ["a"], "detail": {"total": 11}})
    );
    world.ok("DisableRule", json!({"Name": "r"})).await;
    world.ok("PutEvents", json!({"Entries": [entry("shop", r#"{"total": 11}"#)]})).await;
    assert_eq!(world.lambda.payloads(), [] as [Value; 0]);
}

#[tokio::test]
async fn a_pattern_can_be_tried_without_a_rule() {
    let world = World::new();
    let event = json!({"id": "1", "account": "2", "source": "x", "time": "t", "region": "r", "resources": [], "detail-type": "d"});
    for (source, result) in [("x", true), ("y", false)] {
        let pattern = json!({"source": [source]}).to_string();
        let answer = world.ok("TestEventPattern", json!({"EventPattern": pattern, "Event": event.to_string()})).await;
        assert_eq!(answer, json!({ "Result": result }));
    }
}

#[tokio::test]
async fn the_default_bus_is_the_only_one() {
    let world = World::new();
    let bus = json!({"Name": "default", "Arn": "arn:aws:events:eu-central-1:000000000000:event-bus/default"});
    assert_eq!(world.ok("DescribeEventBus", json!({})).await, bus);
    assert_eq!(world.ok("ListEventBuses", json!({"NamePrefix": "def"})).await, json!({"EventBuses": [bus]}));
    assert_eq!(world.ok("ListEventBuses", json!({"NamePrefix": "x"})).await, json!({"EventBuses": []}));
}

#[tokio::test]
async fn a_schedule_fires_in_its_time_with_the_scheduled_event() {
    let world = World::new();
    let ticker = world.tick();
    // The clock stands at 2026-09-21T14:13:20Z. The rule comes while the ticker already waits.
    settle().await;
    world.rule(json!({"ScheduleExpression": "cron(0/5 14 * * ? *)"})).await;
    assert_eq!(world.pass(99_999).await, [] as [Value; 0]);
    let mut payloads = world.pass(1).await;
    assert_eq!(payloads.len(), 1);
    assert_eq!(payloads[0]["id"].take().as_str().unwrap().len(), 36);
    assert_eq!(
        payloads[0],
        json!({"version": "0", "id": null, "detail-type": "Scheduled Event", "source": "aws.events", "account": "000000000000",
            "time": "2026-09-21T14:15:00Z", "region": "eu-central-1", "resources": [RULE], "detail": {}})
    );
    assert_eq!(world.pass(299_999).await, [] as [Value; 0]);
    assert_eq!(world.pass(1).await[0]["time"], "2026-09-21T14:20:00Z");
    ticker.abort();
}

#[tokio::test]
async fn a_rate_fires_one_period_after_its_rule_was_made_or_enabled() {
    let world = World::new();
    let ticker = world.tick();
    world.rule(json!({"ScheduleExpression": "rate(1 minute)"})).await;
    assert_eq!(world.pass(59_999).await.len(), 0);
    assert_eq!(world.pass(1).await.len(), 1);
    world.ok("DisableRule", json!({"Name": "r"})).await;
    assert_eq!(world.pass(90_000).await.len(), 0);
    world.ok("EnableRule", json!({"Name": "r"})).await;
    world.ok("EnableRule", json!({"Name": "r"})).await;
    assert_eq!(world.pass(59_999).await.len(), 0);
    assert_eq!(world.pass(1).await.len(), 1);
    // Put again with the same expression, it goes on as it was.
    assert_eq!(world.pass(30_000).await.len(), 0);
    world.ok("PutRule", json!({"Name": "r", "ScheduleExpression": "rate(1 minute)"})).await;
    assert_eq!(world.pass(30_000).await.len(), 1);
    ticker.abort();
}

#[tokio::test]
async fn without_a_permission_for_the_very_rule_nothing_is_invoked() {
    let world = World::new();
    let ticker = world.tick();
    world.ok("PutRule", json!({"Name": "r", "ScheduleExpression": "rate(1 minute)"})).await;
    world.ok("PutTargets", json!({"Rule": "r", "Targets": [{"Id": "t", "Arn": FUNCTION}]})).await;
    world.lambda.allow(FUNCTION, &format!("{RULE}x"));
    world.lambda.allow(&format!("{FUNCTION}x"), RULE);
    assert_eq!(world.pass(60_000).await.len(), 0);
    world.lambda.allow(FUNCTION, RULE);
    assert_eq!(world.pass(60_000).await.len(), 1);
    ticker.abort();
}

#[tokio::test]
async fn what_was_missed_is_not_made_up_for() {
    let world = World::new();
    world.rule(json!({"ScheduleExpression": "rate(1 minute)"})).await;
    // The cloud is down for 10 minutes and a half.
    world.clock.advance(630_000);
    let ticker = world.tick();
    assert_eq!(world.pass(0).await.len(), 0);
    assert_eq!(world.pass(30_000).await.len(), 1);
    // The machine sleeps over 60 firings, and wakes up 10 s after one of them.
    assert_eq!(world.pass(3_610_000).await.len(), 1);
    assert_eq!(world.pass(50_000).await.len(), 1);
    // The clock is set back: nothing fires twice, and an hour back the rate goes on.
    assert_eq!(world.pass(-30_000).await.len(), 0);
    assert_eq!(world.pass(30_000).await.len(), 0);
    assert_eq!(world.pass(60_000).await.len(), 1);
    ticker.abort();
}

#[tokio::test]
async fn each_target_gets_what_it_asks_for() {
    let world = World::new();
    let ticker = world.tick();
    world.rule(json!({"ScheduleExpression": "rate(1 minute)"})).await;
    let targets = json!([
        {"Id": "1", "Arn": FUNCTION, "Input": "{\"fixed\": true}"},
        {"Id": "2", "Arn": FUNCTION, "InputPath": "$.source"},
        {"Id": "3", "Arn": FUNCTION, "InputTransformer": {"InputPathsMap": {"t": "$.time"}, "InputTemplate": "{\"at\": <t>, \"by\": <aws.events.rule-name>}"}}
    ]);
    world.ok("RemoveTargets", json!({"Rule": "r", "Ids": ["t"]})).await;
    world.ok("PutTargets", json!({"Rule": "r", "Targets": targets})).await;
    let payloads = world.pass(60_000).await;
    assert_eq!(payloads, [json!({"fixed": true}), json!("aws.events"), json!({"at": "2026-09-21T14:14:20Z", "by": "r"})]);
    ticker.abort();
}

#[tokio::test]
async fn an_entry_that_lambda_could_not_queue_has_failed() {
    let world = World::new();
    world.rule(json!({"EventPattern": r#"{"source": ["x"]}"#})).await;
    let entries =
        json!({"Entries": [{"Source": "x", "DetailType": "y", "Detail": "{}"}, {"Source": "z", "DetailType": "y", "Detail": "{}"}]});
    for (name, failed) in [("gone", 0), ("unsaved", 1)] {
        let function = format!("arn:aws:lambda:eu-central-1:000000000000:function:{name}");
        world.ok("PutTargets", json!({"Rule": "r", "Targets": [{"Id": name, "Arn": function}]})).await;
        world.lambda.allow(&function, RULE);
        let answer = world.ok("PutEvents", entries.clone()).await;
        assert_eq!(answer["FailedEntryCount"], failed, "{name}: {answer}");
        assert!(answer["Entries"][1]["EventId"].is_string());
        let first = &answer["Entries"][0];
        assert_eq!(first["ErrorCode"].as_str(), (failed == 1).then_some("InternalFailure"));
    }
    assert_eq!(world.lambda.payloads().len(), 2, "the other target got both");
}

//! Plans are read and judged, decisions fall the same however requests are ordered, answers are rewritten.

use super::answers::{AFTER_THE_EMPTY_PAGE, empty_page, rewritten, without_first_entry, without_token};
use super::decide::{Instead, Refusal, Then, Verdict, decide};
use super::facts::Facts;
use super::memory::{Change, Memory};
use super::plan::Plan;
use super::table::TABLE;
use axum::http::Request;
use serde_json::{Value, json};

fn plan(text: &str) -> Plan {
    Plan::parse(text).unwrap()
}

fn facts(service: &str, operation: &str, resource: &str) -> Facts {
    Facts { service: service.into(), operation: operation.into(), resource: resource.into(), ..Facts::default() }
}

/// What happens to requests of an operation, one after the other: `x` for those that are refused.
fn fates(plan: &Plan, requests: &[(&str, &str)]) -> String {
    let mut memory = Memory::new(0, plan.rules.len());
    let fate = |(operation, resource): &(&str, &str)| {
        let verdict = decide(plan, &mut memory, &facts("lambda", operation, resource), 0);
        if verdict.instead.is_some() { 'x' } else { '.' }
    };
    requests.iter().map(fate).collect()
}

fn wrong(text: &str) -> String {
    Plan::parse(text).unwrap_err().to_string()
}

#[test]
fn what_is_wrong_with_a_plan_is_said_all_at_once() {
    let text = r#"
        seed = 1
        [[rule]]
        fault = "trottle"
        [[rule]]
        fault = "throttle"
        operation = "CreateFunctio"
        probability = 1.5
        for_ms = 3
        [[rule]]
        fault = "refuse"
        status = 200
        [[rule]]
        fault = "late_reads"
        service = "lamda"
        for_ms = [5, 2]
        from_ms = 9
        until_ms = 9
        [[rule]]
        fault = "failed_entries"
        operation = "PutRule"
        [[rule]]
        fault = "quotas"
        rate_percent = 0
    "#;
    insta::assert_snapshot!(wrong(text), @r"
    rule 1: there is no fault `trottle`; did you mean `throttle`?
    rule 2 (`throttle`): it takes no `for_ms`
    rule 2 (`throttle`): `probability` is 1.5, and must be between 0 and 1
    rule 2 (`throttle`): `operation`: there is no operation `CreateFunctio`; did you mean `CreateFunction`?
    rule 3 (`refuse`): it needs `code`
    rule 3 (`refuse`): `status` is 200, and must be one of a refusal, 400 to 599
    rule 4 (`late_reads`): `for_ms` is [5, 2], and the first must not be the larger one
    rule 4 (`late_reads`): `from_ms` is 9 and `until_ms` 9, which leaves no time between them
    rule 4 (`late_reads`): there is no service `lamda`; did you mean `lambda`?
    rule 5 (`failed_entries`): it cannot be put on what the rule selects, but on `events`: PutTargets, RemoveTargets
    rule 6 (`quotas`): `rate_percent` is 0, and nothing would ever pass
    ");
    assert!(wrong("[[rule]]\nfault = \"cut\"\ncuont = 1\n").contains("unknown field `cuont`, expected one of `fault`"));
    assert!(wrong("{\"rule\": [").contains("EOF while parsing"));
}

#[test]
fn the_same_plan_is_read_from_toml_and_json() {
    let toml = plan("seed = 3\n[[rule]]\nfault = \"cut\"\nservice = \"s3\"\nprobability = 0.5\n");
    assert_eq!(toml, plan(r#"{"seed": 3, "rule": [{"fault": "cut", "service": "s3", "probability": 0.5}]}"#));
}

#[test]
fn every_fault_stands_in_the_document_with_what_it_takes() {
    let document = include_str!("../../../docs/faults.md");
    for row in TABLE {
        let line = document.lines().find(|line| line.starts_with(&format!("| `{}` |", row.name)));
        let line = line.unwrap_or_else(|| panic!("`{}` is not in docs/faults.md", row.name));
        for key in row.keys {
            assert!(line.contains(&format!("`{key}`")), "`{}` takes `{key}`: {line}", row.name);
        }
        let lasting = row.for_ms.map(|for_ms| format!("| {for_ms} |")).unwrap_or_else(|| "| – |".into());
        assert!(line.contains(&lasting), "`{}` lasts {lasting}: {line}", row.name);
    }
    let example = document.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    assert!(!plan(example).rules.is_empty());
}

#[test]
fn rules_count_for_each_resource_and_in_all() {
    let three = [("GetPolicy", "a"), ("GetPolicy", "a"), ("GetPolicy", "a"), ("GetPolicy", "b"), ("ListTags", "a")];
    let fates = |more: &str| fates(&plan(&format!("[[rule]]\nfault = \"throttle\"\n{more}")), &three);
    assert_eq!(fates("count = 1"), "x..xx");
    assert_eq!(fates("skip = 1"), ".xx..");
    assert_eq!(fates("skip = 1\ncount = 1"), ".x...");
    assert_eq!(fates("total = 2"), "xx...");
    assert_eq!(fates("operation = \"Get*\"\nresource = \"b\""), "...x.");
    assert_eq!(fates("after = \"ListTags\""), ".....");
    assert_eq!(fates("after = \"GetPolicy\""), ".xxxx");
    assert_eq!(fates("until_ms = 0\nfrom_ms = -1"), ".....");
    assert_eq!(fates("probability = 0.0"), ".....");
}

#[test]
fn chance_is_the_same_in_whatever_order_requests_come() {
    let plan = |seed: u64| plan(&format!("seed = {seed}\n[[rule]]\nfault = \"throttle\"\nprobability = 0.5"));
    let names: Vec<String> = (0..40).map(|number| format!("f{number}")).collect();
    let requests: Vec<(&str, &str)> = names.iter().map(|name| ("GetPolicy", name.as_str())).collect();
    let forward = fates(&plan(7), &requests);
    let backward = fates(&plan(7), &requests.iter().rev().copied().collect::<Vec<_>>());
    assert_eq!(forward, backward.chars().rev().collect::<String>());
    let hits = forward.matches('x').count();
    assert!((10..=30).contains(&hits), "{forward}");
    assert_ne!(forward, fates(&plan(8), &requests));
}

#[test]
fn lengths_of_chance_lie_between_their_bounds_and_stay() {
    let plan = plan("seed = 1\n[[rule]]\nfault = \"role_not_assumable\"\nfor_ms = [3000, 20000]");
    let mut memory = Memory::new(0, 1);
    let mut lengths = Vec::new();
    for number in 0..8 {
        let role = format!("r{number}");
        memory.remember(&facts("iam", "CreateRole", &role), Change::Made, 0);
        let create = Facts { role: Some(role), ..facts("lambda", "CreateFunction", "f") };
        let is_early = |memory: &mut Memory, at_ms| decide(&plan, memory, &create, at_ms).instead.is_some();
        assert!(is_early(&mut memory, 2_999) && !is_early(&mut memory, 20_000));
        lengths.push((3_000..20_000).step_by(100).filter(|at_ms| is_early(&mut memory, *at_ms)).count());
    }
    lengths.dedup();
    assert!(lengths.len() > 4, "{lengths:?}");
    let foreign = Facts { role: Some("foreign".into()), ..facts("lambda", "CreateFunction", "f") };
    assert_eq!(decide(&plan, &mut memory, &foreign, 0), Verdict::default());
}

#[test]
fn quotas_let_a_seconds_worth_through_and_then_their_rate() {
    let plan = plan("[[rule]]\nfault = \"quotas\"");
    let mut memory = Memory::new(0, 1);
    let mut passed = |service: &str, operation: &str, at_ms: i64| {
        (0..200).take_while(|_| decide(&plan, &mut memory, &facts(service, operation, "x"), at_ms).instead.is_none()).count()
    };
    assert_eq!((passed("lambda", "CreateFunction", 0), passed("lambda", "ListTags", 0), passed("lambda", "GetFunction", 0)), (15, 0, 100));
    assert_eq!((passed("logs", "PutRetentionPolicy", 0), passed("logs", "CreateLogGroup", 0)), (5, 10));
    assert_eq!((passed("lambda", "CreateFunction", 200), passed("events", "PutRule", 0), passed("events", "PutEvents", 0)), (3, 50, 200));
}

#[test]
fn a_function_is_pending_then_busy_then_on_its_way_out() {
    let plan = plan("[[rule]]\nfault = \"update_in_progress\"\n[[rule]]\nfault = \"function_deleting\"");
    let mut memory = Memory::new(0, 2);
    let refused = |refusal| Some(Instead::Refuse(refusal));
    let at = |memory: &mut Memory, operation: &str, at_ms| decide(&plan, memory, &facts("lambda", operation, "f"), at_ms);
    let pending = Then::State { state: "Pending", is_update: false };
    assert_eq!(at(&mut memory, "CreateFunction", 0).then, std::slice::from_ref(&pending));
    memory.remember(&facts("lambda", "CreateFunction", "f"), Change::Made, 0);
    assert_eq!(at(&mut memory, "GetFunction", 1_999).then, [pending]);
    assert_eq!(at(&mut memory, "AddPermission", 1_999).instead, refused(Refusal::InState("Pending")));
    assert_eq!(at(&mut memory, "AddPermission", 2_000), Verdict::default());
    memory.remember(&facts("lambda", "UpdateFunctionCode", "f"), Change::Changed, 3_000);
    assert_eq!(at(&mut memory, "UpdateFunctionConfiguration", 4_000).instead, refused(Refusal::Conflict));
    assert_eq!(at(&mut memory, "GetFunction", 4_000).then, [Then::State { state: "InProgress", is_update: true }]);
    memory.remember(&facts("lambda", "DeleteFunction", "f"), Change::Deleted(Some(json!({ "Configuration": {} }))), 6_000);
    assert!(matches!(at(&mut memory, "GetFunction", 10_999).instead, Some(Instead::Ghost(_))));
    assert_eq!(at(&mut memory, "CreateFunction", 10_999).instead, refused(Refusal::InState("Deleting")));
    assert_eq!(at(&mut memory, "GetFunction", 11_000), Verdict::default());
}

#[test]
fn requests_of_every_protocol_are_recognised() {
    let of = |service: &str, method: &str, path: &str, target: &str, body: &str| {
        let signed = format!("AWS4-HMAC-SHA256 Credential=AKID/20261122/eu-central-1/{service}/aws4_request");
        let request = Request::builder().method(method).uri(path).header("authorization", signed).header("x-amz-target", target);
        let facts = Facts::of(&request.body(()).unwrap().into_parts().0, body.as_bytes());
        format!("{}:{} {}", facts.service, facts.operation, facts.resource)
    };
    let create = r#"{"FunctionName":"demo-a","Role":"arn:aws:iam::1:role/lambdo/demo/demo-a"}"#;
    assert_eq!(of("lambda", "POST", "/2015-03-31/functions", "", create), "lambda:CreateFunction demo-a");
    assert_eq!(of("lambda", "DELETE", "/2015-03-31/functions/demo-a/policy/x", "", ""), "lambda:RemovePermission demo-a");
    let arn = "arn%3Aaws%3Alambda%3Aeu-central-1%3A000000000000%3Afunction%3Ademo-a";
    assert_eq!(of("lambda", "POST", &format!("/2017-03-31/tags/{arn}"), "", ""), "lambda:TagResource demo-a");
    assert_eq!(of("iam", "POST", "/", "", "Action=GetRole&RoleName=r"), "iam:GetRole r");
    let group = r#"{"resourceArn":"arn:aws:logs:eu-central-1:000000000000:log-group:/aws/lambda/x:*"}"#;
    assert_eq!(of("logs", "POST", "/", "Logs_20140328.TagResource", group), "logs:TagResource /aws/lambda/x");
    assert_eq!(of("events", "POST", "/", "AWSEvents.PutTargets", r#"{"Rule":"r"}"#), "events:PutTargets r");
    let rule = r#"{"ResourceARN":"arn:aws:events:eu-central-1:000000000000:rule/demo-r"}"#;
    assert_eq!(of("events", "POST", "/", "AWSEvents.TagResource", rule), "events:TagResource demo-r");
    assert_eq!(of("s3", "PUT", "/bucket/a/b?uploadId=1&partNumber=2", "", ""), "s3:UploadPart bucket/a/b");
}

const ROLES: &str = "<R><RoleDetailList><member><RoleName>old</RoleName><Arn>arn:aws:iam::1:role/old</Arn><Tags><member><Key>a</Key></member></Tags></member>\
    <member><RoleName>New</RoleName><Arn>arn:aws:iam::1:role/p/New</Arn><Tags><member><Key>b</Key></member></Tags></member></RoleDetailList></R>";

#[test]
fn lists_do_not_show_what_was_just_made() {
    let answer = rewritten(&facts("iam", "GetAccountAuthorizationDetails", ""), &Then::Leave(vec!["new".into()]), ROLES);
    assert!(answer.contains("<RoleName>old</RoleName>") && !answer.contains("New") && answer.ends_with("</member></RoleDetailList></R>"));
    let groups = json!({ "logGroups": [{ "logGroupName": "/a" }, { "logGroupName": "/b" }] }).to_string();
    let answer = rewritten(&facts("logs", "DescribeLogGroups", ""), &Then::Leave(vec!["/b".into()]), &groups);
    assert_eq!(answer, json!({ "logGroups": [{ "logGroupName": "/a" }] }).to_string());
}

#[test]
fn a_fresh_role_has_its_id_in_the_place_of_its_arn() {
    let answer = rewritten(&facts("iam", "GetRole", "new"), &Then::RoleIds(vec!["new".into()]), ROLES);
    assert!(answer.contains("<Arn>arn:aws:iam::1:role/old</Arn>") && answer.contains("<Arn>AROA") && !answer.contains("role/p/New"));
}

#[test]
fn policies_come_in_another_spelling() {
    let document =
        json!({ "Statement": [{ "Action": "a", "Principal": { "AWS": "123456789012" } }, { "Action": ["b"], "Resource": "*" }] });
    let body = format!("<PolicyDocument>{}</PolicyDocument>", super::super::iam::NAMESPACE.len());
    assert_eq!(rewritten(&facts("iam", "GetRole", ""), &Then::Respell, &body), body, "what is no document stays as it is");
    let answer = rewritten(&facts("lambda", "GetPolicy", "f"), &Then::Respell, &json!({ "Policy": document.to_string() }).to_string());
    let answer: Value = serde_json::from_str(&answer).unwrap();
    let policy: Value = serde_json::from_str(answer["Policy"].as_str().unwrap()).unwrap();
    let expected =
        json!([{ "Action": "b", "Resource": ["*"] }, { "Action": ["a"], "Principal": { "AWS": ["arn:aws:iam::123456789012:root"] } }]);
    assert_eq!(policy["Statement"], expected);
    let encoded = "<AssumeRolePolicyDocument>%7B%22Statement%22%3A%7B%22Action%22%3A%22x%22%7D%7D</AssumeRolePolicyDocument>";
    let answer = rewritten(&facts("iam", "GetRole", "r"), &Then::Respell, encoded);
    assert!(answer.contains("%22Action%22%3A%5B%22x%22%5D"), "{answer}");
}

#[test]
fn the_page_behind_the_empty_one_is_the_first() {
    let page: Value = serde_json::from_str(&empty_page(&facts("logs", "DescribeLogGroups", ""))).unwrap();
    assert_eq!(page, json!({ "logGroups": [], "nextToken": AFTER_THE_EMPTY_PAGE }));
    assert_eq!(without_token(&facts("iam", "ListRoles", ""), b"Action=ListRoles&Marker=x&MaxItems=3"), b"Action=ListRoles&MaxItems=3");
    assert_eq!(without_token(&facts("events", "ListRules", ""), br#"{"NextToken":"x","Limit":3}"#), br#"{"Limit":3}"#);
}

#[test]
fn one_entry_fails_and_the_others_go_through() {
    let (id, rest) = without_first_entry("PutTargets", br#"{"Rule":"r","Targets":[{"Id":"a"},{"Id":"b"}]}"#);
    assert_eq!((id.as_deref(), rest.as_deref()), (Some("a"), Some(&br#"{"Rule":"r","Targets":[{"Id":"b"}]}"#[..])));
    assert_eq!(without_first_entry("RemoveTargets", br#"{"Rule":"r","Ids":["a"]}"#), (Some("a".into()), None));
}

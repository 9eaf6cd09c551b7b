use super::*;
use serde_json::json;

fn event() -> Value {
    json!({
        "version": "0",
        "source": "aws.ec2",
        "time": "2015-11-11T21:29:54Z",
        "resources": ["arn:aws:ec2:us-east-1:123456789012:instance/i-abcd1111", "second"],
        "detail": {"instance-id": "i-0123456789", "state": "RUNNING", "count": 5, "said": "a \"b\"\n", "tags": [{"k": "x"}, {"k": "y"}]}
    })
}

fn origin() -> Origin<'static> {
    Origin { rule_arn: "arn:aws:events:us-east-2:123456789012:rule/example", rule_name: "example", ingestion_time: "2015-11-11T21:29:55Z" }
}

fn given(template: &str) -> String {
    let paths = [
        ("instance", "$.detail.instance-id"),
        ("state", "$.detail.state"),
        ("count", "$.detail.count"),
        ("said", "$.detail.said"),
        ("tags", "$.detail.tags[*].k"),
        ("second", "$.resources[1]"),
        ("missing", "$.detail.missing.deeper"),
    ];
    let input_paths_map = paths.into_iter().map(|(name, path)| (name.to_owned(), path.to_owned())).collect();
    let input_transformer = Some(InputTransformer { input_paths_map, input_template: template.to_owned() });
    payload(&Target { input_transformer, ..Target::default() }, &event(), origin())
}

#[test]
fn templates_are_filled_in_as_the_documentation_shows() {
    for (template, expected) in [
        (r#""instance <instance> is in <state>""#, r#""instance i-0123456789 is in RUNNING""#),
        (r#""instance \"<instance>\" is in <state>""#, r#""instance \"i-0123456789\" is in RUNNING""#),
        ("{\n \"instance\" : <instance>,\n \"state\": <state>\n}", r#"{"instance":"i-0123456789","state":"RUNNING"}"#),
        (r#"{"state": "<state>", "said": "it is \"<state>\""}"#, r#"{"state":"RUNNING","said":"it is \"RUNNING\""}"#),
        (r#"{"state": [9, <state>, true], "t": "Yes"}"#, r#"{"state":[9,"RUNNING",true],"t":"Yes"}"#),
        (r#""<aws.events.rule-name> triggered""#, r#""example triggered""#),
        (r#"{"a": <aws.events.rule-arn>}"#, r#"{"a":"arn:aws:events:us-east-2:123456789012:rule/example"}"#),
        (r#"{"at": "<aws.events.event.ingestion-time>"}"#, r#"{"at":"2015-11-11T21:29:55Z"}"#),
        // Values that are not texts, and texts that need escapes.
        (r#"{"n": <count>, "t": "<count>", "l": <tags>}"#, r#"{"n":5,"t":"5","l":["x","y"]}"#),
        (r#"{"s": <said>, "t": "<said>"}"#, r#"{"s":"a \"b\"\n","t":"a \"b\"\n"}"#),
        (r#"{"s": "<tags>"}"#, r#"{"s":"[\"x\",\"y\"]"}"#),
        (r#"{"second": <second>}"#, r#"{"second":"second"}"#),
        // What the event lacks.
        (r#"{"m": <missing>, "t": "<missing>!"}"#, r#"{"m":"","t":"!"}"#),
        // No placeholder at all.
        (r#"{"less": "1 < 2", "more": "2 > 1"}"#, r#"{"less":"1 < 2","more":"2 > 1"}"#),
    ] {
        assert_eq!(given(template), expected, "{template}");
    }
}

#[test]
fn the_whole_event_can_stand_in_a_template() {
    let whole: Value = serde_json::from_str(&given(r#"{"e": <aws.events.event.json>, "p": <aws.events.event>}"#)).unwrap();
    assert_eq!(whole["e"], event());
    assert_eq!(whole["p"]["source"], "aws.ec2");
    assert_eq!(whole["p"].get("detail"), None);
}

#[test]
fn a_target_without_wishes_gets_the_event_and_others_what_they_ask_for() {
    let target = Target::default();
    assert_eq!(payload(&target, &event(), origin()), event().to_string());
    let fixed = Target { input: Some("{ \"as\": \"written\" }".into()), ..Target::default() };
    assert_eq!(payload(&fixed, &event(), origin()), "{ \"as\": \"written\" }");
    for (path, expected) in [
        ("$", event()),
        ("$.detail.state", json!("RUNNING")),
        ("$.resources[0]", json!("arn:aws:ec2:us-east-1:123456789012:instance/i-abcd1111")),
        ("$.detail.tags[1].k", json!("y")),
        ("$.detail.tags.*.k", json!(["x", "y"])),
        ("$.nothing", Value::Null),
    ] {
        let target = Target { input_path: Some(path.into()), ..Target::default() };
        assert_eq!(payload(&target, &event(), origin()), expected.to_string(), "{path}");
    }
}

#[test]
fn paths_without_a_root_or_with_quotes_are_none() {
    for path in ["", "detail", "x.$", "$detail", "$.", "$..a", "$.a.", "$.detail['a']", "$.detail[\"a\"]", "$.a[", "$.a[-1]", "$.a[x]"] {
        assert_eq!(Path::parse(path), None, "{path}");
    }
}

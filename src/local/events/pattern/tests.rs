use super::*;
use proptest::prelude::*;
use serde_json::json;

fn matches(pattern: &Value, event: &Value) -> bool {
    Pattern::parse(&pattern.to_string()).unwrap().matches(event)
}

/// The sample of AWS's documentation.
fn instance_event() -> Value {
    json!({
        "version": "0",
        "id": "3e3c153a-8339-4e30-8c35-687ebef853fe",
        "detail-type": "EC2 Instance Launch Successful",
        "source": "aws.autoscaling",
        "account": "123456789012",
        "time": "2017-10-02T21:41:54Z",
        "region": "us-east-1",
        "resources": [
            "arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup:eb56d16b:autoScalingGroupName/ASG",
            "arn:aws:ec2:us-east-1:123456789012:instance/i-b188560f"
        ],
        "detail": {
            "eventVersion": "",
            "responseElements": null,
            "state": "running",
            "c-count": 5,
            "d-count": 3,
            "x-limit": 301.8,
            "source-ip": "10.0.0.33",
            "v6": "2001:db8::17",
            "file": "dir/pictures/cat.png",
            "ok": true,
            "tags": []
        }
    })
}

#[test]
fn the_examples_of_the_documentation_match_as_it_says() {
    let event = instance_event();
    for (pattern, expected) in [
        (json!({"source": ["aws.ec2", "aws.autoscaling"]}), true),
        (json!({"source": ["aws.ec2"]}), false),
        (json!({"source": ["aws.autoscaling"], "region": ["eu-central-1"]}), false),
        // An array in the event: the two must have something in common.
        (json!({"resources": ["arn:aws:ec2:us-east-1:123456789012:instance/i-b188560f", "else"]}), true),
        (json!({"resources": ["else"]}), false),
        (json!({"resources": [{"prefix": "arn:aws:ec2:"}]}), true),
        // Empty texts and null are values.
        (json!({"detail": {"eventVersion": [""]}}), true),
        (json!({"detail": {"responseElements": [null]}}), true),
        (json!({"detail": {"responseElements": [""]}}), false),
        (json!({"detail": {"missing": [null]}}), false),
        (json!({"detail": {"ok": [true]}}), true),
        (json!({"detail": {"ok": ["true"]}}), false),
        (json!({"time": [{"prefix": "2017-10-02"}]}), true),
        (json!({"source": [{"prefix": {"equals-ignore-case": "AWS.AUTO"}}]}), true),
        (json!({"source": [{"prefix": "AWS.AUTO"}]}), false),
        (json!({"detail": {"file": [{"suffix": ".png"}]}}), true),
        (json!({"detail": {"file": [{"suffix": {"equals-ignore-case": ".PNG"}}]}}), true),
        (json!({"detail": {"file": [{"suffix": ".PNG"}]}}), false),
        (json!({"detail-type": [{"equals-ignore-case": "ec2 instance launch successful"}]}), true),
        (json!({"detail": {"file": [{"wildcard": "dir/*.png"}]}}), true),
        (json!({"detail": {"file": [{"wildcard": "*/pictures/*"}]}}), true),
        (json!({"detail": {"file": [{"wildcard": "dir/*.jpg"}]}}), false),
        (json!({"detail": {"state": [{"anything-but": "initializing"}]}}), true),
        (json!({"detail": {"state": [{"anything-but": ["stopped", "running"]}]}}), false),
        (json!({"detail": {"c-count": [{"anything-but": 123}]}}), true),
        (json!({"detail": {"c-count": [{"anything-but": [4, 5.0]}]}}), false),
        (json!({"detail": {"state": [{"anything-but": {"prefix": "init"}}]}}), true),
        (json!({"detail": {"state": [{"anything-but": {"prefix": ["init", "run"]}}]}}), false),
        (json!({"detail": {"file": [{"anything-but": {"suffix": ".png"}}]}}), false),
        (json!({"detail": {"file": [{"anything-but": {"suffix": [".txt", ".rtf"]}}]}}), true),
        (json!({"detail": {"file": [{"anything-but": {"wildcard": "*/lib/*"}}]}}), true),
        (json!({"detail": {"file": [{"anything-but": {"wildcard": ["*/lib/*", "*/pictures/*"]}}]}}), false),
        (json!({"detail": {"state": [{"anything-but": {"equals-ignore-case": "RUNNING"}}]}}), false),
        (json!({"detail": {"state": [{"anything-but": {"equals-ignore-case": ["initializing", "stopped"]}}]}}), true),
        (json!({"detail": {"missing": [{"anything-but": "x"}]}}), false),
        // Other types are anything but that text.
        (json!({"detail": {"c-count": [{"anything-but": "5"}]}}), true),
        (json!({"detail": {"c-count": [{"numeric": [">", 0, "<=", 5]}]}}), true),
        (json!({"detail": {"c-count": [{"numeric": [">", 5]}]}}), false),
        (json!({"detail": {"c-count": [{"numeric": [">=", 5]}]}}), true),
        (json!({"detail": {"d-count": [{"numeric": ["<", 10]}]}}), true),
        (json!({"detail": {"d-count": [{"numeric": ["<=", 2.999]}]}}), false),
        (json!({"detail": {"x-limit": [{"numeric": ["=", 3.018e2]}]}}), true),
        (json!({"detail": {"state": [{"numeric": ["=", 5]}]}}), false),
        (json!({"detail": {"c-count": [5.0]}}), true),
        (json!({"detail": {"c-count": ["5"]}}), false),
        (json!({"detail": {"source-ip": [{"cidr": "10.0.0.0/24"}]}}), true),
        (json!({"detail": {"source-ip": [{"cidr": "10.0.1.0/24"}]}}), false),
        (json!({"detail": {"source-ip": [{"cidr": "0.0.0.0/0"}]}}), true),
        (json!({"detail": {"v6": [{"cidr": "2001:db8::/32"}]}}), true),
        (json!({"detail": {"v6": [{"cidr": "2001:db9::/32"}]}}), false),
        (json!({"detail": {"v6": [{"cidr": "0.0.0.0/0"}]}}), false),
        (json!({"detail": {"state": [{"cidr": "10.0.0.0/24"}]}}), false),
        (json!({"detail": {"state": [{"exists": true}]}}), true),
        (json!({"detail": {"state": [{"exists": false}]}}), false),
        (json!({"detail": {"missing": [{"exists": false}]}}), true),
        (json!({"detail": {"missing": [{"exists": true}]}}), false),
        (json!({"missing": {"deeper": [{"exists": false}]}}), true),
        (json!({"missing": {"deeper": [{"exists": true}]}}), false),
        // Only leaves exist.
        (json!({"detail": [{"exists": true}]}), false),
        (json!({"detail": [{"exists": false}]}), true),
        (json!({"detail": {"tags": [{"exists": true}]}}), false),
        (json!({"detail": {"state": [{"exists": false}, "running"]}}), true),
        (json!({"$or": [{"source": ["x"]}, {"region": ["us-east-1"]}]}), true),
        (json!({"$or": [{"source": ["x"]}, {"region": ["y"]}]}), false),
        (json!({"detail": {"$or": [{"c-count": [{"numeric": [">", 9]}]}, {"d-count": [3]}]}}), true),
        (json!({"source": ["x"], "$or": [{"region": ["us-east-1"]}, {"region": ["y"]}]}), false),
        (json!({"source": ["aws.autoscaling"], "$or": [{"detail": {"state": ["running"]}}, {"region": ["y"]}]}), true),
        (json!({"detail": {"state": {"deeper": ["running"]}}}), false),
    ] {
        assert_eq!(matches(&pattern, &event), expected, "{pattern}");
    }
}

#[test]
fn one_element_of_an_array_of_objects_must_match_as_a_whole() {
    let event = json!({"detail": {"items": [{"name": "a", "size": 1}, {"name": "b", "size": 2, "kind": "x"}], "deep": [[{"n": [7]}]]}});
    for (pattern, expected) in [
        (json!({"detail": {"items": {"name": ["a"], "size": [1]}}}), true),
        (json!({"detail": {"items": {"name": ["a"], "size": [2]}}}), false),
        (json!({"detail": {"items": {"kind": ["x"]}}}), true),
        // A field is absent only where no element has it.
        (json!({"detail": {"items": {"kind": [{"exists": false}]}}}), false),
        (json!({"detail": {"items": {"colour": [{"exists": false}]}}}), true),
        (json!({"detail": {"deep": {"n": [7]}}}), true),
    ] {
        assert_eq!(matches(&pattern, &event), expected, "{pattern}");
    }
}

#[test]
fn numbers_too_large_to_compare_are_equal_only_as_written() {
    let event = json!({"account": 123_456_789_012_u64, "n": 5_000_000_001_u64});
    assert!(matches(&json!({"account": [123_456_789_012_u64]}), &event));
    assert!(!matches(&json!({"account": [123_456_789_013_u64]}), &event));
    assert!(!matches(&json!({"n": [{"numeric": [">", 0]}]}), &event));
}

#[test]
fn wildcards_can_be_escaped() {
    for (wildcard, text, expected) in [
        ("*", "", true),
        ("a*", "a", true),
        ("*b*", "aabaa", true),
        ("a*b*c", "a-b-b-c-c", true),
        ("a*bc", "abcbd", false),
        (r"a\*b", "a*b", true),
        (r"a\*b", "axb", false),
        (r"a\\*", r"a\x", true),
        ("", "", true),
        ("", "a", false),
    ] {
        assert_eq!(matches(&json!({"x": [{"wildcard": wildcard}]}), &json!({"x": text})), expected, "{wildcard} {text}");
    }
}

#[test]
fn malformed_patterns_are_refused_in_the_words_of_aws() {
    let mut answers = String::new();
    for pattern in [
        "",
        "{",
        "[]",
        "{}",
        r#"{"source": "aws.ec2"}"#,
        r#"{"source": []}"#,
        r#"{"detail": {"x": []}}"#,
        r#"{"detail": {}}"#,
        r#"{"x": [["a"]]}"#,
        r#"{"x": [{}]}"#,
        r#"{"x": [{"prefix": "a", "suffix": "b"}]}"#,
        r#"{"x": [{"startsWith": "a"}]}"#,
        r#"{"x": [{"prefix": 5}]}"#,
        r#"{"x": [{"prefix": {"wildcard": "a"}}]}"#,
        r#"{"x": [{"suffix": {}}]}"#,
        r#"{"x": [{"equals-ignore-case": ["a"]}]}"#,
        r#"{"x": [{"exists": "true"}]}"#,
        r#"{"x": [{"wildcard": "a**b"}]}"#,
        r#"{"x": [{"wildcard": "a\\b"}]}"#,
        r#"{"x": [{"numeric": "5"}]}"#,
        r#"{"x": [{"numeric": []}]}"#,
        r#"{"x": [{"numeric": ["=>", 5]}]}"#,
        r#"{"x": [{"numeric": ["=", "5"]}]}"#,
        r#"{"x": [{"numeric": ["<", 5, ">", 1]}]}"#,
        r#"{"x": [{"numeric": [">", 5, "=", 6]}]}"#,
        r#"{"x": [{"numeric": [">", 5, "<", 5]}]}"#,
        r#"{"x": [{"numeric": [">", 5, "<", 6, "<", 7]}]}"#,
        r#"{"x": [{"numeric": [">", 6000000000]}]}"#,
        r#"{"x": [{"cidr": "10.0.0.0"}]}"#,
        r#"{"x": [{"cidr": "10.0.0.0/32"}]}"#,
        r#"{"x": [{"cidr": "host/8"}]}"#,
        r#"{"x": [{"anything-but": null}]}"#,
        r#"{"x": [{"anything-but": []}]}"#,
        r#"{"x": [{"anything-but": [1, "a"]}]}"#,
        r#"{"x": [{"anything-but": [true]}]}"#,
        r#"{"x": [{"anything-but": {"exists": false}}]}"#,
        r#"{"x": [{"anything-but": {"prefix": ""}}]}"#,
        r#"{"x": [{"anything-but": {"wildcard": [5]}}]}"#,
        r#"{"detail": {"$or": [{"x": ["1"]}], "y": ["2"]}}"#,
        r#"{"$or": [{"prefix": ["1"]}, {"y": ["2"]}]}"#,
        r#"{"$or": "x"}"#,
    ] {
        let error = Pattern::parse(pattern).unwrap_err();
        answers += &format!("{pattern}\n    {}\n", error.reason);
        assert_eq!(error.to_string(), format!("Event pattern is not valid. Reason: {}", error.reason));
    }
    insta::assert_snapshot!(answers, @r##"

        Invalid JSON: EOF while parsing a value at line 1 column 0
    {
        Invalid JSON: EOF while parsing an object at line 1 column 1
    []
        Filter is not an object
    {}
        Empty objects are not allowed
    {"source": "aws.ec2"}
        "source" must be an object or an array
    {"source": []}
        Empty arrays are not allowed
    {"detail": {"x": []}}
        Empty arrays are not allowed
    {"detail": {}}
        Empty objects are not allowed
    {"x": [["a"]]}
        Match value must be String, number, true, false, or null
    {"x": [{}]}
        Match expression name not found
    {"x": [{"prefix": "a", "suffix": "b"}]}
        Only one key allowed in match expression
    {"x": [{"startsWith": "a"}]}
        Unrecognized match type startsWith
    {"x": [{"prefix": 5}]}
        prefix match pattern must be a string
    {"x": [{"prefix": {"wildcard": "a"}}]}
        Unsupported prefix pattern: wildcard
    {"x": [{"suffix": {}}]}
        Suffix expression name not found
    {"x": [{"equals-ignore-case": ["a"]}]}
        equals-ignore-case match pattern must be a string
    {"x": [{"exists": "true"}]}
        exists match pattern must be either true or false.
    {"x": [{"wildcard": "a**b"}]}
        Consecutive wildcard characters at pos 2
    {"x": [{"wildcard": "a\\b"}]}
        Invalid escape character at pos 2
    {"x": [{"numeric": "5"}]}
        Value of numeric must be an array.
    {"x": [{"numeric": []}]}
        Invalid member in numeric match: null
    {"x": [{"numeric": ["=>", 5]}]}
        Unrecognized numeric range operator: =>
    {"x": [{"numeric": ["=", "5"]}]}
        Value of equals must be numeric
    {"x": [{"numeric": ["<", 5, ">", 1]}]}
        Too many elements in numeric expression
    {"x": [{"numeric": [">", 5, "=", 6]}]}
        Bad numeric range operator: =
    {"x": [{"numeric": [">", 5, "<", 5]}]}
        Bottom must be less than top
    {"x": [{"numeric": [">", 5, "<", 6, "<", 7]}]}
        Too many terms in numeric range expression
    {"x": [{"numeric": [">", 6000000000]}]}
        Value must be between -5.0E9 and 5.0E9, inclusive
    {"x": [{"cidr": "10.0.0.0"}]}
        Malformed CIDR, one '/' required
    {"x": [{"cidr": "10.0.0.0/32"}]}
        IPv4 mask bits must be < 32
    {"x": [{"cidr": "host/8"}]}
        Nonstandard IP address: host
    {"x": [{"anything-but": null}]}
        Value of anything-but must be an array or single string/number value.
    {"x": [{"anything-but": []}]}
        Inside anything but list, either all values are number or string, mixed type is not supported
    {"x": [{"anything-but": [1, "a"]}]}
        Inside anything but list, either all values are number or string, mixed type is not supported
    {"x": [{"anything-but": [true]}]}
        Inside anything but list, start|null|boolean is not supported.
    {"x": [{"anything-but": {"exists": false}}]}
        Unsupported anything-but pattern: exists
    {"x": [{"anything-but": {"prefix": ""}}]}
        Null prefix/suffix not allowed
    {"x": [{"anything-but": {"wildcard": [5]}}]}
        wildcard match pattern must be a string
    {"detail": {"$or": [{"x": ["1"]}], "y": ["2"]}}
        Unrecognized match type x
    {"$or": [{"prefix": ["1"]}, {"y": ["2"]}]}
        prefix match pattern must be a string
    {"$or": "x"}
        "$or" must be an object or an array
    "##);
}

fn json_value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-9..9i32).prop_map(Value::from),
        "[ab]{0,2}".prop_map(Value::from)
    ];
    scalar.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[abc]", inner, 0..3).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// The pattern that names each leaf of an event that is not inside an array.
fn pattern_of(event: &Value) -> Option<Value> {
    match event {
        Value::Object(fields) => {
            let fields: serde_json::Map<_, _> =
                fields.iter().filter_map(|(name, value)| Some((name.clone(), pattern_of(value)?))).collect();
            (!fields.is_empty()).then_some(Value::Object(fields))
        }
        Value::Array(elements) => {
            elements.iter().find(|element| !element.is_array() && !element.is_object()).map(|element| json!([element]))
        }
        scalar => Some(json!([scalar])),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_event_matches_the_pattern_made_of_its_own_values(event in json_value()) {
        if let (Value::Object(_), Some(pattern)) = (&event, pattern_of(&event)) {
            prop_assert!(matches(&pattern, &event), "{} {}", pattern, event);
        }
    }

    #[test]
    fn any_json_is_either_a_pattern_or_refused(pattern in json_value(), event in json_value()) {
        if let Ok(pattern) = Pattern::parse(&pattern.to_string()) {
            let _ = pattern.matches(&event);
        }
    }
}

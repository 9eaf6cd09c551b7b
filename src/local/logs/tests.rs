use super::*;
use crate::local::clock::ManualClock;
use crate::local::disk::Disk;
use serde_json::json as value;
use std::collections::BTreeSet;

const NOW_MS: i64 = 1_790_000_000_000;
const DAY_MS: i64 = 86_400_000;
const ARN: &str = "arn:aws:logs:eu-central-1:000000000000:log-group:/a";

struct Cloud {
    logs: Option<Logs>,
    common: Common,
    clock: Arc<ManualClock>,
    folder: tempfile::TempDir,
}

impl Cloud {
    fn new() -> Self {
        let (common, clock, folder) = Common::for_test();
        Self { logs: Some(Logs::open(common.clone()).unwrap()), common, clock, folder }
    }

    /// Stops, as a process would, and starts again on the same folder.
    fn restart(mut self) -> Self {
        drop(self.logs.take());
        let Common { account, clock, disk } = self.common;
        drop(Arc::into_inner(disk).expect("nobody else holds the disk"));
        let disk = Arc::new(Disk::open(self.folder.path()).unwrap());
        let common = Common { account, clock, disk };
        Self { logs: Some(Logs::open(common.clone()).unwrap()), common, ..self }
    }

    fn logs(&self) -> &Logs {
        self.logs.as_ref().unwrap()
    }

    async fn call_in(&self, region: &str, operation: &str, input: Value) -> Result<Value, ApiError> {
        let call = Call { region: region.into(), request_id: "r".into() };
        self.logs().call(&call, operation, input).await
    }

    async fn call(&self, operation: &str, input: Value) -> Result<Value, ApiError> {
        self.call_in("eu-central-1", operation, input).await
    }

    async fn ok(&self, operation: &str, input: Value) -> Value {
        self.call(operation, input.clone()).await.unwrap_or_else(|error| panic!("{operation} {input}: {error:?}"))
    }

    async fn with_stream(self) -> Self {
        self.ok("CreateLogGroup", value!({"logGroupName": "/a"})).await;
        self.ok("CreateLogStream", value!({"logGroupName": "/a", "logStreamName": "s"})).await;
        self
    }

    async fn put(&self, stream: &str, events: &[(i64, &str)]) -> Value {
        let events: Vec<_> = events.iter().map(|(timestamp, message)| value!({"timestamp": timestamp, "message": message})).collect();
        self.ok("PutLogEvents", value!({"logGroupName": "/a", "logStreamName": stream, "logEvents": events})).await
    }

    async fn messages(&self, operation: &str, input: Value) -> String {
        messages(&self.ok(operation, input).await)
    }

    async fn stored_bytes(&self) -> i64 {
        self.ok("DescribeLogGroups", value!({})).await["logGroups"][0]["storedBytes"].as_i64().unwrap()
    }

    fn events_on_disk(&self) -> usize {
        self.common.disk.scan(key::EVENTS, "", "z", usize::MAX).unwrap().len()
    }
}

fn messages(answer: &Value) -> String {
    let events = answer["events"].as_array().unwrap();
    events.iter().map(|event| event["message"].as_str().unwrap()).collect::<Vec<_>>().join(" ")
}

fn names(answer: &Value, list: &str, member: &str) -> Vec<String> {
    answer[list].as_array().unwrap().iter().map(|item| item[member].as_str().unwrap().to_owned()).collect()
}

fn event(timestamp_ms: i64, message: &str) -> LogEvent {
    LogEvent { timestamp_ms, message: message.into() }
}

#[tokio::test]
async fn what_aws_refuses_is_refused_with_its_code_and_words() {
    let cloud = Cloud::new().with_stream().await;
    cloud.ok("CreateLogGroup", value!({"logGroupName": "/safe", "deletionProtectionEnabled": true})).await;
    cloud.ok("CreateLogStream", value!({"logGroupName": "/safe", "logStreamName": "s"})).await;
    cloud.ok("CreateLogGroup", value!({"logGroupName": "/delivery", "logGroupClass": "DELIVERY"})).await;
    let many: serde_json::Map<_, _> = (0..51).map(|number| (format!("k{number}"), value!("v"))).collect();
    let invalid = "InvalidParameterException";
    let missing = "ResourceNotFoundException";
    for (operation, input, code, words) in [
        ("CreateLogGroup", value!({}), invalid, "Value at 'logGroupName' failed to satisfy constraint: Member must not be null"),
        ("CreateLogGroup", value!({"logGroupName": ""}), invalid, "Member must have length greater than or equal to 1"),
        ("CreateLogGroup", value!({"logGroupName": "a".repeat(513)}), invalid, "Member must have length less than or equal to 512"),
        ("CreateLogGroup", value!({"logGroupName": "a b"}), invalid, r"satisfy regular expression pattern: [\.\-_/#A-Za-z0-9]+"),
        ("CreateLogGroup", value!({"logGroupName": "aws/x"}), invalid, "reserved for AWS"),
        ("CreateLogGroup", value!({"logGroupName": "/b", "logGroupClass": "X"}), invalid, "enum value set: [STANDARD"),
        ("CreateLogGroup", value!({"logGroupName": "/b c", "logGroupClass": "X"}), invalid, "2 validation errors detected: "),
        ("CreateLogGroup", value!({"logGroupName": "/b", "kmsKeyId": "k"}), invalid, "The specified KMS key does not exist"),
        ("CreateLogGroup", value!({"logGroupName": "/b", "tags": {"aws:x": "y"}}), invalid, "aws: prefixed tag key names"),
        ("CreateLogGroup", value!({"logGroupName": "/b", "tags": {"a": "!"}}), invalid, r"pattern: ^([\p{L}"),
        ("CreateLogGroup", value!({"logGroupName": "/b", "tags": many.clone()}), invalid, "length less than or equal to 50"),
        ("CreateLogGroup", value!({"logGroupName": 1}), "SerializationException", "string"),
        ("CreateLogGroup", value!({"logGroupName": "/a"}), "ResourceAlreadyExistsException", "The specified log group already exists"),
        ("DeleteLogGroup", value!({"logGroupName": "/no"}), missing, "The specified log group does not exist."),
        ("DeleteLogGroup", value!({"logGroupName": "/safe"}), "ValidationException", "Disable deletion protection first."),
        ("DeleteLogStream", value!({"logGroupName": "/safe", "logStreamName": "s"}), "ValidationException", "deletion protection"),
        ("PutRetentionPolicy", value!({"logGroupName": "/a", "retentionInDays": 2}), invalid, "enum value set: [1, 3, 5, 7, 14,"),
        ("PutRetentionPolicy", value!({"logGroupName": "/no", "retentionInDays": 1}), missing, "log group"),
        ("PutRetentionPolicy", value!({"logGroupName": "/delivery", "retentionInDays": 1}), invalid, "DELIVERY"),
        ("DeleteRetentionPolicy", value!({"logGroupName": "/no"}), missing, "log group"),
        ("AssociateKmsKey", value!({"logGroupName": "/a"}), invalid, "'kmsKeyId' failed"),
        ("DisassociateKmsKey", value!({}), invalid, "Exactly one of"),
        ("TagResource", value!({"resourceArn": format!("{ARN}:*"), "tags": {"a": "b"}}), invalid, "'resourceArn' failed"),
        ("TagResource", value!({"resourceArn": "arn:aws:s3:::b", "tags": {"a": "b"}}), invalid, "not the ARN of a log group"),
        ("TagResource", value!({"resourceArn": ARN.replace("central", "west"), "tags": {"a": "b"}}), missing, "log group"),
        ("ListTagsForResource", value!({"resourceArn": format!("{ARN}b")}), missing, "log group"),
        ("UntagResource", value!({"resourceArn": ARN}), invalid, "'tagKeys' failed"),
        ("TagLogGroup", value!({"logGroupName": "/no", "tags": {"a": "b"}}), missing, "log group"),
        ("DescribeLogGroups", value!({"limit": 51}), invalid, "Value '51' at 'limit'"),
        ("DescribeLogGroups", value!({"nextToken": "!"}), invalid, "The specified nextToken is invalid."),
        ("DescribeLogGroups", value!({"logGroupNamePrefix": "a", "logGroupNamePattern": "a"}), invalid, "mutually exclusive"),
        ("DescribeLogGroups", value!({"logGroupNamePrefix": "a", "logGroupIdentifiers": ["a"]}), invalid, "other filters"),
        ("ListLogGroups", value!({"logGroupNamePattern": "a.b|x"}), invalid, "'logGroupNamePattern' failed"),
        ("CreateLogStream", value!({"logGroupName": "/a", "logStreamName": "a:b"}), invalid, "pattern: [^:*]*"),
        ("CreateLogStream", value!({"logGroupName": "/no", "logStreamName": "s"}), missing, "log group"),
        ("CreateLogStream", value!({"logGroupName": "/a", "logStreamName": "s"}), "ResourceAlreadyExistsException", "log stream already"),
        ("DeleteLogStream", value!({"logGroupName": "/a", "logStreamName": "no"}), missing, "The specified log stream does not exist."),
        ("DescribeLogStreams", value!({}), invalid, "Exactly one of logGroupName and logGroupIdentifier"),
        ("DescribeLogStreams", value!({"logGroupName": "/a", "orderBy": "LastEventTime", "logStreamNamePrefix": "s"}), invalid, "order by"),
        ("GetLogEvents", value!({"logGroupName": "/a", "logStreamName": "no"}), missing, "log stream"),
        ("GetLogEvents", value!({"logGroupName": "/a", "logStreamName": "s", "nextToken": "f/1"}), invalid, "nextToken"),
        ("FilterLogEvents", value!({"logGroupName": "/a", "logGroupIdentifier": ARN}), invalid, "Exactly one of"),
        ("FilterLogEvents", value!({"logGroupName": "/a", "logStreamNames": ["no"]}), missing, "log stream"),
        ("FilterLogEvents", value!({"logGroupName": "/a", "logStreamNames": ["s"], "logStreamNamePrefix": "s"}), invalid, "mutually"),
        ("FilterLogEvents", value!({"logGroupName": "/a", "startTime": -1}), invalid, "Value '-1' at 'startTime'"),
        ("FilterLogEvents", value!({"logGroupName": "/a", "limit": 10_001}), invalid, "less than or equal to 10000"),
        ("FilterLogEvents", value!({"logGroupName": "/a", "startTime": 1, "startFromHead": false}), invalid, "Jan 1, 2024"),
        ("FilterLogEvents", value!({"logGroupName": "/a", "filterPattern": "%x%"}), invalid, "regular expressions"),
        ("PutLogGroupDeletionProtection", value!({"logGroupIdentifier": "/a"}), invalid, "'deletionProtectionEnabled' failed"),
        ("StartQuery", value!({}), "UnknownOperationException", "StartQuery"),
    ] {
        let error = cloud.call(operation, input.clone()).await.expect_err(&format!("{operation} {input}"));
        assert_eq!(error.code, code, "{operation} {input}: {}", error.message);
        assert!(error.message.contains(words), "{operation} {input}: {}", error.message);
        assert_eq!(error.status, 400);
    }
}

#[tokio::test]
async fn batches_of_events_are_refused_as_a_whole() {
    let cloud = Cloud::new().with_stream().await;
    let event = |timestamp: i64, message: &str| value!({"timestamp": timestamp, "message": message});
    let lots = |count: usize, message: &str| vec![event(NOW_MS, message); count];
    for (events, words) in [
        (vec![], "Member must have length greater than or equal to 1"),
        (lots(10_001, "a"), "Member must have length less than or equal to 10000"),
        (vec![event(NOW_MS, "")], "'logEvents.1.member.message' failed"),
        (vec![event(NOW_MS, "a"), value!({"message": "a"})], "'logEvents.2.member.timestamp' failed"),
        (lots(1, &"a".repeat(1_048_551)), "Log event too large: 1048577 bytes exceeds limit of 1048576"),
        (lots(2, &"a".repeat(524_263)), "Upload too large: 1048578 bytes exceeds limit of 1048576"),
        (vec![event(NOW_MS, "a"), event(NOW_MS - 1, "b")], "must be in chronological order."),
        (vec![event(NOW_MS - DAY_MS - 1, "a"), event(NOW_MS, "b")], "cannot span more than 24 hours."),
    ] {
        let input = value!({"logGroupName": "/a", "logStreamName": "s", "logEvents": events});
        let error = cloud.call("PutLogEvents", input).await.expect_err(words);
        assert_eq!(error.code, "InvalidParameterException");
        assert!(error.message.contains(words), "{words}: {}", error.message);
    }
    assert_eq!((cloud.stored_bytes().await, cloud.events_on_disk()), (0, 0));
    let exact = lots(2, &"a".repeat(524_262));
    cloud.ok("PutLogEvents", value!({"logGroupName": "/a", "logStreamName": "s", "logEvents": exact, "sequenceToken": "x"})).await;
}

#[tokio::test]
async fn events_too_old_too_new_or_expired_are_rejected_and_the_others_taken() {
    let cloud = Cloud::new().with_stream().await;
    let hour = 3_600_000;
    let answer =
        cloud.put("s", &[(NOW_MS - 15 * DAY_MS, "old"), (NOW_MS, "a"), (NOW_MS + 2 * hour, "b"), (NOW_MS + 2 * hour + 1, "new")]).await;
    assert_eq!(answer["rejectedLogEventsInfo"], value!({"tooNewLogEventStartIndex": 3, "tooOldLogEventEndIndex": 1}));
    cloud.ok("PutRetentionPolicy", value!({"logGroupName": "/a", "retentionInDays": 1})).await;
    let answer = cloud.put("s", &[(NOW_MS - DAY_MS - 1, "expired"), (NOW_MS - DAY_MS, "c")]).await;
    assert_eq!(answer["rejectedLogEventsInfo"], value!({"expiredLogEventEndIndex": 1}));
    assert_eq!(cloud.put("s", &[(NOW_MS, "d")]).await.get("rejectedLogEventsInfo"), None);
    assert_eq!(cloud.messages("FilterLogEvents", value!({"logGroupName": "/a"})).await, "c a d b");
    let lone = cloud.put("s", &[(NOW_MS - 20 * DAY_MS, "x")]).await;
    assert_eq!(lone["rejectedLogEventsInfo"], value!({"tooOldLogEventEndIndex": 1, "expiredLogEventEndIndex": 1}));
}

#[tokio::test]
async fn a_group_is_described_as_aws_describes_it() {
    let cloud = Cloud::new();
    let key = "arn:aws:kms:eu-central-1:000000000000:key/1";
    cloud.ok("CreateLogGroup", value!({"logGroupName": "/a", "tags": {"x": "1"}, "kmsKeyId": key, "logGroupClass": "STANDARD"})).await;
    cloud.ok("PutRetentionPolicy", value!({"logGroupName": "/a", "retentionInDays": 30})).await;
    cloud.ok("PutLogGroupDeletionProtection", value!({"logGroupIdentifier": ARN, "deletionProtectionEnabled": true})).await;
    let described = async |cloud: &Cloud| {
        let answer = cloud.ok("DescribeLogGroups", value!({"logGroupIdentifiers": [ARN, "/no"]})).await;
        answer["logGroups"][0].clone()
    };
    let expected = value!({
        "logGroupName": "/a", "creationTime": NOW_MS, "retentionInDays": 30, "metricFilterCount": 0, "arn": format!("{ARN}:*"),
        "storedBytes": 0, "kmsKeyId": key, "logGroupClass": "STANDARD", "logGroupArn": ARN, "deletionProtectionEnabled": true
    });
    assert_eq!(described(&cloud).await, expected);
    let cloud = cloud.restart();
    assert_eq!(described(&cloud).await, expected);
    cloud.ok("DeleteRetentionPolicy", value!({"logGroupName": "/a"})).await;
    cloud.ok("DisassociateKmsKey", value!({"resourceIdentifier": ARN})).await;
    cloud.ok("PutLogGroupDeletionProtection", value!({"logGroupIdentifier": "/a", "deletionProtectionEnabled": false})).await;
    let bare = described(&cloud).await;
    assert_eq!((bare.get("retentionInDays"), bare.get("kmsKeyId")), (None, None));
    cloud.ok("AssociateKmsKey", value!({"logGroupName": "/a", "kmsKeyId": key})).await;
    assert_eq!(described(&cloud).await["kmsKeyId"], key);
    cloud.ok("DeleteLogGroup", value!({"logGroupName": "/a"})).await;
    assert_eq!(cloud.restart().ok("DescribeLogGroups", value!({})).await, value!({"logGroups": []}));
}

#[tokio::test]
async fn regions_have_groups_of_their_own() {
    let cloud = Cloud::new().with_stream().await;
    assert_eq!(cloud.call_in("us-east-1", "DescribeLogGroups", value!({})).await.unwrap(), value!({"logGroups": []}));
    cloud.call_in("us-east-1", "CreateLogGroup", value!({"logGroupName": "/a"})).await.unwrap();
    assert!(cloud.logs().has_group("us-east-1", "/a") && !cloud.logs().has_group("us-east-2", "/a"));
}

#[tokio::test]
async fn tags_are_kept_by_either_way_of_asking_and_fifty_are_enough() {
    let cloud = Cloud::new().with_stream().await;
    cloud.ok("TagResource", value!({"resourceArn": ARN, "tags": {"a": "1", "b": "2"}})).await;
    cloud.ok("TagLogGroup", value!({"logGroupName": "/a", "tags": {"b": "3", "ключ": ""}})).await;
    let cloud = cloud.restart();
    let expected = value!({"tags": {"a": "1", "b": "3", "ключ": ""}});
    assert_eq!(cloud.ok("ListTagsForResource", value!({"resourceArn": ARN})).await, expected);
    assert_eq!(cloud.ok("ListTagsLogGroup", value!({"logGroupName": "/a"})).await, expected);
    cloud.ok("UntagResource", value!({"resourceArn": ARN, "tagKeys": ["a", "none"]})).await;
    cloud.ok("UntagLogGroup", value!({"logGroupName": "/a", "tags": ["ключ"]})).await;
    assert_eq!(cloud.ok("ListTagsForResource", value!({"resourceArn": ARN})).await, value!({"tags": {"b": "3"}}));
    let many = |count: usize| (0..count).map(|number| (format!("k{number}"), value!("v"))).collect::<Map<_, _>>();
    let error = cloud.call("TagResource", value!({"resourceArn": ARN, "tags": many(50)})).await.unwrap_err();
    assert_eq!((error.code.as_str(), &error.fields[&"resourceName".to_owned()]), ("TooManyTagsException", &value!(ARN)));
    cloud.ok("TagResource", value!({"resourceArn": ARN, "tags": many(49)})).await;
}

#[tokio::test]
async fn two_thousand_groups_are_paged_in_their_order_and_none_twice() {
    let cloud = Cloud::new();
    for number in 0..2_000 {
        cloud.logs().create_group_quietly("eu-central-1", &format!("/g/{number}"));
    }
    cloud.ok("CreateLogGroup", value!({"logGroupName": "/h/1", "tags": {"team": "web"}, "logGroupClass": "INFREQUENT_ACCESS"})).await;
    let cloud = cloud.restart();
    for (operation, limit, pages) in
        [("DescribeLogGroups", Value::Null, 41), ("DescribeLogGroups", 7.into(), 286), ("ListLogGroups", 1000.into(), 3)]
    {
        let (mut told, mut token, mut count) = (Vec::new(), Value::Null, 0);
        loop {
            let answer = cloud.ok(operation, value!({"limit": limit, "nextToken": token})).await;
            told.extend(names(&answer, "logGroups", "logGroupName"));
            count += 1;
            match answer.get("nextToken") {
                Some(next) => token = next.clone(),
                None => break,
            }
        }
        assert_eq!((told.len(), count), (2_001, pages), "{operation} {limit}");
        assert!(told.is_sorted() && told.iter().collect::<BTreeSet<_>>().len() == told.len());
    }
    for (operation, input, expected) in [
        ("DescribeLogGroups", value!({"logGroupNamePrefix": "/g/199", "limit": 3}), vec!["/g/199", "/g/1990", "/g/1991"]),
        ("DescribeLogGroups", value!({"logGroupNamePattern": "/1234"}), vec!["/g/1234"]),
        ("DescribeLogGroups", value!({"logGroupIdentifiers": ["/g/5", "/g/2", "/none"]}), vec!["/g/2", "/g/5"]),
        ("DescribeLogGroups", value!({"logGroupClass": "ESSENTIALS"}), vec!["/h/1"]),
        ("ListLogGroups", value!({"logGroupNamePattern": "^/h/|/1999"}), vec!["/g/1999", "/h/1"]),
        ("ListLogGroups", value!({"logGroupTags": [{"key": "team", "values": ["w*"]}]}), vec!["/h/1"]),
        ("ListLogGroups", value!({"logGroupTags": [{"key": "team", "values": ["!web"]}]}), vec![]),
        ("ListLogGroups", value!({"logGroupClass": "INFREQUENT_ACCESS"}), vec!["/h/1"]),
    ] {
        assert_eq!(names(&cloud.ok(operation, input.clone()).await, "logGroups", "logGroupName"), expected, "{operation} {input}");
    }
}

#[tokio::test]
async fn streams_are_listed_by_name_and_by_their_latest_event() {
    let cloud = Cloud::new().with_stream().await;
    for (stream, timestamp_ms) in [("b/2", NOW_MS), ("b/1", NOW_MS - 5), ("a", NOW_MS - 1)] {
        cloud.logs().append("eu-central-1", "/a", stream, vec![event(timestamp_ms - 7, "x"), event(timestamp_ms, "y")]);
    }
    let listed = async |input: Value| names(&cloud.ok("DescribeLogStreams", input).await, "logStreams", "logStreamName").join(" ");
    assert_eq!(listed(value!({"logGroupName": "/a"})).await, "a b/1 b/2 s");
    assert_eq!(listed(value!({"logGroupIdentifier": ARN, "logStreamNamePrefix": "b/", "descending": true})).await, "b/2 b/1");
    let input =
        |token: &Value| value!({"logGroupName": "/a", "orderBy": "LastEventTime", "descending": true, "limit": 3, "nextToken": token});
    let first = cloud.ok("DescribeLogStreams", input(&Value::Null)).await;
    assert_eq!(names(&first, "logStreams", "logStreamName").join(" "), "b/2 a b/1");
    assert_eq!(listed(input(&first["nextToken"])).await, "s");
    let stream = &first["logStreams"][0];
    assert_eq!(stream["arn"], format!("{ARN}:log-stream:b/2"));
    assert_eq!((&stream["firstEventTimestamp"], &stream["lastEventTimestamp"]), (&value!(NOW_MS - 7), &value!(NOW_MS)));
    assert_eq!((&stream["lastIngestionTime"], &stream["storedBytes"]), (&value!(NOW_MS), &value!(0)));
}

#[tokio::test]
async fn filtering_goes_across_streams_in_the_order_of_time() {
    let cloud = Cloud::new().with_stream().await;
    cloud.put("s", &[(NOW_MS - 30, "ERROR-1"), (NOW_MS - 10, "warn-2"), (NOW_MS, "ERROR-3")]).await;
    cloud.logs().append("eu-central-1", "/a", "t", vec![event(NOW_MS - 20, "ERROR-4"), event(NOW_MS - 10, r#"{"level":5}"#)]);
    for (input, expected) in [
        (value!({}), r#"ERROR-1 ERROR-4 warn-2 {"level":5} ERROR-3"#),
        (value!({"filterPattern": "ERROR"}), "ERROR-1 ERROR-4 ERROR-3"),
        (value!({"filterPattern": "-ERROR -level"}), "warn-2"),
        (value!({"filterPattern": "{ $.level >= 5 }"}), r#"{"level":5}"#),
        (value!({"startTime": NOW_MS - 20, "endTime": NOW_MS - 10}), r#"ERROR-4 warn-2 {"level":5}"#),
        (value!({"logStreamNames": ["t"]}), r#"ERROR-4 {"level":5}"#),
        (value!({"logStreamNamePrefix": "s"}), "ERROR-1 warn-2 ERROR-3"),
        (value!({"logStreamNamePrefix": "none"}), ""),
        (value!({"startFromHead": false, "limit": 2}), r#"ERROR-3 {"level":5}"#),
        (value!({"startTime": NOW_MS + 1}), ""),
    ] {
        let mut input = input;
        input["logGroupName"] = "/a".into();
        assert_eq!(cloud.messages("FilterLogEvents", input.clone()).await, expected, "{input}");
    }
}

#[tokio::test]
async fn pages_of_a_filter_hold_each_event_once_and_say_when_they_end() {
    let cloud = Cloud::new().with_stream().await;
    let events: Vec<_> =
        (0..25).map(|number| event(NOW_MS + number / 10, &format!("{} n{number}", if number % 2 == 0 { "even" } else { "odd" }))).collect();
    cloud.logs().append("eu-central-1", "/a", "s", events);
    for (from_head, limit) in [(true, 4), (false, 4), (true, 13), (false, 5)] {
        let (mut told, mut ids, mut token, mut pages) = (Vec::new(), BTreeSet::new(), Value::Null, 0);
        loop {
            let input =
                value!({"logGroupName": "/a", "filterPattern": "even", "limit": limit, "nextToken": token, "startFromHead": from_head});
            let answer = cloud.ok("FilterLogEvents", input).await;
            told.extend(names(&answer, "events", "message"));
            ids.extend(names(&answer, "events", "eventId"));
            pages += 1;
            match answer.get("nextToken") {
                Some(next) => token = next.clone(),
                None => break,
            }
        }
        let mut expected: Vec<_> = (0..25).step_by(2).map(|number| format!("even n{number}")).collect();
        if !from_head {
            expected.reverse();
        }
        assert_eq!((told, ids.len(), pages), (expected, 13, 13_usize.div_ceil(limit)), "{from_head} {limit}");
    }
}

#[tokio::test]
async fn a_page_has_a_megabyte_at_most() {
    let cloud = Cloud::new().with_stream().await;
    let long = "x".repeat(400_000);
    cloud.logs().append("eu-central-1", "/a", "s", (0..5).map(|number| event(NOW_MS + number, &long)).collect());
    let first = cloud.ok("FilterLogEvents", value!({"logGroupName": "/a"})).await;
    assert_eq!(first["events"].as_array().unwrap().len(), 2);
    let second = cloud.ok("FilterLogEvents", value!({"logGroupName": "/a", "nextToken": first["nextToken"]})).await;
    assert_eq!(second["events"][0]["timestamp"], NOW_MS + 2);
    let tail = cloud.ok("GetLogEvents", value!({"logGroupName": "/a", "logStreamName": "s"})).await;
    assert_eq!((tail["events"].as_array().unwrap().len(), &tail["events"][1]["timestamp"]), (2, &value!(NOW_MS + 4)));
}

#[tokio::test]
async fn a_stream_is_read_both_ways_from_either_end() {
    let cloud = Cloud::new().with_stream().await;
    let get = async |more: Value| {
        let mut input = value!({"logGroupName": "/a", "logStreamName": "s", "limit": 2});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = cloud.ok("GetLogEvents", input).await;
        (messages(&answer), answer["nextForwardToken"].clone(), answer["nextBackwardToken"].clone())
    };
    let (nothing, forward, _) = get(value!({})).await;
    assert_eq!(nothing, "");
    cloud.put("s", &[(NOW_MS, "a"), (NOW_MS, "b"), (NOW_MS + 1, "c"), (NOW_MS + 2, "d"), (NOW_MS + 3, "e")]).await;
    cloud.logs().append("eu-central-1", "/a", "other", vec![event(NOW_MS + 1, "no")]);
    assert_eq!(get(value!({"nextToken": forward})).await.0, "a b");

    let (tail, forward, backward) = get(value!({})).await;
    assert_eq!(tail, "d e");
    let (end, same, back) = get(value!({"nextToken": forward})).await;
    assert_eq!((end.as_str(), &same), ("", &forward));
    assert_eq!(get(value!({"nextToken": back})).await.0, "d e");
    let (middle, ahead, backward) = get(value!({"nextToken": backward})).await;
    assert_eq!(middle, "b c");
    assert_eq!(get(value!({"nextToken": ahead})).await.0, "d e");
    let (head, _, backward) = get(value!({"nextToken": backward})).await;
    assert_eq!(head, "a");
    let (start, _, same) = get(value!({"nextToken": backward})).await;
    assert_eq!((start.as_str(), same), ("", backward));

    assert_eq!(get(value!({"startFromHead": true})).await.0, "a b");
    assert_eq!(get(value!({"startTime": NOW_MS + 1, "endTime": NOW_MS + 3})).await.0, "c d");
}

#[tokio::test]
async fn events_and_their_bytes_survive_a_restart_and_ids_stay_unique() {
    let cloud = Cloud::new().with_stream().await;
    cloud.put("s", &[(NOW_MS, "ä"), (NOW_MS, "b")]).await;
    cloud.logs().append("eu-central-1", "/a", "new", vec![event(NOW_MS, "c"), event(NOW_MS, "")]);
    assert_eq!(cloud.stored_bytes().await, 3 * 26 + 4);
    let filter = value!({"logGroupName": "/a"});
    let before = cloud.ok("FilterLogEvents", filter.clone()).await;
    let cloud = cloud.restart();
    assert_eq!(cloud.stored_bytes().await, 3 * 26 + 4);
    assert_eq!(cloud.ok("FilterLogEvents", filter.clone()).await, before);
    cloud.put("s", &[(NOW_MS, "d")]).await;
    let after = cloud.ok("FilterLogEvents", filter).await;
    assert_eq!(messages(&after), "ä b c d");
    assert_eq!(names(&after, "events", "eventId").into_iter().collect::<BTreeSet<_>>().len(), 4);
}

#[tokio::test]
async fn what_has_expired_is_neither_told_nor_counted_nor_kept() {
    let cloud = Cloud::new().with_stream().await;
    let old: Vec<_> = (0..5_000).map(|number| event(NOW_MS + number, "old")).collect();
    cloud.logs().append("eu-central-1", "/a", "s", old);
    cloud.logs().append("eu-central-1", "/a", "t", vec![event(NOW_MS + 2 * DAY_MS, "young")]);
    cloud.ok("PutRetentionPolicy", value!({"logGroupName": "/a", "retentionInDays": 1})).await;
    assert_eq!(cloud.stored_bytes().await, 5_000 * 29 + 31);
    cloud.clock.advance(DAY_MS + 5_000);
    assert_eq!(cloud.messages("FilterLogEvents", value!({"logGroupName": "/a"})).await, "young");
    assert_eq!(cloud.messages("GetLogEvents", value!({"logGroupName": "/a", "logStreamName": "s"})).await, "");
    assert_eq!((cloud.stored_bytes().await, cloud.events_on_disk()), (31, 1));
    cloud.clock.advance(2 * DAY_MS);
    let cloud = cloud.restart();
    cloud.logs().settle().await;
    assert_eq!((cloud.events_on_disk(), cloud.stored_bytes().await), (0, 0));
    cloud.logs().append("eu-central-1", "/a", "s", vec![event(NOW_MS, "late")]);
    cloud.logs().flush().await.unwrap();
    assert_eq!(cloud.events_on_disk(), 0);
}

#[tokio::test]
async fn who_writes_more_than_the_disk_takes_at_once_waits_for_it() {
    let cloud = Arc::new(Cloud::new().with_stream().await);
    let writer = Arc::clone(&cloud);
    let writing = tokio::task::spawn_blocking(move || {
        let long = "x".repeat(100_000);
        for number in 0..60 {
            writer.logs().append("eu-central-1", "/a", "s", vec![event(NOW_MS + number, &long)]);
        }
    });
    writing.await.unwrap();
    // 42 lines are more than 4 MB.
    assert!(cloud.events_on_disk() >= 42);
}

#[tokio::test]
async fn a_shorter_retention_and_mere_writing_remove_what_has_expired() {
    let cloud = Cloud::new().with_stream().await;
    cloud.put("s", &[(NOW_MS - 2 * DAY_MS, "a")]).await;
    cloud.ok("PutRetentionPolicy", value!({"logGroupName": "/a", "retentionInDays": 1})).await;
    cloud.logs().settle().await;
    assert_eq!(cloud.events_on_disk(), 0);
    cloud.put("s", &[(NOW_MS, "b")]).await;
    cloud.clock.advance(2 * DAY_MS);
    cloud.logs().append("eu-central-1", "/a", "s", vec![event(NOW_MS + 2 * DAY_MS, "c")]);
    cloud.logs().settle().await;
    assert_eq!(cloud.events_on_disk(), 1);
}

#[tokio::test]
async fn a_group_made_anew_has_nothing_of_the_old_one() {
    let cloud = Cloud::new().with_stream().await;
    cloud.logs().append("eu-central-1", "/a", "s", (0..5_000).map(|number| event(NOW_MS + number, "old")).collect());
    cloud.ok("DeleteLogGroup", value!({"logGroupName": "/a"})).await;
    let cloud = cloud.restart().with_stream().await;
    assert_eq!(cloud.messages("FilterLogEvents", value!({"logGroupName": "/a"})).await, "");
    cloud.put("s", &[(NOW_MS, "new")]).await;
    cloud.logs().settle().await;
    assert_eq!((cloud.events_on_disk(), cloud.stored_bytes().await), (1, 29));
}

#[tokio::test]
async fn a_stream_takes_its_events_with_it_and_no_others() {
    let cloud = Cloud::new().with_stream().await;
    cloud.logs().append("eu-central-1", "/a", "t", vec![event(NOW_MS, "kept")]);
    cloud.put("s", &[(NOW_MS, "gone"), (NOW_MS + 5, "gone too")]).await;
    cloud.ok("DeleteLogStream", value!({"logGroupName": "/a", "logStreamName": "s"})).await;
    assert_eq!(cloud.messages("FilterLogEvents", value!({"logGroupName": "/a"})).await, "kept");
    cloud.logs().settle().await;
    assert_eq!((cloud.events_on_disk(), cloud.stored_bytes().await), (1, 30));
}

#[tokio::test]
async fn a_function_writes_only_where_its_group_is() {
    let cloud = Cloud::new();
    let logs = cloud.logs();
    logs.append("eu-central-1", "/a", "s", vec![event(NOW_MS, "lost")]);
    assert!(!logs.has_group("eu-central-1", "/a"));
    assert!(logs.create_group_quietly("eu-central-1", "/a") && logs.create_group_quietly("eu-central-1", "/a"));
    assert!(!logs.create_group_quietly("eu-central-1", "a b"));
    logs.append("eu-central-1", "/a", "2026/09/21/[$LATEST]0", vec![event(NOW_MS, "kept")]);
    let cloud = cloud.restart();
    assert_eq!(cloud.messages("FilterLogEvents", value!({"logGroupName": "/a"})).await, "kept");
}

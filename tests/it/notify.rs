//! `notify test`: whether people can be told.

use crate::formats::fits;
use crate::support::receiver::Receiver;
use crate::support::{Backend, World, on_each_emulator, spec};
use lambdo::model::hmac_sha256;
use serde_json::{Value, json};

fn answers(path: &str) -> &'static str {
    match path {
        "/elsewhere" => "302 Found\r\nlocation: http://127.0.0.1:9/",
        "/gone" => "404 Not Found",
        "/busy" => "503 Service Unavailable",
        _ => "200 OK",
    }
}

fn results(document: &Value) -> Vec<(&str, &str)> {
    let channels = document["channels"].as_array().unwrap().iter();
    channels.map(|channel| (channel["result"].as_str().unwrap(), channel["error"].as_str().unwrap_or_default())).collect()
}

#[test]
fn webhooks_are_sent_a_signed_document_or_a_message_of_slacks() {
    let (world, receiver) = (World::without_cloud(), Receiver::start(answers));
    let mut sandbox = world.sandbox(&format!(
        "project = \"demo\"\n\
         [[notify]]\nwebhook = \"{}\"\nsecret = {{ file = \"key.txt\" }}\n\
         [[notify]]\nwebhook = {{ env = \"CHAT\" }}\nformat = \"slack\"\non = \"opened\"\n",
        receiver.url("/json?a=b")
    ));
    sandbox.write("key.txt", "hunter22\n");
    sandbox.variable("CHAT", &receiver.url("/services/T/secret"));
    let output = sandbox.expect(0, &["notify", "test", "--format", "json"]);
    assert_eq!(results(&fits(&output)), [("told", ""), ("told", "")], "{output}");
    assert!(!format!("{output}").contains("services/T"), "the address of a chat is a secret: {output}");
    let mut requests = receiver.requests();
    requests.sort_by(|one, other| one.path.cmp(&other.path));
    let [document, chat] = &requests[..] else { panic!("{requests:?}") };
    assert_eq!((document.path.as_str(), chat.path.as_str()), ("/json?a=b", "/services/T/secret"));
    assert_eq!((&document.json()["test"], &document.json()["spec"]), (&json!(true), &json!("demo")));
    let signed = format!("{}.{}", document.header("lambdo-timestamp").unwrap(), document.body);
    assert_eq!(document.header("lambdo-signature"), Some(format!("v1={}", hmac_sha256(b"hunter22", signed.as_bytes())).as_str()));
    assert!(document.header("lambdo-delivery").is_some() && chat.header("lambdo-signature").is_none());
    assert!(chat.json()["text"].as_str().unwrap().contains("demo") && chat.json()["blocks"].is_array(), "{chat:?}");
}

#[test]
fn what_does_not_arrive_says_why_and_nobody_is_followed_elsewhere() {
    let (world, receiver) = (World::without_cloud(), Receiver::start(answers));
    let hooks: Vec<String> =
        ["/elsewhere", "/gone", "/busy"].iter().map(|path| format!("[[notify]]\nwebhook = \"{}\"\n", receiver.url(path))).collect();
    let sandbox = world.sandbox(&format!(
        "project = \"demo\"\n{}[[notify]]\nwebhook = {{ env = \"UNSET\" }}\n[[notify]]\ncommand = [\"./page.sh\"]\n",
        hooks.concat()
    ));
    sandbox.executable("page.sh", "#!/bin/sh\ncat > told.json\necho no pager here >&2\nexit 7\n");
    let document = fits(&sandbox.expect(1, &["notify", "test", "--format", "json"]));
    assert_eq!(
        results(&document),
        [
            ("failed", "HTTP 302: it leads to another address, and nobody is followed there"),
            ("failed", "HTTP 404"),
            ("failed", "HTTP 503"),
            ("failed", "The environment variable `UNSET` is not set."),
            ("failed", "`./page.sh` ended with exit status: 7: no pager here"),
        ]
    );
    assert_eq!(receiver.requests().len(), 3);
    let told: Value = serde_json::from_str(&std::fs::read_to_string(sandbox.path().join("told.json")).unwrap()).unwrap();
    assert_eq!(told["source"], "lambdo");
    sandbox.expect(1, &["notify", "test"]).says("HTTP 404");
}

#[test]
fn a_spec_that_tells_nobody_cannot_be_tried() {
    let world = World::without_cloud();
    world.sandbox("project = \"demo\"\n").expect(6, &["notify", "test"]).says("The spec tells nobody");
}

on_each_emulator!(an_event_bus_is_told);

fn an_event_bus_is_told(backend: Backend) {
    let world = World::start(backend);
    let sandbox = world.sandbox("project = \"demo\"\n[[notify]]\nevent_bus = \"default\"\n");
    let document = fits(&sandbox.expect(0, &["notify", "test", "--format", "json"]));
    assert_eq!(results(&document), [("told", "")], "{document:#}");
}

#[test]
fn a_topic_is_told_on_moto() {
    a_topic_is_told(Backend::Moto);
}

#[test]
fn a_topic_is_told_on_ministack() {
    a_topic_is_told(Backend::Ministack);
}

/// The local cloud has no topics.
fn a_topic_is_told(backend: Backend) {
    let world = World::start(backend);
    make_topic(&world, "alarms");
    let topic = |name: &str| format!("[[notify]]\nsns = \"arn:aws:sns:eu-central-1:123456789012:{name}\"\n");
    let sandbox = world.sandbox(&format!("project = \"demo\"\n{}{}", topic("alarms"), topic("nobody")));
    let document = fits(&sandbox.expect(1, &["notify", "test", "--format", "json"]));
    let told = results(&document);
    assert_eq!(told[0], ("told", ""), "{document:#}");
    assert!(told[1].0 == "failed" && told[1].1.contains("sns:Publish: NotFound"), "{document:#}");
}

/// The tests have no client of SNS; emulators look at no signature.
fn make_topic(world: &World, name: &str) {
    use std::io::{Read, Write};
    let body = format!("Action=CreateTopic&Version=2010-03-31&Name={name}");
    let credential = "AWS4-HMAC-SHA256 Credential=test/20261122/eu-central-1/sns/aws4_request, SignedHeaders=host, Signature=0";
    let mut stream = std::net::TcpStream::connect(world.authority()).unwrap();
    write!(
        stream,
        "POST / HTTP/1.1\r\nhost: {}\r\nauthorization: {credential}\r\ncontent-type: application/x-www-form-urlencoded\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        world.authority(),
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("TopicArn"), "{answer}");
}

#[test]
fn drift_is_told_once_and_that_it_is_gone_once() {
    let (world, receiver) = (World::start(Backend::Local), Receiver::start(answers));
    let sandbox = world.sandbox(&format!("{}\n[[notify]]\nwebhook = \"{}\"\n", spec::full(), receiver.url("/told")));
    let kinds = || -> Vec<String> {
        let requests = receiver.requests();
        let notices = requests.iter().flat_map(|request| request.json()["notices"].as_array().unwrap().clone());
        notices.map(|notice| notice["kind"].as_str().unwrap().to_owned()).collect()
    };
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["daemon", "--once"]);
    assert_eq!(kinds(), Vec::<String>::new());
    world.cloud.configure("demo-a", |call| call.timeout(77));
    // Each is a process of its own: what was told is remembered in between.
    sandbox.expect(3, &["daemon", "--once"]);
    sandbox.expect(3, &["daemon", "--once"]);
    assert_eq!(kinds(), ["opened"]);
    let told = receiver.requests()[0].body.clone();
    assert!(told.contains("timeout") && told.contains("77") && !told.contains("123456789012"), "{told}");
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["daemon", "--once"]);
    sandbox.expect(0, &["daemon", "--once"]);
    assert_eq!(kinds(), ["opened", "resolved"]);
}
